"""Budget, burn, alerts; empty slices; and what a drill may cost."""

from fractions import Fraction

import numpy as np
import pytest

from harness.judge import Outcome, error_ratios, slice_up
from harness.judge.budget import Slices, covered, spend
from harness.record import Kind, Series
from harness.record import Outcome as Wire
from harness.slo import BudgetingMethod, EmptySlices
from tests.judge.records import (
    BEGIN_NS,
    alert,
    at,
    broken,
    drill,
    foreign_slo,
    instead,
    judge,
    ns,
    one_of,
    outage,
    reporting,
    slo,
    slow,
    verdict,
)

MET, MISSED, UNKNOWN = Outcome.MET, Outcome.MISSED, Outcome.UNKNOWN
NAN = float("nan")
BUDGET = "budget of the drill"


def _slices(*good_of_total):
    """One-second slices, each as (good, total)."""
    good, total = zip(*good_of_total, strict=True) if good_of_total else ((), ())
    return Slices(BEGIN_NS, np.array(good, dtype=np.int64), np.array(total, dtype=np.int64))


def _timeslices(slice_target, window_s, **more):
    return slo(
        budgeting=BudgetingMethod.TIMESLICES, slice_target=Fraction(slice_target), slice_window_ns=ns(window_s), **more
    )


# --- slices ----------------------------------------------------------------------------------------------------------


def test_answers_fall_in_the_slice_of_their_planned_time():
    """A slice holds the answers planned from its first nanosecond to its last; a last part of a slice is a slice."""
    planned_ns = np.array([at(0), at(1) - 1, at(1), at(2.4), at(2.5)])
    series = Series(planned_ns, planned_ns + 5, np.array([True, False, True, False, True]))
    slices = slice_up(series, at(0), at(2.5))
    assert (slices.good.tolist(), slices.total.tolist()) == ([1, 1, 0], [2, 1, 1])
    assert slice_up(series, at(5), at(5)).total.tolist() == []


EMPTY = _slices((10, 10), (0, 0), (5, 10), (2, 2))

# SLO, slices -> e(t) of each second
RATIOS = {
    "Occurrences: the bad share of each second": (slo(), _slices((10, 10), (5, 10), (0, 10)), [0, 0.5, 1]),
    "an empty slice is excluded by default": (slo(), EMPTY, [0, NAN, 0.5, 0]),
    "an empty slice is good under the policy good": (slo(empty_slices=EmptySlices.GOOD), EMPTY, [0, 0, 0.5, 0]),
    "an empty slice is bad under the policy bad": (slo(empty_slices=EmptySlices.BAD), EMPTY, [0, 1, 0.5, 0]),
    "a slice below the floor is empty, however good": (slo(empty_floor=5), EMPTY, [0, NAN, 0.5, NAN]),
    "a slice at the floor is not": (slo(empty_floor=2), EMPTY, [0, NAN, 0.5, 0]),
    "a slice below the floor is bad under the policy bad": (
        slo(empty_floor=5, empty_slices=EmptySlices.BAD),
        EMPTY,
        [0, 1, 0.5, 1],
    ),
    "Timeslices: a slice is good from its target on, and bad altogether below it": (
        _timeslices("0.9", 2),
        _slices((10, 10), (8, 10), (10, 10), (7, 10), (0, 1)),
        [0, 0, 1, 1, 1],
    ),
    "Timeslices: a target is compared exactly": (_timeslices("1/3", 1), _slices((1, 3), (0, 3)), [0, 1]),
    "Timeslices: an empty slice follows the policy": (
        _timeslices("0.9", 2, empty_slices=EmptySlices.BAD),
        _slices((10, 10), (0, 0), (0, 0), (0, 0)),
        [0, 0, 1, 1],
    ),
    "RatioTimeslices: the slice's own ratio, for each of its seconds": (
        slo(budgeting=BudgetingMethod.RATIO_TIMESLICES, slice_window_ns=ns(2)),
        _slices((10, 10), (0, 30), (9, 10)),
        [0.75, 0.75, 0.1],
    ),
    "no slice at all": (slo(), _slices(), []),
}


@pytest.mark.parametrize("case", RATIOS)
def test_error_ratios(case):
    """e(t) is what the budgeting method and the empty-slice policy say, second by second."""
    one, slices, expected = RATIOS[case]
    assert error_ratios(one, slices) == pytest.approx(np.array(expected, dtype=float), nan_ok=True)


COVERED = {
    "every second has answers": (slo(), _slices((1, 1), (0, 1)), 1.0),
    "one second in four has none": (slo(), EMPTY, 0.75),
    "seconds below the floor are not covered, whatever the policy": (
        slo(empty_floor=5, empty_slices=EmptySlices.GOOD),
        EMPTY,
        0.5,
    ),
    "a second without answers is not covered by its slice": (_timeslices("0.9", 2), EMPTY, 0.75),
    "no second at all": (slo(), _slices(), 0.0),
}


@pytest.mark.parametrize("case", COVERED)
def test_coverage(case):
    """Coverage is the share of the seconds that hold enough answers to say anything."""
    one, slices, expected = COVERED[case]
    assert covered(one, slices) == expected
    assert spend(one, slices, BEGIN_NS, None).coverage == expected


# --- budget and burn -------------------------------------------------------------------------------------------------


def test_what_was_seen_and_production_traffic_are_two_figures():
    """2.5 s of outage in 40 s cost 625 % of the budget of what was seen, and 0.0103 % of four weeks' budget."""
    spent = judge(drill(outage(10, 12.5))).budget["orders"]
    assert (spent.good, spent.total, spent.coverage) == (3750, 4000, 1.0)
    assert spent.share_of_seen == pytest.approx(250 / (0.01 * 4000))
    assert spent.share_of_window == pytest.approx(2.5 / (0.01 * 28 * 86_400))
    assert spent.bad_minutes_at_production == pytest.approx(2.5 / 60)
    assert spent.burn == {"drill": pytest.approx(6.25)}


def test_a_burn_of_one_spends_the_budget_exactly_at_the_windows_end():
    """At a steady error ratio of 1 - T, a window's length of it costs the whole budget."""
    one = slo(window_ns=100 * 10**9)
    spent = spend(one, _slices(*[(99, 100)] * 100), BEGIN_NS, None)
    assert spent.burn["drill"] == pytest.approx(1)
    assert spent.share_of_window == pytest.approx(1)
    assert spent.share_of_seen == pytest.approx(1)


def test_an_overspent_budget_is_not_clamped():
    """A drill that costs three budgets says 3, not 1."""
    assert spend(slo(window_ns=10**11), _slices(*[(97, 100)] * 100), BEGIN_NS, None).share_of_window == pytest.approx(3)


def test_the_raised_rate_of_the_drill_does_not_count():
    """Twice the requests per second, equally bad for as long, cost production the same."""
    at_100, at_200 = (
        judge(drill(outage(10, 12), rates={"POST /orders": rate})).budget["orders"].share_of_window
        for rate in (100, 200)
    )
    assert at_100 == pytest.approx(at_200)


def test_nothing_seen_costs_nothing_known():
    """Without a request there is no share, not a share of 0."""
    spent = spend(slo(), _slices((0, 0), (0, 0)), BEGIN_NS, None)
    assert (spent.share_of_seen, spent.share_of_window, spent.burn, spent.coverage) == (None, None, {}, 0.0)


# --- the verdict -----------------------------------------------------------------------------------------------------

# 2 s of outage cost 2 / (0.01 * 1000) = 20 % of the budget of a window of 1,000 s
SMALL = {"window_ns": 1000 * 10**9}
COSTS = {
    "a drill within its budget is met": (lambda: drill(outage(10, 12), slos=[slo(**SMALL)], budget="0.25"), MET, ""),
    "a drill above its budget is missed": (
        lambda: drill(outage(10, 12), slos=[slo(**SMALL)], budget="0.15"),
        MISSED,
        "cost orders 20 % of its window's budget (0.03 bad minutes), 15 % allowed",
    ),
    "the dearest SLO decides": (
        lambda: drill(outage(10, 12), slos=[slo(**SMALL), slo("strict", target="0.995", **SMALL)], budget="0.25"),
        MISSED,
        "cost strict 40 %",
    ),
    "a cheap drill without evidence of the fault is unknown": (
        lambda: drill(silent=(35, 40), slos=[slo(**SMALL)], budget="0.25"),
        UNKNOWN,
        "but no evidence that the fault took effect",
    ),
    "a cheap drill that was cut short is unknown": (
        lambda: instead(drill(slos=[slo(**SMALL)], budget="0.25"), Kind.RUN_END, how="interrupted"),
        UNKNOWN,
        "but the run was cut short (interrupted",
    ),
    "a dear drill that was cut short is missed all the same": (
        lambda: instead(drill(outage(10, 20), slos=[slo(**SMALL)], budget="0.25"), Kind.RUN_END, how="guard"),
        MISSED,
        "100 % of its window's budget",
    ),
    "an SLO that our load cannot see leaves the cost unknown": (
        lambda: drill(slos=[slo(**SMALL), foreign_slo(critical=False)], budget="0.25"),
        UNKNOWN,
        "but the metric source of elsewhere is not read",
    ),
    "slices below the floor leave the cost unknown": (
        lambda: drill(outage(10, 12), slos=[slo(empty_floor=101, **SMALL)], budget="0.25"),
        UNKNOWN,
        "but orders has gaps in its data",
    ),
    "and under the policy good as well": (
        lambda: drill(
            outage(10, 12), slos=[slo(empty_floor=101, empty_slices=EmptySlices.GOOD, **SMALL)], budget="0.25"
        ),
        UNKNOWN,
        "but orders has gaps in its data",
    ),
}


@pytest.mark.parametrize("case", COSTS)
def test_what_a_drill_may_cost(case):
    """A drill is cheap only when all of it was seen, and it broke something."""
    make, outcome, because = COSTS[case]
    said = verdict(make(), BUDGET)
    assert said.outcome is outcome, said.because
    assert because in said.because


def test_a_drill_without_a_stated_budget_has_no_budget_verdict():
    """Nothing is judged that nobody promised."""
    assert BUDGET not in {one.promise for one in judge(drill()).verdicts}


# --- alerts ----------------------------------------------------------------------------------------------------------


def _alert(*edits, of, target="0.99", **more):
    (one,) = judge(drill(*edits, slos=[slo(target=target, alerts=(of,))], **more)).budget["orders"].alerts
    return one


def test_an_alert_fires_when_its_formula_says():
    """At e = 1 and T = 99 %, a burn of 14.4 over 20 s is reached (1 - T)/e * W * k = 2.88 s after effect."""
    found = _alert(outage(15, 25), of=alert(14.4, 20))
    assert found.can_fire
    assert found.predicted_s == pytest.approx(15 + 2.88)
    assert found.fired_s == 18  # the end of the first whole second after it
    # cleared when fewer than 2.88 of the last 20 s are bad: from 43 s on, after the end of the drill
    assert found.cleared_s is None


def test_the_short_window_clears_an_alert():
    """With a short window S an alert clears S * (1 - k(1 - T)/e) after the outage."""
    found = _alert(outage(15, 20), of=alert(14.4, 20, 5))
    assert found.fired_s == 18
    assert found.cleared_s == pytest.approx(20 + 5 * (1 - 14.4 * 0.01), abs=1)


def test_an_alert_waits_as_long_as_it_says():
    """`alertAfter` puts the alert off by as much as the condition must hold."""
    found = _alert(outage(15, 25), of=alert(14.4, 20, alert_after_ns=ns(3)))
    assert (found.fired_s, found.predicted_s) == (21, pytest.approx(15 + 2.88 + 3))


def test_errors_below_the_threshold_never_fire():
    """An alert never fires where e < k(1 - T)."""
    found = _alert(outage(15, 25, every=10), of=alert(14.4, 20))
    assert (found.predicted_s, found.fired_s, found.cleared_s) == (None, None, None)
    assert found.can_fire


def test_a_short_drill_cannot_fire_a_long_alert():
    """40 s, were they all bad, burn 1000 * 40/3600 = 11.1 over an hour: no alert at 14.4 proves nothing there."""
    found = _alert(outage(10, 30), of=alert(14.4, 3600, 300), target="0.999")
    assert (found.can_fire, found.predicted_s, found.fired_s) == (False, None, None)


def test_an_alert_at_its_threshold_fires_only_where_it_is_inclusive():
    """`gte` fires at a burn equal to the threshold, `gt` does not."""
    spent = [
        spend(slo(target="0.5", alerts=(alert(1, 4, inclusive=inclusive),)), _slices(*[(5, 10)] * 4), BEGIN_NS, None)
        for inclusive in (True, False)
    ]
    assert [one.alerts[0].fired_s for one in spent] == [4, None]


def test_burn_is_given_for_each_window_of_an_alert():
    """Each window's highest burn stands under its name."""
    spent = judge(drill(outage(10, 12), slos=[slo(alerts=(alert(14.4, 20, 4),))])).budget["orders"]
    assert spent.burn == {"drill": pytest.approx(5), "4s": pytest.approx(50), "20s": pytest.approx(10)}


# --- SLOs in the steady phases ---------------------------------------------------------------------------------------

# what happened: (record, outcome in baseline, a piece of the reason)
STEADY = {
    "enough good answers decide it": (lambda: drill(), MET, "1,000 of 1,000 good (100 %), enough to decide 99 %"),
    "too few answers do not": (
        lambda: drill(baseline=(8, 10)),
        UNKNOWN,
        "200 of 200 good (100 %): too few to decide 99 %; needs 36",
    ),
    "a bad ratio near the target cannot be decided so soon": (
        lambda: drill(outage(0, 10, every=100)),
        UNKNOWN,
        "990 of 1,000 good (99 %): too few to decide 99 %; needs",
    ),
    "a broken SLO is missed": (lambda: drill(outage(5, 6)), MISSED, "900 of 1,000 good (90 %), fewer than the 99 %"),
    "an SLO of 0 % is kept by any answer": (lambda: drill(outage(0, 10), slos=[slo(target="0")]), MET, "0 of 1,000"),
    "an SLO our load cannot see is unknown": (
        lambda: drill(slos=[foreign_slo("orders"), slo("seen")]),
        UNKNOWN,
        "its metric source is not read by this version",
    ),
    "Timeslices decide by whole slices": (
        lambda: drill(outage(5, 5.05), slos=[_timeslices("0.99", 0.01, target="0.9")]),
        MET,
        "995 of 1,000 good",
    ),
    "Timeslices longer than the phase decide nothing": (
        lambda: drill(slos=[_timeslices("0.99", 60)]),
        UNKNOWN,
        "nothing was seen: no request, or no whole slice of time",
    ),
    "Timeslices below the floor keep nothing, even under the policy good": (
        lambda: drill(slos=[_timeslices("0.99", 0.01, target="0.9", empty_floor=2, empty_slices=EmptySlices.GOOD)]),
        UNKNOWN,
        "nothing was seen",
    ),
    "Timeslices below the floor break it under the policy bad": (
        lambda: drill(slos=[_timeslices("0.99", 0.01, target="0.9", empty_floor=2, empty_slices=EmptySlices.BAD)]),
        MISSED,
        "0 of 1,000 good",
    ),
    "answers that the load sent late itself make nobody miss": (
        lambda: reporting(drill(slow(5, 5.6, 0.005, late_s=0.4), slos=[slo(within_s=0.3)]), lateness_ns_max=ns(0.41)),
        UNKNOWN,
        "940 of 1,000 good (94 %), fewer than the 99 % promised; but not without requests that the load itself",
    ),
    "answers that the service kept waiting are its own": (
        lambda: drill(slow(5, 5.6, 0.005, late_s=0.4), slos=[slo(within_s=0.3)]),
        MISSED,
        "940 of 1,000 good (94 %), fewer than the 99 % promised",
    ),
    "arrivals that the load never sent make nobody miss": (
        lambda: drill(broken(5, 5.3, Wire.EXPIRED)),
        UNKNOWN,
        "970 of 1,000 good (97 %), fewer than the 99 % promised; but not without",
    ),
    "nor are they good": (lambda: drill(broken(5, 5.05, Wire.EXPIRED)), UNKNOWN, "995 of 1,000 good"),
}


@pytest.mark.parametrize("case", STEADY)
def test_an_slo_in_a_steady_phase(case):
    """An SLO is kept or broken only by enough answers of its own, and never broken by the load's own fault."""
    make, outcome, because = STEADY[case]
    said = verdict(make(), "orders in baseline")
    assert said.outcome is outcome, said.because
    assert because in said.because


def test_the_loads_own_fault_misses_neither_rto_nor_budget():
    """A generator that stood still within the fault phase leaves RTO and cost unknown where only it would miss them."""
    record = drill(slow(25, 25.35, 0.005, late_s=0.4), slos=[slo(within_s=0.3, **SMALL)], budget="0.03")
    stood_still = reporting(record, lateness_ns_max=ns(0.41))
    for promise in ("az RTO", BUDGET):
        assert verdict(record, promise).outcome is MISSED
        assert verdict(stood_still, promise).outcome is UNKNOWN
    assert one_of(judge(stood_still), "load valid").outcome is MET


def test_the_recovery_phase_is_judged_by_its_own_answers():
    """A service that is broken again after the fault was taken away misses its SLO in recovery."""
    record = drill(outage(31, 33))
    assert verdict(record, "orders in baseline").outcome is MET
    assert verdict(record, "orders in recovery").outcome is MISSED
