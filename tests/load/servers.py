"""Small real HTTP servers for the load's honesty tests; each runs as a process of its own on a free port of loopback.

`python servers.py KIND [ARGUMENTS]` prints its port and serves until its standard input ends.
"""

import asyncio
import itertools
import json
import socket
import ssl
import sys
from collections.abc import Callable

import httptools

BACKLOG = 4096  # connections that wait in the kernel while the server stands still
ACCEPTS = 16  # taken at once, so that the first ones are served before the last ones are taken


class Exchange(asyncio.Protocol):
    """One connection; each request is answered by `answer(exchange)`: some bytes, or None to close unanswered."""

    def __init__(self, answer: Callable[["Exchange"], bytes | None]) -> None:
        self._answer = answer

    def connection_made(self, transport):
        self.transport = transport
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data):
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.close()

    def on_message_begin(self):
        self.path, self.headers, self.body = "", {}, b""

    def on_url(self, url):
        self.path += url.decode()

    def on_header(self, name, value):
        self.headers[name.lower()] = value

    def on_body(self, body):
        self.body += body

    def on_message_complete(self):
        self.method = self._parser.get_method()
        answer = self._answer(self)
        if answer is None:
            self.transport.close()
        else:
            self.transport.write(answer)


def reply(body: bytes = b"ok", status: str = "200 OK", headers: str = "x-zone: a\r\n") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def plain(exchange):
    """Answers everything at once; zones a, b, c in turn."""
    exchange.count = getattr(exchange, "count", -1) + 1
    return reply(headers=f"x-zone: {'abc'[exchange.count % 3]}\r\n")


def every_other():
    """Every second answer is a fallback, and says so; the others say that they are none."""
    count = itertools.count()

    def answer(_exchange):
        return reply(headers=f"x-zone: a\r\nX-Fallback: {next(count) % 2}\r\n")

    return answer


def dropping():
    """Closes nine of ten connections unanswered, the tenth after its answer."""
    connections = itertools.count(1)

    def answer(_exchange):
        return None if next(connections) % 10 else reply(headers="Connection: close\r\n")

    return answer


def hanging(_exchange):
    """Never answers."""
    return b""


def one_shot(exchange):
    """Answers, promises to keep the connection, and closes it 20 ms later."""
    asyncio.get_running_loop().call_later(0.02, exchange.transport.close)
    return reply()


def shop(*, is_sick=False):
    """A tiny shop in memory, the routes of loadtests/shop.py.

    Sick: prices fail with 503, and an order's connection is closed unanswered.
    """
    head = "Content-Type: application/json\r\nx-zone: b\r\n"
    orders = {}

    def answer(exchange):
        if exchange.path == "/catalogue":
            return reply(json.dumps([{"sku": "tea"}, {"sku": "pot"}]).encode(), headers=head)
        if exchange.path.startswith("/price/"):
            return reply(b"{}", "503 Service Unavailable" if is_sick else "200 OK", head)
        if exchange.method == b"POST":
            order = json.loads(exchange.body)
            orders[order["id"]] = order
            return None if is_sick else reply(json.dumps(order).encode(), "201 Created", head)
        order = orders.get(exchange.path.removeprefix("/orders/"))
        return reply(json.dumps(order).encode(), "200 OK" if order else "404 Not Found", head)

    return answer


def script(answers):
    """Answers each path with the bytes given for it, and closes where they end with <FIN>."""

    def answer(exchange):
        raw = answers[exchange.path].encode("latin-1")
        exchange.transport.write(raw.removesuffix(b"<FIN>"))
        if raw.endswith(b"<FIN>"):
            exchange.transport.close()
        return b""

    return answer


def echo(exchange):
    """Answers 200 and tells on standard output what was asked, a JSON line each."""
    seen = {name.decode(): value.decode("latin-1") for name, value in exchange.headers.items()}
    print(json.dumps([exchange.method.decode(), exchange.path, seen, exchange.body.decode()]), flush=True)
    return reply()


def mirror(exchange):
    """Names the token it was given as its zone."""
    return reply(headers=f"x-zone: {exchange.headers[b'x-auth-token'].decode('latin-1')}\r\n")


KINDS = {
    "mirror": lambda: mirror,
    "plain": lambda: plain,
    "dropping": dropping,
    "every_other": every_other,
    "hanging": lambda: hanging,
    "one_shot": lambda: one_shot,
    "echo": lambda: echo,
    "shop": shop,
    "script": script,
}


async def main(kind: str, arguments: dict) -> None:
    certificate, key = arguments.pop("certificate", None), arguments.pop("key", None)
    answer = KINDS[kind](**arguments)
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    sock = socket.create_server(("127.0.0.1", 0))
    server = await loop.create_server(lambda: Exchange(answer), sock=sock, backlog=ACCEPTS, ssl=tls)
    sock.listen(BACKLOG)
    print(sock.getsockname()[1], flush=True)
    # The test's end, however it comes, closes standard input: no server outlives it.
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}))
