"""One keep-alive HTTP/1.1 connection of the lean engine: a gevent socket and httptools' parser, and nothing hidden.

Redirects are not followed, nothing is retried, every error is told. Certificates are verified against the system's
authorities, or the file that SSL_CERT_FILE names.
"""

import ipaddress
import os
import socket
from collections.abc import Callable
from typing import Any, Final

import gevent.ssl
import httptools
from gevent import monkey
from gevent import socket as gevent_socket

from harness.errors import NotAvailableError
from harness.load.instants import clock_ns
from harness.load.template import Endpoint
from harness.record import FLAG_FALLBACK

_READ_BYTES: Final = 65_536
_HEAD_BYTES_MAX: Final = 1 << 20  # what comes with them of the body counts, too; it is kept in memory until they end
_READABLE: Final = 0x001 | 0x2000  # POLLIN, and POLLRDHUP where the system has it
_CONTENT_LENGTH: Final = b"content-length"
_TRANSFER_ENCODING: Final = b"transfer-encoding"


class BrokenAnswerError(Exception):
    """The connection ended before the answer did, or what came is no HTTP."""


class Answer:
    """What httptools tells of one answer after the other on a connection."""

    def __init__(self, zone_header: bytes, fallback_header: bytes = b"") -> None:
        self._zone_header, self._fallback_header = zone_header, fallback_header
        self._parser: Any = None
        self.begin(is_head=False)

    def begin(self, *, is_head: bool) -> None:
        """Expect the next answer; to a HEAD request it has no body, whatever its headers say."""
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        self._is_head = is_head
        self._has_headers = self._has_length = False
        self._head_bytes = 0
        self.status = 0
        self.zone = b""
        self.flags = 0
        self.is_complete = self.is_reusable = False

    def reset(self) -> None:
        """Forget the parser's state; the next answer comes on a new connection."""
        self._parser = None

    def feed(self, data: memoryview) -> None:
        """Take some bytes. Raises BrokenAnswerError where they are no HTTP/1.x answer."""
        if not self._has_headers:
            self._head_bytes += len(data)
            if self._head_bytes > _HEAD_BYTES_MAX:
                raise BrokenAnswerError("headers without end")
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.is_reusable = False
        except httptools.HttpParserError as error:
            self.is_reusable = False  # junk after a whole answer spoils the connection, not the answer
            if not self.is_complete:
                raise BrokenAnswerError(str(error)) from error

    def end(self) -> None:
        """Take the connection's end. Raises BrokenAnswerError where the answer was not whole."""
        if not self._has_headers or self._has_length:
            raise BrokenAnswerError("the connection ended before the answer did")
        self.is_complete = True  # a body of no stated length ends with its connection (RFC 9112, 6.3)

    # httptools calls these, by these names.
    def on_message_begin(self) -> None:
        """Begin a message; one that follows a whole answer was never asked for."""
        if self.is_complete:
            self.is_reusable = False
            raise BrokenAnswerError("more than one answer to one request")
        self._has_length = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note what frames the body, the zone, and whether it is a fallback."""
        lowered = name.lower()
        if lowered == self._zone_header:
            self.zone = value
        elif lowered == self._fallback_header:
            self.flags = fallback_flag(value)
        elif lowered in (_CONTENT_LENGTH, _TRANSFER_ENCODING):
            self._has_length = True

    def on_headers_complete(self) -> None:
        """Headers are whole; an answer to HEAD ends here, and leaves the parser waiting for a body that never comes."""
        status = self._parser.get_status_code()
        if status < 200 and status != 101:
            return
        self.status = status
        self._has_headers = True
        self.is_reusable = self._parser.should_keep_alive()
        if self._is_head:
            self.is_complete = True

    def on_message_complete(self) -> None:
        """Take the message's end; that of an interim answer (1xx) is not the end."""
        if self.status:
            self.is_complete = True


class Dialer:
    """Opens connections to one endpoint; shared by all connections of a worker."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Raise NotAvailableError where the authorities cannot be read."""
        self._endpoint = endpoint
        self._address = _literal_address(endpoint)
        self._tls = _tls_context() if endpoint.is_tls else None

    def dial(self) -> Any:
        """A connected gevent socket. Raises OSError (of which SSLError is one)."""
        sock = self._connect()
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                # The handshake apart: when a time-out ends it, there is already a socket to close.
                name = self._endpoint.host
                sock = self._tls.wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False)
                sock.do_handshake()
        except BaseException:
            sock.close()
            raise
        return sock

    def _connect(self) -> Any:
        if self._address is None:
            # Resolved anew for each connection, as clients must when a service moves; gevent does it off the loop.
            return gevent_socket.create_connection((self._endpoint.host, self._endpoint.port))
        family, address = self._address
        sock = gevent_socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.connect(address)
        except BaseException:
            sock.close()
            raise
        return sock


class Wire:
    """A place for one connection: opened when needed, kept while the server keeps it."""

    def __init__(self, dialer: Dialer, zone_header: bytes, buffer: bytearray, fallback_header: bytes = b"") -> None:
        """`buffer` may be shared by all wires of a thread: nothing is kept in it across a wait."""
        self._dialer = dialer
        self._buffer = memoryview(buffer)
        self._sock: Any = None
        self._poll: Callable[[int], list[tuple[int, int]]] | None = None
        self.answer = Answer(zone_header, fallback_header)
        self.sent_ns = 0
        self.first_byte_ns = 0

    @property
    def is_open(self) -> bool:
        """Whether there is a connection; it may be stale."""
        return self._sock is not None

    def check(self) -> bool:
        """Whether there is a connection fit for a request; a stale one is closed.

        An idle connection has nothing to say: if it is readable, the server closed it or lost track.
        """
        if self._poll is not None and self._poll(0):
            self.close()
        return self._sock is not None

    def open(self) -> None:
        """Connect. Raises OSError."""
        assert self._sock is None, "open twice"
        self._sock = self._dialer.dial()
        # The unpatched poll: it looks, it never waits. On TLS too, where a peek is not allowed.
        poller = monkey.get_original("select", "poll")()
        poller.register(self._sock.fileno(), _READABLE)
        self._poll = poller.poll
        self.answer.reset()

    def exchange(self, request: bytes, *, is_head: bool) -> None:
        """Send a request and take its whole answer; what it was is in `answer`.

        Sets `sent_ns` when the first byte is about to leave, `first_byte_ns` when the first one came. Raises OSError
        or BrokenAnswerError; the connection is then of no further use.
        """
        answer, sock, buffer = self.answer, self._sock, self._buffer
        answer.begin(is_head=is_head)
        self.sent_ns = clock_ns()
        sock.sendall(request)
        while not answer.is_complete:
            size = sock.recv_into(buffer)
            if not size:
                answer.end()
                break
            if not self.first_byte_ns:
                self.first_byte_ns = clock_ns()
            answer.feed(buffer[:size])
        if not answer.is_reusable:
            self.close()
        elif is_head:
            answer.reset()

    def close(self) -> None:
        """Close the connection, if there is one."""
        sock, self._sock, self._poll = self._sock, None, None
        if sock is not None:
            sock.close()


def fallback_flag(value: bytes) -> int:
    """The record's flag for a fallback header of this value: any but an empty one, 0 and false."""
    return 0 if value.strip().lower() in (b"", b"0", b"false") else FLAG_FALLBACK


def new_buffer() -> bytearray:
    """A read buffer for `Wire`."""
    return bytearray(_READ_BYTES)


def authorities() -> str | None:
    """The file of certificate authorities that SSL_CERT_FILE names, or None for the system's."""
    return os.environ.get("SSL_CERT_FILE") or None


def _tls_context() -> Any:
    try:
        return gevent.ssl.create_default_context(cafile=authorities())
    except OSError as error:
        raise NotAvailableError(f"certificate authorities {authorities()}: {error}; see SSL_CERT_FILE") from error


def _literal_address(endpoint: Endpoint) -> tuple[int, Any] | None:
    try:
        version = ipaddress.ip_address(endpoint.host).version
    except ValueError:
        return None
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    return family, (endpoint.host, endpoint.port)
