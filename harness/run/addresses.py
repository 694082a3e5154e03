"""What a target is known by: the name in its URL and every address behind it, each with the port.

Two targets are one where they have any of it in common. So words are added here and never replaced: another spelling of
an address must still meet what an older run wrote.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import urlsplit

import psutil

_HERE: Final = "127.0.0.1"
_PORTS: Final = {"http": 80, "https": 443}

type _Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def addresses_of(base_url: str) -> tuple[str, ...]:
    """Host and addresses of a URL with its port, as `shop.example-443`, sorted; the host alone if it leads nowhere.

    Names that lead to several hosts, in another order each time, have all of them here: two URLs with one of them in
    common may be one system. Every address of this machine is `127.0.0.1`, too. The next answer may be another one: a
    run asks once.
    """
    host, port = _host_and_port(base_url)
    found = set(_resolved(host, port))
    names = {host, *map(str, found)}
    if any(address.is_loopback or address.is_unspecified for address in found) or found & set(_of_this_machine()):
        names.add(_HERE)
    return tuple(sorted(f"{re.sub(r'[^a-z0-9.:-]', '_', name)}-{port}" for name in names))


def _host_and_port(base_url: str) -> tuple[str, int]:
    """The host without the dot that ends a name, an IP address in its usual spelling; port 0 where it can be none."""
    try:
        parts = urlsplit(base_url)
        host, port = (parts.hostname or "").lower().removesuffix("."), parts.port
    except ValueError:
        return "", 0
    return next(map(str, _read((host,))), host), _PORTS.get(parts.scheme, 0) if port is None else port


def _resolved(host: str, port: int) -> Iterator[_Address]:
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761: whatever a name server says
        yield ipaddress.ip_address(_HERE)
    yield from _read((host,))
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return
    yield from _read(str(where[0]) for *_, where in answers)


def _of_this_machine() -> Iterator[_Address]:
    return _read(one.address for ones in psutil.net_if_addrs().values() for one in ones)


def _read(texts: Iterable[str]) -> Iterator[_Address]:
    """What of the texts is an IP address: without the interface it is reached by, IPv4 where IPv6 only wraps it."""
    for text in texts:
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            continue
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        yield mapped or address
