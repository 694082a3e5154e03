"""Limits around one reading: seconds and bytes; whoever needs more is a mistake of ours."""

import contextlib
import gc
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

SECONDS_MAX = 10.0  # of processor time: the machine may be busy
BYTES_MAX = 1 << 30
WALL_S_MAX = 120.0


class TooSlow(BaseException):
    """The reading took too long."""


@contextlib.contextmanager
def limited(seconds: float = SECONDS_MAX, size_bytes: int = BYTES_MAX) -> Iterator[None]:
    """Inside, more processor time raises TooSlow, and more memory MemoryError."""

    def late(_number: int, _frame: FrameType | None) -> None:
        raise TooSlow

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGPROF, late)
    resource.setrlimit(resource.RLIMIT_AS, (_used_bytes() + size_bytes, hard))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGPROF, before)
        gc.collect(0)


def _used_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
