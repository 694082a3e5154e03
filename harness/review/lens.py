"""AWS custom-lens JSON (schemaVersion 2021-11-01) into a Lens, as it is published and not only as it is specified.

Seen in published lenses and read: keys the specification does not know, a bare NaN, tabs, `choice1` in every question,
paths with spaces, one rule `default` alone. https://docs.aws.amazon.com/wellarchitected/latest/userguide/lenses-format-specification.html
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field
from pydantic_core import PydanticCustomError

from harness.documents import Document, FileModel, Mistakes, Where, parse_documents, problem, read_content, validate
from harness.errors import FileError, Mistake
from harness.review.conditions import DEFAULT, ConditionError, parse_condition
from harness.review.types import Choice, Lens, Pillar, Question, Risk, Rule

_RISKS = (Risk.NONE, Risk.MEDIUM, Risk.HIGH)
_Id = Annotated[str, Field(min_length=1)]


class _Lenient(FileModel):
    """What is not asked for may stand there all the same."""

    model_config = ConfigDict(extra="ignore")


class _Resource(_Lenient):
    display_text: Any = ""
    url: Any = ""


class _Choice(_Lenient):
    id: _Id
    title: str
    description: Any = ""
    helpful_resource: _Resource | None = None
    improvement_plan: _Resource | None = None


class _Rule(_Lenient):
    condition: str
    risk: str


class _Question(_Lenient):
    id: _Id
    title: str
    description: Any = ""
    choices: list[_Choice] = Field(min_length=1)
    risk_rules: list[_Rule] = []
    reported_risk: Risk | None = None  # ours: what the tool says of an answer whose rules AWS does not publish

    @classmethod
    def rules(cls, raw: dict[str, Any]) -> Iterator[PydanticCustomError]:
        if "riskRules" not in raw and "reportedRisk" not in raw:
            yield problem("this field", "add `riskRules:`", at=("riskRules",), got="nothing")
        elif raw.get("riskRules") == [] and "reportedRisk" not in raw:
            yield problem("a size of at least 1", at=("riskRules",))


class _Pillar(_Lenient):
    id: _Id
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


# Of a JSON string, and not of YAML: characters that YAML refuses, and those that it takes for the end of a line.
_AS_THEY_ARE: Final = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]|\xef\xbf[\xbe\xbf]")
_COMMENT: Final = re.compile(rb"^[ ]*(//|/\*)", re.MULTILINE)


def _escaped(found: re.Match[bytes]) -> bytes:
    return f"\\u{ord(found[0].decode()):04x}".encode()


def read_lens(path: Path) -> Lens:
    """A lens from its file. Raises FileError with every mistake in it."""
    return parse_lens(read_content(path, str(path)), str(path))


def parse_lens(content: bytes, file: str) -> Lens:
    """A lens out of the bytes of a file called `file`. Raises FileError with every mistake."""
    # JSON is YAML, but for tabs between values, which no JSON string holds, and for some characters in its strings.
    plain = _AS_THEY_ARE.sub(_escaped, _HALVES.sub(_joined, content.replace(b"\t", b" ")))
    try:
        documents = parse_documents(plain, file)
    except FileError as error:
        raise FileError([_of_json(one, plain) for one in error.mistakes]) from None
    if len(documents) != 1:
        raise FileError.single(file, f"{len(documents)} documents", "one lens", "a custom lens is one JSON object")
    return _Reader(documents[0]).lens()


def _of_json(mistake: Mistake, content: bytes) -> Mistake:
    """The same mistake in the words of JSON, which nobody who writes a lens knows to be read as YAML."""
    if not content.strip():
        return replace(mistake, expected="one lens", way_out="a custom lens is one JSON object")
    if mistake.expected != "valid YAML":
        return mistake
    comment = _COMMENT.search(content)
    line = content.count(b"\n", 0, comment.start()) + 1 if comment else 0
    way_out = f"take the comment in line {line} out: JSON has none" if 0 < line <= mistake.line else mistake.way_out
    return replace(mistake, expected="valid JSON", way_out=way_out)


class _Reader:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._mistakes = Mistakes()

    def lens(self) -> Lens:
        raw = validate(_Lens, self._document)
        pillars = tuple(self._pillar(pillar, ("pillars", index)) for index, pillar in enumerate(raw.pillars))
        self._unique((pillar.id, ("pillars", index)) for index, pillar in enumerate(pillars))
        self._unique(
            (
                (question.id, ("pillars", index, "questions", number))
                for index, pillar in enumerate(pillars)
                for number, question in enumerate(pillar.questions)
            ),
            "every question's id",
        )
        self._mistakes.raise_any()
        return Lens(raw.name, _text(raw.description), pillars)

    def _pillar(self, raw: _Pillar, at: Where) -> Pillar:
        questions = tuple(
            self._question(question, (*at, "questions", index)) for index, question in enumerate(raw.questions)
        )
        return Pillar(raw.id, raw.name, questions)

    def _question(self, raw: _Question, at: Where) -> Question:
        ids = {choice.id for choice in raw.choices}
        self._unique((choice.id, (*at, "choices", index)) for index, choice in enumerate(raw.choices))
        rules = [self._rule(rule, ids, (*at, "riskRules", index)) for index, rule in enumerate(raw.risk_rules)]
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
            way_out = f"no such choice: {', '.join(unknown)}"
            if any(name.casefold() == DEFAULT for name in unknown):
                way_out += f"; write `{DEFAULT}` alone, and in small letters"
            self._add((*at, "condition"), "choices of this question", way_out)
        return Rule(condition, risk, raw.condition, self._document.where(at)) if risk and not unknown else None

    def _unique(self, ids: Iterable[tuple[str, Where]], what: str = "every id") -> None:
        """Each id with the place of what it names; a second one is said where it stands."""
        seen: set[str] = set()
        for name, at in ids:
            if name in seen:
                mistake = self._document.mistake((*at, "id"), f"{what} once", "give each its own", f"{name!r} twice")
                self._mistakes.add(mistake)
            seen.add(name)

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
    """Text, where there is some; published lenses have null, NaN and a mere `-` where text belongs."""
    is_text = isinstance(value, str) and value != "NaN" and any(one.isalnum() for one in value)
    return str(value) if is_text else ""
