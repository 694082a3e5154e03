"""Emissions by month and service: measured without gaps, falling as a goal says, and utilisation beside them.

    allowed in month m = baseline * (1 - less_by * (m - first) / (due - first)),  a straight line, months counted

where the baseline is the mean of the first months from the goal's baseline month on, and is held against the mean of
the last ones. Location-based figures come before market-based ones, which certificates make zero.

A month is measured for each service where no amount in it is of no service, and each service that has a figure before
and after it has one in it, too: what begins or ends in between cannot be told from what is missing, and is named.
"""

import re
from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from harness.documents import FileModel, Whole, problem
from harness.errors import FileError
from harness.review.findings.source import Row, Source, clean, counted, few, read_table
from harness.review.findings.written import Named, Place, Share, Written, column_mistakes, placed
from harness.review.types import Lens, Shown
from harness.units import format_percent

Criterion = Literal["measurement", "goals", "utilisation"]
PRACTICES: dict[Criterion, tuple[str, str]] = {
    "measurement": ("sus_measure", "sus_carbon_measurement"),
    "goals": ("sus_measure", "sus_goals"),
    "utilisation": ("sus_use", "sus_utilisation"),
}
# Our name of a column -> others; those of AWS's carbon emissions export and of Google's carbon footprint export.
COLUMNS: dict[str, tuple[str, ...]] = {
    "month": ("usage_period_start", "usage_month", "date", "period"),
    "service": ("product_code", "service.description", "product", "workload"),
    "kg_co2e": ("kgco2e", "emissions_kg"),
    "kg_co2e_location": ("carbon_footprint_kgCO2e.location_based",),
    "kg_co2e_market": ("carbon_footprint_kgCO2e.market_based",),
    "t_co2e_location": ("total_lbm_emissions_value",),
    "t_co2e_market": ("total_mbm_emissions_value",),
    "utilisation": ("utilization",),
}
# In the order in which they are believed -> kilograms of one unit.
_AMOUNTS = {"kg_co2e_location": 1, "t_co2e_location": 1000, "kg_co2e": 1, "kg_co2e_market": 1, "t_co2e_market": 1000}


_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)  # strptime would take 2026-4, too


def _month(value: Any) -> date:
    found = _read_month(value)
    if found is None:
        raise problem("a month such as 2027-03")
    return found


def _read_month(value: Any) -> date | None:
    found = _MONTH.fullmatch(value) if isinstance(value, str) else None
    try:
        return date(int(found[1]), int(found[2]), 1) if found else None
    except ValueError:  # the month 13, the year 0
        return None


Month = Annotated[date, BeforeValidator(_month)]


class Goal(FileModel):
    """A goal with a number, a date and an owner."""

    baseline: Month
    due: Month
    less_by: Share = Field(alias="less-by")
    owner: str = Field(min_length=1)

    @classmethod
    def rules(cls, raw: dict[str, Any]) -> Iterator[PydanticCustomError]:
        """A goal lies ahead of its baseline."""
        first, due = _read_month(raw.get("baseline")), _read_month(raw.get("due"))
        if first is not None and due is not None and due <= first:
            yield problem("a month after the baseline", "say by when it is to be reached", at=("due",))


class CarbonEvidence(Written):
    """Emissions as a table."""

    kind: Literal["carbon"]
    columns: dict[str, str] = {}
    proves: dict[Criterion, Named] = {}
    months: Whole = Field(default=3, ge=1, le=120)  # that must be measured; and the length of means
    goal: Goal | None = None
    utilisation: Share | None = None  # the target

    @classmethod
    def rules(cls, raw: dict[str, Any]) -> Iterator[PydanticCustomError]:
        """Columns are known."""
        yield from column_mistakes(raw, COLUMNS)

    def places(self, lens: Lens) -> Iterator[Place]:
        """What the entry names, and the built-in lens's own practices for the rest."""
        yield from (place for _, place in placed(PRACTICES, self.proves, lens))

    def shown(self, source: Source, lens: Lens) -> Iterator[Shown]:
        """Each criterion that the file has data for."""
        emissions = _Emissions(source, self)
        if not emissions.by_month:
            source.note("no month in it: it shows nothing")
            return
        for criterion, place in placed(PRACTICES, self.proves, lens):
            judge = {"measurement": emissions.measured, "goals": emissions.goal, "utilisation": emissions.used}
            found = judge[criterion](place.choice)
            if found is not None:
                at = emissions.end_of(found.newest)
                yield Shown(place.question, place.choice, found.holds, at, source.name, found.because, found.short_of)


@dataclass(frozen=True, slots=True)
class _Found:
    holds: bool
    because: str
    newest: date  # the last month that has a figure of it
    short_of: tuple[str, ...] = ()


class _Emissions:
    """The rows of one file, summed up."""

    def __init__(self, source: Source, entry: CarbonEvidence) -> None:
        self.source, self.entry = source, entry
        self.by_month: dict[date, Decimal] = defaultdict(Decimal)
        self.services: dict[date, set[str]] = defaultdict(set)
        self.unnamed: set[date] = set()  # months in which something is of no service
        self.utilisation: dict[date, list[Fraction]] = defaultdict(list)
        table = read_table(source, COLUMNS, entry.columns)
        self.column = next((name for name in _AMOUNTS if table.has(name)), "kg_co2e")
        table.need("month", self.column)
        for row in table.rows():
            self._add(row)
        if source.mistakes:
            raise FileError(source.mistakes)

    def _add(self, row: Row) -> None:
        day = self.source.day(row.get("month"), row.line, "month")
        amount = self.source.amount(row.get(self.column), row.line, self.column)
        for name, found in (("month", day), (self.column, amount)):
            if found is None and not row.get(name).strip():
                self.source.mistake(row.line, name, "nothing", "a value in each row")
        if amount is not None and amount < 0:
            self.source.mistake(row.line, self.column, str(amount), "0 or more")
        if day is None or amount is None:
            return
        month = day.replace(day=1)
        self.by_month[month] += amount * _AMOUNTS[self.column]
        if service := clean(row.get("service")):
            self.services[month].add(service)
        elif amount:
            self.unnamed.add(month)
        self._add_utilisation(row, month)

    def _add_utilisation(self, row: Row, month: date) -> None:
        text = row.get("utilisation").strip()
        found = self.source.amount(text.removesuffix("%"), row.line, "utilisation")
        if found is None:
            return
        share = Fraction(found) / (100 if text.endswith("%") else 1)
        if not 0 <= share <= 1:
            self.source.mistake(row.line, "utilisation", clean(text), "a share such as 43% or 0.43")
            return
        self.utilisation[month].append(share)

    @property
    def months(self) -> list[date]:
        return sorted(self.by_month)

    def end_of(self, month: date) -> datetime:
        """The end of a month, or its beginning while it lasts."""
        end = datetime.combine(_later(month, 1), datetime.min.time(), UTC)
        return end if end <= self.source.now else datetime.combine(month, datetime.min.time(), UTC)

    def measured(self, choice: str) -> _Found | None:
        months = self.months
        gaps = _gaps(months, self.by_month)
        if gaps:
            return _Found(
                holds=False, because=f"no emissions for {counted(len(gaps), 'month')}: {few(gaps)}", newest=months[-1]
            )
        if len(months) < self.entry.months:
            self._say(choice, f"{counted(len(months), 'month')} measured, {self.entry.months} asked")
            return None
        named = [one for one in months if self.services[one]]
        services = sorted({service for one in named for service in self.services[one]})
        because = (
            f"{counted(len(months), 'month')} from {months[0]:%Y-%m} to {months[-1]:%Y-%m} measured without a gap, "
            f"for {counted(len(services), 'service')} {few(services)}".rstrip()
        )
        ended = [one for one in services if one not in self.services[months[-1]]]
        # Where the last month names none at all, it is not known which have ended.
        if ended and self.services[months[-1]]:
            because += f", no more for {few(ended)} in {months[-1]:%Y-%m}"
        short_of = [*self._not_each_service(named)]
        if self.column == "kg_co2e":
            short_of.append("whether figures are location-based is not said")
        if self.column.endswith("_market"):
            short_of.append("market-based figures alone")
        return _Found(holds=True, because=because, newest=months[-1], short_of=tuple(short_of))

    def _not_each_service(self, named: Sequence[date]) -> Iterator[str]:
        """What figures of services are missing, in one sentence at most; `named` are the months that have some."""
        if not named:
            yield "not measured for each service"
            return
        unnamed = [f"{one:%Y-%m}" for one in self.months if one in self.unnamed or not self.services[one]]
        gaps = []
        last_of: dict[str, int] = {}
        for index, month in enumerate(named):  # the others are among `unnamed`, and are not said twice
            for service in sorted(self.services[month]):
                missing = named[last_of.get(service, index) + 1 : index]
                if missing:
                    until = f" to {missing[-1]:%Y-%m}" if len(missing) > 1 else ""
                    gaps.append(f"{service} in {missing[0]:%Y-%m}{until}")
                last_of[service] = index
        said = [f"figures of no service in {few(unnamed)}"] if unnamed else []
        said += [f"no figure of {few(gaps)}"] if gaps else []
        if said:
            yield f"not measured for each service: {'; '.join(said)}"

    def goal(self, choice: str) -> _Found | None:
        goal, width = self.entry.goal, self.entry.months
        if goal is None:
            return None
        months = self.months
        # Those that are there, not those that would have to be: these could lie beyond the last year there is.
        first = [one for one in months if 0 <= _apart(goal.baseline, one) < width]
        last = months[-width:]
        if len(first) < width or _gaps(months, self.by_month) or last[0] <= first[-1]:
            baseline_month = goal.baseline.isoformat()[:7]  # %Y writes the year 1 as 1
            self._say(choice, f"not {width} months from {baseline_month} on, and as many after them, without a gap")
            return None
        baseline, now = self._mean(first), self._mean(last)
        if baseline <= 0:
            self._say(choice, "nothing emitted in the baseline")
            return None
        passed = min(Fraction(1), Fraction(_apart(goal.baseline, months[-1]), _apart(goal.baseline, goal.due)))
        allowed = baseline * (1 - goal.less_by * passed)
        because = (
            f"{_kg(now)} a month up to {months[-1]:%Y-%m}, {_kg(allowed)} allowed on the way from {_kg(baseline)} to "
            f"{format_percent(goal.less_by)} less by {goal.due:%Y-%m}; owner: {clean(goal.owner)}"
        )
        return _Found(now <= allowed, because, months[-1])

    def used(self, choice: str) -> _Found | None:
        target, width = self.entry.utilisation, self.entry.months
        if target is None or not self.utilisation:
            return None
        months = sorted(self.utilisation)
        gaps = _gaps(months, self.utilisation)
        if gaps:
            return _Found(
                holds=False, because=f"no utilisation for {counted(len(gaps), 'month')}: {few(gaps)}", newest=months[-1]
            )
        if len(months) < 2 * width:
            self._say(choice, f"utilisation of {counted(len(months), 'month')}, {2 * width} asked")
            return None
        means = [sum(self.utilisation[one], Fraction()) / len(self.utilisation[one]) for one in months]
        before, now = sum(means[:width], Fraction()) / width, sum(means[-width:], Fraction()) / width
        because = (
            f"utilisation {format_percent(now)} in the last {counted(width, 'month')}, {format_percent(before)} in the "
            f"first; target {format_percent(target)}"
        )
        return _Found(now >= target and now >= before, because, months[-1])

    def _mean(self, months: Sequence[date]) -> Fraction:
        return sum((Fraction(self.by_month[one]) for one in months), Fraction()) / len(months)

    def _say(self, choice: str, text: str) -> None:
        self.source.note(f"{choice}: {text}: nothing is shown")


def _gaps(months: Sequence[date], there: Container[date]) -> list[str]:
    every = (_later(months[0], index) for index in range(_apart(months[0], months[-1]) + 1))
    return [f"{one:%Y-%m}" for one in every if one not in there]


def _later(month: date, months: int) -> date:
    year, index = divmod(month.year * 12 + month.month - 1 + months, 12)
    return date(year, index + 1, 1)


def _apart(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month


def _kg(amount: Fraction) -> str:
    return f"{float(amount):,.1f} kg CO2e"
