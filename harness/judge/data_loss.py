"""What became of the writes: the set checker, and the recovery point actual (RPA).

Sets are of write ids. A write's outcome is ok (acknowledged), fail (surely not applied) or unknown.

    lost        ok - survivors             unknown is never loss
    recovered   unknown & survivors
    unexpected  survivors - attempted      integrity finding
    resurrected fail & survivors           integrity finding

With done(w) the completion of a write (ns), and the failure being seen at `effect`:

    t_int  = done of the last ok write at or before effect
    upper  = t_int - done of the last surviving ok write before the first lost one   (ns)
    lower  = t_int - done of the first lost one                                      (ns)

Writes acknowledged after effect and lost (split brain) lie behind t_int, so the RPA does not see them. Apart from it:

    lost_after_effect_ns = done of the last lost one - done of the last ok write before the first lost after effect

Source of the set checker: Jepsen's `checker/set`. Source of RPO as a distance in time: NIST SP 800-34.
"""

from dataclasses import dataclass
from enum import StrEnum


class WriteOutcome(StrEnum):
    """What the client knows of its write."""

    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Write:
    """One attempted write; `done_ns` is 0 where no end was seen."""

    id: str
    done_ns: int
    outcome: WriteOutcome


@dataclass(frozen=True, slots=True)
class Loss:
    """Counts of writes, and the RPA in ns; `survivors` holds each id as often as it was read."""

    attempted: int
    acknowledged: int
    at_risk: int  # acknowledged at or before effect: what the failure could have lost
    failed: int
    unknown: int
    survived: int
    lost: int
    recovered: int
    unexpected: int
    resurrected: int
    duplicates: int
    lost_after_effect: int
    lost_after_effect_ns: int
    rpa_lower_ns: int
    rpa_upper_ns: int


def find_loss(writes: list[Write], survivors: list[str], begin_ns: int, effect_ns: int | None) -> Loss:
    """Compare the writes with the survivors; `begin_ns` bounds the RPA where nothing survived."""
    read = set(survivors)
    by_outcome = {outcome: {write.id for write in writes if write.outcome is outcome} for outcome in WriteOutcome}
    acknowledged = sorted(
        (write for write in writes if write.outcome is WriteOutcome.OK), key=lambda write: (write.done_ns, write.id)
    )
    lost = [write for write in acknowledged if write.id not in read]
    lower_ns, upper_ns = _recovery_point_ns(acknowledged, lost, read, begin_ns, effect_ns)
    late = [write for write in lost if effect_ns is not None and write.done_ns > effect_ns]
    return Loss(
        attempted=len(writes),
        acknowledged=len(acknowledged),
        at_risk=sum(1 for write in acknowledged if effect_ns is None or write.done_ns <= effect_ns),
        failed=len(by_outcome[WriteOutcome.FAIL]),
        unknown=len(by_outcome[WriteOutcome.UNKNOWN]),
        survived=len(read),
        lost=len(lost),
        recovered=len(by_outcome[WriteOutcome.UNKNOWN] & read),
        unexpected=len(read - {write.id for write in writes}),
        resurrected=len(by_outcome[WriteOutcome.FAIL] & read),
        duplicates=len(survivors) - len(read),
        lost_after_effect=len(late),
        lost_after_effect_ns=_stretch_ns(acknowledged, late, begin_ns),
        rpa_lower_ns=lower_ns,
        rpa_upper_ns=upper_ns,
    )


def _recovery_point_ns(
    acknowledged: list[Write], lost: list[Write], read: set[str], begin_ns: int, effect_ns: int | None
) -> tuple[int, int]:
    if not lost:
        return 0, 0
    before = [write for write in acknowledged if effect_ns is None or write.done_ns <= effect_ns]
    interrupted_ns = before[-1].done_ns if before else begin_ns
    first_lost = lost[0]
    surviving_ns = [w.done_ns for w in acknowledged if w.id in read and w.done_ns < first_lost.done_ns]
    last_surviving_ns = surviving_ns[-1] if surviving_ns else begin_ns
    return max(0, interrupted_ns - first_lost.done_ns), max(0, interrupted_ns - last_surviving_ns)


def _stretch_ns(acknowledged: list[Write], late: list[Write], begin_ns: int) -> int:
    """How long a stretch of writes acknowledged after effect was lost, at most."""
    if not late:
        return 0
    before_ns = [write.done_ns for write in acknowledged if write.done_ns < late[0].done_ns]
    return late[-1].done_ns - (before_ns[-1] if before_ns else begin_ns)
