"""The whole review: scores, figures, roadmap, trade-offs, improvements, and what changed since the last milestone."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from harness.judge import Outcome
from harness.review.answers import Answers, Measure
from harness.review.decisions import TradeOff, trade_offs
from harness.review.improvements import Improved, improved
from harness.review.measured import Measured, newest, worst
from harness.review.milestones import Milestone, Trend, trend
from harness.review.roadmap import Drills, Gap, roadmap
from harness.review.scores import Balance, PillarScore, balance, score
from harness.review.states import Practice, names_of
from harness.review.types import Shown

# The pillars whose scores stand beside what drills measure.
MEASURED_PILLARS = ("reliability", "performance")


@dataclass(frozen=True)
class Review:
    """Everything a review says; shown by harness.report."""

    answers: Answers
    target: str
    at: datetime
    pillars: tuple[PillarScore, ...]
    balance: Balance
    measured: tuple[Measured, ...]  # the newest of each figure, by experiment, newest runs first
    gaps: tuple[Gap, ...]
    trade_offs: tuple[TradeOff, ...]
    improved: tuple[Improved, ...]
    milestones: tuple[Milestone, ...]
    trend: Trend | None  # since the newest milestone

    @property
    def practices(self) -> tuple[Practice, ...]:
        """Every practice of every pillar."""
        return tuple(one for pillar in self.pillars for one in pillar.practices)

    @cached_property
    def _names(self) -> dict[tuple[str, str], str]:
        return names_of(self.practices)

    def called(self, practice: Practice) -> str:
        """How a practice is called: its id, with its question's where several questions have a choice of that id."""
        return self._names[practice.question, practice.choice.id]

    def worst(self, pillar: str) -> dict[Measure, Measured]:
        """The worst of each figure, beside a pillar's score; none where no drill measures it."""
        return worst(self.measured) if pillar in MEASURED_PILLARS else {}


def review(
    answers: Answers,
    target: str,
    shown: Iterable[Shown],
    measured: Iterable[Measured],
    milestones: Sequence[Milestone],
    now: datetime,
    experiments: AbstractSet[str] | None = None,
) -> Review:
    """Hold the answers against all evidence and all figures there are. Pure.

    `experiments`: names of those that are there to be drilled; None where that is not known.
    """
    figures = [one for one in measured if one.at <= now or one.outcome is Outcome.MISSED]  # as states.py has it
    latest = newest(figures)
    pillars = score(answers.lens, answers.questions, shown, now, answers.stale_after, answers.scope.zones)
    past = [one for one in milestones if one.at <= now]
    kept = [one for milestone in past for one in milestone.measured if one.at <= now]
    runs = {one.run: one.experiment for one in figures}
    return Review(
        answers=answers,
        target=target,
        at=now,
        pillars=pillars,
        balance=balance(pillars),
        measured=latest,
        gaps=roadmap(pillars, answers, Drills(latest, runs, experiments), now.date()),
        trade_offs=trade_offs(answers.decisions, latest, pillars, now - answers.stale_after),
        improved=improved(answers.improvements, [*kept, *figures], now - answers.stale_after),
        milestones=tuple(past),
        trend=trend(past[-1], pillars) if past else None,
    )
