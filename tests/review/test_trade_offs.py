"""Decisions against measurements, claims of improvement against baselines, milestones against today."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import FileError
from harness.judge import Outcome
from harness.review import (
    BUILT_IN,
    Answer,
    Answers,
    Effect,
    Measure,
    Measured,
    Review,
    Shown,
    State,
    built_in_lens,
    make_milestone,
    read_milestones,
    review,
    write_milestone,
)
from harness.review.answers import Backing, Decision, Expectation, Improvement
from harness.review.measured import newest, newest_of
from tests.review.figures import measured

LENS = built_in_lens()
NOW = datetime(2026, 11, 24, tzinfo=UTC)
QUESTION, CHOICE = "rel_redundancy", "rel_multi_zone"
ASYNC = Decision(
    id="async",
    title="Replicate asynchronously",
    decided=date(2026, 3, 1),
    because="a commit waits for no other zone",
    by="shop",
    effects={"performance": Effect.BETTER, "reliability": Effect.WORSE},
    expects=(Expectation("az-failure", Measure.RPA, Fraction(1)),),
    where="review.yaml:1",
)
FASTER = Improvement("recovers in half the time", "az-failure", Measure.RTA, date(2026, 3, 31), Fraction(1, 2), "r:1")


def reviewed(
    *figures: Measured, decisions: tuple[Decision, ...] = (), improvements: tuple[Improvement, ...] = (), **more: object
) -> Review:
    questions = {QUESTION: Answer(QUESTION, frozenset({CHOICE}))}
    said = Answers(Path("review.yaml"), BUILT_IN, LENS, questions, decisions=decisions, improvements=improvements)
    return review(said, "testbed", more.get("shown", ()), figures, more.get("milestones", ()), NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("figures", "outcome", "contradicted"),
    [
        ((), Outcome.UNKNOWN, 0),
        ((measured(rpa_s=None),), Outcome.UNKNOWN, 0),
        ((measured(rpa_s=0.4),), Outcome.MET, 0),
        ((measured(rpa_s=1.0),), Outcome.MET, 0),
        ((measured(rpa_s=2.5),), Outcome.MISSED, 1),
        ((measured("2026-10-01", rpa_s=2.5), measured(rpa_s=0.4)), Outcome.MET, 0),
        ((measured(experiment="latency", rpa_s=2.5),), Outcome.UNKNOWN, 0),
    ],
)
def test_a_decisions_limit_is_held_against_the_newest_figure(
    figures: tuple[Measured, ...], outcome: Outcome, contradicted: int
) -> None:
    """Without a measurement unknown; over what was accepted, a contradiction."""
    [one] = reviewed(*figures, decisions=(ASYNC,)).trade_offs
    assert [check.outcome for check in one.checked] == [outcome]
    assert len(one.contradictions) == contradicted


EASIER = ("drilled at 1 % of production's load, claimed for 100 %",)


@pytest.mark.parametrize(
    ("figures", "outcome", "said"),
    [
        ((measured(rpa_s=0.4, less=EASIER),), Outcome.UNKNOWN, "drilled at 1 %"),
        ((measured(rpa_s=2.5, less=EASIER),), Outcome.MISSED, "2.5 s"),
        ((measured("2026-10-01", rpa_s=2.5), measured(rpa_s=0.4, less=EASIER)), Outcome.MISSED, "2.5 s"),
        (
            (measured("2026-10-01", rpa_s=0.4), measured(rpa_s=2.5, less=EASIER, outcome=Outcome.MISSED)),
            Outcome.MISSED,
            "2.5 s",
        ),
        ((measured("2026-01-05", rpa_s=0.4),), Outcome.UNKNOWN, "too long ago"),
        ((measured("2026-01-05", rpa_s=2.5),), Outcome.MISSED, "2.5 s"),
    ],
)
def test_an_easier_or_old_trial_keeps_no_limit(figures: tuple[Measured, ...], outcome: Outcome, said: str) -> None:
    """What broke it is held against it all the same."""
    [one] = reviewed(*figures, decisions=(ASYNC,)).trade_offs
    assert [(check.outcome, said in check.because) for check in one.checked] == [(outcome, True)]


def test_an_easier_trial_that_missed_something_else_hides_no_worse_figure() -> None:
    """What it measured is the least that the harder one would have: a smaller figure of it says nothing."""
    whole = measured("2026-10-01", rpa_s=2.5, rta_s=4.0)
    easier = measured("2026-11-20", rpa_s=0.4, rta_s=9.0, less=EASIER, outcome=Outcome.MISSED)
    found = reviewed(whole, easier, decisions=(ASYNC,))
    assert [(one.run, one.rta_s, one.rpa_s) for one in found.measured] == [
        (easier.run, 9.0, None),
        (whole.run, None, 2.5),
    ]
    assert found.trade_offs[0].checked[0].outcome is Outcome.MISSED
    again = measured("2026-11-21", rpa_s=0.5, rta_s=3.0)
    assert [(one.run, one.rta_s, one.rpa_s) for one in reviewed(whole, easier, again).measured] == [
        (again.run, 3.0, 0.5)
    ]


RUNS = st.lists(
    st.builds(
        measured,
        st.dates(date(2026, 9, 1), date(2026, 11, 20)).map(str),
        rta_s=st.none() | st.floats(0, 100),
        rpa_s=st.none() | st.floats(0, 100),
        recovered=st.sampled_from([None, True, False]),
        less=st.sampled_from([(), EASIER]),
        outcome=st.sampled_from(list(Outcome)),
    ),
    max_size=6,
    unique_by=lambda one: one.run,
)


@given(RUNS)
def test_no_easier_trial_makes_a_figure_smaller(runs: list[Measured]) -> None:
    """With it or without it, what stands is at least what the newest whole trial measured."""
    whole = [one for one in runs if one.counts and not one.less]
    for measure in (Measure.RTA, Measure.RPA):
        expected, found = newest_of(measure, whole), newest_of(measure, runs)
        if expected is not None:
            assert found is not None
            assert found.size(measure) >= expected.size(measure)
    listed = newest(runs)
    for measure in (Measure.RTA, Measure.RPA):
        knowing = [one.run for one in listed if one.knows(measure)]
        assert knowing == [one.run for one in [newest_of(measure, runs)] if one is not None]


def test_an_easier_or_old_trial_is_no_improvement() -> None:
    """Recovering faster under a hundredth of the load, or a year ago, is not what is claimed."""
    before = measured("2026-03-20", rta_s=10.0)
    for now, said in (
        (measured(rta_s=1.0, less=EASIER), "drilled at 1 %"),
        (measured("2026-04-20", rta_s=1.0), "too long ago"),
        (measured(rta_s=1.0, outcome=Outcome.UNKNOWN), "came to nothing"),
    ):
        [one] = reviewed(before, now, improvements=(FASTER,)).improved
        assert (one.outcome, said in one.because) == (Outcome.UNKNOWN, True)
    whole, easier = measured(rta_s=9.0), measured("2026-11-20", rta_s=1.0, less=EASIER, outcome=Outcome.MISSED)
    [one] = reviewed(before, whole, easier, improvements=(FASTER,)).improved
    assert (one.outcome, one.now) == (Outcome.MISSED, whole)


def test_each_pillars_effect_stands_with_its_own_evidence() -> None:
    """Evidence of one pillar says nothing of another: without any of its own an effect is only said."""
    kept = Expectation("az-failure", Measure.RPA, Fraction(1), "reliability")
    broken = Expectation("latency", Measure.RTA, Fraction(5), "performance")
    whole = Expectation("az-failure", Measure.LOST, Fraction(10))
    effects = {"performance": Effect.BETTER, "reliability": Effect.WORSE, "costOptimization": Effect.BETTER}
    decision = Decision("d", "Later", date(2026, 3, 1), "", "", effects, (kept, broken, whole), "r:1")
    figures = (measured(rpa_s=0.4, lost=11), measured(experiment="latency", run="latency/late", rta_s=9.0))
    [one] = reviewed(*figures, decisions=(decision,)).trade_offs
    assert [(on.pillar, on.outcome, len(on.checked)) for on in one.effects] == [
        ("performance", Outcome.MISSED, 1),
        ("reliability", Outcome.MET, 1),
        ("costOptimization", Outcome.UNKNOWN, 0),
    ]
    by_pillar = {on.pillar: on.contradictions for on in one.effects}
    assert "latency/late measured 9 s" in by_pillar["performance"][0]
    assert by_pillar["reliability"] == by_pillar["costOptimization"] == ()
    assert [check.outcome for check in one.whole] == [Outcome.MISSED]
    assert len(one.contradictions) == 2


@pytest.mark.parametrize(
    ("holds", "outcome", "said"),
    [
        (True, Outcome.MET, "rel_multi_zone is proven: so (a run)"),
        (False, Outcome.MISSED, "rel_multi_zone is refuted: so (a run)"),
        (None, Outcome.UNKNOWN, "rel_multi_zone is unproven"),
    ],
)
def test_a_practice_is_evidence_of_an_effect_by_its_state(holds: bool | None, outcome: Outcome, said: str) -> None:
    """Of any pillar, of those too that no drill measures; refuted it contradicts the effect, once."""
    effects = {"costOptimization": Effect.BETTER, "reliability": Effect.BETTER}
    named = tuple(Backing(QUESTION, CHOICE, pillar) for pillar in effects)
    decision = Decision("d", "Two zones", date(2026, 3, 1), "", "", effects, named, "r:1")
    at = datetime(2026, 11, 1, tzinfo=UTC)
    shown = () if holds is None else (Shown(QUESTION, CHOICE, holds=holds, at=at, source="a run", because="so"),)
    [one] = reviewed(decisions=(decision,), shown=shown).trade_offs
    assert [on.outcome for on in one.effects] == [outcome] * 2
    assert [check.because for check in one.checked] == [said] * 2
    assert len(one.contradictions) == (2 if holds is False else 0)


def test_a_kept_limit_makes_no_pillar_better_that_a_drill_refuted() -> None:
    """The refuted practice is pointed out at its pillar, beside the limit that was kept."""
    kept = Expectation("az-failure", Measure.RPA, Fraction(1), "reliability")
    effects = {"reliability": Effect.BETTER, "performance": Effect.BETTER}
    decision = Decision("d", "Two zones", date(2026, 3, 1), "", "", effects, (kept,), "r:1")
    refuting = Shown(
        QUESTION, CHOICE, holds=False, at=datetime(2026, 5, 1, tzinfo=UTC), source="a run", experiment="az-failure"
    )
    [one] = reviewed(measured(rpa_s=0.4), decisions=(decision,), shown=(refuting,)).trade_offs
    assert [on.outcome for on in one.effects] == [Outcome.MISSED, Outcome.UNKNOWN]
    assert [len(on.contradictions) for on in one.effects] == [1, 0]
    # A drill that it expects nothing of says nothing of it.
    other = replace(refuting, experiment="traffic-surge")
    [one] = reviewed(measured(rpa_s=0.4), decisions=(decision,), shown=(other,)).trade_offs
    assert [len(on.contradictions) for on in one.effects] == [0, 0]


def test_a_run_that_saw_no_recovery_contradicts_any_recovery_time() -> None:
    """And no older, better run makes a claim of improvement met."""
    never = measured("2026-11-20", rta_s=None, recovered=False, outcome=Outcome.MISSED)
    limit = Expectation("az-failure", Measure.RTA, Fraction(600))
    decision = Decision("d", "Slow is enough", date(2026, 3, 1), "", "", {"cost": Effect.BETTER}, (limit,), "r:1")
    figures = (measured("2026-03-01", rta_s=8.0), measured("2026-11-01", rta_s=3.0), never)
    found = reviewed(*figures, decisions=(decision,), improvements=(FASTER,))
    assert [check.outcome for check in found.trade_offs[0].checked] == [Outcome.MISSED]
    assert "saw no recovery" in found.trade_offs[0].contradictions[0]
    assert [one.outcome for one in found.improved] == [Outcome.MISSED]
    older = reviewed(*figures[:2], improvements=(FASTER,))
    assert [one.outcome for one in older.improved] == [Outcome.MET]


def test_a_pillar_said_to_be_better_and_refuted_since_is_a_contradiction() -> None:
    """What a drill found before the decision is none of its doing."""
    decision = Decision("d", "Two zones", date(2026, 3, 1), "", "", {"reliability": Effect.BETTER}, (), "r:1")
    for day, expected in ((datetime(2026, 5, 1, tzinfo=UTC), 1), (datetime(2026, 2, 1, tzinfo=UTC), 0)):
        shown = (Shown(QUESTION, CHOICE, holds=False, at=day, source="a run"),)
        [one] = reviewed(decisions=(decision,), shown=shown).trade_offs
        assert len(one.contradictions) == expected


@pytest.mark.parametrize(
    ("figures", "outcome"),
    [
        ((), Outcome.UNKNOWN),
        ((measured("2026-03-01", rta_s=8.0),), Outcome.UNKNOWN),  # one run is no comparison
        ((measured("2026-03-01", rta_s=8.0), measured("2026-11-01", rta_s=3.0)), Outcome.MET),
        ((measured("2026-03-01", rta_s=8.0), measured("2026-11-01", rta_s=4.0)), Outcome.MET),
        ((measured("2026-03-01", rta_s=8.0), measured("2026-11-01", rta_s=5.0)), Outcome.MISSED),
        ((measured("2026-03-01", rta_s=8.0), measured("2026-11-01", rta_s=9.0)), Outcome.MISSED),
        ((measured("2026-03-01", rta_s=0.0), measured("2026-11-01", rta_s=0.0)), Outcome.UNKNOWN),
        ((measured("2026-05-01", rta_s=8.0), measured("2026-11-01", rta_s=3.0)), Outcome.MET),
        # The last one up to that day is the baseline, not the worst one ever.
        (
            (
                measured("2026-01-01", rta_s=90.0),
                measured("2026-03-01", rta_s=8.0),
                measured("2026-11-01", rta_s=7.0),
            ),
            Outcome.MISSED,
        ),
    ],
)
def test_a_claim_of_improvement_is_held_against_its_baseline(figures: tuple[Measured, ...], outcome: Outcome) -> None:
    """Two measured runs, or unknown."""
    [one] = reviewed(*figures, improvements=(FASTER,)).improved
    assert one.outcome is outcome, one.because


def test_a_milestone_keeps_baselines_whose_runs_are_gone(tmp_path: Path) -> None:
    """Runs are tidied away; what they measured stays with the milestone."""
    then = reviewed(measured("2026-03-01", rta_s=8.0))
    kept = make_milestone("spring", NOW - timedelta(days=200), BUILT_IN, "testbed", then.pillars, then.measured)
    answers = tmp_path / "review.yaml"
    path = write_milestone(answers, kept)
    assert path.parent == tmp_path / "milestones"
    [read] = read_milestones(answers, BUILT_IN, "testbed")
    assert read == kept
    assert read_milestones(answers, BUILT_IN, "staging") == ()
    [one] = reviewed(measured(rta_s=3.0), improvements=(FASTER,), milestones=(read,)).improved
    assert one.outcome is Outcome.MET


@pytest.mark.parametrize(("field", "value"), [("rta_s", -1.0), ("lost", -1), ("at", "2026-02-01T00:00:00")])
def test_a_milestone_with_an_impossible_figure_is_a_mistake(tmp_path: Path, field: str, value: object) -> None:
    """A time below none, or one of no zone, would be compared with those of today."""
    then = reviewed(measured("2026-03-01", rta_s=8.0))
    kept = make_milestone("spring", NOW, BUILT_IN, "testbed", then.pillars, then.measured)
    path = write_milestone(tmp_path / "review.yaml", kept)
    document = json.loads(path.read_text())
    document["measured"][0][field] = value
    path.write_text(json.dumps(document))
    with pytest.raises(FileError, match="expected a milestone"):
        read_milestones(tmp_path / "review.yaml", BUILT_IN, "testbed")


def test_a_milestone_is_never_overwritten(tmp_path: Path) -> None:
    """It says what was, and stays so."""
    then = reviewed()
    kept = make_milestone("spring", NOW, BUILT_IN, "testbed", then.pillars, then.measured)
    write_milestone(tmp_path / "review.yaml", kept)
    with pytest.raises(FileError, match="a milestone of that day and name"):
        write_milestone(tmp_path / "review.yaml", kept)


def test_files_that_are_no_milestones_are_all_named(tmp_path: Path) -> None:
    """Every one of them, at once."""
    (tmp_path / "milestones").mkdir()
    for name in ("a.json", "b.json"):
        (tmp_path / "milestones" / name).write_text("{")
    with pytest.raises(FileError) as caught:
        read_milestones(tmp_path / "review.yaml", BUILT_IN, "testbed")
    assert len(caught.value.mistakes) == 2


def test_what_no_longer_applies_is_in_the_trend() -> None:
    """It is neither better nor worse, and it changes what the scores are out of, as another lens does."""

    def answered(**answer: object) -> Review:
        questions = {QUESTION: Answer(QUESTION, frozenset({CHOICE}), **answer)}  # type: ignore[arg-type]
        return review(Answers(Path("review.yaml"), BUILT_IN, LENS, questions), "testbed", (), (), (kept,), NOW)

    kept = make_milestone("then", NOW - timedelta(days=60), BUILT_IN, "testbed", reviewed().pillars, {})
    place = f"{QUESTION}/{CHOICE}"
    apart = answered(not_applicable={CHOICE: "one zone is all there is"}).trend
    assert apart is not None
    assert [(one.practice, one.before, one.now) for one in apart.left] == [
        (place, State.UNPROVEN, State.NOT_APPLICABLE)
    ]
    assert (apart.better, apart.worse, apart.joined) == ((), (), ())
    gone, fresh = f"{QUESTION}/gone", f"{QUESTION}/rel_multi_region"
    states = {**{name: state for name, state in kept.states.items() if name != fresh}, gone: State.PROVEN}
    kept = kept.model_copy(update={"states": states | {place: State.NOT_APPLICABLE}})
    again = answered().trend
    assert again is not None
    assert [(one.practice, one.before, one.now) for one in again.left] == [(gone, State.PROVEN, None)]
    assert {one.practice: one.before for one in again.joined} == {place: State.NOT_APPLICABLE, fresh: None}


def test_a_milestone_that_is_to_come_is_none() -> None:
    """Whoever wrote it by hand, or with a clock that was ahead, compares with nothing."""
    kept = make_milestone("ahead", NOW + timedelta(days=1), BUILT_IN, "testbed", reviewed().pillars, {})
    found = reviewed(milestones=(kept,))
    assert (found.trend, found.milestones) == (None, ())


def test_the_trend_says_what_got_better_worse_and_stale() -> None:
    """By states: proven is better than stale, refuted worse than anything."""

    def at(day: datetime, *, holds: bool = True, choice: str = CHOICE) -> Shown:
        return Shown(QUESTION, choice, holds=holds, at=day, source="a run")

    then = reviewed(shown=(at(NOW - timedelta(days=80)),))
    kept = make_milestone("then", NOW - timedelta(days=60), BUILT_IN, "testbed", then.pillars, {})
    same = reviewed(shown=(at(NOW - timedelta(days=80)),), milestones=(kept,)).trend
    assert same is not None
    assert (same.better, same.worse) == ((), ())
    worse = reviewed(shown=(at(NOW, holds=False),), milestones=(kept,)).trend
    assert worse is not None
    assert [str(one.now) for one in worse.worse] == ["refuted"]
    assert worse.stale == ()
    old = reviewed(shown=(at(NOW - timedelta(days=91)),), milestones=(kept,)).trend
    assert old is not None
    assert [str(one.now) for one in old.stale] == ["stale"]
    unproven = make_milestone("before", NOW, BUILT_IN, "testbed", reviewed().pillars, {})
    better = reviewed(shown=(at(NOW),), milestones=(unproven,)).trend
    assert better is not None
    assert [(str(one.before), str(one.now)) for one in better.better] == [("unproven", "proven")]
    assert better.scores["reliability"][0] == 0 < (better.scores["reliability"][1] or 0)


def test_a_run_that_does_not_know_a_figure_hides_no_older_one() -> None:
    """Neither from decisions, nor from claims, nor from milestones; each figure stands once."""
    contradicting = measured("2026-10-01", rpa_s=2.5, lost=3, rta_s=3.0)
    blind = measured("2026-11-20", rpa_s=None, lost=None, rta_s=5.0)
    found = reviewed(contradicting, blind, decisions=(ASYNC,))
    assert [check.outcome for check in found.trade_offs[0].checked] == [Outcome.MISSED]
    assert contradicting.run in found.trade_offs[0].contradictions[0]
    assert [(one.run, one.rta_s, one.rpa_s) for one in found.measured] == [
        (blind.run, 5.0, None),
        (contradicting.run, None, 2.5),
    ]
    assert (found.measured[1].rto_s, found.measured[1].burn) == (None, None)
    newest = measured("2026-11-21", rpa_s=0.4)
    assert [one.run for one in reviewed(contradicting, blind, newest).measured] == [newest.run]


def test_runs_that_know_nothing_are_one_row() -> None:
    """The newest of them; what an older one measured stands beside it."""
    nothing: dict[str, None] = dict.fromkeys(
        ("rta_s", "rto_s", "rpa_s", "rpo_s", "lost", "budget_ratio", "budget_allowed_ratio", "burn")
    )
    blind = [measured(f"2026-11-{day}", **nothing) for day in (18, 19, 20)]
    assert [one.run for one in reviewed(*blind).measured] == [blind[-1].run]
    known = measured("2026-11-01")
    assert [one.run for one in reviewed(known, *blind).measured] == [blind[-1].run, known.run]


def test_a_claim_that_nothing_was_measured_for_since_says_so() -> None:
    """Three runs are enough to compare; none of them came after."""
    figures = [measured(f"2026-03-0{day}", rta_s=8.0) for day in (1, 2, 3)]
    [one] = reviewed(*figures, improvements=(FASTER,)).improved
    assert one.because.endswith("no run has measured it since 2026-03-31")
    [one] = reviewed(figures[0], improvements=(FASTER,)).improved
    assert one.because.endswith("one run measured it, and it takes two")


def test_no_recovery_is_not_forgotten_for_a_run_that_measured_none() -> None:
    """Later, with everything else known."""
    never = measured("2026-11-01", rta_s=None, recovered=False, outcome=Outcome.MISSED)
    figures = (measured("2026-03-01", rta_s=8.0), measured("2026-10-01", rta_s=3.0), never)
    later = measured("2026-11-20", rta_s=None)
    assert [one.outcome for one in reviewed(*figures, later, improvements=(FASTER,)).improved] == [Outcome.MISSED]
    assert any(one.recovered is False for one in reviewed(*figures, later).measured)


def test_each_figure_has_a_baseline_of_its_own() -> None:
    """One run in two milestones, in the later one without what a newer run knew: its recovery time stays a baseline."""
    first = measured("2026-03-01", rta_s=8.0, rpa_s=0.9)
    newer = measured("2026-03-20", rta_s=None, rpa_s=None)
    half = measured("2026-05-01", rta_s=7.0, rpa_s=None, lost=None)
    kept = []
    for number, figures in enumerate([(first, newer), (first, newer, half)]):
        then = reviewed(*figures)
        at = NOW - timedelta(days=200 - number)
        kept.append(make_milestone(f"m{number}", at, BUILT_IN, "testbed", then.pillars, then.measured))
    [one] = reviewed(measured(rta_s=3.0), improvements=(FASTER,), milestones=tuple(kept)).improved
    assert (one.outcome, one.then.run if one.then else "") == (Outcome.MET, first.run)
