"""Looks at the metrics of the target's own that the guard goes by: Prometheus queries, CloudWatch alarms.

A thread a query, and one for all alarms, which a child process reads. Each look is an observation of the record. What
tells nothing (no answer, no series, not a number, no such alarm, one without data) is a look that failed; the guard
says how many of these are too many.
"""

import contextlib
import json
import math
import os
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from harness.clock import Clock
from harness.documents import filled
from harness.fault import start_alarms
from harness.plan import MetricRule, Plan
from harness.record import Observation, ObservationLog, Seen
from harness.run.guard import LOOK_S, Look
from harness.text import visible
from harness.units import NS_PER_S

ANSWER_BYTES_MAX = 1_000_000
STOP_S = LOOK_S + 1.0
SAID_MAX = 200


class Looks:
    """Looks at every metric of a guard until stopped; made by `look_at`."""

    def __init__(self, plan: Plan, run_dir: Path, environment: Mapping[str, str], clock: Clock) -> None:
        self._log = ObservationLog(run_dir / "observations.jsonl")
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._clock = clock
        self._latest: dict[str, Look] = {}
        self._child: subprocess.Popen[bytes] | None = None
        rules = plan.guard.metrics
        self._alarms = [rule for rule in rules if rule.how == "alarm"]
        self._threads = [
            threading.Thread(target=self._follow_query, args=(rule,), daemon=True, name=f"guard {rule.name}")
            for rule in rules
            if rule.how == "prometheus"
        ]
        if self._alarms:
            every_s = min(rule.every_s for rule in self._alarms)
            self._child = start_alarms([rule.alarm for rule in self._alarms], every_s, environment)
            self._threads.append(threading.Thread(target=self._follow_alarms, daemon=True, name="guard alarms"))

    def start(self) -> None:
        """Begin to look."""
        for thread in self._threads:
            thread.start()

    def latest(self) -> dict[str, Look]:
        """The last look at each metric, by the rule's name."""
        with self._lock:
            return dict(self._latest)

    def stop(self) -> None:
        """Look no more; idempotent."""
        with self._lock:
            if self._stop.is_set():
                return
            self._stop.set()
        if self._child is not None:
            assert self._child.stdin is not None
            with contextlib.suppress(OSError):
                self._child.stdin.close()
            try:
                self._child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        for thread in self._threads:
            thread.join(STOP_S)
        if self._child is not None and self._child.stdout is not None:
            self._child.stdout.close()
        with self._lock:
            self._log.close()

    # --- Prometheus --------------------------------------------------------------------------------------------------

    def _follow_query(self, rule: MetricRule) -> None:
        with self.session() as session:
            while not self._stop.is_set():
                begin_ns = self._clock.monotonic_ns()
                self.look(session, rule)
                taken_s = (self._clock.monotonic_ns() - begin_ns) / NS_PER_S
                self._stop.wait(max(0.0, rule.every_s - taken_s))

    @staticmethod
    def session() -> requests.Session:
        """What queries are asked with: no proxy of the environment's is part of the system under test."""
        session = requests.Session()
        session.trust_env = False
        return session

    def look(self, session: requests.Session, rule: MetricRule) -> None:
        """Ask one query once."""
        begin_ns = self._clock.monotonic_ns()
        try:
            value = _worst(rule, _ask(session, rule))
            kept = value if math.isfinite(value) else f"{value:g}"  # JSON knows no infinity
            self._note(rule, begin_ns, f"{value:g}", kept, trips=rule.trips_at(value))
        except (requests.RequestException, HTTPError, OSError) as error:
            self._note_failure(rule, begin_ns, f"{rule.url} does not answer ({type(error).__name__})")
        except ValueError as error:
            self._note_failure(rule, begin_ns, str(error))

    # --- CloudWatch --------------------------------------------------------------------------------------------------

    def _follow_alarms(self) -> None:
        assert self._child is not None
        assert self._child.stdout is not None
        self.hear_alarms(self._alarms, self._child.stdout)
        for rule in self._alarms:  # fails closed: nobody looks any more
            for _ in range(rule.looks):
                self._note_failure(rule, self._clock.monotonic_ns(), "the reader of alarms has ended")

    def hear_alarms(self, rules: Sequence[MetricRule], lines: Iterable[bytes]) -> None:
        """Note what the reader of alarms says, line by line, until it says nothing more."""
        for line in lines:
            now_ns = self._clock.monotonic_ns()
            states, problem = _alarms_said(line)
            for rule in rules:
                self._note_alarm(rule, states.get(rule.alarm), problem, now_ns)

    def _note_alarm(self, rule: MetricRule, state: object, problem: str, now_ns: int) -> None:
        if problem:
            self._note_failure(rule, now_ns, f"CloudWatch: {problem}")
        elif state == "OK" or state == "ALARM":
            self._note(rule, now_ns, str(state), str(state), trips=state == "ALARM")
        else:
            self._note_failure(rule, now_ns, f"alarm {rule.alarm}: {state or 'there is none of that name'}")

    # --- both --------------------------------------------------------------------------------------------------------

    def _note(self, rule: MetricRule, at_ns: int, said: str, value: str | float, *, trips: bool) -> None:
        self._keep(rule, value, Look(at_ns=at_ns, value=said, trips=trips))

    def _note_failure(self, rule: MetricRule, at_ns: int, problem: str) -> None:
        before = self.latest().get(rule.name)
        failures = before.failures if before else 0
        since_ns = before.failing_since_ns if before and failures else at_ns
        problem = visible(problem)[:SAID_MAX]  # it goes into the record, and to a terminal
        look = Look(at_ns=at_ns, value="", failures=failures + 1, failing_since_ns=since_ns, problem=problem)
        self._keep(rule, None, look)

    def _keep(self, rule: MetricRule, value: str | float | None, look: Look) -> None:
        done_ns = self._clock.monotonic_ns()
        seen = Observation(at_ns=look.at_ns, done_ns=done_ns, what=Seen.GUARD, source=rule.name, value=value)
        with self._lock:
            if not self._stop.is_set():
                self._latest[rule.name] = look
                self._log.write(seen)


def look_at(plan: Plan, run_dir: Path, environment: Mapping[str, str], *, clock: Clock) -> Looks:
    """Begin to look at what the guard goes by; nobody is asked where it goes by our own traffic alone."""
    looks = Looks(plan, run_dir, environment, clock)
    looks.start()
    return looks


def _alarms_said(line: bytes) -> tuple[dict[str, Any], str]:
    """(state of each alarm, why they could not be read) of a line of the reader of alarms."""
    try:
        said: Any = json.loads(line)
        if "problem" in said:
            return {}, str(said["problem"]) or "no reason given"
        return dict(said["states"]), ""
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}, "the reader of alarms said what nobody understands"


def _ask(session: requests.Session, rule: MetricRule) -> object:
    """The answer's document. Raises ValueError where it is none that we understand."""
    url = f"{rule.url}/api/v1/query"
    asked: dict[str, Any] = {"params": {"query": rule.query}, "headers": filled(rule.headers, os.environ)}
    with session.get(url, **asked, timeout=LOOK_S, stream=True, allow_redirects=False) as answer:
        # Subtle: read so, what goes wrong is urllib3's to raise, and requests does not translate it.
        body = answer.raw.read(ANSWER_BYTES_MAX + 1, decode_content=True)
        if answer.status_code not in (200, 400, 422):  # the latter two carry a reason
            raise ValueError(f"{rule.url} answers with status {answer.status_code}")
    if len(body) > ANSWER_BYTES_MAX:
        raise ValueError(f"{rule.url} answers with more than {ANSWER_BYTES_MAX} bytes; aggregate the query")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError(f"{rule.url} does not answer as Prometheus does") from None


def _worst(rule: MetricRule, answer: object) -> float:
    """The value of the answer that trips, or else any. Raises ValueError where there is no number."""
    document: Any = answer
    try:
        if document["status"] != "success":
            raise ValueError(f"Prometheus says: {document.get('error', 'no success')}")
        kind, result = document["data"]["resultType"], document["data"]["result"]
        if kind not in ("vector", "scalar"):
            raise ValueError(f"the query gives a {kind}, expected a vector or a scalar")
        values = [float(one["value"][1]) for one in result] if kind == "vector" else [float(result[1])]
    except (LookupError, TypeError, AttributeError, OverflowError):  # a number of 400 digits is no float
        raise ValueError(f"{rule.url} does not answer as Prometheus does") from None
    if not values:
        raise ValueError("the query gives no series")
    # Errors over no requests are infinitely many, and trip; beside a series that trips another may be none.
    tripping = next((value for value in values if rule.trips_at(value)), None)
    if tripping is not None:
        return tripping
    unknown = next((value for value in values if math.isnan(value)), None)
    unknown = unknown if unknown is not None else next((value for value in values if math.isinf(value)), None)
    if unknown is not None:
        raise ValueError(f"the query gives no number ({'NaN' if math.isnan(unknown) else f'{unknown:+f}'})")
    return values[0]
