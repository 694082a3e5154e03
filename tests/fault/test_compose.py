"""The experiment as Chaos Toolkit is given it."""

import json
import os
import subprocess
import sys
from pathlib import Path

from harness import slo
from harness.fault import compose
from harness.plan import Plan, built_in_target, make, read_experiment

ROOT = Path(__file__).parents[2]


def plan_of() -> Plan:
    experiment, document = read_experiment(ROOT / "experiments/az-failure.yaml")
    return make(experiment, document, slo.read([ROOT / "slos"]), built_in_target(), environment={}, quick=True)


def test_the_users_document_is_left_as_it_is(tmp_path: Path) -> None:
    """Composing changes a copy: the stored plan keeps what the user wrote."""
    plan = plan_of()
    before = json.dumps(plan.body)
    compose(plan, tmp_path)
    assert json.dumps(plan.body) == before


def test_the_run_decides_how_long_the_fault_stays(tmp_path: Path) -> None:
    """The pause for runs by hand gives way to a hold that ends when the run says so; healing is waited for last."""
    composed = compose(plan_of(), tmp_path)
    names = [activity["name"] for activity in composed["method"]]
    assert names == ["wellproven: evidence before", "stop every instance of the zone", "wellproven: hold"]
    assert composed["method"][1]["pauses"] == {}
    assert composed["rollbacks"][-1]["name"] == "wellproven: healed"


def test_an_experiment_without_a_hypothesis_gets_one_from_its_slos(tmp_path: Path) -> None:
    """Every critical SLO must be kept before the fault and again, with the fault still there, after it."""
    probes = compose(plan_of(), tmp_path)["steady-state-hypothesis"]["probes"]
    assert [probe["name"] for probe in probes] == [f"{one.name} kept" for one in plan_of().slos if one.critical]


def test_a_hypothesis_of_the_users_is_kept(tmp_path: Path) -> None:
    """What the user calls steady is what Chaos Toolkit checks."""
    own = {"title": "Mine", "probes": [{"type": "probe", "name": "mine", "tolerance": 200, "provider": {}}]}
    plan = plan_of()
    plan = plan.model_copy(update={"body": {**plan.body, "steady-state-hypothesis": own}})
    assert compose(plan, tmp_path)["steady-state-hypothesis"] == own


def test_chaos_toolkit_finds_both_documents_valid(tmp_path: Path) -> None:
    """`chaos validate` accepts the file as written, and as composed."""
    composed = tmp_path / "composed.json"
    composed.write_text(json.dumps(compose(plan_of(), tmp_path)))
    chaos = Path(sys.executable).with_name("chaos")
    for file in (*(one for one in (ROOT / "experiments").glob("*.yaml") if one.stem != "targets"), composed):
        done = subprocess.run(
            [chaos, "--no-version-check", "--no-log-file", "validate", file],
            capture_output=True,
            text=True,
            env={**os.environ, "NO_COLOR": "1"},
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
