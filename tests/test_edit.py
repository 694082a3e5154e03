"""YAML that somebody wrote, with values set in it: everything else stays to the letter."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.documents import Set, block, edited, flow, parse_documents
from harness.errors import FileError

WRITTEN = """\
# ours
lens: x.json   # beside this
questions:
  one:          # the first
    claimed: [a, b]  # both
    owner: shop
  two: {claimed: [], owner: "p: q"}
  three:
    claimed:
    - a
    - b
    notes: |
      as
        written
# the end
decisions: []
"""
characters = st.characters(exclude_categories=["Cs"])
texts = st.text(characters, max_size=40) | st.text(st.sampled_from(" \n\t#:-|\"'\\{}[],\r\x85\u2028"), max_size=12)
values = st.recursive(
    texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)


def value(text: str) -> Any:
    [document] = parse_documents(text.encode(), "x.yaml")
    return document.value


def changed(*edits: Set, text: str = WRITTEN) -> list[str]:
    """The lines that an edit takes away and brings."""
    old, new = text.splitlines(), edited(text, "x.yaml", edits).splitlines()
    return [f"-{one}" for one in old if one not in new] + [f"+{one}" for one in new if one not in old]


@pytest.mark.parametrize(
    ("edit", "lines"),
    [
        (Set(("questions", "one", "claimed"), ["c"]), ["-    claimed: [a, b]  # both", "+    claimed: [c]  # both"]),
        (Set(("questions", "one", "notes"), "x y"), ['+    notes: "x y"']),
        (
            Set(("questions", "two", "notes"), "x"),
            ['-  two: {claimed: [], owner: "p: q"}', '+  two: {claimed: [], owner: "p: q", notes: x}'],
        ),
        (
            Set(("questions", "three", "claimed"), ["c"]),
            ["-    claimed:", "-    - a", "-    - b", "+    claimed: [c]"],
        ),
        (
            Set(("questions", "four"), {"claimed": ["a"], "notes": "b"}),
            ["+  four:", "+    claimed: [a]", "+    notes: b"],
        ),
        (Set(("questions", "three", "owner"), "me"), ["+    owner: me"]),
    ],
)
def test_only_the_named_value_changes(edit: Set, lines: list[str]) -> None:
    """Comments, order, quotes and other people's lines are as they were."""
    assert changed(edit) == lines


def test_an_alias_is_not_edited_in_two_places() -> None:
    """What would change something else is refused, and says what to do."""
    text = "one: &x {a: [b]}\ntwo: *x\n"
    with pytest.raises(FileError, match="plain YAML, without aliases"):
        edited(text, "x.yaml", [Set(("two", "a"), ["c"])])


def test_an_empty_value_and_the_last_line_without_an_end() -> None:
    """Both are filled in."""
    assert edited("a:\nb: 1", "x.yaml", [Set(("a",), "x"), Set(("c",), ["z"])]) == "a: x\nb: 1\nc: [z]\n"


@given(values)
def test_a_value_is_read_back_as_it_was(one: Any) -> None:
    """In one line, or as a block: the same value to the letter."""
    assert value(f"a: {flow(one)}") == {"a": one}
    assert value(block({"key": one})) == {"key": one}


@given(values, st.sampled_from(["one", "two", "three", "new"]), texts)
def test_whatever_is_set_the_rest_stays(one: Any, question: str, key: str) -> None:
    """A law: the file's value is the old one with that in its place, and no comment is lost."""
    path = ("questions", question) if question == "new" else ("questions", question, key)
    text = edited(WRITTEN, "x.yaml", [Set(path, one)])
    expected = value(WRITTEN)
    place = expected["questions"]
    if question != "new":
        place = place[question]
    place[path[-1]] = one
    assert value(text) == expected
    assert all(comment in text for comment in ("# ours", "# beside this", "# the first", "# the end"))
