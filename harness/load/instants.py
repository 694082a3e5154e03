"""The load's clock: `harness.clock.SystemClock` without the object, for the request path."""

import time

from harness.units import NS_PER_S


def clock_ns() -> int:
    """The host's monotonic clock, that of the supervisor and of all other processes of the run."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def seconds(duration_ns: int) -> float:
    """A duration for the interfaces that want seconds; never negative."""
    return max(0, duration_ns) / NS_PER_S
