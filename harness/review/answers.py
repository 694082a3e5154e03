"""What a team says of itself (`slos/review.yaml`): the practices it claims, and those that do not apply and why.

lens: wellproven
questions:
rel_redundancy:
claimed: [rel_multi_zone, rel_load_distribution]
owner: shop
not-applicable: {rel_multi_region: one region by contract}
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ConfigDict

from harness.documents import Document, FileModel, Mistakes, Where, nearest, read_documents, validate
from harness.errors import FileError
from harness.review.types import Lens

BUILT_IN = "wellproven"


@dataclass(frozen=True, slots=True)
class Answer:
    """One question's answer; a question without one is unanswered, not `none of these`."""

    question: str
    claimed: frozenset[str] = frozenset()
    not_applicable: dict[str, str] = field(default_factory=dict)  # choice -> why
    owner: str = ""
    notes: str = ""


class _Kebab(FileModel):
    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"))


class _Answer(_Kebab):
    claimed: list[str] = []
    not_applicable: dict[str, str] = {}
    owner: str = ""
    notes: str = ""


class _Answers(_Kebab):
    lens: str
    questions: dict[str, _Answer]


def read_answers(path: Path, lens: Lens) -> dict[str, Answer]:
    """Answers by question. Raises FileError with every mistake: what the lens does not ask or offer among them."""
    documents = read_documents(path)
    if len(documents) != 1:
        raise FileError.single(path, f"{len(documents)} documents", "one document", "put all answers into one")
    [document] = documents
    raw, mistakes = validate(_Answers, document), Mistakes()
    if raw.lens != BUILT_IN:
        mistakes.add(document.mistake(("lens",), BUILT_IN, "other lenses are not answered yet"))
    asked = {question.id: {choice.id for choice in question.choices} for question in lens.questions}
    for name, answer in raw.questions.items():
        if name in asked:
            _check(answer, asked[name], document, ("questions", name), mistakes)
        else:
            _unknown(mistakes, document, ("questions", name), name, asked, "a question of the lens")
    mistakes.raise_any()
    return {
        name: Answer(name, frozenset(one.claimed), dict(one.not_applicable), one.owner, one.notes)
        for name, one in raw.questions.items()
    }


def _check(answer: _Answer, offered: set[str], document: Document, at: Where, mistakes: Mistakes) -> None:
    for index, choice in enumerate(answer.claimed):
        if choice not in offered:
            _unknown(mistakes, document, (*at, "claimed", index), choice, offered)
    for choice, why in answer.not_applicable.items():
        here = (*at, "not-applicable", choice)
        if choice not in offered:
            _unknown(mistakes, document, here, choice, offered)
        elif not why.strip():
            mistakes.add(document.mistake(here, "the reason", "say why it does not apply"))
        elif choice in answer.claimed:
            mistakes.add(document.mistake(here, "claimed or not applicable", "take it out of one of them", "both"))


def _unknown(
    mistakes: Mistakes, document: Document, at: Where, got: str, known: Iterable[str], what: str = "a practice"
) -> None:
    names = sorted(known)
    near = nearest(got, names)
    expected = f"{what}: {', '.join(names)}" if len(names) <= 8 else what
    mistakes.add(document.mistake(at, expected, f"did you mean {near}?" if near else "", repr(got)))
