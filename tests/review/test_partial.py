"""What a run shows less than is claimed, and what makes it old: load, SLOs, promises, the target."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from harness.judge import Outcome, judge
from harness.plan import Proves, Reach, RequestPlan, Resource, Survey
from harness.record import Kind as EventKind
from harness.record import Record
from harness.review import (
    BUILT_IN,
    Answer,
    Measure,
    Now,
    Scope,
    Shown,
    State,
    built_in_lens,
    less,
    measured_by,
    score,
    shown_by,
)
from harness.review.evidence import _short_of, zones_taken
from harness.slo import BudgetingMethod, EmptySlices, LoadIndicator, Promises, RecoveryClock, RecoveryLevel, Slo
from harness.units import NS_PER_S
from tests.judge.records import alert, broken, drill, objective, outage, slo, slow, without

LENS = built_in_lens()
QUESTION, CHOICE = "rel_redundancy", "rel_multi_zone"
AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
OURS = Proves(lens=BUILT_IN, question=QUESTION, choice=CHOICE)


def run(record: Record | None = None, *, rate: str = "40", production: str | None = "40", **info: str) -> Record:
    record = record or drill()
    request = RequestPlan(
        route="POST /orders",
        rate_per_s=Fraction(rate),
        production_per_s=None if production is None else Fraction(production),
        because="",
    )
    plan = record.plan.model_copy(update={"proves": (OURS,), "requests": (request,)})
    head = record.info.model_copy(update={"started_utc": "2026-11-24T10-00-00Z", **info})
    return replace(record, plan=plan, info=head)


def blind() -> Record:
    """Of a lost zone, with evidence that names none."""
    record = run()
    evidence = tuple(one.model_copy(update={"zone_silent": None}) for one in record.plan.evidence)
    return replace(record, plan=record.plan.model_copy(update={"evidence": evidence}))


def shown(record: Record, now: Now) -> Shown:
    found = [one for one in shown_by(record, judge(record), LENS, BUILT_IN, now) if one.choice == CHOICE]
    [one] = found
    return one


def state(one: Shown, now: datetime = AT + timedelta(hours=1)) -> State:
    answers = {QUESTION: Answer(QUESTION, frozenset({CHOICE}))}
    pillars = score(LENS, answers, [one], now)
    return next(two.state for pillar in pillars for two in pillar.practices if two.choice.id == CHOICE)


def test_at_productions_load_a_practice_is_proven() -> None:
    """Nothing is missing from what is claimed."""
    one = shown(run(), Now(Scope()))
    assert (one.short_of, one.outdated) == ((), "")
    assert state(one) is State.PROVEN


@pytest.mark.parametrize(
    ("record", "now", "said"),
    [
        (run(rate="10"), Now(Scope()), "drilled at 25 % of production's load, claimed for 100 %"),
        (run(production=None), Now(Scope()), "production's arrival rate of POST /orders is not stated"),
        (run(), Now(Scope(slos=("orders", "refunds"))), "did not judge refunds"),
        (run(), Now(Scope(), Promises(slos=(slo(target="0.999"),))), "held against 99 %, now 99.9 %"),
        (run(), Now(Scope(), Promises(objectives=(objective(rto_s=2),))), "RTO of 10 s, now 2 s are promised"),
        (run(), Now(Scope(), Promises(objectives=(objective(rpo_s=1),))), "no RPO, now 1 s are promised"),
        (run(), Now(Scope(), Promises(slos=(slo(within_s=0.1),))), "held against no latency, now 100 ms are promised"),
        (
            run(),
            Now(Scope(), Promises(slos=(slo(traffic_per_s=Fraction(400)),))),
            "drilled at 10 % of production's load",
        ),
        (run(), Now(Scope(), promises_problem="today's promises cannot be read"), "today's promises cannot be read"),
    ],
)
def test_what_shows_less_than_is_claimed_is_partial(record: Record, now: Now, said: str) -> None:
    """Less load, fewer SLOs, an easier promise than today's: seen to hold, and not proven."""
    one = shown(record, now)
    assert said in "; ".join(one.short_of)
    assert state(one) is State.PARTIAL


ORDERS = slo().indicator.request


def indicator(**more: Any) -> LoadIndicator:
    return LoadIndicator(**{"request": ORDERS, "status": ("2xx",)} | more)


def slices(target: str) -> Slo:
    return slo(budgeting=BudgetingMethod.TIMESLICES, slice_target=Fraction(target), slice_window_ns=NS_PER_S)


@pytest.mark.parametrize(
    ("then", "today", "said"),
    [
        (slo(status=("2xx", "404")), slo(), "orders took 2xx or 404 for good, now 2xx"),
        (slo(), slo(indicator=indicator(fallback_is_good=False)), "orders took fallbacks for good, now they are not"),
        (slo(), slo(request="GET /orders"), "orders was about POST /orders, now it is about GET /orders"),
        (slo(), slices("0.9"), "orders was counted by Occurrences, now by Timeslices"),
        (slices("0.9"), slices("0.99"), "orders had good slices from 90 % on, now from 99 % on"),
        (slo(), slo(empty_slices=EmptySlices.BAD), "orders counted empty slices by exclude, now by bad"),
        (slo(critical=False), slo(), "orders was not critical to recovery, now it is"),
        (
            objective(level=RecoveryLevel.RESPONDING),
            objective(),
            "az was timed until responding, now until in-slo",
        ),
        (objective(clock=RecoveryClock.EFFECT), objective(), "az was timed from effect, now from inject"),
    ],
)
def test_every_looser_promise_is_noticed(then: Any, today: Any, said: str) -> None:
    """Whatever makes it easier to keep; the same promise, or one that was harder then, is none."""
    kind = "slos" if isinstance(then, Slo) else "objectives"
    harder = [(today, then, ())] if kind == "objectives" else []
    for old, new, expected in ((then, today, (said,)), (then, then, ()), (today, today, ()), *harder):
        record = run()
        record = replace(record, plan=record.plan.model_copy(update={kind: (old,)}))
        found = list(_short_of(record, Now(Scope(), Promises(**{kind: (new,)}))))
        assert found == list(expected)


def test_a_lost_zone_that_nobody_names_is_not_every_zone() -> None:
    """Of a claim for certain zones it shows a part, and nobody knows which; of one for any zone it shows all."""
    for zones, expected in ((("a", "b"), State.PARTIAL), ((), State.PROVEN)):
        found = shown_by(blind(), judge(run()), LENS, BUILT_IN, Now(Scope(zones=zones)))
        assert state(next(one for one in found if one.choice == CHOICE)) is expected


def test_a_run_says_which_zones_it_took_away() -> None:
    """As its evidence names them; where the target was asked, as it answered; none where no zone was lost."""
    assert shown(run(), Now(Scope())).zones == {"a"}
    blind = run().plan.model_copy(update={"evidence": ()})
    assert set(zones_taken(blind)) == set()
    asked = blind.model_copy(update={"reach": Survey(reaches=(reach("b", "c"), reach("d", hits=0)))})
    assert set(zones_taken(asked)) == {"b", "c"}
    seen = run().plan.model_copy(update={"reach": asked.reach})
    assert set(zones_taken(seen)) == {"a"}
    assert set(zones_taken(asked.model_copy(update={"disruption": "software"}))) == set()


def reach(*zones: str, hits: int | None = None) -> Reach:
    some = tuple(Resource(kind="EC2 instance", id=f"i-{zone}", zone=zone) for zone in zones)
    taken = len(some) if hits is None else hits
    return Reach(action="stop", what="stop", counted=True, said="some", resources=some, hits=taken)


def test_a_claim_for_less_load_is_proven_by_less() -> None:
    """The scope is the team's to state."""
    assert state(shown(run(rate="20"), Now(Scope(load=Fraction(1, 2))))) is State.PROVEN


def test_a_target_that_has_changed_makes_proof_stale() -> None:
    """Another configuration than today's; where either is not known nothing is said."""
    record = run(configuration="then")
    assert state(shown(record, Now(Scope(), None, "now"))) is State.STALE
    assert state(shown(record, Now(Scope(), None, "then"))) is State.PROVEN
    assert state(shown(record, Now(Scope()))) is State.PROVEN
    assert state(shown(run(), Now(Scope(), None, "now"))) is State.PROVEN


def test_a_refutation_outlives_a_change_of_the_target() -> None:
    """Nobody has seen it hold since."""
    record = run(drill(outage(10, 30)), configuration="then")
    assert state(shown(record, Now(Scope(), None, "now"))) is State.REFUTED


def test_an_older_whole_proof_counts_beside_a_newer_partial_one() -> None:
    """One more proof, of less, takes nothing away."""
    whole = shown(run(), Now(Scope()))
    part = replace(whole, at=AT + timedelta(minutes=1), short_of=("half the load",))
    pillars = score(LENS, {QUESTION: Answer(QUESTION, frozenset({CHOICE}))}, [part, whole], AT + timedelta(days=1))
    assert CHOICE in {one.choice.id for p in pillars for one in p.practices if one.state is State.PROVEN}


def test_a_run_measures_what_its_judgement_says() -> None:
    """Recovery of the slowest critical SLO, writes, budget; from the judge and from nowhere else."""
    record = run(drill(outage(10, 12)))
    judgement = judge(record)
    found = measured_by(record, judgement)
    assert found is not None
    recovery = judgement.recovery["orders"].rta_inject_s
    assert recovery is not None
    assert found.rta_s == recovery.upper > 0
    assert found.rto_s == 10
    assert found.at == AT


def test_a_run_that_came_to_nothing_measures_nothing() -> None:
    """What it lost may be in the part that is missing."""
    record = without(run(), EventKind.FAULT_CALLED)
    assert judge(record).outcome is Outcome.UNKNOWN
    assert measured_by(record, judge(record)) is None


def test_a_run_says_in_what_it_was_an_easier_trial() -> None:
    """Of less load, and of a target that is another now."""
    record = run(rate="20", configuration="then")
    assert less(record, Now(Scope(), None, "now")) == (
        "drilled at 50 % of production's load, claimed for 100 %",
        "target testbed was configured otherwise then",
    )
    assert less(run(), Now(Scope())) == ()


def test_latency_is_that_of_the_baseline() -> None:
    """99 of 100 took no longer with nothing broken; what the fault made of it is no measure of how fast it is."""
    for edits, expected in (
        ((slow(0, 10, 0.25),), 0.25),
        ((slow(10, 20, 0.9),), 0.005),
        ((broken(0, 10, every=20),), None),
    ):
        record = run(drill(*edits))
        found = measured_by(record, judge(record))
        assert found is not None
        assert (found.latency_s, found.value(Measure.LATENCY)) == (expected, expected)
        assert found.only({Measure.LATENCY}).latency_s == expected


def test_a_run_without_recovery_has_no_recovery_time() -> None:
    """A target that never came back has no RTA, not a small one."""
    record = run(drill(outage(10, 30)))
    found = measured_by(record, judge(record))
    assert found is not None
    assert found.rta_s is None


def figure(record: Record, question: str, choice: str) -> Shown | None:
    """What the run's figures show of a practice that its experiment does not name."""
    found = shown_by(record, judge(record), LENS, BUILT_IN, Now(Scope()))
    return next((one for one in found if (one.question, one.choice) == (question, choice)), None)


def test_a_practice_of_two_figures_is_shown_by_both_or_not_at_all() -> None:
    """An RTO that was kept says nothing of an RPO that nobody claimed; one that was not kept refutes by itself."""
    place = ("rel_disaster_recovery", "rel_objectives")
    assert figure(run(), *place) is None
    both = figure(run(drill(outage(10, 12), ledger=True, rpo_s=1)), *place)
    assert both is not None
    assert (both.holds, both.because) == (True, "measured: rta kept, rpa kept")
    late = figure(run(drill(outage(10, 30))), *place)
    assert late is not None
    assert (late.holds, late.because) == (False, "measured: rta not kept, rpa not known")


def test_a_run_that_missed_another_promise_shows_the_figure_that_it_kept() -> None:
    """As docs/review.md says: the load was borne before anything was broken, though nothing came back after that."""
    record = run(drill(outage(10, 30)))
    assert judge(record).outcome is Outcome.MISSED
    one = figure(record, "perf_measure", "perf_load_testing")
    assert one is not None
    assert (one.holds, one.because) == (True, "measured: load kept")


def test_every_figure_that_the_lens_names_is_explained() -> None:
    """One row each in docs/review.md."""
    page = (Path(__file__).parents[2] / "docs/review.md").read_text(encoding="utf-8")
    named = {one for question in LENS.questions for choice in question.choices for one in choice.provable.measures}
    assert {"rta", "load"} <= named
    assert [one for one in sorted(named) if f"\n| `{one}` | " not in page] == []


def test_latency_targets_are_shown_by_an_slo_with_a_latency() -> None:
    """Availability alone shows none, however well it is kept."""
    place = ("perf_measure", "perf_targets")
    assert figure(run(), *place) is None
    assert slo().indicator.within_ns is None
    fast = run(drill(slos=(slo(within_s=1.0),)))
    shown_ = figure(fast, *place)
    assert shown_ is not None
    assert shown_.holds


def test_a_rehearsed_alert_is_shown_in_part() -> None:
    """It was computed on the drill's own figures: nobody saw it ring."""
    record = run(drill(outage(10, 20), slos=(slo(alerts=(alert(2, 10, 2),)),)))
    one = figure(record, "ops_alerting", "ops_slo_based_alerts")
    assert one is not None
    assert "not seen to ring" in "; ".join(one.short_of)


def test_a_run_that_never_came_back_is_beyond_every_recovery_time() -> None:
    """It has no RTA, which is not the same as not knowing one."""
    record = run(drill(outage(10, 30)))
    found = measured_by(record, judge(record))
    assert found is not None
    assert (found.rta_s, found.recovered) == (None, False)
    whole = run()
    well = measured_by(whole, judge(whole))
    assert well is not None
    assert well.recovered is True
