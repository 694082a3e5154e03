"""What a bill shows: attribution, daily figures, budgets, forecasts, commitments, storage classes.

Shares are of cost, with c the cost of a row in the bill's currency:

    tagged     = sum of c over usage with every asked tag / sum of c over usage            (rows with c > 0)
    attributed = the same over all charges, taxes and purchases too, for one tag or column
    covered    = sum of list cost over committed usage / sum over usage that could be committed (standard and committed)
    used       = sum of c over commitments that were used / sum over all commitments
    error      = mean over complete months of |forecast - cost| / cost
    cooler     = sum of quantity in other storage classes than the usual ones / sum over all

Each is as old as the newest charge that shows it, not as the bill: a share that is reached as the newest of the part,
one that is not as the newest of the whole. What takes several checks is as old as the oldest of them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from pydantic import Field
from pydantic_core import PydanticCustomError

from harness.documents import ExactNumber, Whole, problem
from harness.review.findings.charges import COLUMNS, DAY, Bill, Charge, read_bill
from harness.review.findings.source import Source, clean, counted, few
from harness.review.findings.written import Named, Place, Share, Written, column_mistakes, placed
from harness.review.types import Lens, Shown
from harness.units import format_percent

Criterion = Literal["daily", "tagging", "showback", "budgets", "forecasts", "commitments", "storage"]
# What each criterion shows of the built-in lens.
PRACTICES: dict[Criterion, tuple[str, str]] = {
    "daily": ("cost_visibility", "cost_seen_daily"),
    "tagging": ("cost_visibility", "cost_tagging"),
    "showback": ("cost_visibility", "cost_showback"),
    "budgets": ("cost_plan", "cost_budgets"),
    "forecasts": ("cost_plan", "cost_forecasts"),
    "commitments": ("cost_plan", "cost_commitments"),
    "storage": ("cost_waste", "cost_storage_tiers"),
}
# What a bill cannot say of a criterion's practice, come what may.
_PARTLY: dict[Criterion, str] = {
    "budgets": "whether an alert comes before a budget is spent is not in a bill",
    "daily": "whether those who cause the costs look at them is not in a bill",
}
ALL = "all"  # the budget of everything together
_COMMITTABLE = {"Compute", "Databases"}  # service categories of FOCUS; all, where the file names none


@dataclass(frozen=True, slots=True)
class _Verdict:
    holds: bool
    because: str
    at: datetime  # when the newest charge that shows it began
    short_of: tuple[str, ...] = ()


class CostEvidence(Written):
    """Which criteria count follows from the columns of the file and from what is asked."""

    kind: Literal["cost"]
    columns: dict[str, str] = {}  # FOCUS's name -> the file's
    proves: dict[Criterion, Named] = {}  # for lenses that are not the built-in one
    tags: list[str] = []  # keys that each resource should have
    tagged: Share = Fraction(95, 100)
    team: str = ""  # the tag or column that says who answers for a cost
    attributed: Share = Fraction(95, 100)
    days: Whole = Field(default=28, ge=1, le=3660)  # that daily figures must cover
    months: Whole = Field(default=3, ge=1, le=120)  # that budgets and forecasts must cover
    budgets: dict[str, ExactNumber] = {}  # team, or all -> amount a month
    forecast_error: Share = Fraction(20, 100)
    covered: Share = Fraction(50, 100)
    used: Share = Fraction(90, 100)
    usual_classes: list[str] = ["Standard", "General Purpose"]
    cooler: Share = Fraction(20, 100)

    @classmethod
    def rules(cls, raw: dict[str, Any]) -> Iterator[PydanticCustomError]:
        """Columns are known, and budgets of teams need to know what a team is."""
        yield from column_mistakes(raw, COLUMNS)
        budgets = raw.get("budgets")
        if isinstance(budgets, dict) and set(budgets) - {ALL} and not raw.get("team"):
            yield problem("only all, or a team", "say under team which tag names it", at=("budgets",))

    def places(self, lens: Lens) -> Iterator[Place]:
        """What the entry names, and the built-in lens's own practices for the rest."""
        for criterion, place in placed(PRACTICES, self.proves, lens):
            yield replace(place, partly=criterion in _PARTLY)

    def shown(self, source: Source, lens: Lens) -> Iterator[Shown]:
        """Each criterion that the file has data for."""
        bill = read_bill(source, self.columns)
        if bill is None:
            return
        judge: dict[Criterion, Callable[[Bill, Callable[[str], None]], _Verdict | None]] = {
            "daily": self._daily,
            "tagging": self._tagging,
            "showback": self._showback,
            "budgets": self._budgets,
            "forecasts": self._forecasts,
            "commitments": self._commitments,
            "storage": self._storage,
        }
        scope = _scope(bill)
        for criterion, place in placed(PRACTICES, self.proves, lens):

            def say(text: str, choice: str = place.choice) -> None:
                source.note(f"{choice}: {text}: nothing is shown")

            found = judge[criterion](bill, say)
            if found is not None:
                because = f"{found.because}; looked at {scope}"
                unseen = (_PARTLY[criterion],) if found.holds and criterion in _PARTLY else ()
                short_of = (*found.short_of, *unseen)
                yield Shown(place.question, place.choice, found.holds, found.at, source.name, because, short_of)

    def _daily(self, bill: Bill, say: Callable[[str], None]) -> _Verdict | None:
        daily = [one for one in bill.usage if one.is_daily]
        if not daily:
            say("no charge that says it covers a day at most")
            return None
        days, at = {one.day for one in daily}, _newest(daily)
        first, last = min(days), max(days)
        length = (last - first).days + 1
        gaps = [day for day in (first + index * DAY for index in range(length)) if day not in days]
        if gaps:
            because = f"no figures for {counted(len(gaps), 'day')}: {few([str(one) for one in gaps])}"
            return _Verdict(holds=False, because=because, at=at)
        if length < self.days:
            say(f"daily figures for {counted(length, 'day')}, {self.days} asked")
            return None
        because = f"daily figures for {counted(length, 'day')} to {last} without a gap"
        return _Verdict(holds=True, because=because, at=at)

    def _tagging(self, bill: Bill, say: Callable[[str], None]) -> _Verdict | None:
        if not self.tags:
            return None
        keys = [bill.key(one) for one in self.tags]
        usage = [one for one in bill.usage if one.cost > 0]
        with_all = [one for one in usage if all(key(one) for key in keys)]
        return _share("tagged with " + ", ".join(self.tags), with_all, usage, self.tagged, bill, say)

    def _showback(self, bill: Bill, say: Callable[[str], None]) -> _Verdict | None:
        if not self.team:
            return None
        key = bill.key(self.team)
        charges = [one for one in bill.charges if one.cost > 0]
        attributed = [one for one in charges if key(one)]
        teams = len({key(one) for one in attributed})
        what = f"of all charges attributed to {counted(teams, 'team')} by {self.team}"
        return _share(what, attributed, charges, self.attributed, bill, say)

    def _budgets(self, bill: Bill, say: Callable[[str], None]) -> _Verdict | None:
        if not self.budgets:
            return None
        key = bill.key(self.team)
        spent: dict[tuple[str, date], Decimal] = defaultdict(Decimal)
        newest: dict[tuple[str, date], datetime] = {}
        for one in bill.charges:
            for team in (ALL, key(one)) if self.team else (ALL,):
                spent[team, one.month] += one.cost
                newest[team, one.month] = max(one.start, newest.get((team, one.month), one.start))
        over = [
            (team, month)
            for (team, month), amount in sorted(spent.items())
            if team in self.budgets and Fraction(amount) > self.budgets[team]
        ]
        if over:
            said = [
                f"{clean(team)} {month:%Y-%m} {_money(spent[team, month], bill)} of {_money(self.budgets[team], bill)}"
                for team, month in over
            ]
            because = f"{counted(len(over), 'budget')} overspent: {few(said)}"
            return _Verdict(holds=False, because=because, at=max(newest[one] for one in over))
        complete = bill.complete_months()
        absent = sorted(set(self.budgets) - {team for team, _ in spent})
        if not absent and len(complete) < self.months:
            say(f"{counted(len(complete), 'complete month')}, {self.months} asked")
            return None
        kept = {team: [newest[team, month] for month in complete if (team, month) in newest] for team in self.budgets}
        absent = absent or sorted(team for team, found in kept.items() if not found)
        if absent:
            say(f"no cost of {few(absent)}")
            return None
        because = f"{counted(len(self.budgets), 'budget')} kept over {counted(len(complete), 'complete month')}"
        return _Verdict(holds=True, because=because, at=min(max(found) for found in kept.values()))

    def _forecasts(self, bill: Bill, say: Callable[[str], None]) -> _Verdict | None:
        if not bill.has("ForecastCost"):
            return None
        actual: dict[date, Decimal] = defaultdict(Decimal)
        forecast: dict[date, Decimal] = defaultdict(Decimal)
        for one in bill.charges:
            actual[one.month] += one.cost
            if one.forecast is not None:
                forecast[one.month] += one.forecast
        errors = {
            month: abs(Fraction(forecast[month]) - Fraction(actual[month])) / Fraction(actual[month])
            for month in bill.complete_months()
            if month in forecast and actual[month] > 0
        }
        if len(errors) < self.months:
            say(f"a forecast for {counted(len(errors), 'complete month')}, {self.months} asked")
            return None
        mean = sum(errors.values(), Fraction()) / len(errors)
        worst = max(errors, key=lambda month: errors[month])
        because = (
            f"forecasts were {format_percent(mean)} off over {counted(len(errors), 'month')}, "
            f"{format_percent(self.forecast_error)} allowed; {worst:%Y-%m} most, {format_percent(errors[worst])}"
        )
        return _Verdict(
            mean <= self.forecast_error, because, _newest(one for one in bill.charges if one.month in errors)
        )

    def _commitments(self, bill: Bill, say: Callable[[str], None]) -> _Verdict | None:
        if not (bill.has("PricingCategory") or bill.has("LineItemType")):
            return None
        usage = [one for one in bill.usage if one.commitment != "Unused" and one.pricing in ("Standard", "Committed")]
        if bill.has("ServiceCategory"):
            usage = [one for one in usage if one.service in _COMMITTABLE]
        total = sum((_listed(one) for one in usage), Fraction())
        if total <= 0:
            say("no usage that could be committed")
            return None
        committed = [one for one in usage if one.pricing == "Committed"]
        covered = sum((_listed(one) for one in committed), Fraction()) / total
        is_covered = covered >= self.covered
        at = _shown_at(is_covered, committed, usage, _listed)
        because = f"commitments cover {format_percent(covered)} of what could be, {format_percent(self.covered)} asked"
        status = {one.commitment for one in bill.charges if one.commitment}
        bought = [one for one in bill.charges if one.commitment in ("Used", "Unused")]
        held = sum((Fraction(one.cost) for one in bought), Fraction())
        if not (bill.has("CommitmentDiscountStatus") and status and held > 0):
            unseen = ("how much of the commitments was used is not in the file",)
            return _Verdict(is_covered, because, at, unseen)
        in_use = [one for one in bought if one.commitment == "Used"]
        used = sum((Fraction(one.cost) for one in in_use), Fraction()) / held
        because += f"; {format_percent(used)} of them used, {format_percent(self.used)} asked"
        at = min(at, _shown_at(used >= self.used, in_use, bought, _cost))
        return _Verdict(is_covered and used >= self.used, because, at)

    def _storage(self, bill: Bill, say: Callable[[str], None]) -> _Verdict | None:
        if not bill.has("StorageClass"):
            return None
        usual = {one.casefold() for one in self.usual_classes}
        stored = [one for one in bill.usage if one.storage_class and one.service in ("", "Storage")]
        total = sum((_quantity(one) for one in stored), Fraction())
        if total <= 0:
            say("no storage with a class")
            return None
        cooler = [one for one in stored if one.storage_class.casefold() not in usual]
        share = sum((_quantity(one) for one in cooler), Fraction()) / total
        classes = few(sorted({clean(one.storage_class) for one in stored}))
        because = (
            f"{format_percent(share)} of storage in cooler classes, {format_percent(self.cooler)} asked ({classes})"
        )
        return _Verdict(share >= self.cooler, because, _shown_at(share >= self.cooler, cooler, stored, _quantity))


def _share(
    what: str, part: Sequence[Charge], whole: Sequence[Charge], asked: Fraction, bill: Bill, say: Callable[[str], None]
) -> _Verdict | None:
    total = sum((Fraction(one.cost) for one in whole), Fraction())
    if total <= 0:
        say("no cost in it")
        return None
    share = sum((Fraction(one.cost) for one in part), Fraction()) / total
    said = f"{format_percent(share)} of {_money(total, bill)} {what}, {format_percent(asked)} asked"
    return _Verdict(share >= asked, said, _shown_at(share >= asked, part, whole, _cost))


def _shown_at(
    holds: bool,  # noqa: FBT001 (the first question there is)
    part: Iterable[Charge],
    whole: Iterable[Charge],
    weight: Callable[[Charge], Fraction],
) -> datetime:
    """When a share of the whole was so: what weighs nothing shows nothing of it, and a share of 0 % has no part."""
    weighty = [one for one in part if weight(one) > 0]
    return _newest(weighty if holds and weighty else whole)


def _newest(charges: Iterable[Charge]) -> datetime:
    return max(one.start for one in charges)


def _cost(charge: Charge) -> Fraction:
    return Fraction(charge.cost)


def _listed(charge: Charge) -> Fraction:
    return Fraction(charge.cost if charge.list_cost is None else charge.list_cost)


def _quantity(charge: Charge) -> Fraction:
    return Fraction(charge.cost if charge.quantity is None else charge.quantity)


def _money(amount: Fraction | Decimal, bill: Bill) -> str:
    return f"{float(amount):,.2f} {bill.currency}".strip()


def _scope(bill: Bill) -> str:
    first, last = min(one.day for one in bill.charges), max(one.day for one in bill.charges)
    accounts = f", {counted(len(bill.accounts), 'account')} {few(bill.accounts)}" if bill.accounts else ""
    return f"{counted(len(bill.charges), 'charge')} from {first} to {last}{accounts}"
