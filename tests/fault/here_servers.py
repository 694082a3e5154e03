"""Whom the survey asks on this machine: a process that listens, a Toxiproxy, an Envoy's admin interface."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psutil

from tests.testbed.beds import eventually

SERVICES = Path(__file__).parents[2] / "harness/testbed/services"
KEY = "the-wires-own"  # what changes something of them needs it
LISTENER = """
import os, socket, sys, time
listener = socket.create_server(("127.0.0.1", 0))
if all(os.fork() for _ in range(int(sys.argv[1]))):  # a child leaves the loop
    print(listener.getsockname()[1], flush=True)
time.sleep(120)
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def listening(*arguments: str) -> Iterator[tuple[psutil.Process, int]]:
    """A process that listens on a port, and its children that listen with it."""
    with subprocess.Popen([sys.executable, "-c", LISTENER, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        owner = psutil.Process(process.pid)
        eventually("its children are there", lambda: len(owner.children()) == int(arguments[0]), within_s=10)
        children = owner.children()
        try:
            yield owner, port
        finally:
            for one in (owner, *children):
                one.kill()


@contextmanager
def toxiproxy(*wires: str) -> Iterator[str]:
    """The bed's wires, which speak Toxiproxy's API; its address."""
    port = free_port()
    command = [sys.executable, "-P", "-m", "wire", "--port", str(port)]
    command += [part for name in wires for part in ("--wire", f"{name}:{free_port()}:{free_port()}")]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(SERVICES), "WIRE_KEY": KEY}) as process:
        try:
            eventually("the API answers", lambda: answers(port), within_s=30)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@dataclass
class Envoy:
    """An admin interface that says what it is told to, and keeps what it was asked."""

    stats: list[str] = field(default_factory=list)
    dump: str = "{}"
    status: int = 200
    token: str = ""  # wanted of everybody
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str) -> str:
        if path == "/runtime":
            return json.dumps({"layers": ["admin"], "entries": {}})
        if path == "/stats":
            return json.dumps({"stats": [{"name": name, "value": 0} for name in self.stats]})
        return self.dump


@contextmanager
def envoy(**told: Any) -> Iterator[Envoy]:
    one = Envoy(**told)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            one.asked.append(f"GET {self.path}")
            body = one.answer(self.path.partition("?")[0]).encode()
            let_in = not one.token or self.headers.get("Authorization") == f"Bearer {one.token}"
            self.send_response(one.status if let_in else 401)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            one.asked.append(f"POST {self.path}")
            self.send_error(500)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        one.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield one
        server.shutdown()
