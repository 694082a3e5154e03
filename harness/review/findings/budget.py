"""Error budgets from history: a table of good and total by slice, held against the SLO's target over its window.

With T the target, over the slices of the window up to the last one of the file (the arithmetic of harness.judge):

    Occurrences       spent = (sum of bad / sum of total) / (1 - T)
    Timeslices        spent = (slices below the slice target / slices) / (1 - T)
    RatioTimeslices   spent = (mean over slices of bad / total) / (1 - T)
    covered           = seconds of slices that are in the file / seconds of the window                           (0..1)

A practice holds where every SLO is covered and none has spent more than 1. What is covered in part shows nothing,
unless it is overspent even if all the rest was good: spent * covered > 1, the rest having had the same traffic.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from pydantic import Field
from pydantic_core import PydanticCustomError

from harness import slo as promises
from harness.documents import DurationNs, nearest
from harness.errors import FileError
from harness.review.findings.source import Row, Source, clean, counted, few, inside, read_table
from harness.review.findings.written import Place, Proves, Share, Written, column_mistakes
from harness.review.types import Lens, Shown
from harness.slo import BudgetingMethod, EmptySlices, Slo
from harness.units import NS_PER_S, NS_PER_US, format_duration, format_percent

OWN = ("rel_change", "rel_error_budgets")  # what it shows of the built-in lens
UNSEEN = "that the budget decides what is worked on is not in these figures"
COLUMNS: dict[str, tuple[str, ...]] = {"at": ("time", "timestamp"), "slo": ("name",), "good": (), "total": ()}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class BudgetEvidence(Written):
    """`objectives` says where the SLOs stand: an OpenSLO file beside the answers."""

    kind: Literal["budget"]
    columns: dict[str, str] = {}
    proves: Proves | None = None  # none: the built-in lens's own practice
    objectives: str = Field(min_length=1)
    slos: list[str] = []  # none: every SLO of the objectives that the file has rows of
    every: DurationNs | None = None  # the length of a slice; none: the shortest distance between two
    covered: Share = Fraction(99, 100)  # of a window, from which on it counts as covered

    @classmethod
    def rules(cls, raw: dict[str, Any]) -> Iterator[PydanticCustomError]:
        """Columns are known."""
        yield from column_mistakes(raw, COLUMNS)

    def places(self, lens: Lens) -> Iterator[Place]:
        """What the entry names, or the built-in lens's own."""
        if self.proves:
            named = (one.place("proves", index) for index, one in enumerate(self.proves))
            yield from (replace(one, partly=(one.question, one.choice) == OWN) for one in named)
        elif (place := Place(*OWN, partly=True)).known(lens):
            yield place

    def shown(self, source: Source, lens: Lens) -> Iterator[Shown]:
        """All SLOs together."""
        histories = _read(source, self, self._promised(source))
        absent = [name for name in self.slos if name not in histories]
        if absent or not histories:
            source.note(f"no row of {few(absent) or 'an SLO that is promised'}: it shows nothing")
            return
        all_spent = [found for history in histories.values() if (found := self._spent(history, source)) is not None]
        over = [one for one in all_spent if one.share * min(Fraction(1), one.covered) > 1]
        short = [one for one in all_spent if one.covered < self.covered and one not in over]
        for one in short:
            source.note(f"{one.name}: {one.said()}: partly covered, so it shows nothing")
        if not over and (short or len(all_spent) < len(histories)):
            return
        at = max(one.at for one in over) if over else min(one.at for one in all_spent)
        because = few([one.said() for one in over or all_spent], "; ")
        for place in self.places(lens):
            short_of = (UNSEEN,) if place.partly and not over else ()
            yield Shown(place.question, place.choice, not over, at, source.name, because, short_of)

    def _promised(self, source: Source) -> dict[str, Slo]:
        promised = {one.name: one for one in promises.read([inside(source.folder, self.objectives)]).slos}
        for name in self.slos:
            if name not in promised:
                near = nearest(name, promised)
                way_out = f"did you mean {near}?" if near else ""
                source.mistake(1, "slos", repr(clean(name)), f"an SLO of {clean(self.objectives)}", way_out)
        return promised

    def _spent(self, history: "History", source: Source) -> "Spent | None":
        every_ns = self.every or history.shortest_ns()
        if every_ns is None:
            source.note(f"{history.slo.name}: one row does not say how long its slice is; say it under every")
            return None
        try:
            return spent(history, every_ns)
        except ValueError as error:
            source.note(f"{history.slo.name}: {error}: nothing is shown")
            return None


@dataclass
class History:
    """Good and total of one SLO by the start of each slice, in nanoseconds since 1970."""

    slo: Slo
    slices: dict[int, tuple[Fraction, Fraction]] = field(default_factory=dict)

    def shortest_ns(self) -> int | None:
        """The shortest distance between two slices."""
        starts = sorted(self.slices)
        return min((later - start for start, later in itertools.pairwise(starts)), default=None)


@dataclass(frozen=True, slots=True)
class Spent:
    """What an SLO has spent of its budget over the part of its window that is covered."""

    name: str
    share: Fraction  # of the budget; 1 is all of it
    covered: Fraction  # of the window, 0..1
    at: datetime
    good: Fraction
    total: Fraction
    window_ns: int

    def said(self) -> str:
        """In a sentence."""
        return (
            f"{self.name}: {format_percent(self.share)} of its budget spent over {format_duration(self.window_ns)} to "
            f"{self.at:%Y-%m-%d %H:%M}, {format_percent(self.covered)} of it covered; "
            f"{float(self.good):,.0f} of {float(self.total):,.0f} good"
        )


def spent(history: History, every_ns: int) -> Spent:
    """The formula above. Raises ValueError, with the reason, where it cannot be said."""
    slo = history.slo
    end_ns = max(history.slices) + every_ns
    seen = {start: counts for start, counts in history.slices.items() if start >= end_ns - slo.window_ns}
    starts = sorted(seen)
    if any((start - starts[0]) % every_ns for start in starts):
        raise ValueError(f"its rows are not {format_duration(every_ns)} apart")
    good = sum((one for one, _ in seen.values()), Fraction())
    total = sum((one for _, one in seen.values()), Fraction())
    if slo.budgeting is BudgetingMethod.OCCURRENCES:
        if not total:
            raise ValueError("no request in the window")
        bad_ratio = (total - good) / total
    else:
        ratios = _ratios(slo, seen, every_ns)
        if not ratios:
            raise ValueError("no slice in the window")
        bad_ratio = sum(ratios, Fraction()) / len(ratios)
    return Spent(
        name=slo.name,
        share=bad_ratio / (1 - slo.target),
        covered=min(Fraction(1), Fraction(len(seen) * every_ns, slo.window_ns)),
        at=_EPOCH + end_ns // NS_PER_US * _MICROSECOND,
        good=good,
        total=total,
        window_ns=slo.window_ns,
    )


def _ratios(slo: Slo, seen: Mapping[int, tuple[Fraction, Fraction]], every_ns: int) -> list[Fraction]:
    """The error ratio e of each slice of the budget, those left out that are empty under the policy `exclude`."""
    width_ns = slo.slice_window_ns or NS_PER_S
    if width_ns % every_ns:
        raise ValueError(f"its slices are {format_duration(width_ns)} long, the rows {format_duration(every_ns)}")
    sums: dict[int, list[Fraction]] = defaultdict(lambda: [Fraction(), Fraction()])
    for start, (good, total) in seen.items():
        sums[start // width_ns][0] += good
        sums[start // width_ns][1] += total
    empty = {EmptySlices.EXCLUDE: None, EmptySlices.GOOD: Fraction(0), EmptySlices.BAD: Fraction(1)}[slo.empty_slices]
    ratios = [
        empty if total < max(1, slo.empty_floor or 1) else _error(slo, good, total) for good, total in sums.values()
    ]
    return [one for one in ratios if one is not None]


def _error(slo: Slo, good: Fraction, total: Fraction) -> Fraction:
    if slo.budgeting is BudgetingMethod.TIMESLICES and slo.slice_target is not None:
        return Fraction(good < slo.slice_target * total)
    return (total - good) / total


def _read(source: Source, entry: BudgetEvidence, promised: Mapping[str, Slo]) -> dict[str, History]:
    """Each SLO's history; rows of SLOs that are not asked for, or not promised, are left out, and that is said."""
    table = read_table(source, COLUMNS, entry.columns)
    table.need("at", "slo", "good", "total")
    wanted = {name: promised[name] for name in entry.slos or promised if name in promised}
    histories: dict[str, History] = {}
    others: set[str] = set()
    for row in table.rows():
        name = row.get("slo").strip()
        if name not in wanted:
            others.add(clean(name))
            continue
        history = histories.setdefault(name, History(wanted[name]))
        _add(source, row, history)
    if source.mistakes:
        raise FileError(source.mistakes)
    if others:
        source.note(f"{counted(len(others), 'SLO')} in it not looked at: {few(sorted(others))}")
    return histories


def _add(source: Source, row: Row, history: History) -> None:
    at = source.instant(row.get("at").strip(), row.line, "at")
    good, total = (source.amount(row.get(name), row.line, name) for name in ("good", "total"))
    for name, found in (("at", at), ("good", good), ("total", total)):
        if found is None and not row.get(name).strip():
            source.mistake(row.line, name, "nothing", "a value in each row")
    if at is None or good is None or total is None:
        return
    if not Decimal(0) <= good <= total:
        source.mistake(row.line, "good", f"{good} of {total}", "0 or more, and no more than total")
        return
    start_ns = (at - _EPOCH) // _MICROSECOND * NS_PER_US
    if start_ns in history.slices and at == source.now:  # all that is ahead of now counts as now
        way_out = "write the zone: 2026-10-01T12:00:00Z"
        source.mistake(row.line, "at", f"{clean(row.get('at'))}, ahead of now in UTC", "a time in the past", way_out)
        return
    if start_ns in history.slices:
        source.mistake(row.line, "at", f"{at:%Y-%m-%dT%H:%M:%SZ} of {history.slo.name} twice", "each slice once")
        return
    history.slices[start_ns] = (Fraction(good), Fraction(total))
