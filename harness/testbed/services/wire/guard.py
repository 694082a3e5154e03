"""Who may change something: whoever names the key. Everybody may read, but for pages of strangers in a browser.

A page can have a browser send a request to loopback, but no header of its own with it; and where a name of the page's
own leads to loopback (DNS rebinding), the Host header gives it away.
"""

import secrets
from typing import NamedTuple

READS = frozenset({"GET", "HEAD"})


class Denied(NamedTuple):
    """Why not."""

    status: int
    because: str


def denied(key: str, method: str, host: str, authorization: str) -> Denied | None:
    """What a request is answered with instead; None where it may go on. `host`, `authorization`: its headers."""
    if not is_loopback(host):
        return Denied(403, "Host: expected 127.0.0.1, localhost or [::1]: this is for this machine alone")
    if method not in READS and not is_bearer(key, authorization):
        return Denied(
            401, f"{method} changes something: send the header `Authorization: Bearer KEY` with the bed's key"
        )
    return None


def is_loopback(host: str) -> bool:
    """Whether a Host header names this machine; so does none at all, which no browser sends."""
    name = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    return name.lower() in {"", "127.0.0.1", "localhost", "::1"} or name.lower().endswith(".localhost")


def is_bearer(key: str, authorization: str) -> bool:
    """Whether an Authorization header bears the key."""
    scheme, _, said = authorization.partition(" ")
    return scheme.lower() == "bearer" and is_key(key, said.strip())


def is_key(key: str, said: str) -> bool:
    """Whether it is the key, in the same time however much of it is right."""
    return secrets.compare_digest(said.encode(errors="replace"), key.encode())
