"""A guard that could never trip is a mistake of the file: what it goes by is found out before anything starts."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from harness import slo
from harness.errors import FileError
from harness.plan import Plan, built_in_target, make, read_experiment
from harness.report import show_plan
from harness.slo import ForeignIndicator, Promises

ROOT = Path(__file__).parents[2]
SHIPPED = slo.read([ROOT / "slos"])
LATENCY = (ROOT / "experiments/latency.yaml").read_text()
BURN = "burn: {rate: 50, over: 10s}"
SLOW = "latency: {above: 800ms, share: 20%, over: 10s}"
METRIC = 'metrics: [{name: errors, prometheus: {url: "http://127.0.0.1:9", query: up, op: lt, value: 1}}]'


def seeing(*named: str, critical: bool = True) -> Promises:
    """The shipped promises, of which our load sees those named; the others are Prometheus's, and just as critical."""
    away = ForeignIndicator(type="prometheus", form="ratio", description="a query")
    slos = [
        one.model_copy(update={"critical": critical})
        if one.name in named
        else one.model_copy(update={"indicator": away})
        for one in SHIPPED.slos
    ]
    return SHIPPED.model_copy(update={"slos": tuple(slos)})


def plan_of(folder: Path, promises: Promises, guard: str = "") -> Plan:
    path = folder / "latency.yaml"
    written = f"    guard: {{{guard}}}\n" if guard else ""
    path.write_text(LATENCY.replace("    disruption: software\n", f"    disruption: software\n{written}"))
    experiment, document = read_experiment(path)
    return make(experiment, document, promises, built_in_target(), environment={}, quick=True)


def mistakes_of(folder: Path, promises: Promises, guard: str = "") -> list[str]:
    with pytest.raises(FileError) as caught:
        plan_of(folder, promises, guard)
    assert caught.value.exit_code == 65
    return [str(mistake).rpartition("latency.yaml:")[2] for mistake in caught.value.mistakes]


PRICES = ("price-answered",)


@pytest.mark.parametrize("guard", ["", BURN, "error-ratio: 20%, for: 5s"])
def test_a_guard_that_sees_no_critical_slo_and_no_metric_is_a_mistake(tmp_path: Path, guard: str) -> None:
    """Its rules would idle while what matters burns: the file is refused, with what would stop the run."""
    (said,) = mistakes_of(tmp_path, seeing(*PRICES, critical=False), guard)
    assert said.split(":")[0].isdigit()
    assert "none that our load sees, only" in said
    assert "orders-accepted (prometheus)" in said
    assert "expected a critical SLO whose indicator is type: load, or a metric of the target's own" in said
    assert "add guard: {metrics: [...]}" in said


def test_without_any_critical_slo_the_mistake_says_so(tmp_path: Path) -> None:
    """A drill judged by what is not critical alone: nothing is there whose burn could stop it."""
    tame = SHIPPED.model_copy(
        update={"slos": tuple(one.model_copy(update={"critical": False}) for one in SHIPPED.slos)}
    )
    (said,) = mistakes_of(tmp_path, tame)
    assert "slos: got no critical SLO at all, expected" in said


def test_a_metric_of_the_targets_own_stands_in(tmp_path: Path) -> None:
    """It sees what our load does not: the experiment may be run, and its plan says that the metrics alone stop it."""
    plan = plan_of(tmp_path, seeing(*PRICES, critical=False), METRIC)
    assert "goes by the metrics alone; our load cannot see" in shown(plan)


def test_each_rule_that_would_idle_beside_a_metric_is_a_mistake(tmp_path: Path) -> None:
    """Who wrote it relies on it."""
    said = mistakes_of(
        tmp_path, seeing(*PRICES, critical=False), f"error-ratio: 20%, for: 5s, {BURN}, {SLOW}, {METRIC}"
    )
    assert len(said) == 3
    for rule in ("error-ratio", "burn", "latency"):
        assert any(f"guard.{rule}: got none that our load sees" in one for one in said), said
    assert all("take the rule out: the metrics stop the run" in one for one in said)


def test_a_plan_says_which_slos_the_guard_goes_by(tmp_path: Path) -> None:
    """Where our load sees only some of the critical ones, both are named; where it sees all, nothing is said."""
    plan = plan_of(tmp_path, seeing("price-answered", "price-current"), BURN)
    text = shown(plan)
    assert "goes by price-answered, price-current; our load cannot see" in text
    assert "orders-accepted (prometheus)" in text
    assert "no rule on our own traffic stops for it" in text
    assert "goes by" not in shown(plan_of(tmp_path, SHIPPED, BURN))


def test_a_burn_is_held_against_the_slos_it_goes_by(tmp_path: Path) -> None:
    """One that our load cannot see, and whose target is stricter, makes no rate reachable."""
    assert plan_of(tmp_path, SHIPPED, "burn: {rate: 100, over: 10s}").guard.burn
    (said,) = mistakes_of(tmp_path, seeing("price-current"), "burn: {rate: 100, over: 10s}")
    assert "guard.burn.rate: got 100, expected a rate a critical SLO can reach: at most 20" in said


def shown(plan: Plan) -> str:
    text = io.StringIO()
    show_plan(plan, Console(file=text, width=160))
    return " ".join(text.getvalue().split())
