"""Figures of runs, for tests."""

from datetime import UTC, datetime
from typing import Any

from harness.judge import Outcome
from harness.review import Measured


def measured(day: str = "2026-11-01", experiment: str = "az-failure", **more: Any) -> Measured:
    """A run that kept everything it claims, unless said otherwise."""
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    given: dict[str, Any] = {
        "experiment": experiment,
        "run": f"{experiment}/{at:%Y-%m-%dT%H-%M-%SZ}",
        "at": at,
        "outcome": Outcome.MET,
        "rta_s": 4.0,
        "rto_s": 10.0,
        "rpa_s": 0.0,
        "rpo_s": 1.0,
        "lost": 0,
        "budget_ratio": 0.001,
        "budget_allowed_ratio": 0.05,
        "burn": 2.0,
    }
    return Measured(**(given | more))
