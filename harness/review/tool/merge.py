"""What was pulled into an answers file that is there already: its answers come in, a person's words stay. Pure.

The tool decides what is claimed. Owners, dates, reasons, exclusions, decisions and comments are left as they are; notes
are appended to where the tool has words that the file has not.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.documents import Document, Set, edited, parse_documents
from harness.errors import FileError
from harness.review.tool.pulled import Entry, Files, fields


def merged(old: str, path: Path, made: Files) -> str:
    """The answers file's new text. Raises FileError where it is none, or is by another lens."""
    documents = parse_documents(old.encode(), str(path))
    if len(documents) != 1:
        raise FileError.single(path, f"{len(documents)} documents", "one document", "name another file with -o")
    [document] = documents
    found = document.value if isinstance(document.value, dict) else {}
    if found.get("lens") != made.lens_name:
        raise FileError([document.mistake(("lens",), made.lens_name, "name another file with -o")])
    questions = found.get("questions")
    if not isinstance(questions, dict):
        raise FileError([document.mistake(("questions",), "a mapping", "name another file with -o")])
    return edited(old, str(path), [*_changes(document, questions, made), *_new(questions, made)])


def _new(questions: dict[str, Any], made: Files) -> Iterator[Set]:
    for entry in made.entries:
        if entry.question not in questions:
            yield Set(("questions", entry.question), fields(entry))


def _changes(document: Document, questions: dict[str, Any], made: Files) -> Iterator[Set]:
    for entry in made.entries:
        if entry.question not in questions:
            continue
        old = questions[entry.question]
        if not isinstance(old, dict):
            at = ("questions", entry.question)
            raise FileError([document.mistake(at, "a mapping", "name another file with -o")])
        for name, value in _fields(old, entry):
            if old.get(name) != value and (value or name in old):
                yield Set(("questions", entry.question, name), value)


def _fields(old: dict[str, Any], entry: Entry) -> Iterator[tuple[str, Any]]:
    """What the three fields that a pull knows of come to."""
    claimed = [one for one in _list(old.get("claimed")) if one in entry.claimed]
    yield "claimed", [*claimed, *(one for one in entry.claimed if one not in claimed)]
    excepted = {
        choice: why for choice, why in _mapping(old.get("not-applicable")).items() if choice not in entry.claimed
    }
    excluded = _mapping(old.get("excluded"))
    further = {
        choice: why for choice, why in entry.not_applicable.items() if choice not in excepted and choice not in excluded
    }
    yield "not-applicable", {**excepted, **further}
    notes = old.get("notes") if isinstance(old.get("notes"), str) else ""
    if entry.notes and entry.notes.strip() not in (notes or ""):
        notes = f"{notes}\n\n{entry.notes}" if notes else entry.notes
    yield "notes", notes


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
