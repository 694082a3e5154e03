"""Hand-built records, so that a table of cases is short to read: `drill(outage(10, 12.5), rto_s=10)`.

Times are seconds since the run's start. Unless told otherwise: one SLO of 99 % on `POST /orders` at 100/s; baseline
0..10, the fault on zone a from 10 to 30, recovery 30..40; everything good, zones a and b in turn, zone a silent while
the fault is there, every acknowledged order survives.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from harness.judge import Judgement, Verdict, judge
from harness.plan import SURGE_SEQ, Guard, Phase, PhaseName, Plan, Profile, Route, Stage
from harness.plan.experiment import Action, Evidence, Ledger
from harness.record import REQUEST, Event, Kind, Outcome, Record, Requests, RouteCount, RunInfo, WorkerReport
from harness.slo import (
    BudgetingMethod,
    BurnAlert,
    Disruption,
    ForeignIndicator,
    LoadIndicator,
    RecoveryClock,
    RecoveryLevel,
    RecoveryObjective,
    Slo,
)

BEGIN_NS = 5_000_000_000_000  # the run's start on its monotonic clock
ORDERS = "POST /orders"
DAY_NS = 86_400 * 10**9


def ns(seconds: float) -> int:
    """Nanoseconds of a stretch."""
    return round(seconds * 10**9)


def at(seconds: float) -> int:
    """The instant on the monotonic clock."""
    return BEGIN_NS + ns(seconds)


# --- what happens to the answers -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Edit:
    """What becomes of the arrivals planned in [begin, end): every `every`-th of them, of one route or of all."""

    begin_s: float
    end_s: float
    status: int | None = None
    outcome: Outcome = Outcome.ANSWERED
    latency_s: float | None = None
    late_s: float = 0.0  # sent that much after it was planned
    every: int = 1
    route: str | None = None


def outage(begin_s: float, end_s: float, **more: Any) -> Edit:
    """Answered with 503."""
    return Edit(begin_s, end_s, status=503, **more)


def slow(begin_s: float, end_s: float, latency_s: float, **more: Any) -> Edit:
    """Answered well, but late."""
    return Edit(begin_s, end_s, latency_s=latency_s, **more)


def broken(begin_s: float, end_s: float, outcome: Outcome = Outcome.BROKEN, **more: Any) -> Edit:
    """Not answered at all."""
    return Edit(begin_s, end_s, status=0, outcome=outcome, **more)


# --- what is promised ------------------------------------------------------------------------------------------------


def slo(name: str = "orders", request: str = ORDERS, target: str = "0.99", **more: Any) -> Slo:
    """An SLO that our load sees; `within_s`, `status` go to its indicator."""
    within_s, status = more.pop("within_s", None), more.pop("status", ("2xx",))
    return Slo(
        **{
            "name": name,
            "title": name,
            "service": "shop",
            "target": Fraction(target),
            "budgeting": BudgetingMethod.OCCURRENCES,
            "window_ns": 28 * DAY_NS,
            "indicator": LoadIndicator(
                request=request, status=status, within_ns=None if within_s is None else ns(within_s)
            ),
            "where": "slos/test.yaml:1",
        }
        | more
    )


def foreign_slo(name: str = "elsewhere", **more: Any) -> Slo:
    """An SLO that only Prometheus sees."""
    indicator = ForeignIndicator(type="prometheus", form="ratio", description="a query")
    return slo(name, **more).model_copy(update={"indicator": indicator})


def objective(rto_s: float = 10, rpo_s: float | None = None, **more: Any) -> RecoveryObjective:
    """A recovery objective of the shop."""
    return RecoveryObjective(
        **{
            "name": "az",
            "service": "shop",
            "disruption": Disruption.AZ,
            "rto_ns": ns(rto_s),
            "rpo_ns": None if rpo_s is None else ns(rpo_s),
            "clock": RecoveryClock.INJECT,
            "level": RecoveryLevel.IN_SLO,
            "where": "slos/test.yaml:9",
        }
        | more
    )


def alert(threshold: float, long_s: float, short_s: float | None = None, **more: Any) -> BurnAlert:
    """A burn-rate alert with windows in seconds."""
    return BurnAlert(
        policy="page",
        condition="fast",
        severity="page",
        threshold=Fraction(str(threshold)),
        long_window_ns=ns(long_s),
        short_window_ns=None if short_s is None else ns(short_s),
        **more,
    )


# --- the record ------------------------------------------------------------------------------------------------------

ZONE_SILENT = Evidence(name="zone a silent", zone_silent="a")
STOPPED = Evidence(name="instances stopped", probe={"name": "instances stopped"})
RUNNING = Evidence(name="instances run", probe={"name": "instances run"})


def drill(
    *edits: Edit,
    slos: Iterable[Slo] = (),
    objectives: Iterable[RecoveryObjective] | None = None,
    rates: Mapping[str, float] | None = None,
    rto_s: float = 10,
    rpo_s: float | None = None,
    sustain_s: float = 2,
    baseline: tuple[float, float] = (0, 10),
    fault: tuple[float, float] = (10, 30),
    recovery: tuple[float, float] = (30, 40),
    silent: tuple[float, float] | None = None,
    evidence: Iterable[Evidence] = (ZONE_SILENT,),
    healed: Iterable[Evidence] = (),
    budget: str | None = None,
    ledger: bool = False,
    lost: tuple[float, float] | None = None,
    survivors_too: Iterable[str] = (),
) -> Record:
    """Make a whole, undisturbed record of one drill, but for what the edits did to its answers.

    `silent` is when zone a gives no answer (default: while the fault is there); with `ledger`, acknowledged orders
    planned in `lost` do not survive, and `survivors_too` are read back besides.
    """
    slos = tuple(slos) or (slo(),)
    rates = rates or {
        one.indicator.request: 100.0 for one in slos if isinstance(one.indicator, LoadIndicator)
    } or {ORDERS: 100.0}  # fmt: skip
    plan = make_plan(
        slos,
        tuple(objectives) if objectives is not None else (objective(rto_s, rpo_s),),
        rates,
        sustain_s,
        {PhaseName.BASELINE: baseline, PhaseName.FAULT: fault, PhaseName.RECOVERY: recovery},
        evidence=tuple(evidence),
        healed=tuple(healed),
        budget=None if budget is None else Fraction(budget),
        ledger=Ledger(write=ORDERS, survivors="GET /orders", ids="/ids") if ledger else None,
    )
    requests = make_requests(rates, recovery[1], edits, silent or fault)
    survivors = None
    if ledger:
        survivors = (*survivors_of(plan, requests, lost), *survivors_too)
    return Record(
        path=Path("runs/test/now"),
        info=make_info(),
        plan=plan,
        events=make_events(plan, baseline, fault, recovery, survivors),
        requests=requests,
        zones=("", "a", "b"),
        workers=(make_report(plan, requests, recovery[1]),),
        workers_planned=1,
        survivors=survivors,
    )


def make_plan(
    slos: tuple[Slo, ...],
    objectives: tuple[RecoveryObjective, ...],
    rates: Mapping[str, float],
    sustain_s: float,
    phases: Mapping[PhaseName, tuple[float, float]],
    **more: Any,
) -> Plan:
    """Make the plan of such a drill."""
    end_s = max(end for _, end in phases.values())
    routes = tuple(
        Route(name=name, stages=(Stage(duration_s=end_s, rate_per_s=Fraction(rate)),)) for name, rate in rates.items()
    )
    return Plan(
        experiment="test",
        title="test",
        file="experiments/test.yaml",
        body={"rollbacks": [{"type": "action", "name": "start zone"}]},
        target="testbed",
        environment="testbed",
        quick=True,
        disruption="az",
        slos=slos,
        objectives=objectives,
        profile=Profile(base_url="http://127.0.0.1:1", routes=routes),
        requests=(),
        sizes=(),
        phases=tuple(
            Phase(name=name, shortest_s=end - begin, longest_s=end - begin, because="")
            for name, (begin, end) in phases.items()
        ),
        sustain_ns=ns(sustain_s),
        guard=Guard(error_ratio=0.5, for_s=60, no_data_s=10, because=""),
        actions=(Action(name="stop zone", what="chaosaws.ec2.actions.stop_instances", arguments={}),),
        proves=(),
        blast_radius=(),
        **more,
    )


def make_requests(
    rates: Mapping[str, float], end_s: float, edits: Iterable[Edit], silent: tuple[float, float]
) -> Requests:
    """Every arrival of every route, at even distances from second 0 on, in order of planned time."""
    parts = []
    for index, (name, rate) in enumerate(rates.items()):
        count = round(end_s * rate)
        part = np.zeros(count, dtype=REQUEST)
        part["seq"] = np.arange(count)
        part["planned_ns"] = BEGIN_NS + (np.arange(count) * 10**9 / rate).astype(np.int64)
        part["route"], part["outcome"], part["status"] = index, Outcome.ANSWERED, 200
        part["zone"] = np.where(_within(part, silent), 2, 1 + part["seq"] % 2)
        late_ns, latency_ns = np.zeros(count, np.int64), np.full(count, ns(0.005))
        for edit in edits:
            mine = _within(part, (edit.begin_s, edit.end_s)) & (part["seq"] % edit.every == 0)
            if edit.route in (None, name):
                part["outcome"][mine] = edit.outcome
                late_ns[mine] = ns(edit.late_s)
                if edit.status is not None:
                    part["status"][mine] = edit.status
                if edit.latency_s is not None:
                    latency_ns[mine] = ns(edit.latency_s)
        part["sent_ns"] = part["planned_ns"] + late_ns
        part["done_ns"] = part["sent_ns"] + latency_ns
        part["zone"][part["outcome"] != Outcome.ANSWERED] = 0
        parts.append(part)
    requests = np.concatenate(parts)
    return requests[np.argsort(requests["planned_ns"], kind="stable")]


def surged(record: Record, begin_s: float, end_s: float) -> Record:
    """The same with orders of a surge between two instants, as many as there are usual ones; they survive, too."""
    route = [one.name for one in record.plan.profile.routes].index(ORDERS)
    usual = record.requests
    extra = usual[(usual["route"] == route) & _within(usual, (begin_s, end_s))].copy()
    extra["seq"] = SURGE_SEQ + np.arange(len(extra))
    requests = np.concatenate([usual, extra])
    requests = requests[np.argsort(requests["planned_ns"], kind="stable")]
    routes = [
        one.model_copy(update={"surge_per_s": 2 * one.stages[0].rate_per_s}) if one.name == ORDERS else one
        for one in record.plan.profile.routes
    ]
    profile = record.plan.profile.model_copy(update={"routes": tuple(routes)})
    plan = record.plan.model_copy(update={"profile": profile})
    survivors = record.survivors
    if survivors is not None:
        survivors = (*survivors, *(profile.id_of(route, int(seq)) for seq in extra["seq"]))
    workers = tuple(
        make_report(plan, requests, (one.end_ns - BEGIN_NS) / 10**9, worker=one.worker) for one in record.workers
    )
    return replace(record, plan=plan, requests=requests, survivors=survivors, workers=workers)


def _within(part: Requests, span: tuple[float, float]) -> Any:
    return (part["planned_ns"] >= at(span[0])) & (part["planned_ns"] < at(span[1]))


def survivors_of(plan: Plan, requests: Requests, lost: tuple[float, float] | None) -> list[str]:
    """Ids of the orders acknowledged, without those planned in `lost`."""
    route = next(index for index, one in enumerate(plan.profile.routes) if one.name == ORDERS)
    mine = (requests["route"] == route) & (requests["outcome"] == Outcome.ANSWERED) & (requests["status"] // 100 == 2)
    if lost is not None:
        mine &= ~_within(requests, lost)
    return [plan.profile.id_of(route, int(seq)) for seq in requests["seq"][mine]]


def make_report(plan: Plan, requests: Requests, end_s: float, **more: Any) -> WorkerReport:
    """Make the account of a worker that kept its schedule."""
    routes = {}
    for index, route in enumerate(plan.profile.routes):
        outcomes = requests["outcome"][requests["route"] == index]
        waiting, expired = (int(np.count_nonzero(outcomes == one)) for one in (Outcome.WAITING, Outcome.EXPIRED))
        routes[route.name] = RouteCount(
            planned=len(outcomes), sent=len(outcomes) - waiting - expired, waiting=waiting, expired=expired
        )
    return WorkerReport(
        **{
            "worker": 0,
            "begin_ns": BEGIN_NS,
            "end_ns": at(end_s),
            "routes": routes,
            "lateness_ns_p50": 50_000,
            "lateness_ns_p99": 500_000,
            "lateness_ns_max": 1_500_000,
            "cpu_ratio": 0.2,
            "gc_pause_ns_max": 0,
            "gc_pauses": 0,
            "stall_ns_max": 1_000_000,
            "versions": {},
        }
        | more
    )


def make_info() -> RunInfo:
    """Make the head of a record."""
    return RunInfo(
        run="test/now",
        experiment="test",
        target="testbed",
        started_utc="2026-01-01T00:00:00Z",
        clock_monotonic_ns=BEGIN_NS,
        clock_utc_ns=1_767_225_600_000_000_000,
        commit=None,
        dirty=None,
        versions={},
        seed=1,
        repeat="wellproven drill test",
    )


def event(seconds: float, kind: Kind, name: str = "", **data: Any) -> Event:
    """An event at a second of the run."""
    return Event(at_ns=at(seconds), kind=kind, name=name, data=data)


def make_events(
    plan: Plan,
    baseline: tuple[float, float],
    fault: tuple[float, float],
    recovery: tuple[float, float],
    survivors: tuple[str, ...] | None,
) -> tuple[Event, ...]:
    """What such a drill notes when all goes as planned."""
    inject_s, undo_s = fault
    end_s = recovery[1]
    probes = [item.name for item in plan.evidence if item.probe]
    events = [
        event(0, Kind.RUN_BEGIN),
        event(0, Kind.LOAD_BEGIN),
        event(baseline[0], Kind.PHASE_BEGIN, PhaseName.BASELINE),
        event(baseline[1], Kind.PHASE_END, PhaseName.BASELINE),
        event(inject_s - 0.02, Kind.STEADY, "before", met=True),
        *(event(inject_s - 0.01, Kind.FAULT_EVIDENCE, name, seen=False, before=True) for name in probes),
        event(inject_s, Kind.FAULT_BEGIN, "stop zone"),
        event(inject_s, Kind.PHASE_BEGIN, PhaseName.FAULT),
        event(inject_s + 0.2, Kind.FAULT_CALLED, "stop zone", status="succeeded"),
        *(event(inject_s + 0.5, Kind.FAULT_EVIDENCE, name, seen=True, before=False) for name in probes),
        event(undo_s - 0.1, Kind.PHASE_END, PhaseName.FAULT),
        event(undo_s - 0.05, Kind.STEADY, "after", met=True),
        event(undo_s, Kind.FAULT_END, "start zone"),
        event(recovery[0], Kind.PHASE_BEGIN, PhaseName.RECOVERY),
        event(undo_s + 0.5, Kind.FAULT_UNDONE, "start zone", status="succeeded"),
        *(event(undo_s + 1, Kind.FAULT_HEALED, item.name, healed=True) for item in plan.healed),
        event(undo_s + 1.2, Kind.CHAOS_END, exit_code=0, status="completed"),
        event(end_s, Kind.PHASE_END, PhaseName.RECOVERY),
        event(end_s, Kind.LOAD_END),
    ]
    if survivors is not None:
        events.append(event(end_s + 1, Kind.READ_BACK, complete=True, count=len(survivors)))
    events.append(event(end_s + 2, Kind.RUN_END, how="completed", because=""))
    return tuple(sorted(events, key=lambda one: one.at_ns))


# --- what is different about it --------------------------------------------------------------------------------------


def without(record: Record, kind: Kind, name: str | None = None) -> Record:
    """Leave events out."""
    gone = set(map(id, record.all(kind, name)))
    assert gone, f"no {kind} {name} to leave out"
    return replace(record, events=tuple(one for one in record.events if id(one) not in gone))


def adding(record: Record, *events: Event) -> Record:
    """Put events in, at their time."""
    return replace(record, events=tuple(sorted((*record.events, *events), key=lambda one: one.at_ns)))


def instead(record: Record, kind: Kind, name: str | None = None, at_s: float | None = None, **data: Any) -> Record:
    """Change what events of that kind (and name) say, or when."""
    changed = [
        one.model_copy(update={"at_ns": one.at_ns if at_s is None else at(at_s), "data": {**one.data, **data}})
        for one in record.all(kind, name)
    ]
    return adding(without(record, kind, name), *changed)


def probing(record: Record, *, status: str = "succeeded", error: str = "") -> Record:
    """The same with a probe in the experiment's method, which came back so."""
    body = {**record.plan.body, "method": [{"type": "probe", "name": "count the instances"}]}
    begin = record.first(Kind.FAULT_BEGIN)
    assert begin is not None
    data = {"status": status, "error": error}
    said = Event(at_ns=begin.at_ns + ns(0.3), kind=Kind.FAULT_PROBED, name="count the instances", data=data)
    return adding(replace(record, plan=record.plan.model_copy(update={"body": body})), said)


def reporting(record: Record, **changes: Any) -> Record:
    """Change what the load's only worker says of itself."""
    return replace(record, workers=(record.workers[0].model_copy(update=changes),))


def cut(record: Record, at_s: float) -> Record:
    """What is left of a run that was killed."""
    return replace(
        record,
        events=tuple(one for one in record.events if one.at_ns <= at(at_s)),
        requests=record.requests[record.requests["done_ns"] <= at(at_s)],
        workers=(),
        survivors=None,
    )


# --- reading the judgement -------------------------------------------------------------------------------------------


def verdict(record: Record, promise: str) -> Verdict:
    """Find the verdict on one promise."""
    return one_of(judge(record), promise)


def one_of(judgement: Judgement, promise: str) -> Verdict:
    """Find the verdict on one promise of a judgement."""
    found = [one for one in judgement.verdicts if one.promise == promise]
    assert len(found) == 1, (promise, [one.promise for one in judgement.verdicts])
    return found[0]
