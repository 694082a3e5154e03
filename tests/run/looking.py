"""A guard that goes by metrics, and what its looks have told."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from harness.clock import SystemClock
from harness.plan import Guard, MetricRule, PhaseName, Plan
from harness.run.guard import Look
from harness.run.looks import Looks, look_at
from tests.judge.records import ORDERS, make_plan, slo


def plan_of(*rules: MetricRule) -> Plan:
    nothing = {"budget": None, "evidence": (), "healed": (), "ledger": None}
    plan = make_plan((slo(),), (), {ORDERS: 100}, 3, {PhaseName.BASELINE: (0.0, 60.0)}, **nothing)
    guard = Guard(error_ratio=1.0, for_s=50, no_data_s=60, because="", metrics=rules)
    return plan.model_copy(update={"guard": guard})


@contextmanager
def looking(run_dir: Path, *rules: MetricRule, environment: Mapping[str, str] | None = None) -> Iterator[Looks]:
    looks = look_at(plan_of(*rules), run_dir, environment or {}, clock=SystemClock())
    try:
        yield looks
    finally:
        looks.stop()


def of(looks: Looks, name: str) -> Look:
    """The last look at a metric; one that told nothing yet before there is one."""
    return looks.latest().get(name, Look(at_ns=0, value="", failures=0))
