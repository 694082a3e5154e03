"""Conditions of risk rules, held against Python's own logic."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.review import ConditionError, parse_condition
from tests.review.lenses import NAMES, conditions


@pytest.mark.parametrize(
    ("text", "selected", "holds"),
    [
        ("a && b", {"a", "b"}, True),
        ("a && b", {"a"}, False),
        ("a || b && choice_1", {"a"}, True),
        ("(a || b) && choice_1", {"a"}, False),
        ("!a", set(), True),
        ("!(a || b)", {"b"}, False),
        ("a&&!b", {"a"}, True),
        (" default ", set(), True),
    ],
)
def test_a_condition_holds_as_its_signs_say(text: str, selected: set[str], holds: bool) -> None:
    """`!` before `&&` before `||`; `default` for every selection."""
    assert parse_condition(text).holds(selected) is holds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the end where a choice was expected"),
        ("a &&", "the end where a choice was expected"),
        ("a b", "'b' where `&&`"),
        ("(a || b", "never closed"),
        ("a || )", r"'\)' where a choice"),
        ("a & b", "'& b' where a choice"),
        ("!" * 300 + "a", "more than 100 levels"),
        ("(" * 10_000, "more than 100 levels"),
    ],
)
def test_what_is_no_condition_is_said_to_be_none(text: str, said: str) -> None:
    """What stands there, and what was expected; never a traceback."""
    with pytest.raises(ConditionError, match=said):
        parse_condition(text)


@given(conditions, st.sets(st.sampled_from(NAMES)))
def test_every_condition_means_what_python_makes_of_it(text: str, selected: set[str]) -> None:
    """The same truth, for any condition and any selection."""
    python = text.replace("&&", " and ").replace("||", " or ").replace("!", " not ")
    values = {name.replace("-", "_"): name in selected for name in NAMES}
    assert parse_condition(text).holds(selected) is eval(python.replace("rel-2", "rel_2"), {}, values)
    assert parse_condition(text).names() <= set(NAMES)


@given(st.text(max_size=60))
def test_any_text_is_a_condition_or_said_to_be_none(text: str) -> None:
    """Nothing else can come of it."""
    with contextlib.suppress(ConditionError):
        assert parse_condition(text).holds({"a"}) in {True, False}


WITHOUT = {
    "c1 || c2": "c1",
    "c1 && c2": "c1",
    "!c2 && c1": "c1",
    "!(c2 || c1)": "!c1",
    "(c1 && c2) || (c2 && !c2)": "c1",
    "default": "default",
}


@pytest.mark.parametrize("text", WITHOUT)
def test_a_choice_that_does_not_apply_is_read_out_of_a_condition(text: str) -> None:
    """It is neither done nor left undone: nothing is said of it."""
    left = parse_condition(text).without({"c2"})
    assert left is not None
    for selected in ((), ("c1",), ("c2",), ("c1", "c2")):
        assert left.holds(set(selected)) == parse_condition(WITHOUT[text]).holds(set(selected))


@pytest.mark.parametrize("text", ["c2", "!c2", "c2 && !c2"])
def test_of_a_condition_on_what_does_not_apply_nothing_is_left(text: str) -> None:
    """A rule that asks for nothing else says nothing."""
    assert parse_condition(text).without({"c2"}) is None


def test_a_long_condition_is_read_in_a_time_that_grows_with_it() -> None:
    """A megabyte of it, blanks at its end: as many steps as words, not words times length."""
    text = "c1 && " * 60_000 + "c2" + " " * 400_000
    begin_s = time.process_time()
    assert len(parse_condition(text).parts) == 60_001
    assert time.process_time() - begin_s < 5
