"""Recovery time: marks of each SLO, and each RTO's verdict."""

from collections.abc import Iterator

from harness.judge.account import Account, mark
from harness.judge.case import Case, unknown
from harness.judge.recovery import Marks, find_marks
from harness.judge.verdict import Interval, Kind, Outcome, Recovery, Verdict, worst
from harness.record import Kind as EventKind
from harness.record import Record, Series, series_of
from harness.slo import BudgetingMethod, LoadIndicator, RecoveryClock, RecoveryLevel, RecoveryObjective, Slo
from harness.units import NS_PER_S, format_duration


def all_marks(record: Record, account: Account, series: dict[str, Series]) -> dict[str, Marks]:
    """Marks of every SLO our load can see; none where no fault was begun."""
    if account.inject_ns is None:
        return {}
    return {name: _marks(found, record.plan.slos, name, record, account) for name, found in series.items()}


def _marks(series: Series, slos: tuple[Slo, ...], name: str, record: Record, account: Account) -> Marks:
    """Marks in the fault phase; where the SLO did not recover in it, marks up to the end of observation.

    Coming back after the fault was taken away is another matter than failing over, so the two are never mixed.
    """
    assert account.inject_ns is not None
    slo = next(slo for slo in slos if slo.name == name)
    # Where the budget counts slices, a window keeps the SLO when a slice like it would be good.
    target = slo.slice_target if slo.budgeting is BudgetingMethod.TIMESLICES and slo.slice_target else slo.target
    until_ns = account.fault_end_ns if account.fault_end_ns is not None else account.end_ns
    found = find_marks(series, target, account.inject_ns, until_ns, record.plan.sustain_ns)
    if found.had_effect and found.recovered_ns is None and until_ns < account.end_ns:
        found = find_marks(series, target, account.inject_ns, account.end_ns, record.plan.sustain_ns)
    return found


def recovery_of(marks: Marks, account: Account) -> Recovery:
    """Put marks into the units of a judgement. RTA 0 only with evidence of the fault."""
    recovered = rta_inject = rta_service = None
    if marks.recovered_ns is not None and marks.last_bad_ns is not None and marks.effect_ns is not None:
        recovered = Interval(lower=account.seconds(marks.last_bad_ns), upper=account.seconds(marks.recovered_ns))
        rta_inject = _since(marks, marks.inject_ns)
        rta_service = _since(marks, marks.effect_ns)
    elif not marks.had_effect and account.fault.applied and account.load.valid and marks.windows:
        rta_inject = rta_service = Interval(lower=0.0, upper=0.0)
    return Recovery(
        inject_s=account.seconds(marks.inject_ns),
        effect_s=None if marks.effect_ns is None else account.seconds(marks.effect_ns),
        first_ok_s=None if marks.first_ok_ns is None else account.seconds(marks.first_ok_ns),
        recovered_s=recovered,
        rta_inject_s=rta_inject,
        rta_service_s=rta_service,
        relapses=marks.relapses,
        bad_s=marks.bad_ns / NS_PER_S,
        resolution_s=marks.resolution_ns / NS_PER_S,
        fault_removed=_fault_removed(marks, account),
    )


def _since(marks: Marks, from_ns: int) -> Interval:
    assert marks.recovered_ns is not None
    assert marks.last_bad_ns is not None
    return Interval(lower=(marks.last_bad_ns - from_ns) / NS_PER_S, upper=(marks.recovered_ns - from_ns) / NS_PER_S)


def _fault_removed(marks: Marks, account: Account) -> bool:
    end_ns = account.fault_end_ns
    return marks.recovered_ns is not None and end_ns is not None and marks.recovered_ns > end_ns


def rto_verdicts(case: Case) -> Iterator[Verdict]:
    """One verdict for each recovery objective: the worst of the service's critical SLOs, and of those the slowest."""
    for objective in case.record.plan.objectives:
        judged = [
            _rto_of_slo(case, objective, slo)
            for slo in case.record.plan.slos
            if slo.service == objective.service and slo.critical
        ]
        promise, claimed = f"{objective.name} RTO", objective.rto_ns / NS_PER_S
        if not judged:
            yield unknown(promise, Kind.RTO, f"no critical SLO of service {objective.service} is judged", claimed, "s")
            continue
        outcome = worst(one.outcome for one in judged)
        deciding = max(
            (one for one in judged if one.outcome is outcome),
            key=lambda one: one.measured if isinstance(one.measured, float) else float("inf"),
        )
        yield Verdict(
            promise=promise,
            kind=Kind.RTO,
            outcome=outcome,
            claimed=claimed,
            measured=deciding.measured,
            unit="s",
            because=deciding.because,
            events=deciding.events,
        )


def _rto_of_slo(case: Case, objective: RecoveryObjective, slo: Slo) -> Verdict:
    """One SLO against one RTO: its upper bound counts; all that keeps it from being known comes first."""
    promise, rto_ns = f"{objective.name} RTO", objective.rto_ns
    marks = _marks_at_level(case, objective, slo)
    doubt = _rto_doubt(case, objective, slo, marks)
    if doubt or marks is None:
        return unknown(promise, Kind.RTO, f"{slo.name}: {doubt}", rto_ns / NS_PER_S, "s")
    outcome, measured_ns, because = _compare(case, objective, marks)
    return Verdict(
        promise=promise,
        kind=Kind.RTO,
        outcome=outcome,
        claimed=rto_ns / NS_PER_S,
        measured=None if measured_ns is None else measured_ns / NS_PER_S,
        unit="s",
        because=f"{slo.name}: {because}",
        events=(
            *mark(case.account, case.record.first(EventKind.FAULT_BEGIN)),
            *mark(case.account, case.record.first(EventKind.FAULT_END)),
        ),
    )


def _marks_at_level(case: Case, objective: RecoveryObjective, slo: Slo) -> Marks | None:
    """Marks by the SLO's own answers, or at level `responding` by whether there was an answer and no 5xx."""
    seen = case.marks.get(slo.name)
    if objective.level is not RecoveryLevel.RESPONDING or seen is None:
        return seen
    assert isinstance(slo.indicator, LoadIndicator)
    answering = slo.indicator.model_copy(update={"status": ("1xx", "2xx", "3xx", "4xx"), "within_ns": None})
    series = series_of(slo.model_copy(update={"indicator": answering}), case.record.plan.profile, case.record.requests)
    assert series is not None
    return _marks(series, case.record.plan.slos, slo.name, case.record, case.account)


def seen_doubt(case: Case, slo: Slo, marks: Marks | None) -> str | None:
    """Why nothing can be said about how an SLO came through the fault, if so."""
    account, steady = case.account, case.steady[slo.name]
    if account.load_doubt:
        return "the load is void, see load valid"
    if slo.name not in case.series:
        return "its metric source is not read by this version"
    if account.fault_doubt or marks is None:
        return account.fault_doubt or "no fault was begun"
    if steady.outcome is not Outcome.MET:
        return f"the baseline was not steady: {steady.because}"
    if marks.gap_ns > case.record.plan.sustain_ns:
        return f"no request was planned for {format_duration(marks.gap_ns)}: nothing is known of that time"
    return None


def _rto_doubt(case: Case, objective: RecoveryObjective, slo: Slo, marks: Marks | None) -> str | None:
    """Why nothing can be said about this RTO, if so."""
    doubt = seen_doubt(case, slo, marks)
    if doubt or marks is None:
        return doubt
    if objective.level in (RecoveryLevel.CAUGHT_UP, RecoveryLevel.REDUNDANT):
        return f"nothing in the record shows the level {objective.level}"
    if objective.clock is RecoveryClock.DECLARE:
        return "nothing in the record shows when the disruption was declared"
    if objective.rto_ns < 3 * marks.resolution_ns:
        rate = 3 * NS_PER_S / objective.rto_ns
        return (
            f"an RTO of {format_duration(objective.rto_ns)} cannot be resolved at one request in "
            f"{format_duration(marks.resolution_ns)}; needs {rate:.3g}/s"
        )
    return None


def _compare(case: Case, objective: RecoveryObjective, marks: Marks) -> tuple[Outcome, int | None, str]:
    """(outcome, measured upper bound in ns, because)."""
    rto_ns, from_ns = objective.rto_ns, marks.inject_ns
    if objective.clock is RecoveryClock.EFFECT and marks.effect_ns is not None:
        from_ns = marks.effect_ns
    rto = f"RTO {format_duration(rto_ns)}"
    too_short = _watched_too_short(case, objective, from_ns)
    if not marks.had_effect:
        if too_short:
            return Outcome.UNKNOWN, None, f"never broken, but {too_short}"
        return Outcome.MET, 0, f"the SLO was never broken while the fault was there; {rto}"
    if marks.recovered_ns is None or marks.last_bad_ns is None:
        longest_ns = marks.observed_until_ns - from_ns
        if longest_ns > rto_ns:
            return Outcome.MISSED, None, f"not recovered after {format_duration(longest_ns)}; {rto}"
        return Outcome.UNKNOWN, None, f"not recovered, but only watched for {format_duration(longest_ns)}; {rto}"
    upper_ns, lower_ns = marks.recovered_ns - from_ns, marks.last_bad_ns - from_ns
    said = f"recovered {_between(lower_ns, upper_ns)} after {objective.clock}{_relapses(marks)}"
    removed = _fault_removed(marks, case.account)
    if removed:
        said += ", only after the fault was removed: no failover"
    if upper_ns > rto_ns:
        return Outcome.MISSED, upper_ns, f"{said}; {rto}"
    if removed:
        return Outcome.UNKNOWN, upper_ns, f"{said}; {rto}"
    if too_short:
        return Outcome.UNKNOWN, upper_ns, f"{said}, but {too_short}"
    return Outcome.MET, upper_ns, f"{said}; {rto}"


def _watched_too_short(case: Case, objective: RecoveryObjective, from_ns: int) -> str | None:
    """Why the fault was not watched long enough for a "met", if so.

    RTO + W from the objective's clock on; and the RTO from when the fault was seen to be there: one that takes effect
    just before it is taken away was not withstood for long.
    """
    account, rto_ns = case.account, objective.rto_ns
    until_ns = account.fault_end_ns
    if until_ns is None:
        return "it is not known until when the fault was there"
    watched_ns, needed_ns = until_ns - from_ns, rto_ns + case.record.plan.sustain_ns
    rto = f"RTO {format_duration(rto_ns)}"
    if watched_ns < needed_ns:
        return f"only watched for {format_duration(watched_ns)} of the {format_duration(needed_ns)} needed; {rto}"
    if account.applied_ns is not None and until_ns - account.applied_ns < rto_ns:
        return f"the fault was seen to be there for {format_duration(until_ns - account.applied_ns)} only; {rto}"
    return None


def _between(lower_ns: int, upper_ns: int) -> str:
    return f"between {lower_ns / NS_PER_S:.3f} and {upper_ns / NS_PER_S:.3f} s"


def _relapses(marks: Marks) -> str:
    if not marks.relapses:
        return ""
    count = "1 relapse" if marks.relapses == 1 else f"{marks.relapses} relapses"
    return f" with {count} ({format_duration(marks.bad_ns)} bad in all)"
