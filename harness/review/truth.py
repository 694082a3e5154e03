"""The truth table of a question's rules: every selection tried, and what it comes to."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from harness.review.conditions import DEFAULT, Condition
from harness.review.types import SEVERITY, Question, Risk

type Flags = NDArray[np.bool_]  # one of these for each selection tried

# Every selection of so many choices is tried (AWS allows 15 a question); of more, as many at random.
TRIED_WHOLE_MAX = 15
SEED = 1
# A choice whose id ends so is `None of these`, says AWS's specification: whoever chooses it chooses nothing beside it.
NONE_SUFFIX = "_no"


class Table:
    """The truth table of a question: a column of selections for each of its choices, and for each of its rules.

    Of those selections that hold all of `least` and nothing beyond `most`, where these are given.
    """

    def __init__(
        self, question: Question, least: AbstractSet[str] = frozenset(), most: AbstractSet[str] | None = None
    ) -> None:
        self.rules = question.rules
        self.names = sorted(question.names)
        self.sampled = ""
        self.none = frozenset(name for name in self.names if name.endswith(NONE_SUFFIX))
        free = [name for name in self.names if name not in least and (most is None or name in most)]
        is_whole = len(free) <= TRIED_WHOLE_MAX
        chosen = (
            _all(len(free)) if is_whole else _some(len(free), [free.index(one) for one in free if one in self.none])
        )
        if not is_whole:
            self.sampled = f" (of {len(chosen):,} selections tried)"
        self.columns: dict[str, Flags] = {name: np.full(len(chosen), name in least, np.bool_) for name in self.names}
        self.columns |= {name: chosen[:, index] for index, name in enumerate(free)}
        self.sizes = chosen.sum(axis=1)
        nones = np.sum([self.columns[name] for name in self.none], axis=0, dtype=np.intp)
        self.possible: Flags = (nones == 0) | ((nones == 1) & (self.sizes == 1))
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

    def better_by(self, name: str) -> bool:
        """Whether some selection comes to a lower risk by this choice more."""
        _, after = self.outcome({**self.columns, name: np.ones(len(self.sizes), np.bool_)})
        return bool((after < self.severity).any())

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


def _some(count: int, alone: Sequence[int]) -> Flags:
    """A sample of selections, the same each time.

    Always among them: nothing, everything, everything but `alone`, and each of these by itself.
    """
    chance = np.random.default_rng(SEED).random((1 << TRIED_WHOLE_MAX, count)) < 0.5
    sure: list[Flags] = [np.zeros((1, count), np.bool_), np.ones((1, count), np.bool_)]
    if alone:
        by_itself = np.eye(count, dtype=np.bool_)[list(alone)]
        sure += [~by_itself.any(axis=0, keepdims=True), by_itself]
    return np.concatenate([*sure, chance])


def no_practices(question: Question) -> frozenset[str]:
    """Choices that never lower a risk, where others do: `No`, `Not sure`, `None of the above`, as lenses have them.

    Where the rules are not published, where no choice lowers a risk, or where too many selections are to be tried,
    these are only those that AWS itself takes for `None of these`.
    """
    every = frozenset(one.id for one in question.choices)
    named = frozenset(one for one in every if one.endswith(NONE_SUFFIX))
    return named | _never_better(question, every - named)


def _never_better(question: Question, ids: frozenset[str]) -> frozenset[str]:
    worst = question.risk(frozenset())
    doubtful = {one for one in ids if SEVERITY[question.risk({one})] >= SEVERITY[worst]}
    if not question.rules or not doubtful:
        return frozenset()
    table = Table(question)
    better = (ids - doubtful) | {one for one in doubtful & question.names if table.better_by(one)}
    return frozenset() if table.sampled or not better else ids - better


def worst_risk(question: Question, least: AbstractSet[str], most: AbstractSet[str]) -> Risk:
    """The worst that any selection comes to which holds all of `least` and nothing beyond `most`.

    For the rules of most questions that is what `least` comes to. Where a practice more makes the risk worse, doubt
    about a claim must not make it better; where there are too many selections to try, it is taken for the worst.
    """
    worst = max(question.risk(least), question.risk(most), key=SEVERITY.__getitem__)
    if worst is Risk.HIGH or least == most:
        return worst
    table = Table(question, least, most)
    if table.sampled:
        return Risk.HIGH
    severity = max(SEVERITY[worst], int(table.severity.max()))
    return next(risk for risk, rank in SEVERITY.items() if rank == severity)
