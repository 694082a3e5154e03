"""What is claimed and what is proven, side by side over one denominator.

    weight    3 for a practice whose absence is a high risk, 1 for a medium one, 0.5 for a low one (ours: AWS publishes
              risks, no weights; of its own framework on its pages, of which `low` are some), 1 where none is published,
              0 for a choice that no best answer needs: `No`, `None of the above`, a lesser degree
    all       the weights of every practice that applies, of questions without an answer and of excluded ones too
    claimed   100 * the weights of those claimed / all
    proven    100 * the weights of those claimed and shown by evidence that still counts / all
    provable  100 * the weights of those that the best evidence named could prove, or any has proven / all
    balanced  the mean of the pillars' scores, each pillar counting the same

What could be shown in part only counts as provable as little as it ever counts as proven. So proven never exceeds
claimed or provable, nothing that is missing counts for anything, and no evidence raises a score of what
nobody claims.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from harness.review.answers import STALE_AFTER, Answer
from harness.review.states import CLAIMED, Practice, State, practices_of
from harness.review.truth import worst_risk
from harness.review.types import Lens, Pillar, Question, Risk, Shown

FORMULA = (
    "100 x weights (ours: 3 high risk, 1 medium or unpublished, 0.5 low, 0 where no best answer needs it) / weights of "
    "all practices that apply"
)


@dataclass(frozen=True, slots=True)
class Risks:
    """How many questions of a pillar come to which risk, and how many come to none that is known."""

    high: int
    medium: int
    unknown: int  # the lens's rules are not published


@dataclass(frozen=True, slots=True)
class PillarScore:
    """One pillar: scores of 0 to 100, None where nothing in it applies."""

    id: str
    name: str
    claimed: float | None
    proven: float | None
    provable: float | None
    risks_claimed: Risks
    risks_unrefuted: Risks  # the rules run again with what is refuted taken out
    risks_proven: Risks  # ... with all taken out but what is proven
    unanswered: int
    practices: tuple[Practice, ...]


@dataclass(frozen=True, slots=True)
class Balance:
    """All pillars together, each counting the same."""

    claimed: float | None
    proven: float | None
    provable: float | None


def score(
    lens: Lens,
    answers: Mapping[str, Answer],
    shown: Iterable[Shown],
    now: datetime,
    stale_after: timedelta = STALE_AFTER,
    zones: Sequence[str] = (),
) -> tuple[PillarScore, ...]:
    """Each pillar's score; `now` decides what is stale, `zones` are those that are claimed to be dispensable."""
    evidence = list(shown)

    def judged(question: Question) -> tuple[Practice, ...]:
        return practices_of(question, answers.get(question.id), evidence, now, stale_after, zones)

    return tuple(_pillar(pillar, answers, judged) for pillar in lens.pillars)


def balance(pillars: Sequence[PillarScore]) -> Balance:
    """The balanced scorecard's one line."""
    return Balance(
        _mean(one.claimed for one in pillars),
        _mean(one.proven for one in pillars),
        _mean(one.provable for one in pillars),
    )


def _mean(scores: Iterable[float | None]) -> float | None:
    known = [one for one in scores if one is not None]
    return sum(known) / len(known) if known else None


def _pillar(
    pillar: Pillar, answers: Mapping[str, Answer], judged: Callable[[Question], tuple[Practice, ...]]
) -> PillarScore:
    by_question = {question.id: judged(question) for question in pillar.questions}
    practices = tuple(one for found in by_question.values() for one in found)

    def risks(counts: Callable[[Practice], bool]) -> list[Risk]:
        return [_risk(one, answers.get(one.id), by_question[one.id], counts) for one in pillar.questions]

    claimed = risks(lambda one: one.state in CLAIMED)
    return PillarScore(
        id=pillar.id,
        name=pillar.name,
        claimed=_share(practices, lambda one: one.state in CLAIMED),
        proven=_share(practices, lambda one: one.state is State.PROVEN),
        provable=_share(practices, lambda one: one.choice.provable.wholly or one.state is State.PROVEN),
        risks_claimed=_counted(claimed),
        risks_unrefuted=_counted(risks(lambda one: one.state in CLAIMED - {State.REFUTED})),
        risks_proven=_counted(risks(lambda one: one.state is State.PROVEN)),
        unanswered=claimed.count(Risk.UNANSWERED),
        practices=practices,
    )


def _counted(risks: Sequence[Risk]) -> Risks:
    return Risks(risks.count(Risk.HIGH), risks.count(Risk.MEDIUM), risks.count(Risk.UNKNOWN))


def _risk(
    question: Question, answer: Answer | None, practices: Sequence[Practice], counts: Callable[[Practice], bool]
) -> Risk:
    """The question's risk by those of its claims that count: the worst that the others may come to, true or not.

    The rules are read without what does not apply: taken for done it would make `c1 || c2` hold with nothing done.
    """
    if answer is None:
        return Risk.UNANSWERED
    if all(one.state is State.NOT_APPLICABLE for one in practices):
        return Risk.NOT_APPLICABLE
    claimed = {one.choice.id for one in practices if one.state in CLAIMED}
    apart = {one.choice.id for one in practices if one.state is State.NOT_APPLICABLE}
    done = {one.choice.id for one in practices if counts(one)}
    if not question.rules:  # AWS's own lenses: it says what its rules came to, and never the rules
        if question.reported is Risk.HIGH or claimed <= done:
            return question.reported or Risk.UNKNOWN  # what was high is no lower for a practice less
        return Risk.UNKNOWN
    return worst_risk(_without(question, apart), done, claimed)


def _without(question: Question, apart: AbstractSet[str]) -> Question:
    """A question whose rules say nothing of some of its choices."""
    if not apart:
        return question
    read = [(rule, rule.condition.without(apart)) for rule in question.rules]
    return replace(question, rules=tuple(replace(rule, condition=left) for rule, left in read if left is not None))


def _share(practices: Iterable[Practice], counts: Callable[[Practice], bool]) -> float | None:
    applying = [one for one in practices if one.state is not State.NOT_APPLICABLE]
    whole = sum(one.weight for one in applying)
    return 100 * sum(one.weight for one in applying if counts(one)) / whole if whole else None
