"""Answers out of their file, with every mistake at once."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from harness.documents import (
    Document,
    DurationNs,
    FileModel,
    Mistakes,
    Where,
    exact,
    nearest,
    problem,
    read_documents,
    share,
    validate,
)
from harness.errors import FileError, Mistake
from harness.plan import Proves
from harness.review.answers import (
    BUILT_IN,
    Answer,
    Answers,
    Backing,
    Decision,
    Effect,
    Effort,
    Expectation,
    Improvement,
    Level,
    Measure,
    Scope,
)
from harness.review.built_in import built_in_lens
from harness.review.evidence import place_in
from harness.review.findings import Findings, WrittenEvidence, read_findings
from harness.review.lens import read_lens
from harness.review.truth import NONE_SUFFIX
from harness.review.types import Lens
from harness.units import NS_PER_S, parse_duration_ns


def _ratio(value: Any) -> Fraction:
    try:
        found = share(value)
    except ValueError:
        raise problem("a share such as 60% or 0.6") from None
    if not 0 < found <= 100:
        raise problem("a share above 0 %")
    return found


def _day(value: Any) -> date:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise problem("a day such as 2027-03-31") from None


_TIMES = (Measure.RTA, Measure.RPA, Measure.LATENCY)
Ratio = Annotated[Fraction, BeforeValidator(_ratio)]
Day = Annotated[date, BeforeValidator(_day)]


class _Kebab(FileModel):
    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"))


class _Effort(_Kebab):
    impact: Level | None = None
    complexity: Level | None = None
    due: Day | None = None
    owner: str = ""

    def effort(self) -> Effort:
        return Effort(self.impact, self.complexity, self.due, self.owner)


class _Answer(_Effort):
    claimed: list[str] = []
    not_applicable: dict[str, str] = {}
    excluded: dict[str, str] = {}
    notes: str = ""
    practices: dict[str, _Effort] = {}


class _Scope(_Kebab):
    load: Ratio = Fraction(1)
    slos: list[str] = []
    zones: list[str] = []


class _Expectation(_Kebab):
    """A limit, with the first three; or a practice."""

    experiment: str = ""
    measure: Measure | None = None
    at_most: str | int | float | None = None
    practice: str = ""
    pillar: str = ""


class _Decision(_Kebab):
    id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    title: str
    decided: Day
    because: str = ""
    by: str = ""
    effects: dict[str, Effect] = Field(min_length=1)
    expects: list[_Expectation] = []


class _Improvement(_Kebab):
    claim: str
    experiment: str
    measure: Measure
    since: Day
    less_by: Ratio


class _Answers(_Kebab):
    lens: str
    scope: _Scope = _Scope()
    stale_after: DurationNs | None = None
    questions: dict[str, _Answer]
    decisions: list[_Decision] = []
    improvements: list[_Improvement] = []
    evidence: list[WrittenEvidence] = []


def read_answers(path: Path) -> Answers:
    """The answers. Raises FileError with every mistake: what the lens does not ask or offer among them."""
    documents = read_documents(path)
    if len(documents) != 1:
        raise FileError.single(path, f"{len(documents)} documents", "one document", "put all answers into one")
    [document] = documents
    mistakes = Mistakes()
    raw = mistakes.attempt(validate, _Answers, document)
    # The lens is read although other fields are wrong: its own mistakes belong to those said at once.
    named = document.value.get("lens") if isinstance(document.value, dict) else None
    lens = mistakes.attempt(_lens, path, document, named) if isinstance(named, str) else None
    if raw is None or lens is None:
        mistakes.raise_any()
    assert raw is not None
    assert lens is not None
    return _Reader(path, document, lens, mistakes).answers(raw)


def read_evidence(answers: Answers, now: datetime) -> Findings:
    """What the files under `evidence:` show; no time in them may lie after `now`.

    Raises FileError with every mistake of every file.
    """
    [document] = read_documents(answers.file)
    folder = answers.file.parent
    return read_findings(answers.evidence, document, ("evidence",), folder, answers.lens, now)


def check_scope(answers: Answers, *, slos: Collection[str] | None, zones: Collection[str] | None) -> None:
    """Hold the names in the answers' scope against those there are; None where these are not known.

    Raises FileError with every name that is unknown: evidence short of it could never become whole.
    """
    [document] = read_documents(answers.file)
    mistakes = Mistakes()
    for key, named, known, what in (
        ("slos", answers.scope.slos, slos, "an SLO of this folder"),
        ("zones", answers.scope.zones, zones, "a zone of the target"),
    ):
        for index, name in enumerate(named):
            if known is not None and name not in known:
                mistakes.add(_unknown_name(document, ("scope", key, index), name, known, what))
    mistakes.raise_any()


def check_proves(
    document: Document, at: Where, proves: Sequence[Proves], lenses: Mapping[str, Lens] = MappingProxyType({})
) -> list[Mistake]:
    """Practices that a list at this place names and their lens does not ask for: the built-in one, or one of `lenses`.

    A run would show nothing of them, and nobody would be told. What is named of a lens that is not known here is left
    to those who know it.
    """
    found = []
    for index, one in enumerate(proves):
        lens = built_in_lens() if one.lens == BUILT_IN else lenses.get(one.lens)
        if lens is None or place_in(lens, one.lens, one) is not None:
            continue
        asked = {question.id: [choice.id for choice in question.choices] for question in lens.questions}
        every = {choice for choices in asked.values() for choice in choices}
        if one.question in asked:
            key, got, known, what = "choice", one.choice, asked[one.question], f"a practice of {one.question}"
        elif one.lens == BUILT_IN or one.choice in every:
            key, got, known, what = "question", one.question, list(asked), "a question of the lens"
        else:
            key, got, known, what = "choice", one.choice, list(every), f"a practice of the lens {one.lens}"
        found.append(_unknown_name(document, (*at, index, key), got, known, what))
    return found


def _unknown_name(document: Document, at: Where, got: str, known: Iterable[str], what: str) -> Mistake:
    names = sorted(known)
    near = nearest(got, names)
    expected = f"{what}: {', '.join(names) or 'there is none'}" if len(names) <= 8 else what
    return document.mistake(at, expected, f"did you mean {near}?" if near else "", repr(got))


def _lens(path: Path, document: Document, named: str) -> Lens:
    if named == BUILT_IN:
        return built_in_lens()
    folder = path.resolve().parent
    try:
        file = (folder / named).resolve()
        is_inside, is_there = file.is_relative_to(folder), file.is_file()
    except (OSError, ValueError):  # a name too long, or with a null byte in it
        is_inside, is_there = True, False
    if not is_inside:
        way_out = "put the lens into the folder lenses/ beside the answers"
        raise FileError([document.mistake(("lens",), f"{BUILT_IN}, or a lens file in this folder", way_out)])
    if not is_there:
        way_out = "AWS's custom lenses are JSON files; wellproven review pull writes one"
        raise FileError([document.mistake(("lens",), f"{BUILT_IN}, or a lens file that is there", way_out)])
    return read_lens(path.parent / named)


@dataclass(frozen=True)
class _Reader:
    path: Path
    document: Document
    lens: Lens
    mistakes: Mistakes

    def answers(self, raw: _Answers) -> Answers:
        asked = {question.id: {choice.id for choice in question.choices} for question in self.lens.questions}
        for name, answer in raw.questions.items():
            if name in asked:
                self._check(answer, asked[name], ("questions", name))
            else:
                self._unknown(("questions", name), name, asked, "a question of the lens")
        decisions = tuple(self._decision(one, ("decisions", index)) for index, one in enumerate(raw.decisions))
        self._once([one.id for one in raw.decisions], "decisions")
        self.mistakes.raise_any()
        return Answers(
            file=self.path,
            lens_name=raw.lens if raw.lens == BUILT_IN else Path(raw.lens).stem,
            lens=self.lens,
            questions={name: _answer(name, one) for name, one in raw.questions.items()},
            scope=Scope(raw.scope.load, tuple(raw.scope.slos), tuple(raw.scope.zones)),
            **({} if raw.stale_after is None else {"stale_after": timedelta(seconds=raw.stale_after / NS_PER_S)}),
            decisions=decisions,
            evidence=tuple(raw.evidence),
            improvements=tuple(
                Improvement(
                    one.claim,
                    one.experiment,
                    one.measure,
                    one.since,
                    one.less_by,
                    self.document.where(("improvements", index)),
                )
                for index, one in enumerate(raw.improvements)
            ),
        )

    def _check(self, answer: _Answer, offered: set[str], at: Where) -> None:
        self._check_claimed(answer, offered, at)
        for key, reasons in (("not-applicable", answer.not_applicable), ("excluded", answer.excluded)):
            for choice, why in reasons.items():
                self._check_reason((*at, key, choice), choice, why, offered)
        for choice in sorted(answer.not_applicable.keys() & set(answer.claimed)):
            self._add((*at, "not-applicable", choice), "claimed or not applicable", "take it out of one of them")
        for choice in sorted(answer.not_applicable.keys() & answer.excluded.keys()):
            self._add((*at, "excluded", choice), "excluded or not applicable", "take it out of one of them")
        for choice in answer.practices:
            if choice not in offered:
                self._unknown((*at, "practices", choice), choice, offered)

    def _check_claimed(self, answer: _Answer, offered: set[str], at: Where) -> None:
        for index, choice in enumerate(answer.claimed):
            if choice not in offered:
                self._unknown((*at, "claimed", index), choice, offered)
            elif choice.endswith(NONE_SUFFIX) and len(set(answer.claimed)) > 1:
                way_out = "take it out, or all the others"
                self._add((*at, "claimed", index), f"{choice} alone: it says none of these", way_out)

    def _check_reason(self, at: Where, choice: str, why: str, offered: set[str]) -> None:
        if choice not in offered:
            self._unknown(at, choice, offered)
        elif not why.strip():
            self.mistakes.add(self.document.mistake(at, "the reason", "say why", "nothing"))

    def _decision(self, raw: _Decision, at: Where) -> Decision:
        pillars = {pillar.id for pillar in self.lens.pillars}
        for pillar in raw.effects:
            if pillar not in pillars:
                self._unknown((*at, "effects", pillar), pillar, pillars, "a pillar of the lens")
        for index, one in enumerate(raw.expects):
            if one.pillar and one.pillar not in raw.effects:
                self._unknown((*at, "expects", index, "pillar"), one.pillar, raw.effects, "one of the effects")
        found = [self._expects(one, (*at, "expects", index)) for index, one in enumerate(raw.expects)]
        expects = tuple(one for one in found if one is not None)
        where = self.document.where(at)
        return Decision(raw.id, raw.title, raw.decided, raw.because, raw.by, raw.effects, expects, where)

    def _expects(self, raw: _Expectation, at: Where) -> Expectation | Backing | None:
        """A limit or a practice; None where it is neither, which is noted."""
        said = {"experiment": raw.experiment, "measure": raw.measure, "at-most": raw.at_most}
        if raw.practice:
            for key, value in said.items():
                if value not in ("", None):
                    self._add((*at, key), "a limit or a practice", "take one of them out")
            return self._backing(raw, at)
        for key, value in said.items():
            if value in ("", None):
                way_out = f"add `{key}:`, or name a `practice:` in place of a limit"
                self.mistakes.add(self.document.mistake((*at, key), "this field", way_out, "nothing"))
        if raw.measure is None or raw.at_most is None:
            return None
        return Expectation(raw.experiment, raw.measure, self._limit(raw.measure, raw.at_most, at), raw.pillar)

    def _backing(self, raw: _Expectation, at: Where) -> Backing:
        asked = [f"{question.id}/{choice.id}" for question in self.lens.questions for choice in question.choices]
        if raw.practice not in asked:
            self._unknown((*at, "practice"), raw.practice, asked, "question/practice of the lens")
        question, _, choice = raw.practice.partition("/")
        return Backing(question, choice, raw.pillar)

    def _limit(self, measure: Measure, value: str | float, of: Where) -> Fraction:
        """A limit in its measure's own unit: a length of time, a share, or a plain number."""
        at = (*of, "at-most")
        try:
            if measure in _TIMES:
                return Fraction(parse_duration_ns(str(value)), NS_PER_S)
            found = _ratio(value) if measure is Measure.BUDGET else exact(self.document.at(at))
        except (ValueError, TypeError):
            found = Fraction(-1)
        if found < 0:
            wanted = {Measure.LOST: "a number of writes", Measure.BUDGET: "a share such as 5%", Measure.BURN: "a burn"}
            self._add(at, wanted.get(measure, "a length of time such as 10s"))
        return found

    def _once(self, ids: list[str], key: str) -> None:
        for index, name in enumerate(ids):
            if name in ids[:index]:
                self._add((key, index, "id"), "each id once", "give each its own")

    def _add(self, at: Where, expected: str, way_out: str = "") -> None:
        self.mistakes.add(self.document.mistake(at, expected, way_out))

    def _unknown(self, at: Where, got: str, known: Iterable[str], what: str = "a practice") -> None:
        self.mistakes.add(_unknown_name(self.document, at, got, known, what))


def _answer(name: str, raw: _Answer) -> Answer:
    return Answer(
        question=name,
        claimed=frozenset(raw.claimed),
        not_applicable=dict(raw.not_applicable),
        excluded=dict(raw.excluded),
        owner=raw.owner,
        notes=raw.notes,
        effort=raw.effort(),
        practices={choice: one.effort() for choice, one in raw.practices.items()},
    )
