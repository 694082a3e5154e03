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


def ask(
    method: str, api_url: str, path: str, words: dict[str, Any] | None = None, *, accept: tuple[int, ...] = ()
) -> Answer:
    """One call; its answer where the status is a success, or one of `accept`. Raises ActivityFailed."""
    url = api_url.rstrip("/") + path
    answer = answers.ask("Toxiproxy", method, url, TIMEOUT_S, json=words, headers=answers.bearing(SENDS))
    if answer.status in answers.NO_TOKEN:
        raise ActivityFailed(f"Toxiproxy at {method} {url}: {answer.status}: {answers.way_in(SENDS)}")
    if answer.status >= 400 and answer.status not in accept:
        raise ActivityFailed(f"Toxiproxy at {method} {url}: {answer.status} {answer.text.strip()[:200]}")
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
