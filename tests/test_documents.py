"""YAML as users write it: plain values, lines, and every mistake at once."""

import pickle
import sys
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from harness.documents import (
    Document,
    DurationNs,
    ExactNumber,
    FileModel,
    Flag,
    Mistakes,
    Number,
    RatePerS,
    Whole,
    exact,
    parse_documents,
    problem,
    read_documents,
    shown,
    validate,
)
from harness.documents.parse import BYTES_MAX
from harness.errors import FileError, Mistake


def one(text: str) -> Document:
    (document,) = parse_documents(text.encode(), "f.yaml")
    return document


def said(text: str | bytes) -> list[str]:
    with pytest.raises(FileError) as caught:
        parse_documents(text.encode() if isinstance(text, str) else text, "f.yaml")
    return str(caught.value).splitlines()


# --- values


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("Off", "Off"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("2024-01-31", "2024-01-31"),
        ("2022-01-01 12:00:00", "2022-01-01 12:00:00"),
        ("12:30:45", "12:30:45"),
        ("0123", "0123"),
        ("012345678901", "012345678901"),
        ("1_000", "1_000"),
        ("0x1f", "0x1f"),
        ("42", 42),
        ("-7", -7),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("2xx", "2xx"),
        ("1.2.3", "1.2.3"),
        ("=", "="),
        ("'true'", "true"),
        ('"1"', "1"),
        ("!!str 1", "1"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_scalars(written: str, read: object):
    """Only true and false are booleans; dates, clocks, leading zeros and YAML 1.1's other numbers stay text."""
    value = one(f"key: {written}\n").value["key"]
    assert (value, isinstance(value, bool)) == (read, isinstance(read, bool))
    assert isinstance(value, type(read))


def test_keys_are_text():
    """A key is text, whatever it looks like."""
    assert one("true: 1\n200: 2\nnull: 3\n2024-01-01: 4\n").value == {"true": 1, "200": 2, "null": 3, "2024-01-01": 4}


@given(st.decimals(min_value=-(10**9), max_value=10**9, allow_nan=False, allow_infinity=False, places=9))
def test_numbers_are_exact(number: object):
    """A number with a fraction is a float, and is read exactly as it was written."""
    value = one(f"key: {number:f}").value["key"]
    assert isinstance(value, Number)
    assert exact(value) == Fraction(str(number))
    assert float(value) == float(f"{number:f}")


def test_numbers_survive_copies():
    """A number keeps its text when it is pickled; text and booleans are no numbers."""
    copy = pickle.loads(pickle.dumps(Number("0.10")))
    assert (copy, copy.text, exact(copy), exact(3)) == (0.1, "0.10", Fraction(1, 10), 3)
    for wrong in (True, "0.1", None):
        with pytest.raises(ValueError, match="not a number"):
            exact(wrong)


def test_json_is_read_too():
    """JSON is a part of YAML."""
    assert one('{"a": [1, 2.5, null, true],\n "b": {"c": "d\\n"}}').value == {
        "a": [1, 2.5, None, True],
        "b": {"c": "d\n"},
    }


def test_several_documents():
    """A file holds as many documents as it likes; empty ones are left out."""
    documents = parse_documents(b"\xef\xbb\xbf--- # one\na: 1\n---\n---\n- 2\n...\n", "f.yaml")
    assert [(document.value, document.line()) for document in documents] == [({"a": 1}, 2), ([2], 5)]


def test_aliases():
    """An anchor's value may be used again; each use is a value of its own."""
    document = one("a: &x {n: [1]}\nb: *x\n")
    assert document.value["a"] == document.value["b"] == {"n": [1]}
    assert document.value["a"] is not document.value["b"]
    assert (document.line(("b",)), document.line(("b", "n"))) == (2, 1)


def test_lines():
    """Every value has the line of its key or of its item; what is missing has that of the nearest part around it."""
    document = one("# shop\na:\n  b:\n    - x\n    - c: 1\n      d:\n        2\n")
    assert document.line() == 2
    assert document.line(("a", "b", 0)) == 4
    assert document.line(("a", "b", 1)) == 5
    assert document.line(("a", "b", 1, "d")) == 6
    assert document.line(("a", "b", 1, "missing", 3)) == 5
    assert document.line(("nowhere",)) == 2
    assert document.at(("a", "b", 1, "d")) == 2
    assert document.at(("a", "b", 7)) is document.at(("a", "z")) is document.at(("a", "b", "x")) is None
    assert document.where(("a", "b")) == "f.yaml:3"


# --- mistakes


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a: 1\nb: 2\na: 3\n", ["3: a: got the key a second time, expected each key once; it stands in line 1"]),
        ("x: {a: .nan}", ["1: x.a: got .nan, expected a finite number; put it in quotes if it is text"]),
        ("- -.INF", ["1: [0]: got -.INF, expected a finite number; put it in quotes if it is text"]),
        (
            "a: 1e999999999",
            [
                (
                    "1: a: got 1e999999999, expected a number of at most 64 characters, its exponent at most 300;"
                    " put it in quotes if it is text"
                )
            ],
        ),
        (
            "a: !!python/name:os.system\nb: !money 3",
            [
                "1: a: got the tag tag:yaml.org,2002:python/name:os.system, expected a plain value; leave the tag out",
                "2: b: got the tag !money, expected a plain value; leave the tag out",
            ],
        ),
        (
            "a: &x {}\nb:\n  <<: *x",
            ["3: b.<<: got a merge key, expected fields; write them out, or alias a whole value"],
        ),
        ("[a]: 1", ["1: got a key that is a list, a mapping or an alias, expected a key that is text"]),
        ("a: *b", ["1: a: got *b, expected an anchor defined before it; write &b there"]),
        ("a: &a [*a]", ["1: a[0]: got *a, expected an anchor defined before it; write &a there"]),
        ("a: &x 1\n---\nb: *x", ["3: b: got *x, expected an anchor defined before it; write &x there"]),
        ("[" * 100, ["1: [0][0][0]: got a deeper nesting, expected at most 64 levels"]),
        ("", ["1: got an empty file, expected at least one YAML document"]),
        ("# nothing\n---\n", ["1: got an empty file, expected at least one YAML document"]),
        (b"a: 1\nb: \xff", ["2: got the byte 0xff, expected text in UTF-8; save the file as UTF-8"]),
        (
            b"a: 1\n\nb: \x07",
            ['3: got the control character U+0007, expected printable text; in quotes it can be written as "\\u0007"'],
        ),
    ],
)
def test_mistakes_of_a_file(text: str | bytes, lines: list[str]):
    """What YAML would let through, or fall over, is a mistake with its line."""
    assert said(text) == [f"f.yaml:{line}" for line in lines]


@pytest.mark.parametrize(
    ("text", "line"), [("a: [1, 2\n", 2), ("a: b: c", 1), ("a: 1\n b: 2", 2), ("x:\n\ty: 1", 2), ("a: @b", 1), ("'", 1)]
)
def test_syntax_errors(text: str, line: int):
    """What is no YAML has its line."""
    (message,) = said(text)
    assert message.startswith(f"f.yaml:{line}: got ")
    assert ", expected valid YAML" in message


def test_mistakes_before_a_syntax_error_are_kept():
    """A file that breaks off tells what was found until then."""
    first, second = said("a: .inf\nb: [1")
    assert first.startswith("f.yaml:1: a: got .inf")
    assert second.endswith("expected valid YAML")


def test_alias_bomb():
    """Aliases that unfold to billions of values are refused before they unfold."""
    levels = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    levels += [
        f"{name}: &{name} [{', '.join(['*' + of] * 9)}]" for of, name in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    (message,) = said("\n".join(levels))
    assert "got too much, once aliases are unfolded, expected at most 50000 values" in message


def test_files(tmp_path: Path):
    """A file that is missing, a folder, or too large is a mistake of its own; it is shown as it was named."""
    for path, words in [
        (tmp_path / "none.yaml", "no such file"),
        (tmp_path, "Is a directory"),
        (Path("a\0b"), "null"),
    ]:
        with pytest.raises(FileError, match=words):
            read_documents(path)
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (BYTES_MAX + 1))
    with pytest.raises(FileError, match=r"^x\.yaml:1: got more than 1048576 bytes, expected at most"):
        read_documents(large, shown_as="x.yaml")
    large.write_text("a: 1")
    assert read_documents(large)[0].file == str(large)


@given(st.binary(max_size=60) | st.text("-[]{}:,*&!|>'\"# \n\tab1.<?", max_size=40).map(str.encode))
def test_any_bytes(content: bytes):
    """Whatever the bytes, a file gives documents or mistakes, never another error."""
    try:
        documents = parse_documents(content, "f.yaml")
    except FileError:
        return
    assert documents


# --- validation


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Part(FileModel):
    target_ratio: ExactNumber
    colour: Colour = Colour.RED


class Thing(FileModel):
    kind: Literal["Thing"]
    name: Annotated[str, Field(pattern="^[a-z]+$", max_length=5)]
    parts: tuple[Part, ...] = ()
    by_name: dict[str, Part] = {}
    wait: DurationNs = 0
    rate: RatePerS = Fraction(1)
    count: Annotated[Whole, Field(ge=1)] = 1
    on: Flag = False
    either: str | tuple[str, ...] = ""

    @classmethod
    def rules(cls, raw: dict[str, Any]):
        if raw.get("count") == 13:
            yield problem("another count", "try 12", at=("count",))


def wrong(text: str, at: tuple[str | int, ...] = ()) -> list[str]:
    with pytest.raises(FileError) as caught:
        validate(Thing, one(text), at)
    return str(caught.value).splitlines()


def test_valid():
    """A document becomes a model: names in camelCase, numbers exact, durations in nanoseconds."""
    text = "x:\n- kind: Thing\n  name: abc\n  parts: [{targetRatio: 0.1}]\n  wait: 5s\n  rate: 60/m\n  either: [a]\n"
    thing = validate(Thing, one(text), ("x", 0))
    assert thing.parts[0].target_ratio == Fraction(1, 10)
    assert (thing.wait, thing.rate, thing.either) == (5_000_000_000, 1, ("a",))


def test_every_mistake_of_a_document():
    """Missing, unknown and wrong fields, wherever they stand, are all named in plain words."""
    text = """\
kind: Thin
nam: abc
parts:
  - targetRatio: high
    color: red
  - colour: green
  - 3
byName:
  a: {targetRatio: true, target_ratio: 1}
wait: 5
rate: fast
count: 0
on: yes
either: 1.50
"""
    assert wrong(text) == [
        "f.yaml:1: kind: got 'Thin', expected Thing",
        "f.yaml:1: name: got nothing, expected this field; add `name:`",
        (
            "f.yaml:2: nam: got an unknown field, expected one of kind, name, parts, byName, wait, rate, count, on,"
            " either; did you mean name?"
        ),
        "f.yaml:4: parts[0].targetRatio: got 'high', expected a number",
        "f.yaml:5: parts[0].color: got an unknown field, expected one of targetRatio, colour; did you mean colour?",
        "f.yaml:6: parts[1].colour: got 'green', expected red or blue",
        "f.yaml:6: parts[1].targetRatio: got nothing, expected this field; add `targetRatio:`",
        "f.yaml:7: parts[2]: got 3, expected a mapping",
        "f.yaml:9: byName.a.targetRatio: got true, expected a number",
        (
            "f.yaml:9: byName.a.target_ratio: got an unknown field, expected one of targetRatio, colour;"
            " did you mean targetRatio?"
        ),
        "f.yaml:10: wait: got 5, expected a duration such as 300ms, 10s, 5m or 28d",
        "f.yaml:11: rate: got 'fast', expected a rate such as 40/s or 90/m",
        "f.yaml:12: count: got 0, expected 1 or more",
        "f.yaml:13: on: got 'yes', expected true or false",
        "f.yaml:14: either: got 1.50, expected text or a list; put it in quotes",
    ]


def test_rules_beside_fields():
    """A rule across fields is checked although another field is wrong."""
    assert wrong("kind: Thing\nname: ABC\ncount: 13\n") == [
        "f.yaml:2: name: got 'ABC', expected text that matches ^[a-z]+$",
        "f.yaml:3: count: got 13, expected another count; try 12",
    ]


def test_no_jargon():
    """No message speaks of pydantic, of its input or of a URL."""
    for text in ("- 1", "kind: Thing\nname: abcdefgh\ncount: 1.5\non: 1\nparts: x\nbyName: []"):
        for line in wrong(text):
            assert not any(word in line.lower() for word in ("pydantic", "http", "input", "dictionary", "instance"))


def test_collected_mistakes():
    """Mistakes of several documents are raised as one error, each once, in the order of files and lines."""
    found = Mistakes()
    assert found.attempt(validate, Thing, one("kind: Thing\nname: abc")) is not None
    found.raise_any()
    for _ in range(2):
        assert found.attempt(validate, Thing, one("kind: Thing\n")) is None
    found.add(Mistake("a.yaml", 3, "x", "1", "2"))
    with pytest.raises(FileError) as caught:
        found.raise_any()
    assert [mistake.file for mistake in caught.value.mistakes] == ["a.yaml", "f.yaml"]


def test_shown():
    """Values are shown short, as a file writes them."""
    assert [shown(value) for value in (None, True, Number("1.50"), 3, "a", {}, {"a": 1}, [], [1])] == [
        "nothing",
        "true",
        "1.50",
        "3",
        "'a'",
        "an empty mapping",
        "a mapping",
        "an empty list",
        "a list of 1",
    ]
    assert len(shown("x" * 10_000)) < 70


def test_parser_needs_no_recursion_limit():
    """A million brackets end at the limit of depth, not at Python's."""
    assert sys.getrecursionlimit() < 500_000
    assert "at most 64 levels" in said("[" * 1_000_000)[0]


class Circle(FileModel):
    shape: Literal["circle"]
    radius: ExactNumber


class Square(FileModel):
    shape: Literal["square"]
    side: ExactNumber


class Drawing(FileModel):
    shapes: list[Annotated[Circle | Square, Field(discriminator="shape")]] = []


def test_a_part_that_says_what_it_is_is_held_against_that_alone():
    """What another kind of part may have is no help; a word that is missing or unknown is named."""
    text = "shapes:\n- {shape: circle, radus: 1, radius: 2}\n- {shape: cirkle, radius: 2}\n- {side: 3}\n- 4\n"
    with pytest.raises(FileError) as caught:
        validate(Drawing, one(text))
    assert str(caught.value).splitlines() == [
        "f.yaml:2: shapes[0].radus: got an unknown field, expected one of shape, radius; did you mean radius?",
        "f.yaml:3: shapes[1].shape: got 'cirkle', expected one of circle, square",
        "f.yaml:4: shapes[2].shape: got nothing, expected this field; add `shape:`",
        "f.yaml:5: shapes[3]: got 4, expected a mapping",
    ]
