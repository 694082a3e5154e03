"""Laws that hold for the answers to any lens, however odd its rules are: random lenses, selections and evidence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from harness.review import (
    Answer,
    Choice,
    Lens,
    Pillar,
    PillarScore,
    Provable,
    Question,
    Risk,
    Risks,
    Rule,
    Shown,
    State,
    balance,
    parse_condition,
    score,
)
from harness.review.truth import worst_risk
from tests.review.lenses import NAMES, conditions

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ZONES = st.sampled_from([(), ("a",), ("a", "b")])  # that a review claims to be dispensable
RISKS = st.sampled_from([Risk.NONE, Risk.MEDIUM, Risk.HIGH])
PROVABLE = (
    Provable(),
    Provable(("a drill",)),
    Provable(("a drill",), of_zones=True),
    Provable(imports=("a kind",), partly=("a kind",)),
)


@st.composite
def rule(draw: st.DrawFn) -> Rule:
    text = draw(conditions | st.just("default"))
    return Rule(parse_condition(text), draw(RISKS), text, "lens.json:1")


@st.composite
def lenses(draw: st.DrawFn) -> Lens:
    """Any lens: rules that contradict each other, questions without any, practices that nothing can prove."""
    questions = []
    for number in range(draw(st.integers(1, 3))):
        choices = tuple(Choice(name, name.upper(), provable=draw(st.sampled_from(PROVABLE))) for name in NAMES)
        rules = tuple(draw(st.lists(rule(), max_size=4)))
        reported = None if rules else draw(st.none() | RISKS)
        questions.append(Question(f"q{number}", "How?", "", choices, rules, "lens.json:1", reported))
    return Lens("any", "", (Pillar("reliability", "Reliability", tuple(questions)),))


places = st.tuples(st.sampled_from(["q0", "q1", "q2"]), st.sampled_from(NAMES))


@st.composite
def answers(draw: st.DrawFn) -> dict[str, Answer]:
    found = {}
    for question in draw(st.sets(st.sampled_from(["q0", "q1", "q2"]))):
        claimed = draw(st.sets(st.sampled_from(NAMES)))
        apart = draw(st.sets(st.sampled_from(NAMES))) - claimed
        excluded = draw(st.sets(st.sampled_from(NAMES))) - apart
        found[question] = Answer(
            question, frozenset(claimed), dict.fromkeys(apart, "why"), dict.fromkeys(excluded, "why")
        )
    return found


@st.composite
def evidence(draw: st.DrawFn) -> Shown:
    question, choice = draw(places)
    return Shown(
        question=question,
        choice=choice,
        holds=draw(st.booleans()),
        at=NOW - timedelta(days=draw(st.integers(0, 200))),
        source="a run",
        short_of=draw(st.sampled_from([(), ("half the load",)])),
        outdated=draw(st.sampled_from(["", "the target has changed"])),
        zones=draw(st.frozensets(st.sampled_from("abc"))),
        experiment=draw(st.sampled_from(["", "x", "y"])),
        standing=draw(st.booleans()),
    )


def is_no_better(new: Risks, old: Risks) -> bool:
    """No fewer high risks, and no fewer risks at all."""
    return new.high >= old.high and new.high + new.medium >= old.high + old.medium


def scored(lens: Lens, said: dict[str, Answer], shown: list[Shown], zones: tuple[str, ...]) -> PillarScore:
    [one] = score(lens, said, shown, NOW, zones=zones)
    return one


@given(lenses(), answers(), st.lists(evidence(), max_size=12), ZONES)
def test_scores_are_bounded_whatever_the_lens(
    lens: Lens, said: dict[str, Answer], shown: list[Shown], zones: tuple[str, ...]
) -> None:
    """0 <= proven <= claimed <= 100, and no risk is less for what was not proven."""
    one = scored(lens, said, shown, zones)
    if one.claimed is None:
        assert one.proven is None
        return
    assert one.proven is not None
    assert 0 <= one.proven <= one.claimed <= 100
    assert one.provable is not None
    assert one.proven <= one.provable <= 100
    assert is_no_better(one.risks_proven, one.risks_unrefuted) or one.risks_proven.unknown
    assert is_no_better(one.risks_unrefuted, one.risks_claimed) or one.risks_unrefuted.unknown
    # Where the lens does not publish its rules, too.
    assert one.risks_proven.high >= one.risks_unrefuted.high >= one.risks_claimed.high
    assert balance([one]).proven == one.proven


@given(lenses(), answers(), st.lists(evidence(), max_size=12), places, ZONES)
def test_a_claim_without_evidence_raises_nothing_proven(
    lens: Lens, said: dict[str, Answer], shown: list[Shown], place: tuple[str, str], zones: tuple[str, ...]
) -> None:
    """Of any lens: one more claim that nothing was ever shown of leaves the proven score where it was."""
    question, choice = place
    without = [one for one in shown if (one.question, one.choice) != place]
    old = said.get(question, Answer(question))
    if choice in old.not_applicable:
        return
    more = {**said, question: Answer(question, old.claimed | {choice}, old.not_applicable, old.excluded)}
    assert scored(lens, said, without, zones).proven == scored(lens, more, without, zones).proven


@given(lenses(), answers(), st.lists(evidence(), max_size=12), evidence(), ZONES)
def test_refuting_never_raises_a_score_nor_lowers_a_risk(
    lens: Lens, said: dict[str, Answer], shown: list[Shown], more: Shown, zones: tuple[str, ...]
) -> None:
    """At whatever time; also where a lens says that a practice more makes things worse."""
    refuted = [*shown, replace(more, holds=False)]
    before, after = scored(lens, said, shown, zones), scored(lens, said, refuted, zones)
    assert after.claimed == before.claimed
    assert (after.proven or 0) <= (before.proven or 0)
    for new, old in ((after.risks_proven, before.risks_proven), (after.risks_unrefuted, before.risks_unrefuted)):
        assert is_no_better(new, old) or new.unknown > old.unknown


@given(lenses(), evidence(), st.lists(evidence(), max_size=12), ZONES)
def test_nothing_is_proven_while_a_file_says_otherwise(
    lens: Lens, more: Shown, shown: list[Shown], zones: tuple[str, ...]
) -> None:
    """However new what holds is, and wherever it was seen."""
    said = {one.id: Answer(one.id, frozenset(NAMES)) for one in lens.questions}
    refuted = [replace(more, holds=False, standing=True), replace(more, holds=True, at=NOW), *shown]
    practices = scored(lens, said, refuted, zones).practices
    states = {one.state for one in practices if (one.question, one.choice.id) == (more.question, more.choice)}
    assert states <= {State.REFUTED}


@given(lenses(), answers(), st.lists(evidence(), max_size=12), evidence(), ZONES)
def test_one_more_proof_never_lowers_the_proven_score(
    lens: Lens, said: dict[str, Answer], shown: list[Shown], more: Shown, zones: tuple[str, ...]
) -> None:
    """Old, partial or outdated: evidence that holds takes nothing away from what is proven already."""
    if not more.holds:
        return
    before, after = (
        scored(lens, said, shown, zones),
        scored(lens, said, [*shown, more], zones),
    )
    assert (after.proven or 0) >= (before.proven or 0)


@given(lenses(), answers(), st.lists(evidence(), max_size=12), ZONES)
def test_the_order_of_evidence_does_not_matter(
    lens: Lens, said: dict[str, Answer], shown: list[Shown], zones: tuple[str, ...]
) -> None:
    """It is sorted by its time, not by who came first."""
    one, other = scored(lens, said, shown, zones), scored(lens, said, shown[::-1], zones)
    assert [practice.state for practice in one.practices] == [practice.state for practice in other.practices]


@given(lenses(), answers(), st.lists(evidence(), max_size=12), ZONES)
def test_what_is_excluded_stays_in_the_denominator(
    lens: Lens, said: dict[str, Answer], shown: list[Shown], zones: tuple[str, ...]
) -> None:
    """Looking away changes no score."""
    without = {name: Answer(name, one.claimed, one.not_applicable) for name, one in said.items()}
    one, other = scored(lens, said, shown, zones), scored(lens, without, shown, zones)
    assert (one.claimed, one.proven, one.provable) == (other.claimed, other.proven, other.provable)


def test_a_question_too_large_to_try_is_taken_for_its_worst() -> None:
    """Of eighteen practices that nobody has shown, one selection alone may be the bad one: no luck finds it."""
    names = [f"c{number}" for number in range(18)]
    bad = " && ".join([*names[:9], *(f"!{name}" for name in names[9:])])
    rules = (Rule(parse_condition(bad), Risk.HIGH, bad, "x:1"), Rule(parse_condition("default"), Risk.NONE, "", "x:2"))
    question = Question("q", "How?", "", tuple(Choice(name, name) for name in names), rules, "x:1")
    every = frozenset(names)
    assert worst_risk(question, frozenset(), every) is Risk.HIGH
    assert worst_risk(question, frozenset(names[:9]), every) is Risk.HIGH
    assert worst_risk(question, frozenset(names[9:]), every) is Risk.NONE  # nine are left: each selection is tried
