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


def test_utilisation_must_reach_its_target_and_rise(tmp_path: Path) -> None:
    """As percent or as a share."""
    entry = "{file: carbon.csv, kind: carbon, months: 1, utilisation: 40%}"
    for first, last, holds in (("35%", "0.45", True), ("0.50", "45%", False), ("20%", "39%", False)):
        write(tmp_path, "carbon.csv", f"month,kg_co2e,utilisation\n2026-01,1,{first}\n2026-02,1,{last}\n")
        assert by_choice(read(tmp_path, entry))["sus_utilisation"].holds is holds


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
