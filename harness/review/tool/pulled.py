"""What was pulled, as a lens and as answers in our own format. Pure."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from harness.documents import block
from harness.errors import FileError, Mistake
from harness.review.answers import BUILT_IN
from harness.review.built_in import SCHEMA_VERSION, built_in_lens
from harness.review.lens import parse_lens
from harness.review.tool.notes import words
from harness.review.tool.remote import LensReview, Pulled, ToolAnswer, ToolChoice
from harness.review.types import Choice, Lens, Pillar, Question, Risk
from harness.text import savable

# A place in the lens that is made of answers, and the fields of an answer that it was made of.
_PLACE: Final = re.compile(r"pillars\[(\d+)\]\.questions\[(\d+)\](?:\.choices(?:\[(\d+)\])?)?(?:\.(\w+))?")
_FIELDS: Final = {"id": "QuestionId", "title": "QuestionTitle", "description": "QuestionDescription"}
_CHOICE_FIELDS: Final = {"id": "ChoiceId", "title": "Title", "description": "Description"}
RULES_UNKNOWN: Final = "Its risk rules are unknown: `reportedRisk` is what the tool said of the answers it had."


@dataclass(frozen=True, slots=True)
class Entry:
    """One question's part of an answers file."""

    question: str
    title: str
    claimed: tuple[str, ...]
    not_applicable: dict[str, str]
    notes: str


@dataclass(frozen=True, slots=True)
class Files:
    """What a pull writes: the lens, unless it is the built-in one, and the answers."""

    lens_name: str  # as `lens:` of the answers says
    lens: str | None  # the lens file's text
    entries: tuple[Entry, ...]
    rules_unknown: str  # why the lens has no rules; "" where it has
    unanswered_notes: tuple[str, ...]  # questions that have notes and no answer: they stay in the tool


def files(pulled: Pulled) -> Files:
    """The answers and the lens they are by."""
    lens, rules_unknown = _exported(pulled)
    if lens is None:
        text, lens = described(pulled.review, pulled.answers)
    else:
        text = json.dumps(json.loads(pulled.exported), indent=2, ensure_ascii=False) + "\n"
    ours = _ids(lens) == _ids(built_in_lens())
    answered = [one for one in pulled.answers if _is_answered(one)]
    known = dict(_ids(lens))
    return Files(
        lens_name=BUILT_IN if ours else f"{pulled.review.short}.json",
        lens=None if ours else text,
        entries=tuple(_entry(one, known[one.question]) for one in answered if one.question in known),
        rules_unknown=rules_unknown,
        unanswered_notes=tuple(one.question for one in pulled.answers if one not in answered and words(one.notes)),
    )


def described(review: LensReview, answers: Iterable[ToolAnswer]) -> tuple[str, Lens]:
    """A lens out of what the tool says of its questions, as a file and read from it: no rules, risks as reported."""
    every = list(answers)
    pillars = [
        {
            "id": pillar.id,
            "name": pillar.name,
            "questions": [_question(one) for one in every if one.pillar == pillar.id and one.practices],
        }
        for pillar in review.pillars
    ]
    document = {
        "schemaVersion": SCHEMA_VERSION,
        "name": review.name,
        "description": f"As the AWS Well-Architected Tool asks it. {RULES_UNKNOWN}",
        "source": {"lensAlias": review.alias, "lensVersion": review.version},
        "pillars": [one for one in pillars if one["questions"]],
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    try:
        return text, parse_lens(text.encode(), f"{review.short}.json")
    except FileError as error:
        asked = [[one for one in every if one.pillar == pillar.id and one.practices] for pillar in review.pillars]
        kept = [one for one in asked if one]
        raise FileError(_in_answer(one, kept) for one in error.mistakes) from None


def _in_answer(mistake: Mistake, asked: Sequence[Sequence[ToolAnswer]]) -> Mistake:
    """A mistake in the lens made of answers, at its place in the answer of AWS: nobody has that lens's lines."""
    found = _PLACE.match(mistake.path)
    if found is None:  # of the questions as a whole
        return replace(mistake, file="AWS ListAnswers", line=0, path="AnswerSummaries")
    pillar, question, choice, name = found.groups()
    answer = asked[int(pillar)][int(question)]
    if choice is not None:
        practice = answer.practices[int(choice)]
        index = next(number for number, one in enumerate(answer.choices) if one is practice)  # not its equal
        path = ".".join([f"Answer.Choices[{index}]", *([_CHOICE_FIELDS.get(name, name)] if name else [])])
    elif mistake.path.endswith(".choices"):
        path = "Answer.Choices"
    else:
        path = ".".join(["Answer", *([_FIELDS.get(name, name)] if name else [])])
    return replace(mistake, file=f"AWS GetAnswer {answer.question}", line=0, path=path)


def lens_of(review: LensReview, answers: Iterable[ToolAnswer]) -> Lens:
    """The lens a push matches evidence with: its questions and choices, no more."""
    every = [one for one in answers if one.practices]
    pillars = tuple(
        Pillar(one.id, one.name, tuple(_asked(answer) for answer in every if answer.pillar == one.id))
        for one in review.pillars
    )
    return Lens(review.name, "", pillars)


def is_built_in(lens: Lens) -> bool:
    """Whether it asks what the built-in lens does: that one, imported into the tool."""
    return _ids(lens) == _ids(built_in_lens())


def answers_text(made: Files, pulled: Pulled) -> str:
    """A new answers file."""
    head = (
        f"# What the AWS Well-Architected Tool has of the workload {_line(pulled.workload.name)}, lens "
        f"{_line(pulled.review.name)}.\n"
        "# Yours to edit: a further `wellproven review pull` shows what it would change, and asks for --force.\n"
    )
    body = "".join(f"  # {_line(one.title)}\n{block({one.question: fields(one)}, 2)}" for one in made.entries)
    return f"{head}lens: {made.lens_name}\nquestions:{chr(10) + body if body else ' {}' + chr(10)}"


def fields(entry: Entry) -> dict[str, Any]:
    """An entry as a file has it."""
    found: dict[str, Any] = {"claimed": list(entry.claimed)}
    if entry.not_applicable:
        found["not-applicable"] = dict(entry.not_applicable)
    if entry.notes:
        found["notes"] = entry.notes
    return found


def _exported(pulled: Pulled) -> tuple[Lens | None, str]:
    """The exported lens, where it is one that asks what the tool asks; else why it cannot be used."""
    if not pulled.exported:
        return None, pulled.not_exported
    try:
        # Written anew in one form, so that every mistake has a place; what is no text or no number is refused here.
        lens = parse_lens(json.dumps(json.loads(pulled.exported), ensure_ascii=False).encode(), "AWS ExportLens")
    except json.JSONDecodeError as error:
        return None, f"the exported lens cannot be read: AWS ExportLens: LensJSON: {error.msg} at character {error.pos}"
    except UnicodeEncodeError:
        return None, "the exported lens cannot be read: AWS ExportLens: LensJSON: half of a character"
    except ValueError:  # of json: thousands of digits
        return None, "the exported lens cannot be read: AWS ExportLens: LensJSON: a number without end"
    except FileError as error:
        first = error.mistakes[0]
        path = f"LensJSON.{first.path}" if first.path else "LensJSON"
        return None, f"the exported lens cannot be read: {replace(first, line=0, path=path)}"
    known = dict(_ids(lens))
    for answer in pulled.answers:
        strange = {one.id for one in answer.practices} - known.get(answer.question, frozenset())
        if answer.question not in known or strange:
            return None, f"the exported lens does not ask {answer.question} as the tool does"
    return lens, ""


def _ids(lens: Lens) -> list[tuple[str, frozenset[str]]]:
    return [(question.id, frozenset(one.id for one in question.choices)) for question in lens.questions]


def _is_answered(answer: ToolAnswer) -> bool:
    return answer.risk is not Risk.UNANSWERED or bool(answer.selected) or not answer.applicable


def _entry(answer: ToolAnswer, known: frozenset[str]) -> Entry:
    practices = [one for one in answer.practices if one.id in known]
    if answer.applicable:
        claimed = tuple(one.id for one in practices if one.id in answer.selected)
        excepted = {one.id: one.not_applicable for one in practices if one.not_applicable and one.id not in claimed}
    else:
        claimed, excepted = (), {one.id: answer.reason or "no reason given" for one in practices}
    said = [words(answer.notes), *(f"{one.id}: {one.notes}" for one in answer.choices if one.notes)]
    notes = savable("\n".join(one for one in said if one))
    return Entry(answer.question, answer.title, claimed, excepted, notes)


def _line(text: str) -> str:
    """Text in a comment: in one line, and nothing in it that does not show."""
    return "".join(one for one in " ".join(text.split()) if one.isprintable())


def _question(answer: ToolAnswer) -> dict[str, Any]:
    return {
        "id": answer.question,
        "title": answer.title,
        "description": answer.description,
        "choices": [_choice(one) for one in answer.practices],
        "riskRules": [],
        "reportedRisk": answer.risk.value,
    }


def _choice(choice: ToolChoice) -> dict[str, Any]:
    found: dict[str, Any] = {"id": choice.id, "title": choice.title}
    if choice.description:
        found["description"] = choice.description
    for key, text, url in (
        ("helpfulResource", choice.help, choice.help_url),
        ("improvementPlan", choice.improvement, choice.improvement_url),
    ):
        if text or url:
            found[key] = {"displayText": text, **({"url": url} if url else {})}
    return found


def _asked(answer: ToolAnswer) -> Question:
    choices = tuple(Choice(one.id, one.title) for one in answer.practices)
    return Question(answer.question, answer.title, "", choices, (), answer.question, answer.risk)
