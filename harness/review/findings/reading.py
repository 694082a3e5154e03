"""Every entry under `evidence:`, held against the file it names."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field

from harness.documents import Document, Mistakes, Where, nearest
from harness.errors import FileError, Mistake
from harness.review.findings.asff import AsffEvidence
from harness.review.findings.budget import BudgetEvidence
from harness.review.findings.carbon import CarbonEvidence
from harness.review.findings.cost import CostEvidence
from harness.review.findings.figures import FiguresEvidence
from harness.review.findings.prowler import ProwlerEvidence
from harness.review.findings.sarif import SarifEvidence
from harness.review.findings.source import open_source
from harness.review.findings.written import Place
from harness.review.types import Choice, Lens, Shown

WrittenEvidence = Annotated[
    SarifEvidence | AsffEvidence | ProwlerEvidence | CostEvidence | CarbonEvidence | BudgetEvidence | FiguresEvidence,
    Field(discriminator="kind"),
]


@dataclass
class Findings:
    """What the files show, and what is to be said of them besides."""

    shown: list[Shown] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_findings(
    entries: Sequence[WrittenEvidence], document: Document, at: Where, folder: Path, lens: Lens, now: datetime
) -> Findings:
    """What all the files show.

    `document` and `at` are where the entries stand, `folder` is where their files are, and no time in them may lie
    after `now`. Raises FileError with every mistake of every entry and every file.
    """
    mistakes = Mistakes()
    findings = Findings()
    for index, entry in enumerate(entries):
        here = (*at, index)
        unknown = [place for place in entry.places(lens) if not place.known(lens)]
        mistakes.add(*(_unknown(place, document, here, lens) for place in unknown))
        try:
            source = open_source(folder, entry.file, now)
        except FileError as error:
            mistakes.add(*(_at_entry(one, document, (*here, "file")) for one in error.mistakes))
            continue
        try:
            found = list(entry.shown(source, lens))
        except FileError as error:
            mistakes.add(*error.mistakes)
            continue
        mistakes.add(*source.mistakes)
        findings.notes += source.notes
        findings.shown += (replace(one, standing=True) for one in found)
    mistakes.raise_any()
    return findings


def with_findings(lens: Lens, entries: Sequence[WrittenEvidence]) -> Lens:
    """A lens that knows which practices these entries can speak for, and whether wholly, beside what it says itself."""
    kinds: dict[tuple[str, str], dict[str, bool]] = {}  # practice -> kind -> whether each such entry shows a part only
    for entry in entries:
        for place in entry.places(lens):
            if place.left_out:
                continue
            found = kinds.setdefault((place.question, place.choice), {})
            found[entry.kind] = found.get(entry.kind, True) and place.partly

    def known(question: str, choice: Choice) -> Choice:
        old, found = choice.provable, kinds.get((question, choice.id), {})
        new = sorted(found.keys() - set(old.imports))
        partly = {*old.partly, *new} - {kind for kind, is_part in found.items() if not is_part}
        provable = replace(old, imports=(*old.imports, *new), partly=tuple(sorted(partly)))
        return replace(choice, provable=provable) if found else choice

    return lens.changed(known)


def _unknown(place: Place, document: Document, at: Where, lens: Lens) -> Mistake:
    """A practice that the lens does not ask for, with what may have been meant."""
    where = (*at, *place.at)
    asked = {question.id: [choice.id for choice in question.choices] for question in lens.questions}
    if place.question in asked:
        known, got, expected, key = asked[place.question], place.choice, f"a practice of {place.question}", "choice"
    else:
        known, got, expected, key = list(asked), place.question, "a question of the lens", "question"
    near = nearest(got, known)
    if document.at(where) is None:
        where = where[:-1]  # one practice instead of a list of them
    inner = document.at(where)
    where = (*where, key) if isinstance(inner, dict) and key in inner else where
    return document.mistake(where, expected, f"did you mean {near}?" if near else "", repr(got))


def _at_entry(mistake: Mistake, document: Document, at: Where) -> Mistake:
    """A mistake about which file is meant stands where it is named."""
    return document.mistake(at, mistake.expected, mistake.way_out, mistake.got)
