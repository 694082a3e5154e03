"""One file of another tool: read with limits, and every mistake in it kept to the end.

Nothing in such a file is trusted: sizes, depth and rows have limits, keys stand once, numbers are numbers, and text
loses its control characters. It is escaped where it is shown, not here.
"""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from harness.documents import Where, dotted, nearest, shown
from harness.errors import FileError, Mistake
from harness.files import open_regular

BYTES_MAX = 64 << 20
ROWS_MAX = 300_000
DEPTH_MAX = 200
MISTAKES_MAX = 20  # of one file; who has more has one cause
TEXT_CHARS_MAX = 200
NAMED_MAX = 3  # ids in a sentence
_FIRST_YEAR = 1970  # a time before it is that of no finding
AHEAD_MAX = timedelta(minutes=5)  # how far another host's clock may be ahead of ours
ZONE_MAX = timedelta(hours=14)  # how far a time without a zone may be ahead of UTC
EPOCH_MS_FROM = 100_000_000_000  # seconds since 1970 beyond this are milliseconds (they would be the year 5138)
_NUMBER = re.compile(r"[-+]?(\d{1,18}(\.\d{0,18})?|\.\d{1,18})([eE][-+]?\d{1,2})?", re.ASCII)
_SPACES = re.compile(r"\s+")


def clean(text: str) -> str:
    """Text of another tool on one line, without control and direction characters, and not too long."""
    line = _SPACES.sub(" ", text[: 4 * TEXT_CHARS_MAX]).strip()
    kept = "".join(char for char in line if unicodedata.category(char)[0] != "C")
    return kept if len(kept) <= TEXT_CHARS_MAX else kept[: TEXT_CHARS_MAX - 3] + "..."


def few(names: Sequence[str], between: str = ", ") -> str:
    """`a, b, c and 4 more`."""
    rest = len(names) - NAMED_MAX
    return f"{between.join(names[:NAMED_MAX])} and {rest} more" if rest > 0 else between.join(names)


def counted(count: int, one: str, many: str = "") -> str:
    """`1 finding`, `1,200 findings`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


@dataclass
class Source:
    """A file that was read whole, what is wrong in it, and what is to be said of it."""

    name: str  # as the answers name it
    folder: Path  # where the answers are
    content: bytes
    now: datetime
    mistakes: list[Mistake] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _instants: dict[str, datetime] = field(default_factory=dict)

    def mistake(self, line: int, path: str, got: str, expected: str, way_out: str = "") -> None:
        """Keep a mistake; raises FileError once there are too many to be of use."""
        self.mistakes.append(Mistake(self.name, line, path, got, expected, way_out))
        if len(self.mistakes) >= MISTAKES_MAX:
            raise FileError(self.mistakes)

    def note(self, text: str) -> None:
        """Say something to the user that is neither evidence nor a mistake."""
        self.notes.append(f"{self.name}: {text}")

    def text(self) -> str:
        """The content as text: UTF-8, or UTF-16 with its mark. Raises FileError."""
        encoding = "utf-16" if self.content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        try:
            return self.content.decode(encoding)
        except UnicodeDecodeError as error:
            line = self.content.count(b"\n", 0, error.start) + 1
            got = f"the byte 0x{self.content[error.start]:02x}"
            raise FileError([Mistake(self.name, line, "", got, "text in UTF-8", "save the file as UTF-8")]) from None

    def instant(self, written: object, line: int, path: str) -> datetime | None:
        """A point in time, in UTC; None where there is none, or where it is a mistake."""
        if written is None or written == "":
            return None
        known = self._instants.get(written) if isinstance(written, str) else None
        if known is not None:
            return known
        try:
            found, zoned = _instant(written)
        except (ValueError, OverflowError, OSError):
            self.mistake(line, path, shown(_safe(written)), "a time such as 2026-10-01T12:00:00Z")
            return None
        if found.year < _FIRST_YEAR:  # such as 0001-01-01, what Go prints for no time at all
            self.mistake(line, path, shown(_safe(written)), "a time such as 2026-10-01T12:00:00Z")
            return None
        if found > self.now + (AHEAD_MAX if zoned else ZONE_MAX):
            way_out = "what has not been yet proves nothing; look at the clock that wrote it"
            self.mistake(line, path, f"{found:%Y-%m-%dT%H:%M:%SZ}", "a time in the past", way_out)
            return None
        found = min(found, self.now)
        if isinstance(written, str):
            self._instants[written] = found
        return found

    def amount(self, written: str, line: int, path: str) -> Decimal | None:
        """A number out of a table; None where there is none, or where it is a mistake."""
        text = written.strip()
        if not text:
            return None
        if not _NUMBER.fullmatch(text):
            self.mistake(line, path, shown(clean(written)), "a number such as 12.5")
            return None
        return Decimal(text)

    def moment(self, written: str, line: int, path: str) -> datetime | None:
        """A point in time, or the beginning of a month or a day (`2026-03`, `2026-03-01`)."""
        text = written.strip()
        return self.instant(f"{text}-01" if re.fullmatch(r"\d{4}-\d{2}", text, re.ASCII) else text, line, path)

    def day(self, written: str, line: int, path: str) -> date | None:
        """A month or a day (`2026-03`, `2026-03-01`), or the day of a point in time."""
        found = self.moment(written, line, path)
        return found.date() if found else None


def _instant(written: object) -> tuple[datetime, bool]:
    """The instant, and whether its zone was said. Raises ValueError, OverflowError, OSError."""
    if isinstance(written, int | float) and not isinstance(written, bool):
        seconds = written / 1000 if written > EPOCH_MS_FROM else written
        return datetime.fromtimestamp(seconds, UTC), True
    if not isinstance(written, str) or len(written) > 64:
        raise ValueError("no time")
    text = written.strip().removesuffix(" UTC")
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        return found.replace(tzinfo=UTC), " UTC" in written
    return found.astimezone(UTC), True


def _safe(value: object) -> object:
    return clean(value) if isinstance(value, str) else value


# --- JSON -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Node:
    """A value somewhere in a JSON file; asking it for what it is not is a mistake of the file."""

    source: Source
    value: Any
    path: Where = ()

    def at(self, *keys: str) -> "Node":
        """The value at a key, and at a key of that; nothing where it is not there."""
        node = self
        for key in keys:
            fields = node.fields()
            node = Node(node.source, fields.get(key), (*node.path, key))
        return node

    def fields(self) -> dict[str, Any]:
        """The fields of a mapping."""
        return self._typed(dict, "a mapping") or {}

    def items(self) -> Iterator["Node"]:
        """The items of a list."""
        found: list[Any] = self._typed(list, "a list") or []
        for index, item in enumerate(found):
            yield Node(self.source, item, (*self.path, index))

    def text(self) -> str:
        """Text, cleaned; "" where there is none."""
        found: str = self._typed(str, "text") or ""
        return clean(found)

    def flag(self) -> bool | None:
        """True, false, or nothing."""
        found: bool | None = self._typed(bool, "true or false")
        return found

    def number(self) -> int | None:
        """A whole number, or nothing."""
        if isinstance(self.value, bool):
            self._wrong("a whole number")
            return None
        found: int | None = self._typed(int, "a whole number")
        return found

    def choice(self, *known: str) -> str:
        """One of these words, or "" where there is none."""
        found = self.text()
        if found and found not in known:
            self._wrong(f"one of {', '.join(known)}")
            return ""
        return found

    def instant(self) -> datetime | None:
        """A point in time."""
        if isinstance(self.value, dict | list | bool):
            self._wrong("a time such as 2026-10-01T12:00:00Z")
            return None
        return self.source.instant(self.value, 1, dotted(self.path))

    def _typed(self, kind: type, expected: str) -> Any:
        if self.value is None or isinstance(self.value, kind):
            return self.value
        self._wrong(expected)
        return None

    def _wrong(self, expected: str) -> None:
        self.source.mistake(1, dotted(self.path), shown(_safe(self.value)), expected)


def read_json(source: Source) -> Node:
    """The whole of a JSON file. Raises FileError for what is no JSON, and for keys that stand twice."""
    twice: dict[str, None] = {}

    def fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice.update(dict.fromkeys(key for key in keys if keys.count(key) > 1))
        return found

    text = source.text()
    if not text.strip():
        raise FileError.single(source.name, "an empty file", "JSON")
    if _depth(text) > DEPTH_MAX:
        raise FileError.single(source.name, "a deeper nesting", f"at most {DEPTH_MAX} levels")
    try:
        value = json.loads(text, object_pairs_hook=fields, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        got = clean(text[error.pos : error.pos + 20]) or "the end of the file"
        raise FileError([Mistake(source.name, error.lineno, "", repr(got), f"JSON ({clean(error.msg)})")]) from None
    except (ValueError, RecursionError) as error:
        raise FileError.single(source.name, clean(str(error)), "JSON with plain numbers") from None
    for key in twice:
        source.mistake(1, clean(key), "the key a second time", "each key once")
    return Node(source, value)


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _depth(text: str) -> int:
    """The most brackets that are open at once; those in strings are left out."""
    deepest = depth = 0
    for mark in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', text, re.DOTALL):
        if mark[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark[0] in "]}":
            depth -= 1
    return deepest


# --- tables -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One row; columns are asked for by the name they go by here."""

    line: int
    cells: list[str]
    places: Mapping[str, int]

    def get(self, name: str) -> str:
        """The cell of a column, "" where there is no such column."""
        place = self.places.get(name)
        return "" if place is None else self.cells[place]


@dataclass(frozen=True)
class Table:
    """A CSV file: its columns, as written and by the names they go by here, and its rows."""

    source: Source
    header: tuple[str, ...]
    places: dict[str, int]
    reader: Any

    def has(self, *names: str) -> bool:
        """Whether all these columns are there."""
        return all(name in self.places for name in names)

    def need(self, *names: str) -> None:
        """Each missing column is a mistake, said at once. Raises FileError."""
        for name in names:
            if name not in self.places:
                near = nearest(name, self.header)
                way_out = f"did you mean {near}? say so under columns" if near else "name it under columns"
                self.source.mistake(1, "", f"no column {name}", f"a column {name}", way_out)
        if self.source.mistakes:
            raise FileError(self.source.mistakes)

    def rows(self) -> Iterator[Row]:
        """Every row that is not empty. Raises FileError where the file is no table, or too long a one."""
        count = 0
        try:
            for cells in self.reader:
                if not any(cells):
                    continue
                count += 1
                line = self.reader.line_num
                if count > ROWS_MAX:
                    raise FileError.single(
                        self.source.name, f"more than {ROWS_MAX:,} rows", "fewer", "sum it up by day"
                    )
                if len(cells) != len(self.header):
                    got = counted(len(cells), "cell")
                    self.source.mistake(
                        line, "", got, f"{len(self.header)}, as in the first row", "quote what needs it"
                    )
                    continue
                yield Row(line, cells, self.places)
        except csv.Error as error:
            got = clean(str(error))
            raise FileError([Mistake(self.source.name, self.reader.line_num, "", got, "CSV")]) from None


def read_table(source: Source, aliases: Mapping[str, Sequence[str]], columns: Mapping[str, str]) -> Table:
    """A CSV file with a header, its cells parted by commas, semicolons or tabs.

    `aliases` has, for each name that is used here, the names a column may have in files; `columns` what the user says
    of this file. Case does not matter. Raises FileError.
    """
    text = source.text()
    if not text.strip():
        raise FileError.single(source.name, "an empty file", "CSV with a header")
    first = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = next((cells for cells in reader if any(cells)), [])
    except csv.Error as error:
        raise FileError([Mistake(source.name, reader.line_num, "", clean(str(error)), "CSV with a header")]) from None
    names = tuple(clean(cell) for cell in header)
    by_name: dict[str, int] = {}
    for place, name in enumerate(names):
        if name and name.casefold() in by_name:
            source.mistake(reader.line_num, "", f"the column {name} twice", "each column once")
        by_name.setdefault(name.casefold(), place)
    places = dict(by_name)
    for name, others in aliases.items():
        found = next((by_name[one.casefold()] for one in (name, *others) if one.casefold() in by_name), None)
        if found is not None:
            places[name] = found
    for name, written in columns.items():
        if written.casefold() in by_name:
            places[name] = by_name[written.casefold()]
        else:
            near = nearest(written, names)
            way_out = f"did you mean {near}?" if near else ""
            source.mistake(1, "", f"no column {written}", f"the column that stands for {name}", way_out)
    return Table(source, names, places, reader)


def inside(folder: Path, name: str) -> Path:
    """The path of a file that lies in the folder or below it, links followed. Raises FileError."""
    try:
        path = (folder / name).resolve()
        if path.is_relative_to(folder.resolve()):
            if path.is_file():
                return folder / name
            raise FileError.single(clean(name), "no such file", "a file that exists")
    except (OSError, ValueError, RuntimeError):
        raise FileError.single(clean(name), "a name no file can have", "a file that exists") from None
    raise FileError.single(clean(name), "a file outside of this folder", "one in it", "put it beside the answers")


def open_source(folder: Path, name: str, now: datetime) -> Source:
    """Read a file that lies in the folder or below it. Raises FileError."""
    path = inside(folder, name)
    try:
        with open_regular(path) as stream:
            content = stream.read(BYTES_MAX + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError.single(clean(name), f"'{reason}'", "a file that can be read") from None
    if len(content) > BYTES_MAX:
        raise FileError.single(clean(name), f"more than {BYTES_MAX >> 20} MiB", "a smaller file", "split it")
    return Source(clean(name), folder, content, now)
