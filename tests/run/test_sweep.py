"""Sweeps and surges on a fake target with a manual clock."""

from fractions import Fraction
from pathlib import Path

import pytest

from harness import slo
from harness.errors import FileError, UsageError
from harness.judge import Outcome, judge
from harness.plan import Plan, built_in_target, make, read_experiment
from harness.record import Kind, read_record
from tests.run.fakes import World
from tests.run.test_sentence import Drill, verdict

ROOT = Path(__file__).parents[2]
VARIABLES = {"DRILL_PRICING_URL": "http://127.0.0.1:1", "DRILL_ENVOY_STATS_URL": "http://127.0.0.1:9/stats"}


def plan_of(name: str, sweep: tuple[Fraction, Fraction, str] | None = None) -> Plan:
    experiment, document = read_experiment(ROOT / f"experiments/{name}.yaml")
    promises = slo.read([ROOT / "slos"])
    plan = make(experiment, document, promises, built_in_target(), environment=VARIABLES, quick=True, sweep=sweep)
    return plan.model_copy(update={"dependency": None})  # nobody is there to be looked at


RANGE = (Fraction(50), Fraction(800), "ms")


def test_a_sweep_finds_the_dose_that_breaks_and_goes_no_further(tmp_path: Path) -> None:
    """Orders break from 190 ms on: 200 ms is the largest dose ever set, and the limit is known to 10 %."""
    drill = Drill(plan_of("latency", RANGE), tmp_path, World(orders_break_from=190.0, failover_after_ns=0), None)
    judgement = judge(read_record(drill.go()))
    assert judgement.sweep is not None
    orders = next(one for one in judgement.sweep.responses if one.slo == "orders-accepted")
    assert orders.held is not None
    assert orders.broken is not None
    assert orders.held < 190 <= orders.broken <= 200
    assert max(step.dose for step in orders.steps) == 200
    assert verdict(judgement, "sweep complete")[0] is Outcome.MET
    assert drill.chaos is not None
    assert drill.chaos.calls[2:5] == ["dose 1: 50", "dose 2: 100", "dose 3: 200"]


def test_a_dose_that_is_not_there_proves_nothing(tmp_path: Path) -> None:
    """Every call succeeds and every order is taken: the sweep says unknown, not that all held."""
    world = World(orders_break_from=190.0, dose_is_there=False)
    judgement = judge(read_record(Drill(plan_of("latency", RANGE), tmp_path, world, None).go()))
    assert verdict(judgement, "sweep complete")[0] is Outcome.UNKNOWN
    assert judgement.outcome is Outcome.UNKNOWN


def test_a_surge_lasts_as_long_as_the_fault(tmp_path: Path) -> None:
    """The load is told to raise its arrivals after inject and to end that before the undoing."""
    drill = Drill(plan_of("traffic-surge"), tmp_path, World(), None)
    record = read_record(drill.go())
    assert drill.load is not None
    assert drill.load.surges == [True, False]
    instants = [record.first(kind) for kind in (Kind.FAULT_BEGIN, Kind.SURGE_BEGIN, Kind.SURGE_END, Kind.FAULT_END)]
    assert [event.at_ns for event in instants if event] == sorted(event.at_ns for event in instants if event)
    assert None not in instants


def test_a_surge_that_was_not_sent_is_unknown(tmp_path: Path) -> None:
    """The fake load was told, and sent no more than before: no evidence, no verdict."""
    judgement = judge(read_record(Drill(plan_of("traffic-surge"), tmp_path, World(), None).go()))
    outcome, because = verdict(judgement, "fault applied")
    assert outcome is Outcome.UNKNOWN
    assert "traffic above 2x not seen: 40/s were sent, 40/s in the baseline" in because


def test_a_surge_begins_at_production_traffic() -> None:
    """Orders come at 40/s and surge to 120/s: a rate raised to decide an SLO sooner would leave no peak to speak of."""
    plan = plan_of("traffic-surge")
    orders = next(route for route in plan.profile.routes if route.name == "POST /orders")
    assert (orders.stages[0].rate_per_s, orders.surge_per_s) == (40, 120)
    assert next(route for route in plan.profile.routes if route.name == "GET /catalogue").surge_per_s is None
    hanging = sum(float(route.surge_per_s or route.stages[0].rate_per_s) * 5 for route in plan.profile.routes)
    assert plan.profile.connections_max > hanging / 5 * 2


def test_a_sweep_needs_a_dose_in_its_own_unit() -> None:
    """An experiment without a dose, and a range in another unit, are refused with the way out."""
    with pytest.raises(UsageError, match="has no dose to sweep; name one in its extension"):
        plan_of("az-failure", RANGE)
    with pytest.raises(UsageError, match="got doses in %, expected ms"):
        plan_of("latency", (Fraction(1), Fraction(2), "%"))


def test_what_is_watched_must_exist(tmp_path: Path) -> None:
    """A route, a variable and an SLO that are not there are all named at once, each with its line."""
    text = (ROOT / "experiments/latency.yaml").read_text()
    text = text.replace("route: GET /price/{sku}", "route: GET /prices").replace(
        "variable: delay_ms", "variable: delay\n      tolerates: {orders: 100}"
    )
    path = tmp_path / "latency.yaml"
    path.write_text(text)
    experiment, document = read_experiment(path)
    with pytest.raises(FileError) as caught:
        make(experiment, document, slo.read([ROOT / "slos"]), built_in_target(), environment=VARIABLES)
    said = str(caught.value)
    assert "dependency.route: got 'GET /prices', expected a request of the SLOs" in said
    assert "dose.variable: got 'delay', expected a name from configuration" in said
    assert "dose.tolerates.orders" in said
