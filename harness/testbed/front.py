"""What stands before Envoy's admin interface, which knows no keys: it listens on a socket file that only we can reach.

Everybody on this machine may read (statistics, the runtime, the clusters); what changes something needs the bed's key.
Envoy itself takes changes by POST alone.
"""

import socket
import socketserver
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Thread

from harness.errors import NotAvailableError
from harness.testbed.services.wire.guard import READS, denied

TIMEOUT_S = 5.0
BODY_BYTES_MAX = 1 << 20
ANSWER_BYTES_MAX = 64 << 20


def serve(port: int, admin: Path, key: str) -> None:
    """Serve on loopback until this process ends; `admin` is Envoy's socket file, which may come and go."""

    class Bound(_Front):
        pass

    Bound.admin, Bound.key = admin, key
    try:
        server = _Server(("127.0.0.1", port), Bound)
    except OSError as error:
        raise NotAvailableError(f"test bed: envoy's admin interface: Address already in use: {port}") from error
    Thread(target=server.serve_forever, name="envoy admin", daemon=True).start()


class _Server(socketserver.ThreadingTCPServer):
    """http.server's own asks the resolver for this machine's name, which may take seconds."""

    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever hung up is no news."""


class _Front(BaseHTTPRequestHandler):
    admin: Path
    key: str
    timeout = TIMEOUT_S

    def _any(self) -> None:
        no = denied(self.key, self.command, self.headers.get("Host", ""), self.headers.get("Authorization", ""))
        if no is not None:
            self._say(no.status, f"{no.because}\n".encode())
            return
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > BODY_BYTES_MAX:
            self._say(413, f"expected a body of at most {BODY_BYTES_MAX} bytes, and its length\n".encode())
            return
        body = None if self.command in READS else self.rfile.read(int(length))
        connection = _ToFile(self.admin)
        try:
            connection.request(self.command, self.path, body)
            answer = connection.getresponse()
            self._say(answer.status, answer.read(ANSWER_BYTES_MAX), answer.headers.get("Content-Type", "text/plain"))
        except (OSError, HTTPException) as error:
            self._say(503, f"envoy does not answer ({type(error).__name__})\n".encode())
        finally:
            connection.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _any  # noqa: N815  http.server's names

    def _say(self, status: int, body: bytes, content_type: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write nothing."""


class _ToFile(HTTPConnection):
    """HTTP over a socket file."""

    def __init__(self, path: Path) -> None:
        super().__init__("envoy", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
