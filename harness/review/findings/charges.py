"""A bill as rows: the columns of FOCUS (FinOps Open Cost and Usage Specification 1.x), or those of AWS's CUR.

Column names and the values of categories are FOCUS's own. A CUR is translated by its line item types.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from harness.documents import shown
from harness.errors import FileError
from harness.review.findings.source import Row, Source, Table, clean, read_table

DAY = timedelta(days=1)
# FOCUS's name (ours, where FOCUS has none) -> the names in AWS's Cost and Usage Report, version 2 and legacy.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "ChargePeriodStart": ("line_item_usage_start_date", "lineItem/UsageStartDate"),
    "ChargePeriodEnd": ("line_item_usage_end_date", "lineItem/UsageEndDate"),
    "EffectiveCost": (),
    "BilledCost": ("line_item_unblended_cost", "lineItem/UnblendedCost"),
    "ListCost": ("pricing_public_on_demand_cost", "pricing/publicOnDemandCost"),
    "BillingCurrency": ("line_item_currency_code", "lineItem/CurrencyCode"),
    "SubAccountId": ("line_item_usage_account_id", "lineItem/UsageAccountId"),
    "ChargeCategory": (),
    "PricingCategory": (),
    "CommitmentDiscountStatus": (),
    "ServiceCategory": (),
    "ConsumedQuantity": ("line_item_usage_amount", "lineItem/UsageAmount"),
    "Tags": ("resource_tags",),
    "LineItemType": ("line_item_line_item_type", "lineItem/LineItemType"),
    "StorageClass": (),  # ours
    "ForecastCost": (),  # ours
}
_TAG_PREFIXES = ("resourcetags/user:", "resource_tags_user_", "tags/")
# A CUR's line item type -> charge category, pricing category, commitment discount status.
_LINE_ITEMS = {
    "Usage": ("Usage", "Standard", ""),
    "DiscountedUsage": ("Usage", "Committed", "Used"),
    "SavingsPlanCoveredUsage": ("Usage", "Committed", "Used"),
    "Tax": ("Tax", "", ""),
    "Fee": ("Purchase", "", ""),
    "RIFee": ("Purchase", "Committed", ""),
    "SavingsPlanRecurringFee": ("Purchase", "Committed", ""),
    "SavingsPlanUpfrontFee": ("Purchase", "Committed", ""),
    "SavingsPlanNegation": ("Adjustment", "", ""),
    "Credit": ("Credit", "", ""),
    "Refund": ("Credit", "", ""),
}


@dataclass(frozen=True, slots=True)
class Charge:
    """One row of a bill."""

    start: datetime
    end: datetime | None
    cost: Decimal
    list_cost: Decimal | None
    forecast: Decimal | None
    quantity: Decimal | None
    category: str
    pricing: str
    commitment: str
    service: str
    storage_class: str
    tags: Mapping[str, str]
    row: Row

    @property
    def day(self) -> date:
        """The day it begins."""
        return self.start.date()

    @property
    def month(self) -> date:
        """The first day of its month."""
        return self.day.replace(day=1)

    @property
    def is_usage(self) -> bool:
        """Whether something was used, as against taxes, purchases and credits."""
        return self.category == "Usage"

    @property
    def is_daily(self) -> bool:
        """Whether it covers a day at most, where it says how long it is."""
        return self.end is not None and self.end - self.start <= DAY


@dataclass(frozen=True)
class Bill:
    """All rows of a file, of which there is at least one."""

    charges: list[Charge]
    table: Table
    currency: str
    accounts: tuple[str, ...]

    @property
    def usage(self) -> list[Charge]:
        """Charges for what was used."""
        return [one for one in self.charges if one.is_usage]

    def has(self, *names: str) -> bool:
        """Whether the file has all these columns."""
        return self.table.has(*names)

    def key(self, name: str) -> Callable[[Charge], str]:
        """How a charge's value of a tag, or of a column where there is one of that name, is read."""
        place = self.table.places.get(name) if name in COLUMNS else self.table.places.get(name.casefold())
        if place is not None:
            return lambda charge: charge.row.cells[place].strip()
        return lambda charge: charge.tags.get(name, "").strip()

    def complete_months(self) -> list[date]:
        """First days of the months that the charges cover from their first to their last day."""
        months = sorted({one.month for one in self.charges})
        first, last = self._span()
        return [one for one in months if first <= one and last >= _last_day(one)]

    def _span(self) -> tuple[date, date]:
        """The first and the last day that is covered; long purchases in advance cover nothing."""
        ends = [
            one.end - timedelta(microseconds=1) for one in self.charges if one.end and one.end - one.start <= 31 * DAY
        ]
        last = max([*(one.start for one in self.charges), *(one for one in ends)])
        return min(one.day for one in self.charges), last.date()


def _last_day(month: date) -> date:
    return (month.replace(day=28) + 4 * DAY).replace(day=1) - DAY


def read_bill(source: Source, columns: Mapping[str, str]) -> Bill | None:
    """A file's charges; None, and a note, where it has none. Raises FileError with every mistake."""
    table = read_table(source, COLUMNS, columns)
    cost = "EffectiveCost" if table.has("EffectiveCost") else "BilledCost"
    table.need("ChargePeriodStart", cost)
    reader = _Reader(source, table, cost)
    charges = list(reader.charges())
    if source.mistakes:
        raise FileError(source.mistakes)
    if len(reader.currencies) > 1:
        got = " and ".join(sorted(reader.currencies)[:3])
        way_out = "convert, or write a file for each"
        raise FileError.single(source.name, got, "one currency", way_out)
    if not charges:
        source.note("no charge in it: it shows nothing")
        return None
    return Bill(charges, table, next(iter(reader.currencies), ""), tuple(sorted(reader.accounts)))


@dataclass
class _Reader:
    source: Source
    table: Table
    cost: str
    currencies: set[str] = field(default_factory=set)
    accounts: set[str] = field(default_factory=set)
    tags: dict[tuple[str, ...], Mapping[str, str]] = field(default_factory=dict)  # so that equal ones are one

    def charges(self) -> Iterator[Charge]:
        tag_columns = [
            (place, name[len(prefix) :])
            for place, name in enumerate(self.table.header)
            for prefix in _TAG_PREFIXES
            if name.casefold().startswith(prefix)
        ]
        for row in self.table.rows():
            start = self.source.instant(row.get("ChargePeriodStart").strip(), row.line, "ChargePeriodStart")
            cost = self._amount(row, self.cost)
            if start is None or cost is None:
                self._missing(row, start, cost)
                continue
            category, pricing, commitment = self._categories(row)
            self.currencies.update(one for one in [clean(row.get("BillingCurrency"))] if one)
            self.accounts.update(one for one in [clean(row.get("SubAccountId"))] if one)
            yield Charge(
                start=start,
                end=self._end(row),
                cost=cost,
                list_cost=self._amount(row, "ListCost"),
                forecast=self._amount(row, "ForecastCost"),
                quantity=self._amount(row, "ConsumedQuantity"),
                category=category,
                pricing=pricing,
                commitment=commitment,
                service=row.get("ServiceCategory").strip(),
                storage_class=row.get("StorageClass").strip(),
                tags=self._tags(row, tag_columns),
                row=row,
            )

    def _amount(self, row: Row, name: str) -> Decimal | None:
        return self.source.amount(row.get(name), row.line, name)

    def _missing(self, row: Row, start: datetime | None, cost: Decimal | None) -> None:
        """What is empty is a mistake; what cannot be read is one already."""
        for name, found in (("ChargePeriodStart", start), (self.cost, cost)):
            if found is None and not row.get(name).strip():
                self.source.mistake(row.line, name, "nothing", "a value in each row")

    def _end(self, row: Row) -> datetime | None:
        """The end of the period, which may be to come: it is no time at which anything was so."""
        try:
            found = datetime.fromisoformat(row.get("ChargePeriodEnd").strip().removesuffix(" UTC"))
            start = datetime.fromisoformat(row.get("ChargePeriodStart").strip().removesuffix(" UTC"))
            length = found - start
        except (ValueError, TypeError, OverflowError):
            if row.get("ChargePeriodEnd").strip():
                got = shown(clean(row.get("ChargePeriodEnd")))
                self.source.mistake(row.line, "ChargePeriodEnd", got, "a time written as ChargePeriodStart is")
            return None
        if length < timedelta(0):  # such as 0001-01-01, what Go prints for no time at all
            got, expected = shown(clean(row.get("ChargePeriodEnd"))), "a time no earlier than ChargePeriodStart"
            self.source.mistake(row.line, "ChargePeriodEnd", got, expected, "say under columns which is which")
            return None
        begin = self.source.instant(row.get("ChargePeriodStart").strip(), row.line, "ChargePeriodStart")
        try:
            return begin + length if begin else None
        except OverflowError:
            return None

    def _categories(self, row: Row) -> tuple[str, str, str]:
        if self.table.has("LineItemType") and not self.table.has("ChargeCategory"):
            return _LINE_ITEMS.get(row.get("LineItemType").strip(), ("", "", ""))
        category = row.get("ChargeCategory").strip() if self.table.has("ChargeCategory") else "Usage"
        return category, row.get("PricingCategory").strip(), row.get("CommitmentDiscountStatus").strip()

    def _tags(self, row: Row, columns: list[tuple[int, str]]) -> Mapping[str, str]:
        written = row.get("Tags").strip()
        key = (written, *(row.cells[place] for place, _ in columns))
        if key not in self.tags:
            found = self._tags_of(written, row.line) if written else {}
            self.tags[key] = found | {name: row.cells[place] for place, name in columns if row.cells[place].strip()}
        return self.tags[key]

    def _tags_of(self, written: str, line: int) -> dict[str, str]:
        try:
            found = json.loads(written)
        except (ValueError, RecursionError):
            found = None
        if written in ("null", "{}"):
            return {}
        if not isinstance(found, dict):
            self.source.mistake(line, "Tags", shown(clean(written)), 'a JSON mapping such as {"team": "shop"}')
            return {}
        tags = {}
        for key, value in found.items():
            if isinstance(value, str | int | float):
                tags[key.removeprefix("user:").removeprefix("user_")] = "" if value is False else str(value)
        return tags
