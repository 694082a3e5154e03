"""The person at the terminal: stop once to stop and undo, twice to leave at once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Operator:
    """Whether the person wants the run to stop."""

    def __init__(self) -> None:
        self.wants_stop = False
        self._waiting_is_safe = False

    def stop(self) -> None:
        """Ask for a stop. A second time, or where nothing needs undoing yet, it interrupts at once."""
        if self.wants_stop or not self._waiting_is_safe:
            self.wants_stop = True
            raise KeyboardInterrupt
        self.wants_stop = True

    @contextmanager
    def listening(self) -> Iterator["Operator"]:
        """Turn SIGINT, SIGTERM and SIGHUP into a wish to stop."""

        def handle(_number: int, _frame: FrameType | None) -> None:
            self.stop()

        before = {number: signal.signal(number, handle) for number in SIGNALS}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def asked_each_tick(self) -> Iterator[None]:
        """Inside, the run looks at `wants_stop` itself; a first signal only sets it."""
        self._waiting_is_safe = True
        try:
            yield
        finally:
            self._waiting_is_safe = False
