"""What is odd in a lens's rules, found by trying every selection: a rule that never counts, a practice that hurts."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from harness.review.conditions import DEFAULT, Condition
from harness.review.types import SEVERITY, Lens, Question, Risk, Rule

type Flags = NDArray[np.bool_]  # one of these for each selection tried

# Every selection of so many choices is tried (AWS allows 15 a question); of more, as many at random.
TRIED_WHOLE_MAX = 15
SEED = 1


class Oddity(StrEnum):
    """What may be odd in a question's rules."""

    UNREACHED = "a rule that never counts"
    UNMATCHED = "a selection that no rule matches"
    ORDER = "a worse rule stands before a better one"
    HARMFUL = "a practice more makes the risk worse"
    NEVER_GOOD = "no selection has no risk"


@dataclass(frozen=True, slots=True)
class Finding:
    """One oddity, with the selection that shows it."""

    question: str
    what: Oddity
    because: str
    where: str


def lint(lens: Lens) -> list[Finding]:
    """Every oddity of a lens, in its order."""
    return [finding for question in lens.questions for finding in _lint_question(question)]


def _lint_question(question: Question) -> Iterator[Finding]:
    table = _Table(question)

    def finding(what: Oddity, because: str, where: str = question.where) -> Finding:
        return Finding(question.id, what, because + table.sampled, where)

    for index, rule in enumerate(question.rules):
        if not (table.counting == index).any():
            yield finding(Oddity.UNREACHED, f"`{rule.text}`: one before it always holds, or it never does", rule.where)
    if (unmatched := table.smallest(table.counting == len(question.rules))) is not None:
        yield finding(Oddity.UNMATCHED, f"{_shown(unmatched)} matches none; a rule `default` would")
    yield from (finding(Oddity.ORDER, because) for because in _hidden(question, table))
    yield from (finding(Oddity.HARMFUL, because) for because in _harmful(table))
    if table.severity.min() > SEVERITY[Risk.NONE]:
        yield finding(Oddity.NEVER_GOOD, "whatever is chosen, a risk remains")


class _Table:
    """The truth table of a question: a column of selections for each of its choices, and for each of its rules."""

    def __init__(self, question: Question) -> None:
        self.rules = question.rules
        self.names = sorted(question.names)
        self.sampled = ""
        is_whole = len(self.names) <= TRIED_WHOLE_MAX
        chosen = _all(len(self.names)) if is_whole else _some(len(self.names))
        if not is_whole:
            self.sampled = f" (of {len(chosen):,} selections tried)"
        self.columns: dict[str, Flags] = {name: chosen[:, index] for index, name in enumerate(self.names)}
        self.sizes = chosen.sum(axis=1)
        self.holding = [self._holds(rule.condition) for rule in question.rules]
        self.counting, self.severity = self.outcome(self.columns)

    def outcome(self, columns: dict[str, Flags]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Of each selection: which rule counts (one past the last: none), and how bad the risk is."""
        holds = [self._holds(rule.condition, columns) for rule in self.rules]
        counting = np.argmax([*holds, np.ones(len(self.sizes), np.bool_)], axis=0)
        severities = np.array([*(SEVERITY[rule.risk] for rule in self.rules), SEVERITY[Risk.HIGH]])
        return counting, severities[counting]

    def _holds(self, condition: Condition, columns: dict[str, Flags] | None = None) -> Flags:
        columns = self.columns if columns is None else columns
        if condition.sign == "id":
            return columns[condition.name]
        if condition.sign == DEFAULT:
            return np.ones(len(self.sizes), np.bool_)
        parts = [self._holds(part, columns) for part in condition.parts]
        if condition.sign == "!":
            return ~parts[0]
        join = np.logical_and if condition.sign == "&&" else np.logical_or
        return np.asarray(join.reduce(parts), np.bool_)

    def smallest(self, where: Flags) -> frozenset[str] | None:
        """The selection with the fewest choices among these, to show; None where there is none."""
        if not where.any():
            return None
        index = int(np.argmin(np.where(where, self.sizes, len(self.names) + 1)))
        return frozenset(name for name, column in self.columns.items() if column[index])


def _all(count: int) -> Flags:
    """Every selection of so many choices, a row each."""
    numbers = np.arange(1 << count)[:, None]
    return np.asarray(numbers >> np.arange(count) & 1, np.bool_)


def _some(count: int) -> Flags:
    """A sample of selections, the same each time; nothing and everything are always among them."""
    chance = np.random.default_rng(SEED).random((1 << TRIED_WHOLE_MAX, count)) < 0.5
    return np.concatenate([np.zeros((1, count), np.bool_), np.ones((1, count), np.bool_), chance])


def _hidden(question: Question, table: _Table) -> Iterator[str]:
    """Two rules that both hold, the worse one first. Best first is how lenses say `at least`: no oddity."""
    named = [(rule, holds) for rule, holds in zip(question.rules, table.holding, strict=True) if rule.condition.names()]
    for (one, here), (other, there) in combinations(named, 2):
        if SEVERITY[one.risk] > SEVERITY[other.risk] and (selected := table.smallest(here & there)) is not None:
            yield f"{_shown(selected)}: {_said(one)} hides {_said(other)}"


def _harmful(table: _Table) -> Iterator[str]:
    """One more practice, and the risk is worse: once for each practice."""
    risks = {severity: risk for risk, severity in SEVERITY.items()}
    for name in table.names:
        more = {**table.columns, name: np.ones(len(table.sizes), np.bool_)}
        _, after = table.outcome(more)
        worse = after > table.severity
        if (selected := table.smallest(worse)) is not None:
            index = int(np.argmin(np.where(worse, table.sizes, len(table.names) + 1)))
            before, then = risks[int(table.severity[index])], risks[int(after[index])]
            yield f"{_shown(selected)} is {before}, with {name} {then}"


def _said(rule: Rule) -> str:
    return f"`{rule.text}` ({rule.risk})"


def _shown(selected: frozenset[str]) -> str:
    return "{" + ", ".join(sorted(selected)) + "}" if selected else "nothing chosen"
