"""The one clock of a run, as an argument.

Every interval is a difference of one monotonic clock on one host. On Linux and macOS that clock is shared by all
processes of the host, so the supervisor, the load and the fault write times that compare. One (monotonic, UTC) pair a
run turns them into times of day, for display only.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """What the stages that touch the world need of time."""

    def monotonic_ns(self) -> int:
        """Nanoseconds of the host's monotonic clock; only differences mean anything."""

    def utc_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC; for display, never for intervals."""

    def sleep(self, duration_s: float) -> None:
        """Let that much time pass."""


class SystemClock:
    """The host's clock."""

    def monotonic_ns(self) -> int:
        """Return CLOCK_MONOTONIC, the same for every process of the host."""
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC)

    def utc_ns(self) -> int:
        """Return the wall clock."""
        return time.time_ns()

    def sleep(self, duration_s: float) -> None:
        """Block the calling thread."""
        time.sleep(duration_s)


class ManualClock:
    """A clock that moves only when told to, or when somebody sleeps: tests of whole runs take no time."""

    def __init__(self, monotonic_ns: int = 0, utc_ns: int = 1_700_000_000_000_000_000) -> None:
        self._monotonic_ns = monotonic_ns
        self._utc_offset_ns = utc_ns - monotonic_ns

    def monotonic_ns(self) -> int:
        """Return what `advance` and `sleep` have added up to."""
        return self._monotonic_ns

    def utc_ns(self) -> int:
        """Return the monotonic time shifted to a fixed date."""
        return self._monotonic_ns + self._utc_offset_ns

    def step_utc(self, step_ns: int) -> None:
        """Set the wall clock, as whoever administers a host may; the monotonic one knows nothing of it."""
        self._utc_offset_ns += step_ns

    def advance(self, duration_ns: int) -> None:
        """Let time pass."""
        assert duration_ns >= 0, duration_ns
        self._monotonic_ns += duration_ns

    def sleep(self, duration_s: float) -> None:
        """Let time pass at once."""
        self.advance(round(duration_s * 1_000_000_000))
