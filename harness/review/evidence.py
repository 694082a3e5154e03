"""What stored runs show of the practices that their experiments say they prove."""

from datetime import UTC, datetime

from harness.judge import Judgement, Outcome
from harness.record import Record
from harness.review.answers import BUILT_IN
from harness.review.types import Shown

UTC_FORMAT = "%Y-%m-%dT%H-%M-%SZ"  # how a run's folder is called


def shown_by(record: Record, judgement: Judgement) -> list[Shown]:
    """A run that is met shows them, one that is missed refutes them; an unknown one and a sweep show nothing."""
    if judgement.outcome is Outcome.UNKNOWN or record.plan.sweep is not None:
        return []
    at = datetime.strptime(record.info.started_utc, UTC_FORMAT).replace(tzinfo=UTC)
    holds = judgement.outcome is Outcome.MET
    return [
        Shown(one.question, one.choice, holds, at, record.info.run)
        for one in record.plan.proves
        if one.lens == BUILT_IN
    ]
