"""A fake target with a manual clock: the run's parts, without a process or a second of waiting."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.clock import Clock, ManualClock
from harness.fault import close_entry
from harness.identity import Identity
from harness.plan import Plan, Profile
from harness.record import REQUEST, EventLog, Kind, Outcome, RouteCount, WorkerReport, write_json
from harness.run.guard import Look
from harness.units import NS_PER_MS, NS_PER_S

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


@dataclass
class World:
    """What the fake target does; times in ns of the manual clock, `None` where it never happens."""

    failover_after_ns: int | None = 2 * NS_PER_S  # from the fault until writes work again
    hits: bool = True  # False: the fault's calls succeed and nothing is hit
    action_fails: bool = False
    undo_fails: bool = False
    ends_by_itself: bool = False  # the fault is gone before anybody takes it away
    lost_writes: int = 0  # acknowledged just before the fault, and gone after it
    bad_from_start: bool = False  # the baseline is not steady
    load_dies_after_ns: int | None = None
    late_ns: int = 0
    chaos_begins: bool = True
    evidence_after_ns: int = 0  # from the fault until its probe sees it
    readable: bool = True
    watchdog_dies_after_ns: int | None = None
    inject_ns: int | None = None
    healed_ns: int | None = None
    dose: float = 0.0  # what a sweep set last
    orders_break_from: float | None = None  # the dose from which on orders are refused
    dose_is_there: bool = True  # False: setting it succeeds, and nothing changes
    acknowledged: list[tuple[int, str]] = field(default_factory=list)

    def answer(self, route: str, seq: int, planned_ns: int) -> tuple[Outcome, int, int, str]:
        """(outcome, status, latency in ns, zone) of one arrival."""
        zone = ZONES[seq % 3]
        hit = self.hits and self.inject_ns is not None and planned_ns >= self.inject_ns
        healed = self.healed_ns is not None and planned_ns >= self.healed_ns
        if hit and not healed and zone == ZONES[0]:
            zone = ZONES[1]
        if self.orders_break_from is not None and self.dose >= self.orders_break_from and route == "POST /orders":
            return Outcome.ANSWERED, 503, 2 * NS_PER_MS, zone
        if self.bad_from_start:
            return Outcome.ANSWERED, 503, 2 * NS_PER_MS, zone
        if hit and not healed and route == "POST /orders":
            assert self.inject_ns is not None
            if self.failover_after_ns is None or planned_ns < self.inject_ns + self.failover_after_ns:
                return Outcome.ANSWERED, 503, 2 * NS_PER_MS, zone
        return Outcome.ANSWERED, 201 if route.startswith("POST") else 200, 2 * NS_PER_MS, zone


class FakeLoad:
    """Writes the records of each arrival whose answer is due, whenever it is polled."""

    def __init__(self, profile: Profile, run_dir: Path, clock: Clock, world: World) -> None:
        self.begin_ns = clock.monotonic_ns()
        self.stopped = self.killed = False
        self.surges: list[bool] = []
        self._profile, self._run_dir, self._clock, self._world = profile, run_dir, clock, world
        self._next = [0] * len(profile.routes)
        self._pending: list[tuple[int, tuple[int, ...]]] = []
        self._file = (run_dir / "requests-0.bin").open("ab", buffering=0)
        (run_dir / "zones-0.txt").write_text("\n".join(ZONES) + "\n")

    def poll(self) -> list[str]:
        if not self.stopped:
            self._write(self._clock.monotonic_ns(), drain=False)
        dies = self._world.load_dies_after_ns
        return ["worker 0 died (exit 137)"] if dies and self._clock.monotonic_ns() - self.begin_ns > dies else []

    def surge(self, on: bool) -> int:
        self.surges.append(on)
        return self._clock.monotonic_ns()

    def stop(self) -> None:
        if self.stopped or self.killed:
            return
        self.stopped = True
        self._write(self._clock.monotonic_ns(), drain=True)
        self._clock.sleep(0.01)  # requests under way finish
        self._file.close()
        late = self._world.late_ns
        counts = {
            route.name: RouteCount(planned=planned, sent=planned, waiting=0, expired=0)
            for route, planned in zip(self._profile.routes, self._next, strict=True)
        }
        report = WorkerReport(
            worker=0, begin_ns=self.begin_ns, end_ns=self._clock.monotonic_ns(), routes=counts,
            lateness_ns_p50=late, lateness_ns_p99=late, lateness_ns_max=late, cpu_ratio=0.1, gc_pause_ns_max=0,
            gc_pauses=0, stall_ns_max=0, versions={},
        )  # fmt: skip
        write_json(self._run_dir / "load-0.json", report)

    def kill(self) -> None:
        self.killed = True
        self._file.close()

    def _write(self, now_ns: int, *, drain: bool) -> None:
        for index, route in enumerate(self._profile.routes):
            gap_ns = NS_PER_S / float(route.stages[0].rate_per_s)
            while (planned := self.begin_ns + round(self._next[index] * gap_ns) + index) < now_ns:
                self._arrive(index, self._next[index], planned)
                self._next[index] += 1
        due = [row for done, row in self._pending if drain or done <= now_ns]
        self._pending = [] if drain else [(done, row) for done, row in self._pending if done > now_ns]
        with suppress(OSError):  # a full disk
            self._file.write(np.array(due, dtype=REQUEST).tobytes())

    def _arrive(self, index: int, seq: int, planned: int) -> None:
        outcome, status, latency, zone = self._world.answer(self._profile.routes[index].name, seq, planned)
        done = planned + latency
        self._pending.append(
            (done, (seq, planned, planned, done, done, status, index, outcome, ZONES.index(zone) + 1, 0, 0))
        )
        if status == 201:
            self._world.acknowledged.append((done, self._profile.id_of(index, seq)))


class FakeChaos:
    """Writes the events Chaos Toolkit's child would write."""

    def __init__(self, plan: Plan, run_dir: Path, clock: Clock, world: World) -> None:
        self.calls: list[str] = []
        self._plan, self._clock, self._world = plan, clock, world
        self._log = EventLog(run_dir / "events.jsonl", clock)
        self._steady: dict[str, bool] = {}
        self._code: int | None = None
        self._unseen: list[str] = []
        self._entry: Path | None = None
        self.identity = Identity.own()

    def wait_ready(self) -> None:
        self.calls.append("ready")

    def go(self, entry: Path) -> None:
        self.calls.append("go")
        self._entry = entry
        if not self._world.chaos_begins:
            self._code = 1
            return
        self._log.write(Kind.STEADY, "before", met=all(self._steady.values()))
        probes = [item.name for item in self._plan.evidence if item.probe]
        for name in probes:
            self._log.write(Kind.FAULT_EVIDENCE, name, seen=False, before=True)
        action = self._plan.actions[0].name
        self._world.inject_ns = self._log.write(Kind.FAULT_BEGIN, action).at_ns
        status = "failed" if self._world.action_fails else "succeeded"
        self._log.write(Kind.FAULT_CALLED, action, status=status, error="")
        self._unseen = probes

    def say_steady(self, kept: Mapping[str, bool]) -> None:
        inject_ns = self._world.inject_ns
        if inject_ns is not None and self._clock.monotonic_ns() - inject_ns >= self._world.evidence_after_ns:
            for name in self._unseen:
                self._log.write(Kind.FAULT_EVIDENCE, name, seen=True, before=False)
            self._unseen = []
        self._steady = dict(kept)

    def set_dose(self, number: int, value: float) -> None:
        self.calls.append(f"dose {number}: {value:g}")
        self._log.write(Kind.DOSE_BEGIN, "delay_ms", value=value)
        there = value if self._world.dose_is_there else 0.0
        self._world.dose = there
        self._log.write(Kind.DOSE, "delay_ms", value=value, measured=there, status="succeeded", error="")

    def release(self, *, look_again: bool = False) -> None:
        self.calls.append("release")
        for item in self._plan.evidence if look_again and not self._unseen else ():
            if item.lasts:
                self._log.write(Kind.FAULT_EVIDENCE, item.name, seen=not self._world.ends_by_itself, before=False)
        self._log.write(Kind.STEADY, "after", met=all(self._steady.values()))
        self._undo()

    def _undo(self) -> None:
        if self._code is None:
            undo = self._plan.body["rollbacks"][0]["name"]
            self._world.healed_ns = self._clock.monotonic_ns()
            self._world.dose = 0.0
            self._code = 0
            status = "failed" if self._world.undo_fails else "succeeded"
            with suppress(OSError):  # a full disk
                self._log.write(Kind.FAULT_END, undo, at_ns=self._world.healed_ns)
                self._log.write(Kind.FAULT_UNDONE, undo, status=status, error="")
                for item in self._plan.healed:
                    self._log.write(Kind.FAULT_HEALED, item.name, healed=not self._world.undo_fails)
            if self._entry is not None and not self._world.undo_fails:
                close_entry(self._entry)

    def poll(self) -> int | None:
        return self._code

    def status(self) -> str:
        return "completed" if self._code == 0 else "nothing"

    def stop(self) -> None:
        self.calls.append("stop")
        if self._world.inject_ns is not None:
            self._undo()

    def leave(self) -> None:
        self.calls.append("leave")


class FakeWatch:
    """A watchdog that hears, and undoes nothing; `world.watchdog_dies_after_ns` from when it was told of an entry."""

    def __init__(self, clock: Clock, world: World) -> None:
        self.identity = Identity.own()
        self.calls: list[str] = []
        self.beats = 0
        self.gave_up = False
        self._clock, self._world = clock, world
        self._opened_ns: int | None = None

    def wait_ready(self) -> None:
        self.calls.append("ready")

    def open(self, entry: Path) -> None:
        assert (entry / "entry.json").exists()
        assert self._world.inject_ns is None, "broken before it was written down"
        self._opened_ns = self._clock.monotonic_ns()
        self.calls.append("open")

    def beat(self) -> None:
        self.beats += 1

    def ask(self, because: str) -> None:
        self.calls.append(f"ask: {because}")

    def lost(self) -> str | None:
        if self.gave_up:
            return "it gave up undoing"
        dies = self._world.watchdog_dies_after_ns
        gone = dies is not None and self._opened_ns is not None and self._clock.monotonic_ns() - self._opened_ns > dies
        return "it ended (exit -9)" if gone else None

    def leave(self) -> None:
        self.calls.append("leave")

    def stop(self, longest_s: float, *, kill: bool) -> None:
        del longest_s
        self.calls.append(f"stop, kill: {kill}")


class FakeUndo:
    """An undoing by the supervisor that comes to nothing."""

    def poll(self) -> int:
        return 1


class FakeLooks:
    """What the guard's metrics say: scripted by the manual clock."""

    def __init__(self, say: Callable[[float], dict[str, Look]], clock: Clock) -> None:
        self.stopped = False
        self._say, self._clock, self._begin_ns = say, clock, clock.monotonic_ns()

    def latest(self) -> dict[str, Look]:
        return self._say((self._clock.monotonic_ns() - self._begin_ns) / NS_PER_S)

    def stop(self) -> None:
        self.stopped = True


def read_survivors(world: World) -> Callable[..., int]:
    """A reader that finds every acknowledged write but the lost ones."""

    def read(_plan: Plan, run_dir: Path, *, clock: Clock) -> int:
        from harness.errors import NotAvailableError

        del clock
        if not world.readable:
            raise NotAvailableError("the writer does not answer")
        ids = [one for _, one in sorted(world.acknowledged)]
        if world.lost_writes and world.inject_ns is not None:
            before = [one for done, one in sorted(world.acknowledged) if done < world.inject_ns]
            gone = set(before[-world.lost_writes :])
            ids = [one for one in ids if one not in gone]
        (run_dir / "survivors.txt").write_text("".join(f'"{one}"\n' for one in ids))
        return len(ids)

    return read


__all__ = [
    "FakeChaos",
    "FakeLoad",
    "FakeLooks",
    "FakeUndo",
    "FakeWatch",
    "ManualClock",
    "World",
    "read_survivors",
]
