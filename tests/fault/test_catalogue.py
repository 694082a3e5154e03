"""The catalogue: every fault is real, undone by its end whatever went before, and documented."""

import importlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import psutil
import pytest
from chaoslib.exceptions import ActivityFailed

import harness
from harness.fault import (
    RUN_VARIABLE,
    catalogue,
    envoy_abort,
    envoy_delay,
    metric,
    process_kill,
    process_pause,
    response_time,
    surge,
    toxiproxy_cut,
)
from harness.identity import Identity
from harness.testbed import Bed
from tests.fault import here_servers
from tests.testbed.beds import bed_up, eventually, keys_of

ROOT = Path(__file__).parents[2]
LISTENER = """
import os, socket, time
listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
print(listener.getsockname()[1], flush=True)
time.sleep(120)
"""


def listener(port: int = 0) -> tuple[subprocess.Popen[str], int]:
    """A process that listens on a port of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", LISTENER], stdout=subprocess.PIPE, text=True, env={**os.environ, "PORT": str(port)}
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


@pytest.fixture
def listening() -> Iterator[tuple[subprocess.Popen[str], int]]:
    process, port = listener()
    yield process, port
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.parametrize("name", catalogue.FAULTS)
def test_every_fault_has_its_parts_and_its_line_in_the_documentation(name: str) -> None:
    """Begin, end and a probe of its healing, each with a docstring; experiments/README.md has it in the table."""
    module = importlib.import_module(f"harness.fault.{name}")
    assert {"begin", "end", "is_healed"} <= set(module.__all__)
    assert all(getattr(module, function).__doc__ for function in module.__all__)
    assert f"| `harness.fault.{name}` |" in (ROOT / "experiments/README.md").read_text()


def test_every_fault_file_is_in_the_catalogue() -> None:
    """A file with `begin` and `end` that discovery does not list would never be found."""
    files = {path.stem for path in (ROOT / "harness/fault").glob("*.py") if "\ndef begin(" in path.read_text()}
    assert files == set(catalogue.FAULTS)


def test_discovery_lists_faults_as_actions_and_looks_as_probes() -> None:
    """Chaos Toolkit finds what the catalogue has, by kind, with its arguments."""
    found = {(one["mod"], one["name"]): one for one in harness.discover()["activities"]}
    assert found["harness.fault.noop", "begin"]["type"] == "action"
    assert found["harness.fault.envoy_delay", "delays_injected_per_s"]["type"] == "probe"
    assert found["harness.fault.metric", "value"]["type"] == "probe"
    arguments = {one["name"] for one in found["harness.fault.envoy_delay", "begin"]["arguments"]}
    assert arguments == {"admin_url", "delay_ms", "jitter_ms", "percent"}


def test_a_paused_process_hangs_and_goes_on(listening: tuple[subprocess.Popen[str], int]) -> None:
    """Stopped until the end; an end twice, and one where nothing was begun, do nothing."""
    process, port = listening
    process_pause.end(port)
    assert process_pause.begin(str(port)) == [process.pid]
    eventually("it is stopped", lambda: process_pause.stopped_count(port) == 1, within_s=5)
    assert psutil.Process(process.pid).status() == psutil.STATUS_STOPPED
    assert not process_pause.is_healed(port)
    assert process_pause.end(port) == [process.pid]
    eventually("it goes on", lambda: process_pause.is_healed(port), within_s=5)
    assert process_pause.end(port) == []


def test_who_was_stopped_goes_on_though_its_parent_was_replaced(state: Path) -> None:
    """What answers nobody is often killed and started anew; its children would stand still for good."""
    with here_servers.listening("1") as (owner, port):
        (child,) = owner.children()
        assert process_pause.begin(port) == [owner.pid, child.pid]
        owner.kill()
        eventually("it is gone", lambda: not Identity.of(owner.pid).is_alive, within_s=5)
        assert child.status() == psutil.STATUS_STOPPED
        assert not process_pause.is_healed(port)
        assert child.pid in process_pause.end(port)
        eventually("it goes on", lambda: child.status() != psutil.STATUS_STOPPED, within_s=5)
        assert not list(state.glob("paused-*"))


def test_the_age_of_a_process_is_its_age_however_the_wall_clock_was_set(
    listening: tuple[subprocess.Popen[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set back by an hour, an age by the wall clock would be less than the fault's, and the process taken for new."""
    _, port = listening
    really_s = time.time
    monkeypatch.setattr(time, "time", lambda: really_s() - 3600)
    assert 0 <= process_kill.youngest_age_s(port) < 600


def test_a_killed_process_is_gone_until_somebody_starts_it_again(
    listening: tuple[subprocess.Popen[str], int],
) -> None:
    """Its age tells that it is another one; an end that nobody helps says what to do."""
    process, port = listening
    assert 0 <= process_kill.youngest_age_s(port) < 3600
    assert process_kill.begin(port) == [process.pid]
    process.wait()
    assert process_kill.youngest_age_s(port) == -1
    assert not process_kill.is_healed(port)
    with pytest.raises(ActivityFailed, match=rf"nobody listens again on {port}: start what belongs there"):
        process_kill.end(port, within_s=0.1)
    second, same = listener(port)
    try:
        assert same == port
        assert process_kill.end(port) == "every port is listened on"
        assert process_kill.is_healed(port)
    finally:
        second.kill()
        second.wait()
        assert second.stdout is not None
        second.stdout.close()


def test_a_port_nobody_listens_on_is_no_target(listening: tuple[subprocess.Popen[str], int]) -> None:
    """One port without a listener, and nothing is done to the others either."""
    process, port = listening
    for fault in (process_pause, process_kill):
        with pytest.raises(ActivityFailed, match="nobody listens on 1 that we may see"):
            fault.begin(f"{port},1")
    assert process.poll() is None
    assert process_pause.stopped_count(port) == 0


def test_a_drill_ends_no_surge_that_was_begun_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a run nor who undoes it later stops somebody else's traffic, or waits for its end."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    theirs = subprocess.Popen(["sleep", "60"])
    try:
        surge._pid_file().write_text(Identity.of(theirs.pid).model_dump_json())
        monkeypatch.setenv(RUN_VARIABLE, str(tmp_path))
        assert surge.end() == "the run lowers its own arrivals"
        assert surge.is_healed()
        assert theirs.poll() is None
        monkeypatch.delenv(RUN_VARIABLE)
        assert not surge.is_healed()
        surge.end()
        assert surge.is_healed()
        assert theirs.poll() is not None
    finally:
        theirs.kill()
        theirs.wait()


@pytest.mark.parametrize(
    ("begin", "said"),
    [
        (lambda: envoy_delay.begin("http://127.0.0.1:9", "soon"), "delay_ms: got 'soon', expected a number"),
        (lambda: envoy_delay.begin("http://127.0.0.1:9", 10, percent=101), "percent: got 101, expected 0 to 100"),
        (lambda: envoy_abort.begin("http://127.0.0.1:9", 200), "http_status: got 200, expected 400 to 599"),
        (lambda: envoy_abort.begin("http://127.0.0.1:9"), "admin interface does not answer"),
        (lambda: process_pause.begin("none"), "ports: got 'none', expected a number"),
        (lambda: process_kill.begin(""), "ports: got '', expected one or several"),
        (lambda: metric.value("http://127.0.0.1:9", "up"), "ConnectionError"),
    ],
)
def test_what_cannot_be_done_says_why(begin, said: str) -> None:
    """Got, expected, and what does not answer; never a traceback of somebody else's."""
    with pytest.raises(ActivityFailed, match=said):
        begin()


class Remembering(BaseHTTPRequestHandler):
    """A Toxiproxy, or an Envoy's admin interface, without any tokens of its own."""

    def do_POST(self) -> None:
        self.server.seen.append(self.headers.get("Authorization"))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"enabled": true}')

    do_GET = do_POST  # noqa: N815  http.server's name

    def log_message(self, *_: object) -> None:
        pass


def test_a_token_is_sent_where_there_is_one_and_none_where_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each from a variable of its own; without it, an ordinary Toxiproxy or Envoy is called as ever."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Remembering) as server:
        server.seen = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        for name in ("WELLPROVEN_TOXIPROXY_TOKEN", "WELLPROVEN_ENVOY_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        toxiproxy_cut.end(url, "cache")
        envoy_delay.end(url)
        monkeypatch.setenv("WELLPROVEN_TOXIPROXY_TOKEN", "one")
        monkeypatch.setenv("WELLPROVEN_ENVOY_TOKEN", "two\n")
        toxiproxy_cut.end(url, "cache")
        envoy_delay.end(url)
        server.shutdown()
    assert server.seen == [None, None, "Bearer one", "Bearer two"]


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with bed_up("catalogue") as bed, keys_of(bed):
        yield bed


@pytest.mark.bed
def test_a_delay_is_there_until_its_end(bed: Bed) -> None:
    """Measured from outside; a new dose replaces the old one, jitter included; no end is one too many."""
    status = bed.status()
    admin, url = status.endpoints["envoy_admin"], f"{status.endpoints['pricing']}/price/sku-1"
    envoy_delay.end(admin)
    envoy_delay.begin(admin, "200", jitter_ms=50)
    assert response_time.median_ms(url) >= 145
    assert not envoy_delay.is_healed(admin)
    envoy_delay.begin(admin, 100)
    assert 95 <= response_time.median_ms(url) < 145
    envoy_delay.end(admin)
    envoy_delay.end(admin)
    assert envoy_delay.is_healed(admin)
    assert envoy_delay.delays_injected_per_s(admin, over_s=0.1) == 0
    assert response_time.median_ms(url) < 90


@pytest.mark.bed
def test_errors_are_there_until_their_end(bed: Bed) -> None:
    """Every answer is the status asked for, and none is afterwards."""
    status = bed.status()
    admin, url = status.endpoints["envoy_admin"], f"{status.endpoints['pricing']}/price/sku-1"
    envoy_abort.begin(admin, http_status="500")
    assert {httpx.get(url).status_code for _ in range(5)} == {500}
    assert not envoy_abort.is_healed(admin)
    envoy_abort.end(admin)
    envoy_abort.end(admin)
    assert {httpx.get(url).status_code for _ in range(5)} == {200}
    assert envoy_abort.is_healed(admin)
