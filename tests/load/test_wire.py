"""The lean engine against real sockets: what an answer looks like on the wire, and what the record says of it."""

import datetime as dt
import ipaddress
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harness.record.requests import Outcome

pytestmark = pytest.mark.slow

OK, BROKEN, LATE = Outcome.ANSWERED, Outcome.BROKEN, Outcome.TIMED_OUT
# path: (method, what the server sends, outcome, status)
ANSWERS = {
    "/length": ("GET", "HTTP/1.1 200 OK\r\nX-Zone: b\r\nContent-Length: 2\r\n\r\nhi", OK, 200),
    "/chunked": ("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", OK, 200),
    "/close": ("GET", "HTTP/1.1 500 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n<FIN>", OK, 500),
    "/until-end": ("GET", "HTTP/1.1 200 OK\r\n\r\nsome<FIN>", OK, 200),
    "/empty": ("GET", "HTTP/1.1 204 No Content\r\n\r\n", OK, 204),
    "/same": ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", OK, 304),
    "/head": ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", OK, 200),
    "/continue": ("POST", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", OK, 201),
    "/moved": ("GET", "HTTP/1.1 302 Found\r\nLocation: /length\r\nContent-Length: 0\r\n\r\n", OK, 302),
    "/short": ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi<FIN>", BROKEN, 0),
    "/nothing": ("GET", "<FIN>", BROKEN, 0),
    "/bad": ("GET", "SSH-2.0-OpenSSH\r\n", BROKEN, 0),
    "/half": ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", LATE, 0),
}


def test_every_form_of_answer_is_recorded_as_what_it_was(serve, profile_for, run_load):
    """Three each on kept connections: none is taken for its neighbour's, no redirect followed, the zone known."""
    server = serve("script", answers={path: answer[1] for path, answer in ANSWERS.items()})
    routes = [{"name": path, "path": path, "method": answer[0]} for path, answer in ANSWERS.items()]
    result = run_load(profile_for(server, rate="4", duration_s=0.75, timeout_s=0.5, routes=routes))
    seen = {path: set() for path in ANSWERS}
    for record in result.requests:
        seen[list(ANSWERS)[record["route"]]].add((int(record["outcome"]), int(record["status"])))
    assert seen == {path: {answer[2:]} for path, answer in ANSWERS.items()}
    assert len(result.requests) == 3 * len(ANSWERS)
    assert result.zones() == ["b"]
    has_zone = result.requests["zone"] == 1
    assert has_zone.tolist() == (result.requests["route"] == list(ANSWERS).index("/length")).tolist()
    answered = result.requests[result.requests["outcome"] == OK]
    assert (answered["planned_ns"] <= answered["sent_ns"]).all()
    assert (answered["sent_ns"] < answered["first_byte_ns"]).all()
    assert (answered["first_byte_ns"] <= answered["done_ns"]).all()


def test_a_request_arrives_as_its_route_says(serve, profile_for, run_load):
    """Ids, parameters, headers and body, as the server saw them."""
    server = serve("echo")
    route = {
        "name": "POST /orders",
        "method": "POST",
        "path": "/orders/{sku}",
        "headers": {"Content-Type": "application/json", "Idempotency-Key": "{id}"},
        "body": '{"id": "{id}", "sku": "{sku}"}',
        "parameters": {"sku": ["tea", "pot"]},
    }
    run_load(profile_for(server, rate="4", duration_s=1, routes=[route], id_prefix="drill7"))
    seen = [json.loads(line) for line in server.end().splitlines()]
    assert [line[1] for line in seen] == ["/orders/tea", "/orders/pot"] * 2
    for seq, (method, path, headers, body) in enumerate(seen):
        assert (method, headers["host"], headers["idempotency-key"]) == ("POST", server.url[7:], f"drill7-0-{seq}")
        assert json.loads(body) == {"id": f"drill7-0-{seq}", "sku": path.removeprefix("/orders/")}


@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = tmp_path / "loopback.pem", tmp_path / "loopback.key"
    files[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


@pytest.mark.parametrize(("is_trusted", "outcome"), [(True, Outcome.ANSWERED), (False, Outcome.REFUSED)])
def test_a_certificate_is_verified(serve, profile_for, run_load, certificate, monkeypatch, is_trusted, outcome):
    """A self-signed one is refused, unless SSL_CERT_FILE names it; so it is for journeys."""
    server = serve("shop", certificate=str(certificate[0]), key=str(certificate[1]))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0])) if is_trusted else monkeypatch.delenv(
        "SSL_CERT_FILE", raising=False
    )
    routes = [{"name": "GET /catalogue", "path": "/catalogue"}, {"name": "b", "journey": "loadtests/shop.py:Browse"}]
    profile = profile_for(server, rate="20", duration_s=0.5, routes=routes, base_url=f"https://127.0.0.1:{server.port}")
    records = run_load(profile).requests
    assert len(records) == 20
    lean, scripted = records[records["route"] == 0], records[records["route"] == 1]
    assert set(lean["outcome"].tolist()) == {outcome}
    assert set(scripted["outcome"].tolist()) <= {outcome, Outcome.BROKEN}
    assert (set(scripted["outcome"].tolist()) == {Outcome.ANSWERED}) is is_trusted
