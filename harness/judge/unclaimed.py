"""SLOs that were broken while the fault was there, and of which nobody claims how long they may be: not proven."""

from collections.abc import Iterator

from harness.judge.account import mark
from harness.judge.case import Case, unknown
from harness.judge.rto import seen_doubt
from harness.judge.verdict import Kind, Outcome, Verdict
from harness.plan import PhaseName
from harness.record import Kind as EventKind
from harness.slo import Slo
from harness.units import NS_PER_S, format_duration


def unclaimed_verdicts(case: Case) -> Iterator[Verdict]:
    """One verdict for each critical SLO of which the drill claims nothing while the fault is there."""
    for slo in case.record.plan.unclaimed:
        yield _verdict(case, slo).model_copy(update={"slo": slo.name, "phase": PhaseName.FAULT.value})


def _verdict(case: Case, slo: Slo) -> Verdict:
    promise, marks = f"{slo.name} in fault", case.marks.get(slo.name)
    doubt = seen_doubt(case, slo, marks)
    if doubt or marks is None:
        return unknown(promise, Kind.SLO, doubt or "no fault was begun", float(slo.target), "ratio")
    outcome, because = Outcome.MET, "the SLO was never broken while the fault was there"
    if marks.had_effect:
        outcome = Outcome.UNKNOWN
        because = (
            f"broken for {format_duration(marks.bad_ns)} while the fault was there, and nothing claims how long it may "
            f"be: add a RecoveryObjective of service {slo.service} for {case.record.plan.disruption}"
        )
    return Verdict(
        promise=promise,
        kind=Kind.SLO,
        outcome=outcome,
        claimed=None if marks.had_effect else float(slo.target),
        measured=marks.bad_ns / NS_PER_S if marks.had_effect else None,
        unit="s" if marks.had_effect else "ratio",
        because=because,
        events=(
            *mark(case.account, case.record.first(EventKind.FAULT_BEGIN)),
            *mark(case.account, case.record.first(EventKind.FAULT_END)),
        ),
    )
