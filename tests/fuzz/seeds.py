"""Valid stored runs, small ones, for the engine to damage: one of each outcome, with everything a run can hold."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from harness.plan import (
    Action,
    Breaker,
    BreakerState,
    BurnRule,
    Guard,
    LatencyRule,
    MetricRule,
    Reach,
    Resource,
    Survey,
    Sweep,
)
from harness.plan.experiment import Proves
from harness.record import Kind, Observation, Record, Seen, seal_run, write_json
from tests.judge.records import (
    ORDERS,
    RUNNING,
    STOPPED,
    ZONE_SILENT,
    adding,
    alert,
    at,
    drill,
    event,
    ns,
    outage,
    slo,
    surged,
)
from tests.judge.test_breaker import INFERRED, PLAN, counter, dependency, looks

INJECT_S, UNDO_S, END_S, RATE_PER_S = 3.0, 9.0, 12.0, 40


def met() -> Record:
    """A drill that keeps everything it promised."""
    return _drill()


def missed() -> Record:
    """A drill with an outage that is too long, and lost writes."""
    return _drill(outage(4.0, 8.5), lost=(2.5, 3.0))


def unknown() -> Record:
    """A drill whose run was stopped by the guard."""
    record = _drill()
    events = tuple(one for one in record.events if one.kind is not Kind.RUN_END)
    end = event(END_S + 2, Kind.RUN_END, how="guard", because="too many errors")
    return adding(replace(record, events=events), event(8, Kind.GUARD, because="too many errors"), end)


def watched(breaker: Breaker = PLAN) -> Record:
    """A drill that also watches a breaker and a dependency."""
    record = _drill()
    plan = record.plan.model_copy(
        update={"breaker": breaker, "dependency": dependency(amplification="1.5", answers_within_s=0.3)}
    )
    opened = {0.0: BreakerState.CLOSED.value, 3.5: BreakerState.OPEN.value, 9.5: BreakerState.CLOSED.value}
    seen = [*looks("a:1", opened, END_S), *looks("b:2", opened, END_S), *counter({0.0: 40, 3.5: 1, 9.5: 40}, END_S)]
    return replace(record, plan=plan, observations=tuple(sorted(seen, key=lambda one: one.at_ns)))


def inferred() -> Record:
    """The same with a breaker whose state is inferred."""
    return watched(INFERRED)


def swept() -> Record:
    """A sweep of two doses."""
    record = _drill(outage(6.0, 8.5, every=2))
    plan = record.plan.model_copy(
        update={"sweep": Sweep(variable="delay_ms", unit="ms", lowest=50, highest=100, tolerates={"orders": 50})}
    )
    doses = [
        one
        for number, begin_s in enumerate((3.5, 6.0))
        for one in (
            event(begin_s, Kind.DOSE_BEGIN, "delay_ms", value=50.0 + 50 * number),
            event(begin_s + 0.1, Kind.DOSE, "delay_ms", value=50.0 + 50 * number, measured=50.0, status="succeeded"),
        )
    ]
    return adding(replace(record, plan=plan), *doses)


def surging() -> Record:
    """A drill whose orders doubled while the fault was there."""
    return surged(_drill(), INJECT_S, UNDO_S)


def allowed() -> Record:
    """A drill of a guard's every rule, on a target that was asked what would be hit."""
    record = _drill()
    guard = Guard(
        error_ratio=0.5, for_s=30, no_data_s=10, because="half of an SLO's requests",
        burn=BurnRule(rate=Fraction("14.4"), over_s=10),
        latency=LatencyRule(above_ns=ns(0.8), share=Fraction(1, 5), over_s=10),
        metrics=(
            MetricRule(name="errors", how="prometheus", url="http://127.0.0.1:9090", query="up", op="lt"),
            MetricRule(name="alarm", how="alarm", alarm="orders-5xx"),
        ),
    )  # fmt: skip
    instances = tuple(
        Resource(kind="EC2 instance", id=f"i-{number}", zone=f"eu-central-1{zone}", tags={"team": "shop"})
        for number, zone in enumerate("aab")
    )
    what = "chaosaws.ec2.actions.stop_instances"
    reach = Reach(action="stop", what=what, counted=True, said="2 of 9 EC2 instances", resources=instances, hits=2,
                  aws=True, capacity=9)  # fmt: skip
    asked = Survey(account="123456789012", region="eu-central-1", reaches=(reach,))
    plan = record.plan.model_copy(
        update={"guard": guard, "reach": asked, "hosts": ("shop.staging.example",), "calls_aws": True,
                "aws_region": "eu-central-1", "actions": (Action(name="stop", what=what, arguments={"az": "a"}),)}
    )  # fmt: skip
    seen = [
        Observation(at_ns=at(one), done_ns=at(one) + 1, what=Seen.GUARD, source=source, value=value)
        for one in np.arange(0.5, END_S, 0.5)
        for source, value in (("errors", 0.5), ("alarm", "OK"))
    ]
    return replace(record, plan=plan, observations=tuple(seen))


FILES = ("run.json", "plan.json", "events.jsonl", "requests-0.bin", "zones-0.txt", "load-0.json", "observations.jsonl",
         "survivors.txt")  # fmt: skip
RUNS = {"met": met, "missed": missed, "unknown": unknown, "watched": watched, "inferred": inferred, "swept": swept,
        "surging": surging, "allowed": allowed}  # fmt: skip


def _drill(*edits, lost=None) -> Record:
    record = drill(
        *edits,
        slos=[slo(target="0.9", within_s=0.3, window_ns=600 * 10**9, alerts=(alert(2, 4, 1),))],
        rates={ORDERS: RATE_PER_S},
        rto_s=3.0,
        rpo_s=0.5,
        sustain_s=1,
        baseline=(0, INJECT_S),
        fault=(INJECT_S, UNDO_S),
        recovery=(UNDO_S, END_S),
        evidence=(ZONE_SILENT, STOPPED),
        healed=(RUNNING,),
        budget="0.05",
        ledger=True,
        lost=lost,
    )
    proves = (Proves(lens="wellproven", question="rel_redundancy", choice="rel_multi_zone"),)
    info = record.info.model_copy(update={"started_utc": "2026-01-01T00-00-00Z", "sealed": True})
    return replace(record, info=info, plan=record.plan.model_copy(update={"proves": proves}))


def store(record: Record, path: Path) -> Path:
    """The folder that a run would have left."""
    path.mkdir(parents=True)
    write_json(path / "run.json", record.info)
    write_json(path / "plan.json", record.plan)
    (path / "events.jsonl").write_text("".join(one.model_dump_json() + "\n" for one in record.events))
    (path / "requests-0.bin").write_bytes(record.requests.tobytes())
    (path / "zones-0.txt").write_text("".join(f"{zone}\n" for zone in record.zones[1:]))
    write_json(path / "load-0.json", record.workers[0])
    (path / "observations.jsonl").write_text("".join(one.model_dump_json() + "\n" for one in record.observations))
    (path / "survivors.txt").write_text("".join(f'"{one}"\n' for one in record.survivors or ()))
    seal_run(path)
    return path


__all__ = ["RUNS", "at", "ns", "store"]
