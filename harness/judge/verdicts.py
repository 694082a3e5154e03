"""All verdicts of a record."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Final

import numpy as np

from harness.judge.account import Account, account_of, mark, phase_of
from harness.judge.breaker import breaker_account, breaker_verdicts
from harness.judge.budget import slice_up, spend
from harness.judge.case import Case, unknown
from harness.judge.dependency import dependency_account, dependency_verdicts
from harness.judge.own_fault import without_own_fault
from harness.judge.rpo import data_of, loss_of, rpo_verdicts
from harness.judge.rto import all_marks, recovery_of, rto_verdicts
from harness.judge.sweep import sweep_account, sweep_verdicts
from harness.judge.unclaimed import unclaimed_verdicts
from harness.judge.verdict import FaultAccount, Judgement, Kind, LoadAccount, Outcome, Verdict, worst
from harness.plan import LOG_DECIDED, PhaseName, log_evidence_broken, log_evidence_kept, requests_needed
from harness.record import Event, Record, Series, series_of
from harness.record import Kind as EventKind
from harness.slo import BudgetingMethod, EmptySlices, Slo
from harness.units import NS_PER_S, format_duration, format_percent

COVERAGE_MIN: Final = 0.99  # share of seconds with answers below which the cost of a drill is not known


def judge(record: Record) -> Judgement:
    """Judge a record. A part of the judge that crashes gives an unknown verdict, never none."""
    try:
        return _judge(record)
    except Exception as error:  # noqa: BLE001  a judge that crashes is unknown, whatever it was
        return Judgement(
            run=record.info.run,
            experiment=record.info.experiment,
            target=record.info.target,
            outcome=Outcome.UNKNOWN,
            verdicts=(_crashed("the whole run", Kind.LOAD, error),),
            recovery={},
            data=None,
            budget={},
            load=LoadAccount(planned=0, sent=0, waiting=0, expired=0, late_p99_s=None, valid=False),
            fault=FaultAccount(applied=False, evidence={}, inject_s=None, applied_s=None, end_s=None, healed=False),
        )


def _judge(record: Record) -> Judgement:
    account = account_of(record)
    case = _case_of(record, account)
    fair = _case_of(replace(record, requests=without_own_fault(record)), account)
    baseline = _fairly(case, fair, lambda one: _each(one, PhaseName.BASELINE))
    steady = {slo.name: verdict for slo, verdict in zip(record.plan.slos, baseline, strict=True)}
    case, fair = replace(case, steady=steady), replace(fair, steady=steady)
    loss = loss_of(case)
    sweep = sweep_account(case)
    verdicts = (
        _load_verdict(case),
        *_guarded("fault applied", Kind.FAULT, lambda: _fault_verdicts(case)),
        *_guarded("steady state", Kind.STEADY, lambda: _steady_verdicts(case)),
        *baseline,
        *_guarded("fault phase", Kind.SLO, lambda: unclaimed_verdicts(case)),
        *_guarded("breaker", Kind.BREAKER, lambda: _fairly(case, fair, breaker_verdicts)),
        *_guarded("dependency", Kind.DEPENDENCY, lambda: _fairly(case, fair, dependency_verdicts)),
        *_guarded("sweep", Kind.DOSE, lambda: sweep_verdicts(case, sweep)),
        # A sweep breaks SLOs on purpose: how long they were broken, and what that cost, says nothing but its doses.
        *(() if sweep else _guarded("RTO", Kind.RTO, lambda: _fairly(case, fair, rto_verdicts))),
        *_guarded("RPO", Kind.RPO, lambda: rpo_verdicts(case, loss)),
        *_guarded("recovery", Kind.SLO, lambda: _fairly(case, fair, lambda one: _each(one, PhaseName.RECOVERY))),
        *(() if sweep else _guarded("budget", Kind.BUDGET, lambda: _fairly(case, fair, _budget_verdicts))),
    )
    verdicts = _distrusted(verdicts, account) if record.damage else verdicts
    return Judgement(
        run=record.info.run,
        experiment=record.info.experiment,
        target=record.info.target,
        outcome=worst(verdict.outcome for verdict in verdicts),
        verdicts=verdicts,
        recovery={name: recovery_of(found, account) for name, found in case.marks.items()},
        data=data_of(loss) if loss else None,
        budget=case.budget,
        breaker=_or_none(lambda: breaker_account(case)),
        dependency=_or_none(lambda: dependency_account(case)),
        sweep=sweep,
        load=account.load,
        fault=account.fault,
    )


def _distrusted(verdicts: tuple[Verdict, ...], account: Account) -> tuple[Verdict, ...]:
    """Verdicts on a record that is not as it was written: damage must never make a promise look kept."""
    return tuple(
        one
        if one.outcome is not Outcome.MET
        else one.model_copy(update={"outcome": Outcome.UNKNOWN, "because": f"{one.because}; but {account.run_doubt}"})
        for one in verdicts
    )


def _or_none[T](make: Callable[[], T | None]) -> T | None:
    """An account that cannot be made is none; its verdicts say that the judge failed."""
    try:
        return make()
    except Exception:  # noqa: BLE001  see _guarded
        return None


def _case_of(record: Record, account: Account) -> Case:
    series = {
        slo.name: found
        for slo in record.plan.slos
        if (found := series_of(slo, record.plan.profile, record.requests)) is not None
    }
    marks = all_marks(record, account, series)
    baseline = record.first(EventKind.PHASE_BEGIN, PhaseName.BASELINE)
    from_ns = baseline.at_ns if baseline else account.begin_ns
    budget = {
        slo.name: spend(
            slo,
            slice_up(series[slo.name], from_ns, account.end_ns),
            account.begin_ns,
            marks[slo.name].effect_ns if slo.name in marks else None,
        )
        for slo in record.plan.slos
        if slo.name in series
    }
    return Case(record, account, series, marks, budget, {})


def _fairly(case: Case, fair: Case, make: Callable[[Case], Iterable[Verdict]]) -> tuple[Verdict, ...]:
    """Verdicts of a case; what would not be missed but for what may be the load's own fault is unknown."""
    verdicts = tuple(make(case))
    if all(verdict.outcome is not Outcome.MISSED for verdict in verdicts):
        return verdicts
    return tuple(
        verdict
        if verdict.outcome is not Outcome.MISSED or other.outcome is Outcome.MISSED
        else verdict.model_copy(
            update={
                "outcome": Outcome.UNKNOWN,
                "because": f"{verdict.because}; but not without requests that the load itself sent late or not at all",
            }
        )
        for verdict, other in zip(verdicts, make(fair), strict=True)
    )


def _guarded(promise: str, kind: Kind, make: Callable[[], Iterable[Verdict]]) -> tuple[Verdict, ...]:
    try:
        return tuple(make())
    except Exception as error:  # noqa: BLE001  a judge that crashes is unknown, whatever it was
        return (_crashed(promise, kind, error),)


def _crashed(promise: str, kind: Kind, error: Exception) -> Verdict:
    return unknown(promise, kind, f"our own mistake: the judge failed with {type(error).__name__}: {error}")


# --- load, fault, steady state ---------------------------------------------------------------------------------------


def _load_verdict(case: Case) -> Verdict:
    load, doubt = case.account.load, case.account.load_doubt
    late = "unknown" if load.late_p99_s is None else format_duration(load.late_p99_s * NS_PER_S)
    return Verdict(
        promise="load valid",
        kind=Kind.LOAD,
        outcome=Outcome.UNKNOWN if doubt else Outcome.MET,
        claimed=">= 99 % sent, late p99 < 2 ms",
        measured=f"{format_percent(load.sent / load.planned)} sent, late p99 {late}" if load.planned else None,
        unit="",
        because=doubt or f"{load.sent:,} of {load.planned:,} planned requests sent, lateness p99 {late}",
        events=mark(case.account, case.record.first(EventKind.LOAD_END)),
    )


def _fault_verdicts(case: Case) -> Iterator[Verdict]:
    account, record = case.account, case.record
    seen = ", ".join(account.fault.evidence)
    applied = ""
    if account.applied_ns is not None and account.inject_ns is not None:
        applied = f" within {format_duration(account.applied_ns - account.inject_ns)} of inject"
    yield Verdict(
        promise="fault applied",
        kind=Kind.FAULT,
        outcome=Outcome.UNKNOWN if account.fault_doubt else Outcome.MET,
        claimed=seen or None,
        measured=", ".join(name for name, was_seen in account.fault.evidence.items() if was_seen) or None,
        unit="",
        because=account.fault_doubt or f"seen: {seen}{applied}",
        events=(
            *mark(account, record.first(EventKind.FAULT_BEGIN)),
            *mark(account, record.first(EventKind.FAULT_CALLED)),
            *(text for item in record.plan.evidence for text in mark(account, _seen(record, item.name))),
        ),
    )
    if account.inject_ns is not None:
        yield Verdict(
            promise="fault undone",
            kind=Kind.FAULT,
            outcome=Outcome.UNKNOWN if account.healed_doubt else Outcome.MET,
            claimed="healed",
            measured="healed" if account.fault.healed else None,
            unit="",
            because=account.healed_doubt or "every undo call succeeded and the target was seen to be healed",
            events=mark(account, record.first(EventKind.FAULT_END)),
        )
    if account.run_doubt:
        yield unknown("run complete", Kind.FAULT, account.run_doubt)
    if account.clock_doubt:
        yield unknown("wall clock", Kind.FAULT, account.clock_doubt)


def _seen(record: Record, evidence: str) -> Event | None:
    looks = record.all(EventKind.FAULT_EVIDENCE, evidence)
    return next((look for look in looks if look.data.get("seen") is True), None)


def _steady_verdicts(case: Case) -> Iterator[Verdict]:
    """Chaos Toolkit's own hypothesis; ours is never greener than its."""
    record, account = case.record, case.account
    before, after = record.first(EventKind.STEADY, "before"), record.first(EventKind.STEADY, "after")
    chaos_end = record.first(EventKind.CHAOS_END)
    outcome, because = Outcome.MET, "the hypothesis held before the fault and, with the fault still there, after it"
    inject_ns = account.end_ns if account.inject_ns is None else account.inject_ns
    fault_end_ns = account.end_ns if account.fault_end_ns is None else account.fault_end_ns
    if before is None or before.data.get("met") is not True or before.at_ns > inject_ns:
        outcome, because = Outcome.UNKNOWN, "the hypothesis was not seen to hold before the fault"
    elif record.plan.sweep is not None:  # what the last dose did to it is the sweep's affair
        because = "the hypothesis held before the fault"
    elif after is None or not inject_ns <= after.at_ns <= fault_end_ns:
        outcome, because = Outcome.UNKNOWN, "the hypothesis was not checked while the fault was there"
    elif after.data.get("met") is not True and account.run_doubt:
        outcome, because = Outcome.UNKNOWN, "the run was cut short: the target did not have its time to recover"
    elif after.data.get("met") is not True and account.load_doubt and _is_ours(after, record):
        outcome, because = Outcome.UNKNOWN, "the hypothesis looks at the load, which is void, see load valid"
    elif after.data.get("met") is not True:
        failed = after.data.get("failed", "")
        outcome, because = Outcome.MISSED, f"with the fault still there, the hypothesis failed at: {failed}"
    elif doubt := _chaos_doubt(chaos_end):
        outcome, because = Outcome.UNKNOWN, doubt
    yield Verdict(
        promise="steady state",
        kind=Kind.STEADY,
        outcome=outcome,
        claimed="held before and after",
        measured=None
        if before is None
        else f"before: {_held(before.data)}, after: {_held(after.data if after else {})}",
        unit="",
        because=because,
        events=(*mark(case.account, before), *mark(case.account, after)),
    )


def _is_ours(after: Event, record: Record) -> bool:
    """Whether what failed is the hypothesis made from the SLOs, seen by our load, and nothing the experiment asks."""
    failed = {name for name in str(after.data.get("failed", "")).split(", ") if name}
    return failed <= {f"{slo.name} kept" for slo in record.plan.slos}


def _chaos_doubt(chaos_end: Event | None) -> str | None:
    """Why Chaos Toolkit did not complete, if so."""
    status = chaos_end.data.get("status") if chaos_end else "nothing"
    if chaos_end is None or status != "completed":
        return f"Chaos Toolkit ended with {status}, not completed"
    code = chaos_end.data.get("exit_code")
    return f"Chaos Toolkit ended with exit code {code}" if code != 0 else None


def _held(data: Mapping[str, object]) -> str:
    if "met" not in data:
        return "not checked"
    return "held" if data["met"] is True else "did not hold"


# --- SLOs in the steady phases ---------------------------------------------------------------------------------------


def _each(case: Case, phase: PhaseName) -> Iterator[Verdict]:
    for slo in case.record.plan.slos:
        yield _slo_verdict(case, slo, phase).model_copy(update={"slo": slo.name, "phase": phase.value})


def _slo_verdict(case: Case, slo: Slo, phase: PhaseName) -> Verdict:
    """Whether a steady phase kept an SLO, by the answers at its end (plan/sequential.py)."""
    promise, account = f"{slo.name} in {phase}", case.account
    claimed = float(slo.target)
    bounds = phase_of(case.record, phase)
    if slo.name not in case.series:
        return unknown(promise, Kind.SLO, "its metric source is not read by this version", claimed, "ratio")
    if account.load_doubt:
        return unknown(promise, Kind.SLO, "the load is void, see load valid", claimed, "ratio")
    if bounds is None:
        return unknown(promise, Kind.SLO, f"the {phase} phase did not run to its end", claimed, "ratio")
    bounds = (case.record.plan.judged_from_ns(slo, phase, bounds[0]), bounds[1])
    seen = case.series[slo.name].between(*bounds)
    bad, total = _counted(slo, seen, bounds)
    outcome, because = _decide(bad, total, slo.target)
    return Verdict(
        promise=promise,
        kind=Kind.SLO,
        outcome=outcome,
        claimed=claimed,
        measured=(total - bad) / total if total else None,
        unit="ratio",
        because=because,
        events=(
            *mark(account, case.record.first(EventKind.PHASE_BEGIN, phase)),
            *mark(account, case.record.first(EventKind.PHASE_END, phase)),
        ),
    )


def _counted(slo: Slo, seen: Series, bounds: tuple[int, int]) -> tuple[int, int]:
    """(bad, total): answers, or whole slices where the budget counts slices.

    An empty slice counts as bad where the SLO says so, else not at all: nothing is kept by answers that were not seen.
    """
    if slo.budgeting is not BudgetingMethod.TIMESLICES or not slo.slice_window_ns or slo.slice_target is None:
        return seen.bad, seen.total
    edges = np.arange(bounds[0], bounds[1] + 1, slo.slice_window_ns)
    places = np.searchsorted(seen.planned_ns, edges)
    total = np.diff(places)
    good = np.diff(np.concatenate(([0], np.cumsum(seen.good)))[places])
    empty = total < max(1, slo.empty_floor or 1)
    bad = good * slo.slice_target.denominator < total * slo.slice_target.numerator
    empty_bad = int(np.count_nonzero(empty)) if slo.empty_slices is EmptySlices.BAD else 0
    return int(np.count_nonzero(bad & ~empty)) + empty_bad, int(np.count_nonzero(~empty)) + empty_bad


def _decide(bad: int, total: int, target: Fraction) -> tuple[Outcome, str]:
    if total == 0:
        return Outcome.UNKNOWN, "nothing was seen: no request, or no whole slice of time"
    good_ratio = format_percent((total - bad) / total, 3)
    said = f"{total - bad:,} of {total:,} good ({good_ratio})"
    if log_evidence_broken(bad, total, target) >= LOG_DECIDED:
        return Outcome.MISSED, f"{said}, fewer than the {format_percent(target, 3)} promised"
    if log_evidence_kept(bad, total, target) >= LOG_DECIDED:
        return Outcome.MET, f"{said}, enough to decide {format_percent(target, 3)}"
    needed = requests_needed(target, bad)
    return Outcome.UNKNOWN, f"{said}: too few to decide {format_percent(target, 3)}; needs {needed:,} with {bad} bad"


# --- budget ----------------------------------------------------------------------------------------------------------


def _budget_verdicts(case: Case) -> Iterator[Verdict]:
    """What the drill cost of the dearest budget. Only a drill that was whole, and broke something, can be cheap."""
    allowed, account = case.record.plan.budget, case.account
    if allowed is None:
        return
    promise, claimed = "budget of the drill", float(allowed)
    known = {name: one.share_of_window for name, one in case.budget.items() if one.share_of_window is not None}
    if not known or account.load_doubt:
        void = "the load is void, see load valid" if account.load_doubt else "no request was seen"
        yield unknown(promise, Kind.BUDGET, void, claimed, "ratio")
        return
    name = max(known, key=lambda one: known[one])
    share = known[name]
    doubt = account.fault_doubt or account.run_doubt or _not_covered(case)
    outcome = Outcome.MISSED if share > claimed else Outcome.UNKNOWN if doubt else Outcome.MET
    yield Verdict(
        promise=promise,
        kind=Kind.BUDGET,
        outcome=outcome,
        claimed=claimed,
        measured=share,
        unit="ratio",
        because=f"at production traffic it would cost {name} {format_percent(share, 3)} of its window's budget "
        f"({case.budget[name].bad_minutes_at_production:.2f} bad minutes), {format_percent(allowed)} allowed"
        + (f"; but {doubt}" if outcome is Outcome.UNKNOWN else ""),
        events=(
            *mark(account, case.record.first(EventKind.PHASE_BEGIN, PhaseName.BASELINE)),
            *mark(account, case.record.first(EventKind.LOAD_END)),
        ),
    )


def _not_covered(case: Case) -> str | None:
    """Which SLO's cost is not, or not wholly, known, if any."""
    for slo in case.record.plan.slos:
        if slo.name not in case.budget:
            return f"the metric source of {slo.name} is not read by this version"
        if case.budget[slo.name].coverage < COVERAGE_MIN:
            return f"{slo.name} has gaps in its data"
    return None
