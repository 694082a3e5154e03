"""Evidence into the tool: each answer read, its block renewed, written back; read afresh where somebody came first."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from harness.errors import WellprovenError
from harness.review.tool.door import AgainError, ConflictError, Tool, concerns_one, is_unanswered
from harness.review.tool.notes import Why, with_evidence
from harness.review.tool.remote import LensReview, ToolAnswer, Workload
from harness.review.types import Shown

TRIES_MAX: Final = 5  # of one answer that somebody else is writing to
PAUSE_S: Final = 0.2  # before the second try, doubled before each further one


class Status(StrEnum):
    """What became of one answer."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"  # the same evidence stands there already
    WOULD_WRITE = "would write"
    LEFT = "left as it is"  # no room, or unclear what is ours
    CONFLICT = "not written: somebody else keeps writing there"
    FAILED = "not written"
    UNKNOWN = "perhaps written: no answer came"
    NOT_TRIED = "not tried"


DONE: Final = frozenset({Status.WRITTEN, Status.UNCHANGED, Status.WOULD_WRITE})


@dataclass(frozen=True, slots=True)
class Pushed:
    """One answer, and what became of it."""

    question: str
    title: str
    status: Status
    because: str = ""
    before: str = ""
    after: str = ""
    kept: int = 0
    left_out: int = 0
    error: WellprovenError | None = None

    @property
    def stops(self) -> bool:
        """Whether its error concerns all questions, so that the rest was not tried."""
        return self.error is not None and not concerns_one(self.error)

    @property
    def diff(self) -> tuple[str, ...]:
        """A unified diff of the notes, line by line."""
        before, after = self.before.split("\n"), self.after.split("\n")
        names = (f"{self.question} in the tool", f"{self.question} with evidence")
        return tuple(difflib.unified_diff(before if self.before else [], after, *names, lineterm="", n=1))


def push_evidence(
    tool: Tool,
    workload: Workload,
    review: LensReview,
    shown: Iterable[Shown],
    titles: dict[str, str],
    *,
    dry_run: bool,
    pause: Callable[[float], None],
) -> Iterator[Pushed]:
    """Each question that evidence speaks of, one after another, as it is done.

    After an error that concerns all of them (access denied, nothing answers) the rest is not tried.
    """
    by_question: dict[str, list[Shown]] = {}
    for one in shown:
        by_question.setdefault(one.question, []).append(one)
    stopped = False
    for question in sorted(by_question):
        title = titles.get(question, "")
        if stopped:
            yield Pushed(question, title, Status.NOT_TRIED)
            continue
        done = replace(_one(tool, workload, review, question, by_question[question], dry_run, pause), title=title)
        stopped = done.stops
        yield done


def _one(
    tool: Tool,
    workload: Workload,
    review: LensReview,
    question: str,
    shown: Sequence[Shown],
    dry_run: bool,  # noqa: FBT001  passed on from a keyword
    pause: Callable[[float], None],
) -> Pushed:
    last = Pushed(question, "", Status.NOT_TRIED)
    for tried in range(TRIES_MAX):
        if tried:
            pause(PAUSE_S * 2 ** (tried - 1))
        try:
            before = tool.answer(workload, review, question)
        except WellprovenError as error:
            return Pushed(question, "", Status.FAILED, str(error), error=error)
        fresh = with_evidence(before.notes, shown)
        if isinstance(fresh, Why):
            return Pushed(question, "", Status.LEFT, str(fresh), before.notes, before.notes)
        made = Pushed(
            question, "", Status.WOULD_WRITE, "", before.notes, fresh.notes, kept=fresh.kept, left_out=fresh.left_out
        )
        if fresh.notes == before.notes:
            return replace(made, status=Status.UNCHANGED)
        if dry_run:
            return made
        try:
            after = tool.write_notes(workload, review, question, fresh.notes)
        except WellprovenError as error:
            if isinstance(error, ConflictError):
                last = Pushed(question, "", Status.CONFLICT, f"after {TRIES_MAX} tries")
                continue
            if isinstance(error, AgainError):  # what a person wrote while we waited is read before the next try
                last = replace(made, status=Status.FAILED, because=str(error), error=error)
                continue
            status = Status.UNKNOWN if is_unanswered(error) else Status.FAILED
            return replace(made, status=status, because=str(error), error=error)
        return replace(made, status=Status.WRITTEN, because=_odd(before, after, fresh.notes))
    return last


def _odd(before: ToolAnswer, after: ToolAnswer, sent: str) -> str:
    """What the tool says afterwards that nobody asked it for."""
    if after.claims != before.claims:
        return "the answer's choices changed meanwhile, and not by this push"
    return "" if after.notes == sent else "the tool keeps the notes in other words than were sent"
