"""What the record says about itself: load, fault, undoing, and how far the run got."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from harness.judge import Outcome, judge
from harness.plan.experiment import Evidence
from harness.record import Kind, RouteCount
from harness.record import Outcome as Wire
from tests.judge.records import (
    BEGIN_NS,
    RUNNING,
    STOPPED,
    ZONE_SILENT,
    adding,
    at,
    broken,
    cut,
    drill,
    event,
    instead,
    ns,
    objective,
    one_of,
    outage,
    probing,
    reporting,
    slo,
    verdict,
    without,
)

MET, MISSED, UNKNOWN = Outcome.MET, Outcome.MISSED, Outcome.UNKNOWN
BOTH = (ZONE_SILENT, STOPPED)


def test_a_whole_drill_is_met_in_every_promise():
    """A drill that went as planned is met, and each of its verdicts names what it rests on."""
    judgement = judge(drill(outage(10, 12.5), ledger=True, rpo_s=1, budget="0.05", evidence=BOTH, healed=(RUNNING,)))
    assert [(one.promise, one.outcome) for one in judgement.verdicts] == [
        ("load valid", MET),
        ("fault applied", MET),
        ("fault undone", MET),
        ("steady state", MET),
        ("orders in baseline", MET),
        ("az RTO", MET),
        ("az RPO", MET),
        ("orders in recovery", MET),
        ("budget of the drill", MET),
    ]
    assert judgement.outcome is MET
    assert all(one.because for one in judgement.verdicts)
    resting = {one.promise for one in judgement.verdicts if one.events}
    assert resting == {one.promise for one in judgement.verdicts}


# --- load ------------------------------------------------------------------------------------------------------------


def _counting(record, **counts):
    planned = record.workers[0].routes["POST /orders"].model_dump()
    return reporting(record, routes={"POST /orders": RouteCount(**{**planned, **counts})})


LOAD_VOID = {
    "a load process was lost": (
        lambda: replace(drill(), events=(*drill().events, event(20, Kind.LOAD_LOST, because="worker 0 died"))),
        "a load process was lost: worker 0 died",
    ),
    "a worker left no account of itself": (lambda: replace(drill(), workers=()), "1 of 1 load workers left no account"),
    "no request was planned": (
        lambda: replace(_counting(drill(), planned=0, sent=0), requests=drill().requests[:0]),
        "no request was planned",
    ),
    "sent, waiting and expired do not add up": (lambda: _counting(drill(), sent=3999), "arrivals were planned, but"),
    "an arrival is missing from the record": (
        lambda: replace(drill(), requests=np.delete(drill().requests, 1234)),
        "4,000 arrivals were planned, but 3,999 are in the record",
    ),
    "an arrival stands in the record twice, another not at all": (
        lambda: replace(drill(), requests=drill().requests[[0, 0, *range(2, 4000)]]),
        "4,000 arrivals were planned, but 3,999 are in the record",
    ),
    "more than one request in a hundred was never sent": (
        lambda: drill(broken(20, 20.41, Wire.EXPIRED)),
        "only 98.98 % of the planned requests were sent",
    ),
    "the generator fell behind": (
        lambda: reporting(drill(), lateness_ns_p99=2_000_000),
        "the generator fell behind: lateness p99 2 ms",
    ),
    "the load ended before the last phase did": (
        lambda: reporting(drill(), end_ns=at(39.5)),
        "the load ended 500 ms before the recovery phase did",
    ),
    "the load began after the baseline did": (
        lambda: reporting(drill(), begin_ns=BEGIN_NS + ns(1)),
        "the load began 1 s after the baseline did",
    ),
}


@pytest.mark.parametrize("case", LOAD_VOID)
def test_a_void_load_leaves_every_promise_unknown(case):
    """Nothing that a void load saw is met or missed; each verdict points at the one that says why."""
    make, because = LOAD_VOID[case]
    judgement = judge(make())
    said = one_of(judgement, "load valid")
    assert (said.outcome, judgement.outcome, judgement.load.valid) == (UNKNOWN, UNKNOWN, False)
    assert because in said.because
    for promise in ("orders in baseline", "orders in recovery", "az RTO"):
        assert one_of(judgement, promise).outcome is UNKNOWN
        assert "the load is void, see load valid" in one_of(judgement, promise).because


def test_ninety_nine_of_a_hundred_sent_are_enough():
    """A load of which exactly 99 % was sent is valid."""
    judgement = judge(drill(broken(20, 20.4, Wire.WAITING)))
    assert (judgement.load.planned, judgement.load.sent, judgement.load.waiting) == (4000, 3960, 40)
    assert judgement.load.valid


# --- the run ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_s", [0.001, 5, 10.1, 20, 31, 40.5, 41.5])
def test_a_run_killed_at_any_moment_is_unknown(at_s):
    """A record that breaks off is judged unknown, and nothing in it is met but what it shows."""
    judgement = judge(cut(drill(outage(10, 12.5), ledger=True, rpo_s=1, budget="0.05"), at_s))
    assert judgement.outcome is UNKNOWN
    assert {one.kind for one in judgement.verdicts if one.outcome is MET} <= {"fault", "steady"}
    assert one_of(judgement, "run complete").because == "the run did not end: its record breaks off"


def test_a_record_without_any_event_or_request_is_unknown():
    """A run that died at birth can be judged, and is unknown."""
    judgement = judge(replace(cut(drill(), -1), events=()))
    assert judgement.outcome is UNKNOWN
    assert not any(one.outcome is MET for one in judgement.verdicts)


@pytest.mark.parametrize("how", ["interrupted", "guard", "failed", "unsteady", None])
def test_a_run_that_did_not_complete_is_never_met(how):
    """However good its figures, a run cut short is unknown and says why."""
    judgement = judge(instead(drill(), Kind.RUN_END, how=how, because="somebody pressed Ctrl-C"))
    assert judgement.outcome is UNKNOWN
    assert "somebody pressed Ctrl-C" in one_of(judgement, "run complete").because


# --- the fault -------------------------------------------------------------------------------------------------------


def _dropping_looks(record, *, before):
    return replace(
        record,
        events=tuple(
            one for one in record.events if one.kind is not Kind.FAULT_EVIDENCE or one.data["before"] is not before
        ),
    )


def _evidence(*looks):
    """A drill with the given looks at the evidence `instances stopped` only: (second, before, seen)."""
    record = without(drill(evidence=(STOPPED,)), Kind.FAULT_EVIDENCE)
    events = [event(s, Kind.FAULT_EVIDENCE, STOPPED.name, before=before, seen=seen) for s, before, seen in looks]
    return replace(record, events=tuple(sorted((*record.events, *events), key=lambda one: one.at_ns)))


NOT_APPLIED = {
    "no fault was begun": (lambda: without(drill(), Kind.FAULT_BEGIN), "no fault was begun"),
    "the action failed": (
        lambda: instead(drill(), Kind.FAULT_CALLED, status="failed", error="no such instance"),
        "the fault's action failed: stop zone: no such instance",
    ),
    "the action never came back": (
        lambda: without(drill(), Kind.FAULT_CALLED),
        "the fault's action did not come back: stop zone",
    ),
    "a probe of the method failed": (
        lambda: probing(drill(), status="failed", error="no answer"),
        "the method's probe failed: count the instances: no answer",
    ),
    "a probe of the method never came back": (
        lambda: without(probing(drill()), Kind.FAULT_PROBED),
        "the method's probe did not come back: count the instances",
    ),
    "the experiment names no evidence": (lambda: drill(evidence=()), "the experiment names no evidence"),
    "a probe never saw the evidence": (lambda: _evidence((9.9, True, False)), "instances stopped not seen"),
    "a probe saw the evidence before the fault already": (
        lambda: _evidence((9.9, True, True), (10.5, False, True)),
        "instances stopped: seen already before the fault",
    ),
    "nobody looked for the evidence before the fault": (
        lambda: _evidence((10.5, False, True)),
        "instances stopped: not looked for before the fault",
    ),
    "a probe saw the evidence only after the fault was taken away": (
        lambda: _evidence((9.9, True, False), (30.5, False, True)),
        "instances stopped not seen",
    ),
    "the evidence was gone at the last look": (
        lambda: _evidence((9.9, True, False), (10.5, False, True), (20, False, False)),
        "instances stopped: no longer seen at the last look",
    ),
    "two pieces of evidence have one name": (
        lambda: drill(evidence=(STOPPED, STOPPED)),
        "two pieces of evidence have one name",
    ),
    "one of two evidences was not seen": (
        lambda: _dropping_looks(drill(evidence=BOTH), before=False),
        "no evidence that the fault took effect: instances stopped not seen",
    ),
    "the zone never spoke": (
        lambda: drill(silent=(0, 30)),
        "zone a gave 0 answers before the fault, too few to see it fall silent",
    ),
    "the zone is not known": (
        lambda: drill(evidence=(Evidence(name="zone z silent", zone_silent="z"),)),
        "zone z gave 0 answers before the fault",
    ),
    "the zone was silent already before the fault": (
        lambda: drill(silent=(5, 30)),
        "zone a was silent already before the fault",
    ),
    "the zone kept answering": (lambda: drill(silent=(35, 40)), "zone a silent not seen"),
    "the zone fell silent too late": (
        lambda: drill(silent=(28.5, 30)),
        "zone a silent not seen: it answered until 1.5",
    ),
    "the zone spoke again before the fault was taken away": (
        lambda: drill(silent=(10, 29)),
        "zone a silent not seen: it answered until 15 ms before the end",
    ),
    "the zone answers so seldom that its silence means nothing": (
        lambda: drill(rates={"POST /orders": 4}, baseline=(0, 10), silent=(26, 30)),
        "zone a silent not seen",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_APPLIED)
def test_without_evidence_of_the_fault_its_promises_are_unknown(case):
    """A fault that is not seen to be there proves nothing: no RTO, no RPO, no budget is met by it."""
    make, because = NOT_APPLIED[case]
    record = make()
    judgement = judge(replace(record, plan=record.plan.model_copy(update={"budget": 0.05})))
    assert judgement.outcome is UNKNOWN
    assert because in one_of(judgement, "fault applied").because
    assert not judgement.fault.applied
    assert {one_of(judgement, promise).outcome for promise in ("fault applied", "az RTO")} == {UNKNOWN}
    assert all(recovery.rta_inject_s is None for recovery in judgement.recovery.values())


def test_a_probe_of_the_method_that_came_back_takes_nothing_away():
    """A method may look besides; what its probes say is not ours to judge."""
    assert judge(probing(drill())).outcome is MET


def test_the_fault_is_applied_when_the_last_evidence_is_seen():
    """`applied` is the instant of the latest of several evidences."""
    judgement = judge(drill(evidence=BOTH))
    assert judgement.fault.evidence == {"zone a silent": True, "instances stopped": True}
    assert judgement.fault.applied_s == 10.5
    assert "seen: zone a silent, instances stopped within 500 ms of inject" in judgement.verdicts[1].because


def _with_rollbacks(record, *more):
    """The same drill, of an experiment with more rollbacks."""
    body = {"rollbacks": [*record.plan.body["rollbacks"], *more]}
    return replace(record, plan=record.plan.model_copy(update={"body": body}))


NOT_UNDONE = {
    "the fault was never taken away": (lambda: without(drill(), Kind.FAULT_END), "the fault was never taken away"),
    "an undo call failed": (
        lambda: instead(drill(), Kind.FAULT_UNDONE, status="failed", error="throttled"),
        "undoing failed: start zone: throttled",
    ),
    "an undo call never came back": (
        lambda: without(drill(), Kind.FAULT_UNDONE),
        "undoing did not come back: start zone",
    ),
    "a rollback that is called a probe never came back": (
        lambda: _with_rollbacks(drill(), {"type": "probe", "name": "start the rest"}),
        "undoing did not come back: start the rest",
    ),
    "the target was not seen to be healed": (
        lambda: instead(drill(healed=(RUNNING,)), Kind.FAULT_HEALED, healed=False),
        "not seen to be healed: instances run",
    ),
    "nobody looked whether it healed": (
        lambda: without(drill(healed=(RUNNING,)), Kind.FAULT_HEALED),
        "not seen to be healed: instances run",
    ),
    "the experiment names nothing to look at": (
        lambda: drill(evidence=(STOPPED,)),
        "nobody looked whether it is healed: add healed: to the experiment",
    ),
    "it looked healthy only before the fault was taken away": (
        lambda: instead(drill(healed=(RUNNING,)), Kind.FAULT_HEALED, at_s=9),
        "not seen to be healed: instances run",
    ),
    "the zone gave no answer any more": (
        lambda: drill(silent=(10, 40)),
        "zone a gave no answer after the fault was taken away",
    ),
}


def test_a_surge_is_undone_when_our_load_ends_it():
    """A surge is our own: nobody else need be asked whether it is over. One whose end is not known is not undone."""
    above = Evidence(name="traffic above 2x", traffic_above=Fraction(2))
    begun = adding(drill(evidence=(above,)), event(10, Kind.SURGE_BEGIN))
    assert verdict(begun, "fault undone").because == "the surge was never ended"
    assert verdict(adding(begun, event(30, Kind.SURGE_END)), "fault undone").outcome is MET


def test_what_others_undid_unseen_is_not_called_healed():
    """Rollbacks that a watchdog played with success are no look at the target."""
    looks = [event(30, Kind.UNDO_BEGIN, "watchdog"), event(31, Kind.UNDO_END, "watchdog", healed=True)]
    assert judge(adding(drill(evidence=(STOPPED,), healed=(RUNNING,)), *looks)).fault.healed
    assert not judge(adding(drill(evidence=(STOPPED,)), *looks)).fault.healed


@pytest.mark.parametrize("case", NOT_UNDONE)
def test_a_target_that_is_not_seen_to_be_healed_is_unknown(case):
    """A drill that may have left its fault behind is not met."""
    make, because = NOT_UNDONE[case]
    judgement = judge(make())
    assert judgement.outcome is UNKNOWN
    assert one_of(judgement, "fault undone").outcome is UNKNOWN
    assert because in one_of(judgement, "fault undone").because
    assert not judgement.fault.healed


# --- Chaos Toolkit's hypothesis --------------------------------------------------------------------------------------

HYPOTHESIS = {
    "not held before the fault": (
        lambda: instead(drill(), Kind.STEADY, "before", met=False),
        UNKNOWN,
        "the hypothesis was not seen to hold before the fault",
    ),
    "not checked before the fault": (
        lambda: without(drill(), Kind.STEADY, "before"),
        UNKNOWN,
        "the hypothesis was not seen to hold before the fault",
    ),
    "checked before only when the fault was there": (
        lambda: instead(drill(), Kind.STEADY, "before", at_s=11),
        UNKNOWN,
        "the hypothesis was not seen to hold before the fault",
    ),
    "not checked after the fault": (
        lambda: without(drill(), Kind.STEADY, "after"),
        UNKNOWN,
        "the hypothesis was not checked while the fault was there",
    ),
    "checked after only when the fault was gone": (
        lambda: instead(drill(), Kind.STEADY, "after", at_s=31),
        UNKNOWN,
        "the hypothesis was not checked while the fault was there",
    ),
    "not held after the fault": (
        lambda: instead(drill(), Kind.STEADY, "after", met=False, failed="orders kept"),
        MISSED,
        "with the fault still there, the hypothesis failed at: orders kept",
    ),
    "not held after the fault, in the eyes of a load that was void": (
        lambda: reporting(
            instead(drill(), Kind.STEADY, "after", met=False, failed="orders kept"), lateness_ns_p99=2_000_000
        ),
        UNKNOWN,
        "the hypothesis looks at the load, which is void",
    ),
    "the experiment's own, not held after the fault": (
        lambda: reporting(
            instead(drill(), Kind.STEADY, "after", met=False, failed="the lights are on"), lateness_ns_p99=2_000_000
        ),
        MISSED,
        "with the fault still there, the hypothesis failed at: the lights are on",
    ),
    "Chaos Toolkit did not end": (lambda: without(drill(), Kind.CHAOS_END), UNKNOWN, "ended with nothing"),
    "Chaos Toolkit was interrupted": (
        lambda: instead(drill(), Kind.CHAOS_END, status="interrupted"),
        UNKNOWN,
        "ended with interrupted",
    ),
    "Chaos Toolkit completed with an exit code": (
        lambda: instead(drill(), Kind.CHAOS_END, exit_code=1),
        UNKNOWN,
        "ended with exit code 1",
    ),
}


@pytest.mark.parametrize("case", HYPOTHESIS)
def test_the_hypothesis_is_never_greener_than_chaos_toolkit(case):
    """Our steady-state verdict is met only where Chaos Toolkit checked its hypothesis twice, and completed."""
    make, outcome, because = HYPOTHESIS[case]
    judgement = judge(make())
    said = one_of(judgement, "steady state")
    assert (said.outcome, judgement.outcome) == (outcome, outcome)
    assert because in said.because


def hypothesis_of_its_own(record):
    """The same with a hypothesis that looks elsewhere, and holds."""
    hypothesis = {"title": "the page is there", "probes": [{"type": "probe", "name": "page"}]}
    body = {**record.plan.body, "steady-state-hypothesis": hypothesis}
    return replace(record, plan=record.plan.model_copy(update={"body": body}))


# what happened: (record, outcome of the whole, what is said of the fault phase)
UNCLAIMED = {
    "all answers are bad while the fault is there": (
        lambda: hypothesis_of_its_own(drill(outage(10, 30), objectives=())),
        UNKNOWN,
        "nothing claims how long it may be: add a RecoveryObjective of service shop for az",
    ),
    "some are, and it comes back by itself": (
        lambda: hypothesis_of_its_own(drill(outage(10, 13), objectives=())),
        UNKNOWN,
        "nothing claims how long",
    ),
    "the SLO is kept": (
        lambda: hypothesis_of_its_own(drill(objectives=())),
        MET,
        "never broken while the fault was there",
    ),
    "the baseline was not steady": (
        lambda: hypothesis_of_its_own(drill(outage(2, 5), objectives=())),
        MISSED,
        "the baseline was not steady",
    ),
    "the objective is another service's": (
        lambda: hypothesis_of_its_own(drill(outage(10, 13), objectives=[objective(service="mail")])),
        UNKNOWN,
        "nothing claims how long",
    ),
    "an objective claims how long it may be": (lambda: hypothesis_of_its_own(drill(outage(10, 13))), MET, None),
    "the hypothesis is made from the SLOs": (lambda: drill(outage(10, 13), objectives=()), MET, None),
    "the SLO is not critical": (
        lambda: hypothesis_of_its_own(drill(outage(10, 13), slos=[slo(critical=False)], objectives=())),
        MET,
        None,
    ),
}


@pytest.mark.parametrize("case", UNCLAIMED)
def test_what_nobody_claims_of_the_fault_phase_is_not_green(case):
    """A hypothesis that looks elsewhere holds while no request is answered."""
    make, outcome, because = UNCLAIMED[case]
    judgement = judge(make())
    assert judgement.outcome is outcome, judgement.verdicts
    said = [one for one in judgement.verdicts if one.promise == "orders in fault"]
    assert len(said) == (because is not None)
    assert all(because in one.because for one in said)


def test_chaos_toolkits_word_alone_makes_nothing_green():
    """A completed experiment whose hypothesis held is still missed when our own load saw the SLO broken."""
    judgement = judge(drill(outage(10, 30)))
    assert one_of(judgement, "steady state").outcome is MET
    assert judgement.outcome is MISSED


def test_a_zone_that_speaks_to_the_end_of_a_killed_run_is_no_evidence():
    """Where the fault was never taken away, silence is looked for up to the end of the record."""
    record = cut(drill(silent=(10, 20)), 25)
    assert verdict(record, "fault applied").outcome is UNKNOWN


# --- evidence that lasts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("again", "outcome", "said"),
    [
        ([], UNKNOWN, "nobody looked again before it was taken away"),
        ([True], MET, "seen"),
        ([False], UNKNOWN, "no longer seen at the last look"),
        ([False, True], MET, "seen"),
    ],
)
def test_what_should_last_is_looked_at_again(again, outcome, said):
    """A fault that ended by itself proves no recovery, and nobody knows that it did not unless somebody looks."""
    lasting = Evidence(name=STOPPED.name, probe=STOPPED.probe, lasts=True)
    looks = [event(29 + index / 10, Kind.FAULT_EVIDENCE, STOPPED.name, seen=one) for index, one in enumerate(again)]
    record = adding(drill(outage(10, 12.5), evidence=(lasting,)), *looks)
    found = verdict(record, "fault applied")
    assert found.outcome is outcome
    assert said in found.because
