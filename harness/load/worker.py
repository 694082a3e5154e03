"""One worker of the load: keeps the timetable, carries the arrivals out, writes the record and the report.

It runs inside a Locust user (see `child.py`) and knows nothing of Locust itself.
"""

import os
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

import gevent
import numpy as np

from harness.errors import NotAvailableError
from harness.load.alarm import new_alarm
from harness.load.health import TICK_NS, Health
from harness.load.instants import clock_ns, seconds
from harness.load.lanes import PLANNED, Arrival, Lanes, Visitor, Work
from harness.load.priority import ask_for_short_turns
from harness.load.recorder import Recorder
from harness.load.schedule import Timetable, make_surge, make_timetable
from harness.load.template import Endpoint, Template
from harness.load.wire import Dialer
from harness.plan import Profile, header_variables
from harness.record import WorkerReport
from harness.redaction import Redactor
from harness.units import NS_PER_MS, NS_PER_S

_FLUSH_NS: Final = 100 * NS_PER_MS
_DRAIN_MARGIN_S: Final = 1.0
NEVER: Final[Arrival] = (2**62, 0, 0)
_PARTS: Final = ("locust", "gevent", "httptools", "numpy")


class Worker:
    """Everything that can be made before the load begins is made in the constructor."""

    def __init__(self, profile: Profile, worker: int, run_dir: Path, visitors: Mapping[str, Visitor]) -> None:
        """`visitors` holds one for each journey the profile names. Raises UsageError, NotAvailableError."""
        self._profile, self._worker, self._run_dir = profile, worker, run_dir
        self._timetable = make_timetable(profile, worker)
        self._surge = make_surge(profile, worker)
        self._surge_ns: int | None = None  # instant 0 of the surge's own timetable
        self._calm_ns = 0
        self._recorder = Recorder(run_dir, worker, len(profile.routes), self._redactor(profile).text)
        works = [_work(profile, index, visitors) for index in range(len(profile.routes))]
        dialer = Dialer(Endpoint(profile.base_url))
        zone_header = (profile.zone_header or "").lower().encode("latin-1")
        fallback_header = (profile.fallback_header or "").lower().encode("latin-1")
        self._lanes = Lanes(works, self._recorder, dialer, zone_header, profile.connections_max, fallback_header)
        self._alarm = new_alarm()
        self._health = Health()
        self._begin_ns = self._end_ns = 0
        self._is_stopped = False
        self._failure: OSError | None = None

    @staticmethod
    def _redactor(profile: Profile) -> Redactor:
        redactor = Redactor.of_process()
        redactor.learn(os.environ[name] for name in header_variables(profile) if name in os.environ)
        return redactor

    def warm_up(self) -> None:
        """Last step before "ready": settles the garbage collector."""
        self._health.settle()
        ask_for_short_turns()

    def run(self, begin_ns: int) -> None:
        """Make all arrivals from `begin_ns` on, drain, and write the report. Returns when all is written.

        Raises NotAvailableError where the record could not be written, or an arrival cannot be ended.
        """
        self._begin_ns = begin_ns
        self._end_ns = begin_ns if self._is_stopped else begin_ns + self._timetable.duration_ns
        self._health.begin()
        keeper = gevent.spawn(self._keep_house)
        self._keep_timetable()
        self._lanes.close(clock_ns())
        self._drain()
        keeper.kill()
        self._health.end()
        self._flush()
        self._recorder.close()
        self._alarm.close()
        if self._failure is not None:
            raise NotAvailableError(f"the request record cannot be written: {self._failure}") from self._failure
        self._write_report()

    def stop(self) -> None:
        """Plan nothing more from now on; what is under way is finished, within its time-out."""
        self._is_stopped = True
        # One more than now: an arrival planned for this very nanosecond may already have been made.
        self._end_ns = max(self._begin_ns, min(self._end_ns, clock_ns() + 1))
        self._alarm.wake()

    def surge(self, at_ns: int) -> None:
        """Plan the surge's arrivals too, from an instant on; the first call counts, there is one surge a run."""
        if self._surge_ns is None:
            self._surge_ns, self._calm_ns = at_ns, NEVER[PLANNED]
            self._alarm.wake()

    def calm(self, at_ns: int) -> None:
        """Plan no more of the surge's arrivals from an instant on."""
        # One more than now: an arrival planned for this very nanosecond may already have been made.
        self._calm_ns = min(self._calm_ns, max(at_ns, clock_ns() + 1))
        self._alarm.wake()

    def cut(self) -> None:
        """Stop, and do not wait for answers either."""
        self.stop()
        self._lanes.cut()

    def _keep_timetable(self) -> None:
        begin_ns, wait_until, take = self._begin_ns, self._alarm.wait_until, self._lanes.take
        usual = _planned_from(begin_ns, self._timetable)
        extra: Iterator[Arrival] = iter(())
        next_usual, next_extra, is_surging = next(usual, NEVER), NEVER, False
        while True:
            if self._surge_ns is not None and not is_surging:
                is_surging, extra = True, _planned_from(self._surge_ns, self._surge)
                next_extra = next(extra, NEVER)
            if next_extra[PLANNED] >= self._calm_ns:
                next_extra = NEVER
            arrival = min(next_usual, next_extra)
            if arrival[PLANNED] >= self._end_ns:
                arrival = NEVER
            now_ns = clock_ns()
            until_ns = min(arrival[PLANNED], self._end_ns)
            if now_ns < until_ns:
                wait_until(until_ns)  # or until woken: a surge or the end may have come meanwhile
                continue
            if arrival is NEVER:
                return
            take(arrival, now_ns)
            if arrival is next_extra:
                next_extra = next(extra, NEVER)
            else:
                next_usual = next(usual, NEVER)

    def _drain(self) -> None:
        """Every lane ends by its arrival's deadline; only a journey that swallows its time-out does not."""
        drained = self._lanes.drained
        limit_s = max(route.timeout_s for route in self._profile.routes) + _DRAIN_MARGIN_S
        if not drained.wait(limit_s):
            self._lanes.cut()
            if not drained.wait(_DRAIN_MARGIN_S):
                raise NotAvailableError(f"{self._lanes.busy} journeys ignore their time-out and hold up the end")

    def _keep_house(self) -> None:
        flush_ns = 0
        while True:
            gevent.sleep(seconds(TICK_NS))
            now_ns = clock_ns()
            self._health.tick(now_ns)
            self._lanes.expire(now_ns)
            if now_ns >= flush_ns:
                self._flush()
                flush_ns = now_ns + _FLUSH_NS

    def _flush(self) -> None:
        try:
            self._recorder.flush()
        except OSError as error:
            if self._failure is None:
                self._failure = error
                self.cut()

    def _write_report(self) -> None:
        planned = self._timetable.planned_before(self._end_ns - self._begin_ns)
        counts = [*planned.tolist(), *[0] * len(self._profile.routes)]
        if self._surge_ns is not None:
            until_ns = min(self._calm_ns, self._end_ns) - self._surge_ns
            for route, count in enumerate(self._surge.planned_before(until_ns).tolist()):
                counts[route] += count
        lateness_ns = np.frombuffer(self._recorder.lateness_ns, dtype=np.int64)
        p50, p99, most = np.percentile(lateness_ns, [50, 99, 100], method="higher") if len(lateness_ns) else (0, 0, 0)
        report = WorkerReport(
            worker=self._worker,
            begin_ns=self._begin_ns,
            end_ns=self._end_ns,
            routes={
                route.name: self._recorder.count_of(index, counts[index])
                for index, route in enumerate(self._profile.routes)
            },
            lateness_ns_p50=int(p50),
            lateness_ns_p99=int(p99),
            lateness_ns_max=int(most),
            cpu_ratio=self._health.cpu_ratio,
            gc_pause_ns_max=self._health.gc_pause_ns_max,
            gc_pauses=self._health.gc_pauses,
            stall_ns_max=self._health.stall_ns_max,
            versions={"python": platform.python_version()} | {part: version(part) for part in _PARTS},
        )
        write_whole(self._run_dir / f"load-{self._worker}.json", report.model_dump_json(indent=2))


def _planned_from(begin_ns: int, timetable: Timetable) -> Iterator[Arrival]:
    return ((begin_ns + offset_ns, route, seq) for offset_ns, route, seq in timetable)


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old one, or the whole new one."""
    part = path.with_name(path.name + ".part")
    with part.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _work(profile: Profile, index: int, visitors: Mapping[str, Visitor]) -> Work:
    route = profile.routes[index]
    timeout_ns = round(route.timeout_s * NS_PER_S)
    if route.journey is None:
        return Work(timeout_ns, template=Template(profile, index, os.environ))
    return Work(timeout_ns, visitor=visitors[route.name])
