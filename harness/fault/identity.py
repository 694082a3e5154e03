"""A process by more than its number, which may be another's by the time one looks, or after a reboot."""

import os
from typing import Self

from harness.birth import began as _began
from harness.model import Model

_GONE = {"Z", "X"}  # states of a process that has ended and was not yet collected


class Identity(Model):
    """One process: its number, and when it began (Linux: boot and clock ticks since; elsewhere seconds of UTC)."""

    pid: int
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
