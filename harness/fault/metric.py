"""A Prometheus metric as a probe: evidence that a fault took effect, or is gone. No fault by itself."""

import json
import time

import requests
from chaoslib.exceptions import ActivityFailed

from harness.exposition import metric_sum
from harness.fault.arguments import within

__all__ = ["per_s", "value"]

TIMEOUT_S = 5.0


def value(urls: str, metric: str, labels: dict[str, str] | str | None = None) -> float:
    """The sum of a metric's samples that have these labels, over one address or several (with commas between them).

    Raises ActivityFailed where an address does not answer, or none of them has the metric.
    """
    wanted = json.loads(labels) if isinstance(labels, str) else labels or {}
    found = [metric_sum(_text(url.strip()), metric, wanted) for url in urls.split(",") if url.strip()]
    values = [one for one in found if one is not None]
    if not values:
        raise ActivityFailed(f"no metric {metric} with {wanted} at {urls}")
    return sum(values)


def per_s(urls: str, metric: str, labels: dict[str, str] | str | None = None, over_s: float | str = 0.5) -> float:
    """How fast a counter grows now: the difference of two looks."""
    begin_s, before = time.monotonic(), value(urls, metric, labels)
    time.sleep(within("over_s", over_s, 0.05, 60))
    return (value(urls, metric, labels) - before) / (time.monotonic() - begin_s)


def _text(url: str) -> str:
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(url, timeout=TIMEOUT_S)
            answer.raise_for_status()
    except requests.RequestException as error:
        raise ActivityFailed(f"{url}: {type(error).__name__}") from error
    return answer.text
