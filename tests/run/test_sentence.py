"""The whole sentence on a fake target with a manual clock: plan -> load + fault -> record -> judge."""

import resource
import socket
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from harness import slo
from harness.clock import ManualClock
from harness.errors import NotAvailableError
from harness.fault import Entry, open_entries, state_folder
from harness.judge import Judgement, Outcome, judge
from harness.plan import BurnRule, MetricRule, Plan, built_in_target, make, read_experiment
from harness.record import Kind, Progress, read_record
from harness.redaction import declare
from harness.run import Operator, Parts, run
from harness.run.guard import Look
from harness.units import NS_PER_S
from tests.run.fakes import FakeChaos, FakeLoad, FakeLooks, FakeUndo, FakeWatch, World, read_survivors

ROOT = Path(__file__).parents[2]
TARGET = built_in_target("http://127.0.0.1:1", {})


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The shop's own AZ drill, as short as it can be."""
    experiment, document = read_experiment(ROOT / "experiments/az-failure.yaml")
    return make(experiment, document, slo.read([ROOT / "slos"]), TARGET, environment={}, quick=True)


class Drill:
    """One fake drill: its parts are kept, so that a test can look at them."""

    def __init__(self, plan: Plan, runs: Path, world: World, on: Callable[["Drill", Progress], None] | None) -> None:
        self.clock = ManualClock(monotonic_ns=5 * NS_PER_S)
        self.world, self.runs = world, runs
        self.operator = Operator()
        self.seen: list[Progress] = []
        self._plan, self._on = plan, on
        self.load: FakeLoad | None = None
        self.chaos: FakeChaos | None = None
        self.watch: FakeWatch | None = None
        self.approver = "Kim Lee"
        self.say: Callable[[float], dict[str, Look]] = lambda _seconds: {}

    def go(self) -> Path:
        return run(
            self._plan,
            TARGET,
            runs=self.runs,
            command=["drill", "az-failure"],
            clock=self.clock,
            observe=self._observe,
            operator=self.operator,
            parts=Parts(
                reach=lambda _plan: None,
                start_load=self._start_load,
                start_chaos=self._start_chaos,
                watch=self._start_watch,
                undo=lambda *_arguments, **_named: FakeUndo(),
                read_survivors=read_survivors(self.world),
                look_at=lambda _plan, _path, _environment, *, clock: FakeLooks(self.say, clock),
            ),
            approver=self.approver,
        )

    def _observe(self, progress: Progress) -> None:
        self.seen.append(progress)
        if self._on:
            self._on(self, progress)

    def _start_load(self, profile, run_dir, *, clock):
        self.load = FakeLoad(profile, run_dir, clock, self.world)
        return self.load

    def _start_chaos(self, plan, run_dir, environment, *, clock):
        del environment
        self.chaos = FakeChaos(plan, run_dir, clock, self.world)
        return self.chaos

    def _start_watch(self, run_dir, environment, *, clock, secrets):
        del run_dir, environment, secrets
        self.watch = FakeWatch(clock, self.world)
        return self.watch


def drill(plan: Plan, runs: Path, world: World, on: Callable[[Drill, Progress], None] | None = None) -> Judgement:
    return judge(read_record(Drill(plan, runs, world, on).go()))


def verdict(judgement: Judgement, promise: str) -> tuple[Outcome, str]:
    found = next(one for one in judgement.verdicts if one.promise == promise)
    return found.outcome, found.because


def test_a_target_that_fails_over_in_time_meets_every_promise(tmp_path: Path, plan: Plan) -> None:
    """Two seconds of refused orders, a lost zone, no lost order: everything is met, and the figures are the world's."""
    judgement = drill(plan, tmp_path, World())
    assert {one.promise: one.because for one in judgement.verdicts if one.outcome is not Outcome.MET} == {}
    recovery = judgement.recovery["orders-accepted"]
    assert recovery.rta_inject_s is not None
    assert recovery.rta_inject_s.lower <= 2.0 <= recovery.rta_inject_s.upper
    assert recovery.rta_inject_s.upper - recovery.rta_inject_s.lower < 4 * recovery.resolution_s
    assert judgement.data is not None
    assert (judgement.data.lost, judgement.data.unexpected) == (0, 0)
    assert judgement.outcome is Outcome.MET


def test_a_run_is_of_one_target_whatever_its_name_leads_to_next(
    tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer is another address: what is locked, kept in the ledger and in the record is all of the first one."""
    answers = (f"192.0.2.{number}" for number in range(1, 250))
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, port, **_: [(0, 0, 0, "", (next(answers), port))])
    known, seen = ["127.0.0.1-1", "192.0.2.1-1"], []

    def look(_drill: Drill, _progress: Progress) -> None:
        held = sorted(path.stem for path in (state_folder() / "locks").iterdir())
        seen.append((held, [list(entry.addresses) for entry in open_entries().values() if isinstance(entry, Entry)]))

    record = read_record(Drill(plan, tmp_path, World(), look).go())
    assert list(record.info.addresses) == known
    assert (known, [known]) in seen
    assert {str(held) for held, _ in seen} == {str(known)}


def test_a_phase_ends_as_soon_as_it_is_decided(tmp_path: Path, plan: Plan) -> None:
    """736 good answers decide 99.5 %: six and a half seconds at 114/s, and the baseline takes no longer."""
    record = read_record(Drill(plan, tmp_path, World(), None).go())
    begin, end = (next(e for e in record.events if e.kind == kind and e.name == "baseline") for kind in _PHASE)
    assert 6.4 <= (end.at_ns - begin.at_ns) / NS_PER_S <= 7.0
    assert end.data["why"] == "every SLO is decided"


_PHASE = ("phase.begin", "phase.end")


def test_the_fault_is_watched_from_when_it_is_there(tmp_path: Path, plan: Plan) -> None:
    """A cloud that takes eight seconds to stop instances gets them on top: the RTO is watched from the evidence on."""
    judgement = drill(plan, tmp_path, World(evidence_after_ns=8 * NS_PER_S))
    assert judgement.fault.end_s is not None
    assert judgement.fault.inject_s is not None
    assert 22.0 <= judgement.fault.end_s - judgement.fault.inject_s <= 22.5
    assert verdict(judgement, "shop-az RTO")[0] is Outcome.MET


def test_without_failover_the_rto_is_missed(tmp_path: Path, plan: Plan) -> None:
    """Orders that come back only with the zone are no failover: the RTO is missed, and the steady state with it."""
    judgement = drill(plan, tmp_path, World(failover_after_ns=None))
    outcome, because = verdict(judgement, "shop-az RTO")
    assert outcome is Outcome.MISSED
    assert "only after the fault was removed: no failover" in because
    assert verdict(judgement, "steady state")[0] is Outcome.MISSED
    assert judgement.outcome is Outcome.MISSED


def test_lost_orders_are_counted_and_dated(tmp_path: Path, plan: Plan) -> None:
    """Orders acknowledged over the last two seconds before the fault and gone after it miss an RPO of one second."""
    judgement = drill(plan, tmp_path, World(lost_writes=230))
    outcome, because = verdict(judgement, "shop-az RPO")
    assert outcome is Outcome.MISSED
    assert because.startswith("230 of ")
    assert judgement.data is not None
    assert 1.9 < judgement.data.rpa_s.upper < 2.2


@pytest.mark.parametrize(
    ("world", "promise", "because"),
    [
        (World(hits=False), "fault applied", "no evidence that the fault took effect: zone us-east-1a silent not seen"),
        (World(action_fails=True), "fault applied", "the fault's action failed"),
        (World(undo_fails=True), "fault undone", "undoing failed"),
        (World(bad_from_start=True), "fault applied", "no fault was begun"),
        (World(chaos_begins=False), "fault applied", "no fault was begun"),
        (World(late_ns=3_000_000), "load valid", "the generator fell behind"),
        (World(load_dies_after_ns=9 * NS_PER_S), "load valid", "a load process was lost"),
        (World(readable=False), "shop-az RPO", "the survivors were not read to the end"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_was_not_seen_is_unknown(tmp_path: Path, plan: Plan, world: World, promise: str, because: str) -> None:
    """Each way of having no evidence makes the run unknown, or worse; never met."""
    judgement = drill(plan, tmp_path, world)
    found, said = verdict(judgement, promise)
    assert found is Outcome.UNKNOWN
    assert because in said
    assert judgement.outcome is not Outcome.MET


def test_nothing_is_broken_when_the_baseline_is_not_steady(tmp_path: Path, plan: Plan) -> None:
    """A target that does not keep its SLOs before the fault is left alone."""
    fake = Drill(plan, tmp_path, World(bad_from_start=True), None)
    judgement = judge(read_record(fake.go()))
    assert fake.chaos is not None
    assert "go" not in fake.chaos.calls
    assert verdict(judgement, "orders-accepted in baseline")[0] is Outcome.MISSED


@pytest.mark.parametrize("phase", ["warm-up", "baseline", "fault", "recovery"])
def test_ctrl_c_in_any_phase_undoes_and_keeps_the_record(tmp_path: Path, plan: Plan, phase: str) -> None:
    """One Ctrl-C: the fault is undone, the load stopped, the record closed and judged unknown."""

    def stop(fake: Drill, progress: Progress) -> None:
        if progress.phase == phase and not fake.operator.wants_stop:
            fake.operator.stop()

    fake = Drill(plan, tmp_path, World(), stop)
    judgement = judge(read_record(fake.go()))
    assert fake.load is not None
    assert fake.load.stopped
    assert fake.world.inject_ns is None or fake.world.healed_ns is not None
    assert verdict(judgement, "run complete") == (
        Outcome.UNKNOWN,
        "the run was cut short (interrupted: the operator asked to stop)",
    )
    assert judgement.outcome is Outcome.UNKNOWN


def test_ctrl_c_twice_leaves_at_once_and_lets_the_child_undo(tmp_path: Path, plan: Plan) -> None:
    """The second Ctrl-C waits for nothing: the child is told to undo, the load is killed, the record says why."""

    def stop(fake: Drill, progress: Progress) -> None:
        if progress.phase in ("fault", "undo"):
            fake.operator.stop()

    fake = Drill(plan, tmp_path, World(), stop)
    with pytest.raises(KeyboardInterrupt):
        fake.go()
    assert fake.chaos is not None
    assert "leave" in fake.chaos.calls
    assert fake.load is not None
    assert fake.load.killed
    assert judge(read_record(tmp_path / "latest")).outcome is not Outcome.MET


def test_the_guard_stops_what_stays_broken(tmp_path: Path, plan: Plan) -> None:
    """Orders bad for longer than the guard allows: the fault is undone before its phase is over."""
    strict = plan.model_copy(update={"guard": plan.guard.model_copy(update={"for_s": 3.0})})
    fake = Drill(strict, tmp_path, World(failover_after_ns=None), None)
    judgement = judge(read_record(fake.go()))
    assert fake.world.inject_ns is not None
    assert fake.world.healed_ns is not None
    assert 3.0 <= (fake.world.healed_ns - fake.world.inject_ns) / NS_PER_S <= 5.0
    assert verdict(judgement, "run complete")[1].startswith("the run was cut short (guard: orders-")
    assert judgement.outcome is not Outcome.MET


def watched_by(plan: Plan, rule: MetricRule) -> Plan:
    return plan.model_copy(update={"guard": plan.guard.model_copy(update={"metrics": (rule,)})})


QUERY = MetricRule(name="errors", how="prometheus", url="http://p", query="errors")


def test_a_metric_that_says_stop_before_the_fault_leaves_all_whole(tmp_path: Path, plan: Plan) -> None:
    """In the baseline already: the run ends, and nothing was broken."""
    fake = Drill(watched_by(plan, QUERY), tmp_path, World(), None)
    fake.say = lambda seconds: {"errors": Look(at_ns=fake.clock.monotonic_ns(), value="9", trips=seconds > 4)}
    judgement = judge(read_record(fake.go()))
    assert fake.chaos is not None
    assert "go" not in fake.chaos.calls
    assert verdict(judgement, "run complete")[1].startswith("the run was cut short (guard: errors: errors > 0: 9")


def test_nothing_is_broken_while_a_metric_tells_nothing(tmp_path: Path, plan: Plan) -> None:
    """A metric that never tells anything is waited for, not passed over; in the end it trips."""
    fake = Drill(watched_by(plan, QUERY.model_copy(update={"every_s": 20.0})), tmp_path, World(), None)
    fake.say = lambda _seconds: {}
    judgement = judge(read_record(fake.go()))
    assert fake.chaos is not None
    assert "go" not in fake.chaos.calls
    assert "errors cannot be evaluated: no look at it has ended for 64 s" in verdict(judgement, "run complete")[1]


def test_a_metric_that_trips_in_the_fault_phase_undoes_it(tmp_path: Path, plan: Plan) -> None:
    """The event names the rule and since when; the undo begins at once."""
    fake = Drill(watched_by(plan, QUERY), tmp_path, World(), None)

    def say(_seconds: float) -> dict[str, Look]:
        inject_ns, now_ns = fake.world.inject_ns, fake.clock.monotonic_ns()
        return {"errors": Look(at_ns=now_ns, value="9", trips=inject_ns is not None and now_ns > inject_ns + NS_PER_S)}

    fake.say = say
    record = read_record(fake.go())
    tripped, undone = record.first(Kind.GUARD), record.first(Kind.FAULT_END)
    assert tripped is not None
    assert undone is not None
    assert tripped.name == "errors"
    assert 0 <= undone.at_ns - tripped.data["since_ns"] <= NS_PER_S


def test_a_burn_stops_the_drill_within_two_seconds_of_the_first_bad_second(tmp_path: Path, plan: Plan) -> None:
    """Orders refused from the fault on: the undo begins within two seconds of the first refused order."""
    burning = BurnRule(rate=Fraction(20), over_s=2)  # 10 % of 99.5 %
    guarded = plan.model_copy(update={"guard": plan.guard.model_copy(update={"burn": burning})})
    fake = Drill(guarded, tmp_path, World(failover_after_ns=None), None)
    record = read_record(fake.go())
    tripped = record.first(Kind.GUARD)
    assert tripped is not None
    assert tripped.name == "burn"
    assert fake.world.inject_ns is not None
    assert fake.world.healed_ns is not None
    assert fake.world.healed_ns - fake.world.inject_ns <= 2 * NS_PER_S


def test_who_approved_is_in_the_record(tmp_path: Path, plan: Plan) -> None:
    """An auditor finds the name in the head of the run."""
    assert read_record(Drill(plan, tmp_path, World(), None).go()).info.approver == "Kim Lee"


def test_what_the_supervisor_writes_has_no_declared_secret_in_it(
    tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the variable's name: who approved, and a reason that quotes somebody else's answer."""
    monkeypatch.setenv("SHOP_LOGIN", "canary-of-the-supervisor")
    declare(["SHOP_LOGIN"])
    said = Look(at_ns=0, value="canary-of-the-supervisor burns", trips=True)
    drill = Drill(watched_by(plan, QUERY), tmp_path, World(), None)
    drill.approver = "canary-of-the-supervisor"
    drill.say = lambda _seconds: {"errors": said}
    path = drill.go()
    assert "***" in str([event.data.get("because") for event in read_record(path).all(Kind.GUARD)])
    found = [file.name for file in path.iterdir() if b"canary" in file.read_bytes()]
    assert found == []


def test_a_target_that_does_not_answer_is_said_so_and_nothing_is_started(tmp_path: Path, plan: Plan) -> None:
    """The target is reached before anything is broken; its silence ends the run with a clear message."""
    with pytest.raises(NotAvailableError, match=r"target testbed does not answer at http://127\.0\.0\.1:1 "):
        run(
            plan,
            TARGET,
            runs=tmp_path,
            command=[],
            clock=ManualClock(),
            observe=lambda _progress: None,
            operator=Operator(),
            parts=Parts(),
        )
    assert judge(read_record(tmp_path / "latest")).outcome is Outcome.UNKNOWN


def test_a_disk_that_fills_undoes_the_fault_and_keeps_the_record(tmp_path: Path, plan: Plan) -> None:
    """When the record cannot be written any more, what is broken is undone first; what was recorded can be judged."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(_fake: Drill, progress: Progress) -> None:
        if progress.phase == "fault":
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))

    fake = Drill(plan, tmp_path, World(), fill)
    try:
        with pytest.raises(NotAvailableError, match="the record cannot be written"):
            fake.go()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert fake.world.healed_ns is not None
    assert judge(read_record(tmp_path / "latest")).outcome is not Outcome.MET


def test_observers_see_each_phase_and_what_is_broken(tmp_path: Path, plan: Plan) -> None:
    """Progress names the phase, the rate, the zones that answer, and the fault while it is there."""
    fake = Drill(plan, tmp_path, World(), None)
    fake.go()
    phases = list(dict.fromkeys(progress.phase for progress in fake.seen))
    assert phases == ["target", "load", "warm-up", "baseline", "inject", "fault", "recovery", "drain", "read-back"]
    late_fault = [progress for progress in fake.seen if progress.phase == "fault"][-1]
    assert late_fault.broken == ("stop every instance of the zone",)
    assert late_fault.zones.get("us-east-1a", 0) == 0
    assert late_fault.rate_per_s == pytest.approx(late_fault.planned_rate_per_s, rel=0.05)


def test_a_fault_that_ends_by_itself_proves_no_recovery(tmp_path: Path, plan: Plan) -> None:
    """Seen once, and gone when it is to be taken away: the run is unknown, not a quick failover."""
    judgement = drill(plan, tmp_path, World(ends_by_itself=True))
    assert verdict(judgement, "fault applied") == (
        Outcome.UNKNOWN,
        "no evidence that the fault took effect: no instance of the zone runs: no longer seen at the last look",
    )
    assert judgement.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("hours", [1, -1])
def test_a_step_of_the_wall_clock_changes_no_figure_and_is_not_met(hours: int, tmp_path: Path, plan: Plan) -> None:
    """An hour forward or back in the fault, also when it is set back at once: every interval is of the monotonic clock.

    But what others measured meanwhile is not.
    """

    def step(fake: Drill, progress: Progress) -> None:
        if progress.phase == "fault" and not stepped:
            stepped.append(True)
            fake.clock.step_utc(hours * 3600 * NS_PER_S)
        elif progress.phase == "recovery" and len(stepped) == 1:
            stepped.append(True)
            fake.clock.step_utc(-hours * 3600 * NS_PER_S)

    stepped: list[bool] = []
    without, with_step = (drill(plan, tmp_path / name, World(), on) for name, on in (("a", None), ("b", step)))
    assert stepped
    of_clock = next(one for one in with_step.verdicts if one.promise == "wall clock")
    assert of_clock.outcome is Outcome.UNKNOWN
    assert f"the wall clock moved {'forward' if hours > 0 else 'back'} by 1 h" in of_clock.because
    assert [(one.promise, one.outcome) for one in with_step.verdicts if one is not of_clock] == [
        (one.promise, one.outcome) for one in without.verdicts
    ]
    assert (without.outcome, with_step.outcome) == (Outcome.MET, Outcome.UNKNOWN)
    assert with_step.recovery == without.recovery
    stepped.clear()
    assert drill(plan, tmp_path / "c", World(failover_after_ns=None), step).outcome is Outcome.MISSED
    assert stepped
