"""Claimed beside proven: tables of states, and laws over random answers and evidence on the built-in lens."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.plan import Proves
from harness.review import (
    BUILT_IN,
    Answer,
    Answers,
    PillarScore,
    Risk,
    Risks,
    Shown,
    State,
    built_in_lens,
    scoped,
    score,
    with_drills,
)
from harness.review.roadmap import Drills, roadmap
from tests.review.lenses import lens, question

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LENS = built_in_lens()
QUESTION, CHOICE = "rel_redundancy", "rel_multi_zone"
PRACTICES = [(question.id, choice.id) for question in LENS.questions for choice in question.choices]


def shown(
    days_ago: float, *, holds: bool = True, question: str = QUESTION, choice: str = CHOICE, zones: str = ""
) -> Shown:
    return Shown(question, choice, holds, NOW - timedelta(days=days_ago), "a run", zones=frozenset(zones))


CLAIMED = {QUESTION: Answer(QUESTION, frozenset({CHOICE, "rel_multi_region"}))}


@pytest.mark.parametrize(
    ("evidence", "state"),
    [
        ([], State.UNPROVEN),
        ([shown(1)], State.PROVEN),
        ([shown(91)], State.STALE),
        ([shown(1, holds=False)], State.REFUTED),
        ([shown(400, holds=False)], State.REFUTED),
        ([shown(5, holds=False), shown(1)], State.PROVEN),
        ([shown(1, holds=False), shown(5)], State.REFUTED),
        ([shown(1, holds=False), shown(1)], State.REFUTED),
        ([shown(-1)], State.UNPROVEN),  # from the future: a wrong clock proves nothing
        ([shown(-1, holds=False), shown(1)], State.REFUTED),  # and hides nothing
        ([shown(-1, holds=False), shown(-2)], State.REFUTED),
        ([shown(1, choice="rel_load_distribution")], State.UNPROVEN),
    ],
)
def test_the_newest_evidence_decides_a_claim(evidence: Sequence[Shown], state: State) -> None:
    """Old proof is stale, refutation is not; of two at one moment the one that refutes."""
    assert states(score(LENS, CLAIMED, evidence, NOW))[QUESTION, CHOICE] is state


@pytest.mark.parametrize(
    ("evidence", "state"),
    [
        ([shown(1, zones="a")], State.PARTIAL),
        ([shown(1, zones="a"), shown(2, zones="b")], State.PROVEN),
        ([shown(1, zones="ab")], State.PROVEN),
        ([shown(1, zones="a"), shown(91, zones="b")], State.PARTIAL),  # b's is stale
        ([shown(1)], State.PROVEN),  # not about a zone
        ([shown(3, zones="b"), shown(2, zones="b", holds=False), shown(1, zones="a")], State.REFUTED),
        ([shown(3, zones="b", holds=False), shown(2, zones="b"), shown(1, zones="a")], State.PROVEN),
        ([shown(3, zones="b", holds=False), shown(2, zones="b")], State.PARTIAL),
        ([shown(3, zones="a"), shown(2, zones="b", holds=False), shown(1, zones="b")], State.PARTIAL),  # a's is older
        ([shown(2, zones="b", holds=False), shown(1)], State.REFUTED),
    ],
)
def test_a_claim_for_several_zones_wants_each_of_them_lost_once(evidence: Sequence[Shown], state: State) -> None:
    """Of zones a and b: one alone is partial, and what zone b refuted zone a does not answer."""
    found = score(LENS, CLAIMED, evidence, NOW, zones=("a", "b"))
    assert states(found)[QUESTION, CHOICE] is state
    [practice] = [one for pillar in found for one in pillar.practices if one.choice.id == CHOICE]
    if state is State.PARTIAL:
        taken, left = ("b", "a") if any("b" in one.zones and one.at > NOW - timedelta(90) for one in evidence) else "ab"
        assert practice.because == f"shown for the loss of {taken}, claimed for that of {left} too"


def test_a_zone_that_was_not_survived_is_answered_by_that_zone_alone() -> None:
    """Also where the claim names no zones: luck in zone a says nothing of zone b."""
    evidence = [shown(2, zones="b", holds=False), shown(1, zones="a")]
    assert states(score(LENS, CLAIMED, evidence, NOW))[QUESTION, CHOICE] is State.REFUTED
    assert states(score(LENS, CLAIMED, [*evidence, shown(0, zones="b")], NOW))[QUESTION, CHOICE] is State.PROVEN


def test_what_lost_no_zone_shows_nothing_of_a_zone_that_nobody_took_away() -> None:
    """Where zones are claimed, and one of the practice's drills takes them away: its other drills are no way around."""
    ours = Proves(lens=BUILT_IN, question=QUESTION, choice=CHOICE)
    experiments = [("az-failure", ours), ("database-killed", ours)]
    killed, lost_a, lost_b = shown(1), shown(2, zones="a"), shown(3, zones="b")
    for of_zones, evidence, state in (
        (("az-failure",), [killed], State.PARTIAL),
        (("az-failure",), [lost_a, killed], State.PARTIAL),
        (("az-failure",), [lost_a, lost_b, killed], State.PROVEN),
        ((), [killed], State.PROVEN),
    ):
        lens = with_drills(LENS, BUILT_IN, experiments, of_zones)
        assert states(score(lens, CLAIMED, evidence, NOW, zones=("a", "b")))[QUESTION, CHOICE] is state
        assert states(score(lens, CLAIMED, evidence, NOW))[QUESTION, CHOICE] is State.PROVEN


def test_another_experiment_does_not_answer_for_the_one_that_was_missed() -> None:
    """A dependency that is slow says nothing of one that fails: its own drill is run again, and holds."""
    missed = replace(shown(2, holds=False), experiment="dependency-errors")
    other = replace(shown(1), experiment="latency")
    assert states(score(LENS, CLAIMED, [missed, other], NOW))[QUESTION, CHOICE] is State.REFUTED
    again = replace(shown(0), experiment="dependency-errors")
    assert states(score(LENS, CLAIMED, [missed, other, again], NOW))[QUESTION, CHOICE] is State.PROVEN


@pytest.mark.parametrize(
    ("then", "now", "state"),
    [
        ({}, {"short_of": ("1 %",), "load_short": "1 %", "load": Fraction(1, 100)}, State.REFUTED),
        ({}, {"short_of": ("orders was not judged",)}, State.REFUTED),
        ({}, {"outdated": "another target", "is_of_today": False}, State.REFUTED),
        ({}, {"outdated": "is stale since yesterday"}, State.STALE),
        ({"is_of_today": False}, {"outdated": "another target", "is_of_today": False}, State.STALE),
        ({"is_of_today": False}, {}, State.PROVEN),
        ({"short_of": ("what nobody sees",)}, {"short_of": ("what nobody sees",)}, State.PARTIAL),
        (
            {"short_of": ("50 %",), "load_short": "50 %", "load": Fraction(1, 2)},
            {"short_of": ("60 %",), "load_short": "60 %", "load": Fraction(3, 5)},
            State.PARTIAL,
        ),
        (
            {"short_of": ("50 %",), "load_short": "50 %", "load": Fraction(1, 2)},
            {"short_of": ("40 %",), "load_short": "40 %", "load": Fraction(2, 5)},
            State.REFUTED,
        ),
    ],
)
def test_an_easier_trial_answers_no_refutation(then: dict[str, Any], now: dict[str, Any], state: State) -> None:
    """What broke under production's load is not mended because it stands a hundredth of it."""
    missed = replace(shown(5, holds=False), experiment="az-failure", **then)
    easier = replace(shown(1), experiment="az-failure", **now)
    another = replace(shown(2), experiment="zone-blackhole")
    assert states(score(LENS, CLAIMED, [missed, easier], NOW))[QUESTION, CHOICE] is state
    if state is State.REFUTED:
        assert states(score(LENS, CLAIMED, [missed, easier, another], NOW))[QUESTION, CHOICE] is state


def test_evidence_for_others_says_which_zones_it_leaves() -> None:
    """What goes into another tool's notes is called proven only where the review calls it so."""
    experiments = [("database-killed", Proves(lens=BUILT_IN, question=QUESTION, choice=CHOICE))]
    known = with_drills(LENS, BUILT_IN, experiments, ("database-killed",))
    [one] = scoped([replace(shown(1), experiment="database-killed")], known, NOW, timedelta(days=90), ("a", "b"))
    assert one.short_of == ("shown for the loss of no zone, claimed for that of a, b too",)
    assert scoped([shown(1, holds=False)], known, NOW, timedelta(days=90), ("a",)) == [shown(1, holds=False)]
    assert scoped([shown(1)], known, NOW, timedelta(days=90), ()) == [shown(1)]


@pytest.mark.parametrize("reported", [Risk.HIGH, Risk.MEDIUM, Risk.NONE])
def test_a_risk_whose_rules_are_not_published_is_never_better_for_less(tmp_path: Path, reported: Risk) -> None:
    """AWS says what its own lenses' rules came to: with a practice taken out it is as high, or not known."""
    found = lens(tmp_path, question(["a", "b"], ("default", "HIGH_RISK")))
    [pillar] = found.pillars
    asked = replace(pillar.questions[0], rules=(), reported=reported)
    unruled = replace(found, pillars=(replace(pillar, questions=(asked,)),))
    [one] = score(unruled, {asked.id: Answer(asked.id, frozenset({"a", "b"}))}, [], NOW)
    high = int(reported is Risk.HIGH)
    assert (one.risks_claimed.high, one.risks_proven.high, one.risks_proven.unknown) == (high, high, 1 - high)
    assert one.risks_claimed.unknown == 0


def test_what_is_not_claimed_is_not_proven_by_anything() -> None:
    """Evidence for a practice that nobody claims raises no score."""
    found = score(LENS, {QUESTION: Answer(QUESTION)}, [shown(1)], NOW)
    assert states(found)[QUESTION, CHOICE] is State.NOT_CLAIMED
    assert all(pillar.proven == 0 for pillar in found)


def test_only_words_stand_for_what_nothing_can_prove() -> None:
    """Claimed, counted as claimed, and never as proven."""
    found = score(LENS, CLAIMED, [], NOW)
    assert states(found)[QUESTION, "rel_multi_region"] is State.NOT_TESTABLE
    [reliability] = [pillar for pillar in found if pillar.id == "reliability"]
    assert reliability.claimed > 0
    assert reliability.proven == 0


def test_what_does_not_apply_leaves_the_denominator_and_the_rest_stays_in_it() -> None:
    """Not applicable needs a reason and takes its weight along; unanswered questions keep theirs."""
    whole = score(LENS, {}, [], NOW)
    without = score(LENS, {QUESTION: Answer(QUESTION, frozenset({CHOICE}), {"rel_multi_region": "one"})}, [], NOW)
    with_it = score(LENS, {QUESTION: Answer(QUESTION, frozenset({CHOICE}))}, [], NOW)
    by_id = [{pillar.id: pillar for pillar in found}["reliability"] for found in (whole, with_it, without)]
    assert by_id[0].claimed == 0
    assert by_id[0].unanswered == len(LENS.pillars[2].questions)
    assert 0 < by_id[1].claimed < by_id[2].claimed < 100


# As published lenses ask: yes or no; none of the above, in no rule or as a harm; degrees, of which the last is right.
ASKED = {
    "yes or no": (["yes", "no"], [("yes", "NO_RISK"), ("no", "HIGH_RISK"), ("default", "HIGH_RISK")], {"no"}),
    "no and not sure, better than no answer": (
        ["yes", "no", "unsure"],
        [("yes", "NO_RISK"), ("no || unsure", "MEDIUM_RISK"), ("default", "HIGH_RISK")],
        {"no", "unsure"},
    ),
    "one of two will do": (
        ["a", "b", "c"],
        [("a || b", "NO_RISK"), ("c", "MEDIUM_RISK"), ("default", "HIGH_RISK")],
        {"c"},
    ),
    "none, unnamed": (
        ["a", "b", "none"],
        [("a && b", "NO_RISK"), ("a", "MEDIUM_RISK"), ("default", "HIGH_RISK")],
        {"none"},
    ),
    "none, as a harm": (
        ["a", "b", "none"],
        [("a && b", "NO_RISK"), ("(!a) || none", "HIGH_RISK"), ("default", "MEDIUM_RISK")],
        {"none"},
    ),
    "degrees": (
        ["unsure", "some", "all"],
        [("all && !some && !unsure ", "NO_RISK"), ("some && !all && !unsure", "MEDIUM_RISK"), ("default", "HIGH_RISK")],
        {"unsure", "some"},
    ),
    "no rule tells them apart": (["a", "b"], [("default", "NO_RISK")], set()),
    "all or nothing": (
        ["a", "b"],
        [("a && b", "NO_RISK"), ("(!a) || (!b)", "HIGH_RISK"), ("default", "MEDIUM_RISK")],
        set(),
    ),
}


@pytest.mark.parametrize("asked", ASKED)
def test_a_choice_that_no_best_answer_needs_is_no_practice(asked: str, tmp_path: Path) -> None:
    """Whoever answers `No` has claimed nothing by it, and whoever does not, left nothing undone."""
    choices, rules, none = ASKED[asked]
    ours = lens(tmp_path, question(choices, *rules))
    [pillar] = score(ours, {"q1": Answer("q1", frozenset(choices) - none)}, [], NOW)
    assert {one.choice.id for one in pillar.practices if one.weight == 0} == none
    assert pillar.claimed == 100
    [pillar] = score(ours, {"q1": Answer("q1", frozenset(none))}, [], NOW)
    assert pillar.claimed == 0
    assert total(pillar.risks_claimed) == (asked != "no rule tells them apart")
    answers = Answers(Path("review.yaml"), "ours", ours)
    unanswered = score(ours, {}, [], NOW)
    gaps = roadmap(unanswered, answers, Drills((), {}, None), NOW.date())
    assert {one.practice.choice.id for one in gaps} == set(choices) - none


@pytest.mark.parametrize(
    "rules",
    [[("default", "NO_RISK")], [("a && b", "NO_RISK"), ("q1_no", "MEDIUM_RISK"), ("default", "HIGH_RISK")]],
    ids=["no rule tells choices apart", "it lowers a risk"],
)
def test_what_aws_takes_for_none_of_these_is_no_practice(rules: list[tuple[str, str]], tmp_path: Path) -> None:
    """Its id ends in `_no`: whoever does all else has claimed all, whatever the rules say."""
    asked = lens(tmp_path, question(["a", "b", "q1_no"], *rules))
    [pillar] = score(asked, {"q1": Answer("q1", frozenset({"a", "b"}))}, [], NOW)
    assert pillar.claimed == 100
    [pillar] = score(asked, {"q1": Answer("q1", frozenset({"q1_no"}))}, [], NOW)
    assert pillar.claimed == 0


@pytest.mark.parametrize("asked", ["none, unnamed", "none, as a harm"])
def test_a_practice_weighs_what_its_own_absence_comes_to(asked: str, tmp_path: Path) -> None:
    """Beside all other practices, and not beside the choice that says there are none."""
    choices, rules, _ = ASKED[asked]
    [pillar] = score(lens(tmp_path, question(choices, *rules)), {}, [], NOW)
    assert {one.choice.id: one.weight for one in pillar.practices} == {"a": 3, "b": 1, "none": 0}


APART = {
    "one of two would do, and the other does not apply": ([("c1 || c2", "NO_RISK")], {}, "c2", (1, 1)),
    "both are needed, and one does not apply": ([("c1 && c2", "NO_RISK")], {"c1"}, "c2", (0, 1)),
    "no does not apply": ([("c2", "HIGH_RISK"), ("c1", "NO_RISK")], {"c1"}, "c2", (0, 1)),
    "nothing but what does not apply would do": ([("c2", "NO_RISK")], {"c1"}, "c2", (1, 1)),
}


@pytest.mark.parametrize("case", APART)
def test_risk_rules_are_read_without_what_does_not_apply(case: str, tmp_path: Path) -> None:
    """It is neither done nor left undone: nobody is at less risk for it, nor at more."""
    rules, claimed, apart, (high_claimed, high_proven) = APART[case]
    ours = lens(tmp_path, question(["c1", "c2"], *rules, ("default", "HIGH_RISK")))
    [pillar] = score(ours, {"q1": Answer("q1", frozenset(claimed), {apart: "it is not ours"})}, [], NOW)
    assert (pillar.risks_claimed.high, pillar.risks_proven.high) == (high_claimed, high_proven)


def test_risks_are_counted_by_claims_and_by_what_is_proven_of_them() -> None:
    """All practices of a question claimed: no risk by words, a high one until something is shown."""
    question = next(one for one in LENS.questions if one.id == "rel_failover")
    every = frozenset(choice.id for choice in question.choices)
    answers = {question.id: Answer(question.id, every)}
    found = {pillar.id: pillar for pillar in score(LENS, answers, [], NOW)}["reliability"]
    assert (found.risks_claimed.high, found.risks_proven.high) == (0, 1)
    evidence = [shown(1, question=question.id, choice=choice) for choice in every]
    found = {pillar.id: pillar for pillar in score(LENS, answers, evidence, NOW)}["reliability"]
    assert (found.risks_claimed.high, found.risks_proven.high) == (0, 0)


def states(found: Sequence[PillarScore]) -> dict[tuple[str, str], State]:
    return {(one.question, one.choice.id): one.state for pillar in found for one in pillar.practices}


practices = st.sampled_from(PRACTICES)
evidence = st.lists(
    st.builds(
        lambda practice, days, holds: shown(days, holds=holds, question=practice[0], choice=practice[1]),
        practices,
        st.integers(0, 200),
        st.booleans(),
    ),
    max_size=20,
)


@st.composite
def answered(draw: st.DrawFn) -> dict[str, Answer]:
    claimed, excluded = draw(st.sets(practices)), draw(st.sets(practices, max_size=10))
    questions = {question for question, _ in claimed | excluded}
    return {
        question: Answer(
            question,
            frozenset(choice for of, choice in claimed - excluded if of == question),
            {choice: "why" for of, choice in excluded if of == question},
        )
        for question in questions
    }


def total(risks: Risks) -> int:
    return risks.high + risks.medium


@given(answered(), evidence)
def test_scores_are_bounded_and_proven_never_exceeds_claimed(answers: dict[str, Answer], found: list[Shown]) -> None:
    """Nor what could be proven."""
    for pillar in score(LENS, answers, found, NOW):
        assert pillar.claimed is not None
        assert 0 <= pillar.proven <= pillar.claimed <= 100
        assert total(pillar.risks_proven) >= total(pillar.risks_unrefuted) >= total(pillar.risks_claimed)
        assert pillar.risks_proven.high >= pillar.risks_unrefuted.high >= pillar.risks_claimed.high


@given(answered(), evidence, practices)
def test_no_claim_raises_the_proven_score_without_evidence(
    answers: dict[str, Answer], found: list[Shown], practice: tuple[str, str]
) -> None:
    """One more claim, and no evidence for it: proven stays, or falls where a denominator grew."""
    question, choice = practice
    without = [one for one in found if (one.question, one.choice) != practice]
    old = answers.get(question, Answer(question))
    more = {**answers, question: Answer(question, old.claimed | {choice}, dict(old.not_applicable))}
    before, after = score(LENS, answers, without, NOW), score(LENS, more, without, NOW)
    assert [pillar.proven for pillar in before] == [pillar.proven for pillar in after]


@given(answered(), evidence, practices)
def test_refuting_never_raises_anything(
    answers: dict[str, Answer], found: list[Shown], practice: tuple[str, str]
) -> None:
    """One more refutation, as new as can be: no score rises, no risk falls."""
    refuted = [*found, shown(0, holds=False, question=practice[0], choice=practice[1])]
    for before, after in zip(score(LENS, answers, found, NOW), score(LENS, answers, refuted, NOW), strict=True):
        assert after.proven <= before.proven
        assert after.claimed == before.claimed
        assert after.risks_proven.high >= before.risks_proven.high
        assert after.risks_unrefuted.high >= before.risks_unrefuted.high
