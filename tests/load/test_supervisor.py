"""The load as the supervisor holds it: begun together, stopped in order, never outliving it."""

import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from harness.clock import SystemClock
from harness.errors import FileError, NotAvailableError, UsageError
from harness.load import start
from harness.plan import SURGE_SEQ
from harness.record.requests import FLAG_FALLBACK, REQUEST, Outcome, read_requests
from harness.record.workers import WorkerReport

ORPHAN = """
import sys, time
from pathlib import Path
from harness.clock import SystemClock
from harness.load import start
from harness.plan.profile import Profile
load = start(Profile.model_validate_json(sys.argv[1]), Path(sys.argv[2]), clock=SystemClock())
print(*load.pids, flush=True)
time.sleep(60)
"""


def is_running(pid):
    """Whether a process still runs; one that nobody has buried yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def test_the_supervisor_side_imports_neither_locust_nor_gevent():
    """They replace parts of the standard library; in the supervisor nothing may."""
    code = "import harness.load, sys; sys.exit(bool({'locust', 'gevent'} & sys.modules.keys()))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


@pytest.mark.parametrize(
    ("routes", "error", "said"),
    [
        ([{"name": "r"}, {"name": "r"}], UsageError, "same name"),
        ([{"name": "r", "path": "x"}], UsageError, "write /x"),
        ([{"name": "r", "journey": "nowhere.py:Browse"}], FileError, "existing file"),
        ([{"name": "r", "journey": "loadtests/shop.py"}], FileError, "FILE.py:Class"),
        ([{"name": "r", "stages": [{"duration_s": 1e6, "rate_per_s": "1000"}]}], UsageError, "1,000,000,000 arrivals"),
    ],
)
def test_a_profile_that_cannot_be_driven_starts_nothing(tmp_path, profile_for, routes, error, said):
    """The message names the way out, and no file is written."""

    class Nowhere:
        url = "http://127.0.0.1:9"

    with pytest.raises(error, match=said):
        start(profile_for(Nowhere, routes=routes), tmp_path, clock=SystemClock())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_worker_that_does_not_become_ready_says_why(tmp_path, profile_for, serve):
    """What it last said is in the error; no process is left."""
    profile = profile_for(serve("shop"), routes=[{"name": "r", "journey": "loadtests/shop.py:Steal"}])
    with pytest.raises(NotAvailableError, match=r"no journey 'Steal', expected one of: Browse, Buy"):
        start(profile, tmp_path, clock=SystemClock())


@pytest.mark.slow
def test_workers_begin_together_share_the_arrivals_and_stop_in_order(tmp_path, profile_for, serve, wait_for):
    """Two workers make the arrivals of one load; the records can be followed live; stop may be called twice."""
    profile = profile_for(serve("plain"), rate="200", duration_s=60, workers=2)
    load = start(profile, tmp_path, clock=SystemClock())
    try:
        assert load.begin_ns > time.monotonic_ns() - 100_000_000
        files = [tmp_path / f"requests-{worker}.bin" for worker in range(2)]
        wait_for(lambda: all(len(read_requests(file)) > 50 for file in files), "records to be followed live")
        assert load.poll() == []
        load.stop()
        load.stop()
    finally:
        load.kill()
    assert load.poll() == []
    assert load.is_over
    reports = [WorkerReport.model_validate_json((tmp_path / f"load-{worker}.json").read_text()) for worker in range(2)]
    assert {report.begin_ns for report in reports} == {load.begin_ns}
    for worker, report in enumerate(reports):
        records = read_requests(files[worker])
        assert set((records["seq"] % 2).tolist()) == {worker} == set(records["worker"].tolist())
        assert len(records) == report.routes["GET /"].planned == report.routes["GET /"].sent
        assert records["planned_ns"].max() < report.end_ns


@pytest.mark.slow
def test_a_load_may_be_stopped_before_its_first_arrival(tmp_path, profile_for, serve):
    """Nothing is planned then, nothing sent, and the report says so."""
    load = start(profile_for(serve("plain"), rate="200", duration_s=60), tmp_path, clock=SystemClock())
    load.stop()
    assert load.poll() == []
    report = WorkerReport.model_validate_json((tmp_path / "load-0.json").read_text())
    assert report.routes["GET /"].planned == len(read_requests(tmp_path / "requests-0.bin"))
    assert report.end_ns <= load.begin_ns + 1_000_000_000


@pytest.mark.slow
def test_a_worker_that_dies_is_a_problem_and_what_it_wrote_stays(tmp_path, profile_for, serve, wait_for):
    """Its exit is told in the shell's way: 128 and the signal."""
    load = start(profile_for(serve("plain"), rate="200", duration_s=60, workers=2), tmp_path, clock=SystemClock())
    try:
        wait_for(lambda: len(read_requests(tmp_path / "requests-1.bin")) > 20, "some records")
        os.kill(load.pids[1], signal.SIGKILL)
        wait_for(lambda: load.poll() == ["worker 1 died (exit 137)"], "the death to be noticed")
        load.stop()
    finally:
        load.kill()
    assert load.poll() == ["worker 1 died (exit 137)"]
    assert (tmp_path / "load-0.json").exists()


@pytest.mark.slow
def test_a_signal_to_a_worker_stops_it_in_order(tmp_path, profile_for, serve, wait_for):
    """SIGTERM or SIGINT: no record is lost, and the report is written."""
    load = start(profile_for(serve("plain"), rate="200", duration_s=60, workers=2), tmp_path, clock=SystemClock())
    files = [tmp_path / f"requests-{worker}.bin" for worker in range(2)]
    try:
        wait_for(lambda: all(len(read_requests(file)) > 20 for file in files), "some records")
        os.kill(load.pids[0], signal.SIGTERM)
        os.kill(load.pids[1], signal.SIGINT)
        wait_for(lambda: load.is_over, "the workers to end")
        load.stop()
    finally:
        load.kill()
    assert load.poll() == []
    for worker, file in enumerate(files):
        report = WorkerReport.model_validate_json((tmp_path / f"load-{worker}.json").read_text())
        assert len(read_requests(file)) == report.routes["GET /"].planned


@pytest.mark.slow
def test_the_load_stops_within_three_seconds_of_the_supervisors_death(tmp_path, profile_for, serve, wait_for):
    """Also by SIGKILL, also when nothing is answered; the record is whole, and what was under way is in it."""
    ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    server = serve("script", answers={"/answered": ok, "/hanging": ""})
    routes = [{"name": path, "path": path} for path in ("/answered", "/hanging")]
    profile = profile_for(server, rate="60", duration_s=60, timeout_s=30, routes=routes)
    command = [sys.executable, "-c", ORPHAN, profile.model_dump_json(), str(tmp_path)]
    file = tmp_path / "requests-0.bin"
    with subprocess.Popen(command, stdout=subprocess.PIPE) as supervisor:
        pid = int(supervisor.stdout.readline())
        wait_for(lambda: len(read_requests(file)) > 20, "some records")
        supervisor.kill()
    died = time.monotonic()
    try:
        wait_for(lambda: not is_running(pid), "the worker to end", 5)
        assert time.monotonic() - died < 3
    finally:
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)
    assert file.stat().st_size % REQUEST.itemsize == 0
    records = read_requests(file)
    report = WorkerReport.model_validate_json((tmp_path / "load-0.json").read_text())
    assert len(records) == sum(count.planned for count in report.routes.values())
    assert set(records["outcome"][records["route"] == 0].tolist()) == {Outcome.ANSWERED}
    assert set(records["outcome"][records["route"] == 1].tolist()) == {Outcome.BROKEN}


@pytest.mark.slow
def test_a_worker_that_hangs_is_killed_at_the_deadline_and_told_of(tmp_path, profile_for, serve, wait_for):
    """stop() comes back whatever the worker does."""
    load = start(profile_for(serve("plain"), rate="50", duration_s=60), tmp_path, clock=SystemClock())
    try:
        wait_for(lambda: len(read_requests(tmp_path / "requests-0.bin")) > 5, "some records")
        os.kill(load.pids[0], signal.SIGSTOP)
        load.stop(deadline_s=0.3)
    finally:
        load.kill()
    assert load.poll()[0] == "worker 0 did not end when told to; killed"
    assert len(read_requests(tmp_path / "requests-0.bin")) > 5


@pytest.mark.slow
def test_a_record_that_cannot_be_written_ends_the_load_with_a_message(tmp_path, profile_for, serve, wait_for):
    """A full disk: no arrival is made that would leave no trace."""
    (tmp_path / "requests-0.bin").symlink_to("/dev/full")
    load = start(profile_for(serve("plain"), rate="50", duration_s=60), tmp_path, clock=SystemClock())
    try:
        wait_for(lambda: load.is_over, "the worker to end")
        (problem,) = load.poll()
    finally:
        load.kill()
    assert problem.startswith("worker 0 died (exit 69): the request record cannot be written")
    assert "No space left" in problem


@pytest.mark.slow
def test_a_surge_comes_when_told_and_goes_when_told_and_every_arrival_is_accounted_for(
    tmp_path, profile_for, serve, wait_for
):
    """At 100/s, the surge to 400/s adds its own arrivals to those of the timetable, which goes on as it was planned."""
    profile = profile_for(serve("plain"), rate="100", duration_s=60, workers=2)
    surging = profile.routes[0].model_copy(update={"surge_per_s": Fraction(400)})
    profile = profile.model_copy(update={"routes": (surging,)})
    load = start(profile, tmp_path, clock=SystemClock())
    files = [tmp_path / f"requests-{worker}.bin" for worker in range(2)]

    def arrivals():
        return np.concatenate([read_requests(file) for file in files])

    try:
        wait_for(lambda: len(arrivals()) > 60, "arrivals before the surge")
        begin_ns = load.surge(True)
        wait_for(lambda: (arrivals()["planned_ns"] > begin_ns).sum() > 800, "arrivals of the surge")
        end_ns = load.surge(False)
        load.surge(True)  # there is one surge a run
        wait_for(lambda: (arrivals()["planned_ns"] > end_ns).sum() > 60, "arrivals after the surge")
        load.stop()
    finally:
        load.kill()
    assert load.poll() == []
    made = arrivals()
    extra = made[made["seq"] >= SURGE_SEQ]
    usual = made[made["seq"] < SURGE_SEQ]
    assert len(np.unique(made["seq"])) == len(made)
    assert begin_ns <= extra["planned_ns"].min()
    assert extra["planned_ns"].max() <= end_ns + 100_000_000  # a worker that hears of it late goes on till then
    assert sorted(usual["seq"].tolist()) == list(range(len(usual)))
    length_s = (end_ns - begin_ns) / 1e9
    assert len(extra) == pytest.approx(300 * length_s, abs=5 * (300 * length_s) ** 0.5)
    reports = [WorkerReport.model_validate_json((tmp_path / f"load-{worker}.json").read_text()) for worker in range(2)]
    counts = [report.routes["GET /"] for report in reports]
    assert sum(count.planned for count in counts) == len(made)
    assert all(count.planned == count.sent + count.waiting + count.expired for count in counts)


@pytest.mark.slow
def test_answers_that_are_fallbacks_are_marked(run_load, profile_for, serve):
    """The header the profile names marks an answer, whatever its case; a value of 0 says that it is none."""
    profile = profile_for(serve("every_other"), rate="100", duration_s=1)
    result = run_load(profile.model_copy(update={"fallback_header": "X-Fallback"}))
    flags = result.requests["flags"]
    assert set(flags.tolist()) == {0, FLAG_FALLBACK}
    assert abs(int((flags == 0).sum()) - int((flags == FLAG_FALLBACK).sum())) <= 1
