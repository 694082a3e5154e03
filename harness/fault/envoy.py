"""An Envoy's admin interface: its runtime, which drives the fault filter, and its counters. No fault by itself.

Envoy itself knows no tokens; for what stands before its admin interface, $WELLPROVEN_ENVOY_TOKEN is sent as a bearer's.
"""

import time
from collections.abc import Mapping

from chaoslib.exceptions import ActivityFailed

from harness.fault import answers
from harness.fault.answers import Answer

TIMEOUT_S = 5.0
SENDS = "WELLPROVEN_ENVOY_TOKEN"


def set_runtime(admin_url: str, values: Mapping[str, str]) -> None:
    """Set runtime keys; an empty value takes one away. Acts on the next request. Raises ActivityFailed."""
    ask("POST", admin_url, "/runtime_modify", dict(values))


def runtime(admin_url: str, key: str) -> str:
    """A runtime key's value; empty where nothing sets it. Raises ActivityFailed."""
    entries = ask("GET", admin_url, "/runtime", {"format": "json"}).json_object().get("entries", {})
    entry = entries.get(key, {}) if isinstance(entries, dict) else {}
    return str(entry.get("final_value", "")) if isinstance(entry, dict) else ""


def count(admin_url: str, suffix: str) -> float:
    """The sum of all statistics whose names end so, such as fault.delays_injected. Raises ActivityFailed."""
    pattern = suffix.replace(".", r"\.") + "$"
    stats = ask("GET", admin_url, "/stats", {"format": "json", "filter": pattern}).json_object()
    found = stats.get("stats", [])
    values = [one.get("value") for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    try:
        return float(sum(value for value in values if isinstance(value, int | float)))
    except OverflowError:
        raise ActivityFailed(f"Envoy's admin interface: {suffix}: a number too large to be a count") from None


def per_s(admin_url: str, suffix: str, over_s: float) -> float:
    """How fast a counter grows now, looked at twice: what it counted before proves nothing. Raises ActivityFailed."""
    begin_s, before = time.monotonic(), count(admin_url, suffix)
    time.sleep(over_s)
    after = count(admin_url, suffix)
    return max(0.0, after - before) / (time.monotonic() - begin_s)


def ask(method: str, admin_url: str, path: str, parameters: dict[str, str]) -> Answer:
    """One call, with the token where one is set. Raises ActivityFailed where it is not answered with 200."""
    url = admin_url.rstrip("/") + path
    headers = answers.bearing(SENDS)
    answer = answers.ask("Envoy's admin interface", method, url, TIMEOUT_S, params=parameters, headers=headers)
    if answer.status in answers.NO_TOKEN:
        raise ActivityFailed(f"Envoy's admin interface at {url}: {answer.status}: {answers.way_in(SENDS)}")
    if answer.status != 200:
        raise ActivityFailed(
            f"Envoy's admin interface at {url}: {answer.status} {answer.said}; is there an admin_layer?"
        )
    return answer
