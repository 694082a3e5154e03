"""A record with what several verdicts need of it."""

from dataclasses import dataclass

from harness.judge.account import Account
from harness.judge.recovery import Marks
from harness.judge.verdict import Kind, Outcome, Spend, Verdict
from harness.record import Record, Series


@dataclass(frozen=True)
class Case:
    """One record under judgement."""

    record: Record
    account: Account
    series: dict[str, Series]  # by SLO; those our load can see
    marks: dict[str, Marks]  # by SLO; empty where no fault was begun
    budget: dict[str, Spend]  # by SLO; those our load can see
    steady: dict[str, Verdict]  # each SLO's verdict in the baseline


def unknown(promise: str, kind: Kind, because: str, claimed: float | str | None = None, unit: str = "") -> Verdict:
    """Make a verdict that says why nothing is known."""
    return Verdict(
        promise=promise,
        kind=kind,
        outcome=Outcome.UNKNOWN,
        claimed=claimed,
        measured=None,
        unit=unit,
        because=because,
    )
