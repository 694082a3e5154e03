"""A small real target whose fault is a flag: a process of its own, whose state is seen from outside.

`python flagged.py` prints its port and serves until its standard input ends. PUT /fault sets the flag, DELETE /fault
takes it away, GET /fault/there and /fault/gone answer 200 or 503; while the flag is set, POST /orders answers 503.
POST /how {"drops": 2} closes the next two DELETEs unanswered, {"stuck": true} lets them change nothing, {"late_s": 2}
sets the flag that long after a PUT, whoever is still there, {"undo_s": 0.3} makes a DELETE take that long,
{"fails_s": 1} takes orders again so long after a PUT.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from harness.clock import SystemClock
from tests.testbed.beds import eventually


class Flag:
    def __init__(self):
        self.there = False
        self.how = {"drops": 0, "stuck": False, "late_s": 0.0, "undo_s": 0.0, "fails_s": 1e9}
        self.since_ns = 0
        self.calls = []  # (method, begin, end) of each PUT and DELETE, in ns of the monotonic clock
        self.lock = threading.Lock()

    def put(self):
        time.sleep(self.how["late_s"])
        self.there, self.since_ns = True, SystemClock().monotonic_ns()

    @property
    def fails(self):
        return self.there and SystemClock().monotonic_ns() - self.since_ns < self.how["fails_s"] * 1e9

    def delete(self):
        """Whether to answer."""
        time.sleep(self.how["undo_s"])
        with self.lock:
            if self.how["drops"] > 0:
                self.how["drops"] -= 1
                return False
        self.there = self.there and self.how["stuck"]
        return True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    flag = Flag()

    def log_message(self, *_arguments):
        pass

    def answer(self, status: int, value: object = None):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        flag = self.flag
        match self.path:
            case "/fault/there":
                self.answer(200 if flag.there else 503)
            case "/fault/gone":
                self.answer(503 if flag.there else 200)
            case "/calls":
                self.answer(200, flag.calls)
            case _:
                self.answer(200)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/how":
            self.flag.how.update(json.loads(body))
            self.answer(200)
        else:
            self.answer(503 if self.flag.fails else 201)

    def do_PUT(self):
        self._change("PUT", lambda: self.flag.put() or True)

    def do_DELETE(self):
        self._change("DELETE", self.flag.delete)

    def _change(self, method, change):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        begin_ns = SystemClock().monotonic_ns()
        answers = change()
        self.flag.calls.append([method, begin_ns, SystemClock().monotonic_ns()])
        if answers:
            self.answer(200)
        else:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request, client_address):
        """A client that was killed reads no answer."""


class Target:
    """The test's end of it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._client = httpx.Client(base_url=self.url, trust_env=False, timeout=10)

    @property
    def is_broken(self) -> bool:
        return self._client.get("/fault/there").status_code == 200

    def close(self) -> None:
        self._client.close()

    def how(self, **values: object) -> None:
        assert self._client.post("/how", json=values).status_code == 200

    def put(self) -> None:
        assert self._client.put("/fault").status_code == 200

    def take_away(self) -> None:
        assert self._client.delete("/fault").status_code == 200

    def calls(self, method: str) -> list[tuple[int, int]]:
        return [(begin, end) for what, begin, end in self._client.get("/calls").json() if what == method]

    def wait_broken(self, by: subprocess.Popen, within_s: float = 60) -> None:
        eventually("the target is broken", lambda: self.is_broken or by.poll() is not None, within_s)
        assert self.is_broken, "the run ended; see its log"

    def wait_healed(self, within_s: float) -> None:
        eventually("the fault is gone", lambda: not self.is_broken, within_s)

    def experiment(self, **changes: Any) -> dict[str, Any]:
        """An experiment of plain Chaos Toolkit that sets the flag; `changes` replace parts of it."""
        return {
            "title": "The flag is set",
            "description": "Its rollback takes it away.",
            "method": [self.call("set the flag", "PUT")],
            "rollbacks": [self.call("take the flag away", "DELETE")],
            "extensions": [
                {
                    "name": "wellproven",
                    "disruption": "software",
                    "heals-within": changes.pop("heals_within", "20s"),
                    **changes.pop("extension", {}),
                    "evidence": [{"probe": self.look("the flag is there", "there")}],
                    "healed": [{"probe": self.look("the flag is gone", "gone")}],
                }
            ],
            **changes,
        }

    def call(self, name: str, method: str, **more: object) -> dict[str, Any]:
        provider = {"type": "http", "url": f"{self.url}/fault", "method": method, "timeout": 5}
        return {"type": "action", "name": name, "provider": provider, **more}

    def look(self, name: str, what: str) -> dict[str, Any]:
        return {"name": name, "tolerance": 200, "provider": {"type": "http", "url": f"{self.url}/fault/{what}"}}


@contextmanager
def flagged() -> Iterator[Target]:
    """A target, up."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fault.flagged"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    target = Target(int(process.stdout.readline()))
    try:
        yield target
    finally:
        target.close()
        process.stdin.close()
        process.stdout.close()
        process.wait(10)


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
    os._exit(0)
