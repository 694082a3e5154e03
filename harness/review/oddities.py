"""What is odd in a lens's rules, found by trying every selection: a rule that never counts, a practice that hurts."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from harness.review.types import SEVERITY, Lens, Question, Risk, Rule

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
    tried = list(selections(question.names))
    counted = {selected: question.rule(selected) for selected in tried}
    sampled = "" if len(question.names) <= TRIED_WHOLE_MAX else f" (of {len(tried):,} selections tried)"

    def finding(what: Oddity, because: str, where: str = question.where) -> Finding:
        return Finding(question.id, what, because + sampled, where)

    reached = {id(rule) for rule in counted.values() if rule}
    for rule in question.rules:
        if id(rule) not in reached:
            yield finding(Oddity.UNREACHED, f"`{rule.text}`: one before it always holds, or it never does", rule.where)
    unmatched = next((selected for selected, rule in counted.items() if rule is None), None)
    if unmatched is not None:
        yield finding(Oddity.UNMATCHED, f"{_shown(unmatched)} matches none; a rule `default` would")
    yield from (finding(Oddity.ORDER, because) for because in _order(question, tried))
    yield from (finding(Oddity.HARMFUL, because) for because in _harmful(question, tried))
    if Risk.NONE not in {question.risk(selected) for selected in tried}:
        yield finding(Oddity.NEVER_GOOD, "whatever is chosen, a risk remains")


def selections(names: frozenset[str]) -> Iterator[frozenset[str]]:
    """Every selection of these choices, smallest first; of many choices a sample, the same each time."""
    ordered = sorted(names)
    if len(ordered) <= TRIED_WHOLE_MAX:
        for count in range(len(ordered) + 1):
            yield from map(frozenset, combinations(ordered, count))
        return
    chance = random.Random(SEED)
    yield frozenset()
    yield names
    for _ in range(1 << TRIED_WHOLE_MAX):
        yield frozenset(name for name in ordered if chance.random() < 0.5)


def _order(question: Question, tried: Iterable[frozenset[str]]) -> Iterator[str]:
    """Two rules that both hold, the worse one first. Best first is how lenses say `at least`: no oddity."""
    seen: set[tuple[int, int]] = set()
    named = [rule for rule in question.rules if rule.condition.names()]
    for selected in tried:
        holding = [(index, rule) for index, rule in enumerate(named) if rule.condition.holds(selected)]
        for (first, one), (second, other) in combinations(holding, 2):
            if SEVERITY[one.risk] > SEVERITY[other.risk] and (first, second) not in seen:
                seen.add((first, second))
                yield f"{_shown(selected)}: {_said(one)} hides {_said(other)}"


def _harmful(question: Question, tried: Iterable[frozenset[str]]) -> Iterator[str]:
    """One more practice, and the risk is worse: once for each practice."""
    seen: set[str] = set()
    for selected in tried:
        before = question.risk(selected)
        for name in sorted(question.names - selected - seen):
            after = question.risk(selected | {name})
            if SEVERITY[after] > SEVERITY[before]:
                seen.add(name)
                yield f"{_shown(selected)} is {before}, with {name} {after}"


def _said(rule: Rule) -> str:
    return f"`{rule.text}` ({rule.risk})"


def _shown(selected: frozenset[str]) -> str:
    return "{" + ", ".join(sorted(selected)) + "}" if selected else "nothing chosen"
