"""How a dependency is treated while it is in trouble: how often it is asked, and how long we wait for it.

    amplification = ratio(fault) / ratio(baseline)        ratios as in judge/watched.py

A service that asks again what failed multiplies the requests of a dependency that is in trouble already: a retry storm.
"""

from collections.abc import Iterator

from harness.judge.account import mark, phase_of
from harness.judge.case import Case, unknown
from harness.judge.verdict import DependencyAccount, Kind, Outcome, Verdict
from harness.judge.watched import Answers, answers_of, ratio, within_limit
from harness.plan import PhaseName
from harness.record import Kind as EventKind
from harness.units import NS_PER_S


def dependency_account(case: Case) -> DependencyAccount | None:
    """What was seen of the dependency; None where the plan names none."""
    planned = case.record.plan.dependency
    if planned is None:
        return None
    answers = answers_of(case.record, planned.route)
    before, during = _baseline(case, answers), _fault(case, answers)
    seen = _in_fault(case, answers)
    known = isinstance(before, float) and isinstance(during, float)
    return DependencyAccount(
        name=planned.name,
        route=planned.route,
        baseline_ratio=before if isinstance(before, float) else None,
        fault_ratio=during if isinstance(during, float) else None,
        amplification=during / before if known and before else None,  # type: ignore[operator]
        answers_p99_s=seen.p99_s if seen else None,
        fallbacks=int(seen.fallback.sum()) if seen else 0,
        answers=seen.total if seen else 0,
    )


def dependency_verdicts(case: Case) -> Iterator[Verdict]:
    """One verdict for each limit the plan names."""
    planned = case.record.plan.dependency
    if planned is None:
        return
    answers = answers_of(case.record, planned.route)
    if planned.amplification is not None:
        yield _amplification(case, answers, f"{planned.name} not asked more often", float(planned.amplification))
    if planned.answers_within_ns is not None:
        yield _timely(case, answers, f"{planned.name} not waited for", planned.answers_within_ns)


def _amplification(case: Case, answers: Answers, promise: str, limit: float) -> Verdict:
    during = _fault(case, answers)
    doubt = case.account.fault_doubt or case.account.load_doubt
    if doubt or isinstance(during, str):
        return unknown(promise, Kind.DEPENDENCY, doubt or str(during), limit, "times")
    missed = during > limit
    before = _baseline(case, answers)
    usual = f", {before:.3g} in the baseline" if isinstance(before, float) else ""
    storm = "a retry storm: " if missed else ""
    return Verdict(
        promise=promise,
        kind=Kind.DEPENDENCY,
        outcome=Outcome.MISSED if missed else Outcome.MET,
        claimed=limit,
        measured=during,
        unit="times",
        because=f"{storm}{during:.3g} requests reached it for each of ours while the fault was there{usual}",
        events=_marks(case),
    )


def _timely(case: Case, answers: Answers, promise: str, limit_ns: int) -> Verdict:
    seen = _in_fault(case, answers)
    doubt = case.account.fault_doubt or case.account.load_doubt
    if doubt or seen is None:
        because = doubt or "the fault was never taken away"
        return unknown(promise, Kind.DEPENDENCY, because, limit_ns / NS_PER_S, "s")
    outcome, because = within_limit(seen, limit_ns)
    fallbacks = int(seen.fallback.sum())
    return Verdict(
        promise=promise,
        kind=Kind.DEPENDENCY,
        outcome=outcome,
        claimed=limit_ns / NS_PER_S,
        measured=seen.p99_s,
        unit="s",
        because=f"{because}; {fallbacks:,} were fallbacks",
        events=_marks(case),
    )


def _baseline(case: Case, answers: Answers) -> float | str:
    bounds = phase_of(case.record, PhaseName.BASELINE)
    return ratio(case.record, answers, *bounds) if bounds else "the baseline did not run to its end"


def _fault(case: Case, answers: Answers) -> float | str:
    inject_ns, end_ns = case.account.inject_ns, case.account.fault_end_ns
    if inject_ns is None or end_ns is None:
        return "the fault was not begun, or never taken away"
    return ratio(case.record, answers, inject_ns, end_ns)


def _in_fault(case: Case, answers: Answers) -> Answers | None:
    inject_ns, end_ns = case.account.inject_ns, case.account.fault_end_ns
    return None if inject_ns is None or end_ns is None else answers.between(inject_ns, end_ns)


def _marks(case: Case) -> tuple[str, ...]:
    record = case.record
    return (
        *mark(case.account, record.first(EventKind.FAULT_BEGIN)),
        *mark(case.account, record.first(EventKind.FAULT_END)),
    )
