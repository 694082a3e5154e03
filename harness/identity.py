"""A process by more than its number, which may be another's by the time one looks, or after a reboot."""

import os
import time
from pathlib import Path
from typing import Annotated, Self

import psutil
from pydantic import Field

from harness.model import Model

_GONE = {"Z", "X"}  # states of a process that has ended and was not yet collected


class Identity(Model):
    """One process: its number, and when it began (Linux: boot and clock ticks since; elsewhere seconds of UTC)."""

    pid: Annotated[int, Field(ge=1, le=2**31 - 1)]  # 0 and below are whole groups of processes to a signal
    began: str

    @classmethod
    def of(cls, pid: int) -> Self:
        """The process of that number now; one that is gone is none that will ever live."""
        return cls(pid=pid, began=_began(pid)[0] or "gone")

    @classmethod
    def own(cls) -> Self:
        """This process."""
        return cls.of(os.getpid())

    @property
    def is_alive(self) -> bool:
        """Whether it still runs; a stopped one does, one that only waits to be collected does not."""
        began, state = _began(self.pid)
        return began == self.began and state not in _GONE

    @property
    def is_replaced(self) -> bool:
        """Whether its number is another process's now."""
        began, _ = _began(self.pid)
        return began not in (None, self.began)

    @property
    def is_stopped(self) -> bool:
        """Whether it stands still (SIGSTOP)."""
        began, state = _began(self.pid)
        return began == self.began and state in {"T", "t"}


def age_s(pid: int) -> float | None:
    """How long the process of that number has been there, in seconds, however the wall clock was set; None: gone."""
    began, _ = _began(pid)
    if began is None:
        return None
    if not _ticks_are_known():
        return time.time() - float(began)
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(began.split()[1]) / os.sysconf("SC_CLK_TCK")


def _ticks_are_known() -> bool:
    return Path("/proc/self/stat").exists()


def _began(pid: int) -> tuple[str | None, str]:
    """When the process of that number began, and its state; None where there is none."""
    try:
        # Subtle: the name, in parentheses, may hold anything; the fields after it are counted from its end.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return _began_elsewhere(pid)
    return f"{boot} {fields[19]}", fields[0]


def _began_elsewhere(pid: int) -> tuple[str | None, str]:
    if _ticks_are_known():
        return None, "X"
    try:
        process = psutil.Process(pid)
        states = {psutil.STATUS_ZOMBIE: "Z", psutil.STATUS_STOPPED: "T"}
        return repr(process.create_time()), states.get(process.status(), "R")
    except psutil.NoSuchProcess:
        return None, "X"
