"""Laws of the judge, on drills that Hypothesis makes up."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.judge import Judgement, Outcome, judge, worst
from harness.judge.budget import Slices, spend
from harness.record import Kind, read_record, write_json
from harness.record import Outcome as Wire
from harness.slo import BudgetingMethod, EmptySlices
from tests.judge.records import (
    BEGIN_NS,
    ORDERS,
    RUNNING,
    STOPPED,
    ZONE_SILENT,
    Edit,
    alert,
    at,
    drill,
    instead,
    ns,
    one_of,
    probing,
    slo,
)

MET, MISSED, UNKNOWN = Outcome.MET, Outcome.MISSED, Outcome.UNKNOWN
GREENNESS = {MISSED: 0, UNKNOWN: 1, MET: 2}
INJECT_S, UNDO_S, END_S = 3.0, 9.0, 12.0
RATE_PER_S = 40
few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# --- drills ----------------------------------------------------------------------------------------------------------

edits = st.builds(
    lambda begin, length, **more: Edit(begin / 10, (begin + length) / 10, **more),
    begin=st.integers(0, 119),
    length=st.integers(1, 60),
    status=st.sampled_from([200, 404, 503]),
    latency_s=st.sampled_from([0.005, 0.2, 1.0]),
    every=st.sampled_from([1, 1, 2, 10, 40]),
    outcome=st.sampled_from([Wire.ANSWERED, Wire.ANSWERED, Wire.BROKEN, Wire.TIMED_OUT]),
)


def _drill(*some, rto_s=3.0, lost=None, silent=None, evidence="both", fault=(INJECT_S, UNDO_S)):
    return drill(
        *some,
        slos=[slo(target="0.9", within_s=0.3, window_ns=600 * 10**9, alerts=(alert(2, 4, 1),))],
        rates={ORDERS: RATE_PER_S},
        rto_s=rto_s,
        rpo_s=0.5,
        sustain_s=1,
        baseline=(0, INJECT_S),
        fault=fault,
        recovery=(fault[1], END_S),
        silent=silent,
        evidence={"both": (ZONE_SILENT, STOPPED), "probe": (STOPPED,), "zone": (ZONE_SILENT,)}[evidence],
        healed=(RUNNING,),
        budget="0.05",
        ledger=True,
        lost=lost,
    )


@cache
def _drilled(*some, **more):
    record = _drill(*some, **more)
    return record, judge(record)


drills = st.builds(
    lambda some, **more: _drilled(*some, **more),
    some=st.lists(edits, max_size=3),
    rto_s=st.sampled_from([0.5, 3.0, 4.9, 5.5]),
    lost=st.sampled_from([None, (2.5, 3.0), (5.0, 5.1)]),
    silent=st.sampled_from([None, None, (4.5, 9.0), (7, 9.0)]),
    evidence=st.sampled_from(["both", "probe", "zone"]),
    fault=st.sampled_from([(INJECT_S, UNDO_S), (INJECT_S, UNDO_S), (INJECT_S, 6.0)]),
)


def _by_promise(judgement):
    return {one.promise: one for one in judgement.verdicts}


def _got_greener(before, after, kinds=None):
    """Promises whose verdict is greener after than before."""
    old, new = _by_promise(before), _by_promise(after)
    return [
        (name, old[name].outcome, old[name].because, one.outcome, one.because)
        for name, one in new.items()
        if name in old and (kinds is None or one.kind in kinds)
        if GREENNESS[one.outcome] > GREENNESS[old[name].outcome]
    ]


def _became_met(before, after):
    return [found for found in _got_greener(before, after) if found[3] is MET]


def test_the_made_up_drills_reach_every_outcome():
    """An undisturbed drill of these laws is met, an outage to the end misses: the laws speak of something."""
    assert _drilled()[1].outcome is MET
    assert _drilled(Edit(4, 12, status=503))[1].outcome is MISSED
    assert _drilled(fault=(INJECT_S, 6.0))[1].outcome is UNKNOWN


# --- order, repetition, form -----------------------------------------------------------------------------------------


@few
@given(drills, st.randoms(use_true_random=False), st.sampled_from([1, 3, 10]))
def test_the_order_of_arrival_does_not_matter(drilled, random, at_once):
    """Records come in the order of completion, of several workers: the judgement is the same in any order."""
    record, _ = drilled
    requests = record.requests.copy()
    requests["planned_ns"] -= (requests["planned_ns"] - BEGIN_NS) % (at_once * 10**9 // RATE_PER_S)
    expected = judge(replace(record, requests=requests))
    order = list(range(len(requests)))
    random.shuffle(order)
    shuffled = requests[order]
    shuffled = shuffled[np.argsort(shuffled["planned_ns"], kind="stable")]  # as `read_record` does
    assert judge(replace(record, requests=shuffled)) == expected


@few
@given(drills)
def test_judging_twice_says_the_same_and_the_worst_wins(drilled):
    """A judgement depends on its record alone, and its outcome is the worst of its verdicts."""
    record, judgement = drilled
    assert judge(record) == judgement
    assert judgement.outcome is worst(one.outcome for one in judgement.verdicts)


@few
@given(drills)
def test_a_judgement_survives_json(drilled):
    """What `judge --json` prints reads back as the same judgement."""
    _, judgement = drilled
    text = judgement.model_dump_json(by_alias=True)
    assert Judgement.model_validate_json(text) == judgement
    assert '"schema":"wellproven/verdict/v1"' in text


# --- more errors -----------------------------------------------------------------------------------------------------


def _spoilt(record, places):
    """The same record, with a 500 in the place of those answers."""
    requests = record.requests.copy()
    requests["status"][places] = 500
    return replace(record, requests=requests)


@few
@given(drills, st.floats(INJECT_S, END_S - 0.001), st.integers(1, 40))
def test_more_errors_after_inject_make_no_promise_greener(drilled, from_s, count):
    """Turning answers bad from inject on improves no verdict on an SLO, an RTO or the budget.

    Not so for an RPO: an order that was not acknowledged is not lost. Not so for the clock `effect`: an earlier effect
    starts the clock earlier, and more of the fault has then been watched.
    """
    record, judgement = drilled
    first = int(np.searchsorted(record.requests["planned_ns"], at(from_s)))
    spoilt = judge(_spoilt(record, slice(first, first + count)))
    assert _got_greener(judgement, spoilt, {"slo", "rto", "budget"}) == []
    assert GREENNESS[spoilt.outcome] <= GREENNESS[judgement.outcome] or judgement.outcome is MISSED


@few
@given(drills, st.lists(st.integers(0, int(END_S * RATE_PER_S) - 1), min_size=1, max_size=60))
def test_more_errors_anywhere_make_no_slo_rto_or_budget_met(drilled, places):
    """Errors before inject may turn a missed RTO into an unknown one (the baseline was not steady), never a met one."""
    record, judgement = drilled
    spoilt = judge(_spoilt(record, places))
    assert [found for found in _became_met(judgement, spoilt) if found[0] != "az RPO"] == []
    assert _got_greener(judgement, spoilt, {"slo", "budget"}) == []


# --- less evidence ---------------------------------------------------------------------------------------------------


@few
@given(drills, st.data())
def test_losing_an_event_makes_nothing_met(drilled, data):
    """Whichever event is lost, no promise becomes met by it."""
    record, judgement = drilled
    gone = data.draw(st.integers(0, len(record.events) - 1))
    less = replace(record, events=record.events[:gone] + record.events[gone + 1 :])
    assert _became_met(judgement, judge(less)) == [], record.events[gone]


# Drills in which something went wrong that one event tells of.
TROUBLED = {
    "the action failed": lambda: instead(_drill(), Kind.FAULT_CALLED, status="failed"),
    "a probe of the method failed": lambda: probing(_drill(), status="failed"),
    "the undoing failed": lambda: instead(_drill(), Kind.FAULT_UNDONE, status="failed"),
    "it did not heal": lambda: instead(_drill(), Kind.FAULT_HEALED, healed=False),
    "the hypothesis did not hold": lambda: instead(_drill(), Kind.STEADY, "after", met=False),
    "Chaos Toolkit failed": lambda: instead(_drill(), Kind.CHAOS_END, status="failed", exit_code=1),
    "the run was stopped": lambda: instead(_drill(), Kind.RUN_END, how="guard"),
    "survivors were not read": lambda: replace(instead(_drill(), Kind.READ_BACK, complete=False), survivors=None),
    "the evidence was there before": lambda: replace(
        _drill(),
        events=tuple(
            one.model_copy(update={"data": {**one.data, "seen": True}}) if one.kind is Kind.FAULT_EVIDENCE else one
            for one in _drill().events
        ),
    ),
    "the load ended early": lambda: replace(
        _drill(), workers=(_drill().workers[0].model_copy(update={"end_ns": at(END_S - 1)}),)
    ),
    "nothing": _drill,
}


def test_losing_any_event_of_a_troubled_drill_makes_nothing_met():
    """Not even the loss of the one event that tells of trouble makes a promise met."""
    for what, make in TROUBLED.items():
        record = make()
        judgement = judge(record)
        assert (judgement.outcome is MET) == (what == "nothing"), what
        for gone in range(len(record.events)):
            less = judge(replace(record, events=record.events[:gone] + record.events[gone + 1 :]))
            assert _became_met(judgement, less) == [], (what, record.events[gone])


def test_every_event_of_a_drill_but_a_few_is_needed():
    """A drill that is met stays met without an event only where that event says what others say too."""
    record = _drill()
    needless = set()
    for gone, event in enumerate(record.events):
        if judge(replace(record, events=record.events[:gone] + record.events[gone + 1 :])).outcome is MET:
            needless.add(event.kind if event.kind is not Kind.PHASE_BEGIN else f"{event.kind} {event.name}")
    assert needless == {Kind.RUN_BEGIN, Kind.LOAD_BEGIN, Kind.LOAD_END, "phase.begin fault", Kind.PHASE_END}


@few
@given(drills, st.integers(0, 10**6), st.integers(0, 6))
def test_losing_any_other_evidence_makes_nothing_met(drilled, place, which):
    """Without a worker's account, one request, the survivors or one of them, nothing becomes met."""
    record, judgement = drilled
    assert record.survivors
    less = [
        replace(record, workers=()),
        replace(record, requests=np.delete(record.requests, place % len(record.requests))),
        replace(record, survivors=None),
        replace(record, survivors=record.survivors[1:]),
        replace(record, plan=record.plan.model_copy(update={"evidence": ()})),
        replace(record, plan=record.plan.model_copy(update={"ledger": None})),
        replace(record, requests=record.requests[:0]),
    ]
    after = judge(less[which])
    assert _became_met(judgement, after) == []
    assert after.outcome is not MET


# --- budgets ---------------------------------------------------------------------------------------------------------

seconds = st.integers(0, 20).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))
budgets = st.builds(
    lambda method, empty, floor, width: slo(
        budgeting=method,
        empty_slices=empty,
        empty_floor=floor,
        slice_target="0.9" if method is BudgetingMethod.TIMESLICES else None,
        slice_window_ns=None if method is BudgetingMethod.OCCURRENCES else ns(width),
    ),
    st.sampled_from(BudgetingMethod),
    st.sampled_from(EmptySlices),
    st.sampled_from([None, 1, 5]),
    st.sampled_from([1, 2, 3]),
)


@few
@given(budgets, st.lists(seconds, max_size=12), st.lists(seconds, max_size=12))
def test_budgets_of_halves_add_up(one, first, second):
    """Cut between two of its slices, a stretch costs what its halves cost together."""
    first = first[: len(first) // 6 * 6]  # a whole number of slices of 1, 2 or 3 s

    def spent(part):
        good, total = np.array([*part], dtype=np.int64).reshape(-1, 2).T
        return spend(one, Slices(BEGIN_NS, good, total), BEGIN_NS, None)

    left, right, both = spent(first), spent(second), spent(first + second)
    assert (left.good + right.good, left.total + right.total) == (both.good, both.total)
    assert np.isclose(left.bad_minutes_at_production + right.bad_minutes_at_production, both.bad_minutes_at_production)
    if None not in (left.share_of_window, right.share_of_window):
        assert np.isclose(left.share_of_window + right.share_of_window, both.share_of_window)


@few
@given(budgets, st.lists(seconds, min_size=1, max_size=24), st.data())
def test_one_more_bad_answer_never_costs_less(one, some, data):
    """Turning one good answer bad lowers neither the cost nor the burn."""
    good, total = np.array(some, dtype=np.int64).T
    place = data.draw(st.integers(0, len(some) - 1))
    worse = good.copy()
    worse[place] = max(0, worse[place] - 1)
    before, after = (spend(one, Slices(BEGIN_NS, part, total), BEGIN_NS, None) for part in (good, worse))
    assert after.bad_minutes_at_production >= before.bad_minutes_at_production - 1e-12
    assert after.burn.get("drill", 0) >= before.burn.get("drill", 0)
    assert after.coverage == before.coverage


# --- records cut short -----------------------------------------------------------------------------------------------


def _store(record, path: Path):
    """Write a run's folder as the stages would."""
    path.mkdir(exist_ok=True)
    write_json(path / "run.json", record.info)
    write_json(path / "plan.json", record.plan)
    (path / "events.jsonl").write_text("".join(one.model_dump_json() + "\n" for one in record.events))
    (path / "requests-0.bin").write_bytes(record.requests.tobytes())
    (path / "zones-0.txt").write_text("".join(f"{zone}\n" for zone in record.zones[1:]))
    write_json(path / "load-0.json", record.workers[0])
    (path / "survivors.txt").write_text("".join(f'"{one}"\n' for one in record.survivors))
    return path


def test_a_stored_record_is_judged_as_it_was_in_memory():
    """Nothing is lost between the record and its folder."""
    with TemporaryDirectory() as folder:
        record, judgement = _drilled(Edit(3, 4, status=503))
        assert judge(read_record(_store(record, Path(folder) / "run"))) == judgement


@few
@given(st.data())
def test_a_record_cut_at_any_byte_reads_and_is_never_met(data):
    """However requests, events or survivors were torn, the run reads, and is met only where nothing is missing."""
    record, judgement = _drilled()
    assert judgement.outcome is MET
    with TemporaryDirectory() as folder:
        path = _store(record, Path(folder) / "run")
        name = data.draw(st.sampled_from(["requests-0.bin", "events.jsonl", "survivors.txt"]))
        whole = (path / name).read_bytes()
        left = data.draw(st.one_of(st.integers(0, len(whole) - 1), st.integers(len(whole) - 60, len(whole) - 1)))
        (path / name).write_bytes(whole[:left])
        torn = judge(read_record(path))
    if name == "survivors.txt" and left == len(whole) - 1:
        assert torn == judgement  # a text without its last newline is whole
    else:
        assert torn.outcome is UNKNOWN
        assert _became_met(judgement, torn) == []
        assert (
            one_of(torn, "load valid").outcome is (UNKNOWN if name == "requests-0.bin" else MET)
            or name == "events.jsonl"
        )
