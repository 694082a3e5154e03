"""WAS IT KEPT: verdicts from a record. Pure: no clock, no I/O, no network."""

from harness.judge.account import account_of, phase_of
from harness.judge.budget import error_ratios, slice_up
from harness.judge.verdict import (
    BreakerAccount,
    DependencyAccount,
    DoseResponse,
    Interval,
    Judgement,
    Kind,
    Outcome,
    Recovery,
    Spend,
    SweepAccount,
    Verdict,
    worst,
)
from harness.judge.verdicts import judge
from harness.judge.watched import answers_of

__all__ = [
    "BreakerAccount",
    "DependencyAccount",
    "DoseResponse",
    "Interval",
    "Judgement",
    "Kind",
    "Outcome",
    "Recovery",
    "Spend",
    "SweepAccount",
    "Verdict",
    "account_of",
    "answers_of",
    "error_ratios",
    "judge",
    "phase_of",
    "slice_up",
    "worst",
]
