"""The risk that AWS's pages name for a practice of its own framework, where it is not followed.

AWS's tool tells neither these nor the rules of its own lenses. A practice is called in the tool as the last part of its
page's address is, so that the pages' words can be found: https://docs.aws.amazon.com/wellarchitected/latest/framework/
as of May 2026; practices that it has no more, and older reviews have, as of 2024. docs/review.md says how they weigh.
"""

import csv
from enum import StrEnum
from functools import cache
from importlib.resources import files

FILE = "aws_risks.csv"  # practice (`REL13-BP03`; empty where the framework has it no more), choice, risk


class RiskLevel(StrEnum):
    """What AWS calls the level of risk exposed if a practice is not established."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


@cache
def published_levels() -> dict[str, RiskLevel]:
    """The level of each practice of AWS's own framework, by the id of its choice."""
    rows = csv.DictReader((files(__package__) / FILE).read_text(encoding="utf-8").splitlines())
    return {row["choice"]: RiskLevel(row["risk"]) for row in rows}
