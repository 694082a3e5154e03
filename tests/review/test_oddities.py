"""What is odd in a lens's rules: each oddity in a question of its own, and none in a good one."""

import io
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli import main
from harness.review import Condition, Lens, Oddity, Pillar, Question, Risk, Rule, lint, parse_condition
from tests.review.lenses import NAMES, conditions, lens, question

ODD: dict[Oddity, tuple[dict[str, Any], str]] = {
    Oddity.UNREACHED: (
        question(["a", "b"], ("a || b", "NO_RISK"), ("a && b", "NO_RISK"), ("default", "HIGH_RISK")),
        "`a && b`: one before it always holds",
    ),
    Oddity.UNMATCHED: (question(["a"], ("a", "NO_RISK")), "nothing chosen matches none"),
    Oddity.ORDER: (
        question(["a", "b"], ("b", "MEDIUM_RISK"), ("a", "NO_RISK"), ("default", "HIGH_RISK")),
        "{a, b}: `b` (MEDIUM_RISK) hides `a` (NO_RISK)",
    ),
    Oddity.HARMFUL: (
        question(["a", "b"], ("a && !b", "NO_RISK"), ("default", "HIGH_RISK")),
        "{a} is NO_RISK, with b HIGH_RISK",
    ),
    Oddity.NEVER_GOOD: (
        question(["a"], ("a", "MEDIUM_RISK"), ("default", "HIGH_RISK")),
        "whatever is chosen, a risk remains",
    ),
}


@pytest.mark.parametrize("what", ODD, ids=lambda what: what.name)
def test_an_oddity_is_found_and_shown_by_a_selection(what: Oddity, tmp_path: Path) -> None:
    """Each with the sentence that shows it."""
    asked, because = ODD[what]
    [found] = [one for one in lint(lens(tmp_path, asked)) if one.what is what]
    assert because in found.because
    assert found.question == "q1"
    assert "lens.json:" in found.where


def test_a_good_question_has_none(tmp_path: Path) -> None:
    """All practices for no risk, some for a medium one: nothing to say."""
    asked = question(["a", "b"], ("a && b", "NO_RISK"), ("a || b", "MEDIUM_RISK"), ("default", "HIGH_RISK"))
    assert lint(lens(tmp_path, asked)) == []


@pytest.mark.parametrize("others", [1, 20], ids=["tried", "sampled"])
def test_none_of_these_is_chosen_with_nothing_else(others: int, tmp_path: Path) -> None:
    """An id that ends in `_no` is that to AWS: what it would do beside a practice is no oddity, for nobody can."""
    names = [f"c{n}" for n in range(others)]
    rules = (("q1_no", "HIGH_RISK"), (" && ".join(names), "NO_RISK"), ("default", "MEDIUM_RISK"))
    assert lint(lens(tmp_path, question([*names, "q1_no"], *rules))) == []
    [found] = lint(lens(tmp_path, question([*names, "q1_no"], ("q1_no && c0", "MEDIUM_RISK"), *rules)))
    assert found.what is Oddity.UNREACHED


def test_a_question_of_many_choices_is_sampled_and_says_so(tmp_path: Path) -> None:
    """Thirty choices have a billion selections: a part of them is tried, the same each time."""
    names = [f"c{n}" for n in range(30)]
    asked = question(names, (" && ".join(names), "NO_RISK"), ("c1 && !c1", "MEDIUM_RISK"), ("default", "HIGH_RISK"))
    first, again = lint(lens(tmp_path, asked)), lint(lens(tmp_path, asked))
    assert first == again
    assert [one.what for one in first] == [Oddity.UNREACHED]
    assert "of 32,770 selections tried" in first[0].because


def test_the_command_names_what_is_odd_and_exits_1(tmp_path: Path) -> None:
    """A line a finding, and the count; a lens without oddities exits 0."""
    lens(tmp_path, ODD[Oddity.UNMATCHED][0])
    out = io.StringIO()
    assert main(["review", "lint", str(tmp_path / "lens.json")], out, io.StringIO()) == 1
    said = out.getvalue()
    assert "a selection that no rule matches" in said
    assert "1 odd in 1 question" in said
    lens(tmp_path, question(["a"], ("a", "NO_RISK"), ("default", "HIGH_RISK")))
    out = io.StringIO()
    assert main(["review", "lint", str(tmp_path / "lens.json")], out, io.StringIO()) == 0
    assert out.getvalue() == "nothing odd in 1 question\n"
    names = [f"c{n}" for n in range(16)]
    lens(tmp_path, question(names, (" && ".join(names), "NO_RISK"), ("default", "HIGH_RISK")))
    out = io.StringIO()
    assert main(["review", "lint", str(tmp_path / "lens.json")], out, io.StringIO()) == 0
    assert out.getvalue().endswith("\n1 with too many choices to try every selection: a sample was tried\n")


@given(conditions, st.sets(st.sampled_from(NAMES)))
def test_the_truth_table_says_what_the_rule_says(text: str, selected: set[str]) -> None:
    """For any condition: a selection that the linter calls unmatched is one that no rule holds for."""
    condition = parse_condition(text)
    asked = Question("q", "Q", "", (), (Rule(condition, Risk.NONE, text, ""),), "")
    found = {one.what for one in lint(Lens("l", "", (Pillar("p", "P", (asked,)),)))}
    mentioned = sorted(condition.names())
    tried = [frozenset(chosen) for count in range(5) for chosen in combinations(mentioned, count)]
    assert (Oddity.UNMATCHED in found) is any(asked.rule(chosen) is None for chosen in tried)
    assert (Oddity.UNREACHED in found) is all(asked.rule(chosen) is None for chosen in tried)
    assert (asked.rule(selected) is None) <= (Oddity.UNMATCHED in found)


names = st.sampled_from(["a", "b", "c"])
single = names.map(lambda name: Condition("id", name=name))
risks = st.sampled_from([Risk.NONE, Risk.MEDIUM, Risk.HIGH])
rules = st.lists(st.tuples(st.lists(single, min_size=1, max_size=3), risks), max_size=4)


@given(rules)
def test_rules_that_ask_for_more_the_better_they_are_never_harm(
    found: list[tuple[list[Condition], Risk]],
) -> None:
    """Where every rule asks for practices together and the best come first, one practice more never hurts."""
    order = [Risk.NONE, Risk.MEDIUM, Risk.HIGH]
    best_first = sorted(found, key=lambda one: order.index(one[1]))
    made = [Rule(Condition("&&", tuple(parts)), risk, "", "") for parts, risk in best_first]
    made.append(Rule(Condition("default"), Risk.HIGH, "default", ""))
    asked = Question("q", "Q", "", (), tuple(made), "")
    odd = lint(Lens("l", "", (Pillar("p", "P", (asked,)),)))
    assert Oddity.HARMFUL not in {one.what for one in odd}
    assert Oddity.UNMATCHED not in {one.what for one in odd}


def test_a_selection_that_a_third_rule_decides_is_nobodys_hiding_place(tmp_path: Path) -> None:
    """`b` and `a` both hold for {a, b}, and neither is asked: the rule before them decides it."""
    rules = [("a && b", "NO_RISK"), ("b", "HIGH_RISK"), ("a", "MEDIUM_RISK"), ("default", "HIGH_RISK")]
    assert [one for one in lint(lens(tmp_path, question(["a", "b"], *rules))) if one.what is Oddity.ORDER] == []
