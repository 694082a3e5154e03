"""Latency on one TCP connection: Toxiproxy holds back what goes through a proxy.

For what speaks TCP and not HTTP: a database, its standby, a cache, a queue.
"""

from harness.fault import toxiproxy
from harness.fault.arguments import within

__all__ = ["begin", "end", "is_applied", "is_healed"]

TOXIC = "wellproven-delay"
DELAY_MS_MAX = 3_600_000


def begin(
    api_url: str, proxy: str, delay_ms: float | str, jitter_ms: float | str = 0, stream: str = "downstream"
) -> dict[str, float]:
    """Hold back what the server sends (or, with stream: upstream, what it is sent); replaces an earlier delay.

    Raises ActivityFailed where there is no such proxy.
    """
    attributes = {
        "latency": round(within("delay_ms", delay_ms, 0, DELAY_MS_MAX)),
        "jitter": round(within("jitter_ms", jitter_ms, 0, DELAY_MS_MAX)),
    }
    toxiproxy.proxy(api_url, proxy)
    # Changed where it is, not taken away and made anew: a dose that is raised must not let anything through between.
    path = f"/proxies/{proxy}/toxics"
    changed = toxiproxy.ask("POST", api_url, f"{path}/{TOXIC}", {"attributes": attributes}, accept=(404,))
    if changed.status == 404:
        toxic = {"name": TOXIC, "type": "latency", "stream": stream, "toxicity": 1.0, "attributes": attributes}
        toxiproxy.ask("POST", api_url, path, toxic)
    return {"delay_ms": attributes["latency"], "jitter_ms": attributes["jitter"]}


def end(api_url: str, proxy: str) -> str:
    """Delay nothing; nothing to do where we delay nothing."""
    toxiproxy.ask("DELETE", api_url, f"/proxies/{proxy}/toxics/{TOXIC}", accept=(404,))
    return f"{proxy} is as fast as it is"


def is_applied(api_url: str, proxy: str) -> bool:
    """Whether Toxiproxy says that it delays; better evidence is what the delay does, see `harness.fault.metric`."""
    return TOXIC in toxiproxy.toxics_of(toxiproxy.proxy(api_url, proxy))


def is_healed(api_url: str, proxy: str) -> bool:
    """Whether we delay nothing there."""
    return not is_applied(api_url, proxy)
