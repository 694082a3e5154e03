"""The guard's looks: at CloudWatch alarms of a real moto server, and at addresses that answer nonsense."""

import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from moto.server import ThreadedMotoServer

from harness.plan import MetricRule
from harness.redaction import MASK, declare
from tests.run.looking import looking, of
from tests.testbed.beds import eventually

REGION = "eu-central-1"
ALARM = "orders-5xx"


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """A CloudWatch of moto's on loopback, and the variables that point at it."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    urllib.request.urlopen(f"http://{host}:{port}/moto-api/reset", data=b"").close()  # an account of this test's own
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "a",
    }
    server.stop()


def cloudwatch(environment: dict[str, str]) -> Any:
    return boto3.client(
        "cloudwatch",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=REGION,
        aws_access_key_id="a",
        aws_secret_access_key="a",
    )


def set_alarm(environment: dict[str, str], state: str) -> None:
    client = cloudwatch(environment)
    client.put_metric_alarm(
        AlarmName=ALARM,
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        MetricName="HTTPCode_Target_5XX_Count",
        Namespace="AWS/ApplicationELB",
        Period=60,
        Statistic="Sum",
        Threshold=5,
    )
    client.set_alarm_state(AlarmName=ALARM, StateValue=state, StateReason="a test")


def rule(**more: object) -> MetricRule:
    return MetricRule.model_validate({"name": "alarm", "how": "alarm", "alarm": ALARM, "every_s": 0.2} | more)


def test_an_alarm_is_seen_and_trips_in_alarm(environment: dict[str, str], tmp_path: Path) -> None:
    """OK lets the run go on, ALARM stops it; boto3 is not loaded by whoever looks."""
    set_alarm(environment, "OK")
    with looking(tmp_path, rule(), environment=environment) as looks:
        eventually("a look", lambda: of(looks, "alarm").value == "OK", within_s=20)
        assert not of(looks, "alarm").trips
        set_alarm(environment, "ALARM")
        eventually("it trips", lambda: of(looks, "alarm").trips, within_s=5)


@pytest.mark.parametrize("state", ["INSUFFICIENT_DATA", None])
def test_an_alarm_without_data_or_none_at_all_is_a_failed_look(
    environment: dict[str, str], tmp_path: Path, state: str | None
) -> None:
    """Neither says that all is well."""
    if state:
        set_alarm(environment, state)
    with looking(tmp_path, rule(), environment=environment) as looks:
        eventually("failed looks", lambda: of(looks, "alarm").failures >= 3, within_s=20)
        assert (state or "there is none of that name") in of(looks, "alarm").problem


def test_a_cloudwatch_that_does_not_answer_is_a_failed_look(tmp_path: Path) -> None:
    """An endpoint where nobody listens is told as what it is."""
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "a"}
    with looking(tmp_path, rule(), environment=nowhere | {"AWS_SECRET_ACCESS_KEY": "a"}) as looks:
        eventually("failed looks", lambda: of(looks, "alarm").failures >= 3, within_s=20)
        assert "http://127.0.0.1:1" in of(looks, "alarm").problem


def test_a_failed_look_at_alarms_shows_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What only the target calls secret is masked by the child already that reads the alarms."""
    canary = "canary-3f9a20"
    monkeypatch.setenv("SHOP_LOGIN", canary)
    declare(["SHOP_LOGIN"])
    keys = {"AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "a"}
    nowhere = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:1/{canary}", **keys}
    with looking(tmp_path, rule(), environment=nowhere) as looks:
        eventually("failed looks", lambda: of(looks, "alarm").failures >= 1, within_s=20)
        problem = of(looks, "alarm").problem
    assert (canary in problem, f"127.0.0.1:1/{MASK}" in problem) == (False, True)


def test_a_reader_of_alarms_that_dies_fails_closed(environment: dict[str, str], tmp_path: Path) -> None:
    """SIGKILL to the child: as many failed looks at once as the rule forgives, so the guard trips."""
    set_alarm(environment, "OK")
    with looking(tmp_path, rule(), environment=environment) as looks:
        eventually("a look", lambda: of(looks, "alarm").value == "OK", within_s=20)
        children = psutil.Process().children()
        reader = next(one for one in children if "harness.fault.alarms" in " ".join(one.cmdline()))
        reader.kill()
        eventually("failed looks", lambda: of(looks, "alarm").failures >= 3, within_s=5)
        assert "the reader of alarms has ended" in of(looks, "alarm").problem


def test_the_supervisor_never_loads_boto3() -> None:
    """Importing all a drill's supervisor is made of loads neither boto3 nor locust nor gevent."""
    heavy = ("boto3", "botocore", "locust", "gevent")
    code = f"import sys, harness.cli; print([one for one in {heavy} if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


NONSENSE = {
    "/html": (200, b"<html>sign in</html>"),
    "/list": (200, b"[]"),
    "/no-result": (200, b'{"status": "success", "data": {"resultType": "vector"}}'),
    "/odd-value": (200, b'{"status": "success", "data": {"resultType": "vector", "result": [{"value": [1]}]}}'),
    "/text-value": (200, b'{"status": "success", "data": {"resultType": "scalar", "result": [1, "much"]}}'),
    "/away": (302, b""),
    "/broken": (500, b""),
    "/large": (200, b" " * 1_000_001),
    "/deep": (200, b"[" * 200_000),
    "/cut": (200, b'{"status": "succ'),
    "/chunk": (200, b"no chunk"),
    "/gzip": (200, b"no gzip"),
}
ODD_HEADERS = {
    "/cut": {"Content-Length": "1000"},
    "/chunk": {"Transfer-Encoding": "chunked"},
    "/gzip": {"Content-Encoding": "gzip", "Content-Length": "7"},
}


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.split("/api/")[0]
        status, body = NONSENSE[path]
        self.send_response(status)
        self.send_header("Location", "http://127.0.0.1:1/")
        for name, value in ODD_HEADERS.get(path, {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("path", NONSENSE)
def test_what_is_no_prometheus_is_a_failed_look(tmp_path: Path, path: str) -> None:
    """Whatever an address answers that is no answer of Prometheus's, the look fails, and ends nothing."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}{path}"
        asked = MetricRule(name="odd", how="prometheus", url=url, query="up", every_s=0.05)
        with looking(tmp_path, asked) as looks:
            eventually("failed looks", lambda: of(looks, "odd").failures >= 3, within_s=5)
            assert of(looks, "odd").problem
        server.shutdown()
        thread.join()
