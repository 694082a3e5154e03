"""Every experiment beside the core drills, a healthy bed stands it. Weak ones: test_weak_beds.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.testbed import Bed
from tests.drill.drills import ROOT, drill, drill_once, is_cut_short
from tests.testbed.beds import bed_up

pytestmark = pytest.mark.bed
EXPERIMENTS = (
    "instance-lost",
    "dependency-errors",
    "traffic-surge",
    "slow-under-surge",
    "database-killed",
    "cache-lost",
    "replication-slow",
    "replication-cut",
    "zone-blackhole",
)


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with bed_up("faults") as bed:
        yield bed


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_a_healthy_bed_stands_it(experiment: str, bed: Bed, tmp_path: Path) -> None:
    """One drill after another on one bed: each finds it whole, each is met, each is undone."""
    found = drill(bed.status().name, tmp_path, experiment)
    assert found.unmet == {}


def test_a_fault_that_reaches_no_traffic_proves_nothing(bed: Bed, tmp_path: Path) -> None:
    """The action succeeds and delays none of the requests: unknown, and it says what was not seen."""
    text = (ROOT / "experiments/latency.yaml").read_text()
    assert text.count("delay_ms: ${delay_ms}") == 1
    folder = tmp_path / "experiments"
    folder.mkdir()
    (folder / "idle.yaml").write_text(
        text.replace("        delay_ms: ${delay_ms}", "        delay_ms: ${delay_ms}\n        percent: 0")
    )
    words = ("idle", "--experiments", str(folder))
    found = drill_once(bed.status().name, tmp_path, *words, spoilt=lambda one: one.exit_code != 2 or is_cut_short(one))
    assert found.exit_code == 2
    assert found.outcome("fault applied") == "unknown"
    assert "answers are delayed" in found.because("fault applied")
    assert {found.outcome(one) for one in ("shop-software RTO", "pricing not waited for")} == {"unknown"}
