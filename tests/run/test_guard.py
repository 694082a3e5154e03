"""When the guard trips, on hand-made live records: every case is what happens to the answers, and when it must trip.

100 orders a second from second 0 on, SLO 99 % within 300 ms; the guard looks ten times a second.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from harness.plan import BurnRule, Guard, LatencyRule, MetricRule, PhaseName, Plan
from harness.record import Outcome
from harness.run.guard import GuardWatch, Look, Trip
from harness.run.live import Live
from tests.judge.records import ORDERS, Edit, at, broken, foreign_slo, make_plan, make_requests, ns, outage, slo, slow

LAG_S = 0.25  # the record is looked at that far behind the present
TICK_S = 0.1
WITHIN_S = 0.3


def plan_of(**guard: object) -> Plan:
    nothing = {"budget": None, "evidence": (), "healed": (), "ledger": None}
    phases = {PhaseName.BASELINE: (0.0, 60.0)}
    plan = make_plan((slo(within_s=WITHIN_S),), (), {ORDERS: 100}, 3, phases, **nothing)
    usual = {"error_ratio": 1.0, "for_s": 50.0, "no_data_s": 40.0, "because": ""}
    return plan.model_copy(update={"guard": Guard.model_validate(usual | guard)})


def watched(plan: Plan, tmp_path: Path, edits: Iterable[Edit], end_s: float = 20) -> tuple[float, Trip] | None:
    """(seconds, trip) of the first tick that trips, over a record that grows as a worker writes it."""
    requests = make_requests({ORDERS: 100}, end_s, edits, (0, 0))
    requests = requests[requests["done_ns"].argsort(kind="stable")]
    live, guard, written = Live(plan, tmp_path), GuardWatch(plan), 0
    with (tmp_path / "requests-0.bin").open("ab", buffering=0) as file:
        for tick in range(round(end_s / TICK_S)):
            now_ns = at(tick * TICK_S)
            count = int((requests["done_ns"] <= now_ns).sum())
            file.write(requests[written:count].tobytes())
            written = count
            live.follow(now_ns)
            if trip := guard.trip(live, now_ns, {}):
                return tick * TICK_S, trip
    return None


@dataclass(frozen=True)
class Case:
    """A guard, what happens from second 10 on, and between which seconds it must trip; None: never."""

    guard: dict[str, object]
    edits: tuple[Edit, ...]
    trips_s: tuple[float, float] | None
    rule: str = ""


BURN = {"burn": BurnRule(rate=Fraction(10), over_s=2)}  # 10 % of 2 s of orders: 20 bad ones
SLOW = {"latency": LatencyRule(above_ns=ns(0.5), share=Fraction(1, 5), over_s=2)}  # 40 of 200
RATIO = {"error_ratio": 0.5, "for_s": 1.0}
QUERY = MetricRule(
    name="errors", how="prometheus", url="http://p", query="rate(errors[1m])", value=Fraction(5), looks=3
)

CASES = {
    "nothing bad trips nothing": Case(BURN | SLOW | RATIO, (), None),
    "a burn trips as soon as the window has burned enough": Case(BURN, (outage(10, 20),), (10.2, 10.8), "burn"),
    "a burn just below the rate never trips": Case(BURN, (outage(10, 20, every=11),), None),
    "a burn at the rate trips": Case(BURN, (outage(10, 20, every=10),), (11.5, 12.9), "burn"),
    "a lone bad answer in the first second is no burn": Case(BURN, (outage(0.02, 0.03),), None),
    "hanging orders burn as soon as they cannot be good any more": Case(
        BURN, (slow(10, 20, 5, outcome=Outcome.TIMED_OUT),), (10.4, 11.2), "burn"
    ),
    "hanging every second order burns too": Case(
        BURN, (slow(10, 20, 5, outcome=Outcome.TIMED_OUT, every=2),), (10.5, 11.4), "burn"
    ),
    "slow answers trip the latency once the share is there": Case(SLOW, (slow(10, 20, 0.6),), (10.9, 11.7), "latency"),
    "answers just fast enough never trip it": Case(SLOW, (slow(10, 20, 0.5),), None),
    "a fifth of slow answers is allowed": Case(SLOW, (slow(10, 20, 0.6, every=5),), None),
    "refused orders are as slow as can be": Case(SLOW, (broken(10, 20, Outcome.REFUSED),), (10.4, 11.2), "latency"),
    "hanging orders are slow before they time out": Case(
        SLOW, (slow(10, 20, 5, outcome=Outcome.TIMED_OUT),), (10.9, 11.8), "latency"
    ),
    "half bad for longer than allowed trips": Case(RATIO, (outage(10, 20, every=2),), (11.0, 12.5), "error-ratio"),
    "half bad for less than allowed never trips": Case(RATIO, (outage(10, 10.7),), None),
    "bad, good, bad begins anew each time": Case(
        RATIO | {"for_s": 2.0}, (outage(10, 11), outage(13, 14), outage(16, 17)), None
    ),
    "everything hangs: the ratio sees it, though nothing ends": Case(
        RATIO, (slow(10, 20, 9, outcome=Outcome.TIMED_OUT),), (11.0, 13.0), "error-ratio"
    ),
    "no request ends: no data": Case(
        {"no_data_s": 3.0}, (slow(10, 20, 9, outcome=Outcome.TIMED_OUT),), (12.9, 13.3), "no-data"
    ),
    "no request ever ends: no data, from the first look on": Case(
        {"no_data_s": 3.0}, (slow(0, 20, 99, outcome=Outcome.TIMED_OUT),), (2.9, 3.3), "no-data"
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_when_the_guard_trips_on_our_own_traffic(tmp_path: Path, case: str) -> None:
    """Each rule trips when its words say so and not before, and says what was bad from when on."""
    asked = CASES[case]
    found = watched(plan_of(**asked.guard), tmp_path, asked.edits)
    if asked.trips_s is None:
        assert found is None
        return
    assert found is not None, "it never tripped"
    at_s, trip = found
    assert asked.trips_s[0] <= at_s <= asked.trips_s[1]
    assert trip.rule == asked.rule
    assert trip.since_ns <= at(at_s)


def test_the_first_bad_answer_is_named(tmp_path: Path) -> None:
    """What a trip was about is dated: from there to the undo is what a guard takes."""
    found = watched(plan_of(**BURN), tmp_path, (outage(10, 20),))
    assert found is not None
    assert found[1].since_ns == pytest.approx(at(10), abs=ns(0.011))
    assert "orders burned its budget" in found[1].because
    assert "over 2 s, 10 trips" in found[1].because


BLIND = {
    "a burn that no SLO could show": (BURN, "burn"),
    "a latency that no SLO could show": (SLOW, "latency"),
    "the error ratio, where nothing else is there": ({}, "error-ratio"),
    "a burn beside a metric": (BURN | {"metrics": (QUERY,)}, "burn"),
    "a metric alone sees enough": ({"metrics": (QUERY,)}, ""),
}


@pytest.mark.parametrize("case", BLIND)
def test_a_rule_that_sees_no_slo_trips_at_the_first_look(case: str) -> None:
    """A guard that cannot be evaluated trips: a critical SLO of Prometheus's, and one of ours that is not critical."""
    rules, rule = BLIND[case]
    plan = plan_of(**rules).model_copy(update={"slos": (foreign_slo(), slo(critical=False))})
    trip = GuardWatch(plan).trip(Live(plan, Path("/nonexistent")), at(0), {})
    assert (trip.rule if trip else "") == rule
    if trip:
        assert trip.because == f"{rule} cannot be evaluated: our load sees no critical SLO"


# --- metrics of the target's own -------------------------------------------------------------------------------------


def looked(look: Look | None, now_s: float = 1.0) -> Trip | None:
    plan = plan_of(metrics=(QUERY,))
    watch, live = GuardWatch(plan), Live(plan, Path("/nonexistent"))
    watch.trip(live, at(0), {})
    return watch.trip(live, at(now_s), {} if look is None else {"errors": look})


def test_a_metric_that_says_stop_trips_at_once() -> None:
    """The first look whose value is one to stop at is enough; the reason carries query, limit and value."""
    trip = looked(Look(at_ns=at(0.9), value="7", trips=True))
    assert trip == Trip("errors", "errors: rate(errors[1m]) > 5: 7", at(0.9))


@pytest.mark.parametrize("failures", [1, 2])
def test_a_look_that_told_nothing_is_forgiven_for_a_while(failures: int) -> None:
    """One scrape that was missed stops no drill."""
    assert (
        looked(Look(at_ns=at(0.9), value="", failures=failures, failing_since_ns=at(0.5), problem="no series")) is None
    )


def test_a_metric_that_cannot_be_evaluated_trips() -> None:
    """As many looks in a row as the rule names, and the run stops; what they met is said."""
    trip = looked(Look(at_ns=at(0.9), value="", failures=3, failing_since_ns=at(0.5), problem="no series"))
    assert trip == Trip("errors", "errors cannot be evaluated, 3 looks in a row: no series", at(0.5))


@pytest.mark.parametrize("look", [None, Look(at_ns=at(0.5), value="1")])
def test_a_metric_nobody_looks_at_any_more_trips(look: Look | None) -> None:
    """A reader that hangs or is gone is no reason to go on: after its looks would have been due, it trips."""
    assert looked(look, now_s=6.0) is None
    trip = looked(look, now_s=8.0)
    assert trip is not None
    assert "no look at it has ended for 7 s" in trip.because


def test_nothing_is_broken_before_each_metric_told_something() -> None:
    """A guard that has seen nothing of a metric yet, or nothing useful, is not informed."""
    watch = GuardWatch(plan_of(metrics=(QUERY,)))
    assert not watch.is_informed({})
    assert not watch.is_informed({"errors": Look(at_ns=at(0), value="", failures=1, problem="x")})
    assert watch.is_informed({"errors": Look(at_ns=at(0), value="1")})
