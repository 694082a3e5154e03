"""Carries arrivals out: a lane makes one arrival at a time, and there are at most `connections_max` lanes.

An arrival takes an idle lane, one with an open connection first; else a new lane; else it waits in line, in order of
arrival. It has one deadline, `planned + timeout_s`, over its waiting, connecting and the whole answer: that is how long
its user waits. So nothing hangs longer than a time-out after the last arrival was planned.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import gevent
from gevent.event import Event

from harness.load.instants import clock_ns, seconds
from harness.load.recorder import Recorder
from harness.load.template import Template
from harness.load.wire import BrokenAnswerError, Dialer, Wire, new_buffer
from harness.record import Outcome

type Arrival = tuple[int, int, int]  # planned_ns, route, seq
PLANNED: Final = 0


class CutError(BaseException):
    """The load ends now, without waiting for answers. Not an Exception: no journey may catch it by accident."""


@dataclass(slots=True)
class Visit:
    """What came of one run of a journey; times as in a request record."""

    outcome: Outcome
    status: int
    zone: bytes
    sent_ns: int
    first_byte_ns: int
    flags: int = 0


class Visitor(Protocol):
    """The scripted engine, as a lane sees it."""

    def visit(self, seq: int, planned_ns: int, deadline_ns: int) -> Visit:
        """Run one iteration of a journey; returns by the deadline. Raises CutError when thrown in."""


@dataclass(frozen=True, slots=True)
class Work:
    """How a route's arrivals are made: by a request (lean) or by a journey (scripted)."""

    timeout_ns: int
    template: Template | None = None
    visitor: Visitor | None = None


class Lanes:
    """All lanes of a worker, and the line of those who wait for one."""

    def __init__(
        self,
        works: Sequence[Work],
        recorder: Recorder,
        dialer: Dialer,
        zone_header: bytes,
        most: int,
        fallback_header: bytes = b"",
    ) -> None:
        """At most `most` lanes; headers in lower case, b"" for none."""
        self.works = works
        self.recorder = recorder
        self.drained = Event()
        self.busy = 0
        self._dialer, self._zone_header, self._buffer = dialer, zone_header, new_buffer()
        self._fallback_header = fallback_header
        self._most = most
        self._lanes: list[_Lane] = []
        self._warm: list[_Lane] = []  # idle, with a connection; the last used is the first taken
        self._cold: list[_Lane] = []  # idle, without one
        self._line: deque[Arrival] = deque()
        self._timeout_ns_min = min(work.timeout_ns for work in works)
        self._is_closed = False

    def take(self, arrival: Arrival, now_ns: int) -> None:
        """Make an arrival, now or as soon as there is a lane. Never waits."""
        assert not self._is_closed, "an arrival after the end"
        if self.deadline_ns(arrival) <= now_ns:  # the generator itself stood still that long
            self.recorder.add(arrival, Outcome.EXPIRED, done_ns=now_ns)
            return
        is_lean = self.works[arrival[1]].template is not None
        first, second = (self._warm, self._cold) if is_lean else (self._cold, self._warm)
        idle = first or second
        if idle:
            self.busy += 1
            idle.pop().hand(arrival)
        elif len(self._lanes) < self._most:
            self.busy += 1
            wire = Wire(self._dialer, self._zone_header, self._buffer, self._fallback_header)
            self._lanes.append(_Lane(self, wire, arrival))
        else:
            self._line.append(arrival)

    def expire(self, now_ns: int) -> None:
        """Give up the arrivals whose time-out passed while they stood in line."""
        line = self._line
        if not line or line[0][PLANNED] + self._timeout_ns_min > now_ns:
            return
        stay: deque[Arrival] = deque()
        for arrival in line:
            if self.deadline_ns(arrival) <= now_ns:
                self.recorder.add(arrival, Outcome.EXPIRED, done_ns=now_ns)
            else:
                stay.append(arrival)
        self._line = stay

    def close(self, now_ns: int) -> None:
        """Take no more; whoever still stands in line is told so. Sets `drained` when the last lane is idle."""
        self.expire(now_ns)
        self._is_closed = True
        for arrival in self._line:
            self.recorder.add(arrival, Outcome.WAITING, done_ns=now_ns)
        self._line.clear()
        if not self.busy:
            self.drained.set()

    def cut(self) -> None:
        """End every arrival under way, now."""
        for lane in self._lanes:
            lane.cut()

    def deadline_ns(self, arrival: Arrival) -> int:
        """When an arrival's user stops waiting."""
        return arrival[PLANNED] + self.works[arrival[1]].timeout_ns

    def next_for(self, lane: "_Lane") -> Arrival | None:
        """The next in line for a lane that is done; None when there is none, and the lane is then idle."""
        line = self._line
        while line:
            arrival = line.popleft()
            now_ns = clock_ns()
            if self.deadline_ns(arrival) > now_ns:
                return arrival
            self.recorder.add(arrival, Outcome.EXPIRED, done_ns=now_ns)
        (self._warm if lane.wire.is_open else self._cold).append(lane)
        self.busy -= 1
        if self._is_closed and not self.busy:
            self.drained.set()
        return None


class _Lane:
    """One greenlet with a place for one connection."""

    def __init__(self, lanes: Lanes, wire: Wire, arrival: Arrival) -> None:
        self.wire = wire
        self._lanes = lanes
        self._is_busy = True
        self._hub = gevent.get_hub()
        self._greenlet: Any = gevent.spawn(self._run, arrival)

    def hand(self, arrival: Arrival) -> None:
        """Wake the idle lane with an arrival; it runs when the caller next waits."""
        self._is_busy = True
        self._hub.loop.run_callback(self._greenlet.switch, arrival)

    def cut(self) -> None:
        """End what is under way, if anything still is."""
        # Subtle: through the loop, behind a lane's own start or `hand`, so that its arrival always gets a record.
        self._hub.loop.run_callback(self._throw)

    def _throw(self) -> None:
        if self._is_busy:
            self._greenlet.throw(CutError)

    def _run(self, arrival: Arrival | None) -> None:
        is_at_hand = True  # the arrival did not stand in line: whatever is late is the generator's fault
        while True:
            if arrival is None:
                self._is_busy = False
                arrival = self._hub.switch()
                is_at_hand = True
            assert arrival is not None
            self._make(arrival, is_at_hand=is_at_hand)
            arrival = self._lanes.next_for(self)
            is_at_hand = False

    def _make(self, arrival: Arrival, *, is_at_hand: bool) -> None:
        work = self._lanes.works[arrival[1]]
        if work.template is not None:
            self._make_lean(arrival, work.template, is_at_hand=is_at_hand)
        else:
            assert work.visitor is not None
            self._make_scripted(arrival, work.visitor, is_at_hand=is_at_hand)

    def _make_lean(self, arrival: Arrival, template: Template, *, is_at_hand: bool) -> None:
        lanes, wire = self._lanes, self.wire
        attempt_ns = clock_ns()
        wire.sent_ns = wire.first_byte_ns = 0
        status, zone, flags, is_connected = 0, b"", 0, True
        timeout = gevent.Timeout.start_new(seconds(lanes.deadline_ns(arrival) - attempt_ns))
        try:
            if not wire.check():
                is_connected = False
                wire.open()
            wire.exchange(template.render(arrival[2]), is_head=template.is_head)
            answer = wire.answer
            outcome, status, zone, flags = Outcome.ANSWERED, answer.status, answer.zone, answer.flags
        except (OSError, BrokenAnswerError):
            outcome = Outcome.BROKEN if wire.sent_ns else Outcome.REFUSED
            wire.close()
        except gevent.Timeout:
            outcome = Outcome.TIMED_OUT if wire.sent_ns else Outcome.REFUSED
            wire.close()
        except CutError:
            outcome = Outcome.BROKEN if wire.sent_ns else Outcome.REFUSED
            wire.close()
        finally:
            timeout.close()
        done_ns = clock_ns()
        if is_at_hand:  # how long connecting took is the service's affair, not the generator's
            begun_ns = wire.sent_ns if is_connected and wire.sent_ns else attempt_ns
            lanes.recorder.lateness_ns.append(begun_ns - arrival[PLANNED])
        lanes.recorder.add(
            arrival,
            outcome,
            sent_ns=wire.sent_ns or attempt_ns,
            first_byte_ns=wire.first_byte_ns,
            done_ns=done_ns,
            status=status,
            zone=zone,
            flags=flags,
        )

    def _make_scripted(self, arrival: Arrival, visitor: Visitor, *, is_at_hand: bool) -> None:
        lanes = self._lanes
        attempt_ns = clock_ns()
        if is_at_hand:
            lanes.recorder.lateness_ns.append(attempt_ns - arrival[PLANNED])
        try:
            visit = visitor.visit(arrival[2], arrival[PLANNED], lanes.deadline_ns(arrival))
        except CutError:
            visit = Visit(Outcome.BROKEN, 0, b"", attempt_ns, 0)
        lanes.recorder.add(
            arrival,
            visit.outcome,
            sent_ns=visit.sent_ns or attempt_ns,
            first_byte_ns=visit.first_byte_ns,
            done_ns=clock_ns(),
            status=visit.status,
            zone=visit.zone,
            flags=visit.flags,
        )
