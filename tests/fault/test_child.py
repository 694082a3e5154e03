"""The Chaos Toolkit child before anything is touched, and whose account it would act on."""

import json
import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.clock import SystemClock
from harness.errors import RefusedError
from harness.fault.chaos import Chaos
from tests.fault.test_compose import plan_of
from tests.review.wa_server import ACCOUNT, serve
from tests.review.wa_world import world

EXPERIMENT = {"title": "t", "description": "d", "method": [], "steady-state-hypothesis": {"title": "s", "probes": []}}


def child(folder: Path, endpoint: str, allowed: str, document: object = EXPERIMENT) -> tuple[int, str]:
    """Exit code and output of a child that is told to go no further than `ready`."""
    (folder / "experiment.json").write_text(json.dumps(document))
    variables = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "eu-central-1",
        "AWS_CONFIG_FILE": "/dev/null",
        "WELLPROVEN_AWS_ACCOUNT": allowed,
        "HOME": str(folder),
    }
    done = subprocess.run(
        [sys.executable, "-m", "harness.fault.child", str(folder)],
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        env={**{key: value for key, value in os.environ.items() if not key.startswith("AWS_")}, **variables},
        check=False,
    )
    return done.returncode, done.stdout


def test_the_account_the_target_allows_is_gone_on_with(tmp_path: Path) -> None:
    """The child says that it is ready."""
    with serve(world()) as endpoint:
        assert child(tmp_path, endpoint, ACCOUNT) == (0, "ready\n")


def test_another_account_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    """Exit code 77, and which accounts they are."""
    with serve(world()) as endpoint:
        code, said = child(tmp_path, endpoint, "999999999999")
    assert code == 77
    assert f"refused: the credentials are of AWS account {ACCOUNT}, the target allows 999999999999" in said


def test_an_account_that_cannot_be_asked_for_is_refused(tmp_path: Path) -> None:
    """Nobody answers: no drill."""
    code, said = child(tmp_path, "http://127.0.0.1:1", ACCOUNT)
    assert code == 77
    assert f"refused: the target allows AWS account {ACCOUNT}, and who we are there cannot be asked" in said


@pytest.mark.parametrize("place", ["experiment", "hypothesis", "probe", "action", "rollback", "settings"])
def test_a_control_that_is_not_there_is_refused_wherever_it_stands(tmp_path: Path, place: str) -> None:
    """Chaos Toolkit goes on without it, and says so to nobody."""
    there = {"type": "python", "module": "json"}
    one = {"type": "action", "name": "a", "provider": {**there, "func": "dumps", "arguments": {"obj": 1}}}
    document: dict[str, Any] = {**deepcopy(EXPERIMENT), "method": [one], "rollbacks": [{**one, "name": "b"}]}
    probe = {**one, "type": "probe", "name": "p", "tolerance": "1"}
    document["steady-state-hypothesis"]["probes"].append(probe)
    holders = {"experiment": document, "hypothesis": document["steady-state-hypothesis"], "probe": probe}
    holders |= {"action": one, "rollback": document["rollbacks"][0]}
    for module in ("json", "no_such_module"):
        control = {"name": "c", "provider": {"type": "python", "module": module}}
        if place == "settings":
            (tmp_path / ".chaostoolkit").mkdir(exist_ok=True)
            settings = {"controls": {"c": {"provider": control["provider"]}, "only-a-name": {}}}
            (tmp_path / ".chaostoolkit" / "settings.yaml").write_text(yaml.safe_dump(settings))
        else:
            holders[place]["controls"] = [control]
        with serve(world()) as endpoint:
            code, said = child(tmp_path, endpoint, ACCOUNT, document)
        if module == "json":
            assert (code, said) == (0, "ready\n")
        else:
            assert code == 65
            *_, last = said.splitlines()
            assert last.startswith("invalid: control ")
            assert "No module named 'no_such_module'" in last


@pytest.mark.parametrize(
    "settings", ["[]", "words", "controls: []", "controls: {c: 1}", "controls: {c: {provider: x}}"]
)
def test_settings_of_another_shape_are_no_traceback(tmp_path: Path, settings: str) -> None:
    """They are the user's own file: what cannot be a control is refused, and the rest is Chaos Toolkit's affair."""
    (tmp_path / ".chaostoolkit").mkdir()
    (tmp_path / ".chaostoolkit" / "settings.yaml").write_text(settings)
    with serve(world()) as endpoint:
        code, said = child(tmp_path, endpoint, ACCOUNT)
    assert code == (65 if settings == "controls: {c: 1}" else 0)
    assert said.splitlines()[-1] == (
        "invalid: control 'c', of Chaos Toolkit's settings: no mapping" if code else "ready"
    )


@pytest.mark.parametrize("said", ["it is already there", "not ready", "ready or not"])
def test_only_a_line_of_its_own_says_that_the_child_is_ready(tmp_path: Path, said: str) -> None:
    """A library that prints the word while it is loaded does not make the run go on with a child that then refuses."""
    (tmp_path / "chaos.log").write_text(f"{said}\nrefused: another account\n")
    with subprocess.Popen([sys.executable, "-c", "raise SystemExit(77)"], stdin=subprocess.PIPE) as process:
        process.wait()
        plan = plan_of().model_copy(update={"file": "experiments/t.yaml"})
        with pytest.raises(RefusedError, match="another account"):
            Chaos(process, plan, tmp_path, SystemClock()).wait_ready()
    (tmp_path / "chaos.log").write_text(f"{said}\nready\n")
    Chaos(process, plan, tmp_path, SystemClock()).wait_ready()
