"""Milestones: a review as it was on a day, kept beside the answers; what got better since, and what worse."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, ValidationError

from harness.errors import FileError, Mistake
from harness.files import read_regular
from harness.model import Model
from harness.review.measured import Measured
from harness.review.scores import PillarScore
from harness.review.states import State

MILESTONE_SCHEMA: Literal["wellproven/milestone/v1"] = "wellproven/milestone/v1"
FOLDER = "milestones"  # beside the answers
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
BYTES_MAX = 16 << 20
_RANK = {  # how good a state is; what is neither better nor worse has no rank
    State.REFUTED: 0,
    State.NOT_CLAIMED: 1,
    State.UNPROVEN: 1,
    State.NOT_TESTABLE: 1,
    State.STALE: 2,
    State.PARTIAL: 3,
    State.PROVEN: 4,
}


Score = Annotated[float, Field(ge=0, le=100)]


class PillarThen(Model):
    """One pillar's scores."""

    id: str
    name: str
    claimed: Score | None
    proven: Score | None
    provable: Score | None
    high_risk: int
    high_risk_proven: int
    medium_risk: int
    medium_risk_proven: int


class Milestone(Model):
    """A review, kept."""

    schema_: Literal["wellproven/milestone/v1"] = Field(default=MILESTONE_SCHEMA, alias="schema")
    name: str
    at: AwareDatetime  # UTC
    lens: str
    target: str
    pillars: tuple[PillarThen, ...]
    states: dict[str, State]  # question/choice -> state
    measured: tuple[Measured, ...]  # the newest of each figure: baselines for claims of improvement


@dataclass(frozen=True, slots=True)
class Change:
    """One practice that changed its state."""

    practice: str  # question/choice
    before: State | None  # None: the lens did not have it
    now: State | None  # None: the lens has it no more


@dataclass(frozen=True, slots=True)
class Trend:
    """What changed since a milestone."""

    since: Milestone
    better: tuple[Change, ...]
    worse: tuple[Change, ...]
    stale: tuple[Change, ...]  # of the worse: proof that only grew old
    joined: tuple[Change, ...]  # what the scores are out of now, and were not then: it applies, or the lens has it
    left: tuple[Change, ...]  # ... and the other way round
    scores: dict[str, tuple[float | None, float | None]]  # pillar -> proven (then, now)


def make_milestone(
    name: str, at: datetime, lens: str, target: str, pillars: Sequence[PillarScore], measured: Iterable[Measured]
) -> Milestone:
    """A review as it is now."""
    return Milestone(
        name=name,
        at=at,
        lens=lens,
        target=target,
        pillars=tuple(
            PillarThen(
                id=one.id,
                name=one.name,
                claimed=one.claimed,
                proven=one.proven,
                provable=one.provable,
                high_risk=one.risks_claimed.high,
                high_risk_proven=one.risks_proven.high,
                medium_risk=one.risks_claimed.medium,
                medium_risk_proven=one.risks_proven.medium,
            )
            for one in pillars
        ),
        states=_states(pillars),
        measured=tuple(measured),
    )


def _states(pillars: Iterable[PillarScore]) -> dict[str, State]:
    return {f"{one.question}/{one.choice.id}": one.state for pillar in pillars for one in pillar.practices}


def read_milestones(answers: Path, lens: str, target: str) -> tuple[Milestone, ...]:
    """The milestones beside the answers that are of this lens and target, oldest first.

    Raises FileError with every file that is none.
    """
    found: list[Milestone] = []
    mistakes: list[Mistake] = []
    for path in sorted((answers.parent / FOLDER).glob("*.json")):
        try:
            content = read_regular(path, BYTES_MAX)
            found.append(Milestone.model_validate_json(content))
        except (OSError, ValidationError) as error:
            got = (error.strerror or "unreadable") if isinstance(error, OSError) else "another JSON"
            way_out = "wellproven review milestone NAME writes them"
            mistakes += FileError.single(path, got, "a milestone", way_out).mistakes
    if mistakes:
        raise FileError(mistakes)
    return tuple(sorted((one for one in found if (one.lens, one.target) == (lens, target)), key=lambda one: one.at))


def write_milestone(answers: Path, milestone: Milestone) -> Path:
    """Keep a milestone beside the answers. Raises FileError where one of that name is there already."""
    path = answers.parent / FOLDER / f"{milestone.at:%Y-%m-%d}-{milestone.name}.json"
    try:
        path.parent.mkdir(exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(milestone.model_dump_json(indent=2, by_alias=True) + "\n")
    except FileExistsError:
        raise FileError.single(path, "a milestone of that day and name", "a new one", "take another name") from None
    except OSError as error:
        raise FileError.single(path, f"{error.strerror}", "a file that can be written") from None
    return path


def trend(since: Milestone, pillars: Sequence[PillarScore]) -> Trend:
    """What changed since then. What applies now and did not, or only then, is neither better nor worse."""
    now = _states(pillars)
    changes = [
        Change(name, since.states.get(name), now.get(name))
        for name in dict.fromkeys((*since.states, *now))
        if since.states.get(name) != now.get(name)
    ]
    moved = [(one, _RANK[one.before], _RANK[one.now]) for one in changes if one.before in _RANK and one.now in _RANK]
    worse = tuple(one for one, before, after in moved if after < before)
    then = {one.id: one.proven for one in since.pillars}
    return Trend(
        since=since,
        better=tuple(one for one, before, after in moved if after > before),
        worse=worse,
        stale=tuple(one for one in worse if one.now is State.STALE),
        joined=tuple(one for one in changes if one.before not in _RANK and one.now in _RANK),
        left=tuple(one for one in changes if one.before in _RANK and one.now not in _RANK),
        scores={one.id: (then[one.id], one.proven) for one in pillars if one.id in then},
    )
