"""What the AWS Well-Architected Tool says, as values; only the door (door.py) makes them of its answers."""

import re
from dataclasses import dataclass
from datetime import datetime

from harness.review.types import Risk

_CUSTOM = re.compile(r"arn:aws[a-z-]*:wellarchitected:[a-z0-9-]*:\d{12}:lens/.+")
_NO_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Workload:
    """What is reviewed."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Pillar:
    """One pillar of a lens review, with what the tool counts in it."""

    id: str
    name: str
    risks: dict[str, int]  # Risk.value -> questions


@dataclass(frozen=True, slots=True)
class LensReview:
    """One lens as a workload is reviewed by it."""

    alias: str  # what the tool's calls take: its alias, or the ARN of a custom lens
    arn: str
    name: str
    version: str
    pillars: tuple[Pillar, ...] = ()

    @property
    def is_custom(self) -> bool:
        """Whether it is somebody's own, and can be exported with its rules; AWS's cannot."""
        return _CUSTOM.fullmatch(self.arn or self.alias) is not None

    @property
    def short(self) -> str:
        """How experiments name it under `proves`, and its file: `wellarchitected`."""
        name = self.name if self.is_custom else self.alias.rsplit("/", 1)[-1]
        return _NO_SLUG.sub("-", name.lower()).strip("-") or "lens"


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """One practice as the tool offers it, and what was said of it."""

    id: str
    title: str
    description: str = ""
    help: str = ""
    help_url: str = ""
    improvement: str = ""
    improvement_url: str = ""
    not_applicable: str | None = None  # why, in the tool's word and the person's; None where it applies
    notes: str = ""

    @property
    def is_none(self) -> bool:
        """Whether it is the tool's `None of these`, which is no practice."""
        return self.title.strip().casefold() == "none of these"


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """One question and its answer."""

    question: str
    pillar: str
    title: str
    description: str
    choices: tuple[ToolChoice, ...]
    selected: tuple[str, ...]
    applicable: bool
    reason: str  # why the whole question does not apply
    risk: Risk  # the tool's own
    notes: str

    @property
    def practices(self) -> tuple[ToolChoice, ...]:
        """The choices that are practices."""
        return tuple(one for one in self.choices if not one.is_none)

    @property
    def claims(self) -> tuple[object, ...]:
        """All that a push must leave as it is."""
        return (frozenset(self.selected), self.applicable, self.reason)


@dataclass(frozen=True, slots=True)
class ToolMilestone:
    """A snapshot that the tool keeps."""

    number: int
    name: str
    at: datetime
    risks: dict[str, int]


@dataclass(frozen=True, slots=True)
class Pulled:
    """Everything a pull asks for."""

    workload: Workload
    review: LensReview
    answers: tuple[ToolAnswer, ...]
    milestones: tuple[ToolMilestone, ...]
    exported: str = ""  # the lens's own JSON, where it can be had
    not_exported: str = ""  # why it cannot
