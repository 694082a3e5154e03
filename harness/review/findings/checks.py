"""Checks that other tools made of accounts, and the practices they speak for: what Security Hub and Prowler share.

A practice holds where checks for it are there and all of them pass. One that fails refutes it, unless somebody muted
it; muted ones, and those that could not be evaluated, leave it shown in part only. What is shown is as old as its
oldest check.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field

from harness.documents import FileModel, Flag, read_documents, validate
from harness.review.findings.source import Source, counted, few
from harness.review.findings.written import Place, Written, own
from harness.review.types import Lens, Shown

type Tool = Literal["asff", "prowler"]  # whose checks a row of the table names

_FILE = Path(__file__).with_name("checks.yaml")


class Result(Enum):
    """What a check came to."""

    PASS = "pass"  # noqa: S105 (no password)
    FAIL = "fail"
    UNKNOWN = "unknown"  # not available, manual, an error of the tool


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one resource."""

    name: str  # for people: IAM.6
    names: tuple[str, ...]  # what patterns may match
    result: Result
    muted: bool
    at: datetime | None
    resource: str
    account: str
    region: str


class _RowModel(FileModel):
    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"))

    proves: str
    parts: dict[str, list[str]] = Field(min_length=1)
    also: list[str] = []
    short_of: str = ""


class _TableModel(FileModel):
    asff: list[_RowModel]
    prowler: list[_RowModel]


@dataclass(frozen=True, slots=True)
class Row:
    """Which checks speak for a practice."""

    place: Place
    parts: Mapping[str, Sequence[str]]  # what must have been looked at -> patterns
    also: Sequence[str] = ()
    short_of: str = ""

    @property
    def patterns(self) -> tuple[str, ...]:
        """All of them."""
        return (*(one for patterns in self.parts.values() for one in patterns), *self.also)


def table(tool: Tool) -> tuple[Row, ...]:
    """The table this package carries, for one tool."""
    [document] = read_documents(_FILE, shown_as=_FILE.name)
    raw = validate(_TableModel, document)
    rows = {"asff": raw.asff, "prowler": raw.prowler}[tool]
    return tuple(
        Row(replace(place_of(one.proves), partly=bool(one.short_of)), one.parts, tuple(one.also), one.short_of)
        for one in rows
    )


def place_of(written: str, *at: str | int) -> Place:
    """`sec_identity/sec_mfa`."""
    question, _, choice = written.partition("/")
    return Place(question, choice, at)


class ChecksEvidence(Written):
    """`checks` says of further practices, or of these otherwise, which checks speak for them."""

    checks: dict[str, list[str]] = {}  # question/choice -> patterns, each of which must match something
    built_in: Flag = True  # whether the table of this package counts too

    def rows(self, lens: Lens, *tools: Tool) -> Iterator[Row]:
        """The rows that count: what the entry says of a practice stands in place of the table's row."""
        written = {key: patterns for key, patterns in self.checks.items() if patterns}
        for key, patterns in written.items():
            yield Row(place_of(key, "checks", key), {one: [one] for one in patterns})
        for row in (row for tool in tools for row in table(tool)) if self.built_in else ():
            name = f"{row.place.question}/{row.place.choice}"
            if name not in self.checks and row.place.known(lens):
                yield row

    def _places(self, lens: Lens, *tools: Tool) -> Iterator[Place]:
        for key, patterns in self.checks.items():
            yield replace(place_of(key, "checks", key), left_out=not patterns)
        yield from (one.place for one in self.rows(lens, *tools) if not one.place.at)


def practices_shown_by(lens: Lens, *tools: Tool) -> set[tuple[str, str]]:
    """The practices of a lens that the table has a row for."""
    pairs = [(row.place.question, row.place.choice) for tool in tools for row in table(tool)]
    return {(place.question, place.choice) for place in own(lens, pairs)}


def judged(checks: Iterable[Check], rows: Sequence[Row], source: Source) -> Iterator[Shown]:
    """What all checks of a file show of the practices; a practice without a check shows nothing, and that is said."""
    gathered = [_Gathered(row) for row in rows]
    known: dict[tuple[str, ...], list[tuple[_Gathered, list[str]]]] = {}
    total = 0
    for check in checks:
        total += 1
        if check.names not in known:
            known[check.names] = [(one, parts) for one in gathered if (parts := one.parts_of(check.names)) is not None]
        for one, parts in known[check.names]:
            one.add(check, parts)
    looked_at = {one.row.place.choice for one in gathered if one.checks}  # one practice may have a row of each tool
    without = dict.fromkeys(one.row.place.choice for one in gathered if one.row.place.choice not in looked_at)
    if without:
        source.note(f"{counted(total, 'check')} in it, none for {few(list(without))}")
    for one in gathered:
        yield from one.shown(source)


@dataclass
class _Gathered:
    row: Row
    checks: list[Check] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)  # parts that were looked at

    def parts_of(self, names: Sequence[str]) -> list[str] | None:
        """The parts that a check by these names speaks for; None where it says nothing of the practice."""
        parts = [part for part, patterns in self.row.parts.items() if _match(names, patterns)]
        return parts if parts or _match(names, self.row.also) else None

    def add(self, check: Check, parts: Iterable[str]) -> None:
        self.checks.append(check)
        if check.result is not Result.UNKNOWN and check.at is not None:
            self.seen.update(parts)

    def shown(self, source: Source) -> Iterator[Shown]:
        counting = [one for one in self.checks if one.result is not Result.UNKNOWN and one.at is not None]
        failing = [one for one in counting if one.result is Result.FAIL and not one.muted]
        passing = [one for one in counting if one.result is Result.PASS]
        place = self.row.place
        timeless = [one for one in self.checks if one.at is None]
        if failing:
            at = max(one.at for one in failing if one.at)
            because = f"{_failed(failing)}; {len(passing):,} passed; looked at {_scope(counting)}"
            yield Shown(place.question, place.choice, holds=False, at=at, source=source.name, because=because)
            return
        if any(one.result is Result.FAIL and not one.muted for one in timeless):
            source.note(f"{place.choice}: a check that failed says no time: nothing is shown")
            return
        if not passing:
            if self.checks:
                source.note(
                    f"{place.choice}: {counted(len(self.checks), 'check')}, none of which passed or failed openly"
                )
            return
        at = min(one.at for one in passing if one.at)
        names = few(sorted({one.name for one in passing}))
        because = f"all {counted(len(passing), 'check')} passed ({names}); looked at {_scope(counting)}"
        short_of = tuple(self._short_of(len(counting), timeless))
        yield Shown(
            place.question, place.choice, holds=True, at=at, source=source.name, because=because, short_of=short_of
        )

    def _short_of(self, counting: int, timeless: Sequence[Check]) -> Iterator[str]:
        muted = sum(1 for one in self.checks if one.muted and one.result is Result.FAIL)
        if muted:
            yield f"{counted(muted, 'failing check')} muted"
        unknown = len(self.checks) - counting - len(timeless)
        if unknown:
            yield f"{counted(unknown, 'check')} without a result"
        if timeless:
            yield f"{counted(len(timeless), 'check')} without a time"
        missing = [part for part in self.row.parts if part not in self.seen]
        if missing:
            yield f"nothing looked at {few(missing)}"
        if self.row.short_of:
            yield self.row.short_of


def _match(names: Sequence[str], patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns for name in names)


def _failed(failing: Sequence[Check]) -> str:
    resources = list(dict.fromkeys(f"{one.name} {one.resource}".strip() for one in failing))
    return f"{counted(len(failing), 'check')} failed: {few(resources)}"


def _scope(checks: Sequence[Check]) -> str:
    accounts = sorted({one.account for one in checks if one.account})
    regions = sorted({one.region for one in checks if one.region})
    parts = [f"{'account' if len(accounts) == 1 else 'accounts'} {few(accounts)}"] if accounts else []
    parts += [f"{'region' if len(regions) == 1 else 'regions'} {few(regions)}"] if regions else []
    return ", ".join(parts) or "what it does not say"
