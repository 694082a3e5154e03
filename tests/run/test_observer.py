"""What is read from the target beside our own requests, from real addresses."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from chaoslib.exceptions import ActivityFailed

from harness.clock import SystemClock
from harness.fault import metric
from harness.plan import Breaker, BreakerState, Dependency, Metric, PhaseName, Plan
from harness.record import Observation, Seen, read_observations
from harness.run.observer import observe
from tests.judge.records import make_plan
from tests.testbed.beds import eventually

BODY = {
    "/metrics": """# TYPE shop_breaker_state gauge
shop_breaker_state{breaker="pricing"} 2.0
shop_breaker_state{breaker="other"} 0.0
# TYPE asked_total counter
asked_total{to="pricing",zone="a"} 40
asked_total{to="pricing",zone="b"} 2.0
asked_total{to="other"} 7
""",
    "/health": json.dumps({"components": [{"state": "HALF_OPEN"}]}),
    "/odd": '{"components": "none"}',
}


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/metrics")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = BODY[self.path].encode()
        self.send_response(503)  # a service that is down says its state all the same
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def breaker(**more: object) -> Breaker:
    promised = {"opened_within_ns": 1, "fails_fast_within_ns": 1, "sheds": "9/10", "closed_within_ns": 1}
    return Breaker.model_validate({"name": "pricing", **promised, **more})


def dependency(url: str) -> Dependency:
    counter = Metric(urls=(url,), metric="asked_total", labels={"to": "pricing"})
    return Dependency(name="pricing", route="GET /price", requests=counter, amplification=None, answers_within_ns=None)


def watching(**more: object) -> Plan:
    nothing = {"budget": None, "evidence": (), "healed": (), "ledger": None}
    plan = make_plan((), (), {"GET /price": 10}, 3, {PhaseName.BASELINE: (0.0, 1.0)}, **nothing)
    return plan.model_copy(update={"observe_every_ns": 20_000_000, **more})


@contextmanager
def seen(plan: Plan, run_dir: Path, at_least: int) -> Iterator[tuple[Observation, ...]]:
    observer = observe(plan, run_dir, clock=SystemClock())
    try:
        file = run_dir / "observations.jsonl"
        eventually("looks", lambda: len(read_observations(file)) >= at_least, within_s=10)
    finally:
        observer.stop()
    yield read_observations(file)


def test_a_metric_becomes_a_state_and_a_counter_is_summed(server: str, tmp_path: Path) -> None:
    """2 means open, as the plan says; the counter counts the dependency's requests only, over all its series."""
    states = {"0": BreakerState.CLOSED, "2": BreakerState.OPEN}
    metric = breaker(
        how="metric", urls=[f"{server}/metrics"], metric="shop_breaker_state", labels={"breaker": "pricing"},
        states=states,
    )  # fmt: skip
    plan = watching(breaker=metric, dependency=dependency(f"{server}/metrics"))
    with seen(plan, tmp_path, at_least=6) as looks:
        assert {look.value for look in looks if look.what is Seen.BREAKER} == {"open"}
        assert {look.value for look in looks if look.what is Seen.DEPENDENCY} == {42.0}
        assert {look.source for look in looks} == {server.removeprefix("http://")}
        assert all(look.at_ns <= look.done_ns for look in looks)


def test_a_health_body_says_the_state(server: str, tmp_path: Path) -> None:
    """A state deep in a JSON document is read, whatever the status of the answer."""
    states = {"HALF_OPEN": BreakerState.HALF_OPEN}
    health = breaker(how="health", urls=[f"{server}/health"], pointer="/components/0/state", states=states)
    with seen(watching(breaker=health), tmp_path, at_least=2) as looks:
        assert {look.value for look in looks} == {"half-open"}


@pytest.mark.parametrize("path", ["/odd", "/metrics"])
def test_what_says_something_else_is_seen_without_a_value(server: str, tmp_path: Path, path: str) -> None:
    """A body that is not what was expected is an observation of nothing, never a guess, and ends nothing."""
    health = breaker(how="health", urls=[f"{server}{path}"], pointer="/components/0/state", states={"UP": "closed"})
    with seen(watching(breaker=health), tmp_path, at_least=2) as looks:
        assert {look.value for look in looks} == {None}


def test_an_answer_leads_nowhere_else(server: str, tmp_path: Path) -> None:
    """A redirect could lead to a host that the target does not allow: it is no answer, to a fault's probe neither."""
    with seen(watching(dependency=dependency(f"{server}/moved")), tmp_path, at_least=2) as looks:
        assert {look.value for look in looks} == {None}
    with pytest.raises(ActivityFailed, match="status 302"):
        metric.value(f"{server}/moved", "asked_total")


def test_an_address_that_does_not_answer_is_seen_without_a_value(tmp_path: Path) -> None:
    """The judge learns that nobody answered; a gap without a line would look like a look that was never made."""
    health = breaker(how="health", urls=["http://127.0.0.1:9/health"], pointer="/state", states={"UP": "closed"})
    with seen(watching(breaker=health), tmp_path, at_least=2) as looks:
        assert {look.value for look in looks} == {None}


def test_nothing_is_asked_where_nothing_is_watched(tmp_path: Path) -> None:
    """A plan without breaker and dependency leaves an empty file."""
    observe(watching(), tmp_path, clock=SystemClock()).stop()
    assert read_observations(tmp_path / "observations.jsonl") == ()


def test_a_torn_line_is_left_out(tmp_path: Path) -> None:
    """A record cut in the middle of a line still reads."""
    look = Observation(at_ns=1, done_ns=2, what=Seen.BREAKER, source="a:1", value="open")
    line = look.model_dump_json()
    (tmp_path / "observations.jsonl").write_text(f"{line}\n{line[:-9]}")
    assert read_observations(tmp_path / "observations.jsonl") == (look,)
