"""Emissions: measured without gaps, falling as the goal says; utilisation beside them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.errors import FileError
from tests.review.findings.helpers import by_choice, read, write

ENTRY = "{file: carbon.csv, kind: carbon}"
GOAL = (
    "{file: carbon.csv, kind: carbon, months: 2, "
    "goal: {baseline: 2026-01, due: 2026-11, less-by: 20%, owner: platform}}"
)


def emissions(folder: Path, *kilograms: float, column: str = "kg_co2e_location", year: int = 2026) -> None:
    rows = "".join(f"{year}-{month:02},shop,{kg}\n" for month, kg in enumerate(kilograms, 1))
    write(folder, "carbon.csv", f"month,service,{column}\n{rows}")


def test_months_without_a_gap_prove_measurement(tmp_path: Path) -> None:
    """As of the last month's end."""
    emissions(tmp_path, 100, 90, 80)
    shown = by_choice(read(tmp_path, ENTRY))["sus_carbon_measurement"]
    assert shown.holds
    assert shown.short_of == ()
    assert shown.at == datetime(2026, 4, 1, tzinfo=UTC)
    assert shown.because == "3 months from 2026-01 to 2026-03 measured without a gap, for 1 service shop"


def test_a_gap_refutes_and_too_few_months_show_nothing(tmp_path: Path) -> None:
    """What is not there yet is no gap."""
    write(tmp_path, "carbon.csv", "month,kg_co2e\n2026-01,1\n2026-03,1\n")
    shown = by_choice(read(tmp_path, ENTRY))["sus_carbon_measurement"]
    assert not shown.holds
    assert shown.because == "no emissions for 1 month: 2026-02"
    emissions(tmp_path, 100, 90)
    found = read(tmp_path, ENTRY)
    assert found.shown == []
    assert "2 months measured, 3 asked" in found.notes[0]


@pytest.mark.parametrize(
    ("column", "short_of"),
    [
        ("kg_co2e", "whether figures are location-based is not said"),
        ("kg_co2e_market", "market-based figures alone"),
        ("total_mbm_emissions_value", "market-based figures alone"),
    ],
)
def test_figures_that_certificates_can_make_zero_are_partial(tmp_path: Path, column: str, short_of: str) -> None:
    """Location-based ones show what was emitted where the work ran."""
    emissions(tmp_path, 100, 90, 80, column=column)
    assert by_choice(read(tmp_path, ENTRY))["sus_carbon_measurement"].short_of == (short_of,)


def test_figures_for_no_service_are_partial(tmp_path: Path) -> None:
    """A sum for a company changes nothing in a design."""
    write(tmp_path, "carbon.csv", "month,kg_co2e_location\n2026-01,1\n2026-02,1\n2026-03,1\n")
    assert by_choice(read(tmp_path, ENTRY))["sus_carbon_measurement"].short_of == ("not measured for each service",)


@pytest.mark.parametrize(
    ("rows", "missing"),
    [
        ("2026-07,a,1 2026-07,b,1 2026-08,a,1 2026-09,,1", "figures of no service in 2026-09"),
        ("2026-07,a,1 2026-08,,9 2026-08,a,1 2026-09,a,1", "figures of no service in 2026-08"),
        ("2026-06,a,1 2026-07,,1 2026-08,,0 2026-09,a,1", "figures of no service in 2026-07, 2026-08"),
        ("2026-07,a,1 2026-07,b,1 2026-08,a,1 2026-09,a,1 2026-09,b,1", "no figure of b in 2026-08"),
        (
            "2026-05,a,1 2026-05,b,1 2026-06,a,1 2026-07,a,1 2026-08,b,1 2026-09,a,1 2026-09,b,1",
            "no figure of b in 2026-06 to 2026-07, a in 2026-08",
        ),
        (
            "2026-06,a,1 2026-06,b,1 2026-07,a,1 2026-08,,1 2026-09,a,1 2026-09,b,1",
            "figures of no service in 2026-08; no figure of b in 2026-07",
        ),
    ],
)
def test_a_month_without_each_service_is_partial(tmp_path: Path, rows: str, missing: str) -> None:
    """Every figure names a service, and each service has one in every month from its first to its last."""
    write(tmp_path, "carbon.csv", "month,service,kg_co2e_location\n" + rows.replace(" ", "\n") + "\n")
    shown = by_choice(read(tmp_path, ENTRY))["sus_carbon_measurement"]
    assert shown.holds
    assert shown.short_of == (f"not measured for each service: {missing}",)


def test_services_may_begin_and_end(tmp_path: Path) -> None:
    """Which ones have no figure in the last month is said; what is of no service and nothing takes nothing away."""
    rows = "2026-07,a,1\n2026-07,b,1\n2026-08,b,1\n2026-08,c,0\n2026-08,,0\n2026-09,c,1\n"
    write(tmp_path, "carbon.csv", f"month,service,kg_co2e_location\n{rows}")
    shown = by_choice(read(tmp_path, ENTRY))["sus_carbon_measurement"]
    assert shown.short_of == ()
    assert shown.because.endswith("for 3 services a, b, c, no more for a, b in 2026-09")


def test_aws_export_is_understood(tmp_path: Path) -> None:
    """Tonnes, location-based before market-based, several rows a month."""
    rows = "".join(
        f"2026-0{month}-01 00:00:00Z,{product},0.05,0.0\n"
        for month in (1, 2, 3)
        for product in ("AmazonEC2", "AmazonS3")
    )
    header = "usage_period_start,product_code,total_lbm_emissions_value,total_mbm_emissions_value\n"
    write(tmp_path, "carbon.csv", header + rows)
    goal = "{baseline: 2026-01, due: 2026-06, less-by: 0%, owner: a}"
    found = by_choice(read(tmp_path, f"{{file: carbon.csv, kind: carbon, months: 1, goal: {goal}}}"))
    assert found["sus_carbon_measurement"].because.endswith("for 2 services AmazonEC2, AmazonS3")
    assert found["sus_goals"].because.startswith("100.0 kg CO2e a month up to 2026-03, 100.0 kg CO2e allowed")


def test_a_goal_is_a_line_from_the_baseline_to_its_date(tmp_path: Path) -> None:
    """Five of ten months on, half of the 20 % must be gone: 90 of 100."""
    emissions(tmp_path, 100, 100, 100, 100, 90, 90)
    shown = by_choice(read(tmp_path, GOAL))["sus_goals"]
    assert shown.holds
    assert shown.because == (
        "90.0 kg CO2e a month up to 2026-06, 90.0 kg CO2e allowed on the way from 100.0 kg CO2e to 20 % less by "
        "2026-11; owner: platform"
    )
    emissions(tmp_path, 100, 100, 100, 100, 90, 91)
    assert not by_choice(read(tmp_path, GOAL))["sus_goals"].holds


def test_a_goal_without_figures_after_its_baseline_shows_nothing(tmp_path: Path) -> None:
    """Nor is a goal judged across a gap, and without a goal nothing is said of goals."""
    emissions(tmp_path, 100, 100)
    found = read(tmp_path, GOAL)
    assert "sus_goals" not in by_choice(found)
    assert any("sus_goals: not 2 months from 2026-01 on" in note for note in found.notes)
    emissions(tmp_path, 100, 90, 80)
    assert "sus_goals" not in by_choice(read(tmp_path, ENTRY))


@pytest.mark.parametrize("due", ["2026-05", "2026-04", "2025-12"])
def test_a_goal_lies_after_its_baseline(tmp_path: Path, due: str) -> None:
    """Months are compared as months; one that is over when it begins would let emissions rise, or divide by nothing."""
    emissions(tmp_path, *range(100, 110))
    goal = f"{{baseline: 2026-05, due: {due}, less-by: 10%, owner: a}}"
    with pytest.raises(FileError) as caught:
        read(tmp_path, f"{{file: carbon.csv, kind: carbon, goal: {goal}}}")
    [mistake] = caught.value.mistakes
    assert (mistake.line, mistake.path, mistake.got) == (2, "evidence[0].goal.due", repr(due))
    assert mistake.expected == "a month after the baseline"
    assert mistake.way_out == "say by when it is to be reached"


@pytest.mark.parametrize(
    "month",
    [
        "2026-4",
        "2026-5",
        "26-05",
        "2026-005",
        "2026-13",
        "0000-01",
        "2026-05-01",
        "\u0662\u0660\u0662\u0666-\u0660\u0665",
    ],
)
@pytest.mark.parametrize("key", ["baseline", "due"])
def test_a_month_is_written_with_four_and_two_digits(tmp_path: Path, key: str, month: str) -> None:
    """What could be read in two ways is not guessed at, and one mistake is said once."""
    emissions(tmp_path, *range(100, 110))
    months = {"baseline": "2026-05", "due": "2026-12"} | {key: month}
    goal = f"{{baseline: '{months['baseline']}', due: '{months['due']}', less-by: 10%, owner: a}}"
    with pytest.raises(FileError) as caught:
        read(tmp_path, f"{{file: carbon.csv, kind: carbon, goal: {goal}}}")
    [mistake] = caught.value.mistakes
    assert (mistake.line, mistake.path) == (2, f"evidence[0].goal.{key}")
    assert mistake.expected == "a month such as 2027-03"


def test_a_month_of_the_table_has_two_digits_too(tmp_path: Path) -> None:
    """As a goal's has."""
    write(tmp_path, "carbon.csv", "month,kg_co2e\n2026-4,1\n")
    with pytest.raises(FileError, match=r"carbon\.csv:2: month: got '2026-4'"):
        read(tmp_path, ENTRY)


@pytest.mark.parametrize(
    ("months", "baseline", "due"), [(3, "9999-11", "9999-12"), (120, "9995-01", "9999-12"), (1, "0001-01", "9999-12")]
)
def test_a_goal_beyond_all_figures_shows_nothing(tmp_path: Path, months: int, baseline: str, due: str) -> None:
    """However far away it is."""
    emissions(tmp_path, *range(100, 110))
    goal = f"{{baseline: {baseline}, due: {due}, less-by: 10%, owner: a}}"
    found = read(tmp_path, f"{{file: carbon.csv, kind: carbon, months: {months}, goal: {goal}}}")
    assert "sus_goals" not in by_choice(found)
    assert any(f"sus_goals: not {months} months from {baseline} on" in note for note in found.notes)


def test_utilisation_must_reach_its_target_and_rise(tmp_path: Path) -> None:
    """As percent or as a share."""
    entry = "{file: carbon.csv, kind: carbon, months: 1, utilisation: 40%}"
    for first, last, holds in (("35%", "0.45", True), ("0.50", "45%", False), ("20%", "39%", False)):
        write(tmp_path, "carbon.csv", f"month,kg_co2e,utilisation\n2026-01,1,{first}\n2026-02,1,{last}\n")
        assert by_choice(read(tmp_path, entry))["sus_utilisation"].holds is holds


def test_utilisation_is_as_old_as_its_own_newest_figure(tmp_path: Path) -> None:
    """Emissions that go on say nothing of how much was used since."""
    old = "".join(f"2025-0{month},shop,1,{40 + month}%\n" for month in range(1, 7))
    later = (*((2025, month) for month in range(7, 13)), *((2026, month) for month in range(1, 10)))
    rows = old + "".join(f"{year}-{month:02},shop,1,\n" for year, month in later)
    write(tmp_path, "carbon.csv", f"month,service,kg_co2e,utilisation\n{rows}")
    found = by_choice(read(tmp_path, "{file: carbon.csv, kind: carbon, utilisation: 40%}"))
    assert found["sus_utilisation"].holds
    assert found["sus_utilisation"].at == datetime(2025, 7, 1, tzinfo=UTC)
    assert found["sus_carbon_measurement"].at == datetime(2026, 10, 1, tzinfo=UTC)


def test_a_gap_in_utilisation_refutes_it(tmp_path: Path) -> None:
    """As one in emissions does, however few months there are."""
    entry = "{file: carbon.csv, kind: carbon, months: 1, utilisation: 40%}"
    rows = "2026-01,1,40%\n2026-02,1,\n2026-03,1,\n2026-04,1,45%\n"
    write(tmp_path, "carbon.csv", f"month,kg_co2e,utilisation\n{rows}")
    shown = by_choice(read(tmp_path, entry))["sus_utilisation"]
    assert not shown.holds
    assert shown.because == "no utilisation for 2 months: 2026-02, 2026-03"
    assert by_choice(read(tmp_path, entry))["sus_carbon_measurement"].holds


def test_the_running_month_counts_from_its_beginning(tmp_path: Path) -> None:
    """Its end is still to come."""
    write(tmp_path, "carbon.csv", "month,kg_co2e\n2026-08,1\n2026-09,1\n2026-10,1\n")
    assert by_choice(read(tmp_path, ENTRY))["sus_carbon_measurement"].at == datetime(2026, 10, 1, tzinfo=UTC)


def test_wrong_cells_are_said_at_once(tmp_path: Path) -> None:
    """A month to come, a negative amount, a share above one."""
    write(tmp_path, "carbon.csv", "month,kg_co2e,utilisation\n2026-11,1,\n2026-01,-1,\n2026-02,1,130%\nmay,1,\n")
    with pytest.raises(FileError) as caught:
        read(tmp_path, ENTRY)
    assert [(one.line, one.path) for one in caught.value.mistakes] == [
        (2, "month"),
        (3, "kg_co2e"),
        (4, "utilisation"),
        (5, "month"),
    ]
