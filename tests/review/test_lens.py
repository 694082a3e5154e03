"""Lenses as they are published: read whole, or every mistake with its line."""

import json
from pathlib import Path

import pytest

from harness.errors import FileError
from harness.review import Risk, aws_json, built_in_lens, read_lens
from harness.review.lens import parse_lens
from tests.review.lenses import lens, published, question, words

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


def test_the_forms_of_published_lenses_are_read() -> None:
    """A plan that is a mere dash is none, and a text beyond ASCII is one."""
    read = parse_lens(json.dumps(published(), ensure_ascii=False).encode(), "lens.json")
    first, second, none = read.questions[0].choices
    assert (first.help, first.improvement.splitlines()[0], second.improvement, none.improvement) == (
        "",
        "Plan:",
        "",
        "",
    )
    assert read.questions[2].title == "여러 곳에 \u2019?"
    assert [len(one.rules) for one in read.questions] == [3, 1, 2, 2]


@pytest.mark.parametrize("character", ["\x7f", "\x80", "\x85", "\x92", "\u2028", "\u2029", "\ufffe", "\uffff"])
def test_what_json_has_in_a_text_and_yaml_has_not_is_read(character: str) -> None:
    """Pasted from elsewhere, and it moves no line: a mistake behind it is where it stands."""
    asked = question(["a"], ("b", "NO_RISK"), ("default", "HIGH_RISK"))
    asked["title"] = f"How{character} ?"
    written = json.dumps(words(asked), ensure_ascii=False, indent=1)
    with pytest.raises(FileError) as caught:
        parse_lens(written.encode(), "lens.json")
    [mistake] = caught.value.mistakes
    assert mistake.line == written.split("\n").index(next(one for one in written.split("\n") if '"b"' in one)) + 1
    [read] = parse_lens(written.replace('"b"', '"a"').encode(), "lens.json").questions
    assert read.title == f"How{character} ?"


def test_an_id_that_comes_twice_is_said_where_it_does(tmp_path: Path) -> None:
    """In thousands of lines the line of the list would be no help."""
    with pytest.raises(FileError) as caught:
        lens(tmp_path, question(["a", "a"], *GOOD[2:]), question(["a"], *GOOD[2:]))
    lines = (tmp_path / "lens.json").read_text().splitlines()
    choice, asked = sorted(caught.value.mistakes)
    assert (choice.path, asked.path) == ("pillars[0].questions[0].choices[1].id", "pillars[0].questions[1].id")
    assert lines[choice.line - 1].strip() == '"id": "a",'
    assert lines[asked.line - 1].strip() == '"id": "q1",'


@pytest.mark.parametrize("comment", ["// ours", "/* ours */"])
def test_a_comment_is_said_to_be_what_json_has_none_of(comment: str) -> None:
    """Documents show lenses with comments: `valid YAML` would be no way out of it."""
    written = json.dumps(words(question(["a"], *GOOD[2:])), indent=1).splitlines()
    content = "\n".join([*written[:2], f"  {comment}", *written[2:]]).encode()
    with pytest.raises(FileError, match="valid JSON; take the comment in line 3 out"):
        parse_lens(content, "lens.json")


@pytest.mark.parametrize("content", [b"", b" \n\t"])
def test_an_empty_file_is_said_to_be_no_lens(content: bytes) -> None:
    """Nobody who writes a lens knows of YAML documents."""
    with pytest.raises(FileError) as caught:
        parse_lens(content, "lens.json")
    assert str(caught.value) == "lens.json:1: got an empty file, expected one lens; a custom lens is one JSON object"


def test_what_is_no_json_is_said_in_its_words() -> None:
    """Nobody who writes a lens knows that it is read as YAML."""
    with pytest.raises(FileError, match=r"lens.json:2: .* expected valid JSON"):
        parse_lens(b'{"name": "x"\n "pillars": []}', "lens.json")


@pytest.mark.parametrize("text", ["Default", "(default)", "!default"])
def test_a_default_that_is_none_says_how_it_is_written(text: str, tmp_path: Path) -> None:
    """AWS knows the one word alone."""
    with pytest.raises(FileError, match="write `default` alone, and in small letters"):
        lens(tmp_path, question(["a"], ("a", "NO_RISK"), (text, "HIGH_RISK")))


def test_an_empty_id_is_a_mistake(tmp_path: Path) -> None:
    """Templates have them; no answer could name such a practice."""
    with pytest.raises(FileError) as caught:
        lens(tmp_path, question([""], *GOOD[2:], name=""))
    assert [mistake.path for mistake in caught.value.mistakes] == [
        "pillars[0].questions[0].id",
        "pillars[0].questions[0].choices[0].id",
    ]


def test_rules_that_are_null_are_no_list(tmp_path: Path) -> None:
    """Said once, and not as a field that is missing too."""
    with pytest.raises(FileError, match=r"riskRules: got nothing, expected a list$"):
        lens(tmp_path, {**question(["a"]), "riskRules": None})
