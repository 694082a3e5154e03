"""A guard that trips, on the real bed: the fault is undone while the drill is far from its end."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.guard_times import guarded, times
from harness.record import Kind, read_record
from harness.units import NS_PER_S
from tests.drill.drills import DRILL_S, ROOT, WELLPROVEN
from tests.testbed.beds import bed_up, eventually, is_whole

pytestmark = pytest.mark.bed
# Far above what is measured (benchmarks/guard_times.py shows it): a machine shared with others is slow at times, and a
# guard that waits for the end of the fault phase, 14 s, fails here all the same.
UNDO_S_MAX = 6.0


def test_a_guard_that_trips_undoes_the_loss_of_a_zone(tmp_path: Path) -> None:
    """The rule is named, the undo begins within seconds of the first bad order, the bed is whole, nothing is met."""
    with bed_up("guard") as bed:
        command = [WELLPROVEN, "drill", guarded(tmp_path), "--quick", "--testbed", bed.status().name]
        done = subprocess.run(
            [*command, "--runs", tmp_path / "runs"], cwd=ROOT, capture_output=True, text=True, timeout=DRILL_S,
            check=False,
        )  # fmt: skip
        eventually("the bed is whole again", lambda: is_whole(bed), within_s=30)
    record = read_record(tmp_path / "runs/latest")
    found = times(record)
    assert found is not None, done.stderr
    print(f"{found.rule}: bad to trip {found.bad_to_trip_s:.2f} s, trip to undo {found.trip_to_undo_s:.2f} s")
    assert found.rule in ("burn", "latency")
    assert found.bad_to_undo_s < UNDO_S_MAX
    assert done.returncode in (1, 2), done.stderr
    end = record.first(Kind.RUN_END)
    assert end is not None
    assert end.data["how"] == "guard"
    assert record.plan.reach is not None
    assert record.plan.reach.reaches[0].hits == 1


def test_the_guard_of_the_zone_s_loss_stops_what_no_verdict_needs(tmp_path: Path) -> None:
    """Orders that stay away, in a drill that would go on for a minute: stopped after 20 s; the RTO was over by then.

    A bed that fails over does not trip it (test_az_failure.py), nor is a bed that does not in a drill of usual length.
    """
    text = (ROOT / "experiments/az-failure.yaml").read_text()
    phases = "    phases: {baseline: 15s, fault: 60s, recovery: 15s}\n"
    (tmp_path / "long.yaml").write_text(text.replace("    disruption: az", f"{phases}    disruption: az", 1))
    with bed_up("guard-az", failover=False) as bed:
        command = [WELLPROVEN, "drill", tmp_path / "long.yaml", "--quick", "--testbed", bed.status().name]
        done = subprocess.run(
            [*command, "--runs", tmp_path / "runs"], cwd=ROOT, capture_output=True, text=True, timeout=DRILL_S,
            check=False,
        )  # fmt: skip
        eventually("the bed is whole again", lambda: is_whole(bed), within_s=30)
    record = read_record(tmp_path / "runs/latest")
    tripped, inject = record.first(Kind.GUARD), record.first(Kind.FAULT_BEGIN)
    assert tripped is not None, done.stderr
    assert inject is not None
    assert tripped.name in ("error-ratio", "latency")
    assert 18 < (tripped.at_ns - inject.at_ns) / NS_PER_S < 30
    assert done.returncode in (1, 2), done.stderr
