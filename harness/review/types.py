"""A lens: pillars, their questions, the choices of each, and the rules that make a risk of what was chosen."""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from fractions import Fraction

from harness.review.conditions import Condition


class Risk(StrEnum):
    """What a question comes to."""

    NONE = "NO_RISK"
    MEDIUM = "MEDIUM_RISK"
    HIGH = "HIGH_RISK"
    UNANSWERED = "UNANSWERED"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    UNKNOWN = "UNKNOWN"  # the lens's rules are not published


SEVERITY = {Risk.NONE: 0, Risk.MEDIUM: 1, Risk.HIGH: 2}


@dataclass(frozen=True, slots=True)
class Provable:
    """What could show that a practice is followed; nothing named can where the first three are empty.

    The last two are words: they make nothing provable, until an experiment or a file of that kind is named.
    """

    drills: tuple[str, ...] = ()  # names of experiments
    measures: tuple[str, ...] = ()  # figures of stored runs; it takes all of them
    imports: tuple[str, ...] = ()  # kinds of other tools' findings
    partly: tuple[str, ...] = ()  # those of all three that show a part of it, come what may
    of_zones: bool = False  # whether an experiment that takes a zone away is among those that could show it
    unseen: str = ""  # what the drills among these leave unseen, in a sentence
    own_drill: str = ""  # what an experiment of the team's own, that names the practice, would do
    own_figure: str = ""  # what the team would measure itself, for a file of kind `figures`

    def __bool__(self) -> bool:
        return bool(self.drills or self.measures or self.imports)

    @property
    def in_words(self) -> str:
        """What could show it, any one: `drill a or b; or figures c and d of any run`; "" where nothing is known.

        What is named comes first; what could be made for it, a drill or a figure of one's own, after that.
        """
        figures = "figures" if len(self.measures) > 1 else "figure"
        kinds = (
            ("drill ", self.drills, " or ", ""),
            (f"{figures} ", self.measures, " and ", " of any run"),  # all of them together
            ("findings ", self.imports, " or ", ""),
        )
        said = "; or ".join(f"{kind}{joint.join(names)}{end}" for kind, names, joint, end in kinds if names)
        named = f"{said} (shows part of it only)" if said and not self.wholly else said
        return "; or ".join(one for one in (named, *self._own()) if one)

    def _own(self) -> Iterator[str]:
        if self.own_drill:
            yield f"a drill of your own ({self.own_drill})"
        if self.own_figure:
            yield f"a figure of your own ({self.own_figure})"

    @property
    def wholly(self) -> bool:
        """Whether the best evidence there could be makes it proven, and not only partial."""
        measured = bool(self.measures) and not set(self.measures) & set(self.partly)
        return measured or bool({*self.drills, *self.imports} - set(self.partly))


@dataclass(frozen=True, slots=True)
class Choice:
    """One practice of a question; its id means something within the question alone."""

    id: str
    title: str
    description: str = ""
    help: str = ""
    help_url: str = ""
    improvement: str = ""
    improvement_url: str = ""
    provable: Provable = Provable()


@dataclass(frozen=True, slots=True)
class Rule:
    """Of a question's rules the first that holds counts."""

    condition: Condition
    risk: Risk
    text: str
    where: str  # file:line, for people


@dataclass(frozen=True, slots=True)
class Question:
    """One question, and what its answers come to."""

    id: str
    title: str
    description: str
    choices: tuple[Choice, ...]
    rules: tuple[Rule, ...]  # none: AWS's own lenses, whose rules are not published
    where: str
    reported: Risk | None = None  # what AWS said the answer comes to, where it was asked

    def rule(self, selected: AbstractSet[str]) -> Rule | None:
        """The rule that counts for these choices; None where none holds."""
        return next((rule for rule in self.rules if rule.condition.holds(selected)), None)

    def risk(self, selected: AbstractSet[str] | None) -> Risk:
        """The risk of an answer: `selected` is None for a question nobody answered, and empty for `none of these`.

        Where no rule holds the risk is HIGH: nothing was said that would make it lower.
        """
        if selected is None:
            return Risk.UNANSWERED
        rule = self.rule(selected)
        return Risk.HIGH if rule is None else rule.risk

    @property
    def names(self) -> frozenset[str]:
        """The choices that the rules speak of."""
        return frozenset().union(*(rule.condition.names() for rule in self.rules))


@dataclass(frozen=True, slots=True)
class Pillar:
    """One pillar."""

    id: str
    name: str
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Lens:
    """What a review asks."""

    name: str
    description: str
    pillars: tuple[Pillar, ...]

    @property
    def questions(self) -> tuple[Question, ...]:
        """All questions, in the lens's order."""
        return tuple(question for pillar in self.pillars for question in pillar.questions)

    def changed(self, change: Callable[[str, Choice], Choice]) -> "Lens":
        """The same lens with each choice as `change` makes it of its question's id and itself."""

        def asked(question: Question) -> Question:
            return replace(question, choices=tuple(change(question.id, one) for one in question.choices))

        pillars = (replace(one, questions=tuple(asked(question) for question in one.questions)) for one in self.pillars)
        return replace(self, pillars=tuple(pillars))


@dataclass(frozen=True, slots=True)
class Shown:
    """One piece of evidence for or against one practice, and it was conclusive: an unknown run is none."""

    question: str
    choice: str
    holds: bool
    at: datetime  # UTC, when it was so
    source: str  # the run, or the file, that says so
    because: str = ""  # one sentence, with the numbers
    short_of: tuple[str, ...] = ()  # in what it shows less than is claimed: the load, the SLOs
    zones: frozenset[str] = frozenset()  # that were taken away; none where it is not about the loss of a zone
    outdated: str = ""  # why it counts no longer, though it may be young: what it was seen on has changed
    experiment: str = ""  # of the run; none of a file
    load: Fraction | None = None  # share of production's arrivals; None: not known, or not about any
    load_short: str = ""  # the one of `short_of` that is about the load
    is_of_today: bool = True  # whether the target was configured as it is now, as far as that is known
    standing: bool = False  # whether its source says so today, whatever came since: a file of findings
