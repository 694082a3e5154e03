"""Secrets never reach what is written: canaries wherever one can come from, and a Chaos Toolkit that leaks them."""

import http.server
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from harness import fault, slo
from harness.clock import SystemClock
from harness.fault.control import Recorder
from harness.fault.redact import LINE_BYTES_MAX, redactor
from harness.judge import judge
from harness.plan import Plan, built_in_target, make, read_experiment
from harness.record import EventLog, Kind, read_events, read_record, write_json
from harness.report import html, json_text, show_plan, terminal
from harness.run.info import make_info
from tests.fault.canaries import Watch, leaks_in, needles_of

ROOT = Path(__file__).parents[2]
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEcanary1line0of0key0material\nsecond0line0canary0\n-----END PRIVATE KEY-----\n"
ODD = 'c4n"ry\\ä/w=r&d<%ß 1'
# Where a secret can come from, and what it is there.
CANARIES = {
    "SHOP_TOKEN": "canary-of-the-target-7f3a91",
    "DRILL_CREDENTIAL": "canary-of-the-experiment-1b2c3d",
    "DRILL_ODD": ODD,
    "DRILL_PEM": PEM,
    "DB_PASSWORD": "canary-in-configuration-99aa",
    "AWS_SECRET_ACCESS_KEY": "canary/of/aws+environment+00112233",
    "AWS_SESSION_TOKEN": "canary//session//445566",
}
IN_FILE = "canary+in+aws+credentials+file+778899"
EXPERIMENT = """\
title: A drill whose activities leak
description: Every activity does with its secrets what it should not.
configuration:
  db_password: {type: env, key: DB_PASSWORD}
  server: {type: env, key: LEAKY_SERVER}
secrets:
  shop:
    token: {type: env, key: DRILL_CREDENTIAL}
    odd: {type: env, key: DRILL_ODD}
    pem: {type: env, key: DRILL_PEM}
    target: {type: env, key: SHOP_TOKEN}
    aws: {type: env, key: AWS_SECRET_ACCESS_KEY}
    session: {type: env, key: AWS_SESSION_TOKEN}
steady-state-hypothesis:
  title: It stands
  probes:
    - {type: probe, name: steady, tolerance: true, provider: {type: python, module: tests.fault.leaky, func: steady}}
method:
  - {type: action, name: echo, provider: &echo {type: python, module: tests.fault.leaky, func: echo, secrets: [shop]}}
  - {type: action, name: tell, provider: {type: python, module: tests.fault.leaky, func: tell, secrets: [shop]}}
  - type: action
    name: ask
    provider:
      {type: python, module: tests.fault.leaky, func: ask, secrets: [shop], arguments: {url: "${server}"}}
  - type: probe
    name: asked by Chaos Toolkit
    provider:
      {type: http, url: "${server}", headers: {Authorization: "Bearer ${db_password}"}, secrets: [shop]}
  - {type: action, name: fail, provider: {type: python, module: tests.fault.leaky, func: fail, secrets: [shop]}}
rollbacks:
  - {type: action, name: undo, provider: {type: python, module: tests.fault.leaky, func: fail, secrets: [shop]}}
extensions:
  - name: wellproven
    disruption: az
    evidence:
      - probe: {name: leaks, tolerance: true, provider: *echo}
"""


class _Echo(http.server.BaseHTTPRequestHandler):
    """Sends back every header."""

    def do_GET(self) -> None:
        body = json.dumps(dict(self.headers)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", f"session={self.headers.get('Authorization', '')}")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}/"
        listening.shutdown()
        thread.join()


NEEDLES = needles_of([*CANARIES.values(), IN_FILE])


def leaks(content: bytes) -> list[bytes]:
    return leaks_in(content, NEEDLES)


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str) -> str:
    """The canaries, where they belong."""
    credentials = tmp_path / "credentials"
    credentials.write_text(f"[drills]\naws_access_key_id = AKIAABCDEFGHIJKLMNOP\naws_secret_access_key = {IN_FILE}\n")
    for name, value in {**CANARIES, "AWS_SHARED_CREDENTIALS_FILE": str(credentials), "LEAKY_SERVER": server}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return server


def _plan(folder: Path) -> Plan:
    path = folder / "leaky.yaml"
    path.write_text(EXPERIMENT)
    experiment, document = read_experiment(path)
    return make(experiment, document, slo.read([ROOT / "slos"]), built_in_target(), environment=os.environ, quick=True)


@pytest.mark.usefixtures("planted")
def test_no_secret_reaches_what_a_run_writes_or_shows(tmp_path: Path) -> None:
    """Returned, raised, printed, logged, answered by a server: nothing of it is in the folder, a report, a process."""
    plan, clock, run = _plan(tmp_path), SystemClock(), tmp_path / "run"
    run.mkdir()
    write_json(run / "run.json", make_info(plan, built_in_target(), (), "leaky/now", ["drill", "leaky"], clock=clock))
    write_json(run / "plan.json", plan)
    with Watch(NEEDLES) as watch:
        chaos = fault.start(plan, run, {"WELLPROVEN_RUN_DIR": str(run)}, clock=clock, secrets=["SHOP_TOKEN"])
        try:
            chaos.wait_ready()
            chaos.go(tmp_path / "no-entry")
            _until(lambda: any(event.name == "fail" for event in _events(run, Kind.FAULT_CALLED)) or chaos.poll())
            chaos.release()
            _until(lambda: chaos.poll() is not None)
        finally:
            chaos.stop()
    assert watch.looks > 5
    assert watch.seen == {}
    found = {str(path.relative_to(run)): leaks(path.read_bytes()) for path in run.rglob("*") if path.is_file()}
    assert {name: needles for name, needles in found.items() if needles} == {}
    # It all happened, and what is no secret is still there to be read.
    called = {event.name: event.data for event in _events(run, Kind.FAULT_CALLED)}
    assert [called[name]["status"] for name in ("echo", "tell", "ask", "fail")] == ["succeeded"] * 3 + ["failed"]
    assert "refused for" in str(called["fail"]["error"])
    journal = json.loads((run / "journal.json").read_text())
    outputs = {one["activity"]["name"]: one.get("output") for one in journal["run"]}
    assert outputs["echo"]["said"][0] == "the token is ***, you know"
    assert outputs["tell"] == "told"
    assert "using ***" in (run / "chaos.log").read_text()
    assert "echo" in (run / "chaos-events.jsonl").read_text()
    assert chaos.status() in {"completed", "deviated"}
    shown = io.StringIO()
    record = read_record(run)
    judgement = judge(record)
    terminal(judgement, Console(file=shown, width=200))
    show_plan(plan, Console(file=shown, width=200))
    for text in (html(record, judgement), json_text(judgement), shown.getvalue()):
        assert leaks(text.encode()) == []


def _events(run: Path, kind: Kind) -> list:
    return [event for event in read_events(run / "events.jsonl")[0] if event.kind is kind]


def _until(holds, longest_s: float = 60) -> None:
    deadline_s = time.monotonic() + longest_s
    while not holds():
        assert time.monotonic() < deadline_s, "it did not come in time"
        time.sleep(0.05)


def test_what_an_experiment_calls_secret_is_unknown_to_its_plan(planted: str, tmp_path: Path) -> None:
    """A plan resolves names for those who read it; a name that looks like a secret's stays a name."""
    plan = _plan(tmp_path)
    assert leaks(plan.model_dump_json().encode()) == []
    assert planted in plan.model_dump_json()


def test_the_needles_are_found_where_they_are() -> None:
    """The search itself works: each canary is found in a file that has it."""
    for value in [*CANARIES.values(), IN_FILE]:
        assert leaks(f"before {value.strip()} after".encode())
        assert leaks(json.dumps({"a": value.strip()}).encode())


def test_half_a_secret_is_not_shown_either(planted: str, tmp_path: Path) -> None:
    """An error that is too long for the record is cut; the part of a secret that is left would be known as none."""
    del planted
    path, secret = tmp_path / "events.jsonl", CANARIES["SHOP_TOKEN"].strip()
    log = EventLog(path, SystemClock(), redactor().value)
    for left in range(8, len(secret)):
        run = {"status": "failed", "exception": [f"Refused: {secret}{'.' * (500 - left)}"]}
        Recorder(log, None).activity_completed({"type": "action", "name": "long"}, run)
    log.close()
    content = path.read_text()
    assert content.count("fault.called") == len(secret) - 8
    assert not any(secret[-left:] + "." in content for left in range(3, len(secret)))


DOOR = """
import json, os, sys
from pathlib import Path
from harness.fault.redact import LINE_BYTES_MAX, door
secret, folder = os.environ["SHOP_TOKEN"], Path(sys.argv[1])
with door(folder / "events", folder / "journal") as (events, journal):
    print("x" * (LINE_BYTES_MAX - len(secret) // 2) + secret)  # half of it on either side of the cut
    print("after", secret)
    line = json.dumps({"long": "x" * LINE_BYTES_MAX, "db_password": "canary-of-a-field"})
    Path(events).write_text(line + "\\n" + '{"short": 1}' + "\\n")
    Path(journal).write_text("{}")
"""


def test_a_line_that_is_too_long_is_left_out_whole(planted: str, tmp_path: Path) -> None:
    """Cut in two, a secret is known in neither half, and JSON is none, so that no field of it is known."""
    del planted
    done = subprocess.run([sys.executable, "-c", DOOR, str(tmp_path)], capture_output=True, timeout=60, check=True)
    left_out, after = done.stdout.decode().splitlines()
    assert json.loads(left_out) == {"left out": f"a line of more than {LINE_BYTES_MAX} bytes"}
    assert after == "after ***"
    assert (tmp_path / "events").read_text() == f'{left_out}\n{{"short": 1}}\n'


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    redactor.cache_clear()
    yield
    redactor.cache_clear()
