"""The parts by hand: the experiment with plain `chaos run`, the journey with plain `locust`, on a bed that is up."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.testbed import Bed, read_log
from tests.drill.drills import ROOT, WELLPROVEN
from tests.testbed.beds import bed_up, eventually, is_whole

pytestmark = pytest.mark.bed


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with bed_up("by-hand") as bed:
        yield bed


def variables(bed: Bed) -> dict[str, str]:
    """What `eval "$(wellproven testbed env)"` puts into a shell."""
    done = subprocess.run(
        ["sh", "-c", f'eval "$({WELLPROVEN} testbed env --name {bed.status().name})" && env'],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def test_the_journey_runs_with_plain_locust(bed: Bed, tmp_path: Path) -> None:
    """`locust -f loadtests/shop.py` places orders on the real shop, with Locust's own statistics and no failure."""
    locust = Path(sys.executable).with_name("locust")
    words = [
        locust,
        "-f",
        ROOT / "loadtests/shop.py",
        "--headless",
        "-t",
        "4s",
        "--host",
        bed.status().endpoints["edge"],
    ]
    done = subprocess.run(
        [*words, "--csv", tmp_path / "shop", "--only-summary"],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with (tmp_path / "shop_stats.csv").open() as file:
        rows = {(row["Type"], row["Name"]): row for row in csv.DictReader(file)}
    placed = next(row for (kind, _), row in rows.items() if kind == "POST")
    assert int(placed["Request Count"]) >= 1
    assert all(int(row["Failure Count"]) == 0 for row in rows.values())


def test_the_experiment_runs_with_plain_chaos_toolkit(bed: Bed, tmp_path: Path) -> None:
    """`chaos run` stops the zone's instances and starts them again; nothing of the harness takes part."""
    chaos = Path(sys.executable).with_name("chaos")
    journal = tmp_path / "journal.json"
    words = [chaos, "--no-version-check", "--no-log-file", "run", "--dry", "pause", "--rollback-strategy", "always"]
    done = subprocess.run(
        [*words, "--journal-path", journal, ROOT / "experiments/az-failure.yaml"],
        capture_output=True,
        text=True,
        env={**os.environ, **variables(bed)},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(journal.read_text())
    assert (told["status"], [run["status"] for run in told["run"] + told["rollbacks"]]) == (
        "completed",
        ["succeeded"] * 2,
    )
    log = Path(bed.status().log)
    eventually("the zone stopped", lambda: any(one["what"] == "zone.stopped" for one in read_log(log)), within_s=10)
    eventually("the bed is whole again", lambda: is_whole(bed), within_s=30)
