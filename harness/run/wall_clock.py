"""How far the wall clock moved against the run's own, since the run began."""

from typing import Final

from harness.clock import Clock
from harness.units import NS_PER_S

BETWEEN_NS_MAX: Final = 100_000_000  # two readings further apart do not compare: we were kept waiting between them


class WallClock:
    """Looked at again and again: a step forth and back would not be seen at the end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._first_ns = self._offset_ns()
        self.moved_s = 0.0  # the furthest, forward above 0

    def look(self) -> None:
        """See where it is now."""
        now_ns = self._offset_ns()
        if self._first_ns is None:
            self._first_ns = now_ns
        if now_ns is None or self._first_ns is None:
            return
        moved_s = round((now_ns - self._first_ns) / NS_PER_S, 3)
        if abs(moved_s) > abs(self.moved_s):
            self.moved_s = moved_s

    def _offset_ns(self) -> int | None:
        before_ns = self._clock.monotonic_ns()
        utc_ns = self._clock.utc_ns()
        return utc_ns - before_ns if self._clock.monotonic_ns() - before_ns < BETWEEN_NS_MAX else None
