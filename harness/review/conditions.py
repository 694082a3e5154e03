"""Conditions of risk rules: choice ids with `&&`, `||`, `!` and parentheses, or the word `default`."""

import re
from collections import deque
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

DEFAULT = "default"
DEPTH_MAX = 100

_TOKEN = re.compile(r"\s*(?:(?P<id>[A-Za-z0-9_.-]+)|(?P<sign>&&|\|\||[!()]))")


class ConditionError(ValueError):
    """A condition that cannot be read; says where and what was expected."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: a disjunction of parts; `sign` says what the parts are joined by."""

    sign: str  # "id", "!", "&&", "||", DEFAULT
    parts: tuple["Condition", ...] = ()
    name: str = ""

    def holds(self, selected: AbstractSet[str]) -> bool:
        """Whether it holds for these choices; `default` always does."""
        if self.sign == "id":
            return self.name in selected
        if self.sign == "!":
            return not self.parts[0].holds(selected)
        if self.sign == "&&":
            return all(part.holds(selected) for part in self.parts)
        return self.sign == DEFAULT or any(part.holds(selected) for part in self.parts)

    def without(self, apart: AbstractSet[str]) -> "Condition | None":
        """The condition with no word of these choices, neither for nor against; None where nothing is left of it."""
        if self.sign == "id":
            return None if self.name in apart else self
        if self.sign == DEFAULT:
            return self
        parts = tuple(part for part in (one.without(apart) for one in self.parts) if part is not None)
        if not parts:
            return None
        return parts[0] if len(parts) == 1 and self.sign != "!" else Condition(self.sign, parts)

    def names(self) -> frozenset[str]:
        """The choices it speaks of."""
        return frozenset({self.name} if self.sign == "id" else set()).union(*(part.names() for part in self.parts))


def parse_condition(text: str) -> Condition:
    """A condition from its text; `&&` binds tighter than `||`, as in AWS's lenses. Raises ConditionError."""
    if text.strip() == DEFAULT:
        return Condition(DEFAULT)
    parser = _Parser(deque(_tokens(text.rstrip())))
    found = parser.any_of(0)
    if parser.rest:
        raise ConditionError(f"{parser.rest[0]!r} where `&&`, `||` or the end was expected")
    return found


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise ConditionError(
                f"{text[at:].strip()[:12]!r} where a choice, `&&`, `||`, `!` or a parenthesis was expected"
            )
        yield token["id"] or token["sign"]
        at = token.end()


class _Parser:
    def __init__(self, rest: deque[str]) -> None:
        self.rest = rest

    def any_of(self, depth: int) -> Condition:
        return self._joined("||", depth)

    def _joined(self, sign: str, depth: int) -> Condition:
        parts = [self._part(sign, depth)]
        while self.rest and self.rest[0] == sign:
            self.rest.popleft()
            parts.append(self._part(sign, depth))
        return parts[0] if len(parts) == 1 else Condition(sign, tuple(parts))

    def _part(self, sign: str, depth: int) -> Condition:
        return self._joined("&&", depth) if sign == "||" else self._single(depth)

    def _single(self, depth: int) -> Condition:
        if depth > DEPTH_MAX:
            raise ConditionError(f"more than {DEPTH_MAX} levels of parentheses and `!`")
        word = self.rest.popleft() if self.rest else ""
        if word == "!":
            return Condition("!", (self._single(depth + 1),))
        if word == "(":
            inner = self.any_of(depth + 1)
            if not self.rest or self.rest.popleft() != ")":
                raise ConditionError("a parenthesis that is never closed")
            return inner
        if not word or word in {")", "&&", "||"}:
            got = repr(word) if word else "the end"
            raise ConditionError(f"{got} where a choice was expected")
        return Condition("id", name=word)
