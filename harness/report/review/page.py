"""The review's page: one HTML file without a script, that needs nothing else and may fetch nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from harness.report.review import drawn, phrases
from harness.report.review.json import review_json
from harness.report.templates import json_in_html, render
from harness.review import (
    FORMULA,
    MEASURED_PILLARS,
    PHASE_DAYS,
    PHASES,
    Answer,
    Change,
    Gap,
    PillarScore,
    Practice,
    Question,
    Review,
    State,
    Trend,
)

PHASE_MEANINGS: Final = {
    **{name: f"due within {days} days" for name, days in zip(PHASES[:-1], PHASE_DAYS, strict=False)},
    PHASES[-1]: "due after that",
}


@dataclass(frozen=True)
class _Asked:
    """One question as the page shows it."""

    question: Question
    answer: Answer | None
    practices: tuple[Practice, ...]


@dataclass(frozen=True)
class _Part:
    """One pillar as the page shows it."""

    score: PillarScore
    questions: tuple[_Asked, ...]

    def count(self, state: State) -> int:
        """How many practices are in a state."""
        return sum(one.state is state for one in self.score.practices)


def review_html(review: Review, run_links: Mapping[str, str]) -> str:
    """The page of a review. `run_links` has the address of a run's report, seen from the page, by the run's name."""
    state, sentence = phrases.headline(review)
    return render(
        "review.html.j2",
        ["page.css", "review.css"],
        [],  # no script may run
        review=review,
        links=run_links,
        phrases=phrases,
        states=list(State),
        State=State,
        headline=sentence,
        headline_state=state,
        formula=FORMULA,
        parts=[_part(review, one) for one in review.pillars],
        refuted=[one for one in review.practices if one.state is State.REFUTED],
        excluded=[one for one in review.practices if one.excluded],
        apart=list(_not_applicable(review)),
        measured=review.measured,
        measured_pillars=[one for one in review.pillars if one.id in MEASURED_PILLARS],
        places=_places(review),
        cells=drawn.cells(review.gaps),
        phases=[(name, PHASE_MEANINGS[name], gaps) for name in PHASES if (gaps := _of_phase(review, name))],
        courses=drawn.courses(review),
        drawn=drawn,
        changes=_changes(review.trend) if review.trend else [],
        review_json=json_in_html(review_json(review)),
    )


def _part(review: Review, pillar: PillarScore) -> _Part:
    asked = next(one for one in review.answers.lens.pillars if one.id == pillar.id)
    return _Part(
        pillar,
        tuple(
            _Asked(
                question,
                review.answers.questions.get(question.id),
                tuple(one for one in pillar.practices if one.question == question.id),
            )
            for question in asked.questions
        ),
    )


def _places(review: Review) -> dict[tuple[str, str], str]:
    """Where a practice stands on the page: a number, since its name is somebody else's."""
    return {(one.question, one.choice.id): f"practice-{number}" for number, one in enumerate(review.practices)}


def _not_applicable(review: Review) -> Iterator[tuple[Practice, str]]:
    for one in review.practices:
        if one.state is State.NOT_APPLICABLE:
            answer = review.answers.questions.get(one.question)
            yield one, answer.not_applicable.get(one.choice.id, "") if answer else ""


def _of_phase(review: Review, phase: str) -> list[Gap]:
    return [one for one in review.gaps if one.phase == phase]


def _changes(trend: Trend) -> list[tuple[str, list[Change]]]:
    grown_old = set(trend.stale)
    worse = [one for one in trend.worse if one not in grown_old]
    return [
        ("worse", worse),
        ("stale", list(trend.stale)),
        ("better", list(trend.better)),
        ("counts now", list(trend.joined)),
        ("counts no more", list(trend.left)),
    ]
