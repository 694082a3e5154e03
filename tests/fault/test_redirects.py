"""An activity of type http goes to the host it names, whatever the answer says."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from chaoslib.activity import run_activity
from chaoslib.provider import http

from harness.fault.redirects import stay_on_host


class Pointing(BaseHTTPRequestHandler):
    """Points from one host of this machine to the next, and counts who came."""

    seen: list[tuple[str, str]] = []

    def do_PUT(self) -> None:
        """`/away` to another host, `/round` to this one."""
        port = self.server.server_address[1]
        self.seen.append((f"{self.headers['Host']}".partition(":")[0], self.path))
        there = {"/away": f"http://127.0.0.2:{port}/there", "/round": "/there"}.get(self.path)
        self.send_response(307 if there else 200)
        if there:
            self.send_header("Location", there)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Where that server is; what is changed is changed back."""
    monkeypatch.setattr(http, "requests", http.requests)
    Pointing.seen.clear()
    with ThreadingHTTPServer(("0.0.0.0", 0), Pointing) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def put(url: str) -> Any:
    provider = {"type": "http", "method": "PUT", "url": url}
    return run_activity({"type": "action", "name": "put", "provider": provider}, {}, {})


def test_an_answer_to_another_host_is_not_followed(port: int) -> None:
    """The answer itself is what the call gives; without us, the other host is put to."""
    put(f"http://127.0.0.1:{port}/away")
    assert Pointing.seen == [("127.0.0.1", "/away"), ("127.0.0.2", "/there")]
    Pointing.seen.clear()
    stay_on_host()
    assert put(f"http://127.0.0.1:{port}/away")["status"] == 307
    assert Pointing.seen == [("127.0.0.1", "/away")]


def test_an_answer_to_the_same_host_is(port: int) -> None:
    """As ever."""
    stay_on_host()
    assert put(f"http://127.0.0.1:{port}/round")["status"] == 200
    assert Pointing.seen == [("127.0.0.1", "/round"), ("127.0.0.1", "/there")]
