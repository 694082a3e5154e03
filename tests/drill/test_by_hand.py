"""The parts by hand: every experiment with plain `chaos run`, the journey with plain `locust`, on a bed that is up."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.fault import envoy_abort, envoy_delay, surge
from harness.testbed import Bed, read_log
from tests.drill.drills import ROOT, WELLPROVEN
from tests.testbed.beds import bed_up, eventually, is_whole

pytestmark = pytest.mark.bed
EXPERIMENTS = [path for path in sorted((ROOT / "experiments").glob("*.yaml")) if path.stem != "targets"]


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


def chaos_run(bed: Bed, experiment: Path, journal: Path, *, pausing: bool = False) -> dict[str, Any]:
    """What plain `chaos run` tells of one experiment, by default without its pauses; no part of the harness helps."""
    chaos = Path(sys.executable).with_name("chaos")
    dry = [] if pausing else ["--dry", "pause"]
    words = [chaos, "--no-version-check", "--no-log-file", "run", *dry, "--rollback-strategy", "always"]
    done = subprocess.run(
        [*words, "--journal-path", journal, experiment],
        capture_output=True,
        text=True,
        env={**os.environ, **variables(bed)},
        timeout=120,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(journal.read_text()))


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_experiment_runs_with_plain_chaos_toolkit(experiment: Path, bed: Bed, tmp_path: Path) -> None:
    """Each activity succeeds, and afterwards every wire, zone and proxy of the bed is as it was."""
    eventually("the bed is whole", lambda: is_whole(bed), within_s=30)
    told = chaos_run(bed, experiment, tmp_path / "journal.json")
    statuses = {run["activity"]["name"]: run["status"] for run in told["run"] + told["rollbacks"]}
    assert told["status"] == "completed"
    assert set(statuses.values()) == {"succeeded"}, statuses
    assert len(told["rollbacks"]) >= 1
    eventually("the bed is whole again", lambda: is_whole(bed), within_s=30)
    proxies = httpx.get(f"{bed.status().endpoints['toxiproxy']}/proxies", trust_env=False).json()
    assert all(one["enabled"] and not one["toxics"] for one in proxies.values())
    admin = bed.status().endpoints["envoy_admin"]
    assert envoy_delay.is_healed(admin)
    assert envoy_abort.is_healed(admin)
    assert surge.is_healed()


def test_a_zone_is_really_stopped_by_hand(bed: Bed, tmp_path: Path) -> None:
    """The AWS call of plain `chaos run` ends the zone's processes."""
    eventually("the bed is whole", lambda: is_whole(bed), within_s=30)
    before = len(stops(bed))
    # Without any pause the instances may run again before the control plane's next look at them, as on AWS.
    brief = tmp_path / "az-failure.yaml"
    written = (ROOT / "experiments/az-failure.yaml").read_text()
    assert "after: 20" in written
    brief.write_text(written.replace("after: 20", "after: 2"))
    chaos_run(bed, brief, tmp_path / "journal.json", pausing=True)
    eventually("the zone stopped", lambda: len(stops(bed)) > before, within_s=10)
    eventually("the bed is whole again", lambda: is_whole(bed), within_s=30)


def stops(bed: Bed) -> list[object]:
    return [one for one in read_log(Path(bed.status().log)) if one["what"] == "zone.stopped"]
