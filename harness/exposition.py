"""Prometheus text, as a service exposes it: one metric out of it."""

import math
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families


def metric_sum(text: str, metric: str, labels: Mapping[str, str]) -> float | None:
    """The sum of a metric's samples that have these labels, among others; None where there is none, or no finite one.

    Raises ValueError where the lines of the metric are no Prometheus text.
    """
    # The parser takes a millisecond for a hundred lines; most of an exposition is about other metrics.
    lines = "\n".join(line for line in text.splitlines() if line.startswith(metric))
    values = [
        sample.value
        for family in text_string_to_metric_families(lines + "\n")
        for sample in family.samples
        if sample.name == metric and labels.items() <= sample.labels.items()
    ]
    total = float(sum(values)) if values else None
    return total if total is None or math.isfinite(total) else None
