"""Real servers and real loads for the tests of the load stage."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.clock import SystemClock
from harness.load import Load, start
from harness.plan.profile import Profile
from harness.record.requests import read_requests
from harness.record.workers import WorkerReport

SERVERS = Path(__file__).with_name("servers.py")


@dataclass
class Server:
    """A server process of servers.py."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def end(self) -> bytes:
        """End it and return what it printed."""
        said, _ = self.process.communicate(timeout=10)
        return said


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts a server of a kind; all are ended after the test."""
    servers: list[Server] = []

    def begin(kind: str, **arguments: Any) -> Server:
        command = [sys.executable, str(SERVERS), kind, json.dumps(arguments)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        server = Server(process, 0)
        servers.append(server)
        server.port = int(process.stdout.readline())
        return server

    yield begin
    for server in servers:
        server.process.kill()
        server.process.wait(10)
        server.process.stdin.close()
        server.process.stdout.close()


@dataclass
class Result:
    """What a load left behind."""

    profile: Profile
    run_dir: Path
    problems: list[str]

    @property
    def requests(self) -> Any:
        """All workers' records together."""
        files = [self.run_dir / f"requests-{worker}.bin" for worker in range(self.profile.workers)]
        return np.concatenate([read_requests(file) for file in files])

    def report(self, worker: int = 0) -> WorkerReport:
        return WorkerReport.model_validate_json((self.run_dir / f"load-{worker}.json").read_text())

    def zones(self, worker: int = 0) -> list[str]:
        return (self.run_dir / f"zones-{worker}.txt").read_text().splitlines()

    def log(self, worker: int = 0) -> str:
        return (self.run_dir / f"load-{worker}.log").read_text()


@pytest.fixture
def profile_for() -> Callable[..., Profile]:
    """A profile of one route, `GET /`, unless `routes` are given."""

    def make(server: Server, *, rate: str = "50", duration_s: float = 1, timeout_s: float = 2, **more: Any) -> Profile:
        stages = [{"duration_s": duration_s, "rate_per_s": rate}]
        routes = more.pop("routes", [{"name": "GET /"}])
        complete = [{"stages": stages, "timeout_s": timeout_s, **route} for route in routes]
        return Profile.model_validate({"base_url": server.url, "zone_header": "x-zone", **more, "routes": complete})

    return make


@pytest.fixture
def run_load(tmp_path: Path) -> Iterator[Callable[..., Result]]:
    """Runs a profile to the end of its stages; `meanwhile(load)` is called once it has begun."""
    loads: list[Load] = []

    def run(profile: Profile, meanwhile: Callable[[Load], None] = lambda _: None) -> Result:
        load = start(profile, tmp_path, clock=SystemClock())
        loads.append(load)
        meanwhile(load)
        wait_for(lambda: load.is_over, "the load to end", 40)
        load.stop()
        return Result(profile, tmp_path, load.poll())

    yield run
    for load in loads:
        load.kill()


@pytest.fixture(name="wait_for")
def wait_for_fixture() -> Callable[..., None]:
    return wait_for


def wait_for(condition: Callable[[], bool], what: str, deadline_s: float = 10) -> None:
    """Wait for a condition, and say which one did not come."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {deadline_s} s for {what}"
        time.sleep(0.01)
