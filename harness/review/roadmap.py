"""What to do next: the gaps between what is claimed, proven and good, in the order of their worth.

    quadrant    quick win   impact medium or high, complexity low
                project     impact medium or high, complexity medium or high
                fill-in     impact low, complexity low
                later       impact low, complexity medium or high
    order       refuted first; then by quadrant, impact, complexity, due date

Impact and complexity are the team's own words (`slos/review.yaml`). Where there are none they are assumed, and said to
be: the impact from the practice's risk; the complexity low where a drill of an
experiment that is there is all it takes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from harness.review.answers import Answers, Effort, Level, Measure
from harness.review.measured import Measured
from harness.review.scores import PillarScore
from harness.review.states import HIGH_WEIGHT, LOW_WEIGHT, NO_WEIGHT, UNSHOWN, Practice, State
from harness.review.types import Provable
from harness.units import format_percent


class Quadrant(StrEnum):
    """Impact against complexity."""

    QUICK_WIN = "quick win"
    PROJECT = "project"
    FILL_IN = "fill-in"
    LATER = "later"


_ORDER = (Quadrant.QUICK_WIN, Quadrant.PROJECT, Quadrant.FILL_IN, Quadrant.LATER)
_GAPS = (State.REFUTED, *UNSHOWN, State.NOT_CLAIMED)
_IMPACTS = {HIGH_WEIGHT: Level.HIGH, LOW_WEIGHT: Level.LOW}  # assumed of a practice; of the others, medium
# What a phase is given, where nobody said when: a month, a quarter, half a year.
PHASE_DAYS = (30, 90, 180)
PHASES = ("now", "next", "later")


@dataclass(frozen=True, slots=True)
class Gap:
    """One gap, and what closing it takes and buys."""

    pillar: str
    practice: Practice
    impact: Level
    complexity: Level
    assumed: tuple[str, ...]  # which of impact, complexity, due nobody said
    quadrant: Quadrant
    phase: str  # now, next, later
    due: date
    overdue: bool
    owner: str
    to_do: str
    buys: tuple[str, ...]  # what the drills say it would buy


@dataclass(frozen=True, slots=True)
class Drills:
    """What is known of drills: figures that they measured, and which there are."""

    newest: Sequence[Measured]  # of each figure of each experiment
    runs: Mapping[str, str]  # run -> its experiment
    there: AbstractSet[str] | None  # experiments that say they prove something; None: not known

    def of(self, practice: Practice) -> str:
        """The experiment whose run decided a practice's state; "" where it was a file, or nothing did."""
        source = practice.shown.source if practice.shown else ""
        named = source.partition("/")[0]  # a run's name begins with its experiment's
        return self.runs.get(source, named if named in practice.choice.provable.drills else "")

    def has(self, experiment: str) -> bool:
        """Whether an experiment is there, as far as it is known."""
        return self.there is None or experiment in self.there

    def ready(self, practice: Practice) -> tuple[str, ...]:
        """The drills that could show a practice, and are there."""
        drills = practice.choice.provable.drills
        return drills if self.there is None else tuple(one for one in drills if one in self.there)


def roadmap(pillars: Iterable[PillarScore], answers: Answers, drills: Drills, today: date) -> tuple[Gap, ...]:
    """Every gap, in the order to take them."""
    found = [
        _gap(pillar.name, one, answers, drills, today)
        for pillar in pillars
        for one in pillar.practices
        if one.state in _GAPS and not one.excluded and not _is_nothing_to_do(one)
    ]
    return tuple(sorted(found, key=_worth))


def _is_nothing_to_do(one: Practice) -> bool:
    """Whether nobody claims what is no practice."""
    return one.weight == NO_WEIGHT and one.state is State.NOT_CLAIMED


def _worth(gap: Gap) -> tuple[int, int, int, int, date]:
    refuted = 0 if gap.practice.state is State.REFUTED else 1
    return refuted, _ORDER.index(gap.quadrant), -gap.impact.rank, gap.complexity.rank, gap.due


def _gap(pillar: str, practice: Practice, answers: Answers, drills: Drills, today: date) -> Gap:
    answer = answers.questions.get(practice.question)
    said = answer.effort_of(practice.choice.id) if answer else Effort()
    impact = said.impact or _IMPACTS.get(practice.weight, Level.MEDIUM)
    takes_a_drill = practice.state in UNSHOWN and practice.lacks_proof and drills.ready(practice)
    complexity = said.complexity or (Level.LOW if takes_a_drill else Level.MEDIUM)
    quadrant = quadrant_of(impact, complexity)
    phase = 0 if practice.state is State.REFUTED else min(_ORDER.index(quadrant), len(PHASES) - 1)
    if said.due is not None:
        phase = sum(said.due > today + timedelta(days=days) for days in PHASE_DAYS[:-1])
    due = said.due or today + timedelta(days=PHASE_DAYS[phase])
    unsaid = (("impact", said.impact), ("complexity", said.complexity), ("due", said.due))
    return Gap(
        pillar=pillar,
        practice=practice,
        impact=impact,
        complexity=complexity,
        assumed=tuple(name for name, one in unsaid if one is None),
        quadrant=quadrant,
        phase=PHASES[phase],
        due=due,
        overdue=due < today,
        owner=said.owner,
        to_do=_to_do(practice, drills),
        buys=tuple(_buys(practice, drills)),
    )


def quadrant_of(impact: Level, complexity: Level) -> Quadrant:
    """The quadrant of an impact and a complexity."""
    easy = complexity is Level.LOW
    if impact is Level.LOW:
        return Quadrant.FILL_IN if easy else Quadrant.LATER
    return Quadrant.QUICK_WIN if easy else Quadrant.PROJECT


def _to_do(practice: Practice, drills: Drills) -> str:
    ready = drills.ready(practice)
    experiment = drills.of(practice) or next(iter(ready or practice.choice.provable.drills), "")
    again = f"wellproven drill {experiment}" if experiment else "show it"
    if experiment and not drills.has(experiment):
        again = f"{again} (write it first: it is gone, or does not say any more that it proves this)"
    match practice.state:
        case State.REFUTED:
            return f"mend what {practice.shown.source if practice.shown else 'it'} found, then {again}"
        case State.UNPROVEN:
            return _show(practice.choice.provable, ready)
        case State.STALE:
            return f"{again} anew" if experiment else "bring newer evidence"
        case State.PARTIAL if practice.lacks_proof and practice.choice.provable.drills:
            return f"{again} with the load and scope that are claimed"
        case State.PARTIAL:  # no evidence that is named could show more
            return f"show what is missing: {practice.because}"
        case _:
            # A lens says what to do in its improvement plan; ours begins with the pitfall.
            return practice.choice.improvement.split("Way out: ")[-1] or f"adopt: {practice.choice.title}"


def _show(provable: Provable, ready: Sequence[str]) -> str:
    if not provable.drills:
        return f"bring evidence: {provable.in_words}"
    if not ready:
        named = " or ".join(provable.drills)
        return f"write an experiment that says it proves this, such as {named}, and drill it"
    return f"drill {' or '.join(ready)}{'' if provable.wholly else ' (shows part of it only)'}"


def _buys(practice: Practice, drills: Drills) -> Iterator[str]:
    """What drills measured that closing the gap would buy: only where a claim was measured to be broken.

    Those that could show it, and the one that refuted it: a figure may have come from any.
    """
    refuting = [drills.of(practice)] if practice.state is State.REFUTED else []
    for name in dict.fromkeys([*practice.choice.provable.drills, *refuting]):
        for one in drills.newest:
            if one.experiment == name:
                yield from (f"{name}: {said}" for said in _excess(one))


def _excess(one: Measured) -> Iterator[str]:
    """What a run was over its claims: recovery time, budget, lost writes."""
    if one.is_beyond(Measure.RTA):
        yield "a recovery at all: none was seen within the drill"
    elif one.rta_s is not None and one.rto_s is not None and one.rta_s > one.rto_s:
        yield f"{one.rta_s - one.rto_s:.3g} s of recovery time (RTA {one.rta_s:.3g} s, RTO {one.rto_s:.3g} s)"
    allowed = one.budget_allowed_ratio
    if one.budget_ratio is not None and allowed is not None and one.budget_ratio > allowed:
        over = format_percent(one.budget_ratio - allowed)
        yield f"{over} of a window's error budget an event"
    if one.lost and one.rpa_s is not None and one.rpo_s is not None and one.rpa_s > one.rpo_s:
        yield f"{one.lost:,} acknowledged writes (RPA {one.rpa_s:.3g} s, RPO {one.rpo_s:.3g} s)"
