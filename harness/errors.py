"""The errors of the product, as one tree; each knows the exit code it ends the command with.

WellprovenError          70  our own mistake, unless a subclass says better
+-- UsageError           64  the command's words are off
+-- FileError            65  a file is wrong: carries every mistake found, with its way out
+-- NotAvailableError    69  the target, or a part we need, is not there (aws.py: AwsError, UnansweredError)
+-- RefusedError         77  the target does not allow it

Foreign exceptions are translated at the door: none of another library's leaves the module that calls it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


class WellprovenError(Exception):
    """The root: whatever the product says went wrong."""

    exit_code = 70


class UsageError(WellprovenError):
    """The command line does not make sense."""

    exit_code = 64


class NotAvailableError(WellprovenError):
    """The target does not answer, or something this needs is not installed."""

    exit_code = 69


class RefusedError(WellprovenError):
    """The target does not allow what was asked."""

    exit_code = 77


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake in one file: where, what stands there, what was expected, the way out."""

    file: str
    line: int  # 0: it is no file that has lines, but a service's answer
    path: str
    got: str
    expected: str
    way_out: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        where += f": {self.path}" if self.path else ""
        tail = f"; {self.way_out}" if self.way_out else ""
        return f"{where}: got {self.got}, expected {self.expected}{tail}"


class FileError(WellprovenError):
    """One or more files are wrong; every mistake is in `mistakes`."""

    exit_code = 65

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes))
        assert self.mistakes, "a FileError without a mistake"
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))

    @classmethod
    def single(cls, file: Path | str, got: str, expected: str, way_out: str = "") -> "FileError":
        """One mistake that concerns a file as a whole."""
        return cls([Mistake(str(file), 1, "", got, expected, way_out)])
