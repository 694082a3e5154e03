"""Was the generator itself well? Its CPU, its garbage collections, its stalls; part of the load's validity."""

import gc
import time
from typing import Any, Final, Literal

from harness.load.instants import clock_ns
from harness.units import NS_PER_MS

TICK_NS: Final = 10 * NS_PER_MS


class Health:
    """Watches the process it is made in, from `begin` to `end`."""

    def __init__(self) -> None:
        self.gc_pauses = 0
        self.gc_pause_ns_max = 0
        self.stall_ns_max = 0
        self.cpu_ratio = 0.0
        self._gc_start_ns = 0
        self._begin_ns = self._tick_ns = clock_ns()
        self._cpu_begin_ns = time.process_time_ns()

    @staticmethod
    def settle() -> None:
        """Exempt everything alive from garbage collection for good; to be called when all is set up.

        A full collection of what the imports left would pause the loop for 15 to 35 ms.
        """
        gc.collect()
        gc.freeze()

    def begin(self) -> None:
        """Start the account."""
        gc.callbacks.append(self._on_gc)
        self._begin_ns = self._tick_ns = clock_ns()
        self._cpu_begin_ns = time.process_time_ns()

    def tick(self, now_ns: int) -> None:
        """To be called every TICK_NS by the event loop; what comes later than that is a stall."""
        self.stall_ns_max = max(self.stall_ns_max, now_ns - self._tick_ns - TICK_NS)
        self._tick_ns = now_ns

    def end(self) -> None:
        """Close the account."""
        if self._on_gc in gc.callbacks:
            gc.callbacks.remove(self._on_gc)
        elapsed_ns = max(1, clock_ns() - self._begin_ns)
        self.cpu_ratio = (time.process_time_ns() - self._cpu_begin_ns) / elapsed_ns

    def _on_gc(self, phase: Literal["start", "stop"], _info: dict[str, Any]) -> None:
        now_ns = clock_ns()
        if phase == "start":
            self._gc_start_ns = now_ns
        else:
            self.gc_pauses += 1
            self.gc_pause_ns_max = max(self.gc_pause_ns_max, now_ns - self._gc_start_ns)
