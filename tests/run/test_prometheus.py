"""The guard's looks at a real Prometheus, which scrapes a real exposition."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from harness.plan import MetricRule
from harness.record import Seen, read_observations
from tests.run.looking import looking, of
from tests.testbed.beds import eventually

BINARY = shutil.which("prometheus", path=os.pathsep.join((os.environ["PATH"], str(Path(sys.executable).parent))))
pytestmark = pytest.mark.skipif(
    BINARY is None, reason="no prometheus on the PATH: apt install prometheus, or sh .ci/prometheus, which unpacks it"
)
UP_S = 30
STOP_S = 20
CONFIG = """\
global: {{scrape_interval: 100ms, scrape_timeout: 100ms}}
scrape_configs: [{{job_name: shop, static_configs: [{{targets: ["{target}"]}}]}}]
"""


@dataclass
class Shop:
    """Something that exposes one gauge, and the Prometheus that scrapes it."""

    errors_per_s: float = 1.0
    url: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def rule(self, query: str, **more: object) -> MetricRule:
        asked = {"name": "errors", "how": "prometheus", "url": self.url, "query": query, "value": Fraction(5)}
        return MetricRule.model_validate(asked | {"every_s": 0.1} | more)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop()

    class Exposition(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            zones = "".join(f'shop_errors{{zone="{zone}"}} {rate}\n' for zone, rate in
                            (("a", 0.0), ("b", made.errors_per_s)))  # fmt: skip
            body = f"# TYPE shop_errors gauge\n{zones}".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Exposition) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        config, port = tmp_path / "prometheus.yml", free_port()
        config.write_text(CONFIG.format(target=f"127.0.0.1:{server.server_address[1]}"))
        made.url = f"http://127.0.0.1:{port}"
        assert BINARY is not None
        arguments = [f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}"]
        with (tmp_path / "prometheus.log").open("wb") as log:
            process = subprocess.Popen(
                [BINARY, *arguments, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log
            )
        made.processes.append(process)
        try:
            eventually("Prometheus has scraped", lambda: scraped(made.url), within_s=UP_S)
            yield made
        finally:
            process.terminate()
            process.wait(STOP_S)
            server.shutdown()
            thread.join()


def scraped(url: str) -> bool:
    try:
        answer = httpx.get(f"{url}/api/v1/query", params={"query": "shop_errors"}, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return False
    return len(answer.get("data", {}).get("result", ())) == 2


def test_a_query_is_seen_and_trips_when_any_series_does(shop: Shop, tmp_path: Path) -> None:
    """One zone of two over the limit is enough; what was seen is in the record."""
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    with looking(run_dir, shop.rule("shop_errors")) as looks:
        eventually("a look", lambda: bool(of(looks, "errors").value), within_s=5)
        assert not of(looks, "errors").trips
        shop.errors_per_s = 7.0
        eventually("it trips", lambda: of(looks, "errors").trips, within_s=5)
        assert of(looks, "errors").value == "7"
    seen = read_observations(run_dir / "observations.jsonl")
    assert {(one.what, one.source) for one in seen} == {(Seen.GUARD, "errors")}
    assert seen[-1].value == 7.0


def test_a_scalar_is_a_value_too(shop: Shop, tmp_path: Path) -> None:
    """`scalar(...)` and a comparison the other way round: fewer than wanted trips."""
    with looking(tmp_path, shop.rule("scalar(sum(shop_errors))", op="lt")) as looks:
        eventually("it trips", lambda: of(looks, "errors").trips, within_s=5)
        assert of(looks, "errors").value == "1"


def test_an_infinite_value_trips(shop: Shop, tmp_path: Path) -> None:
    """Errors over no requests: a guard that waited for a number would wait for as long as nothing answers."""
    with looking(tmp_path, shop.rule("scalar(sum(shop_errors)) / 0")) as looks:
        eventually("it trips", lambda: of(looks, "errors").trips, within_s=5)
        assert of(looks, "errors").value == "inf"


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("shop_no_such_metric", "the query gives no series"),
        ("shop_errors[1m]", "the query gives a matrix, expected a vector or a scalar"),
        ("sum(", "Prometheus says: "),
        ("shop_errors / 0 * 0", "the query gives no number (NaN)"),
    ],
)
def test_an_answer_that_tells_nothing_is_a_failed_look(shop: Shop, tmp_path: Path, query: str, problem: str) -> None:
    """No series, a range, a query that is none, no number: none of them says that all is well."""
    with looking(tmp_path, shop.rule(query)) as looks:
        eventually("failed looks", lambda: of(looks, "errors").failures >= 3, within_s=5)
        assert problem in of(looks, "errors").problem


def test_a_prometheus_that_goes_away_is_a_failed_look(shop: Shop, tmp_path: Path) -> None:
    """It answered, and then its process is gone: looks fail one after another, counted from the first."""
    with looking(tmp_path, shop.rule("shop_errors")) as looks:
        eventually("a look", lambda: bool(of(looks, "errors").value), within_s=5)
        shop.processes[0].kill()
        eventually("failed looks", lambda: of(looks, "errors").failures >= 3, within_s=10)
        look = of(looks, "errors")
        assert f"{shop.url} does not answer" in look.problem
        assert look.failing_since_ns < look.at_ns
