"""Lenses as they are published: read whole, or every mistake with its line."""

import json
from pathlib import Path

import pytest

from harness.errors import FileError
from harness.review import Risk, aws_json, built_in_lens, read_lens
from harness.review.lens import parse_lens
from tests.review.lenses import lens, question

GOOD = [("a && b", "NO_RISK"), ("a || b", "MEDIUM_RISK"), ("default", "HIGH_RISK")]


def test_the_first_rule_that_holds_is_the_risk(tmp_path: Path) -> None:
    """Unanswered is decided before the rules, none of these by them."""
    [asked] = lens(tmp_path, question(["a", "b"], *GOOD)).questions
    assert asked.risk({"a", "b"}) is Risk.NONE
    assert asked.risk({"b"}) is Risk.MEDIUM
    assert asked.risk(frozenset()) is Risk.HIGH
    assert asked.risk(None) is Risk.UNANSWERED


def test_a_selection_no_rule_matches_is_a_high_risk(tmp_path: Path) -> None:
    """Missing data never passes."""
    [asked] = lens(tmp_path, question(["a"], ("a", "NO_RISK"))).questions
    assert asked.risk(frozenset()) is Risk.HIGH


def test_the_oddities_of_published_lenses_are_read(tmp_path: Path) -> None:
    """A bare NaN, tabs, keys nobody knows, escaped slashes, one choice id in every question, a path with a space."""
    path = tmp_path / "my lens.json"
    path.write_text(
        """{
\t"schemaVersion": "2022-11-01", "owner": {"team": 1}, "name": "Ours", "description": NaN,
\t"pillars": [{"id": "p", "name": "P", "questions": [
\t\t{"id": "q1", "title": "One?", "description": null, "choices": [{"id": "choice1", "title": "x",
\t\t\t"helpfulResource": {"displayText": NaN, "url": "https:\\/\\/example.com\\/a"}}],
\t\t "riskRules": [{"condition": "choice1", "risk": "NO_RISK"}, {"condition": "default", "risk": "HIGH_RISK"}]},
\t\t{"id": "q2", "title": "Two?", "choices": [{"id": "choice1", "title": "y"}],
\t\t "riskRules": [{"condition": "default", "risk": "HIGH_RISK"}]}
\t]}]
}"""
    )
    found = read_lens(path)
    assert [one.id for one in found.questions] == ["q1", "q2"]
    assert found.description == ""
    assert found.questions[0].choices[0].help_url == "https://example.com/a"
    assert found.questions[0].choices[0].help == ""


def test_what_published_lenses_have_beside_the_specification_is_read(tmp_path: Path) -> None:
    """A choice without a plan, more resources in lists, `Url`, two addresses in one, no `default`, spaces at ends."""
    asked = question(["q1_1", "q1_no"], (" q1_1 ", "NO_RISK"), ("(!q1_1) ", "HIGH_RISK"))
    asked["helpfulResource"] = {"displayText": "-", "url": ""}
    first, none = asked["choices"]
    first["helpfulResource"] = {"displayText": "x", "Url": "https://example.com"}
    first["improvementPlan"] = {"displayText": " y", "url": "https://example.com/a, https://example.com/b "}
    first["additionalResources"] = [{"type": "HELPFUL_RESOURCE", "content": [{"displayText": "z", "url": ""}]}]
    none["helpfulResource"] = {"displayText": "Nothing of it."}
    [found] = lens(tmp_path, asked, _version="0.5", _teams={"_authors": [{"name": "Ada"}]}).questions
    assert (found.choices[0].help, found.choices[0].help_url, found.choices[1].improvement) == ("x", "", "")
    assert (found.risk({"q1_1"}), found.risk({"q1_no"})) == (Risk.NONE, Risk.HIGH)


def test_every_mistake_of_a_lens_is_said_at_once_with_its_line(tmp_path: Path) -> None:
    """A risk that is none, a condition that cannot be read, a choice that is not there, an id twice."""
    with pytest.raises(FileError) as caught:
        lens(
            tmp_path,
            question(["a", "a"], ("a", "SOME_RISK"), ("a &&", "NO_RISK"), ("b", "NO_RISK"), ("default", "HIGH_RISK")),
        )
    said = [str(mistake) for mistake in caught.value.mistakes]
    assert len(said) == 4
    for part in ("NO_RISK or MEDIUM_RISK or HIGH_RISK", "the end where a choice", "no such choice: b", "'a' twice"):
        assert any(part in one for one in said), said
    assert all(mistake.line > 1 for mistake in caught.value.mistakes)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "{", '{"pillars": []}', "\x00", '{"name": 1}', "a: b: c"])
def test_what_is_no_lens_is_said_to_be_none(text: str, tmp_path: Path) -> None:
    """A mistake of the file, never a traceback."""
    path = tmp_path / "lens.json"
    path.write_text(text)
    with pytest.raises(FileError):
        read_lens(path)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    """With the way out."""
    with pytest.raises(FileError, match="no such file"):
        read_lens(tmp_path / "none.json")


def test_a_character_that_json_escapes_as_two_halves_is_read() -> None:
    """As Python's json writes what lies beyond U+FFFF; a backslash of its own before it is none."""
    lens = json.loads(aws_json(built_in_lens()))
    lens["name"], lens["description"] = "Ours \U0001f680", "\\ud83d\\ude80 said in words"
    read = parse_lens(json.dumps(lens).encode(), "lens.json")
    assert (read.name, read.description) == ("Ours \U0001f680", "\\ud83d\\ude80 said in words")
