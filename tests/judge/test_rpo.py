"""Data loss: what became of the writes, and whether the RPO was kept."""

from dataclasses import replace

import numpy as np
import pytest

from harness.judge import Outcome
from harness.judge.data_loss import Write, WriteOutcome, find_loss
from harness.record import Kind
from harness.record import Outcome as Wire
from tests.judge.records import (
    ORDERS,
    at,
    broken,
    drill,
    event,
    instead,
    judge,
    make_report,
    objective,
    one_of,
    outage,
    reporting,
    surged,
    verdict,
    without,
)

MET, MISSED, UNKNOWN = Outcome.MET, Outcome.MISSED, Outcome.UNKNOWN
OK, FAIL, OPEN = WriteOutcome.OK, WriteOutcome.FAIL, WriteOutcome.UNKNOWN


# --- the set checker, in small numbers -------------------------------------------------------------------------------

# writes as (id, done, outcome); survivors; effect; then what is expected to be found
SETS = {
    "nothing lost": (
        [("a", 1, OK), ("b", 2, OK)], "a b", 5,
        {"attempted": 2, "acknowledged": 2, "survived": 2, "lost": 0, "rpa_lower_ns": 0, "rpa_upper_ns": 0},
    ),
    "an acknowledged write that did not survive is lost": (
        [("a", 1, OK), ("b", 2, OK), ("c", 3, OK)], "a b", 5,
        {"lost": 1, "rpa_lower_ns": 0, "rpa_upper_ns": 1, "lost_after_effect": 0},
    ),
    "a write of unknown outcome that did not survive is not lost": (
        [("a", 1, OK), ("b", 2, OPEN)], "a", 5, {"lost": 0, "unknown": 1, "recovered": 0},
    ),
    "a write of unknown outcome that survived is recovered": (
        [("a", 1, OK), ("b", 2, OPEN)], "a b", 5, {"lost": 0, "recovered": 1},
    ),
    "a failed write that did not survive is as it should be": (
        [("a", 1, OK), ("b", 2, FAIL)], "a", 5, {"lost": 0, "failed": 1, "resurrected": 0},
    ),
    "a failed write that survived is resurrected": (
        [("a", 1, OK), ("b", 2, FAIL)], "a b", 5, {"resurrected": 1, "unexpected": 0},
    ),
    "a survivor that nobody wrote is unexpected": ([("a", 1, OK)], "a x", 5, {"unexpected": 1, "survived": 2}),
    "a survivor read twice is a duplicate": ([("a", 1, OK)], "a a", 5, {"duplicates": 1, "survived": 1, "lost": 0}),
    "RPA is from the last acknowledged before effect back to the first lost and the survivor before it": (
        [("a", 10, OK), ("b", 14, OK), ("c", 17, OK), ("d", 20, OK)], "a", 21,
        {"lost": 3, "rpa_lower_ns": 20 - 14, "rpa_upper_ns": 20 - 10},
    ),
    "a hole in the middle counts from the hole": (
        [("a", 10, OK), ("b", 14, OK), ("c", 17, OK), ("d", 20, OK)], "a c d", 21,
        {"lost": 1, "rpa_lower_ns": 6, "rpa_upper_ns": 10},
    ),
    "when nothing survived the RPA reaches back to the run's start": (
        [("a", 10, OK), ("b", 14, OK)], "", 21, {"lost": 2, "rpa_lower_ns": 4, "rpa_upper_ns": 14},
    ),
    "a survivor completed at the instant of the first lost one does not shorten the RPA": (
        [("a", 10, OK), ("b", 14, OK), ("c", 14, OK), ("d", 20, OK)], "a b d", 21,
        {"lost": 1, "rpa_lower_ns": 6, "rpa_upper_ns": 10},
    ),
    "a write acknowledged after effect and lost is listed apart": (
        [("a", 10, OK), ("b", 30, OK)], "a", 21,
        {"lost": 1, "lost_after_effect": 1, "rpa_lower_ns": 0, "rpa_upper_ns": 0, "at_risk": 1},
    ),
    "a write acknowledged at the instant of effect is before it": (
        [("a", 10, OK), ("b", 21, OK)], "a", 21, {"lost_after_effect": 0, "rpa_upper_ns": 11, "at_risk": 2},
    ),
    "without an effect every acknowledged write counts": (
        [("a", 10, OK), ("b", 30, OK)], "a", None, {"lost": 1, "lost_after_effect": 0, "rpa_upper_ns": 20},
    ),
    "no writes at all": ([], "", 5, {"attempted": 0, "acknowledged": 0, "lost": 0, "at_risk": 0}),
}  # fmt: skip


@pytest.mark.parametrize("case", SETS)
@pytest.mark.parametrize("backwards", [False, True])
def test_what_became_of_the_writes(case, backwards):
    """Lost is what was acknowledged and did not survive; the order in which writes are given is of no account."""
    writes, survivors, effect_ns, expected = SETS[case]
    writes = [Write(*write) for write in writes][:: -1 if backwards else 1]
    loss = find_loss(writes, survivors.split(), 0, effect_ns)
    assert {name: getattr(loss, name) for name in expected} == expected
    assert loss.attempted == loss.acknowledged + loss.failed + loss.unknown


# --- from records ----------------------------------------------------------------------------------------------------


def _ledger(*edits, rpo_s=1.0, **more):
    return drill(*edits, ledger=True, rpo_s=rpo_s, **more)


def _reading(record, survivors):
    """The same record, had these survivors been read."""
    return instead(replace(record, survivors=tuple(survivors)), Kind.READ_BACK, count=len(survivors))


OUTCOMES = {
    "2xx is acknowledged": ({"status": 201}, "acknowledged"),
    "4xx surely was not applied": ({"status": 422}, "failed"),
    "409 leaves it open": ({"status": 409}, "unknown"),
    "408 leaves it open": ({"status": 408}, "unknown"),
    "3xx leaves it open": ({"status": 302}, "unknown"),
    "5xx leaves it open": ({"status": 503}, "unknown"),
    "no connection: surely never reached the service": ({"outcome": Wire.REFUSED, "status": 0}, "failed"),
    "never sent, waiting": ({"outcome": Wire.WAITING, "status": 0}, "failed"),
    "never sent, expired": ({"outcome": Wire.EXPIRED, "status": 0}, "failed"),
    "broken off leaves it open": ({"outcome": Wire.BROKEN, "status": 0}, "unknown"),
    "no answer in time leaves it open": ({"outcome": Wire.TIMED_OUT, "status": 0}, "unknown"),
}


@pytest.mark.parametrize("case", OUTCOMES)
def test_what_an_answer_says_of_a_write(case):
    """Only a 2xx acknowledges; only what cannot have been applied has failed; all else is unknown."""
    fields, counted = OUTCOMES[case]
    record = _ledger()
    requests = record.requests.copy()
    for name, value in fields.items():
        requests[name][2000:2010] = value
    data = judge(replace(record, requests=requests)).data
    counts = {"acknowledged": 3990, "failed": 0, "unknown": 0}
    counts[counted] += 10
    assert {name: getattr(data, name) for name in counts} == counts
    assert data.attempted == 4000


# what happened: (record, outcome, measured, a piece of the reason)
RPO = {
    "nothing lost is met, by the number that could have been": (
        lambda: _ledger(outage(10, 12)), MET, "0 of 3,800 lost", "0 of 3,800 acknowledged lost; RPO 1 s",
    ),
    "nothing lost keeps an RPO of 0": (lambda: _ledger(outage(10, 12), rpo_s=0), MET, "0 of 3,800 lost", ""),
    "orders lost within the RPO are met by the upper bound": (
        lambda: _ledger(outage(10, 12), lost=(9.5, 10)), MET, 0.5,
        "50 of 3,800 acknowledged lost, the oldest between 0.490 and 0.500 s back",
    ),
    "orders lost beyond the RPO are missed": (
        lambda: _ledger(outage(10, 12), lost=(8.5, 10)), MISSED, 1.5, "150 of 3,800 acknowledged lost",
    ),
    "an upper bound at the RPO is met": (lambda: _ledger(outage(10, 12), lost=(9, 10)), MET, 1.0, ""),
    "one lost order misses an RPO of 0": (
        lambda: _ledger(outage(10, 12), rpo_s=0, lost=(9.99, 10)), MISSED, 0.01, "1 of 3,800 acknowledged lost",
    ),
    "a stretch of orders acknowledged after the failure and lost, within the RPO, is met": (
        lambda: _ledger(outage(10, 12), lost=(20, 20.9)), MET, 0.9,
        "90 of them acknowledged after the failure began, over 900 ms",
    ),
    "a stretch of orders acknowledged after the failure and lost, beyond the RPO, is missed": (
        lambda: _ledger(outage(10, 12), lost=(20, 25)), MISSED, 5.0, "500 of them acknowledged after the failure began",
    ),
    "an order acknowledged after the failure and lost misses an RPO of 0": (
        lambda: _ledger(outage(10, 12), rpo_s=0, lost=(20, 20.01)), MISSED, 0.01,
        "1 of them acknowledged after the failure began",
    ),
    "orders of unknown outcome are never lost": (
        lambda: _ledger(broken(10, 12, Wire.TIMED_OUT), rpo_s=0), MET, "0 of 3,800 lost", "",
    ),
    "without a read-back nothing is known": (
        lambda: replace(without(_ledger(), Kind.READ_BACK), survivors=None), UNKNOWN, None,
        "the survivors were not read to the end",
    ),
    "a read-back cut short is none": (
        lambda: replace(instead(_ledger(), Kind.READ_BACK, complete=False), survivors=None), UNKNOWN, None,
        "the survivors were not read to the end",
    ),
    "survivors that are fewer than were read are none: they would look like losses": (
        lambda: replace(_ledger(), survivors=_ledger().survivors[:-500]), UNKNOWN, None,
        "4000 survivors were read back, but 3,500 are in the record",
    ),
    "survivors read before the last write ended are not those of all writes": (
        lambda: instead(_ledger(), Kind.READ_BACK, at_s=35), UNKNOWN, None,
        "writes ended after the survivors were read",
    ),
    "no acknowledged write": (
        lambda: _ledger(outage(0, 40)), UNKNOWN, None, "no write was acknowledged before the failure",
    ),
    "writes acknowledged only after the failure had nothing to lose": (
        lambda: _ledger(outage(0, 20)), UNKNOWN, None, "no write was acknowledged before the failure",
    ),
    "no evidence of the fault": (lambda: _ledger(silent=(35, 40)), UNKNOWN, None, "no evidence that the fault"),
    "a void load": (lambda: reporting(_ledger(), lateness_ns_p99=10**7), UNKNOWN, None, "the load is void"),
    "an experiment without a ledger": (lambda: drill(rpo_s=1), UNKNOWN, None, "the experiment has no ledger"),
}  # fmt: skip


@pytest.mark.parametrize("case", RPO)
def test_rpo(case):
    """An RPO is met only by acknowledged writes that were there to be lost, and were all read back in time."""
    make, outcome, measured, because = RPO[case]
    said = verdict(make(), "az RPO")
    assert said.outcome is outcome, said.because
    assert said.measured == (pytest.approx(measured) if isinstance(measured, float) else measured)
    assert because in said.because


def test_writes_acknowledged_while_the_first_bad_one_was_under_way_came_before_the_failure():
    """The failure is seen when the first bad write ends, not when it was planned."""
    record = _ledger(slow_outage := broken(10, 12, Wire.TIMED_OUT, latency_s=2.0, every=2), lost=(10, 11.9))
    data = judge(record).data
    assert slow_outage.latency_s == 2.0
    assert data.lost == 95
    assert data.lost_after_effect == 0


def test_a_survivor_that_nobody_wrote_breaks_integrity():
    """Unexpected survivors are a finding of their own."""
    said = verdict(_ledger(survivors_too=["wp-0-999999"]), "data integrity")
    assert (said.outcome, said.measured) == (MISSED, 1)
    assert "1 survivors were never written" in said.because


def test_an_order_read_twice_breaks_integrity():
    """Duplicates are a finding of their own, and do not hide in the count of survivors."""
    judgement = judge(_ledger(survivors_too=["wp-0-5"]))
    assert one_of(judgement, "data integrity").outcome is MISSED
    assert (judgement.data.survived, judgement.data.duplicates) == (4000, 1)


def test_an_order_refused_that_survived_breaks_integrity():
    """A write that the client was told failed must not be there."""
    record = _ledger()
    requests = record.requests.copy()
    requests["status"][2000] = 422
    said = verdict(replace(record, requests=requests), "data integrity")
    assert said.outcome is MISSED
    assert "1 were refused yet survived" in said.because


def test_integrity_is_not_mentioned_where_it_was_kept():
    """No verdict is printed for a promise that nobody made and nothing broke."""
    assert "data integrity" not in {one.promise for one in judge(_ledger(outage(10, 12))).verdicts}


def test_survivors_of_a_lost_worker_do_not_break_integrity():
    """Where the record does not know every write, an unknown survivor is no finding against the target."""
    whole = _ledger()
    half = replace(whole, requests=whole.requests[:2000], workers=())
    judgement = judge(half)
    assert judgement.data.unexpected == 2000
    assert one_of(judgement, "data integrity").outcome is UNKNOWN
    assert judgement.outcome is UNKNOWN


def test_writes_that_a_dead_worker_left_no_record_of_are_unknown_never_lost():
    """The schedule says which writes were attempted; those without a record are counted as unknown."""
    whole = _ledger()
    torn = replace(whole, requests=np.delete(whole.requests, slice(3000, 3100)))
    data = judge(torn).data
    assert (data.attempted, data.unknown, data.recovered, data.lost, data.unexpected) == (4000, 100, 100, 0, 0)


def test_orders_of_a_surge_are_writes_too():
    """They are numbered apart, and what a dead worker left no record of is unknown among them as well."""
    whole = surged(_ledger(), 10, 30)
    data = judge(whole).data
    assert (data.attempted, data.acknowledged, data.unknown, data.lost, data.unexpected) == (6000, 6000, 0, 0, 0)
    data = judge(replace(whole, requests=np.delete(whole.requests, slice(1500, 1600)))).data
    assert (data.attempted, data.unknown, data.recovered, data.lost, data.unexpected) == (6000, 100, 100, 0, 0)


def test_the_ledgers_route_alone_is_compared():
    """Requests of other routes are no writes."""
    record = _ledger(rates={"GET /catalogue": 100, ORDERS: 50})
    assert judge(record).data.attempted == 2000
    assert verdict(record, "az RPO").outcome is MET


def test_two_rpos_are_judged_apart():
    """The same loss may keep one RPO and miss another."""
    record = _ledger(outage(10, 12), lost=(9.5, 10), objectives=[objective(rpo_s=1), objective(rpo_s=0.1, name="gold")])
    assert (verdict(record, "az RPO").outcome, verdict(record, "gold RPO").outcome) == (MET, MISSED)


def test_a_crash_of_the_judge_is_unknown():
    """A record that the judge cannot digest is judged unknown, never an exception, never met."""
    record = _ledger()
    nonsense = record.plan.ledger.model_copy(update={"write": "PUT /nowhere"})
    judgement = judge(replace(record, plan=record.plan.model_copy(update={"ledger": nonsense})))
    assert judgement.outcome is UNKNOWN
    assert "our own mistake" in judgement.verdicts[0].because


def test_helpers_make_whole_records():
    """The hand-built record's own account agrees with its requests."""
    record = _ledger(broken(20, 20.2, Wire.WAITING))
    assert record.workers[0] == make_report(record.plan, record.requests, 40)
    assert record.first(Kind.LOAD_END) == event(40, Kind.LOAD_END)
    assert int(record.requests["planned_ns"][-1]) < at(40)
