"""How long an address takes to answer: a dose of latency, measured from outside. No fault by itself."""

import statistics
import time

import requests
from chaoslib.exceptions import ActivityFailed

from harness.fault.arguments import within

__all__ = ["median_ms"]

TIMEOUT_S = 60.0


def median_ms(url: str, count: int | str = 3) -> float:
    """The median of a few GETs in a row, in milliseconds, whatever their status. Raises ActivityFailed."""
    taken = []
    try:
        with requests.Session() as session:
            session.trust_env = False
            for _ in range(int(within("count", count, 1, 100))):
                begin_s = time.monotonic()
                session.get(url, timeout=TIMEOUT_S, allow_redirects=False)
                taken.append((time.monotonic() - begin_s) * 1e3)
    except requests.RequestException as error:
        raise ActivityFailed(f"{url}: {type(error).__name__}") from error
    return statistics.median(taken)
