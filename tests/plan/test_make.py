"""From SLOs, an experiment and a target to a plan."""

from fractions import Fraction
from pathlib import Path

import pytest

from harness import slo
from harness.errors import FileError, RefusedError
from harness.plan import PhaseName, Plan, Target, built_in_target, make, read_experiment

ROOT = Path(__file__).parents[2]
PROMISES = slo.read([ROOT / "slos"])
TARGET = built_in_target()


def plan_of(target: Target = TARGET, *, quick: bool = False, path: Path = ROOT / "experiments/az-failure.yaml") -> Plan:
    experiment, document = read_experiment(path)
    return make(experiment, document, PROMISES, target, environment={}, quick=quick)


def test_the_rate_of_each_request_has_a_reason() -> None:
    """The catalogue's production traffic decides its SLO in time; orders need more than production, and say so."""
    by_route = {request.route: request for request in plan_of().requests}
    assert by_route["GET /catalogue"].rate_per_s == 100
    assert by_route["GET /catalogue"].because == "production traffic of catalogue-available"
    orders = by_route["POST /orders"]
    assert orders.rate_per_s > 40
    assert orders.production_per_s == 40
    assert "production 40/s; raised: orders-accepted needs 1,708 answers in 20 s" in orders.because


def test_a_modest_target_gets_longer_phases_never_more_load() -> None:
    """Where the target allows less, phases stretch until the SLOs can be decided within its limit."""
    modest = TARGET.model_copy(update={"rate_max_per_s": Fraction(230)})
    plan = plan_of(modest)
    assert sum(request.rate_per_s for request in plan.requests) <= 230
    assert plan.phase(PhaseName.BASELINE).longest_s > plan_of().phase(PhaseName.BASELINE).longest_s


def test_a_target_that_allows_less_than_production_is_refused() -> None:
    """A drill below production traffic would prove nothing about production: it is refused with the numbers."""
    small = TARGET.model_copy(update={"rate_max_per_s": Fraction(150)})
    with pytest.raises(RefusedError, match=r"allows 150/s in all, the SLOs need 200/s"):
        plan_of(small)


@pytest.mark.parametrize("quick", [True, False])
def test_the_fault_phase_is_long_enough_for_the_rto(*, quick: bool) -> None:
    """A recovery at the last moment of the RTO can still be seen to hold for the sustained length."""
    plan = plan_of(quick=quick)
    rto_s = max(objective.rto_ns for objective in plan.objectives) / 1e9
    assert plan.phase(PhaseName.FAULT).shortest_s >= rto_s + plan.sustain_ns / 1e9
    assert "RTO 10 s + 3 s" in plan.phase(PhaseName.FAULT).because


def test_only_claims_for_this_disruption_are_checked() -> None:
    """The loss of a zone is judged by the zone's recovery objective, not by the one for a software failure."""
    assert [objective.name for objective in plan_of().objectives] == ["shop-az"]


def test_every_hanging_request_finds_a_connection() -> None:
    """Connections suffice for each request of a whole time-out to hang, so that none of them waits for another."""
    profile = plan_of().profile
    hanging = sum(float(route.stages[0].rate_per_s) * route.timeout_s for route in profile.routes)
    assert profile.connections_max > hanging


def test_names_that_lead_nowhere_are_mistakes_with_their_lines(tmp_path: Path) -> None:
    """An SLO, a claim and a ledger that do not exist are all named at once."""
    path = tmp_path / "zone.yaml"
    path.write_text(
        (ROOT / "experiments/az-failure.yaml")
        .read_text()
        .replace("    disruption: az", "    slos: [orders-acepted]\n    claims: [shop-zone]\n    disruption: az")
        .replace("write: POST /orders", "write: POST /order")
    )
    with pytest.raises(FileError) as caught:
        plan_of(path=path)
    said = [str(mistake) for mistake in caught.value.mistakes]
    assert len(said) == 3
    assert "slos[0]: got 'orders-acepted', expected a name from the SLO files; known: catalogue-available" in said[0]
    assert "claims[0]: got 'shop-zone'" in said[1]
    assert "ledger.write: got 'POST /order'" in said[2]


def test_a_plan_survives_its_file() -> None:
    """What is stored with a run is the plan, exactly."""
    plan = plan_of()
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_the_blast_radius_names_actions_with_their_values() -> None:
    """Variables are resolved before a person is asked to look at them."""
    assert plan_of().blast_radius[0].startswith('chaosaws.ec2.actions.stop_instances {"az": "us-east-1a"')


def test_a_variable_without_a_value_is_a_mistake(tmp_path: Path) -> None:
    """A `${name}` nobody defines is found before anything starts."""
    path = tmp_path / "zone.yaml"
    path.write_text(
        (ROOT / "experiments/az-failure.yaml").read_text().replace("zone-silent: ${az}", "zone-silent: ${zone}")
    )
    with pytest.raises(FileError, match=r"got \$\{zone\}, expected a name from configuration:"):
        plan_of(path=path)


SECRETS = {
    "the target calls it secret": ("", ("SHOP_LOGIN",)),
    "the experiment calls it secret": ("secrets: {shop: {user: {type: env, key: SHOP_LOGIN}}}\n", ()),
}


@pytest.mark.parametrize("case", SECRETS)
def test_a_declared_secret_stands_in_no_plan_whatever_its_name(tmp_path: Path, case: str) -> None:
    """A variable that target or experiment call secret stays a name in the plan, also by way of configuration."""
    own, names = SECRETS[case]
    text = (ROOT / "experiments/az-failure.yaml").read_text()
    for old, new in (
        ("configuration:\n", f"{own}configuration:\n  login: {{type: env, key: SHOP_LOGIN}}\n"),
        ("      arguments:\n", '      arguments:\n        login: "${login}"\n'),
    ):
        assert old in text, old
        text = text.replace(old, new, 1)
    path = tmp_path / "zone.yaml"
    path.write_text(text)
    experiment, document = read_experiment(path)
    target = TARGET.model_copy(update={"secrets": names})
    plan = make(experiment, document, PROMISES, target, environment={"SHOP_LOGIN": "canary-of-a-login"})
    assert plan.actions[0].arguments["login"] == "${login}"
    assert "canary" not in plan.model_dump_json()


def test_what_the_target_calls_secret_stands_on_no_command_line(tmp_path: Path) -> None:
    """Whatever its name is in the experiment's configuration."""
    text = (ROOT / "experiments/az-failure.yaml").read_text()
    action = "{type: action, name: say, provider: {type: process, path: echo, arguments: ['${login}']}}"
    text = text.replace("configuration:\n", "configuration:\n  login: {type: env, key: SHOP_LOGIN}\n", 1)
    path = tmp_path / "zone.yaml"
    path.write_text(text.replace("method:\n", f"method:\n  - {action}\n", 1))
    assert plan_of(path=path, target=TARGET.model_copy(update={"environment_variables": {"SHOP_LOGIN": "me"}}))
    with pytest.raises(FileError, match=r"method\[0\].provider.arguments\[0\]: got \$\{login\}, a secret"):
        plan_of(path=path, target=TARGET.model_copy(update={"secrets": ("SHOP_LOGIN",)}))


CANARY = "canary-of-a-plan"


def stored(tmp_path: Path, old: str, new: str, names: tuple[str, ...], **environment: str) -> Plan:
    """The plan of the zone's loss, changed, on a target with these secrets."""
    text = (ROOT / "experiments/az-failure.yaml").read_text()
    assert old in text, old
    path = tmp_path / "zone.yaml"
    path.write_text(text.replace(old, new, 1))
    experiment, document = read_experiment(path)
    target = TARGET.model_copy(update={"secrets": names})
    return make(experiment, document, PROMISES, target, environment=environment)


def test_the_value_of_a_secret_in_a_plan_is_a_mistake(tmp_path: Path) -> None:
    """A plan is stored, and so is what is made of it: the value is not said, but where it stands and whose it is."""
    old, new = "        az: ${az}\n", f"        az: ${{az}}\n        note: for {CANARY}\n"
    with pytest.raises(FileError) as caught:
        stored(tmp_path, old, new, ("SHOP_LOGIN",), SHOP_LOGIN=CANARY)
    (said,) = map(str, caught.value.mistakes)
    assert (
        "got the value of SHOP_LOGIN at body.method[0].provider.arguments.note of the plan, expected no secret" in said
    )
    assert CANARY not in said
    assert stored(tmp_path, old, new, (), SHOP_LOGIN=CANARY)
    assert stored(tmp_path, old, new, ("SHOP_LOGIN",), SHOP_LOGIN="for")  # an ordinary word


@pytest.mark.parametrize("reads", ["prometheus", "an argument", "a command line"])
def test_an_address_with_a_password_is_not_resolved_into_a_plan(tmp_path: Path, reads: str) -> None:
    """Though only the environment holds it, and under a name that says nothing of it: the plan would be stored."""
    configuration = "configuration:\n  metrics: {type: env, key: METRICS}\n"
    text = (ROOT / "experiments/az-failure.yaml").read_text().replace("configuration:\n", configuration, 1)
    if reads == "prometheus":
        metric = "{name: up, prometheus: {url: '${metrics}', query: up, op: lt, value: 1}}"
        text = text.replace("    guard:", f"    guard:\n      metrics: [{metric}]", 1)
    elif reads == "an argument":
        text = text.replace("        az: ${az}\n", "        az: ${az}\n        url: ${metrics}\n", 1)
    else:
        process = "{type: process, path: psql, arguments: ['${metrics}', -c, x]}"
        text = text.replace("rollbacks:\n", f"rollbacks:\n  - {{type: action, name: x, provider: {process}}}\n", 1)
    path = tmp_path / "zone.yaml"
    path.write_text(text)
    experiment, document = read_experiment(path)
    for url, is_well in (("http://127.0.0.1:9", True), (f"http://me:{CANARY}@127.0.0.1:9", False)):
        if is_well:
            assert make(experiment, document, PROMISES, TARGET, environment={"METRICS": url})
            continue
        with pytest.raises(FileError) as caught:
            make(experiment, document, PROMISES, TARGET, environment={"METRICS": url})
        said = "".join(map(str, caught.value.mistakes))
        assert "configuration.metrics: got one with credentials in it, expected an address without user and" in said
        assert CANARY not in said


def test_a_guard_s_address_that_is_a_secret_is_a_mistake(tmp_path: Path) -> None:
    """Nobody would read it for the guard: the metric would tell nothing, and the run would stop before it began."""
    configuration = "configuration:\n  metrics: {type: env, key: METRICS}\n"
    metric = "{name: up, prometheus: {url: '${metrics}', query: up, op: lt, value: 1}}"
    text = (ROOT / "experiments/az-failure.yaml").read_text().replace("configuration:\n", configuration, 1)
    path = tmp_path / "zone.yaml"
    path.write_text(text.replace("    guard:", f"    guard:\n      metrics: [{metric}]", 1))
    experiment, document = read_experiment(path)
    target = TARGET.model_copy(update={"secrets": ("METRICS",)})
    with pytest.raises(RefusedError, match="guard metric up: its address comes from a secret"):
        make(experiment, document, PROMISES, target, environment={"METRICS": "http://127.0.0.1:9"})
