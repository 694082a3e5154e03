"""Our own lens, and any lens as AWS's custom-lens JSON."""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from harness.documents import Document, FileModel, Where, read_documents, validate
from harness.review.conditions import parse_condition
from harness.review.types import Choice, Lens, Pillar, Provable, Question, Risk, Rule

SCHEMA_VERSION = "2021-11-01"
_FILE = Path(__file__).with_name("wellproven.yaml")


class _ProvenBy(FileModel):
    drill: list[str] = []
    measure: list[Literal["error-budget-alerts", "rta", "rpa", "latency-slo", "load"]] = []
    imports: list[Literal["sarif", "prowler", "asff", "cost", "carbon", "budget"]] = Field(default=[], alias="import")
    partly: list[str] = []  # those of them that never show all of it
    unseen: str = ""  # what the drills among these leave unseen
    own_drill: str = Field(default="", alias="own-drill")  # what one of the team's own would do
    own_figure: str = Field(default="", alias="own-figure")  # what the team would measure itself


class _Practice(FileModel):
    id: str = Field(pattern=r"^[A-Za-z0-9_]{3,128}$")
    title: str = Field(max_length=128)
    risk: Literal["high", "medium"]
    why: str
    pitfall: str
    resolution: str
    proven_by: _ProvenBy = Field(default=_ProvenBy(), alias="proven-by")


class _Question(FileModel):
    id: str = Field(pattern=r"^[A-Za-z0-9_]{3,128}$")
    title: str = Field(max_length=128)
    why: str
    practices: list[_Practice] = Field(min_length=1, max_length=15)


class _Pillar(FileModel):
    id: str = Field(pattern=r"^[A-Za-z0-9_]{3,128}$")
    name: str = Field(max_length=128)
    questions: list[_Question] = Field(min_length=1, max_length=20)


class _Lens(FileModel):
    name: str = Field(max_length=128)
    description: str = Field(max_length=2048)
    pillars: list[_Pillar] = Field(min_length=1, max_length=10)


@cache
def built_in_lens() -> Lens:
    """The lens this package carries."""
    [document] = read_documents(_FILE, shown_as=_FILE.name)
    raw = validate(_Lens, document)
    pillars = tuple(_pillar(pillar, document, ("pillars", index)) for index, pillar in enumerate(raw.pillars))
    return Lens(raw.name, raw.description.strip(), pillars)


def _pillar(raw: _Pillar, document: Document, at: Where) -> Pillar:
    questions = (
        _question(question, document.where((*at, "questions", index))) for index, question in enumerate(raw.questions)
    )
    return Pillar(raw.id, raw.name, tuple(questions))


def _question(raw: _Question, where: str) -> Question:
    """A question with the rules that follow from its practices' risks."""
    high = [one.id for one in raw.practices if one.risk == "high"]
    every = [one.id for one in raw.practices]
    levels = [(" && ".join(every), Risk.NONE)]
    if high and len(high) < len(every):
        levels.append((" && ".join(high), Risk.MEDIUM))
    levels.append(("default", Risk.HIGH if high else Risk.MEDIUM))
    rules = tuple(Rule(parse_condition(text), risk, text, where) for text, risk in levels)
    return Question(raw.id, raw.title, raw.why, tuple(_choice(one) for one in raw.practices), rules, where)


def _choice(raw: _Practice) -> Choice:
    proven_by = raw.proven_by
    return Choice(
        id=raw.id,
        title=raw.title,
        help=raw.why,
        improvement=f"Pitfall: {raw.pitfall} Way out: {raw.resolution}",
        provable=Provable(
            drills=tuple(proven_by.drill),
            measures=tuple(proven_by.measure),
            imports=tuple(proven_by.imports),
            partly=tuple(proven_by.partly),
            unseen=proven_by.unseen,
            own_drill=proven_by.own_drill,
            own_figure=proven_by.own_figure,
        ),
    )


def aws_json(lens: Lens) -> str:
    """A lens in the format that the AWS Well-Architected Tool imports.

    What could prove a practice has no field there: it stands in words at the end of the helpful resource.
    """
    words = {
        "schemaVersion": SCHEMA_VERSION,
        "name": lens.name,
        "description": lens.description,
        "pillars": [
            {"id": pillar.id, "name": pillar.name, "questions": list(_questions(pillar.questions))}
            for pillar in lens.pillars
        ],
    }
    return json.dumps(words, indent=2, ensure_ascii=False) + "\n"


def _questions(questions: Iterable[Question]) -> Iterable[dict[str, Any]]:
    for question in questions:
        yield {
            "id": question.id,
            "title": question.title,
            "description": question.description,
            "choices": [
                {
                    "id": choice.id,
                    "title": choice.title,
                    "helpfulResource": _resource(" ".join([choice.help, *_proof(choice.provable)]), choice.help_url),
                    "improvementPlan": _resource(choice.improvement, choice.improvement_url),
                }
                for choice in question.choices
            ],
            "riskRules": [{"condition": rule.text, "risk": rule.risk.value} for rule in question.rules],
        }


def _proof(provable: Provable) -> Iterator[str]:
    """What could prove a practice, as a sentence; none where nothing is known that could."""
    if provable.in_words:
        yield f"Could be proven by: {provable.in_words}."


def _resource(text: str, url: str) -> dict[str, str]:
    return {"displayText": text, **({"url": url} if url else {})}
