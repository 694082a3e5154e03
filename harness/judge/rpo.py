"""Data loss: the ledger of writes against the survivors, and each RPO's verdict."""

from collections.abc import Iterator
from itertools import chain

import numpy as np

from harness.judge.account import mark
from harness.judge.case import Case, unknown
from harness.judge.data_loss import Loss, Write, WriteOutcome, find_loss
from harness.judge.verdict import Data, Interval, Kind, Outcome, Verdict
from harness.plan import SURGE_SEQ
from harness.record import NEVER_SENT, Record, Series
from harness.record import Kind as EventKind
from harness.record import Outcome as Wire
from harness.slo import LoadIndicator, RecoveryObjective
from harness.units import NS_PER_S, format_duration

# Answers with these statuses leave open whether the write was applied; other 4xx say that it was not.
_OPEN_STATUS = (408, 409, 425)


def loss_of(case: Case) -> Loss | None:
    """Compare the ledger's writes with the survivors; None where there is no ledger, or it was not read whole."""
    if case.record.plan.ledger is None or case.record.survivors is None:
        return None
    return find_loss(
        list(_writes(case.record)), list(case.record.survivors), case.account.begin_ns, _failure_seen_ns(case)
    )


def _writes(record: Record) -> Iterator[Write]:
    """Every planned write: those the record does not hold (a worker died) are unknown, never lost."""
    assert record.plan.ledger is not None
    profile, name = record.plan.profile, record.plan.ledger.write
    route = next(index for index, one in enumerate(profile.routes) if one.name == name)
    mine = record.requests[record.requests["route"] == route]
    planned = sum(worker.routes[name].planned for worker in record.workers if name in worker.routes)
    seen = set()
    for seq, outcome, status, done_ns in zip(
        mine["seq"], mine["outcome"], mine["status"], mine["done_ns"], strict=True
    ):
        seen.add(int(seq))
        yield Write(profile.id_of(route, int(seq)), int(done_ns), _write_outcome(int(outcome), int(status)))
    usual = [seq for seq in seen if seq < SURGE_SEQ]
    surge_end = max(seen, default=-1) + 1 if len(usual) < len(seen) else SURGE_SEQ
    usual_end = max(planned - (surge_end - SURGE_SEQ), max(usual, default=-1) + 1)
    for seq in chain(range(usual_end), range(SURGE_SEQ, surge_end)):
        if seq not in seen:
            yield Write(profile.id_of(route, seq), 0, WriteOutcome.UNKNOWN)


def _write_outcome(outcome: int, status: int) -> WriteOutcome:
    if outcome in NEVER_SENT:
        return WriteOutcome.FAIL
    if outcome != Wire.ANSWERED:
        return WriteOutcome.UNKNOWN
    if 200 <= status < 300:
        return WriteOutcome.OK
    return WriteOutcome.FAIL if 400 <= status < 500 and status not in _OPEN_STATUS else WriteOutcome.UNKNOWN


def _failure_seen_ns(case: Case) -> int | None:
    """When the write path was first seen to fail: the earliest end of a bad write from `effect` on.

    Subtle: `effect` is when the first bad request was planned; writes acknowledged while that request was still under
    way came before the failure, so the request's end is what divides them.
    """
    plan = case.record.plan
    assert plan.ledger is not None
    ends = [
        int(case.series[slo.name].done_ns[late].min())
        for slo in plan.slos
        if isinstance(slo.indicator, LoadIndicator) and slo.indicator.request == plan.ledger.write
        if (marks := case.marks.get(slo.name)) is not None and marks.effect_ns is not None
        if len(late := _bad_from(case.series[slo.name], marks.effect_ns))
    ]
    return min(ends, default=case.account.inject_ns)


def _bad_from(series: Series, from_ns: int) -> list[int]:
    return [
        int(index) for index in np.flatnonzero(~series.good & (series.planned_ns >= from_ns) & (series.done_ns > 0))
    ]


def data_of(loss: Loss) -> Data:
    """Put a loss into the units of a judgement."""
    return Data(
        attempted=loss.attempted,
        acknowledged=loss.acknowledged,
        failed=loss.failed,
        unknown=loss.unknown,
        survived=loss.survived,
        lost=loss.lost,
        recovered=loss.recovered,
        unexpected=loss.unexpected,
        resurrected=loss.resurrected,
        duplicates=loss.duplicates,
        lost_after_effect=loss.lost_after_effect,
        rpa_s=Interval(lower=loss.rpa_lower_ns / NS_PER_S, upper=loss.rpa_upper_ns / NS_PER_S),
    )


def rpo_verdicts(case: Case, loss: Loss | None) -> Iterator[Verdict]:
    """One verdict for each recovery objective with an RPO, and one for integrity where it was broken."""
    for objective in case.record.plan.objectives:
        if objective.rpo_ns is not None:
            yield _rpo_verdict(case, objective, objective.rpo_ns, loss)
    if loss and (loss.unexpected or loss.resurrected or loss.duplicates):
        yield _integrity_verdict(case, loss)


def _integrity_verdict(case: Case, loss: Loss) -> Verdict:
    """Survivors that nobody wrote are the target's only where the record knows every write."""
    doubt = _read_back_doubt(case)
    if loss.unexpected and case.account.load_doubt:
        doubt = doubt or "the load is void, see load valid"
    known = loss.resurrected or loss.duplicates or not doubt
    return Verdict(
        promise="data integrity",
        kind=Kind.RPO,
        outcome=Outcome.MISSED if known else Outcome.UNKNOWN,
        claimed=0,
        measured=loss.unexpected + loss.resurrected + loss.duplicates,
        unit="writes",
        because=f"{loss.unexpected} survivors were never written, {loss.resurrected} were refused yet survived, "
        f"{loss.duplicates} survived twice" + ("" if known else f"; but {doubt}"),
        events=mark(case.account, case.record.first(EventKind.READ_BACK)),
    )


def _rpo_verdict(case: Case, objective: RecoveryObjective, rpo_ns: int, loss: Loss | None) -> Verdict:
    promise, claimed = f"{objective.name} RPO", rpo_ns / NS_PER_S
    doubt = _rpo_doubt(case, loss)
    if doubt or loss is None:
        return unknown(promise, Kind.RPO, doubt or "nothing was read back", claimed, "s")
    # Subtle: what was acknowledged after effect and lost lies behind the recovery point, where the RPA does not see it.
    worst_ns = max(loss.rpa_upper_ns, loss.lost_after_effect_ns)
    missed = worst_ns > rpo_ns or (rpo_ns == 0 and loss.lost > 0)
    said = f"{loss.lost:,} of {loss.acknowledged:,} acknowledged lost"
    if loss.lost:
        said += f", the oldest between {loss.rpa_lower_ns / NS_PER_S:.3f} and {loss.rpa_upper_ns / NS_PER_S:.3f} s back"
    if loss.lost_after_effect:
        stretch = format_duration(loss.lost_after_effect_ns)
        said += f"; {loss.lost_after_effect:,} of them acknowledged after the failure began, over {stretch}"
    return Verdict(
        promise=promise,
        kind=Kind.RPO,
        outcome=Outcome.MISSED if missed else Outcome.MET,
        claimed=claimed,
        measured=worst_ns / NS_PER_S if loss.lost else f"0 of {loss.acknowledged:,} lost",
        unit="s",
        because=f"{said}; RPO {format_duration(rpo_ns)}",
        events=(
            *mark(case.account, case.record.first(EventKind.FAULT_BEGIN)),
            *mark(case.account, case.record.first(EventKind.READ_BACK)),
        ),
    )


def _rpo_doubt(case: Case, loss: Loss | None) -> str | None:
    if case.record.plan.ledger is None:
        return "the experiment has no ledger: it does not say how writes are read back"
    if case.account.load_doubt:
        return "the load is void, see load valid"
    if case.account.fault_doubt:
        return case.account.fault_doubt
    if loss is None:
        return "the survivors were not read to the end"
    doubt = _read_back_doubt(case)
    if doubt:
        return doubt
    return "no write was acknowledged before the failure: there was nothing to lose" if not loss.at_risk else None


def _read_back_doubt(case: Case) -> str | None:
    """Why the survivors in the record are not those of all writes, if so."""
    record, ledger = case.record, case.record.plan.ledger
    read_back = next((event for event in record.all(EventKind.READ_BACK) if event.data.get("complete") is True), None)
    if read_back is None or record.survivors is None or ledger is None:
        return "the survivors were not read to the end"
    count = read_back.data.get("count")
    if count != len(record.survivors):
        return f"{count} survivors were read back, but {len(record.survivors):,} are in the record"
    route = next(index for index, one in enumerate(record.plan.profile.routes) if one.name == ledger.write)
    mine = record.requests[record.requests["route"] == route]
    later = int(np.count_nonzero(mine["done_ns"] > read_back.at_ns))
    return f"{later:,} writes ended after the survivors were read" if later else None
