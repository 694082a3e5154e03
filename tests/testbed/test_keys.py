"""Whoever changes something of a bed names its key: over the wires' API, Envoy's admin interface, the control plane."""

import contextlib
import io
import json
import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.cli import main
from harness.fault import envoy_delay, toxiproxy_cut
from harness.fault.toxiproxy import ActivityFailed
from harness.redaction import looks_secret
from harness.testbed import Bed
from harness.testbed.gate import BODY_BYTES_MAX, Gate
from harness.testbed.place import Place
from harness.testbed.services.wire.guard import denied, is_loopback
from tests.testbed.beds import aws_of, eventually, is_whole, keys_of, processes_of

KEY = "bed-canary-of-the-key"
FORM = "application/x-www-form-urlencoded"
SIGNED = "AWS4-HMAC-SHA256 Credential={}/20260504/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0"
WRONG = {"none": "", "another": "Bearer bed-another", "empty": "Bearer", "signed by another": SIGNED.format("AKIA")}
STRANGERS = ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1:80", "[::2]:80", "localhost.evil")


@pytest.fixture
def key(bed: Bed) -> Iterator[dict[str, str]]:
    with keys_of(bed) as header:
        yield header


# --- the words alone -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", STRANGERS)
def test_a_page_that_calls_loopback_by_a_name_of_its_own_is_refused(host: str) -> None:
    """It may not even read, whatever it says."""
    assert denied(KEY, "GET", host, f"Bearer {KEY}") is not None


@pytest.mark.parametrize("host", ["", "127.0.0.1", "127.0.0.1:80", "LOCALHOST:80", "[::1]:80", "bucket.localhost:80"])
def test_this_machine_is_known_by_its_names(host: str) -> None:
    """Loopback's own names; no header is none of a browser's."""
    assert is_loopback(host)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "ANYTHING"])
def test_what_is_no_read_needs_the_key(method: str) -> None:
    """The right one, and all of it."""
    for said in (*WRONG.values(), KEY, f"Basic {KEY}", f"Bearer {KEY[:-1]}", f"Bearer {KEY}x", "Bearer \udcff"):
        no = denied(KEY, method, "localhost", said)
        assert no is not None
        assert no.status == 401
        assert "Authorization: Bearer KEY" in no.because
    assert denied(KEY, method, "localhost", f"bearer {KEY}") is None
    assert denied(KEY, "GET", "localhost", "") is None


CALLS = {
    "a form that describes": ("POST", "/", "", FORM, b"Action=DescribeInstances&Version=1", {}),
    "a target that lists": (
        "POST",
        "/",
        "",
        "application/x-amz-json-1.0",
        b"{}",
        {"HTTP_X_AMZ_TARGET": "A.List"},
    ),
    "a query that gets": ("GET", "/", "Action=GetCallerIdentity", "", b"", {}),
    "a REST verb that reads": ("GET", "/experiments", "", "", b"", {}),
    "a form that changes": ("POST", "/", "", FORM, b"Action=StopInstances", {}),
    "a form that names nothing": ("POST", "/", "", FORM, b"Version=1", {}),
    "two names, one of them a read": ("POST", "/", "Action=DescribeX", FORM, b"Action=StopInstances", {}),
    "a name twice": ("POST", "/", "", FORM, b"Action=DescribeX&Action=StopInstances", {}),
    "a query that changes": ("GET", "/", "Action=StopInstances", "", b"", {}),
    "a header that moto takes for a query": ("GET", "/", "", "", b"", {"HTTP_ACTION": "StopInstances"}),
    "a form in a GET": ("GET", "/", "", FORM, b"Action=StopInstances", {}),
    "a target that changes": (
        "POST",
        "/",
        "",
        "application/x-amz-json-1.0",
        b"{}",
        {"HTTP_X_AMZ_TARGET": "A.Put"},
    ),
    "a form in parts": ("POST", "/", "Action=ListX", "multipart/form-data; boundary=x", b"--x--", {}),
    "a body that is coded": ("POST", "/", "Action=ListX", FORM, b"\x1f", {"HTTP_CONTENT_ENCODING": "gzip"}),
    "a path that names a call": ("POST", "/experiments", "", FORM, b"Action=ListX", {}),
    "a REST verb that changes": ("DELETE", "/bucket", "", "", b"", {}),
    "moto's own": ("POST", "/moto-api/reset", "", "", b"", {}),
    "moto's own, by a GET": ("GET", "/moto-api/recorder/start-recording", "", "", b"", {}),
}


@pytest.mark.parametrize("case", CALLS)
def test_every_call_of_the_control_plane_needs_the_key(case: str) -> None:
    """A read, too: 403 as AWS says it, unless the bed's key signs it."""
    method, path, query, kind, body, headers = CALLS[case]

    def call(**more: str) -> list[str]:
        statuses: list[str] = []
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "CONTENT_TYPE": kind,
            "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body), "HTTP_HOST": "127.0.0.1:1",
            **headers, **more,
        }  # fmt: skip
        gate = Gate(lambda _, start: [start("200 OK", []) and b""], KEY, lambda *_: None)
        gate(environ, lambda status, _: statuses.append(status))
        return statuses

    for said in WRONG.values():
        assert call(HTTP_AUTHORIZATION=said) == ["403 FORBIDDEN"]
    assert call(HTTP_AUTHORIZATION=SIGNED.format(KEY)) == ["200 OK"]
    assert call(HTTP_AUTHORIZATION=f"Bearer {KEY}") == ["200 OK"]
    assert call(HTTP_AUTHORIZATION=SIGNED.format(KEY), HTTP_HOST="evil.example") == ["403 FORBIDDEN"]


def test_what_is_beyond_the_limit_reaches_nobody() -> None:
    """A call's name cannot hide behind a megabyte: what was not looked at is not passed on."""
    seen: list[bytes] = []
    body = b"Action=DescribeX&a=" + b"x" * BODY_BYTES_MAX + b"&Action=StopInstances"
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/", "CONTENT_TYPE": FORM, "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }  # fmt: skip
    environ["HTTP_AUTHORIZATION"] = f"Bearer {KEY}"
    Gate(lambda passed, _: [seen.append(passed["wsgi.input"].read()) or b""], KEY, lambda *_: None)(environ, print)
    assert b"StopInstances" not in seen[0]


# --- a real bed ------------------------------------------------------------------------------------------------------

TOXIC = {"name": "late", "type": "latency", "attributes": {"latency": 5}}
WIRE_CALLS = {
    "cut": ("PATCH", "/proxies/cache", {"enabled": False}),
    "cut, as Toxiproxy 2 did": ("POST", "/proxies/cache", {"enabled": False}),
    "slow": ("POST", "/proxies/cache/toxics", TOXIC),
    "another dose": ("PATCH", "/proxies/cache/toxics/there", {"attributes": {"latency": 9}}),
    "another dose, as Toxiproxy 2 did": ("POST", "/proxies/cache/toxics/there", {"attributes": {"latency": 9}}),
    "heal": ("DELETE", "/proxies/cache/toxics/there", None),
    "reset": ("POST", "/reset", None),
}


@pytest.mark.bed
@pytest.mark.parametrize("call", WIRE_CALLS)
def test_the_wires_change_for_nobody_without_the_key(call: str, bed: Bed, key: dict[str, str]) -> None:
    """401 and a sentence, and everything is as it was; with the key the same call changes it."""
    method, path, words = WIRE_CALLS[call]
    with httpx.Client(base_url=bed.status().endpoints["toxiproxy"], trust_env=False) as client:
        there = {**TOXIC, "name": "there"}
        assert client.post("/proxies/cache/toxics", json=there, headers=key).status_code == 200
        try:
            before = client.get("/proxies").json()
            for said in WRONG.values():
                answer = client.request(method, path, json=words, headers={"Authorization": said})
                assert answer.status_code == 401
                assert "Authorization: Bearer KEY" in answer.json()["error"]
            strange = client.request(method, path, json=words, headers={**key, "Host": "evil.example"})
            assert strange.status_code == 403
            assert client.get("/proxies", headers={"Host": "evil.example"}).status_code == 403
            assert client.get("/proxies").json() == before
            assert client.request(method, path, json=words, headers=key).is_success
            assert client.get("/proxies").json() != before
        finally:
            assert client.post("/reset", headers=key).status_code == 204


@pytest.mark.bed
def test_envoy_changes_for_nobody_without_the_key(bed: Bed, key: dict[str, str]) -> None:
    """401 and its runtime is as it was, and no GET changes it either; with the key it does, and Envoy lives."""
    path = "/runtime_modify?fault.http.delay.fixed_duration_ms=3"
    with httpx.Client(base_url=bed.status().endpoints["envoy_admin"], trust_env=False) as client:

        def runtime() -> Any:
            return client.get("/runtime?format=json").json()["entries"]

        before = runtime()
        for said in WRONG.values():
            for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
                answer = client.request(method, path, headers={"Authorization": said})
                assert answer.status_code == 401
            assert client.post("/quitquitquit", headers={"Authorization": said}).status_code == 401
        assert "Authorization: Bearer KEY" in client.post(path).text
        assert client.get(path).status_code == 405
        assert client.post(path, headers={**key, "Host": "evil.example"}).status_code == 403
        assert client.get("/runtime", headers={"Host": "evil.example"}).status_code == 403
        assert runtime() == before
        assert client.post(path, headers=key).status_code == 200
        assert runtime() != before
        assert client.post("/runtime_modify?fault.http.delay.fixed_duration_ms=", headers=key).status_code == 200
        assert client.head("/server_info").status_code == 200
        assert key["Authorization"].split()[1] not in client.get("/config_dump").text


@pytest.mark.bed
@pytest.mark.parametrize("before", [[], ["AUTH", "bed-another"], ["HELLO", "3"], ["AUTH", "default", ""]])
def test_the_cache_answers_nobody_without_its_password(bed: Bed, before: list[str]) -> None:
    """Whatever a stranger says first; over the wire, too."""
    wire = httpx.get(f"{bed.status().endpoints['toxiproxy']}/proxies", trust_env=False).json()["cache"]
    for address in (wire["listen"], wire["upstream"]):
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=5) as stranger:
            said = [one for one in (before, ["FLUSHALL"]) if one]
            parts = ["".join([f"*{len(words)}\r\n", *(f"${len(one)}\r\n{one}\r\n" for one in words)]) for words in said]
            stranger.sendall("".join(parts).encode())
            answer = b""
            with contextlib.suppress(ConnectionResetError):  # it hangs up on what came after, unread
                while part := stranger.recv(99):
                    answer += part
            assert answer in (b"", b"-NOAUTH Authentication required.\r\n")


@pytest.mark.bed
def test_the_control_plane_changes_for_nobody_without_the_key(bed: Bed) -> None:
    """Signed by another, or by nobody, an instance is not stopped; boto3 is told AccessDenied. Nor is anything read."""
    import boto3
    from botocore.exceptions import ClientError

    url, instance = bed.status().endpoints["aws"], bed.status().zones["us-east-1c"].instance_id
    another = {
        "endpoint_url": url, "region_name": "us-east-1", "aws_access_key_id": "testbed",
        "aws_secret_access_key": "testbed",
    }  # fmt: skip
    with aws_of(bed, "ec2") as ec2:

        def states() -> list[str]:
            found = ec2.describe_instances()["Reservations"]
            return sorted(f"{one['InstanceId']} {one['State']['Name']}" for all_ in found for one in all_["Instances"])

        before = states()
        stop = f"Action=StopInstances&InstanceId.1={instance}&Version=2016-11-15"
        calls = {
            "ec2": lambda client: client.stop_instances(InstanceIds=[instance]),
            "autoscaling": lambda client: client.delete_auto_scaling_group(
                AutoScalingGroupName="shop", ForceDelete=True
            ),
            "rds": lambda client: client.reboot_db_instance(DBInstanceIdentifier="shop-db-a", ForceFailover=True),
            "s3": lambda client: client.create_bucket(Bucket="anybodys"),
            "ssm": lambda client: client.put_parameter(Name="a", Value="b", Type="String"),
            "fis": lambda client: client.create_experiment_template(
                description="d", roleArn="arn:aws:iam::1:role/r", stopConditions=[{"source": "none"}], actions={}
            ),
        }
        for service, call in calls.items():
            with pytest.raises(ClientError, match=r"AccessDenied|403") as refused:
                call(boto3.client(service, **another))
            assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403, service
        assert "test bed's key" in str(refused.value)
        for kind in ("application/x-www-form-urlencoded", "text/plain"):
            assert httpx.post(url, content=stop, headers={"Content-Type": kind}, trust_env=False).status_code == 403
        assert httpx.get(f"{url}/?{stop}", trust_env=False).status_code == 403
        assert httpx.post(f"{url}/moto-api/reset", trust_env=False).status_code == 403
        assert httpx.get(f"{url}/moto-api/recorder/start-recording", trust_env=False).status_code == 403
        with pytest.raises(ClientError, match=r"AccessDenied"):
            boto3.client("ec2", **another).describe_instances()
        assert states() == before
        assert bed.status().zones["us-east-1c"].state == "up"
        tags = [{"Key": "key-test", "Value": "1"}]
        ec2.create_tags(Resources=[instance], Tags=tags)
        ec2.delete_tags(Resources=[instance], Tags=tags)


@pytest.mark.bed
def test_a_fault_without_the_key_fails_and_says_what_to_set(bed: Bed) -> None:
    """Nothing is broken, and the way out is named; a wrong token is called wrong."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("WELLPROVEN_TOXIPROXY_TOKEN", "WELLPROVEN_ENVOY_TOKEN"):
            patch.delenv(name, raising=False)
        wires, admin = bed.status().endpoints["toxiproxy"], bed.status().endpoints["envoy_admin"]
        with pytest.raises(ActivityFailed, match=r"401: WELLPROVEN_TOXIPROXY_TOKEN is not set.*testbed env"):
            toxiproxy_cut.begin(wires, "cache")
        patch.setenv("WELLPROVEN_ENVOY_TOKEN", "another")
        with pytest.raises(ActivityFailed, match="401: WELLPROVEN_ENVOY_TOKEN is not taken") as said:
            envoy_delay.begin(admin, 10)
        assert "another" not in str(said.value)
        assert toxiproxy_cut.is_healed(wires, "cache")
        assert envoy_delay.is_healed(admin)


@pytest.mark.bed
def test_the_key_is_in_no_command_line_and_one_file(bed: Bed) -> None:
    """state.json has it, for its user alone; the socket of Envoy's admin interface is behind a closed folder."""
    there, place = bed.status().environment, Place(bed.name)
    (key,) = {value for name, value in there.items() if looks_secret(name)}
    assert len(key) > 40
    for process in processes_of(bed.status().pid):
        assert key.encode() not in Path(f"/proc/{process.pid}/cmdline").read_bytes(), process.name()
    holding = [path for path in place.base.rglob("*") if path.is_file() and key.encode() in path.read_bytes()]
    assert holding == [place.state]
    assert stat.S_IMODE(place.state.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.sockets.stat().st_mode) == 0o700
    out = io.StringIO()
    assert main(["testbed", "status", "--json", "--name", bed.name], out, io.StringIO()) == 0
    assert "AWS_ENDPOINT_URL" in out.getvalue()
    assert key not in out.getvalue()  # `testbed env` is the door
    (socket,) = place.sockets.iterdir()
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600


@pytest.mark.bed
def test_an_envoy_that_is_started_again_has_its_admin_interface_again(bed: Bed, key: dict[str, str]) -> None:
    """The socket file that the dead one left is no hindrance."""
    (envoy,) = [one for one in processes_of(bed.status().pid) if "envoy" in one.name()]
    admin = bed.status().endpoints["envoy_admin"]
    os.kill(envoy.pid, signal.SIGKILL)

    def answers() -> bool:
        found = httpx.get(f"{admin}/server_info", trust_env=False)
        return found.status_code == 200 and json.loads(found.text)["state"] == "LIVE"

    eventually("the dead one is gone", lambda: not envoy.is_running(), within_s=10)
    eventually("another answers", answers, within_s=15)
    assert httpx.post(f"{admin}/runtime_modify?a=", headers=key, trust_env=False).status_code == 200
    eventually("the bed is whole", lambda: is_whole(bed), within_s=15)
