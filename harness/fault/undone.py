"""What became of an undoing."""

from typing import Annotated, Final

from pydantic import AfterValidator

from harness.model import Model
from harness.text import savable

RECOVER: Final = "recover"  # who undoes, where a person asks for it


Said = Annotated[str, AfterValidator(savable)]  # somebody else's words, which must be told all the same


class Call(Model):
    """One rollback that was called."""

    name: Said
    status: Said
    error: Said = ""


class Undone(Model):
    """Whether healing was seen; else what is left."""

    healed: bool
    calls: tuple[Call, ...] = ()
    unhealed: tuple[Said, ...] = ()  # names of the probes that say no
    because: Said
