"""AWS custom-lens JSON (schemaVersion 2021-11-01) into a Lens, as it is published and not only as it is specified.

Seen in published lenses and read: keys the specification does not know, a bare NaN, tabs, `choice1` in every question,
paths with spaces. https://docs.aws.amazon.com/wellarchitected/latest/userguide/lenses-format-specification.html
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import ConfigDict, Field
from pydantic_core import PydanticCustomError

from harness.documents import Document, FileModel, Mistakes, Where, parse_documents, problem, read_content, validate
from harness.errors import FileError
from harness.review.conditions import ConditionError, parse_condition
from harness.review.types import Choice, Lens, Pillar, Question, Risk, Rule

_RISKS = (Risk.NONE, Risk.MEDIUM, Risk.HIGH)


class _Lenient(FileModel):
    """What is not asked for may stand there all the same."""

    model_config = ConfigDict(extra="ignore")


class _Resource(_Lenient):
    display_text: Any = ""
    url: Any = ""


class _Choice(_Lenient):
    id: str
    title: str
    description: Any = ""
    helpful_resource: _Resource | None = None
    improvement_plan: _Resource | None = None


class _Rule(_Lenient):
    condition: str
    risk: str


class _Question(_Lenient):
    id: str
    title: str
    description: Any = ""
    choices: list[_Choice] = Field(min_length=1)
    risk_rules: list[_Rule] = []
    reported_risk: Risk | None = None  # ours: what the tool says of an answer whose rules AWS does not publish

    @classmethod
    def rules(cls, raw: dict[str, Any]) -> Iterator[PydanticCustomError]:
        if raw.get("riskRules") is None and "reportedRisk" not in raw:
            yield problem("this field", "add `riskRules:`", at=("riskRules",), got="nothing")
        elif raw.get("riskRules") == [] and "reportedRisk" not in raw:
            yield problem("a size of at least 1", at=("riskRules",))


class _Pillar(_Lenient):
    id: str
    name: str
    questions: list[_Question] = Field(min_length=1)


class _Lens(_Lenient):
    schema_version: Any = ""
    name: str
    description: Any = ""
    pillars: list[_Pillar] = Field(min_length=1)


# \ud83d\ude80, and not \\ud83d\ude80: an even number of backslashes before it are characters of their own.
_HALVES: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)


def _joined(found: re.Match[bytes]) -> bytes:
    high, low = int(found[2], 16), int(found[3], 16)
    return found[1] + chr(0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF)).encode()


def read_lens(path: Path) -> Lens:
    """A lens from its file. Raises FileError with every mistake in it."""
    return parse_lens(read_content(path, str(path)), str(path))


def parse_lens(content: bytes, file: str) -> Lens:
    """A lens out of the bytes of a file called `file`. Raises FileError with every mistake."""
    # JSON is YAML, but for tabs between values, which no JSON string holds, and for characters escaped as two halves.
    joined = _HALVES.sub(_joined, content.replace(b"\t", b" "))
    documents = parse_documents(joined, file)
    if len(documents) != 1:
        raise FileError.single(file, f"{len(documents)} documents", "one lens", "a custom lens is one JSON object")
    return _Reader(documents[0]).lens()


class _Reader:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._mistakes = Mistakes()

    def lens(self) -> Lens:
        raw = validate(_Lens, self._document)
        pillars = tuple(self._pillar(pillar, ("pillars", index)) for index, pillar in enumerate(raw.pillars))
        self._unique([pillar.id for pillar in pillars], ("pillars",))
        self._unique(
            [question.id for pillar in pillars for question in pillar.questions], ("pillars",), "every question's id"
        )
        self._mistakes.raise_any()
        return Lens(raw.name, _text(raw.description), pillars)

    def _pillar(self, raw: _Pillar, at: Where) -> Pillar:
        questions = tuple(
            self._question(question, (*at, "questions", index)) for index, question in enumerate(raw.questions)
        )
        return Pillar(raw.id, raw.name, questions)

    def _question(self, raw: _Question, at: Where) -> Question:
        ids = [choice.id for choice in raw.choices]
        self._unique(ids, (*at, "choices"))
        rules = [self._rule(rule, set(ids), (*at, "riskRules", index)) for index, rule in enumerate(raw.risk_rules)]
        return Question(
            id=raw.id,
            title=raw.title,
            description=_text(raw.description),
            choices=tuple(_choice(choice) for choice in raw.choices),
            rules=tuple(rule for rule in rules if rule is not None),
            where=self._document.where(at),
            reported=raw.reported_risk,
        )

    def _rule(self, raw: _Rule, ids: set[str], at: Where) -> Rule | None:
        risk = next((one for one in _RISKS if one == raw.risk.strip().upper()), None)
        if risk is None:
            self._add((*at, "risk"), " or ".join(_RISKS))
        try:
            condition = parse_condition(raw.condition)
        except ConditionError as error:
            self._add((*at, "condition"), "choice ids with && || ! and parentheses, or default", str(error))
            return None
        unknown = sorted(condition.names() - ids)
        if unknown:
            self._add((*at, "condition"), "choices of this question", f"no such choice: {', '.join(unknown)}")
        return Rule(condition, risk, raw.condition, self._document.where(at)) if risk and not unknown else None

    def _unique(self, ids: list[str], at: Where, what: str = "every id") -> None:
        for name in sorted({one for one in ids if ids.count(one) > 1}):
            self._mistakes.add(self._document.mistake(at, f"{what} once", "give each its own", f"{name!r} twice"))

    def _add(self, at: Where, expected: str, way_out: str = "") -> None:
        self._mistakes.add(self._document.mistake(at, expected, way_out))


def _choice(raw: _Choice) -> Choice:
    helpful, plan = raw.helpful_resource or _Resource(), raw.improvement_plan or _Resource()
    return Choice(
        id=raw.id,
        title=raw.title,
        description=_text(raw.description),
        help=_text(helpful.display_text),
        help_url=_text(helpful.url),
        improvement=_text(plan.display_text),
        improvement_url=_text(plan.url),
    )


def _text(value: object) -> str:
    """Text, where there is some; published lenses have null and NaN where text belongs."""
    return value if isinstance(value, str) and value != "NaN" else ""
