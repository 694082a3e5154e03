"""Entries as the answers hold them, read against files of a folder."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.documents import FileModel, parse_documents, validate
from harness.review import Lens, Shown, built_in_lens
from harness.review.findings import Findings, WrittenEvidence, read_findings

FILES = Path(__file__).with_name("files")
NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)
OURS = built_in_lens()
STATIC = "{question: sec_build, choice: sec_static_testing}"


class Part(FileModel):
    evidence: list[WrittenEvidence] = []


def read(folder: Path, *entries: str, lens: Lens = OURS, now: datetime = NOW) -> Findings:
    """Each entry is a mapping in YAML's flow style; they stand from line 2 on, one a line."""
    text = "evidence:\n" + "".join(f"  - {entry}\n" for entry in entries)
    [document] = parse_documents(text.encode(), "review.yaml")
    found = validate(Part, document)
    return read_findings(found.evidence, document, ("evidence",), folder, lens, now)


def by_choice(findings: Findings) -> dict[str, Shown]:
    """What is shown, by practice; two of one practice would be one too many."""
    assert len({one.choice for one in findings.shown}) == len(findings.shown)
    return {one.choice: one for one in findings.shown}


def fixture(name: str) -> Any:
    """A fixture as plain values, to be changed."""
    return json.loads((FILES / name).read_text())


def write(folder: Path, name: str, content: Any) -> str:
    """Text as it is, anything else as JSON."""
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return name
