"""The plain values of a file, where each of them stands, and the mistakes found in them."""

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ParamSpec, Self, TypeVar

from harness.errors import FileError, Mistake

SHOWN_CHARS_MAX = 60

type Where = tuple[str | int, ...]  # ("spec", "objectives", 0, "target")

P = ParamSpec("P")
T = TypeVar("T")


class Number(float):
    """A number with a fraction or an exponent, and the text it was written as."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """Read the text as a float and keep both."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __getnewargs__(self) -> tuple[str]:  # type: ignore[override]
        return (self.text,)


def exact(value: object) -> Fraction:
    """The number exactly as written: Fraction(999, 1000) for `0.999`. Raises ValueError for what is no number."""
    if isinstance(value, Number):
        return Fraction(value.text)
    if isinstance(value, int | Fraction) and not isinstance(value, bool):
        return Fraction(value)
    raise ValueError(f"not a number: {shown(value)}")


def shown(value: object) -> str:
    """A value of a file as a message shows it: short, and as it was written."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Number):
        return value.text
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    text = str(value) if len(str(value)) <= SHOWN_CHARS_MAX else str(value)[: SHOWN_CHARS_MAX - 3] + "..."
    return repr(text) if isinstance(value, str) else text


def one_of(names: Sequence[str]) -> str:
    """`one of a, b`, or `a` where there is no choice."""
    return f"one of {', '.join(names)}" if len(names) > 1 else "".join(names)


def nearest(name: object, names: Iterable[str]) -> str | None:
    """The name somebody may have meant; case does not matter."""
    folded = {known.casefold(): known for known in names}
    near = difflib.get_close_matches(str(name).casefold(), folded, 1)
    return folded[near[0]] if near else None


def dotted(path: Sequence[str | int]) -> str:
    """`spec.objectives[0].target` of ("spec", "objectives", 0, "target")."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass(frozen=True)
class Document:
    """One document of a file: its plain value, and where each part of it stands."""

    file: str
    value: Any
    lines: dict[Where, int] = field(repr=False)

    def line(self, path: Iterable[str | int] = ()) -> int:
        """The line of a value (of its key, in a mapping), or of the nearest part around it that exists."""
        wanted = tuple(path)
        while wanted not in self.lines:
            wanted = wanted[:-1]
        return self.lines[wanted]

    def at(self, path: Iterable[str | int]) -> Any:
        """The value there, or None."""
        value = self.value
        for part in path:
            inside = isinstance(value, dict) and part in value
            inside = inside or (isinstance(value, list) and isinstance(part, int) and part < len(value))
            if not inside:
                return None
            value = value[part]
        return value

    def where(self, path: Iterable[str | int] = ()) -> str:
        """`slos/shop.yaml:23`."""
        return f"{self.file}:{self.line(path)}"

    def mistake(self, path: Sequence[str | int], expected: str, way_out: str = "", got: str | None = None) -> Mistake:
        """A mistake at a place of this document; `got` is the value that stands there unless said otherwise."""
        found = shown(self.at(path)) if got is None else got
        return Mistake(self.file, self.line(path), dotted(path), found, expected, way_out)


class Mistakes:
    """Gathers the mistakes of several documents and files, to raise them all at once."""

    def __init__(self) -> None:
        self.found: list[Mistake] = []

    def add(self, *mistakes: Mistake) -> None:
        """Keep mistakes for later."""
        self.found.extend(mistakes)

    def attempt(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Call something that may raise FileError: its result, or None and its mistakes kept."""
        try:
            return read(*args, **kwargs)
        except FileError as error:
            self.found.extend(error.mistakes)
            return None

    def raise_any(self) -> None:
        """Raise one FileError with every mistake, if there is one."""
        if self.found:
            raise FileError(dict.fromkeys(self.found))
