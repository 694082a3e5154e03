"""Errors of one dependency: Envoy's HTTP fault filter before it answers in its place.

The proxy needs the filter `envoy.filters.http.fault` with an abort, and an `admin_layer` in its runtime.
"""

from harness.fault import envoy
from harness.fault.arguments import within

__all__ = ["aborts_injected_per_s", "begin", "end", "is_healed", "is_set"]

PERCENT = "fault.http.abort.abort_percent"
STATUS = "fault.http.abort.http_status"


def begin(admin_url: str, http_status: int | str = 503, percent: float | str = 100) -> dict[str, float]:
    """Answer this share of the requests with an error; replaces an earlier one.

    Raises ActivityFailed where Envoy does not take it.
    """
    status, share = within("http_status", http_status, 400, 599), within("percent", percent, 0, 100)
    envoy.set_runtime(admin_url, {STATUS: f"{status:.0f}", PERCENT: f"{share:.0f}"})
    return {"http_status": status, "percent": share}


def end(admin_url: str) -> str:
    """Let every request through; nothing to do where all go through."""
    envoy.set_runtime(admin_url, {PERCENT: "", STATUS: ""})
    return "no answer is made an error"


def aborts_injected_per_s(admin_url: str, over_s: float | str = 0.5) -> float:
    """Requests answered with an error in a second, counted by Envoy while we look."""
    return envoy.per_s(admin_url, "fault.aborts_injected", within("over_s", over_s, 0.05, 60))


def is_set(admin_url: str) -> bool:
    """Whether Envoy is told to answer requests with an error: the cause, and nothing of its effect."""
    return envoy.runtime(admin_url, PERCENT) not in ("", "0")


def is_healed(admin_url: str) -> bool:
    """Whether no request will be answered with an error."""
    return not is_set(admin_url)
