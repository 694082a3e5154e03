"""The main job on the real test bed, from the command line to the verdict, checked against the test bed's own log."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from harness.fault import open_entries
from harness.judge import Outcome
from harness.record import Kind, read_events, read_record
from harness.testbed import Bed, read_log
from harness.units import NS_PER_S
from tests.drill.damage import damaged, each_cut
from tests.drill.drills import WELLPROVEN, Drilled, drill, start
from tests.testbed.beds import bed_up, eventually, is_whole, processes_of, running, survivors

pytestmark = pytest.mark.bed
LOGGED_LATE_S = 0.25  # the bed writes down what has happened already


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with bed_up("az") as bed:
        yield bed


@pytest.fixture(scope="module")
def drilled(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Drilled:
    """One drill of a healthy bed, looked at by several tests."""
    return drill(bed.status().name, tmp_path_factory.mktemp("runs"))


def logged_ns(bed: Bed, what: str, near_ns: int) -> int:
    """When the bed says it happened: the entry nearest to an instant."""
    times = [entry["at_ns"] for entry in read_log(Path(bed.status().log)) if entry["what"] == what]
    return min(times, key=lambda at_ns: abs(at_ns - near_ns))


def test_a_bed_that_fails_over_meets_every_promise(drilled: Drilled) -> None:
    """The loss of a zone is met: SLOs kept before and after, RTO and RPO held, the fault seen and undone."""
    assert drilled.unmet == {}
    assert drilled.exit_code == 0
    assert drilled.verdict["schema"] == "wellproven/verdict/v1"


def test_the_recovery_time_agrees_with_the_beds_own_log(bed: Bed, drilled: Drilled) -> None:
    """Orders failed from the zone's death on and came back after the promotion, never before it."""
    record = read_record(drilled.run)
    inject = record.first(Kind.FAULT_BEGIN)
    begin = record.first(Kind.RUN_BEGIN)
    assert inject is not None
    assert begin is not None
    recovery = drilled.verdict["recovery"]["orders-accepted"]
    died_s = (logged_ns(bed, "zone.stopped", inject.at_ns) - begin.at_ns) / NS_PER_S
    promoted_s = (logged_ns(bed, "standby.promoted", inject.at_ns) - begin.at_ns) / NS_PER_S
    interval_s = recovery["resolution_s"]
    assert recovery["inject_s"] <= died_s <= recovery["inject_s"] + 1.0
    # A request that was under way when the zone died was planned a little before that.
    assert died_s - 2.0 - interval_s <= recovery["effect_s"] <= died_s + 0.5
    assert recovery["recovered_s"]["upper"] >= promoted_s - LOGGED_LATE_S
    assert recovery["recovered_s"]["upper"] <= promoted_s + 3.0
    assert recovery["rta_inject_s"]["upper"] == pytest.approx(
        recovery["recovered_s"]["upper"] - recovery["inject_s"], abs=1e-6
    )


def test_the_ledger_agrees_with_what_the_database_holds(bed: Bed, drilled: Drilled) -> None:
    """Survivors are the rows the writer holds now, and acknowledged orders are counted from the requests."""
    record = read_record(drilled.run)
    prefix = record.plan.profile.id_prefix
    with httpx.Client(base_url=bed.status().endpoints["edge"]) as client:
        held = survivors(client, f"{prefix}-")
    assert record.survivors is not None
    assert sorted(record.survivors) == sorted(held)
    data = drilled.verdict["data"]
    assert data["survived"] == len(held)
    assert data["acknowledged"] - data["lost"] + data["recovered"] == len(held)
    assert (data["unexpected"], data["resurrected"], data["duplicates"]) == (0, 0, 0)


def test_the_lost_zone_served_nothing_while_it_was_lost(bed: Bed, drilled: Drilled) -> None:
    """Evidence is what the traffic shows: no answer of the zone between its death and its return."""
    record = read_record(drilled.run)
    inject = record.first(Kind.FAULT_BEGIN)
    assert inject is not None
    died_ns = logged_ns(bed, "zone.stopped", inject.at_ns)
    back_ns = logged_ns(bed, "zone.starting", died_ns + 15 * NS_PER_S)
    lost = record.plan.evidence[0].zone_silent  # the primary's zone, which an earlier drill may have moved
    assert lost is not None
    zone = record.requests["zone"] == record.zones.index(lost)
    done_ns = record.requests["done_ns"]
    assert (zone & (done_ns < died_ns)).sum() > 100
    assert (zone & (done_ns > died_ns + NS_PER_S // 10) & (done_ns < back_ns)).sum() == 0
    assert (zone & (done_ns > back_ns)).sum() > 0


def test_the_bed_is_whole_again_after_the_drill(bed: Bed, drilled: Drilled) -> None:
    """All zones up, a primary and a standby: nothing of the fault is left."""
    del drilled
    eventually("the bed is whole", lambda: is_whole(bed), within_s=30)


def test_a_record_whose_zones_or_survivors_were_cut_is_not_met(drilled: Drilled, tmp_path: Path) -> None:
    """At thirty seeded places each, without a seal that would tell; least of all what rests on them."""
    whole = damaged(drilled.run, tmp_path, lambda _: None)
    assert whole is not None
    assert whole.outcome is Outcome.MET
    (rpo,) = (one.promise for one in whole.verdicts if one.promise.endswith(" RPO"))
    for name, promise in (("zones-0.txt", "fault applied"), ("survivors.txt", rpo)):
        for share, found in each_cut(drilled.run, tmp_path, name):
            assert found
            assert found[promise] != "met", (name, share)


def test_every_arrival_is_accounted_for(drilled: Drilled) -> None:
    """Sent + waiting + expired = planned, to the request, and each has its record."""
    load = drilled.verdict["load"]
    assert load["sent"] + load["waiting"] + load["expired"] == load["planned"]
    assert len(read_record(drilled.run).requests) == load["planned"]


def test_judging_again_gives_the_same_verdicts(drilled: Drilled) -> None:
    """`judge RUN` reads the stored record alone and comes to the same as the drill did, byte for byte."""
    again = subprocess.run([WELLPROVEN, "judge", drilled.run, "--json"], capture_output=True, text=True, check=False)
    assert (drilled.run / "verdict.json").read_text() == again.stdout
    assert json.loads(again.stdout)["run"] == drilled.verdict["run"]
    assert again.returncode in (0, 2)
    assert (drilled.run / "report.html").stat().st_size > 100_000


def wait_for_fault(runs: Path) -> None:
    """Wait until the drill has broken something."""

    def begun() -> bool:
        events, _ = read_events(runs / "latest" / "events.jsonl")
        return any(event.kind is Kind.FAULT_CALLED for event in events)

    eventually("the fault began", begun, within_s=90)


def test_a_drill_killed_half_way_is_readable_and_unknown_and_leaves_no_process(tmp_path: Path) -> None:
    """SIGKILL in the fault phase: bed, load and experiment go with it; the record still reads, and proves nothing."""
    process = start("none-of-that-name", tmp_path, tmp_path / "log")
    try:
        wait_for_fault(tmp_path)
        family = [child for child in psutil.Process(process.pid).children(recursive=True)]  # noqa: C416
        assert len(family) > 8
    finally:
        process.kill()
        process.wait()
    # Its target is gone, and the fault with it: nobody waits for a healing that cannot come.
    eventually("no process is left", lambda: running(family) == [], within_s=30)
    assert open_entries() == {}
    again = subprocess.run(
        [WELLPROVEN, "judge", tmp_path / "latest", "--json"], capture_output=True, text=True, check=False
    )
    assert again.returncode == 2, again.stderr
    assert "breaks off" in next(
        one["because"] for one in json.loads(again.stdout)["verdicts"] if one["promise"] == "run complete"
    )
    assert len(read_record(tmp_path / "latest").requests) > 1000


def test_a_drill_killed_half_way_leaves_no_fault_behind(bed: Bed, tmp_path: Path) -> None:
    """On a bed that lives on, the experiment's own process undoes the fault when the drill is gone."""
    process = start(bed.status().name, tmp_path, tmp_path / "log")
    try:
        wait_for_fault(tmp_path)
    finally:
        process.kill()
        process.wait()
    eventually("the bed is whole again", lambda: is_whole(bed), within_s=30)


def test_ctrl_c_in_the_fault_phase_undoes_and_judges(bed: Bed, tmp_path: Path) -> None:
    """One Ctrl-C: undone, drained, judged, exit 2; the record says who stopped it."""
    eventually("the bed is whole", lambda: is_whole(bed), within_s=30)
    process = start(bed.status().name, tmp_path, tmp_path / "log")
    family = []
    try:
        wait_for_fault(tmp_path)
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 2, (tmp_path / "log").read_text()
    finally:
        process.kill()
        process.wait()
    eventually("no process of the drill is left", lambda: running(family) == [], within_s=10)
    eventually("the bed is whole again", lambda: is_whole(bed), within_s=30)
    assert "interrupted: the operator asked to stop" in " ".join((tmp_path / "log").read_text().split())


def test_a_bed_that_is_taken_down_leaves_no_process() -> None:
    """After `down` the process table knows none of it."""
    with bed_up("down") as bed:
        family = processes_of(bed.status().pid)
    eventually("no process is left", lambda: running(family) == [], within_s=10)
