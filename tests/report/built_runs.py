"""Builds stored runs by hand: a run's folder as `run` would have left it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from harness.plan import Guard, Phase, PhaseName, Plan, Profile, RequestPlan, Route, SampleSize, Stage, requests_needed
from harness.plan.experiment import Action, Evidence, Ledger, Proves
from harness.record import (
    REQUEST,
    EventLog,
    Kind,
    Outcome,
    Record,
    Requests,
    RouteCount,
    RunInfo,
    WorkerReport,
    read_record,
    write_json,
)
from harness.slo import BudgetingMethod, BurnAlert, Disruption, LoadIndicator, RecoveryObjective, Slo
from harness.units import NS_PER_MS, NS_PER_S

BEGIN_NS = 5_000 * NS_PER_S
DAY_NS = 86_400 * NS_PER_S
ORDERS, CATALOGUE = 0, 1
RATE_PER_S = 100  # of each route
INJECT_S, FAULT_END_S, END_S = 22.1, 42.0, 66.0
ZONES = ("zone-a", "zone-b", "zone-c")


@dataclass(frozen=True)
class Names:
    """Every text of a record that comes from outside."""

    title: str = "The shop survives the loss of a zone"
    experiment: str = "az-failure"
    target: str = "testbed"
    zones: tuple[str, ...] = ZONES
    orders: str = "orders-accepted"
    fast: str = "orders-fast"
    catalogue: str = "catalogue-available"
    objective: str = "shop-az"
    policy: str = "burns-in-hours"
    evidence: str = "zone zone-a silent"
    action: str = "stop-zone"
    note: str = ""  # put behind every remaining text


def fixed_clock() -> "FixedClock":
    return FixedClock()


class FixedClock:
    """Events of a built record state their own time."""

    def monotonic_ns(self) -> int:
        return BEGIN_NS

    def utc_ns(self) -> int:
        return 0


def at(seconds: float) -> int:
    """Monotonic ns of an instant given in seconds since the run's start."""
    return BEGIN_NS + round(seconds * NS_PER_S)


def plan_of(names: Names) -> Plan:
    alert = BurnAlert(
        policy=names.policy,
        condition="two-percent-in-an-hour" + names.note,
        severity="page",
        threshold=Fraction("13.44"),
        long_window_ns=3_600 * NS_PER_S,
        short_window_ns=300 * NS_PER_S,
    )

    def slo(name: str, request: str, target: str, within_ns: int | None) -> Slo:
        return Slo(
            name=name,
            title=f"{name} as promised{names.note}",
            service="shop" + names.note,
            target=Fraction(target),
            budgeting=BudgetingMethod.OCCURRENCES,
            window_ns=28 * DAY_NS,
            indicator=LoadIndicator(request=request, status=("2xx",), within_ns=within_ns),
            traffic_per_s=Fraction(40),
            alerts=(alert,),
            where=f"slos/shop.yaml:23{names.note}",
        )

    slos = (
        slo(names.orders, "POST /orders", "0.99", None),
        slo(names.fast, "POST /orders", "0.95", 250 * NS_PER_MS),
        slo(names.catalogue, "GET /catalogue", "0.99", 500 * NS_PER_MS),
    )
    stage = Stage(duration_s=300, rate_per_s=Fraction(RATE_PER_S))
    return Plan(
        experiment=names.experiment,
        title=names.title,
        file=f"experiments/az-failure.yaml{names.note}",
        body={"title": names.title},
        target=names.target,
        environment="testbed" + names.note,
        quick=False,
        disruption="az" + names.note,
        slos=slos,
        objectives=(
            RecoveryObjective(
                name=names.objective,
                service="shop" + names.note,
                disruption=Disruption.AZ,
                rto_ns=3 * NS_PER_S,
                rpo_ns=NS_PER_S,
                where=f"slos/shop.yaml:200{names.note}",
            ),
        ),
        profile=Profile(
            base_url="http://127.0.0.1:1" + names.note,
            routes=(
                Route(name="POST /orders", method="POST", path="/orders", stages=(stage,)),
                Route(name="GET /catalogue", path="/catalogue", stages=(stage,)),
            ),
            zone_header="x-zone",
        ),
        requests=(
            RequestPlan(
                route="POST /orders",
                rate_per_s=Fraction(RATE_PER_S),
                production_per_s=Fraction(40),
                because=f"production 40/s; raised: {names.orders} needs 1,991 answers in 20 s to be decided",
            ),
            RequestPlan(
                route="GET /catalogue",
                rate_per_s=Fraction(RATE_PER_S),
                production_per_s=Fraction(RATE_PER_S),
                because=f"production traffic of {names.catalogue}",
            ),
        ),
        sizes=tuple(
            SampleSize(
                slo=one.name,
                target=one.target,
                requests_needed=requests_needed(one.target),
                seconds=requests_needed(one.target) / RATE_PER_S,
            )
            for one in slos
        ),
        phases=(
            Phase(name=PhaseName.WARM_UP, shortest_s=2, longest_s=2, because="connections and caches; not judged"),
            Phase(name=PhaseName.BASELINE, shortest_s=20, longest_s=30, because="until every SLO is decided"),
            Phase(name=PhaseName.FAULT, shortest_s=20, longest_s=20, because="RTO 3 s + 3 s + 14 s" + names.note),
            Phase(name=PhaseName.RECOVERY, shortest_s=20, longest_s=60, because="until the fault is healed"),
        ),
        sustain_ns=3 * NS_PER_S,
        guard=Guard(error_ratio=0.5, for_s=9.0, no_data_s=10.0, because="three times the longest RTO" + names.note),
        budget=Fraction("0.05"),
        actions=(
            Action(
                name=names.action,
                what="chaosaws.ec2.actions.stop_instances",
                arguments={"az": names.zones[0], "force": True},
            ),
        ),
        evidence=(Evidence(name=names.evidence, zone_silent=names.zones[0]),),
        healed=(Evidence(name="instances running" + names.note, probe={"name": "instances running"}),),
        ledger=Ledger(write="POST /orders", survivors="GET /orders?after={after}", ids="/ids"),
        proves=(Proves(lens="wellarchitected", question="REL11", choice="fail over" + names.note),),
        blast_radius=(
            f'chaosaws.ec2.actions.stop_instances {{"az": "{names.zones[0]}", "force": true}}',
            f"target {names.target} (testbed), AWS endpoint http://127.0.0.1:5000",
        ),
    )


def info_of(names: Names) -> RunInfo:
    return RunInfo(
        run=f"{names.experiment}/2026-07-01T10-00-00Z",
        experiment=names.experiment,
        target=names.target,
        started_utc="2026-07-01T10:00:00Z",
        clock_monotonic_ns=BEGIN_NS,
        clock_utc_ns=1_782_900_000 * NS_PER_S,
        commit="0123456789abcdef0123456789abcdef01234567",
        dirty=False,
        versions={"wellproven": "0.1.0", "chaostoolkit": "1.21.4" + names.note},
        seed=1,
        repeat=f"wellproven drill experiments/az-failure.yaml --seed 1{names.note}",
    )


def traffic(outage_s: tuple[float, float] = (22.12, 26.61), end_s: float = END_S) -> Requests:
    """Arrivals of both routes, evenly spaced; zone a silent while the fault is there, orders fail in the outage."""
    count = round(end_s * RATE_PER_S)
    requests = np.zeros(2 * count, dtype=REQUEST)
    for route in (ORDERS, CATALOGUE):
        requests[route::2] = _route(route, count, outage_s)
    return requests


def _route(route: int, count: int, outage_s: tuple[float, float]) -> Requests:
    seq = np.arange(count)
    rows = np.zeros(count, dtype=REQUEST)
    planned_s = seq / RATE_PER_S + route * 0.005
    latency_ms = 4 + 3 * ((seq * 7919) % 101) / 101 + 40 * (seq % 97 == 0)
    down = (planned_s >= INJECT_S + 0.03) & (planned_s < FAULT_END_S)
    zone = 1 + seq % 3
    zone = np.where(down & (zone == 1), 2 + (seq // 3) % 2, zone)
    rows["seq"], rows["route"], rows["zone"] = seq, route, zone
    rows["outcome"], rows["status"] = Outcome.ANSWERED, 200
    out = (planned_s >= outage_s[0]) & (planned_s < outage_s[1])
    if route == ORDERS:
        late = out & (seq % 10 == 3)
        hung = out & (seq % 10 == 5)
        rows["status"][out] = 503
        rows["status"][late] = 201
        latency_ms[late] = 700
        rows["outcome"][hung], rows["status"][hung], rows["zone"][hung] = Outcome.TIMED_OUT, 0, 0
        latency_ms[hung] = 2000
    else:
        refused = out & (planned_s < outage_s[0] + 1) & (seq % 3 == 0)
        rows["outcome"][refused], rows["status"][refused], rows["zone"][refused] = Outcome.REFUSED, 0, 0
    rows["planned_ns"] = BEGIN_NS + np.round(planned_s * NS_PER_S).astype(np.int64)
    rows["sent_ns"] = rows["planned_ns"] + 100_000
    rows["done_ns"] = rows["planned_ns"] + np.round(latency_ms * NS_PER_MS).astype(np.int64)
    rows["first_byte_ns"] = np.where(rows["outcome"] == Outcome.ANSWERED, rows["done_ns"] - 100_000, 0)
    return rows


def write_events(path: Path, names: Names, until_s: float = float("inf"), survivors: int = 0) -> None:
    log = EventLog(path / "events.jsonl", fixed_clock())
    happened: Sequence[tuple[float, Kind, str, dict[str, object]]] = (
        (0.0, Kind.RUN_BEGIN, "", {}),
        (0.0, Kind.LOAD_BEGIN, "", {}),
        (0.0, Kind.PHASE_BEGIN, PhaseName.WARM_UP, {}),
        (2.0, Kind.PHASE_END, PhaseName.WARM_UP, {"why": "over"}),
        (2.0, Kind.PHASE_BEGIN, PhaseName.BASELINE, {}),
        (2.5, Kind.STEADY, "before", {"met": True}),
        (22.0, Kind.PHASE_END, PhaseName.BASELINE, {"why": "decided"}),
        (22.0, Kind.PHASE_BEGIN, PhaseName.FAULT, {}),
        (INJECT_S, Kind.FAULT_BEGIN, names.action, {}),
        (22.6, Kind.FAULT_CALLED, names.action, {"status": "succeeded"}),
        (41.5, Kind.STEADY, "after", {"met": True}),
        (FAULT_END_S, Kind.FAULT_END, "start-zone", {}),
        (42.0, Kind.PHASE_END, PhaseName.FAULT, {"why": "watched long enough"}),
        (42.0, Kind.PHASE_BEGIN, PhaseName.RECOVERY, {}),
        (42.4, Kind.FAULT_UNDONE, "start-zone", {"status": "succeeded"}),
        (44.0, Kind.FAULT_HEALED, "instances running" + names.note, {"healed": True}),
        (44.1, Kind.CHAOS_END, "", {"exit_code": 0, "status": "completed"}),
        (65.9, Kind.PHASE_END, PhaseName.RECOVERY, {"why": "decided"}),
        (END_S, Kind.LOAD_END, "", {}),
        (67.0, Kind.READ_BACK, "", {"complete": True, "count": survivors}),
        (67.2, Kind.RUN_END, "", {"how": "completed"}),
    )
    for seconds, kind, name, data in happened:
        if seconds <= until_s:
            log.write(kind, name, at_ns=at(seconds), **data)  # type: ignore[arg-type]
    log.close()


def write_workers(path: Path, requests: Requests) -> None:
    routes = {}
    for route, name in ((ORDERS, "POST /orders"), (CATALOGUE, "GET /catalogue")):
        count = int(np.count_nonzero(requests["route"] == route))
        routes[name] = RouteCount(planned=count, sent=count, waiting=0, expired=0)
    write_json(
        path / "load-0.json",
        WorkerReport(
            worker=0,
            begin_ns=BEGIN_NS,
            end_ns=at(END_S),
            routes=routes,
            lateness_ns_p50=90_000,
            lateness_ns_p99=410_000,
            lateness_ns_max=2_300_000,
            cpu_ratio=0.14,
            gc_pause_ns_max=1_000_000,
            gc_pauses=2,
            stall_ns_max=1_200_000,
            versions={"locust": "2.47.0"},
        ),
    )


def write_survivors(path: Path, plan: Plan, requests: Requests, lost: int) -> int:
    """All acknowledged orders but the last `lost` before the fault, and one whose answer never came; how many."""
    orders = requests[requests["route"] == ORDERS]
    acknowledged = (orders["outcome"] == Outcome.ANSWERED) & (orders["status"] < 300)
    before = orders["done_ns"] < at(INJECT_S)
    lost_seqs = set(orders["seq"][acknowledged & before][-lost:].tolist()) if lost else set()
    kept = [seq for seq in orders["seq"][acknowledged].tolist() if seq not in lost_seqs]
    kept += orders["seq"][orders["outcome"] == Outcome.TIMED_OUT].tolist()[:1]
    ids = [plan.profile.id_of(ORDERS, seq) for seq in kept]
    (path / "survivors.txt").write_text("".join(json.dumps(one) + "\n" for one in ids))
    return len(ids)


def drilled(path: Path, names: Names = Names(), *, lost: int = 12) -> Record:
    """A run that recovered after 4.5 s, too late for its RTO of 3 s; `lost` acknowledged orders are gone."""
    plan, requests = plan_of(names), traffic()
    _write_head(path, plan, names, requests)
    write_workers(path, requests)
    write_events(path, names, survivors=write_survivors(path, plan, requests, lost))
    return read_record(path)


def killed(path: Path, names: Names = Names()) -> Record:
    """A run that was killed just after the fault was begun."""
    plan, requests = plan_of(names), traffic(end_s=24.0)
    _write_head(path, plan, names, requests)
    write_events(path, names, until_s=24.0)
    return read_record(path)


def barely_begun(path: Path, names: Names = Names()) -> Record:
    """A run that was killed before the first request."""
    path.mkdir(parents=True, exist_ok=True)
    write_json(path / "run.json", info_of(names))
    write_json(path / "plan.json", plan_of(names))
    return read_record(path)


def _write_head(path: Path, plan: Plan, names: Names, requests: Requests) -> None:
    path.mkdir(parents=True, exist_ok=True)
    write_json(path / "run.json", info_of(names))
    write_json(path / "plan.json", plan)
    (path / "zones-0.txt").write_text("".join(f"{zone}\n" for zone in names.zones), encoding="utf-8")
    (path / "requests-0.bin").write_bytes(requests.tobytes())
