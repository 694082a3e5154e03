"""DOING IT: one run, from plan to record. The only stage that touches the world."""

from harness.run.addresses import addresses_of
from harness.run.lock import is_held
from harness.run.operator import Operator
from harness.run.parts import ChaosPart, LoadPart, Parts
from harness.run.runner import run
from harness.run.undoing import left_on

__all__ = ["ChaosPart", "LoadPart", "Operator", "Parts", "addresses_of", "is_held", "left_on", "run"]
