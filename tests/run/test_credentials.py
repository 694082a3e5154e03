"""What is asked beside the load may want credentials: headers name variables, and no file ever holds what they do."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from harness.clock import ManualClock, SystemClock
from harness.errors import FileError, NotAvailableError
from harness.plan import MetricRule, Plan, asking_variables, make, read_experiment, secret_variables
from harness.plan.target import built_in_target
from harness.record import read_observations
from harness.run.observer import observe
from harness.run.readback import read_survivors
from harness.slo import read
from tests.run.looking import looking, of
from tests.test_cli import wellproven
from tests.testbed.beds import eventually

ROOT = Path(__file__).parents[2]
TOKEN = "canary-5d1e77c0"
BASIC = base64.b64encode(f"drill:{TOKEN}".encode()).decode()


class Closed(BaseHTTPRequestHandler):
    """Answers nobody without credentials."""

    def do_GET(self) -> None:
        """Survivors for a bearer, a metric for basic authentication."""
        wanted, body = f"Bearer {TOKEN}", {"ids": ["x-1"] if "after=&" in f"{self.path}&" else []}
        if self.path.startswith("/api/v1/query"):
            wanted, body = f"Basic {BASIC}", {"status": "success", "data": {"resultType": "scalar", "result": [1, "7"]}}
        elif self.path == "/health":
            body = {"state": "CLOSED"}
        known = self.headers.get("Authorization") == wanted
        answer = json.dumps(body if known else {}).encode()
        if self.path == "/metrics" and known:
            answer = b"asked_total 42\nbreaker_open 0\n"
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    """Where that server is."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Closed) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def experiment(folder: Path, **headers: str) -> Path:
    """The az-failure drill, whose survivors are read with these headers."""
    text = (ROOT / "experiments/az-failure.yaml").read_text()
    document = yaml.safe_load(text)
    document["extensions"][0]["ledger"]["survivors"] = {
        "request": "GET /orders?prefix={prefix}&after={after}", "ids": "/ids", "headers": headers,
    }  # fmt: skip
    path = folder / "az-failure.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def test_survivors_are_read_with_a_token(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands in the plan by its name, is known to be secret, and is no file's."""
    made, document = read_experiment(experiment(tmp_path, Authorization="Bearer ${SHOP_TOKEN}"))
    assert asking_variables(made) == {"SHOP_TOKEN"} <= secret_variables(made)
    target = built_in_target(url, {"DRILL_AZ": "us-east-1a"})
    plan = make(made, document, read([ROOT / "slos"]), target, environment=target.environment_variables)
    run = tmp_path / "run"
    run.mkdir()
    with pytest.raises(NotAvailableError, match="SHOP_TOKEN"):
        read_survivors(plan, run, clock=ManualClock())
    monkeypatch.setenv("SHOP_TOKEN", "another")
    with pytest.raises(NotAvailableError, match="status 401"):
        read_survivors(plan, run, clock=ManualClock())
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    assert read_survivors(plan, run, clock=ManualClock()) == 1
    assert TOKEN not in plan.model_dump_json()
    assert not [path for path in run.iterdir() if TOKEN in path.read_text()]


def test_a_guards_query_is_asked_with_credentials(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without them the look fails, which trips the guard in the end; they reach no observation."""
    monkeypatch.setenv("PROMETHEUS_BASIC", BASIC)
    headers = {"Authorization": "Basic ${PROMETHEUS_BASIC}"}
    closed = MetricRule(name="closed", how="prometheus", url=url, query="up", every_s=0.05)
    opened = closed.model_copy(update={"name": "opened", "headers": headers})
    with looking(tmp_path, closed, opened) as looks:
        eventually("a value", lambda: bool(of(looks, "opened").value), within_s=5)
        eventually("a failed look", lambda: of(looks, "closed").failures > 0, within_s=5)
        assert "401" in of(looks, "closed").problem
    assert BASIC not in (tmp_path / "observations.jsonl").read_text()


METRIC = {"metric": "breaker_open", "states": {"0": "closed"}}
WATCHED = {"metric": {"path": "/metrics", **METRIC}, "health": {"path": "/health", "pointer": "/state"}}


@pytest.mark.parametrize("how", WATCHED)
def test_what_is_watched_is_asked_with_credentials(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """A breaker's state, and the requests that reach a dependency; without them nothing is seen, nothing guessed."""
    document = yaml.safe_load((ROOT / "experiments/circuit-breaker.yaml").read_text())
    drill, headers = document["extensions"][0], {"Authorization": "Bearer ${SHOP_TOKEN}"}
    said: dict[str, object] = {"states": {"CLOSED": "closed"}, **WATCHED[how], "headers": headers}
    del drill["breaker"]["metric"]
    drill["breaker"][how] = {"urls": f"{url}{said.pop('path')}", **said}
    drill["dependency"]["requests"] = {"urls": f"{url}/metrics", "metric": "asked_total", "headers": headers}
    path = tmp_path / "watched.yaml"
    path.write_text(yaml.safe_dump(document))
    made, read_back = read_experiment(path)
    assert asking_variables(made) == {"SHOP_TOKEN"}
    target = built_in_target(url, {"DRILL_ENVOY_ADMIN_URL": url})
    plan = make(made, read_back, read([ROOT / "slos"]), target, environment=target.environment_variables)
    assert looked_at(plan, tmp_path / "without") == {None}
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    assert looked_at(plan, tmp_path / "with") == {"closed", 42.0}
    assert TOKEN not in (tmp_path / "with" / "observations.jsonl").read_text() + plan.model_dump_json()


def looked_at(plan: Plan, run: Path) -> set[object]:
    """What was seen until a breaker and its dependency were looked at."""
    run.mkdir()
    file = run / "observations.jsonl"
    observer = observe(plan, run, clock=SystemClock())
    eventually("looks at both", lambda: len({look.what for look in read_observations(file)}) == 2, within_s=10)
    observer.stop()
    return {look.value for look in read_observations(file)}


WRONG = {
    "a secret written out": ({"Authorization": "Bearer abc"}, "an environment variable that holds it"),
    "no name of a header": ({"a b": "c"}, "the name of an HTTP header"),
    "two lines": ({"X-Team": "a\nb"}, "one line of ASCII text"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_header_that_cannot_be_is_a_mistake(tmp_path: Path, case: str) -> None:
    """Said with its line; a secret that stands there is not shown."""
    headers, expected = WRONG[case]
    with pytest.raises(FileError) as raised:
        read_experiment(experiment(tmp_path, **headers))
    assert expected in str(raised.value)
    assert "Bearer abc" not in str(raised.value)


def test_a_drill_asks_for_the_variables_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only when the load is over, and survivors should be read."""
    monkeypatch.chdir(ROOT)
    path = experiment(tmp_path, Authorization="Bearer ${SHOP_TOKEN_OF_NOBODY}")
    code, _, err = wellproven("drill", str(path), "--runs", str(tmp_path / "runs"))
    assert code == 69
    assert "must be set first: SHOP_TOKEN_OF_NOBODY" in err
    assert not (tmp_path / "runs").exists()
