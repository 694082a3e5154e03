"""What AWS answers, damaged below boto3, and the files AWS's tools are configured with."""

import contextlib
import io
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.loaders import Loader

from harness.aws import AwsSession, Login, Patience
from harness.errors import WellprovenError
from harness.fault.alarms import _states
from harness.fault.survey_aws import survey
from harness.plan import Action
from harness.review.tool import Pulled, Tool, answers_text, files
from tests.fuzz.kind import Kind, json_tree, written
from tests.fuzz.mutate import SCALARS, of_bytes
from tests.review.wa_world import world

ANSWERS = Path(__file__).parent / "aws_answers"  # of moto's, 5.2.5, as it gave them over HTTP
PATIENCE = Patience(attempts=1)
REGION = "eu-central-1"
# No login but the one that is given here: nothing of whoever runs this is read, and nobody is asked over the network.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "a", "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
}  # fmt: skip


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Of AWS's variables these, and no others."""
    before = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    for name in before:
        del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update(before)


class _Body(io.BytesIO):
    """What botocore reads of a response."""

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield self.read()


def respond(session: AwsSession, answer: Any) -> None:
    """Have what AWS is asked answered by `answer(request)`: (status, headers, body); below it all is botocore's own."""

    def send(request: Any, **_: Any) -> AWSResponse:
        status, headers, body = answer(request)
        return AWSResponse(request.url, status, headers, _Body(body))

    session._session._session.get_component("event_emitter").register("before-send", send)


def xml_tree(content: bytes, random: Random) -> bytes:
    """XML with up to four things wrong; one in ten damaged as bytes."""
    root = ET.fromstring(content)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        holders = [one for one in root.iter() if len(one)]
        if not holders:
            break
        holder = random.choice(holders)
        child = random.choice(list(holder))
        match random.randrange(6):
            case 0:
                holder.remove(child)
            case 1:
                holder.append(child)
            case 2:
                child.text = re.sub(r"[^\t\n\x20-\ud7ff]", "", str(random.choice(SCALARS)))
            case 3:
                child.tag = random.choice(("a", "item", "member", holder.tag))
            case 4:
                inner = ET.SubElement(child, "item")
                inner.text = child.text
            case _:
                for one in list(child):
                    child.remove(one)
    text = ET.tostring(root)
    return of_bytes(text, random) if random.random() < 0.1 else text


# --- the survey, and alarms ------------------------------------------------------------------------------------------

TAGS = {"team": "shop"}
TEAM = {"Name": "tag:team", "Values": ["shop"]}
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "DescribeInstances": ("chaosaws.ec2.actions.stop_instances", {"az": f"{REGION}a", "filters": [TEAM]}),
    "DescribeAutoScalingGroups": ("chaosaws.asg.actions.suspend_processes", {"asg_names": ["shop"]}),
    "DescribeTargetGroups": ("chaosaws.elbv2.actions.deregister_target", {"tg_name": "shop"}),
    "DescribeTargetHealth": ("chaosaws.elbv2.actions.deregister_target", {"tg_name": "shop"}),
    "DescribeDBInstances": ("chaosaws.rds.actions.failover_db_cluster", {"db_cluster_identifier": "db"}),
    "GetExperimentTemplate": ("harness.fault.aws_fis.begin", {"template_id": "EXT1"}),
    "GetCallerIdentity": ("chaosaws.ec2.actions.stop_instances", {"instance_ids": ["i-1"]}),
}


@cache
def _whole() -> dict[str, tuple[int, bytes]]:
    found = {}
    for path in sorted(ANSWERS.iterdir()):
        name, _, status = path.stem.partition("-")
        found[path.stem] = (int(status or 200), path.read_bytes())
        assert name in {*ASKED, "DescribeAlarms"}, name
    return found


@cache
def _surveyed() -> tuple[AwsSession, dict[str, tuple[int, bytes]]]:
    """A session, and what is answered instead, by operation."""
    instead: dict[str, tuple[int, bytes]] = {}

    def answer(request: Any) -> tuple[int, dict[str, str], bytes]:
        body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
        action = re.search(rb"Action=(\w+)", body)
        target = request.headers.get("X-Amz-Target", b"")
        target = target.decode() if isinstance(target, bytes) else target
        operation = action[1].decode() if action else target.rpartition(".")[2] or "GetExperimentTemplate"
        status, text = instead.get(operation) or _whole()[operation]
        return status, {"Content-Type": "text/xml" if text[:1] == b"<" else "application/json"}, text

    with environment(ENVIRONMENT):
        session = AwsSession(Login(region=REGION), PATIENCE)
        respond(session, answer)
        for service in ("sts", "ec2", "autoscaling", "elbv2", "rds", "fis", "cloudwatch"):
            session.client(service)
    return session, instead


def _damaged_answer(random: Random, names: tuple[str, ...]) -> bytes:
    name = random.choice(names)
    _, content = _whole()[name]
    damage = json_tree if content[:1] == b"{" else xml_tree
    return name.encode() + b"\0" + damage(content, random)


def _instead(content: bytes) -> str:
    """Have one answer be that from now on; which operation's."""
    name, _, damaged = content.partition(b"\0")
    operation, status = name.decode().partition("-")[0], _whole()[name.decode()][0]
    _, instead = _surveyed()
    instead.clear()
    instead[operation] = (status, damaged)
    return operation


def _read_surveyed(_folder: Path, content: bytes, _number: int) -> None:
    what, arguments = ASKED[_instead(content)]
    found = survey((Action(name="x", what=what, arguments=arguments),), TAGS, _surveyed()[0])
    found.model_dump_json()
    assert len(found.reaches) == 1


def _read_alarms(_folder: Path, content: bytes, _number: int) -> None:
    _instead(content)
    _states(_surveyed()[0], ["orders-5xx"])


# --- the Well-Architected Tool ---------------------------------------------------------------------------------------

ASKED_FOR = 3  # answers with their notes, of those that are listed


@cache
def _tool() -> tuple[AwsSession, dict[str, bytes], dict[str, list[bytes]]]:
    """A session with the tool, what is answered instead (once), and what was answered so far."""
    tool = world(page=50)
    instead: dict[str, bytes] = {}
    said: dict[str, list[bytes]] = {}
    known: dict[tuple[str, str, bytes], tuple[str, int, dict[str, str], bytes]] = {}

    def answer(request: Any) -> tuple[int, dict[str, str], bytes]:
        path = re.sub(r"^https?://[^/]+", "", request.url)
        body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
        headers = {name: one.decode() if isinstance(one, bytes) else one for name, one in request.headers.items()}
        key = (request.method, path, body)
        if key not in known:  # it only reads: what was answered once is the answer
            made = tool.handle(request.method, path, body, headers)
            assert made is not None
            known[key] = (tool.calls[-1][0], *made)
        operation, status, out, text = known[key]
        said.setdefault(operation, []).append(text)
        return status, out, instead.pop(operation, text)

    with environment(ENVIRONMENT):
        session = AwsSession(Login(region=REGION), PATIENCE)
        respond(session, answer)
        session.client("wellarchitected")
    for lens in (None, "Wellproven"):
        _pull(session, lens, to_files=False)
    texts = {name: [*dict.fromkeys(found)][:20] for name, found in said.items()}
    said.clear()
    return session, instead, texts


def _pull(session: AwsSession, lens: str | None, *, to_files: bool) -> None:
    """What `review pull` does, with fewer questions."""
    tool = Tool(session)
    workload = tool.workload("Shop")
    review = tool.review(workload, lens)
    asked = list(tool.questions(workload, review))
    answers = [tool.answer(workload, review, one.question) for one in asked[:ASKED_FOR]] + asked[ASKED_FOR:]
    exported, why_not = tool.export(review)
    pulled = Pulled(workload, review, tuple(answers), tool.milestones(workload), exported, why_not)
    if to_files:
        answers_text(files(pulled), pulled).encode()


def _damaged_tool(random: Random) -> bytes:
    said = _tool()[2]
    operation = random.choice(sorted(said))
    return operation.encode() + b"\0" + json_tree(random.choice(said[operation]), random)


def _read_tool(_folder: Path, content: bytes, number: int) -> None:
    operation, _, damaged = content.partition(b"\0")
    session, instead, _ = _tool()
    instead.clear()
    instead[operation.decode()] = damaged
    exported = operation == b"ExportLens"
    _pull(session, "Wellproven" if exported or number % 10 == 0 else None, to_files=exported or number % 3 == 0)


# --- configuration ---------------------------------------------------------------------------------------------------

CONFIG = b"""\
[default]
region = eu-central-1
output = json

[profile drills]
region = eu-central-1
retry_mode = standard
max_attempts = 3
s3 =
    max_concurrent_requests = 20
    addressing_style = path
services = here

[profile role]
role_arn = arn:aws:iam::123456789012:role/drill
source_profile = drills
duration_seconds = 900
external_id = x

[services here]
sts =
    endpoint_url = https://sts.eu-central-1.amazonaws.com
ec2 =
    endpoint_url = https://ec2.eu-central-1.amazonaws.com

[sso-session corporate]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-central-1

[profile sso]
sso_session = corporate
sso_account_id = 123456789012
sso_role_name = drill
region = eu-central-1
"""
CREDENTIALS = b"""\
[default]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = not-a-real-one
[drills]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = not-a-real-one
aws_session_token = neither
"""
WORDS = (
    b"nonsense", b"-1", b"1e999", b"", b"true", b"\xff\xfe", b"9" * 400, b"[", b"%(x)s", b"http://[", b"a = b", b"\0",
    b"https://u:p@h:99999/", b"\n    a = 1\n    b =\n        c = 1", b"drills", b"role", b"x" * 5000,
)  # fmt: skip
IDENTITY = (ANSWERS / "GetCallerIdentity.xml").read_bytes()
ROLE = b"""\
<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>AKIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>x</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>
"""


def _ini(content: bytes, random: Random) -> bytes:
    """An INI file with up to four things wrong; one in five damaged as bytes."""
    if random.random() < 0.2:
        return of_bytes(content, random)
    lines = content.split(b"\n")
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(lines))
        name, equals, _value = lines[at].partition(b"=")
        match random.randrange(6):
            case 0:
                del lines[at]
            case 1:
                lines.insert(random.randrange(len(lines)), lines[at])
            case 2 | 3 if equals:
                lines[at] = name + b"= " + random.choice(WORDS)
            case 4:
                lines[at] = lines[at].strip()
            case _:
                lines[at] = random.choice(WORDS) + b" = " + random.choice(WORDS)
    return b"\n".join(lines)


@cache
def _loader() -> Loader:
    """Knows botocore's models already: reading them takes longer than all else."""
    return Loader()


def _login(folder: Path, config: bytes, credentials: bytes, number: int) -> None:
    profile = ("drills", "role", "", "sso")[number % 4]
    variables = {
        "AWS_CONFIG_FILE": str(written(folder, "config", config)), "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": str(written(folder, "credentials", credentials)), "HOME": str(folder),
    }  # fmt: skip

    def answer(request: Any) -> tuple[int, dict[str, str], bytes]:
        body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
        return 200, {"Content-Type": "text/xml"}, ROLE if b"AssumeRole" in body else IDENTITY

    home = os.environ.get("HOME", "")
    try:
        with environment(variables):
            session = AwsSession(Login(profile=profile, region="" if number % 8 else REGION), PATIENCE)
            session._session._session.register_component("data_loader", _loader())
            respond(session, answer)
            session.account()
    finally:
        os.environ["HOME"] = home


def _damaged_files(random: Random) -> tuple[bytes, bytes]:
    """(configuration, credentials), one of them damaged."""
    return (_ini(CONFIG, random), CREDENTIALS) if random.random() < 0.6 else (CONFIG, _ini(CREDENTIALS, random))


def _read_login(folder: Path, content: bytes, number: int) -> None:
    config, _, credentials = content.partition(b"\0\0")
    _login(folder, config, credentials, number)


def kinds() -> list[Kind]:
    """Every kind that is AWS's."""
    asked = tuple(name for name in _whole() if name != "DescribeAlarms")
    said = (WellprovenError,)
    return [
        Kind("survey answer", lambda random: _damaged_answer(random, asked), _read_surveyed, said),
        Kind("alarms answer", lambda random: _damaged_answer(random, ("DescribeAlarms",)), _read_alarms, said),
        Kind("tool answer", _damaged_tool, _read_tool, said),
        Kind("aws files", lambda random: b"\0\0".join(_damaged_files(random)), _read_login, said),
    ]
