"""Recovery marks and recovery times, on tables of hand-built records."""

from dataclasses import replace

import pytest

from harness.judge import Outcome
from harness.judge.recovery import find_marks
from harness.record import Kind, series_of
from harness.record import Outcome as Wire
from harness.slo import BudgetingMethod, RecoveryClock, RecoveryLevel
from tests.judge.records import (
    STOPPED,
    alert,
    at,
    broken,
    drill,
    foreign_slo,
    instead,
    judge,
    ns,
    objective,
    one_of,
    outage,
    slo,
    slow,
    verdict,
    without,
)

MET, MISSED, UNKNOWN = Outcome.MET, Outcome.MISSED, Outcome.UNKNOWN
CATALOGUE = "GET /catalogue"
# At 100/s and a target of 99 %, a window of W = 2 s holds 200 answers and breaks at its third bad one.


def _recovery(record, name="orders"):
    return judge(record).recovery[name]


def _interval(found):
    return None if found is None else (round(found.lower, 6), round(found.upper, 6))


# --- marks -----------------------------------------------------------------------------------------------------------

# what happened: (edits, effect, first_ok, recovered, relapses, bad_s)
MARKS = {
    "a clean outage ends between the third last bad answer and the completion of the first good one": (
        [outage(10, 12.5)],
        (10.0, 12.505, (12.47, 12.505), 0, 2.505),
    ),
    "an outage that begins after inject has its effect at its first bad answer": (
        [outage(13, 15)],
        (13.0, 15.005, (14.97, 15.005), 0, 2.005),
    ),
    "requests that are never answered are bad from when they were planned": (
        [broken(12, 13, Wire.TIMED_OUT, latency_s=5)],
        (12.0, 13.005, (12.97, 13.005), 0, 1.005),
    ),
    "an answer that came late is bad, and the time counts from when it was planned": (
        [slow(10.1, 12.5, latency_s=1.5)],
        (10.1, 12.505, (12.47, 12.505), 0, 2.405),
    ),
    "an answer sent late but answered at once is as late as its user sees it": (
        [slow(10.1, 12.5, latency_s=0.005, late_s=1.5)],
        (10.1, 12.505, (12.47, 12.505), 0, 2.405),
    ),
    "stray bad answers that the SLO allows do not put recovery off": (
        [outage(10, 12.5), outage(13, 30, every=100)],
        (10.0, 12.505, (12.49, 12.505), 0, 2.505),
    ),
    "stray bad answers that the SLO allows are no effect": (
        [outage(10, 30, every=100)],
        (None, None, None, 0, 0.0),
    ),
    "bad answers before inject are not the fault's": ([outage(9, 10)], (None, None, None, 0, 0.0)),
    "a first good answer within the outage is reported, and decides nothing": (
        [outage(10, 11), outage(11.02, 12.5)],
        (10.0, 11.005, (12.47, 12.505), 0, 2.505),
    ),
    "a flapping service recovers at its last stable recovery": (
        [outage(10, 11), outage(15, 16), outage(20, 21)],
        (10.0, 11.005, (20.97, 21.005), 2, 3 * 1.005),
    ),
    "two outages less than W apart are one": (
        [outage(10, 11), outage(12, 13)],
        (10.0, 11.005, (12.97, 13.005), 0, 3.005),
    ),
    "an SLO broken to the end of the record has not recovered": (
        [outage(12, 40)],
        (12.0, None, None, 0, 28.0),
    ),
    "recovery shorter than W before the end of the record is none": (
        [outage(12, 39)],
        (12.0, 39.005, None, 0, 28.0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MARKS)
def test_marks(case):
    """Each mark is where the definitions say, to the nanosecond of the answer that sets it."""
    edits, (effect_s, first_ok_s, recovered_s, relapses, bad_s) = MARKS[case]
    found = _recovery(drill(*edits, slos=[slo(within_s=0.3)]))
    assert found.inject_s == 10.0
    assert (found.effect_s, found.first_ok_s) == (effect_s, first_ok_s)
    assert _interval(found.recovered_s) == recovered_s
    assert (found.relapses, round(found.bad_s, 6)) == (relapses, round(bad_s, 6))
    assert found.resolution_s == 0.01


def test_recovery_times_are_given_from_inject_and_from_effect():
    """RTA stands twice: from inject, and from the first effect."""
    found = _recovery(drill(outage(13, 15)))
    assert _interval(found.rta_inject_s) == (4.97, 5.005)
    assert _interval(found.rta_service_s) == (1.97, 2.005)


def test_marks_do_not_depend_on_the_order_of_answers_planned_at_one_instant():
    """Answers of several workers planned at the same nanosecond give the same marks in any order."""
    record = drill(outage(10, 12))
    requests = record.requests.copy()
    requests["planned_ns"] -= requests["planned_ns"] % ns(0.05)  # five at a time
    series = series_of(record.plan.slos[0], record.plan.profile, requests)
    forward = find_marks(series, record.plan.slos[0].target, at(9.98), at(30), ns(2))
    for start in range(0, len(requests), 5):
        requests[start : start + 5] = requests[start : start + 5][::-1]
    series = series_of(record.plan.slos[0], record.plan.profile, requests)
    assert find_marks(series, record.plan.slos[0].target, at(9.98), at(30), ns(2)) == forward


# --- verdicts --------------------------------------------------------------------------------------------------------

# what happened: (record, outcome, measured upper bound in s, a piece of the reason)
RTO = {
    "a recovery within the RTO is met by its upper bound": (
        lambda: drill(outage(10, 12.5)),
        MET,
        2.505,
        "recovered between 2.470 and 2.505 s after inject; RTO 10 s",
    ),
    "a recovery whose upper bound is the RTO is met": (lambda: drill(outage(10, 12.5), rto_s=2.505), MET, 2.505, ""),
    "a recovery whose upper bound alone is above the RTO is missed": (
        lambda: drill(outage(10, 12.5), rto_s=2.5),
        MISSED,
        2.505,
        "between 2.470 and 2.505",
    ),
    "a recovery after the RTO is missed": (lambda: drill(outage(10, 21)), MISSED, 11.005, "RTO 10 s"),
    "flapping counts to the last stable recovery and says how bad it was": (
        lambda: drill(outage(10, 11), outage(15, 16), outage(22, 23)),
        MISSED,
        13.005,
        "with 2 relapses (3.02 s bad in all)",
    ),
    "a relapse within the RTO is met and told": (
        lambda: drill(outage(10, 11), outage(15, 16)),
        MET,
        6.005,
        "with 1 relapse (2.01 s bad in all)",
    ),
    "never recovered is missed when watched longer than the RTO": (
        lambda: drill(outage(12, 40)),
        MISSED,
        None,
        "not recovered after 30 s",
    ),
    "never recovered is unknown when not watched longer than the RTO": (
        lambda: drill(outage(12, 40), rto_s=30),
        UNKNOWN,
        None,
        "not recovered, but only watched for 30 s",
    ),
    "no effect is a recovery time of 0 with evidence of the fault": (lambda: drill(), MET, 0.0, "never broken"),
    "no effect is unknown without evidence of the fault": (
        lambda: drill(silent=(35, 40)),
        UNKNOWN,
        None,
        "no evidence that the fault took effect",
    ),
    "no effect is unknown when not watched for RTO + W": (
        lambda: drill(rto_s=18.5),
        UNKNOWN,
        None,
        "never broken, but only watched for 20 s of the 20.5 s needed",
    ),
    "watched for exactly RTO + W is watched long enough": (lambda: drill(rto_s=18), MET, 0.0, ""),
    "a recovery in time is unknown when not watched for RTO + W": (
        lambda: drill(outage(10, 12.5), rto_s=18.5),
        UNKNOWN,
        2.505,
        "only watched for 20 s of the 20.5 s needed",
    ),
    "a fault that took effect only at the end was not withstood for the RTO": (
        lambda: drill(silent=(22, 30)),
        UNKNOWN,
        None,
        "the fault was seen to be there for 8.02 s only",
    ),
    "a recovery before the fault was there for the RTO is no recovery from it": (
        lambda: drill(outage(10, 11), silent=(22, 30)),
        UNKNOWN,
        1.005,
        "the fault was seen to be there for 8.02 s only",
    ),
    "a fault that nobody saw end may have ended at once": (
        lambda: without(drill(evidence=(STOPPED,)), Kind.FAULT_END),
        UNKNOWN,
        None,
        "it is not known until when the fault was there",
    ),
    "a recovery after the fault was removed, within the RTO, is no failover": (
        lambda: drill(outage(12, 31), rto_s=25),
        UNKNOWN,
        21.005,
        "only after the fault was removed: no failover",
    ),
    "a recovery after the fault was removed, after the RTO, is missed": (
        lambda: drill(outage(12, 31)),
        MISSED,
        21.005,
        "only after the fault was removed: no failover",
    ),
    "an RTO below three probe intervals cannot be resolved": (
        lambda: drill(outage(10, 12.5), rto_s=0.029),
        UNKNOWN,
        None,
        "an RTO of 29 ms cannot be resolved at one request in 10 ms; needs 103/s",
    ),
    "an RTO of three probe intervals can": (lambda: drill(outage(10, 12.5), rto_s=0.03), MISSED, 2.505, ""),
    "a baseline that broke its SLO leaves the RTO unknown": (
        lambda: drill(outage(5, 6)),
        UNKNOWN,
        None,
        "the baseline was not steady: 900 of 1,000 good",
    ),
    "a baseline too short to decide leaves the RTO unknown": (
        lambda: drill(baseline=(8, 10)),
        UNKNOWN,
        None,
        "the baseline was not steady: 200 of 200 good (100 %): too few to decide",
    ),
    "a baseline that never ended leaves the RTO unknown": (
        lambda: without(drill(), Kind.PHASE_END, "baseline"),
        UNKNOWN,
        None,
        "the baseline phase did not run to its end",
    ),
    "the clock `effect` counts from the first bad answer": (
        lambda: drill(outage(13, 15), objectives=[objective(clock=RecoveryClock.EFFECT)]),
        MET,
        2.005,
        "recovered between 1.970 and 2.005 s after effect",
    ),
    "the clock `effect` needs RTO + W watched from the effect on": (
        lambda: drill(outage(19, 20), objectives=[objective(clock=RecoveryClock.EFFECT)]),
        UNKNOWN,
        1.005,
        "only watched for 11 s of the 12 s needed",
    ),
    "the clock `declare` is unknown: nobody declared": (
        lambda: drill(objectives=[objective(clock=RecoveryClock.DECLARE)]),
        UNKNOWN,
        None,
        "when the disruption was declared",
    ),
    "the level `responding` lets a slow or refusing service count as back": (
        lambda: drill(outage(10, 11), slow(11, 25, 1), slos=[slo(within_s=0.3)],
                      objectives=[objective(level=RecoveryLevel.RESPONDING)]),
        MET,
        2.0,
        "",
    ),
    "the level `in-slo` does not": (
        lambda: drill(outage(10, 11), slow(11, 25, 1), slos=[slo(within_s=0.3)]),
        MISSED,
        15.005,
        "",
    ),
    "the level `redundant` is unknown: nothing shows it": (
        lambda: drill(objectives=[objective(level=RecoveryLevel.REDUNDANT)]),
        UNKNOWN,
        None,
        "nothing in the record shows the level redundant",
    ),
    "the level `caught-up` is unknown: nothing shows it": (
        lambda: drill(objectives=[objective(level=RecoveryLevel.CAUGHT_UP)]),
        UNKNOWN,
        None,
        "nothing in the record shows the level caught-up",
    ),
    "a service without a critical SLO has no recovery time": (
        lambda: drill(slos=[slo(critical=False)]),
        UNKNOWN,
        None,
        "no critical SLO of service shop is judged",
    ),
    "an objective of another service is unknown": (
        lambda: drill(objectives=[objective(service="bank")]),
        UNKNOWN,
        None,
        "no critical SLO of service bank is judged",
    ),
    "a critical SLO that our load cannot see keeps the recovery time unknown": (
        lambda: drill(slos=[slo(), foreign_slo()]),
        UNKNOWN,
        None,
        "elsewhere: its metric source is not read by this version",
    ),
    "where the budget counts slices, a window is broken when a slice like it would be bad": (
        lambda: drill(
            outage(10, 25, every=20),
            slos=[
                slo(
                    target="0.9",
                    budgeting=BudgetingMethod.TIMESLICES,
                    slice_target="0.99",
                    slice_window_ns=ns(0.1),
                )
            ],
        ),
        MISSED,
        14.415,
        "RTO 10 s",
    ),
    "an SLO that is not critical does not count": (
        lambda: drill(outage(10, 25, route=CATALOGUE), slos=[slo(), slo("catalogue", CATALOGUE, critical=False)]),
        MET,
        0.0,
        "",
    ),
    "the slowest critical SLO is the service's recovery time": (
        lambda: drill(outage(10, 12), outage(12, 14, route=CATALOGUE), slos=[slo(), slo("catalogue", CATALOGUE)]),
        MET,
        4.005,
        "catalogue: recovered",
    ),
    "one critical SLO that never recovered decides": (
        lambda: drill(outage(10, 21), outage(21, 40, route=CATALOGUE), slos=[slo(), slo("catalogue", CATALOGUE)]),
        MISSED,
        None,
        "catalogue: not recovered",
    ),
    "an SLO whose request no route makes is unknown": (
        lambda: drill(slos=[slo(), slo("other", "GET /other")], rates={"POST /orders": 100}),
        UNKNOWN,
        None,
        "other: its metric source is not read",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", RTO)
def test_rto(case):
    """An RTO is met only by a recovery that was seen, in time, from a fault that was there, and stayed."""
    make, outcome, measured, because = RTO[case]
    said = verdict(make(), "az RTO")
    assert said.outcome is outcome, said.because
    assert said.measured == (None if measured is None else pytest.approx(measured, abs=1e-9))
    assert because in said.because
    assert said.unit == "s"


def test_every_objective_has_its_own_verdict():
    """Two objectives are judged apart."""
    record = drill(outage(10, 13), objectives=[objective(5), objective(2, name="strict")])
    assert verdict(record, "az RTO").outcome is MET
    assert verdict(record, "strict RTO").outcome is MISSED
    assert judge(record).outcome is MISSED


def test_a_gap_in_the_load_longer_than_w_leaves_the_rto_unknown():
    """Where no request was planned, nothing is known, even if the load's own account is in order."""
    record = drill()
    planned_s = (record.requests["planned_ns"] - at(0)) / 1e9
    requests = record.requests.copy()
    requests["planned_ns"][(planned_s >= 12) & (planned_s < 14.5)] = at(12)
    said = verdict(replace(record, requests=requests), "az RTO")
    assert said.outcome is UNKNOWN
    assert "no request was planned for 2.5 s" in said.because


def test_no_recovery_time_of_zero_is_reported_where_nothing_was_watched():
    """Without evidence, or when not even one window lies in the observation, RTA is not 0 but nothing."""
    assert _recovery(drill(silent=(35, 40))).rta_inject_s is None
    assert _recovery(drill(fault=(10, 11), recovery=(11, 40), sustain_s=0.9)).rta_inject_s is not None
    assert _recovery(drill(fault=(10, 11), recovery=(11, 40), sustain_s=1.5)).rta_inject_s is None


def test_worst_wins_over_everything_else():
    """One missed promise makes the run missed, whatever else is unknown."""
    judgement = judge(instead(drill(outage(10, 21), slos=[slo(), foreign_slo(critical=False)]), Kind.RUN_END, how="x"))
    assert {one.outcome for one in judgement.verdicts} == {MET, MISSED, UNKNOWN}
    assert judgement.outcome is MISSED
    assert one_of(judgement, "az RTO").outcome is MISSED


def test_alerts_do_not_disturb_recovery():
    """The same answers give the same recovery with and without alert policies."""
    with_alerts = drill(outage(10, 12), slos=[slo(alerts=(alert(14.4, 60),))])
    assert _recovery(with_alerts) == _recovery(drill(outage(10, 12)))
