"""What became of an undoing."""

from typing import Final

from harness.model import Model

RECOVER: Final = "recover"  # who undoes, where a person asks for it


class Call(Model):
    """One rollback that was called."""

    name: str
    status: str
    error: str = ""


class Undone(Model):
    """Whether healing was seen; else what is left."""

    healed: bool
    calls: tuple[Call, ...] = ()
    unhealed: tuple[str, ...] = ()  # names of the probes that say no
    because: str
