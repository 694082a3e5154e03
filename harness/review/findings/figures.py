"""Figures that a team measures itself: a table of one value by time, held against a limit over a window.

With e the time of the last row, the window is the time from e - over to e, and its rows are those in it:

    kept       every row's value <= at-most, and >= at-least
    covered    from the window's start to its first row, and from each row to the next, no longer than every

A practice holds where the window is kept and covered, in part where it is kept and not covered. One row of the window
that does not keep the limit refutes it, however little is covered.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from harness.documents import DurationNs, nearest, problem, share, shown
from harness.errors import FileError
from harness.review.findings.source import Row, Source, Table, clean, counted, few, read_table
from harness.review.findings.written import Place, Proves, Written
from harness.review.types import Lens, Shown
from harness.units import DURATION_UNIT_NS, NS_PER_US, format_duration, parse_duration_ns

COLUMNS: dict[str, tuple[str, ...]] = {"at": ("time", "timestamp", "date", "day", "month")}
OVER_NS, EVERY_NS = 90 * DURATION_UNIT_NS["d"], 31 * DURATION_UNIT_NS["d"]
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """A number, and how it was written: `5`, or `5%`, which makes shares of the values too."""

    value: Fraction
    written: str

    @property
    def is_share(self) -> bool:
        """Whether it was written in percent."""
        return self.written.endswith("%")


def _limit(value: Any) -> Limit:
    try:
        return Limit(share(value), value.strip() if isinstance(value, str) else shown(value))
    except ValueError:
        raise problem("a number such as 5, or a share such as 5%") from None


class FiguresEvidence(Written):
    """`proves` is needed: a figure does not say which practice it was measured for."""

    kind: Literal["figures"]
    proves: Proves = Field(min_length=1)
    column: str = Field(default="value", min_length=1)
    at_most: Annotated[Limit | None, BeforeValidator(_limit)] = None
    at_least: Annotated[Limit | None, BeforeValidator(_limit)] = None
    over: DurationNs = OVER_NS  # the window's length
    every: DurationNs = EVERY_NS  # the longest time without a row

    @classmethod
    def rules(cls, raw: dict[str, Any]) -> Iterator[PydanticCustomError]:
        """There is a limit, something can keep it, and one row alone never covers the window."""
        if "at-most" not in raw and "at-least" not in raw:
            yield problem("at-most, at-least, or both", "say which values keep the practice", got="no limit")
        highest, lowest = _number(raw.get("at-most")), _number(raw.get("at-least"))
        if highest is not None and lowest is not None and lowest > highest:
            yield problem("no more than at-most", at=("at-least",))
        over, every = _length_ns(raw.get("over"), OVER_NS), _length_ns(raw.get("every"), EVERY_NS)
        if over is not None and every is not None and every >= over:
            at = ("every",) if "every" in raw else ("over",)
            expected = "less than over" if "every" in raw else f"more than every, which is {format_duration(every)}"
            yield problem(expected, "say under every how long it may be without a row, such as 1d", at=at)

    def places(self, lens: Lens) -> Iterator[Place]:  # noqa: ARG002 (one signature for every kind)
        """What the entry names."""
        for index, one in enumerate(self.proves):
            yield one.place("proves", index)

    def shown(self, source: Source, lens: Lens) -> Iterator[Shown]:
        """The window that ends with the last row."""
        figures = _read(source, self)
        if not figures:
            source.note("no row in it: it shows nothing")
            return
        window = [one for one in figures if _ns(figures[-1].at - one.at) <= self.over]
        broken = [one for one in window if not self._keeps(one)]
        short_of = () if broken else tuple(self._uncovered(window))
        because = self._because(window, broken)
        for place in self.places(lens):
            yield Shown(place.question, place.choice, not broken, window[-1].at, source.name, because, short_of)

    @property
    def is_of_shares(self) -> bool:
        """Whether values are shares of 1."""
        return any(one is not None and one.is_share for one in (self.at_most, self.at_least))

    def _keeps(self, figure: "Figure") -> bool:
        over = self.at_most is not None and figure.value > self.at_most.value
        under = self.at_least is not None and figure.value < self.at_least.value
        return not over and not under

    def _uncovered(self, window: Sequence["Figure"]) -> Iterator[str]:
        """What is missing for the window to be covered."""
        first, last = window[0], window[-1]
        measured_ns = _ns(last.at - first.at)
        if self.over - measured_ns > self.every:
            asked = format_duration(self.over)
            yield f"measured for {format_duration(measured_ns)}, from {first.at:%Y-%m-%d} on, {asked} asked"
        gaps = [
            f"{format_duration(apart_ns)} from {one.at:%Y-%m-%d} on"
            for one, following in itertools.pairwise(window)
            if (apart_ns := _ns(following.at - one.at)) > self.every
        ]
        if gaps:
            yield f"no row for {few(gaps)}, {format_duration(self.every)} allowed"

    def _because(self, window: Sequence["Figure"], broken: Sequence["Figure"]) -> str:
        limits = (("at most", self.at_most), ("at least", self.at_least))
        asked = " and ".join(f"{words} {one.written}" for words, one in limits if one is not None)
        rows = counted(len(window), "row")
        scope = f"{rows} from {window[0].at:%Y-%m-%d} to {window[-1].at:%Y-%m-%d}"
        if broken:
            first = f"{broken[0].written} on {broken[0].at:%Y-%m-%d}"
            return f"{clean(self.column)}: {first}, {asked} asked; not kept by {len(broken):,} of {scope}"
        by_value = sorted(window, key=lambda one: one.value)
        return f"{clean(self.column)}: {by_value[0].written} to {by_value[-1].written}, {asked} asked; {scope}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row."""

    at: datetime
    value: Fraction
    written: str


def _read(source: Source, entry: FiguresEvidence) -> list[Figure]:
    """Every row, the oldest first. Raises FileError."""
    table = read_table(source, COLUMNS, {})
    column = clean(entry.column).casefold()
    _need(table, column, entry)
    found: dict[tuple[datetime, str], Figure] = {}
    for row in table.rows():
        _add(source, row, column, entry, found)
    if source.mistakes:
        raise FileError(source.mistakes)
    return sorted(found.values(), key=lambda one: one.at)


def _need(table: Table, column: str, entry: FiguresEvidence) -> None:
    """Both columns, or a mistake for each that is missing."""
    source = table.source
    if not table.has("at"):
        source.mistake(1, "", "no column at", "a column at, time, timestamp, date, day or month", "name it so")
    if not table.has(column):
        near = nearest(entry.column, table.header)
        way_out = f"did you mean {near}? say so under column" if near else "name it under column"
        source.mistake(1, "", f"no column {clean(entry.column)}", f"a column {clean(entry.column)}", way_out)
    if source.mistakes:
        raise FileError(source.mistakes)


def _add(
    source: Source, row: Row, column: str, entry: FiguresEvidence, found: dict[tuple[datetime, str], Figure]
) -> None:
    text = row.get(column).strip()
    at = source.moment(row.get("at"), row.line, "at")
    value = _value(source, text, row.line, entry)
    for name, cell in (("at", row.get("at").strip()), (entry.column, text)):
        if not cell:
            source.mistake(row.line, clean(name), "nothing", "a value in each row")
    if at is None or value is None:
        return
    # Subtle: times without a zone that are ahead of us all count as now, and are not twice the same for that.
    key = (at, row.get("at").strip() if at == source.now else "")
    if key in found:
        source.mistake(
            row.line, "at", f"{at:%Y-%m-%dT%H:%M:%SZ} twice", "each time once", "sum it up, or leave one out"
        )
        return
    found[key] = Figure(at, value, text)


def _value(source: Source, text: str, line: int, entry: FiguresEvidence) -> Fraction | None:
    """The number in a cell; None where there is none, or where it is a mistake.

    3 beside a limit of 5% could be 3 % or 300 %, and 3% beside a limit of 5 what it likes: neither is guessed at.
    """
    in_percent = text.endswith("%")
    name = clean(entry.column)
    found = source.amount(text.removesuffix("%"), line, name)
    if found is None:
        return None
    value = Fraction(found) / (100 if in_percent else 1)
    if in_percent and not entry.is_of_shares:
        source.mistake(line, name, clean(text), "a number such as 12.5", "or write the limit in percent, too")
        return None
    if entry.is_of_shares and not in_percent and not 0 <= value <= 1:
        source.mistake(line, name, clean(text), "a share such as 43% or 0.43, as the limit is one")
        return None
    return value


def _ns(length: timedelta) -> int:
    return length // _MICROSECOND * NS_PER_US


def _number(written: Any) -> Fraction | None:
    """A limit as a rule sees it: a mistake of its own is said elsewhere."""
    try:
        return share(written)
    except ValueError:
        return None


def _length_ns(written: Any, default_ns: int) -> int | None:
    if written is None:
        return default_ns
    try:
        return parse_duration_ns(written if isinstance(written, str) else "")
    except ValueError:
        return None
