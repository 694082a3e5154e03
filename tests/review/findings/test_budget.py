"""Error budgets from history: covered, and not overspent."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import FileError
from harness.judge import error_ratios
from harness.judge.budget import Slices
from harness.review.findings.budget import History, spent
from harness.slo import BudgetingMethod, EmptySlices, LoadIndicator, Slo
from harness.units import NS_PER_S
from tests.review.findings.helpers import NOW, by_choice, read, write

SHOP = Path(__file__).parents[3] / "slos" / "shop.yaml"
ENTRY = "{file: budget.csv, kind: budget, objectives: shop.yaml, slos: [orders-accepted]}"
START = datetime(2026, 9, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shop's own promises: orders-accepted has a target of 99.5 % over 28 days."""
    (tmp_path / "shop.yaml").write_text(SHOP.read_text())
    return tmp_path


def history(folder: Path, hours: int, good: int = 1000, total: int = 1000, *, name: str = "orders-accepted") -> None:
    rows = "".join(
        f"{START + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ},{name},{good},{total}\n" for hour in range(hours)
    )
    write(folder, "budget.csv", f"at,slo,good,total\n{rows}")


def test_a_window_that_is_covered_and_not_overspent_holds(folder: Path) -> None:
    """998 of 1,000 where 995 are promised: two fifths of the budget, whole."""
    history(folder, 28 * 24, good=998)
    shown = by_choice(read(folder, ENTRY))["rel_error_budgets"]
    assert shown.holds
    assert shown.at == datetime(2026, 9, 29, tzinfo=UTC)
    assert shown.because == (
        "orders-accepted: 40 % of its budget spent over 28 d to 2026-09-29 00:00, 100 % of it covered; "
        "670,656 of 672,000 good"
    )


def test_what_the_built_in_practice_asks_beyond_figures_is_said(folder: Path) -> None:
    """Whoever names a practice of their own answers for the fit."""
    history(folder, 28 * 24)
    assert len(by_choice(read(folder, ENTRY))["rel_error_budgets"].short_of) == 1
    named = ENTRY.replace("slos:", "proves: {question: rel_change, choice: rel_error_budgets}, slos:")
    assert len(by_choice(read(folder, named))["rel_error_budgets"].short_of) == 1
    own = ENTRY.replace("slos:", "proves: {question: perf_measure, choice: perf_targets}, slos:")
    assert by_choice(read(folder, own))["perf_targets"].short_of == ()


def test_exactly_the_budget_is_kept_and_one_more_is_not(folder: Path) -> None:
    """The counts are exact; nothing is rounded before it is compared."""
    history(folder, 28 * 24, good=995)
    assert by_choice(read(folder, ENTRY))["rel_error_budgets"].holds
    path = folder / "budget.csv"
    path.write_text(path.read_text().replace("995,1000", "994,1000", 1))
    assert not by_choice(read(folder, ENTRY))["rel_error_budgets"].holds


def test_a_window_that_is_partly_covered_is_no_proof(folder: Path) -> None:
    """Half of it clean says nothing of the other half."""
    history(folder, 14 * 24)
    found = read(folder, ENTRY)
    assert found.shown == []
    assert "50 % of it covered" in found.notes[0]
    assert "partly covered, so it shows nothing" in found.notes[0]
    half = ENTRY.replace("slos:", "covered: 50%, slos:")
    assert by_choice(read(folder, half))["rel_error_budgets"].holds


def test_a_part_that_overspends_the_whole_window_refutes(folder: Path) -> None:
    """Even if the rest was good; three times the budget of half the window is more than all of it."""
    history(folder, 14 * 24, good=985)
    assert not by_choice(read(folder, ENTRY))["rel_error_budgets"].holds
    history(folder, 14 * 24, good=991)
    assert read(folder, ENTRY).shown == []


def test_older_rows_than_the_window_do_not_count(folder: Path) -> None:
    """The window ends with the last row."""
    history(folder, 30 * 24)
    path = folder / "budget.csv"
    path.write_text(path.read_text().replace("1000,1000", "0,1000", 40))
    assert by_choice(read(folder, ENTRY))["rel_error_budgets"].holds


def test_every_slo_that_is_asked_for_must_be_there(folder: Path) -> None:
    """Rows of others are left out, and that is said."""
    history(folder, 28 * 24, name="something-else")
    found = read(folder, ENTRY)
    assert found.shown == []
    assert found.notes == [
        "budget.csv: 1 SLO in it not looked at: something-else",
        "budget.csv: no row of orders-accepted: it shows nothing",
    ]


def test_one_row_does_not_say_how_long_its_slice_is(folder: Path) -> None:
    """The entry may."""
    history(folder, 1)
    found = read(folder, ENTRY)
    assert found.shown == []
    assert "say it under every" in found.notes[0]
    assert by_choice(read(folder, ENTRY.replace("slos:", "every: 28d, slos:")))["rel_error_budgets"].holds


def test_wrong_rows_are_said_at_once(folder: Path) -> None:
    """A slice twice, more good than there were, a time to come."""
    write(
        folder,
        "budget.csv",
        "at,slo,good,total\n"
        "2026-09-01T00:00:00Z,orders-accepted,9,10\n"
        "2026-09-01T00:00:00Z,orders-accepted,9,10\n"
        "2026-09-01T01:00:00Z,orders-accepted,11,10\n"
        "2027-09-01T01:00:00Z,orders-accepted,9,10\n"
        "2026-09-01T02:00:00Z,orders-accepted,,10\n",
    )
    with pytest.raises(FileError) as caught:
        read(folder, ENTRY)
    assert [(one.line, one.path) for one in caught.value.mistakes] == [(3, "at"), (4, "good"), (5, "at"), (6, "good")]


def test_times_ahead_of_now_are_no_slice_twice(folder: Path) -> None:
    """A table of local times may end ahead of UTC; which slices these are, nobody knows without the zone."""
    near = [f"{(NOW + timedelta(hours=hours)).replace(tzinfo=None):%Y-%m-%dT%H:%M:%S}" for hours in (1, 2)]
    write(folder, "budget.csv", "at,slo,good,total\n" + "".join(f"{at},orders-accepted,9,10\n" for at in near))
    with pytest.raises(FileError) as caught:
        read(folder, ENTRY)
    (mistake,) = caught.value.mistakes
    assert (mistake.line, mistake.got, mistake.expected) == (3, f"{near[1]}, ahead of now in UTC", "a time in the past")


def test_an_slo_that_nobody_promised_is_a_mistake(folder: Path) -> None:
    """With the one that may have been meant."""
    history(folder, 28 * 24)
    with pytest.raises(FileError, match="did you mean orders-accepted"):
        read(folder, ENTRY.replace("orders-accepted", "orders-acepted"))


def test_the_objectives_cannot_lie_outside_of_the_folder(folder: Path) -> None:
    """As no file of an entry can."""
    history(folder, 28 * 24)
    with pytest.raises(FileError, match="a file outside of this folder"):
        read(folder, ENTRY.replace("shop.yaml", "../shop.yaml"))


def slo(method: BudgetingMethod, empty: EmptySlices) -> Slo:
    return Slo(
        name="x",
        title="x",
        service="s",
        target=Fraction(9, 10),
        budgeting=method,
        slice_target=Fraction(3, 4) if method is BudgetingMethod.TIMESLICES else None,
        slice_window_ns=None if method is BudgetingMethod.OCCURRENCES else 2 * NS_PER_S,
        window_ns=20 * NS_PER_S,
        indicator=LoadIndicator(request="GET /", status=("2xx",)),
        empty_slices=empty,
        where="x:1",
    )


@settings(deadline=None)
@given(
    st.sampled_from(BudgetingMethod),
    st.sampled_from(EmptySlices),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=20, max_size=20),
)
def test_the_arithmetic_is_the_judges(
    method: BudgetingMethod, empty: EmptySlices, counts: list[tuple[int, int]]
) -> None:
    """What a drill's seconds would cost, the same seconds cost as history."""
    promised = slo(method, empty)
    slices = {second * NS_PER_S: (Fraction(good), Fraction(good + bad)) for second, (good, bad) in enumerate(counts)}
    good, bad = np.array(counts, dtype=np.int64).T
    ratios = error_ratios(promised, Slices(0, good, good + bad))
    if method is BudgetingMethod.OCCURRENCES:
        expected = bad.sum() / (good + bad).sum() if (good + bad).sum() else None
    else:
        expected = None if np.isnan(ratios).all() else np.nanmean(ratios)
    if expected is None:
        with pytest.raises(ValueError, match="in the window"):
            spent(History(promised, slices), NS_PER_S)
        return
    found = spent(History(promised, slices), NS_PER_S)
    assert float(found.share) == pytest.approx(float(expected) / 0.1)
    assert found.covered == 1
