"""Answers from the network, damaged: as JSON or text inside a sound HTTP answer, and as HTTP itself."""

import contextlib
import gzip
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random

from chaoslib.exceptions import ActivityFailed

from harness import slo
from harness.clock import ManualClock
from harness.fault import envoy, metric, netem, toxiproxy_cut, toxiproxy_delay
from harness.plan import MetricRule, Plan, built_in_target, make, read_experiment
from harness.record import EventLog
from harness.record import Kind as EventKind
from harness.run.guard import GuardWatch
from harness.run.live import Live
from harness.run.looks import Looks
from harness.run.observer import _look, _Watched, _watched
from harness.run.readback import read_survivors
from tests.fuzz.kind import ROOT, How, Kind, Mutate, json_tree, written
from tests.fuzz.mutate import of_bytes, of_lines
from tests.judge.test_breaker import PLAN, dependency
from tests.run.looking import plan_of

HEAD_BYTES_MAX = 65_536


class Speaker:
    """A server on loopback that answers every request with the same bytes, and hangs up."""

    def __init__(self) -> None:
        self.content = b""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            with self._socket.accept()[0] as connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                self._hear(connection)
                connection.sendall(self.content)

    def _hear(self, connection: socket.socket) -> None:
        """Read a request whole: an answer to half of one would be lost by the hanging up."""
        heard = b""
        while b"\r\n\r\n" not in heard and len(heard) < HEAD_BYTES_MAX:
            heard += connection.recv(HEAD_BYTES_MAX) or b"\r\n\r\n"
        head, _, body = heard.partition(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                missing = int(line.partition(b":")[2]) - len(body)
                while missing > 0 and (piece := connection.recv(HEAD_BYTES_MAX)):
                    missing -= len(piece)


@cache
def speaker() -> Speaker:
    """One for all kinds."""
    return Speaker()


def http(bodies: list[bytes], how: How, statuses: tuple[int, ...] = (200,)) -> Mutate:
    """One of the bodies, mostly damaged itself, sometimes packed or in pieces, sometimes with damage to the HTTP."""

    def mutate(random: Random) -> bytes:
        body, status = random.choice(bodies), random.choice(statuses)
        way = random.random()
        if way < 0.8:
            body = how(body, random)
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\n".encode()
        match random.randrange(8):
            case 0:
                body = gzip.compress(body, mtime=0)
                head += b"Content-Encoding: gzip\r\n"
            case 1:
                body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
                head += b"Transfer-Encoding: chunked\r\n"
        if b"chunked" not in head:
            head += b"Content-Length: %d\r\n" % len(body)
        whole = head + b"\r\n" + body
        return whole if way < 0.8 else of_bytes(whole, random)

    return mutate


class Hasty:
    """A clock on which every wait takes a minute, so that whoever asks again does so once."""

    def __init__(self) -> None:
        self._now_ns = 0

    def monotonic_ns(self) -> int:
        return self._now_ns

    def utc_ns(self) -> int:
        return self._now_ns

    def sleep(self, duration_s: float) -> None:
        del duration_s
        self._now_ns += 61 * 10**9


# --- what the guard goes by ------------------------------------------------------------------------------------------

PROMETHEUS = [
    json.dumps(one).encode()
    for one in (
        {"status": "success", "data": {"resultType": "vector", "result": [
            {"metric": {"__name__": "up", "job": "shop"}, "value": [1435781451.781, "1"]},
            {"metric": {"job": "node"}, "value": [1435781451.781, "0.25"]}]}},
        {"status": "success", "data": {"resultType": "scalar", "result": [1435781460.781, "1"]}},
        {"status": "success", "data": {"resultType": "vector", "result": []}},
        {"status": "success", "data": {"resultType": "matrix", "result": [
            {"metric": {"job": "shop"}, "values": [[1435781430.781, "1"]]}]}},
        {"status": "error", "errorType": "bad_data", "error": "1:4: parse error: unexpected end of input"},
    )
]  # fmt: skip
ALARM_LINES = [
    b'{"states": {"orders-5xx": "OK", "b": "ALARM"}}',
    b'{"states": {"orders-5xx": "INSUFFICIENT_DATA"}}',
    b'{"states": {}}',
    b'{"problem": "AWS cloudwatch DescribeAlarms: AccessDenied: no; whoever is logged in needs permission"}',
]


@contextlib.contextmanager
def _looks(folder: Path, rule: MetricRule) -> Iterator[Looks]:
    """Looks by hand, no thread and no child; afterwards the guard must make of them what it can, and write that."""
    (folder / "observations.jsonl").unlink(missing_ok=True)
    clock = ManualClock(10**12)
    plan = plan_of(rule)
    looks = Looks(plan_of(), folder, {}, clock)
    try:
        yield looks
        seen = looks.latest()
        watch = GuardWatch(plan)
        watch.is_informed(seen)
        trip = watch.trip(Live(plan, folder), clock.monotonic_ns(), seen)
        if trip is not None:
            log = EventLog(folder / "events.jsonl", clock)
            log.write(EventKind.GUARD, trip.rule, because=trip.because, since_ns=trip.since_ns)
            log.close()
            (folder / "events.jsonl").unlink()
            assert all(one.isprintable() for one in trip.because), trip.because
    finally:
        looks.stop()


def _read_prometheus(folder: Path, content: bytes, number: int) -> None:
    speaker().content = content
    rule = MetricRule(name="errors", how="prometheus", url=speaker().url, query="up", op="lt", looks=1 + number % 2)
    with _looks(folder, rule) as looks:
        looks.look(looks.session(), rule)
        assert rule.name in looks.latest(), "a look that left nothing"


def _read_alarm_lines(folder: Path, content: bytes, number: int) -> None:
    rule = MetricRule(name="alarm", how="alarm", alarm="orders-5xx", looks=1 + number % 2)
    with _looks(folder, rule) as looks:
        lines = content.splitlines(keepends=True)
        looks.hear_alarms([rule], lines)
        assert bool(lines) is (rule.name in looks.latest()), "a line that left no look"


# --- what observers see ----------------------------------------------------------------------------------------------

HEALTH = [
    b'{"status": "UP", "components": {"circuitBreakers": {"details": {"pricing": {"state": "CLOSED", "n": [1, 2]}}}}}',
    b'{"status": "DOWN", "components": [{"a": 1}], "a/b": true}',
]
METRICS = [
    b'# TYPE rq_total counter\nrq_total{zone="a",code="200"} 1027\nrq_total{zone="b"} 3\nbreaker_state 0\n',
    b"breaker_state 1.0\nrq_total 1e9 1395066363000\n# EOF\n",
]


@cache
def _all_watched() -> tuple[_Watched, ...]:
    plan = plan_of()
    metric_breaker = PLAN.model_copy(update={"metric": "breaker_state"})
    pointers = ("/components/circuitBreakers/details/pricing/state", "/components/0/a", "/a")
    health = [PLAN.model_copy(update={"how": "health", "pointer": one}) for one in pointers]
    plans = [plan.model_copy(update={"breaker": one, "dependency": dependency()}) for one in (metric_breaker, *health)]
    return tuple(watched for one in plans for watched in _watched(one))


def _read_watched(_folder: Path, content: bytes, number: int) -> None:
    speaker().content = content
    all_watched = _all_watched()
    with Looks.session() as session:
        value = _look(session, all_watched[number % len(all_watched)]._replace(url=speaker().url))
    assert value is None or isinstance(value, str | float)


SURVIVORS = [
    json.dumps({"ids": [f"x-{n}" for n in range(5)], "next": None}).encode(),
    b'{"ids": []}',
    b'{"ids": ["x-9"], "a": 1}',
]


@cache
def _drill() -> Plan:
    experiment, document = read_experiment(ROOT / "experiments/az-failure.yaml")
    target = built_in_target(speaker().url, {"DRILL_AZ": "us-east-1a"})
    return make(experiment, document, slo.read([ROOT / "slos"]), target, environment=target.environment_variables)


def _read_survivors(folder: Path, content: bytes, _number: int) -> None:
    speaker().content = content
    count = read_survivors(_drill(), folder, clock=Hasty())
    lines = (folder / "survivors.txt").read_text().splitlines()
    assert len(lines) == count
    assert all(isinstance(json.loads(line), str) for line in lines)


# --- what faults ask -------------------------------------------------------------------------------------------------

ENVOY_STATS = {
    "stats": [
        {"name": "http.edge.fault.delays_injected", "value": 12},
        {"name": "b", "value": 1},
        {"histograms": {"supported_quantiles": [0, 25], "computed_quantiles": []}},
    ]
}
ENVOY_RUNTIME = {
    "layers": ["admin"],
    "entries": {"fault.http.delay.fixed_delay_percent": {"layer_values": ["100"], "final_value": "100"}},
}
PROXY = {
    "name": "database", "listen": "127.0.0.1:9", "upstream": "127.0.0.1:5432", "enabled": True,
    "toxics": [{"name": "wellproven-delay", "type": "latency", "stream": "downstream", "toxicity": 1,
                "attributes": {"latency": 100, "jitter": 0}}],
}  # fmt: skip
ROOT_QDISC = {
    "kind": "prio", "handle": "1a9e:", "root": True, "refcnt": 2, "options": {"bands": 4, "priomap": [3, 3]},
    "bytes": 9, "packets": 3, "drops": 0,
}  # fmt: skip
NETEM_QDISC = {
    "kind": "netem", "handle": "1a9f:", "parent": "1a9e:4", "bytes": 90, "packets": 7, "drops": 1,
    "options": {"limit": 100000, "delay": {"delay": 0.1, "jitter": 0, "correlation": 0}, "ecn": False, "gap": 0},
}  # fmt: skip
TC: list[object] = [
    [{"kind": "noqueue", "handle": "0:", "root": True, "refcnt": 2, "options": {}, "packets": 0, "drops": 0}],
    [ROOT_QDISC, NETEM_QDISC],
    [{}],
    [],
]


def _read_envoy(_folder: Path, content: bytes, number: int) -> None:
    speaker().content = content
    if number % 2:
        assert isinstance(envoy.count(speaker().url, "delays_injected"), float)
    else:
        assert isinstance(envoy.runtime(speaker().url, "fault.http.delay.fixed_delay_percent"), str)


def _read_metric(_folder: Path, content: bytes, number: int) -> None:
    speaker().content = content
    metric.value(speaker().url, "rq_total", {"zone": "a"} if number % 2 else None)


def _read_toxiproxy(_folder: Path, content: bytes, number: int) -> None:
    speaker().content = content
    url = speaker().url
    asks: tuple[Callable[[], object], ...] = (
        lambda: toxiproxy_cut.begin(url, "database"),
        lambda: toxiproxy_cut.end(url, "database"),
        lambda: toxiproxy_cut.is_refused(url, "database"),
        lambda: toxiproxy_cut.is_healed(url, "database"),
        lambda: toxiproxy_delay.begin(url, "database", 5),
        lambda: toxiproxy_delay.is_healed(url, "database"),
    )
    asks[number % len(asks)]()


def _read_tc(folder: Path, content: bytes, number: int) -> None:
    """A tc that says what it is told to."""
    written(folder, "said", content)
    program = folder / "tc"
    if not program.exists():
        program.write_text(f"#!/bin/sh\nexec cat '{folder}/said'\n")
        program.chmod(0o755)
    asks = (netem.is_applied, netem.is_healed, netem.end, lambda one: netem.packets_lost_per_s(one, 0.05))
    path = os.environ["PATH"]
    os.environ["PATH"] = f"{folder}:{path}"
    try:
        # The last one looks twice and waits between: seldom.
        asks[number % 3 if number % 50 else 3]("lo")
    finally:
        os.environ["PATH"] = path


def kinds() -> list[Kind]:
    """Every kind of answer but AWS's."""
    failed = (ActivityFailed,)
    both = [*HEALTH, *METRICS]

    def either(content: bytes, random: Random) -> bytes:
        return json_tree(content, random) if content[:1] == b"{" else of_lines(content, random)

    def line(random: Random) -> bytes:
        lines = b"\n".join(random.choices(ALARM_LINES, k=3)) + b"\n"
        return of_lines(lines, random)

    proxy = [json.dumps(PROXY).encode(), json.dumps(PROXY | {"enabled": False, "toxics": []}).encode()]
    return [
        Kind("prometheus answer", http(PROMETHEUS, json_tree, (200, 200, 200, 400, 422, 503)), _read_prometheus, ()),
        Kind("alarm child", line, _read_alarm_lines, ()),
        Kind("watched answer", http(both, either, (200, 200, 503)), _read_watched, ()),
        Kind("survivors answer", http(SURVIVORS, json_tree), _read_survivors),
        Kind(
            "envoy answer",
            http([json.dumps(one).encode() for one in (ENVOY_STATS, ENVOY_RUNTIME)], json_tree),
            _read_envoy,
            failed,
        ),
        Kind("metric answer", http(METRICS, of_lines), _read_metric, failed),
        Kind("toxiproxy answer", http(proxy, json_tree, (200, 200, 404)), _read_toxiproxy, failed),
        Kind("tc", lambda random: json_tree(json.dumps(random.choice(TC)).encode(), random), _read_tc, failed),
    ]
