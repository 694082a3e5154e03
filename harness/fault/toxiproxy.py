"""Toxiproxy's HTTP API: named TCP proxies that can be cut and slowed. No fault by itself.

Toxiproxy itself knows no tokens; for what stands before it, $WELLPROVEN_TOXIPROXY_TOKEN is sent as a bearer's.
"""

import socket
from typing import Any

from chaoslib.exceptions import ActivityFailed

from harness.fault import answers
from harness.fault.answers import Answer

TIMEOUT_S = 5.0
SENDS = "WELLPROVEN_TOXIPROXY_TOKEN"


def proxy(api_url: str, name: str) -> dict[str, Any]:
    """What the API says of a proxy. Raises ActivityFailed where there is none, or nobody answers."""
    return ask("GET", api_url, f"/proxies/{name}").json_object()


def is_enabled(about: dict[str, Any]) -> bool:
    """Whether a proxy lets connections through. Raises ActivityFailed where the answer does not say."""
    enabled = about.get("enabled")
    if not isinstance(enabled, bool):
        raise _odd("enabled", enabled, "true or false")
    return enabled


def listen_of(about: dict[str, Any]) -> str:
    """Where a proxy listens. Raises ActivityFailed where the answer does not say."""
    listen = about.get("listen")
    if not isinstance(listen, str):
        raise _odd("listen", listen, "an address")
    return listen


def toxics_of(about: dict[str, Any]) -> set[str]:
    """Names of what a proxy does to a connection. Raises ActivityFailed where the answer does not say."""
    toxics = about.get("toxics")
    if not isinstance(toxics, list) or not all(isinstance(one, dict) and "name" in one for one in toxics):
        raise _odd("toxics", toxics, "a list of toxics with names")
    return {str(one["name"]) for one in toxics}


def _odd(field: str, got: object, expected: str) -> ActivityFailed:
    return ActivityFailed(f"Toxiproxy's answer: {field}: got {str(got)[:80]!r}, expected {expected}")


def ask(
    method: str, api_url: str, path: str, words: dict[str, Any] | None = None, *, accept: tuple[int, ...] = ()
) -> Answer:
    """One call; its answer where the status is a success, or one of `accept`. Raises ActivityFailed."""
    url = api_url.rstrip("/") + path
    answer = answers.ask("Toxiproxy", method, url, TIMEOUT_S, json=words, headers=answers.bearing(SENDS))
    if answer.status in answers.NO_TOKEN:
        raise ActivityFailed(f"Toxiproxy at {method} {url}: {answer.status}: {answers.way_in(SENDS)}")
    if answer.status >= 400 and answer.status not in accept:
        raise ActivityFailed(f"Toxiproxy at {method} {url}: {answer.status} {answer.said}")
    return answer


def connects(listen: str, timeout_s: float = 1.0) -> bool:
    """Whether anybody takes a connection where a proxy says it listens ("127.0.0.1:2222", "[::]:2222")."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    try:
        with socket.create_connection(("127.0.0.1" if host in {"", "::", "0.0.0.0"} else host, int(port)), timeout_s):  # noqa: S104
            return True
    except (OSError, ValueError):
        return False
