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


def tried_in_part(question: Question) -> bool:
    """Whether a question's rules name so many choices that only a sample of their selections is tried."""
    return len(question.names) > TRIED_WHOLE_MAX


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

    def needed(self) -> frozenset[str]:
        """The choices of those selections that come to the lowest risk, and that no smaller one of them is part of.

        Of the whole table only. None where nothing need be chosen.
        """
        best = self.possible & (self.severity == self.severity[self.possible].min())
        reached, least = best.copy(), best.copy()  # row n holds the choices whose bits n has
        for bit in range(len(self.names)):
            pairs = reached.reshape(-1, 2, 1 << bit)  # without this choice, and with it
            pairs[:, 1] |= pairs[:, 0]
        for bit in range(len(self.names)):
            least.reshape(-1, 2, 1 << bit)[:, 1] &= ~reached.reshape(-1, 2, 1 << bit)[:, 0]
        return frozenset(name for name, column in self.columns.items() if (column & least).any())

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
    """Choices that no best answer needs: `No`, `Not sure`, `None of the above`, a lesser degree, as lenses have them.

    A best answer comes to the lowest risk there is, and to a higher one with any part of it left out.

    Where the rules are not published, where no choice lowers a risk, or where too many selections are to be tried,
    these are only those that AWS itself takes for `None of these`.
    """
    every = frozenset(one.id for one in question.choices)
    named = frozenset(one for one in every if one.endswith(NONE_SUFFIX))
    return named | _needless(question, every - named)


def _needless(question: Question, ids: frozenset[str]) -> frozenset[str]:
    if not question.rules:
        return frozenset()
    table = Table(question)
    if table.sampled:
        return frozenset()
    # Where nothing need be chosen, choices are harms, and what makes up for them.
    needed = table.needed() or {one for one in ids & question.names if table.better_by(one)}
    return ids - needed if needed else frozenset()


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
