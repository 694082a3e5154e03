"""What a circuit breaker, a dependency and a sweep are judged by: one hand-built record a sentence."""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from harness.judge import Judgement, judge
from harness.plan import Breaker, BreakerState, Dependency, Metric, Sweep
from harness.record import FLAG_FALLBACK, Kind, Observation, Record, Seen
from harness.slo import Slo
from tests.judge.records import ORDERS, Edit, adding, at, drill, event, ns, one_of, outage, slo, slow, without

EVERY_S = 0.25
PLAN = Breaker(
    name="pricing",
    how="metric",
    urls=("http://a:1/metrics", "http://b:2/metrics"),
    states={"0": BreakerState.CLOSED},
    opened_within_ns=ns(2),
    fails_fast_within_ns=ns(0.2),
    sheds=Fraction(9, 10),
    closed_within_ns=ns(5),
)
INFERRED = PLAN.model_copy(
    update={"how": "inferred", "urls": (), "open_below": Fraction(1, 5), "opened_within_ns": ns(3)}
)


def dependency(amplification: str | None = None, answers_within_s: float | None = None) -> Dependency:
    counter = Metric(urls=("http://envoy:3/stats",), metric="rq_total")
    return Dependency(
        name="pricing",
        route=ORDERS,
        requests=counter,
        amplification=Fraction(amplification) if amplification else None,
        answers_within_ns=ns(answers_within_s) if answers_within_s else None,
    )


def looks(source: str, changes: dict[float, str], end_s: float = 40, silent: tuple[float, float] = (0, 0)) -> list:
    """A look every quarter of a second; `changes` says from when on which state is there."""
    found = []
    for at_s in np.arange(0.1, end_s, EVERY_S):
        state = [value for begin_s, value in changes.items() if begin_s <= at_s][-1]
        if not silent[0] <= at_s < silent[1]:
            found.append(_look(Seen.BREAKER, source, at_s, state))
    return found


def counter(rates: dict[float, float], end_s: float = 40) -> list[Observation]:
    """Looks at the dependency's counter; `rates` says from when on how many reach it in a second."""
    found, total = [], 0.0
    for at_s in np.arange(0.1, end_s, EVERY_S):
        found.append(_look(Seen.DEPENDENCY, "envoy:3", at_s, total))
        total += EVERY_S * [rate for begin_s, rate in rates.items() if begin_s <= at_s][-1]
    return found


def _look(what: Seen, source: str, at_s: float, value: str | float) -> Observation:
    return Observation(at_ns=at(at_s), done_ns=at(at_s + 0.01), what=what, source=source, value=value)


TRIPS = {0: "closed", 11: "open", 31: "closed"}
SHED = {0: 100.0, 11.0: 1.0, 31.0: 100.0}


def tripped(
    *edits: Edit,
    a: dict[float, str] = TRIPS,
    b: dict[float, str] = TRIPS,
    reach: dict[float, float] = SHED,
    plan: Breaker = PLAN,
    seen: Iterable[Observation] | None = None,
    depends: Dependency | None = None,
) -> Record:
    """A drill from 10 to 30 s whose breakers open at 11 s and close at 31 s, with 100 requests a second."""
    record = drill(*edits)
    found = [*looks("a:1", a), *looks("b:2", b), *counter(reach)] if seen is None else list(seen)
    watched = record.plan.model_copy(
        update={"breaker": plan, "dependency": depends or dependency(), "observe_every_ns": ns(EVERY_S)}
    )
    requests = record.requests.copy()
    inside = (requests["planned_ns"] >= at(11)) & (requests["planned_ns"] < at(31))
    requests["flags"][inside] = FLAG_FALLBACK
    observations = tuple(sorted(found, key=lambda one: one.at_ns))
    return replace(record, plan=watched, observations=observations, requests=requests)


def judged(record: Record, promise: str) -> tuple[str, str]:
    verdict = one_of(judge(record), f"pricing breaker {promise}")
    return verdict.outcome.value, verdict.because


def test_a_breaker_that_does_what_it_should_is_met() -> None:
    """Opened a second after inject, closed a second after the fault, its times as intervals between two looks."""
    judgement = judge(tripped())
    assert {one.promise: one.because for one in judgement.verdicts if one.outcome != "met"} == {}
    breaker = judgement.breaker
    assert breaker is not None
    assert breaker.opened_after_s is not None
    assert breaker.closed_after_s is not None
    assert breaker.opened_after_s.lower < 1.0 <= breaker.opened_after_s.upper <= 1.0 + EVERY_S
    assert breaker.closed_after_s.lower < 1.0 <= breaker.closed_after_s.upper <= 1.0 + EVERY_S
    assert breaker.fallbacks_open == breaker.answers_open > 1800
    assert breaker.share_reached == pytest.approx(0.01, abs=0.003)


CASES = {
    "a breaker that never opens is missed": (
        tripped(a={0: "closed"}), "opened", "missed", "it never opened at a:1"),
    "a breaker that opens too late is missed": (
        tripped(b={0: "closed", 13: "open", 31: "closed"}), "opened", "missed", "open in every instance within 3.1"),
    "a breaker that opens and does not shed is missed": (
        tripped(reach={0: 100, 11: 60, 31: 100}), "shed load", "missed", "it opened, but did not shed"),
    "a breaker that never closes is missed": (
        tripped(a={0: "closed", 11: "open"}), "closed", "missed", "it never closed at a:1"),
    "a breaker that closes too late is missed": (
        tripped(a={0: "closed", 11: "open", 37: "closed"}), "closed", "missed", "after the fault was taken away"),
    "a breaker that trips in the baseline is missed": (
        tripped(b={0: "closed", 4: "open", 5: "closed", 11: "open", 31: "closed"}),
        "closed in the baseline", "missed", "it tripped in the baseline, with nothing broken, at b:2"),
    "a breaker that opens again after it closed flaps": (
        tripped(a={0: "closed", 11: "open", 31: "closed", 33: "open", 34: "closed"}),
        "did not flap", "missed", "it opened 2 times at a:1"),
    "open, half-open, open is not flapping": (
        tripped(a={0: "closed", 11: "open", 15: "half-open", 15.5: "open", 31: "closed"}),
        "did not flap", "met", "it opened once"),
    "half-open is seen where it lasts": (
        tripped(a={0: "closed", 11: "open", 15: "half-open", 15.5: "open", 31: "closed"}),
        "probed half-open", "met", "seen half-open at a:1"),
    "half-open that is too short to see shows in the requests that get through": (
        tripped(), "probed half-open", "met", "a request now and then reached it"),
    "slow fallbacks are missed": (
        tripped(slow(12, 30, 0.5)), "failed fast", "missed", "took longer than 200 ms"),
    "a breaker that cannot be read is unknown": (
        tripped(seen=counter(SHED)), "opened", "unknown", "its state could not be read at a:1, b:2"),
    "one instance that cannot be read makes it unknown": (
        tripped(seen=[*looks("a:1", TRIPS), *counter(SHED)]), "opened", "unknown", "could not be read at b:2"),
    "a counter that began anew shows no shedding": (
        tripped(seen=[*looks("a:1", TRIPS), *looks("b:2", TRIPS), *counter(SHED, 20),
                      *[one.model_copy(update={"at_ns": one.at_ns + ns(20), "done_ns": one.done_ns + ns(20)})
                        for one in counter({0: 1.0}, 20)]]),
        "shed load", "unknown", "its process was restarted"),
    "nothing is looked at for long: what might have opened meanwhile is unknown": (
        tripped(seen=[*looks("a:1", {0: "closed"}, silent=(12, 25)), *looks("b:2", TRIPS), *counter(SHED)]),
        "opened", "unknown", "it was not looked at all the time"),
    "a promise shorter than the looks can tell is unknown": (
        tripped(plan=PLAN.model_copy(update={"opened_within_ns": ns(0.5)})),
        "opened", "unknown", "500 ms cannot be told by looks every 250 ms"),
    "a state inferred from a second in which the fault began is none of the baseline": (
        tripped(plan=INFERRED, seen=counter({0: 100.0, 10.1: 1.0, 31.0: 100.0})), "closed in the baseline", "met",
        "closed at every look"),
    "traffic that stops before the fault is a breaker that tripped in the baseline": (
        tripped(plan=INFERRED, seen=counter({0: 100.0, 7.0: 1.0, 31.0: 100.0})), "closed in the baseline", "missed",
        "tripped in the baseline"),
    "a state inferred from traffic says so": (
        tripped(plan=INFERRED, seen=counter(SHED)), "opened", "met", "inferred from the traffic"),
    "traffic that goes on infers a breaker that never opened": (
        tripped(plan=INFERRED, seen=counter({0: 100.0})), "opened", "missed", "it never opened"),
    "looks that end early say nothing of what came later: whether it flapped": (
        tripped(seen=[*looks("a:1", TRIPS, 20), *looks("b:2", TRIPS), *counter(SHED)]),
        "did not flap", "unknown", "it was not looked at all the time at a:1"),
    "nor whether it opened": (
        tripped(seen=[*looks("a:1", TRIPS, 10.6), *looks("b:2", TRIPS), *counter(SHED)]),
        "opened", "unknown", "it was not looked at all the time"),
    "nor whether it stayed closed": (
        tripped(seen=[*looks("a:1", TRIPS, 32), *looks("b:2", TRIPS), *counter(SHED)]),
        "closed", "unknown", "nobody looked to the end whether it stayed so: a:1"),
    "nor what was answered while it was open": (
        tripped(seen=[*looks("a:1", TRIPS, 11.4), *looks("b:2", TRIPS), *counter(SHED)]),
        "failed fast", "unknown", "too few to decide"),
    "a fault that was not seen makes every promise unknown": (
        without(tripped(), Kind.FAULT_CALLED), "opened", "unknown", "did not come back"),
}  # fmt: skip


@pytest.mark.parametrize("sentence", CASES)
def test_breakers(sentence: str) -> None:
    """Each sentence of the table is what the judge says of its record."""
    record, promise, outcome, because = CASES[sentence]
    found = judged(record, promise)
    assert found[0] == outcome, found
    assert because in found[1]


@pytest.mark.parametrize(
    ("reach", "outcome", "says"),
    [
        ({0: 100.0, 10: 140.0, 30: 100.0}, "met", "1.4"),
        ({0: 100.0, 10: 400.0, 30: 100.0}, "missed", "a retry storm: 4 requests reached it for each of ours"),
    ],
)
def test_a_retry_storm_is_missed(reach: dict[float, float], outcome: str, says: str) -> None:
    """Requests that reach the dependency per request of ours, against the limit of 1.5."""
    verdict = one_of(judge(tripped(reach=reach, depends=dependency("1.5"))), "pricing not asked more often")
    assert (verdict.outcome, says in verdict.because) == (outcome, True), verdict.because


@pytest.mark.parametrize("end_s", [12, 20, 28])
def test_a_counter_that_was_not_asked_to_the_end_tells_nothing_of_a_storm(end_s: float) -> None:
    """What came after the last look may have been one."""
    seen = [*looks("a:1", TRIPS), *looks("b:2", TRIPS), *counter({0: 100.0}, end_s)]
    verdict = one_of(judge(tripped(seen=seen, depends=dependency("1.5"))), "pricing not asked more often")
    assert verdict.outcome == "unknown"
    assert "was not asked for" in verdict.because


@pytest.mark.parametrize(("latency_s", "outcome"), [(0.2, "met"), (0.6, "missed")])
def test_a_time_out_that_is_not_honoured_is_missed(latency_s: float, outcome: str) -> None:
    """99 % of the answers within 500 ms while the dependency is slow, or it is waited for."""
    record = tripped(slow(10, 30, latency_s), depends=dependency(answers_within_s=0.5))
    assert one_of(judge(record), "pricing not waited for").outcome == outcome


def swept(*edits: Edit, doses: dict[float, float], measured: float | None = 1.0, slos: Iterable[Slo] = ()) -> Judgement:
    """A sweep: `doses` says from which second on which dose is there, and `measured` what share of it was measured."""
    record = drill(*edits, slos=tuple(slos))
    sweep = Sweep(
        variable="delay_ms",
        unit="ms",
        lowest=Fraction(100),
        highest=Fraction(400),
        tolerates={"orders": Fraction(200)},
    )
    events = []
    for at_s, dose in doses.items():
        events.append(event(at_s, Kind.DOSE_BEGIN, "delay_ms", value=dose))
        found = None if measured is None else dose * measured
        events.append(event(at_s + 0.1, Kind.DOSE, "delay_ms", value=dose, measured=found, status="succeeded"))
    return judge(adding(replace(record, plan=record.plan.model_copy(update={"sweep": sweep})), *events))


def test_a_sweep_says_what_held_and_what_broke() -> None:
    """Held at 200 ms, broken at 400 ms, and in between found to 10 %: 360 ms held, 390 ms broke."""
    doses = {10.2: 200.0, 15.2: 400.0, 19.0: 360.0, 24.2: 390.0}
    judgement = swept(outage(15.3, 18.9), outage(24.3, 29.9), doses=doses)
    assert judgement.sweep is not None
    (response,) = judgement.sweep.responses
    assert (response.held, response.broken) == (360, 390)
    assert [step.outcome.value for step in response.steps] == ["met", "met", "missed", "missed"]
    assert one_of(judgement, "orders at 200 ms").outcome == "met"
    assert one_of(judgement, "sweep complete").outcome == "met"
    assert not [one for one in judgement.verdicts if one.kind == "rto"]


def test_what_breaks_below_its_claim_is_missed() -> None:
    """Claimed to stand 200 ms, broken at 100 ms."""
    judgement = swept(outage(10.5, 19.9), doses={10.5: 100.0})
    assert one_of(judgement, "orders at 200 ms").outcome == "missed"


@pytest.mark.parametrize("measured", [None, 0.0, 0.5])
def test_a_dose_that_was_not_measured_proves_nothing(measured: float | None) -> None:
    """Every call succeeded and every answer was good, but nobody saw the delay: unknown, never held."""
    judgement = swept(doses={10.5: 200.0, 20.0: 400.0}, measured=measured)
    assert one_of(judgement, "orders at 200 ms").outcome == "unknown"
    assert one_of(judgement, "sweep complete").outcome == "unknown"


def test_only_what_is_not_critical_may_take_its_time_to_come_back() -> None:
    """Bad for two seconds after the fault: missed in recovery by a critical SLO, met by one that is not."""
    slos = [slo(), slo("comfort").model_copy(update={"critical": False})]
    judgement = judge(drill(outage(30, 31.9), slos=slos))
    assert one_of(judgement, "orders in recovery").outcome == "missed"
    assert one_of(judgement, "comfort in recovery").outcome == "met"
