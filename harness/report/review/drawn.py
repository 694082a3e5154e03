"""Where things stand in the review's pictures: its gaps by impact and complexity, its scores by milestone.

Places only: every figure is the review's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from harness.review import Gap, Level, Review, quadrant_of

WIDTH, HEIGHT, MARGIN = 240.0, 76.0, 6.0  # of a line's picture, in its own units


@dataclass(frozen=True)
class Cell:
    """The gaps of one impact and one complexity."""

    impact: Level
    complexity: Level
    quadrant: str
    gaps: tuple[Gap, ...]


def cells(gaps: Sequence[Gap]) -> tuple[Cell, ...]:
    """Nine cells, row by row: the highest impact first, the lowest complexity first."""
    return tuple(
        Cell(
            impact,
            complexity,
            quadrant_of(impact, complexity).value,
            tuple(one for one in gaps if (one.impact, one.complexity) == (impact, complexity)),
        )
        for impact in reversed(Level)
        for complexity in Level
    )


@dataclass(frozen=True)
class Point:
    """One score of one day."""

    label: str
    at: datetime
    value: float | None


@dataclass(frozen=True)
class Line:
    """One score over time: unbroken stretches of points, and a dot for each."""

    stretches: tuple[str, ...]  # as an SVG polyline has them
    dots: tuple[tuple[float, float, Point], ...]


@dataclass(frozen=True)
class Course:
    """A pillar's scores from its first milestone to today."""

    name: str
    claimed: Line
    proven: Line
    points: tuple[Point, ...]  # of proven


def courses(review: Review) -> tuple[Course, ...]:
    """The course of each pillar; none where there is no milestone to begin from."""
    if not review.milestones:
        return ()
    return tuple(_course(review, pillar.id) for pillar in review.pillars)


def _course(review: Review, pillar_id: str) -> Course:
    claimed, proven = [], []
    for milestone in review.milestones:
        then = next((one for one in milestone.pillars if one.id == pillar_id), None)
        label = f"{milestone.name}, {milestone.at:%Y-%m-%d}"
        claimed.append(Point(label, milestone.at, then.claimed if then else None))
        proven.append(Point(label, milestone.at, then.proven if then else None))
    now = next(one for one in review.pillars if one.id == pillar_id)
    claimed.append(Point("today", review.at, now.claimed))
    proven.append(Point("today", review.at, now.proven))
    return Course(now.name, _line(claimed), _line(proven), tuple(proven))


def _line(points: Sequence[Point]) -> Line:
    """Points as far apart as their days; a score that is not known breaks the line."""
    first, last = min(one.at for one in points), max(one.at for one in points)
    length = (last - first).total_seconds()

    def place(one: Point, value: float) -> tuple[float, float, Point]:
        share = (one.at - first).total_seconds() / length if length else 0.5
        x = MARGIN + share * (WIDTH - 2 * MARGIN)
        return round(x, 1), round(HEIGHT - MARGIN - value / 100 * (HEIGHT - 2 * MARGIN), 1), one

    placed = [None if one.value is None else place(one, one.value) for one in points]
    stretches = tuple(" ".join(f"{x},{y}" for x, y, _ in stretch) for stretch in _stretches(placed))
    return Line(stretches, tuple(one for one in placed if one))


def _stretches(
    placed: Sequence[tuple[float, float, Point] | None],
) -> Iterator[list[tuple[float, float, Point]]]:
    stretch: list[tuple[float, float, Point]] = []
    for one in [*placed, None]:
        if one is not None:
            stretch.append(one)
        elif stretch:
            yield stretch
            stretch = []
