"""A dose raised step by step: at which doses each SLO held, and which broke it.

A step holds the requests planned from DOSE_SETTLE_NS after a dose was set until the next one is set, or the fault ends.
A step whose dose was not measured to be there does not count. Steps of one dose are taken together. Each is decided by
the test of every SLO (plan/sequential.py).

    broken = smallest dose decided broken       held = largest dose decided kept below it
"""

from collections import defaultdict
from collections.abc import Iterator

from harness.judge.case import Case, unknown
from harness.judge.verdict import Dose, DoseResponse, Kind, Outcome, SweepAccount, Verdict
from harness.plan import DOSE_MEASURED_MIN, DOSE_SETTLE_NS, LOG_DECIDED, Sweep, log_evidence_broken, log_evidence_kept
from harness.record import Event
from harness.record import Kind as EventKind
from harness.slo import Slo


def sweep_account(case: Case) -> SweepAccount | None:
    """What each SLO did at each dose; None where nothing was swept."""
    sweep = case.record.plan.sweep
    if sweep is None:
        return None
    steps = list(_steps(case))
    return SweepAccount(
        variable=sweep.variable,
        unit=sweep.unit,
        lowest=float(sweep.lowest),
        highest=float(sweep.highest),
        responses=tuple(_response(case, slo, steps) for slo in case.record.plan.slos if slo.name in case.series),
    )


def sweep_verdicts(case: Case, account: SweepAccount | None) -> Iterator[Verdict]:
    """Whether each SLO held at the dose it claims to tolerate, and whether the sweep found what it looked for."""
    sweep = case.record.plan.sweep
    if sweep is None or account is None:
        return
    doubt = case.account.fault_doubt or case.account.load_doubt
    by_slo = {response.slo: response for response in account.responses}
    for name, claimed in sweep.tolerates.items():
        promise = f"{name} at {float(claimed):g} {sweep.unit}".rstrip()
        response = by_slo.get(name)
        if doubt or response is None:
            yield unknown(promise, Kind.DOSE, doubt or "our load does not see it", float(claimed), sweep.unit)
        else:
            yield _tolerated(promise, float(claimed), response, sweep)
    yield _complete(account, sweep, doubt)


def _steps(case: Case) -> Iterator[tuple[float, int, int]]:
    """(dose, begin, end) of each step, ns."""
    record = case.record
    set_at = [event for event in record.all(EventKind.DOSE) if event.data.get("status") == "succeeded"]
    ends = [event.at_ns for event in record.all(EventKind.DOSE_BEGIN)]
    last_ns = case.account.end_ns if case.account.fault_end_ns is None else case.account.fault_end_ns
    for event in set_at:
        value = event.data.get("value")
        end_ns = min([end for end in ends if end > event.at_ns], default=last_ns)
        if isinstance(value, int | float) and _was_there(event, value) and event.at_ns + DOSE_SETTLE_NS < end_ns:
            yield float(value), event.at_ns + DOSE_SETTLE_NS, end_ns


def _was_there(event: Event, dose: float) -> bool:
    """Whether the dose was measured from outside; what was only said to be set proves nothing."""
    measured = event.data.get("measured")
    return isinstance(measured, int | float) and measured >= float(DOSE_MEASURED_MIN) * dose


def _response(case: Case, slo: Slo, steps: list[tuple[float, int, int]]) -> DoseResponse:
    counts: dict[float, list[tuple[int, int, int]]] = defaultdict(list)
    for dose, begin_ns, end_ns in steps:
        seen = case.series[slo.name].between(begin_ns, end_ns)
        counts[dose].append((seen.bad, seen.total, begin_ns))
    found = []
    for dose in sorted(counts):
        bad, total = (sum(one[index] for one in counts[dose]) for index in (0, 1))
        begin_s = case.account.seconds(counts[dose][0][2])
        outcome = _decided(bad, total, slo)
        found.append(Dose(dose=dose, begin_s=begin_s, good=total - bad, total=total, outcome=outcome))
    broken = min((step.dose for step in found if step.outcome is Outcome.MISSED), default=None)
    held = max(
        (one.dose for one in found if one.outcome is Outcome.MET and (broken is None or one.dose < broken)),
        default=None,
    )
    return DoseResponse(slo=slo.name, held=held, broken=broken, steps=tuple(found))


def _decided(bad: int, total: int, slo: Slo) -> Outcome:
    if not total:
        return Outcome.UNKNOWN
    if log_evidence_broken(bad, total, slo.target) >= LOG_DECIDED:
        return Outcome.MISSED
    return Outcome.MET if log_evidence_kept(bad, total, slo.target) >= LOG_DECIDED else Outcome.UNKNOWN


def _tolerated(promise: str, claimed: float, response: DoseResponse, sweep: Sweep) -> Verdict:
    held, broken = response.held, response.broken
    if broken is not None and broken <= claimed:
        outcome, because = Outcome.MISSED, f"it broke at {broken:g} {sweep.unit}"
    elif held is not None and held >= claimed:
        outcome, because = Outcome.MET, f"it held at {held:g} {sweep.unit}"
    else:
        outcome, because = Outcome.UNKNOWN, "no dose that was tried decides it"
    return Verdict(
        promise=promise,
        kind=Kind.DOSE,
        outcome=outcome,
        claimed=claimed,
        measured=held,
        unit=sweep.unit,
        because=because,
    )


def _complete(account: SweepAccount, sweep: Sweep, doubt: str | None) -> Verdict:
    """The sweep's own verdict: every SLO held at the highest dose, or its limit is known well enough."""
    open_ends = [response.slo for response in account.responses if not _is_known(response, sweep)]
    because = doubt or f"not known to {float(sweep.resolution):.0%}: {', '.join(open_ends)}"
    done = not doubt and not open_ends and account.responses
    return Verdict(
        promise="sweep complete",
        kind=Kind.DOSE,
        outcome=Outcome.MET if done else Outcome.UNKNOWN,
        claimed=f"{float(sweep.lowest):g} to {float(sweep.highest):g} {sweep.unit}".rstrip(),
        measured=None,
        unit=sweep.unit,
        because="; ".join(said(response, sweep.unit) for response in account.responses) if done else because,
    )


def _is_known(response: DoseResponse, sweep: Sweep) -> bool:
    held, broken = response.held, response.broken
    if broken is None:
        # Never raised to the highest dose because another SLO broke first: then what was tried is what is known.
        return bool(response.steps) and held == response.steps[-1].dose
    if held is None:
        return broken <= float(sweep.lowest)
    return broken - held <= float(sweep.resolution) * broken


def said(response: DoseResponse, unit: str) -> str:
    """One SLO against the dose, in words."""
    held, broken = response.held, response.broken
    if broken is None:
        return f"{response.slo} holds up to {held:g} {unit}, the most tried" if held else f"{response.slo}: not decided"
    if held is None:
        return f"{response.slo} breaks at {broken:g} {unit}, the least tried"
    return f"{response.slo} holds up to {held:g} {unit} and breaks at {broken:g} {unit}"
