"""A Prometheus metric as a probe: evidence that a fault took effect, or is gone. No fault by itself."""

import json
import time

from chaoslib.exceptions import ActivityFailed

from harness.exposition import metric_sum
from harness.fault.answers import ask
from harness.fault.arguments import within

__all__ = ["per_s", "value"]

TIMEOUT_S = 5.0


def value(urls: str, metric: str, labels: dict[str, str] | str | None = None) -> float:
    """The sum of a metric's samples that have these labels, over one address or several (with commas between them).

    Raises ActivityFailed where an address does not answer, or none of them has the metric.
    """
    wanted = _labels(labels)
    found = [_sum_at(url.strip(), metric, wanted) for url in urls.split(",") if url.strip()]
    values = [one for one in found if one is not None]
    if not values:
        raise ActivityFailed(f"no metric {metric} with {wanted} at {urls}")
    return sum(values)


def per_s(urls: str, metric: str, labels: dict[str, str] | str | None = None, over_s: float | str = 0.5) -> float:
    """How fast a counter grows now: the difference of two looks."""
    begin_s, before = time.monotonic(), value(urls, metric, labels)
    time.sleep(within("over_s", over_s, 0.05, 60))
    return (value(urls, metric, labels) - before) / (time.monotonic() - begin_s)


def _labels(written: dict[str, str] | str | None) -> dict[str, str]:
    try:
        labels = json.loads(written) if isinstance(written, str) else written or {}
    except (ValueError, RecursionError):
        labels = None
    if not isinstance(labels, dict):
        raise ActivityFailed(f"labels: got {written!r}, expected a JSON object")
    return labels


def _sum_at(url: str, metric: str, labels: dict[str, str]) -> float | None:
    answer = ask("a metric", "GET", url, TIMEOUT_S)
    if answer.status >= 300:
        raise ActivityFailed(f"{url}: status {answer.status}")
    try:
        return metric_sum(answer.text, metric, labels)
    except ValueError as error:
        raise ActivityFailed(f"{url}: no Prometheus text: {error}") from error
