"""A guard that trips, on the real bed: the fault is undone while the drill is far from its end."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.guard_times import guarded, times
from harness.record import Kind, read_record
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
