"""What is claimed and what is proven, side by side over one denominator.

    weight    3 for a practice whose absence is a high risk, 1 for a medium one (ours; AWS publishes risks, not weights)
    all       the weights of every practice that applies, of questions without an answer too
    claimed   100 * the weights of those claimed / all
    proven    100 * the weights of those claimed and shown by evidence that still counts / all
    provable  100 * the weights of those that any evidence could prove / all

So proven never exceeds claimed, nothing that is missing counts for anything, and no evidence raises a score of what
nobody claims.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from harness.review.answers import Answer
from harness.review.types import Choice, Lens, Pillar, Question, Risk, Shown

HIGH_WEIGHT, MEDIUM_WEIGHT = 3, 1
STALE_AFTER = timedelta(days=90)
FORMULA = "100 x weights (3 high risk, 1 medium risk) / weights of all practices that apply"


class State(StrEnum):
    """What is known of one practice."""

    REFUTED = "refuted"  # claimed, and the newest evidence says otherwise
    UNPROVEN = "unproven"  # claimed, could be shown, was not
    STALE = "stale"  # shown, too long ago
    PROVEN = "proven"
    NOT_TESTABLE = "not testable"  # claimed, and only words can stand for it
    NOT_CLAIMED = "not claimed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Practice:
    """One practice, judged."""

    question: str
    choice: Choice
    weight: int
    state: State
    shown: Shown | None  # the newest evidence


@dataclass(frozen=True, slots=True)
class PillarScore:
    """One pillar: scores of 0 to 100, None where nothing in it applies."""

    id: str
    name: str
    claimed: float | None
    proven: float | None
    provable: float | None
    high_risk: int
    high_risk_proven: int
    medium_risk: int
    medium_risk_proven: int
    unanswered: int
    practices: tuple[Practice, ...]


def score(lens: Lens, answers: Mapping[str, Answer], shown: Iterable[Shown], now: datetime) -> tuple[PillarScore, ...]:
    """Each pillar's score; `now` decides what is stale."""
    newest = _newest(shown, now)
    return tuple(_pillar(pillar, answers, newest, now) for pillar in lens.pillars)


def _newest(shown: Iterable[Shown], now: datetime) -> dict[tuple[str, str], Shown]:
    """The newest evidence for each practice; of two at one moment the one that refutes."""
    past = [one for one in shown if one.at <= now]
    ordered = sorted(past, key=lambda one: (one.at, not one.holds))
    return {(one.question, one.choice): one for one in ordered}


def _pillar(
    pillar: Pillar, answers: Mapping[str, Answer], newest: Mapping[tuple[str, str], Shown], now: datetime
) -> PillarScore:
    practices = tuple(
        _practice(question, choice, answers.get(question.id), newest.get((question.id, choice.id)), now)
        for question in pillar.questions
        for choice in question.choices
    )
    claimed = [_risk(question, answers.get(question.id), practices, only_proven=False) for question in pillar.questions]
    proven = [_risk(question, answers.get(question.id), practices, only_proven=True) for question in pillar.questions]
    return PillarScore(
        id=pillar.id,
        name=pillar.name,
        claimed=_share(practices, lambda one: one.state not in (State.NOT_CLAIMED, State.NOT_APPLICABLE)),
        proven=_share(practices, lambda one: one.state is State.PROVEN),
        provable=_share(practices, lambda one: bool(one.choice.provable)),
        high_risk=claimed.count(Risk.HIGH),
        high_risk_proven=proven.count(Risk.HIGH),
        medium_risk=claimed.count(Risk.MEDIUM),
        medium_risk_proven=proven.count(Risk.MEDIUM),
        unanswered=claimed.count(Risk.UNANSWERED),
        practices=practices,
    )


def _practice(
    question: Question, choice: Choice, answer: Answer | None, shown: Shown | None, now: datetime
) -> Practice:
    return Practice(question.id, choice, weight(question, choice), _state(choice, answer, shown, now), shown)


def weight(question: Question, choice: Choice) -> int:
    """What a practice weighs: by the risk that remains when it alone is left out."""
    rest = frozenset(one.id for one in question.choices if one.id != choice.id)
    return HIGH_WEIGHT if question.risk(rest) is Risk.HIGH else MEDIUM_WEIGHT


def _state(choice: Choice, answer: Answer | None, shown: Shown | None, now: datetime) -> State:
    if answer is not None and choice.id in answer.not_applicable:
        return State.NOT_APPLICABLE
    if answer is None or choice.id not in answer.claimed:
        return State.NOT_CLAIMED
    if shown is None:
        return State.UNPROVEN if choice.provable else State.NOT_TESTABLE
    if not shown.holds:  # a refutation does not grow old: what was seen to fail stays so until it is seen to hold
        return State.REFUTED
    return State.STALE if now - shown.at > STALE_AFTER else State.PROVEN


def _risk(question: Question, answer: Answer | None, practices: Iterable[Practice], *, only_proven: bool) -> Risk:
    """The question's risk by what is claimed, or by what is left when all claims but the proven ones are taken out.

    What does not apply counts as done: nothing is left undone there.
    """
    if answer is None:
        return Risk.UNANSWERED
    mine = [one for one in practices if one.question == question.id]
    if all(one.state is State.NOT_APPLICABLE for one in mine):
        return Risk.NOT_APPLICABLE
    done = {State.PROVEN, State.NOT_APPLICABLE} if only_proven else set(State) - {State.NOT_CLAIMED}
    return question.risk(frozenset(one.choice.id for one in mine if one.state in done))


def _share(practices: Iterable[Practice], counts: Callable[[Practice], bool]) -> float | None:
    applying = [one for one in practices if one.state is not State.NOT_APPLICABLE]
    whole = sum(one.weight for one in applying)
    return 100 * sum(one.weight for one in applying if counts(one)) / whole if whole else None
