"""What is known of one practice, from its claim and from all evidence for and against it.

Evidence that refutes stands until the same experiment holds, in each zone where it was refuted: a refutation does not
grow old. One in a file of findings stands as long as the file says so: it is how things are, not how they once were. Of
the evidence that holds since, the best counts: proven, else partial, else stale. One more
proof never lowers a state.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from harness.review.answers import Answer
from harness.review.published import RiskLevel, published_levels
from harness.review.truth import no_practices
from harness.review.types import Choice, Lens, Question, Risk, Shown
from harness.units import NS_PER_S, format_duration

HIGH_WEIGHT, MEDIUM_WEIGHT, LOW_WEIGHT, NO_WEIGHT = 3, 1, 0.5, 0
_WEIGHTS = {RiskLevel.HIGH: HIGH_WEIGHT, RiskLevel.MEDIUM: MEDIUM_WEIGHT, RiskLevel.LOW: LOW_WEIGHT}
WHOLE = 2  # of _goodness: fresh, and of all that is claimed


class State(StrEnum):
    """What is known of one practice."""

    REFUTED = "refuted"  # claimed, and evidence that nothing has answered since says otherwise
    UNPROVEN = "unproven"  # claimed, could be shown, was not
    STALE = "stale"  # shown, too long ago or on a target that has changed since
    PARTIAL = "partial"  # shown, with less load or scope than claimed
    PROVEN = "proven"
    NOT_TESTABLE = "not testable"  # claimed, and nothing that is named could show it
    NOT_CLAIMED = "not claimed"
    NOT_APPLICABLE = "not applicable"


CLAIMED = frozenset(set(State) - {State.NOT_CLAIMED, State.NOT_APPLICABLE})
UNSHOWN = (State.UNPROVEN, State.STALE, State.PARTIAL)  # claimed, and evidence could show more of it


@dataclass(frozen=True, slots=True)
class Practice:
    """One practice, judged."""

    question: str
    choice: Choice
    weight: float
    state: State
    shown: Shown | None  # the evidence that decided
    excluded: str = ""  # why the team does not look at it now; it stays in the denominator
    further: tuple[Shown, ...] = ()  # what else the state rests on: of each zone that was lost the newest

    @property
    def rests_on(self) -> tuple[Shown, ...]:
        """All evidence that the state rests on, the newest first."""
        return () if self.shown is None else (self.shown, *self.further)

    @property
    def lacks_proof(self) -> bool:
        """Whether evidence that is named could show more than was shown; none could of what it all shows in part."""
        if self.state is State.PARTIAL and self.shown is not None and not self.choice.provable.wholly:
            return len(self.shown.short_of) > 1  # in more than what no evidence sees
        return self.state in UNSHOWN

    @property
    def because(self) -> str:
        """Why it is in this state, in a sentence; "" where there is nothing to say."""
        if self.shown is None:
            return ""
        match self.state:
            case State.STALE:
                return self.shown.outdated or f"shown on {self.shown.at:%Y-%m-%d}, too long ago"
            case State.PARTIAL:
                return "; ".join(self.shown.short_of)
            case _:
                return self.shown.because


def names_of(practices: Iterable[Practice]) -> dict[tuple[str, str], str]:
    """How practices are called, by (question, choice): by their ids, and by their questions' where ids repeat."""
    places = [(one.question, one.choice.id) for one in practices]
    counts = Counter(choice for _, choice in places)
    return {place: place[1] if counts[place[1]] == 1 else "/".join(place) for place in places}


def aged(shown: Iterable[Shown], now: datetime, stale_after: timedelta) -> list[Shown]:
    """Evidence for who reads it later, without us: what holds and is too old says since when, the same each time."""
    limit = f"counts for {format_duration(round(stale_after.total_seconds()) * NS_PER_S)}"

    def one_aged(one: Shown) -> Shown:
        if not one.holds or one.at >= now - stale_after:
            return one
        said = f"is stale since {one.at + stale_after:%Y-%m-%d} ({limit})"
        return replace(one, outdated=f"{said}; {one.outdated}" if one.outdated else said)

    return [one_aged(one) for one in shown]


def scoped(
    shown: Iterable[Shown], lens: Lens, now: datetime, stale_after: timedelta, zones: Sequence[str]
) -> list[Shown]:
    """Evidence for who reads it later, without us: what the loss of other zones is still to show is said."""
    of_zones = {(question.id, one.id): one.provable.of_zones for question in lens.questions for one in question.choices}
    by_place: dict[tuple[str, str], list[Shown]] = {}
    for one in shown:
        by_place.setdefault((one.question, one.choice), []).append(one)
    found: list[Shown] = []
    for place, ones in by_place.items():
        holding = [one for one in ones if one.holds]
        found += [one for one in ones if not one.holds]
        found += _held_against(zones, holding, now - stale_after, of_zones=of_zones.get(place, False))
    return found


def practices_of(
    question: Question,
    answer: Answer | None,
    shown: Iterable[Shown],
    now: datetime,
    stale_after: timedelta,
    zones: Sequence[str] = (),
) -> tuple[Practice, ...]:
    """Every practice of a question; `shown` is all evidence there is, of other questions too.

    What is dated ahead of now proves nothing yet; but what it refutes was seen all the same, by a clock that is wrong.
    """
    mine = [one for one in shown if one.question == question.id and (one.at <= now or not one.holds)]
    none = no_practices(question)
    return tuple(
        _practice(
            question,
            choice,
            weight(question, choice, none),
            answer,
            [one for one in mine if one.choice == choice.id],
            zones,
            now - stale_after,
        )
        for choice in question.choices
    )


def _practice(
    question: Question,
    choice: Choice,
    weighs: float,
    answer: Answer | None,
    shown: Sequence[Shown],
    zones: Sequence[str],
    fresh_from: datetime,
) -> Practice:
    deciding, *further = _deciding(shown, zones, fresh_from, of_zones=choice.provable.of_zones) or (None,)
    state = _state(choice, answer, deciding, fresh_from)
    excluded = answer.excluded.get(choice.id, "") if answer else ""
    return Practice(question.id, choice, weighs, state, deciding, excluded, tuple(further))


def weight(question: Question, choice: Choice, none: AbstractSet[str]) -> float:
    """What a practice weighs: by the risk that remains when it alone is left out.

    Where no rule is known, by the risk that AWS's page of it names, and 1 where there is no such page. `none`: what is
    no practice (`no_practices`). It weighs nothing, and nobody who follows the others chooses it.
    """
    if choice.id in none:
        return NO_WEIGHT
    if not question.rules:
        level = published_levels().get(choice.id)
        return MEDIUM_WEIGHT if level is None else _WEIGHTS[level]
    rest = frozenset(one.id for one in question.choices if one.id != choice.id) - none
    return HIGH_WEIGHT if question.risk(rest) is Risk.HIGH else MEDIUM_WEIGHT


def _deciding(
    shown: Sequence[Shown], zones: Sequence[str], fresh_from: datetime, *, of_zones: bool = False
) -> tuple[Shown, ...]:
    """The evidence that counts, of two at one moment the one that refutes; then what it takes of further zones."""
    if refuting := standing(shown):
        return (max(refuting, key=lambda one: one.at),)
    refuted = max((one.at for one in shown if not one.holds), default=None)
    holding = [one for one in shown if one.holds and (refuted is None or one.at > refuted)]
    scoped = _held_against(zones, holding, fresh_from, of_zones=of_zones)
    if not scoped:
        return ()
    best = max(scoped, key=lambda one: (_goodness(one, fresh_from), one.at))
    return best, *_of_further_zones(best, scoped, fresh_from)


def standing(shown: Sequence[Shown]) -> list[Shown]:
    """Of all evidence of one practice, what refutes it still: nothing that holds has answered it."""
    return [one for one in shown if not one.holds and not _is_answered(one, shown)]


def _of_further_zones(best: Shown, scoped: Iterable[Shown], fresh_from: datetime) -> Iterator[Shown]:
    """Where a zone was lost: the newest evidence that is as good, of each zone that is not in it."""
    covered = set(best.zones)
    newest_first = sorted(scoped, key=lambda one: (one.at, one.source), reverse=True)
    for one in newest_first if covered else ():
        is_as_good = _goodness(one, fresh_from) == _goodness(best, fresh_from) and one.short_of == best.short_of
        if is_as_good and not one.zones <= covered:
            covered |= one.zones
            yield one


def _is_answered(refuting: Shown, shown: Sequence[Shown]) -> bool:
    """Whether its experiment was seen to hold since; a zone that was not survived is answered by that zone alone.

    That another experiment holds says nothing of the one that did not. What a file of findings says is answered by
    that file alone, when it says so no longer.
    """
    if refuting.standing:
        return False
    since = [
        one
        for one in shown
        if one.holds
        and one.at > refuting.at
        and one.experiment == refuting.experiment
        and not _shows_less(one, refuting)
    ]
    return bool(since) and refuting.zones <= _zones(since)


def _shows_less(holding: Shown, refuting: Shown) -> bool:
    """Whether what holds was an easier trial than what did not: of less load or scope, or of another configuration."""
    if refuting.is_of_today and not holding.is_of_today:
        return True
    if any(said not in (*refuting.short_of, holding.load_short) for said in holding.short_of):
        return True
    return bool(holding.load_short) and (holding.load is None or refuting.load is None or holding.load < refuting.load)


def _held_against(
    zones: Sequence[str], holding: Sequence[Shown], fresh_from: datetime, *, of_zones: bool
) -> list[Shown]:
    """Evidence of lost zones shows less than is claimed, until every zone claimed has been taken away once.

    Of a practice that is `of_zones` any evidence does: what lost no zone shows nothing of a zone that nobody took away.
    """
    whole = [one for one in holding if _goodness(one, fresh_from) == WHOLE]
    taken = _zones(whole)
    left = [zone for zone in zones if zone not in taken]
    if not left:
        return list(holding)
    seen = ", ".join(sorted(taken)) or "no zone"
    short = f"shown for the loss of {seen}, claimed for that of {', '.join(left)} too"
    return [replace(one, short_of=(short,)) if one in whole and (one.zones or of_zones) else one for one in holding]


def _zones(shown: Iterable[Shown]) -> frozenset[str]:
    return frozenset[str]().union(*(one.zones for one in shown))


def _goodness(shown: Shown, fresh_from: datetime) -> int:
    if shown.outdated or shown.at < fresh_from:
        return 0
    return 1 if shown.short_of else WHOLE


def _state(choice: Choice, answer: Answer | None, shown: Shown | None, fresh_from: datetime) -> State:
    if answer is not None and choice.id in answer.not_applicable:
        return State.NOT_APPLICABLE
    if answer is None or choice.id not in answer.claimed:
        return State.NOT_CLAIMED
    if shown is None:
        return State.UNPROVEN if choice.provable else State.NOT_TESTABLE
    if not shown.holds:
        return State.REFUTED
    return (State.STALE, State.PARTIAL, State.PROVEN)[_goodness(shown, fresh_from)]
