"""What FIS and Systems Manager answer to our faults on AWS, damaged below boto3."""

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

from chaoslib.exceptions import ActivityFailed

from harness.aws import AwsSession, Login
from harness.fault import aws_fis, aws_ssm_latency
from tests.fuzz.aws import ANSWERS, ENVIRONMENT, PATIENCE, REGION, environment, respond
from tests.fuzz.kind import Kind, json_tree

EXPERIMENT = {
    "id": "EXP1", "experimentTemplateId": "EXT1", "creationTime": 1_767_225_600.0, "tags": dict(aws_fis.TAG),
    "state": {"status": "running", "reason": "Experiment is running", "error": {"code": "x", "location": "y"}},
}  # fmt: skip
TEMPLATE = {
    "id": "EXT1", "stopConditions": [{"source": "aws:cloudwatch:alarm", "value": "arn:aws:cloudwatch:x:1:alarm:a"}],
    "experimentOptions": {"accountTargeting": "single-account", "emptyTargetResolutionMode": "fail"},
}  # fmt: skip
RESOLVED = {"resourceType": "aws:ec2:instance", "targetName": "shop", "targetInformation": {"arn": "arn:aws:ec2:i-1"}}
COMMAND = {
    "CommandId": "11111111-2222-3333-4444-555555555555", "DocumentName": aws_ssm_latency.DOCUMENT,
    "Status": "InProgress", "Comment": f"{aws_ssm_latency.MARK}: {aws_ssm_latency.__name__}",
    "InstanceIds": ["i-1"],
}  # fmt: skip
INVOCATION = {**COMMAND, "InstanceId": "i-1"}
SAID: dict[str, object] = {
    "GetExperimentTemplate": {"experimentTemplate": TEMPLATE},
    "ListExperiments": {"experiments": [EXPERIMENT]},
    "StartExperiment": {"experiment": EXPERIMENT},
    "GetExperiment": {"experiment": EXPERIMENT},
    "StopExperiment": {"experiment": EXPERIMENT},
    "ListExperimentResolvedTargets": {"resolvedTargets": [RESOLVED, RESOLVED]},
    "SendCommand": {"Command": COMMAND},
    "CancelCommand": {},
    "ListCommands": {"Commands": [COMMAND]},
    "ListCommandInvocations": {"CommandInvocations": [INVOCATION]},
}
NOTHING: dict[str, object] = {  # where nothing of ours is under way, so that something is begun
    "ListExperiments": {"experiments": []},
    "ListCommands": {"Commands": []},
}
FIS: tuple[Callable[[], object], ...] = (
    lambda: aws_fis.begin("EXT1", 9),
    lambda: aws_fis.end("EXT1", 9),
    lambda: aws_fis.targets_resolved("EXT1"),
    lambda: aws_fis.is_healed("EXT1"),
)
SSM: tuple[Callable[[], object], ...] = (
    lambda: aws_ssm_latency.begin(100, filters=[{"Name": "tag:team", "Values": ["shop"]}], within_s=9),
    lambda: aws_ssm_latency.end(within_s=9),
    aws_ssm_latency.instances_delayed,
    aws_ssm_latency.is_healed,
)


def _fis_operation(method: str, path: str) -> str:
    if path.startswith("/experimentTemplates"):
        return "GetExperimentTemplate"
    if path.endswith("/resolvedTargets"):
        return "ListExperimentResolvedTargets"
    one = path.count("/") > 1
    known = {"GET": "GetExperiment" if one else "ListExperiments", "POST": "StartExperiment"}
    return known.get(method, "StopExperiment")


@cache
def _session() -> tuple[AwsSession, dict[str, bytes]]:
    """A session, and what is answered instead, by operation."""
    instead: dict[str, bytes] = {}
    instances = (ANSWERS / "DescribeInstances.xml").read_bytes()

    def answer(request: Any) -> tuple[int, dict[str, str], bytes]:
        target = request.headers.get("X-Amz-Target", b"")
        target = target.decode() if isinstance(target, bytes) else target
        path = re.sub(r"^https?://[^/]+|\?.*$", "", request.url)
        if "ec2." in request.url:
            return 200, {"Content-Type": "text/xml"}, instances
        operation = target.rpartition(".")[2] or _fis_operation(request.method, path)
        return 200, {"Content-Type": "application/json"}, instead.get(operation, json.dumps(SAID[operation]).encode())

    with environment(ENVIRONMENT):
        session = AwsSession(Login(region=REGION), PATIENCE)
        respond(session, answer)
        for service in ("ec2", "fis", "ssm"):
            session.client(service)
    return session, instead


@contextlib.contextmanager
def _asked_quickly() -> Iterator[None]:
    """Both modules with a client of ours, and a clock that goes on by itself: nobody waits."""
    now_s = iter(range(10**9))
    hasty = SimpleNamespace(monotonic=lambda: float(next(now_s)), sleep=lambda _: None)
    modules: tuple[ModuleType, ...] = (aws_fis, aws_ssm_latency)
    with contextlib.ExitStack() as patched:
        for module in modules:
            patched.enter_context(mock.patch.object(module, "client", lambda name, **_: _session()[0].client(name)))
            patched.enter_context(mock.patch.object(module, "time", hasty))
        yield


def _damaged(random: Random) -> bytes:
    name = random.choice(sorted(SAID))
    said = NOTHING[name] if name in NOTHING and random.random() < 0.3 else SAID[name]
    return name.encode() + b"\0" + json_tree(json.dumps(said).encode(), random)


def _read(_folder: Path, content: bytes, number: int) -> None:
    name, _, damaged = content.partition(b"\0")
    operation = name.decode()
    _, instead = _session()
    instead.clear()
    if number % 2:
        instead.update({one: json.dumps(said).encode() for one, said in NOTHING.items()})
        instead["ListCommandInvocations"] = json.dumps({"CommandInvocations": []}).encode()
    instead[operation] = damaged
    asks = SSM if "Command" in operation else FIS
    with _asked_quickly():
        asks[number // 2 % len(asks)]()


def kinds() -> list[Kind]:
    """What our faults on AWS are answered; an activity that fails says so in one way."""
    return [Kind("aws fault answer", _damaged, _read, (ActivityFailed,))]
