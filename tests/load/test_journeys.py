"""A journey runs in a drill and under plain Locust, from the same file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.record.requests import Outcome

pytestmark = pytest.mark.slow


def plain_locust(file, url, *arguments):
    """Runs Locust's own command, without its web page."""
    command = [sys.executable, "-m", "locust", "-f", str(file), "--headless", "--json", "--host", url, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def test_a_journey_in_a_drill_is_one_record_an_arrival_from_the_planned_time(serve, profile_for, run_load):
    """Lean and scripted routes share a load; the journey's record spans its requests."""
    routes = [{"name": "Buy", "journey": "loadtests/shop.py:Buy"}, {"name": "GET /catalogue", "path": "/catalogue"}]
    result = run_load(profile_for(serve("shop"), rate="20", duration_s=1, routes=routes))
    visits = result.requests[result.requests["route"] == 0]
    assert result.problems == []
    assert visits["seq"].tolist() == list(range(20))
    assert set(visits["outcome"].tolist()) == {Outcome.ANSWERED}
    assert set(visits["status"].tolist()) == {200}
    assert result.zones() == ["b"]
    assert set(visits["zone"].tolist()) == {1}
    assert (visits["planned_ns"] < visits["sent_ns"]).all()
    assert (visits["sent_ns"] < visits["first_byte_ns"]).all()
    assert (visits["first_byte_ns"] < visits["done_ns"]).all()
    assert result.report().routes["Buy"].sent == 20


def test_a_visit_has_the_outcome_of_its_worst_request(serve, profile_for, run_load):
    """A 503 shows though a later request went well; an unanswered order shows more than the 503; nothing is retried."""
    routes = [{"name": name, "journey": f"loadtests/shop.py:{name}"} for name in ("Browse", "Buy")]
    result = run_load(profile_for(serve("shop", is_sick=True), rate="10", duration_s=0.5, routes=routes))
    browse, buy = (result.requests[result.requests["route"] == index] for index in (0, 1))
    assert {(int(each["outcome"]), int(each["status"])) for each in browse} == {(Outcome.ANSWERED, 503)}
    assert {(int(each["outcome"]), int(each["status"])) for each in buy} == {(Outcome.BROKEN, 0)}


def test_a_visit_ends_at_its_time_out(serve, profile_for, run_load):
    """Counted from the planned time, however many requests it has made."""
    routes = [{"name": "Browse", "journey": "loadtests/shop.py:Browse"}]
    result = run_load(profile_for(serve("hanging"), rate="20", duration_s=0.5, timeout_s=0.5, routes=routes))
    waited_s = (result.requests["done_ns"] - result.requests["planned_ns"]) / 1e9
    assert set(result.requests["outcome"].tolist()) == {Outcome.TIMED_OUT}
    assert waited_s.min() >= 0.499
    assert waited_s.max() < 1


def test_an_exception_or_a_failed_check_in_a_journey_is_a_failed_visit(serve, profile_for, run_load, tmp_path):
    """A script's own mistakes never lose a record, nor pass for an answer."""
    file = tmp_path / "wrong.py"
    file.write_text(
        "from harness.load.users import Journey\n"
        "class Crash(Journey):\n"
        "    def visit(self):\n"
        "        self.client.get('/catalogue').json()[9]\n"
        "class Check(Journey):\n"
        "    def visit(self):\n"
        "        with self.client.get('/catalogue', catch_response=True) as answer:\n"
        "            answer.failure('not what I wanted')\n"
        "class Idle(Journey):\n"
        "    def visit(self):\n"
        "        pass\n"
    )
    routes = [{"name": name, "journey": f"{file}:{name}"} for name in ("Crash", "Check", "Idle")]
    result = run_load(profile_for(serve("shop"), rate="10", duration_s=0.5, routes=routes))
    assert len(result.requests) == 15
    assert set(result.requests["outcome"].tolist()) == {Outcome.BROKEN}
    assert "IndexError" in result.log()


def test_the_same_file_runs_under_plain_locust(serve):
    """Every class comes at its own rate, and requests and whole visits are in Locust's statistics."""
    done = plain_locust("loadtests/shop.py", serve("shop").url, "--run-time", "3s")
    assert done.returncode == 0, done.stderr
    rows = {(row["method"], row["name"]): row for row in json.loads(done.stdout)}
    assert {("GET", "/price/{sku}"), ("POST", "/orders"), ("GET", "/orders/{id}")} <= rows.keys()
    assert rows["VISIT", "Browse"]["num_requests"] == pytest.approx(15, abs=6)  # 5/s; Locust takes its time to begin
    assert rows["VISIT", "Buy"]["num_requests"] >= 1
    assert all(row["num_failures"] == 0 for row in rows.values())


def test_under_plain_locust_arrivals_are_open_and_more_users_are_more_traffic(serve, tmp_path):
    """A server that never answers does not slow the arrivals: 2 users of 5/s are 10/s, and every visit fails."""
    file = tmp_path / "hasty.py"
    file.write_text(Path("loadtests/shop.py").read_text().replace("timeout_s = 5.0", "timeout_s = 0.5"))
    done = plain_locust(file, serve("hanging").url, "--run-time", "2s", "-u", "2", "-r", "2", "Browse")
    rows = {(row["method"], row["name"]): row for row in json.loads(done.stdout)}
    visits = rows["VISIT", "Browse"]
    assert visits["num_requests"] >= 12
    assert visits["num_failures"] == visits["num_requests"]
    assert visits["min_response_time"] >= 490
    assert visits["max_response_time"] < 1000


@pytest.mark.parametrize(
    ("host", "arrivals", "said"),
    [([], "5/s", "no host for Browse; use --host"), (["--host", "http://127.0.0.1:9"], "fast", "write 2/s or 30/m")],
)
def test_under_plain_locust_a_mistake_is_told_once_and_ends_that_user(tmp_path, host, arrivals, said):
    """Locust would else try again for ever, at full speed."""
    file = tmp_path / "wrong.py"
    file.write_text(Path("loadtests/shop.py").read_text().replace('arrivals = "5/s"', f'arrivals = "{arrivals}"'))
    command = [sys.executable, "-m", "locust", "-f", str(file), "--headless", "--run-time", "1s", *host, "Browse"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 64
    assert done.stderr.count(said) == 1
