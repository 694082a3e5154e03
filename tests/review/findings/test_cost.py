"""Bills: what their columns show of attribution, daily figures, budgets, forecasts, commitments and storage."""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from harness.errors import FileError
from tests.review.findings.helpers import by_choice, read, write

ENTRY = "{file: bill.csv, kind: cost, tags: [team], team: team}"
FIRST, LAST = date(2026, 7, 1), date(2026, 9, 30)


def focus_rows(first: date = FIRST, last: date = LAST) -> Iterator[dict[str, str]]:
    """Two charges a day as a FOCUS 1.2 export has them: a service of the shop's, and storage of nobody's."""
    for index in range((last - first).days + 1):
        day = first + timedelta(days=index)
        period = {
            "BillingAccountId": "999988887777",
            "BillingCurrency": "USD",
            "ChargePeriodStart": f"{day}T00:00:00Z",
            "ChargePeriodEnd": f"{day + timedelta(days=1)}T00:00:00Z",
            "ChargeCategory": "Usage",
            "ConsumedQuantity": "24",
            "SubAccountId": "111122223333",
        }
        yield period | {
            "EffectiveCost": "96.0",
            "ListCost": "120.0",
            "PricingCategory": "Committed",
            "CommitmentDiscountStatus": "Used",
            "ServiceCategory": "Compute",
            "Tags": '{"team": "shop", "env": "prod"}',
        }
        yield period | {
            "EffectiveCost": "4.0",
            "ListCost": "4.0",
            "PricingCategory": "Standard",
            "CommitmentDiscountStatus": "",
            "ServiceCategory": "Storage",
            "Tags": "",
        }


def bill(folder: Path, rows: Iterator[Mapping[str, str]] | list[dict[str, str]]) -> None:
    found = list(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(dict.fromkeys(name for row in found for name in row)))
    writer.writeheader()
    writer.writerows(found)
    write(folder, "bill.csv", out.getvalue())


def test_a_tagged_daily_bill_proves_attribution(tmp_path: Path) -> None:
    """96 of 100 dollars have a team; the last charge's day is the time."""
    bill(tmp_path, focus_rows())
    found = by_choice(read(tmp_path, ENTRY))
    assert {name: one.holds for name, one in found.items()} == {
        "cost_seen_daily": True,
        "cost_tagging": True,
        "cost_showback": True,
        "cost_commitments": True,
    }
    assert found["cost_tagging"].because == (
        "96 % of 9,200.00 USD tagged with team, 95 % asked; "
        "looked at 184 charges from 2026-07-01 to 2026-09-30, 1 account 111122223333"
    )
    assert found["cost_tagging"].at.isoformat() == "2026-09-30T00:00:00+00:00"
    assert found["cost_seen_daily"].because.startswith("daily figures for 92 days to 2026-09-30 without a gap")


def test_too_little_of_it_tagged_refutes(tmp_path: Path) -> None:
    """The share is of cost, not of rows; each asked key must be there."""
    bill(tmp_path, focus_rows())
    found = by_choice(read(tmp_path, "{file: bill.csv, kind: cost, tags: [team], tagged: 97%}"))
    assert not found["cost_tagging"].holds
    found = by_choice(read(tmp_path, "{file: bill.csv, kind: cost, tags: [team, cost-centre]}"))
    assert found["cost_tagging"].because.startswith("0 % of ")
    assert "cost_showback" not in found  # nobody said what a team is


def test_a_charge_that_is_no_usage_counts_for_showback_alone(tmp_path: Path) -> None:
    """Taxes have no resource to tag, and still somebody pays them."""
    rows = list(focus_rows())
    tax = rows[0] | {"ChargeCategory": "Tax", "EffectiveCost": "1000", "Tags": "", "CommitmentDiscountStatus": ""}
    bill(tmp_path, [*rows, tax])
    found = by_choice(read(tmp_path, ENTRY))
    assert found["cost_tagging"].holds
    assert not found["cost_showback"].holds


def test_a_column_may_say_the_team(tmp_path: Path) -> None:
    """An account for each team, for example."""
    bill(tmp_path, focus_rows())
    found = by_choice(read(tmp_path, "{file: bill.csv, kind: cost, team: SubAccountId}"))
    assert found["cost_showback"].because.startswith("100 % of 9,200.00 USD of all charges attributed to 1 team")


def test_a_day_without_figures_refutes(tmp_path: Path) -> None:
    """Up to the end of the file, each day has a charge."""
    bill(tmp_path, [row for row in focus_rows() if "2026-08-15" not in row["ChargePeriodStart"]])
    shown = by_choice(read(tmp_path, ENTRY))["cost_seen_daily"]
    assert not shown.holds
    assert shown.because.startswith("no figures for 1 day: 2026-08-15")


def charge(start: date, days: int = 31, /, **columns: str) -> dict[str, str]:
    """A row of usage that covers these days."""
    period = {"ChargePeriodStart": f"{start}T00:00:00Z", "ChargePeriodEnd": f"{start + timedelta(days=days)}T00:00:00Z"}
    return period | {"EffectiveCost": "100", "ChargeCategory": "Usage"} | columns


def test_daily_figures_are_as_old_as_the_newest_of_them(tmp_path: Path) -> None:
    """A monthly row of today makes no daily row younger."""
    daily = [charge(date(2025, 1, day), 1) for day in range(1, 29)]
    bill(tmp_path, [*daily, charge(date(2026, 10, 1))])
    shown = by_choice(read(tmp_path, "{file: bill.csv, kind: cost}"))["cost_seen_daily"]
    assert shown.holds
    assert shown.at == datetime(2025, 1, 28, tzinfo=UTC)


OLD_ENTRY = (
    "{file: bill.csv, kind: cost, tags: [team], team: team, budgets: {all: 1000, shop: 500}, "
    "columns: {ForecastCost: forecast, StorageClass: class}}"
)
OLD_COLUMNS = {
    "PricingCategory": "Committed",
    "CommitmentDiscountStatus": "Used",
    "Tags": '{"team": "shop"}',
    "forecast": "100",
    "class": "Glacier",
}
NOT_OF_IT = dict.fromkeys(OLD_COLUMNS, "")


@pytest.mark.parametrize(
    ("newest", "young"),
    [
        (charge(date(2026, 10, 1), 1, **NOT_OF_IT, EffectiveCost="1") | {"ChargeCategory": "Tax"}, ()),
        (charge(date(2026, 10, 1), 1, **NOT_OF_IT, EffectiveCost="1"), ()),
        (charge(date(2026, 10, 1), 1, **(NOT_OF_IT | {"class": "Standard"}), EffectiveCost="1"), ()),
        (charge(date(2026, 10, 1), 1, **(NOT_OF_IT | {"PricingCategory": "Standard"}), EffectiveCost="1"), ()),
        (charge(date(2026, 10, 1), 1, **(NOT_OF_IT | {"PricingCategory": "Committed"}), EffectiveCost="1"), ()),
        (charge(date(2026, 10, 1), 1, **(NOT_OF_IT | {"class": "Glacier"})), ("cost_storage_tiers",)),
        (
            charge(date(2026, 10, 1), 1, **(OLD_COLUMNS | {"class": ""})),
            ("cost_tagging", "cost_showback", "cost_commitments"),
        ),
    ],
)
def test_each_criterion_is_as_old_as_the_newest_charge_that_shows_it(
    tmp_path: Path, newest: dict[str, str], young: tuple[str, ...]
) -> None:
    """Old proof stays old beside a charge of today that has nothing of what is shown."""
    bill(tmp_path, [*(charge(date(2025, month, 1), **OLD_COLUMNS) for month in (1, 2, 3)), newest])
    found = by_choice(read(tmp_path, OLD_ENTRY.replace("tags:", "tagged: 50%, attributed: 50%, tags:")))
    assert all(one.holds for one in found.values())
    assert {name: f"{one.at:%Y-%m-%d}" for name, one in found.items()} == {
        name: "2026-10-01" if name in young else "2025-03-01"
        for name in (
            "cost_tagging",
            "cost_showback",
            "cost_budgets",
            "cost_forecasts",
            "cost_commitments",
            "cost_storage_tiers",
        )
    }


def test_what_weighs_nothing_makes_no_share_younger(tmp_path: Path) -> None:
    """A gigabyte that is not there is in no class, and what costs nothing is not committed to."""
    nothing = {"EffectiveCost": "0", "ListCost": "0", "ConsumedQuantity": "0"}
    something = {"ListCost": "100", "ConsumedQuantity": "100"}
    old = [charge(date(2025, month, 1), **OLD_COLUMNS, **something) for month in (1, 2, 3)]
    bill(tmp_path, [*old, charge(date(2026, 9, 30), 1, **(OLD_COLUMNS | nothing))])
    found = by_choice(read(tmp_path, OLD_ENTRY))
    for name in ("cost_tagging", "cost_showback", "cost_commitments", "cost_storage_tiers"):
        assert (name, found[name].holds, f"{found[name].at:%Y-%m-%d}") == (name, True, "2025-03-01")


def test_a_budget_of_a_team_without_a_complete_month_shows_nothing(tmp_path: Path) -> None:
    """Nothing was spent of it in the months that count, so it was not kept in them either."""
    rows = [charge(date(2026, month, 1), 28, team="other") for month in range(6, 10)]
    bill(tmp_path, [*rows, charge(date(2026, 10, 1), 1, team="shop")])
    found = read(tmp_path, "{file: bill.csv, kind: cost, team: team, budgets: {all: 1000, shop: 500}}")
    assert "cost_budgets" not in by_choice(found)
    assert any("cost_budgets: no cost of shop: nothing is shown" in note for note in found.notes)


def test_budgets_are_as_old_as_the_oldest_of_them(tmp_path: Path) -> None:
    """A team without a charge since spring shows nothing of its budget since."""
    rows = [charge(date(2026, month, 1), 28, team="shop" if month < 4 else "other") for month in range(1, 10)]
    bill(tmp_path, rows)
    entry = "{file: bill.csv, kind: cost, team: team, budgets: {all: 1000, shop: 500}}"
    shown = by_choice(read(tmp_path, entry))["cost_budgets"]
    assert shown.holds
    assert shown.at == datetime(2026, 3, 1, tzinfo=UTC)


def test_what_a_bill_refutes_is_as_old_as_the_newest_charge_it_was_seen_on(tmp_path: Path) -> None:
    """The month that was overspent; for shares, all that was looked at."""
    old = [charge(date(2025, month, 1), **OLD_COLUMNS) for month in (1, 2, 3)]
    bill(tmp_path, [*old, charge(date(2026, 9, 1), 30, **NOT_OF_IT, EffectiveCost="9000")])
    found = by_choice(read(tmp_path, OLD_ENTRY.replace("all: 1000, shop: 500", "all: 9999, shop: 99")))
    said = {name: f"{one.at:%Y-%m-%d}" for name, one in found.items() if not one.holds}
    assert said == {"cost_tagging": "2026-09-01", "cost_showback": "2026-09-01", "cost_budgets": "2025-03-01"}


@pytest.mark.parametrize("end", ["2026-09-01T00:00:00Z", "0001-01-01T00:00:00Z", "2026-09-30T23:59:59.999999Z"])
def test_a_charge_that_ends_before_it_begins_is_a_mistake(tmp_path: Path, end: str) -> None:
    """0001-01-01 is what Go prints for no time at all; none of it is a daily figure, or covers a month."""
    rows = [charge(date(2026, 10, 1), 1) | {"ChargePeriodEnd": end} for _ in range(2)]
    bill(tmp_path, rows)
    with pytest.raises(FileError) as caught:
        read(tmp_path, "{file: bill.csv, kind: cost, budgets: {all: 100}}")
    assert [(one.line, one.path, one.got, one.expected, one.way_out) for one in caught.value.mistakes] == [
        (
            line,
            "ChargePeriodEnd",
            repr(end),
            "a time no earlier than ChargePeriodStart",
            "say under columns which is which",
        )
        for line in (2, 3)
    ]


def test_a_charge_may_end_when_it_begins(tmp_path: Path) -> None:
    """Where days are written from the first to the last, both are the same for one day."""
    days = [date(2026, 9, day) for day in range(1, 29)]
    bill(tmp_path, [charge(day, 1) | {"ChargePeriodEnd": f"{day}T00:00:00Z"} for day in days])
    assert by_choice(read(tmp_path, "{file: bill.csv, kind: cost}"))["cost_seen_daily"].holds


def test_monthly_figures_and_few_days_say_nothing_of_daily_ones(tmp_path: Path) -> None:
    """Not looked at is not refuted."""
    monthly = [
        row | {"ChargePeriodEnd": "2026-10-01T00:00:00Z", "ChargePeriodStart": "2026-09-01T00:00:00Z"}
        for row in list(focus_rows())[:2]
    ]
    bill(tmp_path, monthly)
    found = read(tmp_path, ENTRY)
    assert "cost_seen_daily" not in by_choice(found)
    assert any("cost_seen_daily: no charge that says it covers a day at most" in note for note in found.notes)
    bill(tmp_path, focus_rows(last=FIRST + timedelta(days=20)))
    found = read(tmp_path, ENTRY)
    assert "cost_seen_daily" not in by_choice(found)
    assert any("21 days, 28 asked" in note for note in found.notes)


def test_budgets_are_held_against_each_month(tmp_path: Path) -> None:
    """July and August cost 3,100 each, the shop's part of it 2,976; whether an alert comes first is not in a bill."""
    bill(tmp_path, focus_rows())
    entry = "{file: bill.csv, kind: cost, team: team, budgets: {all: 3100, shop: 2976}}"
    shown = by_choice(read(tmp_path, entry))["cost_budgets"]
    assert shown.holds
    assert shown.because.startswith("2 budgets kept over 3 complete months")
    assert len(shown.short_of) == 1
    shown = by_choice(read(tmp_path, entry.replace("2976", "2975.99")))["cost_budgets"]
    assert not shown.holds
    assert shown.because.startswith(
        "2 budgets overspent: shop 2026-07 2,976.00 USD of 2,975.99 USD, shop 2026-08 2,976.00 USD"
    )


def test_a_month_that_is_not_over_keeps_no_budget_but_may_break_one(tmp_path: Path) -> None:
    """A budget kept up to the tenth is not kept."""
    bill(tmp_path, focus_rows(first=date(2026, 8, 1), last=date(2026, 9, 10)))
    entry = "{file: bill.csv, kind: cost, months: 2, budgets: {all: 3100}}"
    found = read(tmp_path, entry)
    assert "cost_budgets" not in by_choice(found)
    assert any("cost_budgets: 1 complete month, 2 asked" in note for note in found.notes)
    assert not by_choice(read(tmp_path, entry.replace("3100", "500")))["cost_budgets"].holds


def test_forecasts_are_compared_with_what_came(tmp_path: Path) -> None:
    """110 were forecast for each day that cost 100."""
    bill(tmp_path, [row | {"Forecast": "105" if row["Tags"] else "5"} for row in focus_rows()])
    entry = "{file: bill.csv, kind: cost, columns: {ForecastCost: forecast}, forecast-error: 10%}"
    shown = by_choice(read(tmp_path, entry))["cost_forecasts"]
    assert shown.holds
    assert shown.because.startswith("forecasts were 10 % off over 3 months, 10 % allowed")
    assert not by_choice(read(tmp_path, entry.replace("10%", "9.9%")))["cost_forecasts"].holds


def test_commitments_must_cover_and_be_used(tmp_path: Path) -> None:
    """By list price for what is covered, by cost for what is used."""
    rows = list(focus_rows())
    bill(tmp_path, rows)
    shown = by_choice(read(tmp_path, ENTRY))["cost_commitments"]
    assert shown.because.startswith(
        "commitments cover 100 % of what could be, 50 % asked; 100 % of them used, 90 % asked"
    )
    unused = rows[0] | {"EffectiveCost": "2000", "CommitmentDiscountStatus": "Unused", "ListCost": "0"}
    bill(tmp_path, [*rows, unused])
    shown = by_choice(read(tmp_path, ENTRY))["cost_commitments"]
    assert not shown.holds
    assert "81.54 % of them used" in shown.because
    standard = rows[0] | {"ListCost": "12000", "PricingCategory": "Standard", "CommitmentDiscountStatus": ""}
    bill(tmp_path, [*rows, standard])
    assert "cover 47.92 %" in by_choice(read(tmp_path, ENTRY))["cost_commitments"].because


def test_storage_classes_are_weighed_by_quantity(tmp_path: Path) -> None:
    """A terabyte in an archive costs little and is much."""
    rows = list(focus_rows())
    for index, row in enumerate(rows):
        row["x_Class"] = "" if index % 2 == 0 else "Standard" if index % 4 == 1 else "Glacier"
    bill(tmp_path, rows)
    entry = "{file: bill.csv, kind: cost, columns: {StorageClass: x_Class}}"
    shown = by_choice(read(tmp_path, entry))["cost_storage_tiers"]
    assert shown.holds
    assert shown.because.startswith("50 % of storage in cooler classes, 20 % asked (Glacier, Standard)")


def test_aws_own_report_is_understood(tmp_path: Path) -> None:
    """Version 2 of the Cost and Usage Report; how much of the commitments was used is not in its usage rows."""
    rows = [
        {
            "line_item_usage_start_date": f"2026-09-{day:02} 00:00:00",
            "line_item_usage_end_date": f"2026-09-{day:02} 23:59:59",
            "line_item_unblended_cost": cost,
            "line_item_currency_code": "USD",
            "line_item_line_item_type": kind,
            "line_item_usage_account_id": "111122223333",
            "pricing_public_on_demand_cost": cost,
            "resource_tags": tags,
        }
        for day in range(1, 31)
        for kind, cost, tags in (
            ("SavingsPlanCoveredUsage", "6", '{"user_team": "shop"}'),
            ("Usage", "4", '{"user_team": "shop"}'),
            ("SavingsPlanNegation", "-6", "{}"),
        )
    ]
    bill(tmp_path, rows)
    found = by_choice(read(tmp_path, ENTRY))
    assert {name: one.holds for name, one in found.items()} == {
        "cost_seen_daily": True,
        "cost_tagging": True,
        "cost_showback": True,
        "cost_commitments": True,
    }
    assert found["cost_commitments"].because.startswith("commitments cover 60 %")
    assert found["cost_commitments"].short_of == ("how much of the commitments was used is not in the file",)


def test_aws_legacy_report_is_understood(tmp_path: Path) -> None:
    """Its tags are columns."""
    rows = [
        {
            "lineItem/UsageStartDate": f"2026-09-{day:02}T00:00:00Z",
            "lineItem/UsageEndDate": f"2026-09-{day + 1:02}T00:00:00Z",
            "lineItem/UnblendedCost": "5",
            "lineItem/LineItemType": "Usage",
            "resourceTags/user:team": "shop",
        }
        for day in range(1, 30)
    ]
    bill(tmp_path, rows)
    assert by_choice(read(tmp_path, ENTRY))["cost_tagging"].because.startswith("100 % of 145.00 tagged with team")


def test_another_lens_says_which_practice_is_meant(tmp_path: Path) -> None:
    """And what it does not ask for is a mistake."""
    bill(tmp_path, focus_rows())
    entry = "{file: bill.csv, kind: cost, proves: {daily: {question: cost_plan, choice: cost_forecasts}}}"
    assert "daily figures" in by_choice(read(tmp_path, entry))["cost_forecasts"].because
    with pytest.raises(FileError, match=r"evidence\[0\]\.proves\.daily\.choice: got 'cost_x'"):
        read(tmp_path, entry.replace("cost_forecasts", "cost_x"))


def test_missing_columns_are_said_at_once(tmp_path: Path) -> None:
    """With the column that may have been meant."""
    write(tmp_path, "bill.csv", "Day,Costs\n2026-09-01,5\n")
    with pytest.raises(FileError) as caught:
        read(tmp_path, "{file: bill.csv, kind: cost}")
    assert [one.expected for one in caught.value.mistakes] == ["a column BilledCost", "a column ChargePeriodStart"]
    entry = "{file: bill.csv, kind: cost, columns: {ChargePeriodStart: day, BilledCost: cots}}"
    with pytest.raises(
        FileError, match=r"no column cots, expected the column that stands for BilledCost; did you mean"
    ):
        read(tmp_path, entry)


def test_every_wrong_cell_is_said_with_its_line(tmp_path: Path) -> None:
    """Numbers that are none, days to come, tags that are no mapping, rows cut short."""
    write(
        tmp_path,
        "bill.csv",
        "ChargePeriodStart,EffectiveCost,Tags\n"
        "2026-09-01,NaN,\n"
        "2027-09-01,5,\n"
        "2026-09-01,,\n"
        '2026-09-01,5,"[1]"\n'
        "2026-09-01,5\n",
    )
    with pytest.raises(FileError) as caught:
        read(tmp_path, "{file: bill.csv, kind: cost}")
    assert [(one.line, one.path) for one in caught.value.mistakes] == [
        (2, "EffectiveCost"),
        (3, "ChargePeriodStart"),
        (4, "EffectiveCost"),
        (5, "Tags"),
        (6, ""),
    ]


def test_two_currencies_cannot_be_added(tmp_path: Path) -> None:
    """So it is a mistake to try."""
    rows = list(focus_rows())
    rows[0]["BillingCurrency"] = "EUR"
    bill(tmp_path, rows)
    with pytest.raises(FileError, match="got EUR and USD, expected one currency"):
        read(tmp_path, ENTRY)


def test_an_empty_bill_shows_nothing(tmp_path: Path) -> None:
    """And that is said."""
    write(tmp_path, "bill.csv", "ChargePeriodStart,EffectiveCost\n")
    found = read(tmp_path, ENTRY)
    assert found.shown == []
    assert found.notes == ["bill.csv: no charge in it: it shows nothing"]


def test_semicolons_and_utf_16_are_understood(tmp_path: Path) -> None:
    """As spreadsheets write them."""
    text = "ChargePeriodStart;EffectiveCost;team\n2026-09-01;5;shop\n"
    (tmp_path / "bill.csv").write_bytes(text.encode("utf-16"))
    assert by_choice(read(tmp_path, ENTRY))["cost_tagging"].holds
