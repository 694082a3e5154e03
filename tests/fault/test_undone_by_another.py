"""Every fault of the catalogue, and faults of others: begun for real, whoever began it killed, undone by another.

`wellproven recover`, in a process that knows nothing but the ledger, must leave the target whole as seen from outside.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest
from moto.fis.models import fis_backends

from harness.fault import RUN_VARIABLE, catalogue
from harness.identity import Identity
from harness.testbed import Bed
from tests.fault.aws_server import ACCOUNT, REGION, Aws, aws_server
from tests.fault.flagged import flagged
from tests.fault.killed import Broken, fault, python, undone_by_another
from tests.fault.ssm_server import ssm_server
from tests.fault.test_catalogue import LISTENER, listener
from tests.testbed.beds import bed_up, eventually, keys_of

type Row = Callable[[Path], AbstractContextManager[Broken]]


@contextmanager
def noop(_: Path) -> Iterator[Broken]:
    yield fault("noop", {}, {}, lambda: False, breaks=False)


@contextmanager
def process_pause(_: Path) -> Iterator[Broken]:
    process, port = listener()
    try:
        stopped = psutil.STATUS_STOPPED
        ports = {"ports": str(port)}
        yield fault("process_pause", ports, ports, lambda: psutil.Process(process.pid).status() == stopped)
    finally:
        process.kill()
        process.communicate()


# Starts again what was killed, a moment later, until its own input ends.
SUPERVISED = f"""
import os, subprocess, sys, threading, time
def keep():
    while True:
        child = subprocess.Popen([sys.executable, "-c", {LISTENER!r}], stdout=subprocess.PIPE, text=True)
        os.environ["PORT"] = child.stdout.readline().strip()
        print(os.environ["PORT"], child.pid, flush=True)
        child.wait()
        while not os.path.exists(sys.argv[1]):
            time.sleep(0.05)
threading.Thread(target=keep, daemon=True).start()
sys.stdin.read()
"""


@contextmanager
def process_kill(folder: Path) -> Iterator[Broken]:
    """Its supervisor starts it again once it may."""
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISED, str(folder / "may")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PORT": "0"},
    )
    assert process.stdout is not None
    port = int(process.stdout.readline().split()[0])

    def is_broken() -> bool:
        try:
            httpx.get(f"http://127.0.0.1:{port}", timeout=0.05, trust_env=False)
        except httpx.ConnectError:
            (folder / "may").touch()  # it was seen: from now on it may come back
            return True
        except httpx.HTTPError:  # it listens, and says nothing
            return False
        return False

    try:
        yield fault("process_kill", {"ports": str(port)}, {"ports": str(port)}, is_broken, comes_back=True)
    finally:
        for child in psutil.Process(process.pid).children():
            child.kill()
        process.kill()
        process.communicate()


@contextmanager
def surge(folder: Path) -> Iterator[Broken]:
    """In a drill the arrivals are the run's, and end with it; what somebody began by hand beside it goes on."""
    hand = folder / f"wellproven-surge-{os.getuid()}"
    hand.mkdir(mode=0o700)
    theirs = subprocess.Popen(["sleep", "300"])
    (hand / "surge.pid").write_text(Identity.of(theirs.pid).model_dump_json())
    environment = {RUN_VARIABLE: str(folder), "TMPDIR": str(folder)}
    try:
        begin = {"base_url": "http://127.0.0.1:9"}
        yield fault("surge", begin, {}, lambda: False, environment=environment, breaks=False)
        assert theirs.poll() is None, "the surge of somebody else was ended"
    finally:
        theirs.kill()
        theirs.wait()


@contextmanager
def aws_fis(_: Path) -> Iterator[Broken]:
    with aws_server() as aws:
        fis = aws.client("fis")
        target = {"resourceType": "aws:ec2:instance", "selectionMode": "ALL", "resourceTags": {"team": "shop"}}
        alarm = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:orders"
        template = fis.create_experiment_template(
            clientToken="one",
            description="stop an instance",
            stopConditions=[{"source": "aws:cloudwatch:alarm", "value": alarm}],
            targets={"shop": target},
            actions={"stop": {"actionId": "aws:ec2:stop-instances", "targets": {"Instances": "shop"}}},
            roleArn=f"arn:aws:iam::{ACCOUNT}:role/fis",
            experimentOptions={"emptyTargetResolutionMode": "fail"},
        )["experimentTemplate"]["id"]
        over = threading.Event()

        def running() -> bool:
            return any(one._status == "running" for one in fis_backends[ACCOUNT][REGION].experiments.values())

        def move() -> None:  # moto moves an experiment only when it is asked for by id
            while not over.wait(0.1):
                for one in list(fis_backends[ACCOUNT][REGION].experiments.values()):
                    if one._status == "stopping":
                        one._status = "stopped"

        thread = threading.Thread(target=move)
        thread.start()
        try:
            named = {"template_id": template}
            yield fault("aws_fis", named, named, running, environment=aws.environment)
        finally:
            over.set()
            thread.join()


@contextmanager
def aws_ssm_latency(_: Path) -> Iterator[Broken]:
    with aws_server() as aws, ssm_server() as ssm:
        ids = ",".join(aws.run(f"{REGION}a", count=2))
        environment = {**aws.environment, "AWS_ENDPOINT_URL_SSM": ssm.endpoint}
        begin = {"delay_ms": 200, "instance_ids": ids}
        yield fault("aws_ssm_latency", begin, {}, lambda: bool(ssm.delayed), environment=environment)


@contextmanager
def stopped_instances(_: Path) -> Iterator[Broken]:
    """Chaos Toolkit's own extension for AWS, rollback and look included."""
    with aws_server() as aws:
        aws.run(f"{REGION}a", count=2)
        yield _stopped_instances(aws)


def _stopped_instances(aws: Aws) -> Broken:
    where = {"az": f"{REGION}a", "filters": [{"Name": "tag:team", "Values": ["shop"]}]}
    running = [*where["filters"], {"Name": "instance-state-name", "Values": ["running"]}]
    return Broken(
        python("chaosaws.ec2.actions", "stop_instances", **where),
        python("chaosaws.ec2.actions", "start_instances", **where),
        python("chaosaws.ec2.probes", "count_instances", filters=running),
        lambda: set(aws.instances().values()) != {"running"},
        environment=aws.environment,
        tolerance=1,  # chaosaws counts reservations, whatever it calls them
    )


@contextmanager
def plain_http(_: Path) -> Iterator[Broken]:
    """An experiment of plain Chaos Toolkit, of whose target nothing can be looked at: its rollback's word is taken."""
    with flagged() as target:
        begin, end = (target.call("it", method)["provider"] for method in ("PUT", "DELETE"))
        yield Broken(begin, end, None, lambda: target.is_broken)


@contextmanager
def plain_process(folder: Path) -> Iterator[Broken]:
    """Commands of the user's."""
    broken = folder / "broken"
    begin = {"type": "process", "path": "touch", "arguments": [str(broken)]}
    end = {"type": "process", "path": "rm", "arguments": ["-f", str(broken)]}
    yield Broken(begin, end, None, broken.exists)


ROWS: dict[str, Row] = {
    one.__name__: one
    for one in (noop, process_pause, process_kill, surge, aws_fis, aws_ssm_latency)
}  # fmt: skip
FOREIGN: dict[str, Row] = {one.__name__: one for one in (stopped_instances, plain_http, plain_process)}
ON_A_BED = ("envoy_delay", "envoy_abort", "toxiproxy_delay", "toxiproxy_cut")
ELSEWHERE = {"netem": "tests/fault/test_netem.py"}  # where a kernel has it


def test_no_fault_is_forgotten() -> None:
    """A fault of the catalogue without a row here would be undone by nobody but its own process, for all we know."""
    assert {*ROWS, *ON_A_BED, *ELSEWHERE} == set(catalogue.FAULTS)
    for name, file in ELSEWHERE.items():
        text = (Path(__file__).parents[2] / file).read_text()
        assert f'fault("{name}"' in text
        assert "undone_by_another(" in text


@pytest.mark.slow
@pytest.mark.parametrize("name", [*ROWS, *FOREIGN])
def test_a_fault_whose_process_was_killed_is_undone_by_another(name: str, tmp_path: Path) -> None:
    """Once, and again; on the host, and in an AWS account of moto's."""
    with ROWS.get(name, FOREIGN.get(name, noop))(tmp_path) as row:
        undone_by_another(row, tmp_path)


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with bed_up("by-another") as bed, keys_of(bed):
        yield bed


@pytest.mark.bed
@pytest.mark.parametrize("name", ON_A_BED)
def test_a_fault_on_the_bed_whose_process_was_killed_is_undone_by_another(name: str, bed: Bed, tmp_path: Path) -> None:
    """Seen by who asks the price, or the cache's wire."""
    status = bed.status()
    url = f"{status.endpoints['pricing']}/price/sku-1"
    envoy = {"admin_url": status.endpoints["envoy_admin"]}
    wire = {"api_url": status.endpoints["toxiproxy"], "proxy": "cache"}

    def slow_or_wrong() -> bool:
        answer = httpx.get(url, trust_env=False, timeout=10)
        return answer.status_code != 200 or answer.elapsed.total_seconds() > 0.4

    def is_touched() -> bool:
        key = {"Authorization": f"Bearer {status.environment['WELLPROVEN_TOXIPROXY_TOKEN']}"}
        proxy = httpx.get(f"{wire['api_url']}/proxies/cache", headers=key, trust_env=False).json()
        return bool(proxy["toxics"]) or not proxy["enabled"]

    rows = {
        "envoy_delay": fault("envoy_delay", {**envoy, "delay_ms": 500, "jitter_ms": 50}, envoy, slow_or_wrong),
        "envoy_abort": fault("envoy_abort", envoy, envoy, slow_or_wrong),
        "toxiproxy_delay": fault("toxiproxy_delay", {**wire, "delay_ms": 500}, wire, is_touched),
        "toxiproxy_cut": fault("toxiproxy_cut", wire, wire, is_touched),
    }
    undone_by_another(rows[name], tmp_path)


def test_a_surge_begun_by_hand_is_ended_by_another_process(tmp_path: Path) -> None:
    """Plain `chaos run` was killed: `end`, called by hand, stops the Locust that it started."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    environment.pop(RUN_VARIABLE, None)
    locustfile = tmp_path / "idle.py"
    locustfile.write_text("from locust import User, task\nclass Idle(User):\n    @task\n    def wait(self): pass\n")

    def call(code: str) -> str:
        words = [sys.executable, "-c", f"import os; from harness.fault import surge; {code}"]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout.strip()

    call(f"surge.begin('http://127.0.0.1:9', {str(locustfile)!r}, 1); os.kill(os.getpid(), 9)")
    (pid_file,) = tmp_path.glob("*/surge.pid")
    locust = psutil.Process(Identity.model_validate_json(pid_file.read_bytes()).pid)
    try:
        assert locust.status() != psutil.STATUS_ZOMBIE
        assert call("print(surge.is_healed())") == "False"
        for _ in range(2):
            assert call("print(surge.end())") == "no surge goes on"
            assert call("print(surge.is_healed())") == "True"
        eventually("it is gone", lambda: not locust.is_running() or locust.status() == psutil.STATUS_ZOMBIE, 10)
    finally:
        with suppress(psutil.NoSuchProcess):
            locust.kill()
