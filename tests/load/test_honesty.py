"""The load tells the truth, also when the server does not answer, or the generator itself stands still."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from harness.load.schedule import make_timetable
from harness.record.requests import Outcome
from harness.units import NS_PER_MS, NS_PER_S

pytestmark = pytest.mark.slow


def account(result):
    """The report's counts by route, after the laws that always hold were checked against records and timetable."""
    report, table = result.report(), make_timetable(result.profile, 0)
    is_planned = table.offset_ns < report.end_ns - report.begin_ns
    for index, route in enumerate(result.profile.routes):
        records = result.requests[result.requests["route"] == index]
        count = report.routes[route.name]
        planned_ns = table.offset_ns[is_planned & (table.route == index)] + report.begin_ns
        assert sorted(records["planned_ns"].tolist()) == planned_ns.tolist()
        assert sorted(records["seq"].tolist()) == list(range(len(planned_ns)))
        assert count.planned == len(planned_ns) == count.sent + count.waiting + count.expired
        assert count.waiting == (records["outcome"] == Outcome.WAITING).sum()
        assert count.expired == (records["outcome"] == Outcome.EXPIRED).sum()
    return report.routes


def signal_at(pid, number):
    """Send a signal; the instants just before and just after, for the sender may be held up too."""
    before_ns = time.monotonic_ns()
    os.kill(pid, number)
    return before_ns, time.monotonic_ns()


def stand_still(pid, duration_s):
    """Stop a process and let it go on; returns the instants of both, each as (before, after)."""
    stopped = signal_at(pid, signal.SIGSTOP)
    time.sleep(duration_s)
    return stopped, signal_at(pid, signal.SIGCONT)


def test_a_server_that_stands_still_for_a_second_shows_the_p99_of_arithmetic_and_when_it_stood(
    serve, profile_for, run_load
):
    """At 500/s every arrival planned during the stop waits for its end: p99 within 5 %, begin and end within 7 ms."""
    server = serve("plain")
    stops = []

    def meanwhile(load):
        time.sleep(max(0, load.begin_ns + NS_PER_S - time.monotonic_ns()) / NS_PER_S)
        stops.append(stand_still(server.process.pid, 1))

    result = run_load(profile_for(server, rate="500", duration_s=4, timeout_s=5), meanwhile)
    account(result)
    (((before_stop_ns, stopped_ns), (before_continue_ns, continued_ns)),) = stops
    records = np.sort(result.requests, order="planned_ns")
    planned_ns = records["planned_ns"]
    waits = (planned_ns >= stopped_ns) & (planned_ns < continued_ns)
    expected_ns = np.percentile(np.where(waits, continued_ns - planned_ns, 0), 99)
    latency_ns = records["done_ns"] - planned_ns
    assert (records["outcome"] == Outcome.ANSWERED).all()
    assert np.percentile(latency_ns, 99) == pytest.approx(expected_ns, rel=0.05)
    slack_ns = 5 * NS_PER_MS + 2 * NS_PER_MS  # and one interval
    first_slow_ns = planned_ns[latency_ns > 500 * NS_PER_MS][0]
    assert before_stop_ns - slack_ns <= first_slow_ns <= stopped_ns + slack_ns
    done_ns = np.sort(records["done_ns"])
    first_answer_ns = done_ns[done_ns > stopped_ns + 500 * NS_PER_MS][0]
    assert before_continue_ns <= first_answer_ns <= continued_ns + slack_ns


def test_a_server_that_drops_nine_of_ten_connections_shows_ninety_percent_failures(serve, profile_for, run_load):
    """Nothing is retried, whatever the method."""
    routes = [{"name": "r", "method": "GET", "path": "/x"}]
    result = run_load(profile_for(serve("dropping"), rate="400", duration_s=1, routes=routes))
    account(result)
    broken = (result.requests["outcome"] == Outcome.BROKEN).mean()
    assert broken == pytest.approx(0.9, abs=0.01)


def test_with_all_connections_hanging_every_arrival_is_still_accounted_for(serve, profile_for, run_load):
    """20 connections that never answer: the rest wait in line, expire there, or still wait at the stop."""
    routes = [{"name": "patient", "timeout_s": 1.5}, {"name": "hasty", "timeout_s": 0.3}]
    profile = profile_for(serve("hanging"), rate="100", duration_s=60, routes=routes, connections_max=20)

    def meanwhile(load):
        time.sleep(max(0, load.begin_ns + 2 * NS_PER_S - time.monotonic_ns()) / NS_PER_S)
        load.stop()

    result = run_load(profile, meanwhile)
    assert result.problems == []
    account(result)
    records = result.requests
    sent = records[records["outcome"] == Outcome.TIMED_OUT]
    assert {(int(record["route"]), int(record["outcome"])) for record in records} == {
        (0, Outcome.TIMED_OUT),
        (0, Outcome.WAITING),
        (1, Outcome.TIMED_OUT),
        (1, Outcome.WAITING),
        (1, Outcome.EXPIRED),
    }
    given_up_ns = (sent["done_ns"] - sent["planned_ns"])[sent["route"] == 0]
    assert given_up_ns.min() >= 1499 * NS_PER_MS, "time-outs count from the planned time"
    assert np.percentile(given_up_ns, 50) < 1600 * NS_PER_MS
    begins_ns = np.sort(sent["sent_ns"])
    under_way = np.arange(1, len(begins_ns) + 1) - np.searchsorted(np.sort(sent["done_ns"]), begins_ns, side="right")
    assert under_way.max() <= 20


def test_the_report_says_what_the_records_say_of_the_generator_on_two_busy_cores(serve, profile_for, run_load):
    """500/s beside busy loops: planned times are kept to 2 ms, or the report shows that they were not."""
    spin = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        result = run_load(profile_for(serve("plain"), rate="500", duration_s=2))
    finally:
        for process in spin:
            process.kill()
            process.wait()
    (count,), report = account(result).values(), result.report()
    assert count.sent / count.planned >= 0.99
    lateness_ns = result.requests["sent_ns"] - result.requests["planned_ns"]
    # The report leaves out the arrivals that had to open a connection, which the records do not mark.
    assert np.percentile(lateness_ns, 97) <= report.lateness_ns_p99 <= lateness_ns.max()
    assert 0 < report.lateness_ns_p50 <= np.percentile(lateness_ns, 60)
    assert 0 < report.cpu_ratio < 1


def test_a_generator_that_stands_still_reports_its_own_lateness_and_stall(serve, profile_for, run_load):
    """Arrivals planned while the worker was stopped are made late, counted, and said to be late."""

    def meanwhile(load):
        time.sleep(0.4)
        stand_still(load.pids[0], 0.3)

    result = run_load(profile_for(serve("plain"), rate="200", duration_s=1), meanwhile)
    (count,), report = account(result).values(), result.report()
    assert count.sent == count.planned
    assert report.stall_ns_max > 250 * NS_PER_MS
    assert report.lateness_ns_max > 250 * NS_PER_MS
    assert report.lateness_ns_p99 > 2 * NS_PER_MS


def test_a_connection_the_server_closed_while_idle_is_not_a_failure_of_the_next_request(serve, profile_for, run_load):
    """It is seen before use and replaced; nothing had been sent, so this is no retry."""
    result = run_load(profile_for(serve("one_shot"), rate="15", duration_s=1))
    account(result)
    assert set(result.requests["outcome"].tolist()) == {Outcome.ANSWERED}


def test_a_server_that_is_not_there_refuses_on_schedule(serve, profile_for, run_load):
    """Refused arrivals were attempted: they count as sent, at the time of the attempt."""
    server = serve("plain")
    server.end()
    result = run_load(profile_for(server, rate="100", duration_s=0.5))
    (count,) = account(result).values()
    assert count.sent == 50
    assert set(result.requests["outcome"].tolist()) == {Outcome.REFUSED}
    assert (result.requests["sent_ns"] >= result.requests["planned_ns"]).all()
