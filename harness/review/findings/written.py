"""One entry under `evidence:` in the answers, as far as all kinds have it in common."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from harness.documents import FileModel, Where, nearest, problem, share
from harness.review.findings.source import Source
from harness.review.types import Lens, Shown


def _share(value: Any) -> Fraction:
    try:
        found = share(value)
    except ValueError:
        raise problem("a share such as 95% or 0.95") from None
    if not 0 <= found <= 1:
        raise problem("a share between 0 % and 100 %")
    return found


Share = Annotated[Fraction, BeforeValidator(_share)]


class Written(FileModel):
    """What every kind of entry is made of; each kind says itself what its file shows."""

    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"))

    file: str = Field(min_length=1, max_length=1024)

    @abstractmethod
    def places(self, lens: Lens) -> "Iterator[Place]":
        """The practices this entry speaks of."""

    @abstractmethod
    def shown(self, source: Source, lens: Lens) -> Iterator[Shown]:
        """What the file shows of them; mistakes and notes are left with the source."""


@dataclass(frozen=True, slots=True)
class Place:
    """A practice, and where in the entry it is named; () where nobody named it: it is the kind's own."""

    question: str
    choice: str
    at: Where = ()
    partly: bool = False  # whether the entry can show it in part only, come what may
    left_out: bool = False  # whether the entry names it to say that it is not looked at

    def known(self, lens: Lens) -> bool:
        """Whether the lens asks for it."""
        return any(
            one.id == self.choice for asked in lens.questions if asked.id == self.question for one in asked.choices
        )


class Named(FileModel):
    """A practice as an entry names it: `{question: sec_build, choice: sec_static_testing}`."""

    question: str
    choice: str

    def place(self, *at: str | int) -> Place:
        """The same, and where it stands."""
        return Place(self.question, self.choice, at)


def placed[C: str](
    practices: Mapping[C, tuple[str, str]], named: Mapping[C, Named], lens: Lens
) -> Iterator[tuple[C, Place]]:
    """Each criterion and the practice it shows: the one that is named, else the built-in lens's own, if it is asked."""
    for criterion, pair in practices.items():
        place = named[criterion].place("proves", criterion) if criterion in named else Place(*pair)
        if criterion in named or place.known(lens):
            yield criterion, place


def column_mistakes(raw: Mapping[str, Any], known: Iterable[str]) -> Iterator[PydanticCustomError]:
    """Names under `columns` that no column goes by here."""
    columns = raw.get("columns")
    for name in columns if isinstance(columns, dict) else ():
        if name not in known:
            near = nearest(name, known)
            way_out = f"did you mean {near}?" if near else ""
            yield problem(f"one of {', '.join(known)}", way_out, at=("columns", name), got="an unknown column")


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


# One practice, or a list of them.
Proves = Annotated[list[Named], BeforeValidator(_as_list)]


def own(lens: Lens, practices: Iterable[tuple[str, str]]) -> Iterator[Place]:
    """Practices of the built-in lens, as far as this lens has them."""
    for question, choice in practices:
        place = Place(question, choice)
        if place.known(lens):
            yield place
