"""A route's request as bytes: everything that does not change from arrival to arrival is rendered once. Pure.

`{id}` and `{parameter}` are filled in path, headers and body. In the path a value is percent-encoded where a request
line could not carry it; in headers and body it stands as it is.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from harness.documents import VARIABLE
from harness.errors import NotAvailableError, UsageError
from harness.plan import Profile, Route

USER_AGENT: Final = "wellproven"
_PATH_SAFE: Final = "/:@!$&'()*+,;=-._~%?"  # RFC 3986: path and query, and what is already encoded
_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}")
_METHODS_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2


class Endpoint:
    """Where a base URL points: scheme, host, port, and the path that goes before every route's."""

    def __init__(self, base_url: str) -> None:
        """Raise UsageError where the URL cannot be driven."""
        try:
            parts = urlsplit(base_url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise UsageError(f"base URL {base_url!r}: {error}; write http://host:port") from error
        if parts.scheme not in {"http", "https"} or not host:
            raise UsageError(f"base URL {base_url!r}: expected http or https and a host; write http://host:port")
        if parts.query or parts.fragment or parts.username is not None:
            raise UsageError("base URL: no user, query or fragment is sent; use a route's headers, path")
        self.is_tls = parts.scheme == "https"
        self.host = host
        self.port = port or (443 if self.is_tls else 80)
        self.prefix = parts.path.rstrip("/")
        self.authority = parts.netloc


class Template:
    """One route's request, compiled."""

    def __init__(self, profile: Profile, index: int, environment: Mapping[str, str] | None = None) -> None:
        """Raise UsageError where the route cannot be written as an HTTP/1.1 request.

        `environment` holds the variables that headers name (`${SHOP_TOKEN}`): their values stand in no file.
        """
        route = profile.routes[index]
        endpoint = Endpoint(profile.base_url)
        self.is_head = route.method == "HEAD"
        self._prefix = profile.id_of(index, 0)[:-1].encode()  # an id is this and the arrival's number
        self._environment = environment or {}
        self._values = {name: _values(route, name) for name in route.parameters}
        _check(route)
        head = self._head(route, endpoint)
        body = None if route.body is None else self._format(route.body, "body")
        self._head_format, self._body_format = head, body
        self._is_static = b"%(" not in head.replace(b"%(length)", b"") and (body is None or b"%(" not in body)
        self._static = self._fill(0) if self._is_static else b""

    def render(self, seq: int) -> bytes:
        """The whole request of arrival number `seq`."""
        return self._static if self._is_static else self._fill(seq)

    def _fill(self, seq: int) -> bytes:
        arrival_id = self._prefix + b"%d" % seq
        values = {b"path.id": arrival_id, b"header.id": arrival_id, b"body.id": arrival_id}
        for by_place in self._values.values():
            for key, choices in by_place:
                values[key] = choices[seq % len(choices)]
        body = b"" if self._body_format is None else self._body_format % values
        values[b"length"] = b"%d" % len(body)
        return self._head_format % values + body

    def _head(self, route: Route, endpoint: Endpoint) -> bytes:
        path = self._format(endpoint.prefix + route.path, "path")
        given = {name.lower() for name in route.headers}
        lines = [route.method.encode() + b" " + path + b" HTTP/1.1"]
        for name, value in [("Host", endpoint.authority), ("User-Agent", USER_AGENT), ("Accept", "*/*")]:
            if name.lower() not in given:
                lines.append(f"{name}: {value}".encode("latin-1").replace(b"%", b"%%"))
        for name, value in route.headers.items():
            lines.append(name.encode("latin-1").replace(b"%", b"%%") + b": " + self._header(value))
        if route.body is not None or route.method in _METHODS_WITH_BODY:
            lines.append(b"Content-Length: %(length)b")
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def _header(self, text: str) -> bytes:
        """A header's value as a format; `${NAME}` stands for what the variable NAME holds, as it is."""
        pieces = []
        for number, piece in enumerate(VARIABLE.split(text)):
            if number % 2 == 0:
                pieces.append(self._format(piece, "header"))
            elif piece not in self._environment or _has_control(self._environment[piece]):
                raise NotAvailableError(f"a header needs the environment variable {piece}, one line; set it")
            else:
                pieces.append(_literal(self._environment[piece], "header").replace(b"%", b"%%"))
        return b"".join(pieces)

    def _format(self, text: str, place: str) -> bytes:
        """`text` as a format for `bytes % dict`, its placeholders as keys `place.name`."""
        names = {"id", *self._values}
        pieces = []
        position = 0
        for match in _PLACEHOLDER.finditer(text):
            if match[1] in names:
                pieces += [
                    _literal(text[position : match.start()], place).replace(b"%", b"%%"),
                    f"%({place}.{match[1]})b".encode(),
                ]
                position = match.end()
        return b"".join([*pieces, _literal(text[position:], place).replace(b"%", b"%%")])


def _values(route: Route, name: str) -> tuple[tuple[bytes, tuple[bytes, ...]], ...]:
    texts = route.parameters[name]
    if not texts:
        raise UsageError(f"route {route.name!r}: parameter {name!r} has no values; give at least one")
    return tuple(
        (f"{place}.{name}".encode(), tuple(_literal(text, place) for text in texts))
        for place in ("path", "header", "body")
        if place != "header" or not _has_control("".join(texts))
    )


def _literal(text: str, place: str) -> bytes:
    if place == "path":
        return quote(text, safe=_PATH_SAFE).encode()
    return text.encode("latin-1", "replace") if place == "header" else text.encode()


def _check(route: Route) -> None:
    """A request that would be read as another one than the route says is refused, not sent."""
    where = f"route {route.name!r}"
    if not _TOKEN.fullmatch(route.method):
        raise UsageError(f"{where}: method {route.method!r} is no HTTP method")
    if not route.path.startswith("/"):
        raise UsageError(f"{where}: path {route.path!r} does not begin with a slash; write /{route.path}")
    known = {"id", *route.parameters}
    for name in _PLACEHOLDER.findall(route.path):
        if name not in known:
            raise UsageError(f"{where}: path names {{{name}}}, which is no parameter; add it to parameters")
    for name, value in route.headers.items():
        used = [text for key in _PLACEHOLDER.findall(value) for text in route.parameters.get(key, ())]
        if not _TOKEN.fullmatch(name) or _has_control(value + "".join(used)):
            raise UsageError(f"{where}: header {name!r} cannot be sent: a name or value holds a control character")
        if name.lower() in {"content-length", "transfer-encoding"}:
            raise UsageError(f"{where}: header {name!r} is computed from the body; remove it")


def _has_control(text: str) -> bool:
    return any(character < " " and character != "\t" for character in text)
