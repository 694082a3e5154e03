"""A run that is over is sealed, so that a change to its record is seen."""

from collections.abc import Callable
from pathlib import Path

from harness.errors import NotAvailableError
from harness.record import seal_run


def sealing[**P](run: Callable[P, Path]) -> Callable[P, Path]:
    """The same run, sealed when it is over; one that was left at once is not: its record breaks off anyway."""

    def sealed(*args: P.args, **kwargs: P.kwargs) -> Path:
        path = run(*args, **kwargs)
        try:
            seal_run(path)
        except OSError as error:
            raise NotAvailableError(f"{path}: the run cannot be sealed ({error.strerror})") from None
        return path

    return sealed
