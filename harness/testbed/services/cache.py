"""The cache that all zones share, a program of its own: `python -P -m cache --port P`. Speaks Redis's protocol.

Whoever connects names the password first, as Redis's clients do; it is read from CACHE_PASSWORD.
"""

import argparse
import hmac
import os
import socket
from typing import Any

from fakeredis import TcpFakeServer

AUTH_S = 5.0  # for the password to come


class Cache(TcpFakeServer):
    """Holds what it is given, in memory alone: whatever ends it empties it."""

    daemon_threads = True

    def __init__(self, port: int, password: str) -> None:
        super().__init__(("127.0.0.1", port))
        self._auth = b"*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n" % (len(password.encode()), password.encode())

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection whose first command is AUTH with the password: fakeredis itself insists on none."""
        if self._is_known(request):
            super().process_request_thread(request, client_address)
        else:
            self.shutdown_request(request)

    def _is_known(self, connection: socket.socket) -> bool:
        said = b""
        try:
            connection.settimeout(AUTH_S)
            while len(said) < len(self._auth) and hmac.compare_digest(said, self._auth[: len(said)]):
                part = connection.recv(len(self._auth) - len(said))
                if not part:
                    return False
                said += part
            known = hmac.compare_digest(said, self._auth)
            connection.sendall(b"+OK\r\n" if known else b"-NOAUTH Authentication required.\r\n")
            connection.settimeout(None)
        except OSError:
            return False
        return known


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    password = os.environ.get("CACHE_PASSWORD")
    if not password:
        parser.error("CACHE_PASSWORD: set it to the password that clients must name")
    Cache(parser.parse_args().port, password).serve_forever()


if __name__ == "__main__":
    _main()
