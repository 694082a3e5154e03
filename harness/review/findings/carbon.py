"""Emissions by month and service: measured without gaps, falling as a goal says, and utilisation beside them.

    allowed in month m = baseline * (1 - less_by * (m - first) / (due - first)),  a straight line, months counted

where the baseline is the mean of the first months from the goal's baseline month on, and is held against the mean of
the last ones. Location-based figures come before market-based ones, which certificates make zero.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
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


def _month(value: Any) -> date:
    try:
        return datetime.strptime(value, "%Y-%m").replace(tzinfo=UTC).date()
    except (TypeError, ValueError):
        raise problem("a month such as 2027-03") from None


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
        first, due = raw.get("baseline"), raw.get("due")
        if isinstance(first, str) and isinstance(due, str) and due <= first:
            yield problem("a month after the baseline", at=("due",))


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
            found = {"measurement": emissions.measured, "goals": emissions.goal, "utilisation": emissions.used}[
                criterion
            ]
            holds, because, short_of = found(place.choice)
            if holds is not None:
                at = emissions.at
                yield Shown(place.question, place.choice, holds, at, source.name, because, short_of)


type _Found = tuple[bool | None, str, tuple[str, ...]]
_NOTHING: _Found = (None, "", ())


class _Emissions:
    """The rows of one file, summed up."""

    def __init__(self, source: Source, entry: CarbonEvidence) -> None:
        self.source, self.entry = source, entry
        self.by_month: dict[date, Decimal] = defaultdict(Decimal)
        self.services: dict[date, set[str]] = defaultdict(set)
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

    @property
    def at(self) -> datetime:
        """The end of the last month, or its beginning while it lasts."""
        last = self.months[-1]
        end = datetime.combine(_later(last, 1), datetime.min.time(), UTC)
        return end if end <= self.source.now else datetime.combine(last, datetime.min.time(), UTC)

    def _gaps(self, months: Sequence[date]) -> list[str]:
        every = (_later(months[0], index) for index in range(_apart(months[0], months[-1]) + 1))
        return [f"{one:%Y-%m}" for one in every if one not in self.by_month]

    def measured(self, choice: str) -> _Found:
        months = self.months
        gaps = self._gaps(months)
        if gaps:
            return False, f"no emissions for {counted(len(gaps), 'month')}: {few(gaps)}", ()
        if len(months) < self.entry.months:
            self._say(choice, f"{counted(len(months), 'month')} measured, {self.entry.months} asked")
            return _NOTHING
        services = sorted({one for found in self.services.values() for one in found})
        because = (
            f"{counted(len(months), 'month')} from {months[0]:%Y-%m} to {months[-1]:%Y-%m} measured without a gap, "
            f"for {counted(len(services), 'service')} {few(services)}".rstrip()
        )
        short_of = [] if services else ["not measured for each service"]
        if self.column == "kg_co2e":
            short_of.append("whether figures are location-based is not said")
        if self.column.endswith("_market"):
            short_of.append("market-based figures alone")
        return True, because, tuple(short_of)

    def goal(self, choice: str) -> _Found:
        goal, width = self.entry.goal, self.entry.months
        if goal is None:
            return _NOTHING
        months = self.months
        first, last = [_later(goal.baseline, index) for index in range(width)], months[-width:]
        if any(one not in self.by_month for one in first) or self._gaps(months) or last[0] < first[-1]:
            self._say(
                choice, f"not {width} months from {goal.baseline:%Y-%m} on, and as many after them, without a gap"
            )
            return _NOTHING
        baseline, now = self._mean(first), self._mean(last)
        if baseline <= 0:
            self._say(choice, "nothing emitted in the baseline")
            return _NOTHING
        passed = min(Fraction(1), Fraction(_apart(goal.baseline, months[-1]), _apart(goal.baseline, goal.due)))
        allowed = baseline * (1 - goal.less_by * passed)
        because = (
            f"{_kg(now)} a month up to {months[-1]:%Y-%m}, {_kg(allowed)} allowed on the way from {_kg(baseline)} to "
            f"{format_percent(goal.less_by)} less by {goal.due:%Y-%m}; owner: {clean(goal.owner)}"
        )
        return now <= allowed, because, ()

    def used(self, choice: str) -> _Found:
        target, width = self.entry.utilisation, self.entry.months
        if target is None or not self.utilisation:
            return _NOTHING
        months = sorted(self.utilisation)
        if len(months) < 2 * width:
            self._say(choice, f"utilisation of {counted(len(months), 'month')}, {2 * width} asked")
            return _NOTHING
        means = [sum(self.utilisation[one], Fraction()) / len(self.utilisation[one]) for one in months]
        before, now = sum(means[:width], Fraction()) / width, sum(means[-width:], Fraction()) / width
        because = (
            f"utilisation {format_percent(now)} in the last {counted(width, 'month')}, {format_percent(before)} in the "
            f"first; target {format_percent(target)}"
        )
        return now >= target and now >= before, because, ()

    def _mean(self, months: Sequence[date]) -> Fraction:
        return sum((Fraction(self.by_month[one]) for one in months), Fraction()) / len(months)

    def _say(self, choice: str, text: str) -> None:
        self.source.note(f"{choice}: {text}: nothing is shown")


def _later(month: date, months: int) -> date:
    year, index = divmod(month.year * 12 + month.month - 1 + months, 12)
    return date(year, index + 1, 1)


def _apart(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month


def _kg(amount: Fraction) -> str:
    return f"{float(amount):,.1f} kg CO2e"
