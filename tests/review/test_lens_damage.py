"""Lenses with something wrong in their structure: a lens that can be linted and scored, or mistakes; nothing else."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.errors import FileError, Mistake
from harness.review import Answer, lint, score
from harness.review.lens import parse_lens
from tests.review.lenses import NAMES, conditions, published

NOW = datetime(2026, 11, 26, tzinfo=UTC)
NULL = (None, 0, -1, 1.5, True, "", " ", "-", [], {}, [None], [[]], {"id": None}, "x" * 5000, "default", "NaN")
ODD_TEXT = ("\x00", "\x85", "\u2028", "\ufeff", "\uffff", "\ud800", "\U0001f680", "한", "\\", '"', "a\nb", "(" * 500)
RISKS = ("NO_RISK", "MEDIUM_RISK", "HIGH_RISK", " high_risk", "HIGH")
SPACES = st.sampled_from(["", " ", "  ", "\n", "\t", "\u00a0"])
SIGNS = st.sampled_from(
    ["&&", "||", "!", "!!", "(", ")", "&", "|", "and", "NOT", "default", "Q1_1", "choice1", "A", ""]
)


@st.composite
def condition(draw: st.DrawFn, names: Sequence[str] = NAMES) -> str:
    """One of these names that holds together, or words and signs in any order, with any spaces."""
    if draw(st.integers(0, 3)):
        text = draw(conditions)
        for old in NAMES:
            text = re.sub(rf"(?<![\w-]){old}(?![\w-])", draw(st.sampled_from(names)), text)
        return draw(SPACES) + text + draw(SPACES)
    return "".join(one + draw(SPACES) for one in draw(st.lists(SIGNS, max_size=8)))


values = st.one_of(
    st.sampled_from(NULL), st.sampled_from(ODD_TEXT), st.text(max_size=20), condition(), st.floats(), st.integers()
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place of the lens: what holds it, and its key there."""
    inside = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [place for key, inner in inside for place in ((value, key), *places(inner))]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """The forms of published lenses, with up to five things missing, doubled, renamed, or of another kind."""
    lens = published()
    for _ in range(draw(st.integers(0, 5))):
        found = places(lens)
        if not found:
            break
        holder, key = draw(st.sampled_from(found))
        match draw(st.sampled_from(["drop", "put", "double", "wrap", "swap", "rule", "rule", "rule"])):
            case "drop":
                del holder[key]
            case "put":
                holder[key] = draw(values)
            case "double" if isinstance(holder, list):
                holder.insert(draw(st.integers(0, len(holder))), json.loads(json.dumps(holder[key])))
            case "wrap":
                holder[key] = draw(st.sampled_from([[holder[key]], {"id": holder[key]}]))
            case "swap" if isinstance(holder, list):
                holder.reverse()  # `default` comes to stand before the others
            case _:
                asked = draw(st.sampled_from(published()["pillars"][0]["questions"]))
                names = [one["id"] for one in asked["choices"]]
                written = {"condition": draw(condition(names)), "risk": draw(st.sampled_from(RISKS))}
                for one, _ in found:
                    if (
                        isinstance(one, dict)
                        and one.get("id") == asked["id"]
                        and isinstance(one.get("riskRules"), list)
                    ):
                        one["riskRules"].insert(draw(st.integers(0, 3)), written)
                        break
    text = json.dumps(lens, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1, "\t"])))
    start = draw(st.sampled_from([b"", b"\xef\xbb\xbf", b" \r\n"]))
    return start + text.encode("utf-8", "surrogatepass")


@given(damaged())
def test_a_damaged_lens_is_a_lens_or_its_mistakes(content: bytes) -> None:
    """What was read can be linted and scored; what was not has a line in the file, and says what was expected."""
    mistakes: list[Mistake] = []
    lens = None
    try:
        lens = parse_lens(content, "lens.json")
    except FileError as error:
        mistakes = list(error.mistakes)
    last = content.count(b"\n") + 1
    assert all(1 <= one.line <= last and one.expected and one.file == "lens.json" for one in mistakes)
    assert (lens is None) is bool(mistakes)
    if lens is None:
        return
    assert all(one.question and one.where.startswith("lens.json:") for one in lint(lens))
    every = {one.id: Answer(one.id, frozenset(choice.id for choice in one.choices)) for one in lens.questions}
    for pillar in score(lens, every, [], NOW):
        assert pillar.claimed in (None, 100)
        assert pillar.proven in (None, 0)
