"""Latency on one dependency: Envoy's HTTP fault filter before it holds requests back.

The proxy needs the filter `envoy.filters.http.fault` with a delay, and an `admin_layer` in its runtime. Every listener
of that Envoy that has the filter is delayed.
"""

import contextlib
import random
import threading

from chaoslib.exceptions import ActivityFailed

from harness.fault import envoy
from harness.fault.arguments import within

__all__ = ["begin", "delays_injected_per_s", "end", "is_healed", "is_set"]

PERCENT = "fault.http.delay.fixed_delay_percent"
DURATION_MS = "fault.http.delay.fixed_duration_ms"
DELAY_MS_MAX = 3_600_000
JITTER_EVERY_S = 0.05
# The filter knows no jitter: a thread of the experiment's process changes its delay 20 times a second. By address.
_jitters: dict[str, threading.Event] = {}


def begin(
    admin_url: str, delay_ms: float | str, jitter_ms: float | str = 0, percent: float | str = 100
) -> dict[str, float]:
    """Hold back this share of the requests for delay_ms, give or take jitter_ms (uniform); replaces an earlier delay.

    Raises ActivityFailed where Envoy does not take it.
    """
    delay, jitter = within("delay_ms", delay_ms, 0, DELAY_MS_MAX), within("jitter_ms", jitter_ms, 0, DELAY_MS_MAX)
    share = within("percent", percent, 0, 100)
    _calm(admin_url)
    envoy.set_runtime(admin_url, {DURATION_MS: f"{delay:.0f}", PERCENT: f"{share:.0f}"})
    if jitter:
        calm = _jitters[admin_url] = threading.Event()
        threading.Thread(target=_jitter, args=(admin_url, delay, jitter, calm), daemon=True).start()
    return {"delay_ms": delay, "jitter_ms": jitter, "percent": share}


def end(admin_url: str) -> str:
    """Delay nothing; nothing to do where nothing is delayed."""
    _calm(admin_url)
    envoy.set_runtime(admin_url, {PERCENT: "", DURATION_MS: ""})
    return "nothing is delayed"


def delays_injected_per_s(admin_url: str, over_s: float | str = 0.5) -> float:
    """Requests held back in a second, counted by Envoy while we look."""
    return envoy.per_s(admin_url, "fault.delays_injected", within("over_s", over_s, 0.05, 60))


def is_set(admin_url: str) -> bool:
    """Whether Envoy is told to hold requests back: the cause, and nothing of its effect."""
    return envoy.runtime(admin_url, PERCENT) not in ("", "0")


def is_healed(admin_url: str) -> bool:
    """Whether no request will be held back, and none is now."""
    return not is_set(admin_url) and envoy.count(admin_url, "fault.active_faults") == 0


def _calm(admin_url: str) -> None:
    calm = _jitters.pop(admin_url, None)
    if calm is not None:
        calm.set()


def _jitter(admin_url: str, delay_ms: float, jitter_ms: float, calm: threading.Event) -> None:
    """Until calmed: another delay each time. An Envoy that does not answer keeps the last one."""
    while not calm.wait(JITTER_EVERY_S):
        now_ms = max(0.0, delay_ms + random.uniform(-jitter_ms, jitter_ms))
        with contextlib.suppress(ActivityFailed):
            envoy.set_runtime(admin_url, {DURATION_MS: f"{now_ms:.0f}"})
    if admin_url not in _jitters:
        with contextlib.suppress(ActivityFailed):  # a change under way when it was calmed must not outlive the end
            envoy.set_runtime(admin_url, {DURATION_MS: ""})
