"""What is odd in a lens's rules, found by trying every selection: a rule that never counts, a practice that hurts."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

import numpy as np

from harness.review.truth import Table
from harness.review.types import SEVERITY, Lens, Question, Risk, Rule


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
    """Every oddity of a lens, in its order; a question whose rules are not published has none.

    Of a choice that is `None of these` to AWS only selections count that hold nothing else: nobody can make others.
    """
    return [finding for question in lens.questions if question.rules for finding in _lint_question(question)]


def _lint_question(question: Question) -> Iterator[Finding]:
    table = Table(question)

    def finding(what: Oddity, because: str, where: str = question.where) -> Finding:
        return Finding(question.id, what, because + table.sampled, where)

    for index, rule in enumerate(question.rules):
        if not ((table.counting == index) & table.possible).any():
            yield finding(Oddity.UNREACHED, f"`{rule.text}`: one before it always holds, or it never does", rule.where)
    if (unmatched := table.smallest((table.counting == len(question.rules)) & table.possible)) is not None:
        yield finding(Oddity.UNMATCHED, f"{_shown(unmatched)} matches none; a rule `default` would")
    yield from (finding(Oddity.ORDER, because) for because in _hidden(question, table))
    yield from (finding(Oddity.HARMFUL, because) for because in _harmful(table))
    if table.severity[table.possible].min() > SEVERITY[Risk.NONE]:
        yield finding(Oddity.NEVER_GOOD, "whatever is chosen, a risk remains")


def _hidden(question: Question, table: Table) -> Iterator[str]:
    """Two rules that both hold, the worse one first. Best first is how lenses say `at least`: no oddity."""
    rules = enumerate(zip(question.rules, table.holding, strict=True))
    named = [(rule, table.counting == index, holds) for index, (rule, holds) in rules if rule.condition.names()]
    for (one, decides, _), (other, _, there) in combinations(named, 2):
        if (
            SEVERITY[one.risk] > SEVERITY[other.risk]
            and (selected := table.smallest(decides & there & table.possible)) is not None
        ):
            yield f"{_shown(selected)}: {_said(one)} hides {_said(other)}"


def _harmful(table: Table) -> Iterator[str]:
    """One more practice, and the risk is worse: once for each practice."""
    risks = {severity: risk for risk, severity in SEVERITY.items()}
    taken = np.any([table.columns[name] for name in table.none], axis=0)  # nothing can come to it
    for name in (one for one in table.names if one not in table.none):
        more = {**table.columns, name: np.ones(len(table.sizes), np.bool_)}
        _, after = table.outcome(more)
        worse = (after > table.severity) & table.possible & ~taken
        if (selected := table.smallest(worse)) is not None:
            index = int(np.argmin(np.where(worse, table.sizes, len(table.names) + 1)))
            before, then = risks[int(table.severity[index])], risks[int(after[index])]
            yield f"{_shown(selected)} is {before}, with {name} {then}"


def _said(rule: Rule) -> str:
    return f"`{rule.text}` ({rule.risk})"


def _shown(selected: frozenset[str]) -> str:
    return "{" + ", ".join(sorted(selected)) + "}" if selected else "nothing chosen"
