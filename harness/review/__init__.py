"""What it is worth: Well-Architected lenses, and what their rules make of an answer (pure, but for reading files)."""

from harness.review.built_in import aws_json, built_in_lens
from harness.review.conditions import Condition, ConditionError, parse_condition
from harness.review.lens import read_lens
from harness.review.oddities import Finding, Oddity, lint
from harness.review.types import Choice, Lens, Pillar, Provable, Question, Risk, Rule

__all__ = [
    "Choice",
    "Condition",
    "ConditionError",
    "Finding",
    "Lens",
    "Oddity",
    "Pillar",
    "Provable",
    "Question",
    "Risk",
    "Rule",
    "aws_json",
    "built_in_lens",
    "lint",
    "parse_condition",
    "read_lens",
]
