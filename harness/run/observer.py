"""Reads, while a run goes on, what the target says of its breaker and of the requests that reach its dependency.

A thread an address, in the supervisor: a slow address delays no other, and nothing of it happens in a load process. An
address that does not answer is an observation without a value; the judge knows what to make of that.
"""

import json
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import requests
import urllib3

from harness.clock import Clock
from harness.documents import filled
from harness.errors import NotAvailableError
from harness.exposition import metric_sum
from harness.plan import Breaker, Metric, Plan
from harness.record import Observation, ObservationLog, Seen
from harness.units import NS_PER_S

TIMEOUT_S = 1.0
ANSWER_BYTES_MAX = 4_000_000
STOP_S = TIMEOUT_S + 1.0

# What an answer may raise that is no such document, or none at all: whoever answers may be anybody.
_NOT_THERE = (ValueError, LookupError, TypeError, RecursionError, AttributeError)

type Value = str | float | None


class _Watched(NamedTuple):
    """What to look at, where, with which headers (as written), and how its answer is read."""

    what: Seen
    url: str
    headers: Mapping[str, str]
    read: Callable[[str], Value]


class Observer:
    """Looks at every address of a plan until stopped; made by `observe`."""

    def __init__(self, plan: Plan, run_dir: Path, clock: Clock) -> None:
        self.states: dict[str, str] = {}  # source: the breaker's state at the last look, for the view
        self._log = ObservationLog(run_dir / "observations.jsonl")
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._clock = clock
        self._every_s = plan.observe_every_ns / NS_PER_S
        self._threads = [
            threading.Thread(target=self._follow, args=(watched,), daemon=True, name=f"observe {watched.url}")
            for watched in _watched(plan)
        ]

    def start(self) -> None:
        """Begin to look."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Look no more; idempotent."""
        self._stop.set()
        for thread in self._threads:
            thread.join(STOP_S)
        with self._lock:
            self._log.close()

    def _follow(self, watched: _Watched) -> None:
        what, source = watched.what, urlsplit(watched.url).netloc
        with requests.Session() as session:
            session.trust_env = False
            while True:
                begin_ns = self._clock.monotonic_ns()
                value = _look(session, watched)
                done_ns = self._clock.monotonic_ns()
                seen = Observation(at_ns=begin_ns, done_ns=done_ns, what=what, source=source, value=value)
                with self._lock:
                    if self._stop.is_set():
                        return
                    self._log.write(seen)
                if what is Seen.BREAKER:
                    self.states[source] = str(value or "?")
                if self._stop.wait(max(0.0, self._every_s - (done_ns - begin_ns) / NS_PER_S)):
                    return


def observe(plan: Plan, run_dir: Path, *, clock: Clock) -> Observer:
    """Begin to look at what a plan watches; nothing is asked where it watches nothing."""
    observer = Observer(plan, run_dir, clock)
    observer.start()
    return observer


def _watched(plan: Plan) -> list[_Watched]:
    watched: list[_Watched] = []
    if (breaker := plan.breaker) is not None:
        watched += [_Watched(Seen.BREAKER, url, breaker.headers, _state_reader(breaker)) for url in breaker.urls]
    if plan.dependency is not None:
        counter = plan.dependency.requests
        watched += [_Watched(Seen.DEPENDENCY, url, counter.headers, _count_reader(counter)) for url in counter.urls]
    return watched


def _count_reader(counter: Metric) -> Callable[[str], Value]:
    return lambda text: metric_sum(text, counter.metric, counter.labels)


def _state_reader(breaker: Breaker) -> Callable[[str], Value]:
    def from_metric(text: str) -> Value:
        value = metric_sum(text, breaker.metric, breaker.labels)
        return None if value is None else breaker.states.get(f"{value:g}")

    def from_health(text: str) -> Value:
        value = json.loads(text)
        for part in breaker.pointer.strip("/").split("/"):
            value = value[int(part)] if isinstance(value, list) else value[part]
        return breaker.states.get(str(value))

    return from_metric if breaker.how == "metric" else from_health


def _look(session: requests.Session, watched: _Watched) -> Value:
    """The value at an address now; None where it does not answer, or with something else."""
    try:
        headers = filled(watched.headers, os.environ)
        with session.get(watched.url, headers=headers, timeout=TIMEOUT_S, stream=True, allow_redirects=False) as answer:
            # A service that is down says so in its status, and says its breaker's state in the same body.
            text = answer.raw.read(ANSWER_BYTES_MAX, decode_content=True).decode("utf-8", errors="replace")
        return watched.read(text)
    except (NotAvailableError, requests.RequestException, urllib3.exceptions.HTTPError, OSError, *_NOT_THERE):
        return None
