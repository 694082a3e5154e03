"""A cut: Toxiproxy takes a connection away. Those there are end, new ones are refused.

For what speaks TCP: a database's standby, a cache, a queue. The proxy stands between, by its name in Toxiproxy.
"""

from chaoslib.exceptions import ActivityFailed

from harness.fault import toxiproxy

__all__ = ["begin", "end", "is_healed", "is_refused"]


def begin(api_url: str, proxy: str) -> str:
    """Cut. Raises ActivityFailed where there is no such proxy, or somebody else has cut it already."""
    if not toxiproxy.is_enabled(toxiproxy.proxy(api_url, proxy)):
        raise ActivityFailed(f"{proxy} is cut already; enable it first")
    toxiproxy.ask("POST", api_url, f"/proxies/{proxy}", {"enabled": False})
    return f"{proxy} is cut"


def end(api_url: str, proxy: str) -> str:
    """Make it whole; nothing to do where it is."""
    toxiproxy.ask("POST", api_url, f"/proxies/{proxy}", {"enabled": True})
    return f"{proxy} is whole"


def is_refused(api_url: str, proxy: str) -> bool:
    """Whether a connection to the proxy is refused: tried, not asked for; from a host that can reach it."""
    return not toxiproxy.connects(toxiproxy.listen_of(toxiproxy.proxy(api_url, proxy)))


def is_healed(api_url: str, proxy: str) -> bool:
    """Whether the proxy takes connections again."""
    about = toxiproxy.proxy(api_url, proxy)
    return toxiproxy.is_enabled(about) and toxiproxy.connects(toxiproxy.listen_of(about))
