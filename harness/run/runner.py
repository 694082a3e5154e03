"""One run, from plan to record: phases, guard, clean-up.

Whatever happens, in this order: the fault is undone, the load is stopped and drained, survivors are read, the record is
closed. A run that ends otherwise than planned says so in its `run.end` event, and the judge holds that against it.
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from harness.clock import Clock
from harness.errors import NotAvailableError, WellprovenError
from harness.fault import ACCOUNT_VARIABLE, RUN_VARIABLE
from harness.identity import Identity
from harness.plan import DOSE_SETTLE_NS, PhaseName, Plan, Sweep, Target, next_dose
from harness.record import Event, EventLog, Kind, Progress, RunInfo, create_run, point_latest, seal_run, write_json
from harness.redaction import Redactor
from harness.run.guard import GuardWatch
from harness.run.info import make_info, without_secrets_in
from harness.run.live import Live
from harness.run.lock import target_lock
from harness.run.operator import Operator
from harness.run.parts import ChaosPart, LoadPart, LooksPart, ObserverPart, Parts
from harness.run.undoing import BEGIN_FAULT_S, Undoing, refuse_open
from harness.run.wall_clock import WallClock
from harness.units import NS_PER_S

TICK_S = 0.1
SHOW_EVERY_NS = NS_PER_S // 4
SET_DOSE_S = 30.0  # from asking for a dose of a sweep until it is set
BEGIN_UNDO_S = 60.0  # from the end of the hold to the first rollback: Chaos Toolkit looks at its hypothesis again
STOP_NOW_S = 0.4  # the same, of a run that is stopped: then it is interrupted, and soon after the watchdog undoes

type Observe = Callable[[Progress], None]


class _Stopped(Exception):  # noqa: N818  not an error: the run ends early
    def __init__(self, how: str, because: str) -> None:
        super().__init__(because)
        self.how, self.because = how, because


def run(
    plan: Plan,
    target: Target,
    *,
    runs: Path,
    command: list[str],
    clock: Clock,
    observe: Observe,
    operator: Operator,
    parts: Parts,
    owner: Identity | None = None,
    announce: Callable[[RunInfo], None] = lambda _info: None,
    approver: str = "",
) -> Path:
    """Drill one plan against a target and return the run's folder; `announce` is told what runs before it does.

    `owner` is the process that the whole target goes with, if there is one. Raises RefusedError where another run holds
    the target or may have left its fault there, NotAvailableError where the target or a part is not there or the record
    cannot be written; the fault is undone and the record kept then too. KeyboardInterrupt where the operator left at
    once.
    """
    with target_lock(target.name, target.base_url) as addresses:
        refuse_open(target, addresses)
        path = create_run(runs, plan.experiment, clock.utc_ns())
        name = str(path.relative_to(runs))
        plan = plan.model_copy(
            update={"profile": plan.profile.model_copy(update={"id_prefix": f"wp-{path.name.lower()}"})}
        )
        undoing = Undoing(plan, target, addresses, path, name, owner, clock, parts)
        try:
            info = make_info(plan, target, addresses, name, command, clock=clock, approver=approver)
            write_json(path / "run.json", info)
            write_json(path / "plan.json", plan)
            point_latest(runs, path)
            announce(info)
            _Run(plan, target, path, clock, observe, operator, parts, undoing).go()
            seal_run(path)
        except OSError as error:
            broken = "may still be there, see wellproven recover" if undoing.is_open else "is undone"
            raise NotAvailableError(
                f"{path}: the record cannot be written ({error.strerror}); what was broken {broken}, "
                "what was recorded is kept"
            ) from error
        return path


class _Run:
    """The state of one run under way."""

    def __init__(
        self,
        plan: Plan,
        target: Target,
        path: Path,
        clock: Clock,
        observe: Observe,
        operator: Operator,
        parts: Parts,
        undoing: Undoing,
    ) -> None:
        self._plan = plan
        self._target = target
        self._path = path
        self._clock = clock
        self._observe = observe
        self._operator = operator
        self._parts = parts
        self._undoing = undoing
        self._log = EventLog(path / "events.jsonl", clock, without_secrets_in(Redactor.of_process()))
        self._live = Live(plan, path)
        self._guard = GuardWatch(plan)
        self._load: LoadPart | None = None
        self._chaos: ChaosPart | None = None
        self._chaos_ended = False
        self._observer: ObserverPart | None = None
        self._looks: LooksPart | None = None
        self._surging = False
        self._dose = ""
        self._begin_ns = clock.monotonic_ns()
        self._wall_clock = WallClock(clock)
        self._phase = "target"
        self._phase_begin_ns = self._begin_ns
        self._phase_longest_s = 0.0
        self._shown_ns = 0

    def go(self) -> None:
        """Run, and clean up whatever happens."""
        self._log.write(Kind.RUN_BEGIN, at_ns=self._begin_ns)
        how, because = "failed", "our own mistake"
        try:
            with self._operator.asked_each_tick():
                how, because = self._whole()
        except KeyboardInterrupt:
            how, because = "interrupted", "the operator left at once"
            self._leave()
            raise
        except (WellprovenError, OSError) as error:
            how, because = "failed", str(error)
            raise
        finally:
            try:
                self._clean_up()
            finally:
                try:
                    self._wall_clock.look()
                    moved_s = self._wall_clock.moved_s
                    self._log.write(Kind.RUN_END, how=how, because=because, wall_clock_moved_s=moved_s)
                finally:
                    self._log.close()

    def _whole(self) -> tuple[str, str]:
        """The run, and its orderly end when it is stopped on the way; (how, because)."""
        try:
            self._start()
            how, because = self._phases()
        except _Stopped as stopped:
            how, because = stopped.how, stopped.because
            self._undo(because)
        self._drain()
        self._read_back()
        return how, because

    # --- start -------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._step("target", "seeing that it answers")
        self._parts.reach(self._plan)
        self._step("load", "starting the load, loading the experiment")
        variables = {
            "DRILL_BASE_URL": self._plan.profile.base_url,
            **self._target.environment_variables,
            RUN_VARIABLE: str(self._path.resolve()),
        }
        if self._target.aws_account is not None:
            variables[ACCOUNT_VARIABLE] = self._target.aws_account
        self._chaos = self._parts.start_chaos(self._plan, self._path, variables, clock=self._clock)
        self._undoing.start(variables)
        self._chaos.wait_ready()
        self._observer = self._parts.observe(self._plan, self._path, clock=self._clock)
        self._looks = self._parts.look_at(self._plan, self._path, variables, clock=self._clock)
        self._load = self._parts.start_load(self._plan.profile, self._path, clock=self._clock)
        self._log.write(Kind.LOAD_BEGIN, at_ns=self._load.begin_ns)

    def _step(self, name: str, message: str) -> None:
        now_ns = self._clock.monotonic_ns()
        self._phase, self._phase_begin_ns, self._phase_longest_s = name, now_ns, 0.0
        elapsed_s = (now_ns - self._begin_ns) / NS_PER_S
        self._observe(
            Progress(phase=name, elapsed_s=elapsed_s, phase_elapsed_s=0.0, phase_longest_s=0.0, message=message)
        )

    # --- phases ------------------------------------------------------------------------------------------------------

    def _phases(self) -> tuple[str, str]:
        assert self._load is not None
        self._begin_phase(PhaseName.WARM_UP, self._load.begin_ns)
        self._phase_until(PhaseName.WARM_UP, lambda: "")
        self._begin_phase(PhaseName.BASELINE)
        self._phase_until(PhaseName.BASELINE, self._all_decided)
        unkept = [slo.name for slo in self._plan.slos if not self._live.kept(slo)]
        if unkept:
            return "unsteady", f"the baseline does not show that {', '.join(unkept)} is kept: nothing was broken"
        self._fault_phase()
        self._recovery_phase()
        return "completed", ""

    def _fault_phase(self) -> None:
        assert self._chaos is not None
        assert self._looks is not None
        while not self._guard.is_informed(self._looks.latest()):
            self._tick()  # the guard trips where it stays uninformed
        self._step("inject", "Chaos Toolkit looks at the steady state, then breaks")
        self._chaos.go(self._undoing.open(self._chaos))
        inject = self._wait_for(Kind.FAULT_BEGIN, BEGIN_FAULT_S)
        if inject is None:
            raise _Stopped("failed", f"Chaos Toolkit began no fault ({self._chaos.status()}); see chaos.log")
        self._begin_phase(PhaseName.FAULT, inject.at_ns)
        self._surge(on=True)
        why = self._watch_fault(inject.at_ns) if self._plan.sweep is None else self._sweep(self._plan.sweep)
        self._log.write(Kind.PHASE_END, PhaseName.FAULT, why=why)

    def _watch_fault(self, inject_ns: int) -> str:
        """Watch as long as the verdicts need, counted from when the evidence is seen; why it ended."""
        phase = self._plan.phase(PhaseName.FAULT)
        while True:
            now_ns = self._clock.monotonic_ns()
            applied_ns = self._applied_ns(inject_ns)
            if why := self._fault_is_pointless():
                return why
            if applied_ns is not None and now_ns - applied_ns >= phase.shortest_s * NS_PER_S:
                return "watched long enough for the verdicts"
            if now_ns - inject_ns >= phase.longest_s * NS_PER_S:
                return "the evidence did not come in time"
            self._tick()

    def _sweep(self, sweep: Sweep) -> str:
        """Try one dose after another, each as long as its verdict needs; why the sweep ended."""
        critical = [slo.name for slo in self._plan.slos if slo.critical]
        tried: dict[Fraction, dict[str, bool | None]] = {}
        while (dose := next_dose(sweep, tried, critical)) is not None:
            self._dose = f"{float(dose):g} {sweep.unit}".rstrip()
            self._set_dose(len(tried) + 1, float(dose))
            deadline_ns = self._clock.monotonic_ns() + round(sweep.step_longest_s * NS_PER_S)
            while self._all_decided() is None and self._clock.monotonic_ns() < deadline_ns:
                if why := self._fault_is_pointless():
                    return why
                self._tick()
            tried[dose] = {
                slo.name: self._live.kept(slo) if self._live.decided(slo) else None for slo in self._plan.slos
            }
        self._dose = ""
        return f"the sweep tried {len(tried)} doses and knows what it can know"

    def _set_dose(self, number: int, value: float) -> None:
        """Have Chaos Toolkit set a dose, and count answers from when it has settled."""
        assert self._chaos is not None
        self._chaos.set_dose(number, value)
        deadline_ns = self._clock.monotonic_ns() + round(SET_DOSE_S * NS_PER_S)
        while len(done := [event for event in self._live.events if event.kind is Kind.DOSE]) < number:
            if self._chaos_ended or self._clock.monotonic_ns() > deadline_ns:
                raise _Stopped("failed", f"the dose {value:g} was not set; see chaos.log")
            self._tick()
        if done[-1].data.get("status") != "succeeded":
            raise _Stopped("failed", f"the dose {value:g} could not be set: {done[-1].data.get('error')}")
        self._live.begin_phase(PhaseName.FAULT, done[-1].at_ns + DOSE_SETTLE_NS)

    def _surge(self, *, on: bool) -> None:
        """Raise the arrivals to the surge's while the fault is there, or end that; nothing where none is planned."""
        if self._surging is on or all(route.surge_per_s is None for route in self._plan.profile.routes):
            return
        assert self._load is not None
        self._surging = on
        self._log.write(Kind.SURGE_BEGIN if on else Kind.SURGE_END, at_ns=self._load.surge(on))

    def _applied_ns(self, inject_ns: int) -> int | None:
        """When the last probe saw its evidence; None while one has not."""
        wanted = {item.name for item in self._plan.evidence if item.probe}
        seen = {
            event.name: event.at_ns
            for event in self._live.events
            if event.kind is Kind.FAULT_EVIDENCE and event.at_ns >= inject_ns and event.data.get("seen") is True
        }
        return max([inject_ns, *seen.values()]) if wanted <= set(seen) else None

    def _fault_is_pointless(self) -> str | None:
        assert self._chaos is not None
        if any(e.kind is Kind.FAULT_CALLED and e.data.get("status") != "succeeded" for e in self._live.events):
            return "the fault's action failed"
        return "Chaos Toolkit ended by itself" if self._chaos.poll() is not None else None

    def _recovery_phase(self) -> None:
        assert self._chaos is not None
        self._dose = ""  # also after a sweep that ended early: what is undone is no dose any more
        self._surge(on=False)
        self._chaos.release(look_again=True)
        ended = self._wait_for(Kind.FAULT_END, BEGIN_UNDO_S)
        if ended is None:
            raise _Stopped("failed", "Chaos Toolkit did not undo the fault; see chaos.log")
        self._begin_phase(PhaseName.RECOVERY, ended.at_ns)
        self._phase_until(PhaseName.RECOVERY, lambda: self._all_decided() if self._is_healed() else None)

    def _all_decided(self) -> str | None:
        return "every SLO is decided" if all(self._live.decided(slo) for slo in self._plan.slos) else None

    def _is_healed(self) -> bool:
        zones = self._live.traffic(self._clock.monotonic_ns())[2]
        silent = [item.zone_silent for item in self._plan.evidence if item.zone_silent]
        return self._chaos_ended and not self._undoing.is_open and all(zones.get(zone) for zone in silent)

    def _begin_phase(self, name: PhaseName, at_ns: int | None = None) -> None:
        event = self._log.write(Kind.PHASE_BEGIN, name, at_ns=at_ns)
        self._live.begin_phase(name, event.at_ns)
        self._phase, self._phase_begin_ns = name, event.at_ns
        self._phase_longest_s = self._plan.phase(name).longest_s

    def _phase_until(self, name: PhaseName, is_enough: Callable[[], str | None]) -> None:
        """Let a phase go on between its shortest and its longest length until `is_enough` says why it is enough."""
        phase = self._plan.phase(name)
        while True:
            elapsed_s = (self._clock.monotonic_ns() - self._phase_begin_ns) / NS_PER_S
            why = is_enough()
            if elapsed_s >= phase.longest_s:
                why = why or "its longest length"
                break
            if elapsed_s >= phase.shortest_s and why is not None:
                break
            self._tick()
        self._log.write(Kind.PHASE_END, name, why=why)

    def _wait_for(self, kind: Kind, longest_s: float) -> Event | None:
        """The first event of that kind, waited for; None where Chaos Toolkit ended, or the time did, without it."""
        deadline_ns = self._clock.monotonic_ns() + round(longest_s * NS_PER_S)
        while True:
            ended = self._chaos_ended
            found = next((event for event in self._live.events if event.kind is kind), None)
            if found or ended or self._clock.monotonic_ns() > deadline_ns:
                return found
            self._tick()

    # --- each tick ---------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """Let a little time pass; look at everything. Raises _Stopped where the run must end."""
        self._look()
        self._wall_clock.look()
        if self._operator.wants_stop:
            raise _Stopped("interrupted", "the operator asked to stop")
        assert self._load is not None
        for problem in self._load.poll():
            self._log.write(Kind.LOAD_LOST, because=problem)
            raise _Stopped("failed", f"the load is not whole: {problem}")
        endangered = self._undoing.problem() or self._undone_by_others()
        if endangered:
            raise _Stopped("failed", endangered)
        looks = self._looks.latest() if self._looks is not None else {}
        trip = self._guard.trip(self._live, self._clock.monotonic_ns(), looks)
        if trip is not None:
            self._log.write(Kind.GUARD, trip.rule, because=trip.because, since_ns=trip.since_ns)
            raise _Stopped("guard", trip.because)

    def _has_ended_fault(self) -> bool:
        return self._chaos_ended or any(event.kind is Kind.FAULT_END for event in self._live.events)

    def _undone_by_others(self) -> str | None:
        begun = next((event for event in self._live.events if event.kind is Kind.UNDO_BEGIN), None)
        return f"the {begun.name} undoes the fault: {begun.data.get('because')}" if begun else None

    def _look(self) -> None:
        self._undoing.beat()
        self._clock.sleep(TICK_S)
        now_ns = self._clock.monotonic_ns()
        self._live.follow(now_ns)
        if self._chaos is not None and not self._chaos_ended:
            self._chaos.say_steady(self._live.kept_lately(now_ns))
            self._note_chaos_end()
        if now_ns - self._shown_ns >= SHOW_EVERY_NS:
            self._shown_ns = now_ns
            self._observe(self._progress(now_ns))

    def _note_chaos_end(self) -> None:
        if self._chaos is None or self._chaos_ended:
            return
        code = self._chaos.poll()
        if code is not None:
            self._chaos_ended = True
            self._live.follow(self._clock.monotonic_ns())
            self._log.write(Kind.CHAOS_END, exit_code=code, status=self._chaos.status())

    def _progress(self, now_ns: int) -> Progress:
        rate, error_ratio, zones = self._live.traffic(now_ns)
        kinds = [event.kind for event in self._live.events]
        broken = Kind.FAULT_BEGIN in kinds and not (Kind.FAULT_END in kinds and self._chaos_ended)
        routes = self._plan.profile.routes
        return Progress(
            phase=self._phase,
            elapsed_s=(now_ns - self._begin_ns) / NS_PER_S,
            phase_elapsed_s=(now_ns - self._phase_begin_ns) / NS_PER_S,
            phase_longest_s=self._phase_longest_s,
            rate_per_s=rate,
            planned_rate_per_s=float(
                sum((route.surge_per_s if self._surging else None) or route.stages[0].rate_per_s for route in routes)
            ),
            error_ratio=error_ratio,
            slos=tuple(self._live.slo_progress(slo, now_ns) for slo in self._plan.slos),
            zones=zones,
            broken=tuple(action.name for action in self._plan.actions) if broken else (),
            dose=self._dose,
            breaker=dict(self._observer.states) if self._observer else {},
            surging=self._surging,
        )

    # --- the end -----------------------------------------------------------------------------------------------------

    def _undo(self, because: str) -> None:
        """Undo the fault of a run that is stopped early, watching; a second wish to stop leaves at once."""
        self._step("undo", "undoing what is broken")
        if self._chaos is None:
            return
        self._dose = ""
        self._surge(on=False)
        if self._undoing.is_open:
            self._chaos.release()
            deadline_ns = self._clock.monotonic_ns() + round(STOP_NOW_S * NS_PER_S)
            while not self._has_ended_fault() and self._clock.monotonic_ns() < deadline_ns:
                self._look()
            self._chaos.leave()
            self._undoing.ask(because)
            self._undoing.settle(self._look)
        self._chaos.stop()
        self._note_chaos_end()

    def _drain(self) -> None:
        if self._load is None:
            return
        self._step("drain", "letting requests under way finish")
        self._log.write(Kind.LOAD_END)
        self._end_observing()
        self._load.stop()
        for problem in self._load.poll():
            self._log.write(Kind.LOAD_LOST, because=problem)

    def _read_back(self) -> None:
        begun = any(event.kind is Kind.FAULT_BEGIN for event in self._live.events)
        if self._plan.ledger is None or self._load is None or not begun:
            return
        self._step("read-back", "reading which writes survived")
        try:
            count = self._parts.read_survivors(self._plan, self._path, clock=self._clock)
        except NotAvailableError as error:
            self._log.write(Kind.READ_BACK, complete=False, because=str(error))
        else:
            self._log.write(Kind.READ_BACK, complete=True, count=count)

    def _leave(self) -> None:
        """Leave at once: Chaos Toolkit's child undoes by itself, else the watchdog; the load ends with us."""
        if self._chaos is not None:
            self._chaos.leave()
        self._undoing.leave()
        if self._load is not None:
            self._load.kill()
        self._chaos = self._load = None

    def _end_observing(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer = None
        if self._looks is not None:
            self._looks.stop()
            self._looks = None

    def _clean_up(self) -> None:
        """Whatever is still there goes; a no-op after an orderly end."""
        if self._chaos is not None:
            self._chaos.stop()
            self._undoing.settle(lambda: self._clock.sleep(TICK_S))
        self._undoing.stop()
        if self._load is not None:
            self._load.stop()
        self._end_observing()
