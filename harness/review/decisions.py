"""Trade-offs: decisions held against what was measured."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from harness.judge import Outcome, worst
from harness.review.answers import Backing, Decision, Effect, Expectation, Measure
from harness.review.measured import Measured
from harness.review.scores import PillarScore
from harness.review.states import CLAIMED, Practice, State, names_of
from harness.units import format_percent

_UNITS = {Measure.RTA: " s", Measure.RPA: " s", Measure.LATENCY: " s", Measure.LOST: " writes lost", Measure.BURN: ""}


@dataclass(frozen=True, slots=True)
class Checked:
    """One limit that a decision accepted, and what was measured of it; or a practice, and its state."""

    expectation: Expectation | Backing
    outcome: Outcome
    measured: float | None
    run: str  # or the file that decided a practice's state
    because: str


@dataclass(frozen=True, slots=True)
class OnPillar:
    """What a decision is said to do to one pillar, and the evidence of just that."""

    pillar: str
    name: str
    effect: Effect
    checked: tuple[Checked, ...]
    refuted: tuple[str, ...]  # practices of it that drills refuted since, though it is said to be better

    @property
    def outcome(self) -> Outcome:
        """Met where every limit was kept; missed where one was not, or a drill says otherwise; else unknown."""
        return Outcome.MISSED if self.refuted else worst(one.outcome for one in self.checked)

    @property
    def contradictions(self) -> tuple[str, ...]:
        """What was measured that says otherwise."""
        return (*_missed(self.checked), *self.refuted)


@dataclass(frozen=True, slots=True)
class TradeOff:
    """A decision, its effects with the evidence of each, and the limits that are not about one pillar."""

    decision: Decision
    effects: tuple[OnPillar, ...]
    whole: tuple[Checked, ...]

    @property
    def checked(self) -> tuple[Checked, ...]:
        """Every limit that was accepted, those of pillars first."""
        return (*(one for effect in self.effects for one in effect.checked), *self.whole)

    @property
    def contradictions(self) -> tuple[str, ...]:
        """Where measurements contradict it."""
        return (*(said for one in self.effects for said in one.contradictions), *_missed(self.whole))


def trade_offs(
    decisions: Iterable[Decision],
    measured: Sequence[Measured],
    pillars: Iterable[PillarScore],
    fresh_from: datetime | None = None,
) -> tuple[TradeOff, ...]:
    """Each decision against the newest figures of its experiments, and against what is refuted in its pillars.

    `fresh_from`: good figures from before then are too old to show anything.
    """
    scores = {pillar.id: pillar for pillar in pillars}
    practices = {(one.question, one.choice.id): one for pillar in scores.values() for one in pillar.practices}
    names = names_of(practices.values())
    found = []
    for decision in decisions:
        checked = [
            _backed(one, practices[one.question, one.choice], names[one.question, one.choice])
            if isinstance(one, Backing)
            else check(one, _known(one, measured), fresh_from)
            for one in decision.expects
        ]
        effects = (
            OnPillar(
                pillar,
                scores[pillar].name if pillar in scores else pillar,
                effect,
                tuple(one for one in checked if one.expectation.pillar == pillar),
                tuple(_refuted(decision, effect, scores.get(pillar), names)),
            )
            for pillar, effect in decision.effects.items()
        )
        found.append(TradeOff(decision, tuple(effects), tuple(one for one in checked if not one.expectation.pillar)))
    return tuple(found)


def _known(expectation: Expectation, measured: Sequence[Measured]) -> Measured | None:
    """The newest run that knows the figure, else the newest of the experiment."""
    mine = [one for one in measured if one.experiment == expectation.experiment]
    return next((one for one in mine if one.knows(expectation.measure)), mine[0] if mine else None)


def doubt(measured: Measured, fresh_from: datetime | None) -> str:
    """Why a good figure shows nothing; "" where it does. A bad one needs no better trial, and does not grow old."""
    if measured.less:
        return f"{measured.run} {measured.less[0]}"
    if measured.outcome is Outcome.UNKNOWN:
        return f"{measured.run} came to nothing"
    if fresh_from is not None and measured.at < fresh_from:
        return f"{measured.run} is of {measured.at:%Y-%m-%d}, too long ago"
    return ""


def check(expectation: Expectation, measured: Measured | None, fresh_from: datetime | None = None) -> Checked:
    """One accepted limit against the newest figure: unknown where there is none."""
    name, limit = expectation.measure, float(expectation.at_most)
    value = measured.value(name) if measured else None
    accepted = f"{called(name)} in {expectation.experiment} of at most {amount(name, limit)} was accepted"
    if measured is not None and measured.is_beyond(name):
        because = f"{accepted}; {measured.run} saw no recovery"
        return Checked(expectation, Outcome.MISSED, None, measured.run, because)
    if measured is None or value is None:
        why = "no run of it measured anything" if measured is None else f"{measured.run} does not know it"
        return Checked(expectation, Outcome.UNKNOWN, None, measured.run if measured else "", f"{accepted}; {why}")
    outcome = Outcome.MET if value <= limit else Outcome.MISSED
    why = doubt(measured, fresh_from)
    if outcome is Outcome.MET and why:
        return Checked(expectation, Outcome.UNKNOWN, value, measured.run, f"{accepted}; {why}")
    said = "nothing lost" if name is Measure.RPA and value == 0 else amount(name, value)
    return Checked(expectation, outcome, value, measured.run, f"{accepted}; {measured.run} measured {said}")


def _backed(backing: Backing, practice: Practice, name: str) -> Checked:
    """A practice that is to show the effect: proven, it does; refuted, it contradicts it; else nothing is known."""
    outcome = {State.PROVEN: Outcome.MET, State.REFUTED: Outcome.MISSED}.get(practice.state, Outcome.UNKNOWN)
    is_decided = practice.shown is not None and practice.state in CLAIMED
    source = practice.shown.source if practice.shown and is_decided else ""
    said = f"{name} is {practice.state}"
    said += f": {practice.because}" if is_decided and practice.because else ""
    return Checked(backing, outcome, None, source, f"{said} ({source})" if source else said)


def called(measure: Measure) -> str:
    """How a figure is called: `RTA`, `budget`."""
    return measure.upper() if measure in (Measure.RTA, Measure.RPA) else measure.value


def amount(measure: Measure, value: float) -> str:
    """A figure with its unit."""
    if measure is Measure.BUDGET:
        return format_percent(value, 3)
    return f"{value:,.4g}{_UNITS[measure]}"


def _missed(checked: Iterable[Checked]) -> Iterator[str]:
    return (one.because for one in checked if one.outcome is Outcome.MISSED)


def _refuted(
    decision: Decision, effect: Effect, score: PillarScore | None, names: Mapping[tuple[str, str], str]
) -> Iterator[str]:
    """A decision that says it made a pillar better, while drills of its own refuted practices of that pillar since.

    Those are the experiments it expects something of; where it expects nothing of any, all of them.
    """
    if effect is not Effect.BETTER or score is None:
        return
    own = {one.experiment for one in decision.expects if isinstance(one, Expectation)}
    named = {(one.question, one.choice) for one in decision.expects if isinstance(one, Backing)}
    for one in score.practices:
        if (one.question, one.choice.id) in named:  # said where it is expected
            continue
        if own and one.shown and one.shown.experiment not in own:
            continue
        if one.state is State.REFUTED and one.shown and one.shown.at.date() >= decision.decided:
            name = names[one.question, one.choice.id]
            yield f"it says {score.name.lower()} is better for it; since then {one.shown.source} refuted {name}"
