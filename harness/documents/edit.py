"""Values set in a YAML text that somebody else wrote: comments, order and everything not named stay as they are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from harness.documents.parse import parse_documents
from harness.errors import FileError

_INDENT = "  "
_WORDS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_NOT_TEXT = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


@dataclass(frozen=True, slots=True)
class Set:
    """The value at a path of keys; the last key may be new, and all before it are there."""

    path: tuple[str, ...]
    value: Any  # text, a list of text, a mapping of these


def edited(text: str, file: str, edits: Iterable[Set]) -> str:
    """The text with the values set. Raises FileError where that cannot be done without touching anything else."""
    wanted = list(edits)
    [document] = parse_documents(text.encode(), file)
    expected = document.value
    for one in wanted:
        expected = _with(expected, one.path, one.value)
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    changes = sorted((change for one in wanted for change in _changes(text, root, one)), key=lambda one: one[0])
    done, at = [], 0
    for begin, end, fresh in changes:
        done += [text[at:begin], fresh]
        at = end
    result = "".join([*done, text[at:]])
    if not changes or _value(result, file) == expected:
        return result
    raise FileError.single(
        file, "a file that is hard to edit", "plain YAML, without aliases", "name another file, and merge by hand"
    )


def _value(text: str, file: str) -> Any:
    try:
        documents = parse_documents(text.encode(), file)
    except FileError:
        return None
    return documents[0].value if len(documents) == 1 else None


def _with(value: Any, path: Sequence[str], fresh: Any) -> Any:
    if not path:
        return fresh
    inside = value if isinstance(value, dict) else {}
    return {**inside, path[0]: _with(inside.get(path[0]), path[1:], fresh)}


def _changes(text: str, root: Any, one: Set) -> Iterable[tuple[int, int, str]]:
    """(begin, end, what comes there)."""
    node = root
    for key in one.path[:-1]:
        node = _pair(node, key)[1]
    name, value = _pair(node, one.path[-1])
    if isinstance(node, yaml.MappingNode) and name is None:
        yield _inserted(text, node, one.path[-1], one.value)
    elif name is not None:
        begin, end = value.start_mark.index, _end(text, value)
        if begin == end or value.start_mark.column <= name.start_mark.column:  # nothing, or a list not indented
            begin = text.index(":", name.end_mark.index) + 1
        lead = " " if text[begin - 1] == ":" else ""
        yield begin, end, lead + flow(one.value)


def _pair(node: Any, key: str) -> tuple[Any, Any]:
    """The nodes of a key and of its value; None where there is none."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next(((name, value) for name, value in pairs if name.value == key), (None, None))


def _inserted(text: str, parent: Any, key: str, value: Any) -> tuple[int, int, str]:
    if parent.flow_style:
        at = parent.end_mark.index - 1
        lead = "" if not parent.value or text[:at].rstrip().endswith(",") else ", "
        return at, at, f"{lead}{flow(key)}: {flow(value)}"
    last = _end(text, parent)
    at = text.find("\n", last)
    column = parent.value[0][0].start_mark.column
    lines = block({key: value}, column)
    return (at + 1, at + 1, lines) if at >= 0 else (len(text), len(text), "\n" + lines)


def _end(text: str, node: Any) -> int:
    """Where a value's own text ends; PyYAML's mark of a block is where the next thing begins."""
    if isinstance(node, yaml.ScalarNode):
        end = node.end_mark.index
        return end if node.style not in ("|", ">") else len(text[:end].rstrip("\n"))
    if node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(text, last[1] if isinstance(node, yaml.MappingNode) else last)


# --- values as text --------------------------------------------------------------------------------------------------


def block(value: dict[str, Any], column: int = 0) -> str:
    """A mapping, one key a line, each line with its end; mappings inside it too, all else in flow style."""
    lines = []
    for key, inner in value.items():
        lead = f"{' ' * column}{flow(key)}:"
        if isinstance(inner, dict) and any(isinstance(one, dict | list) for one in inner.values()):
            lines.append(f"{lead}\n{block(inner, column + len(_INDENT))}")
        elif isinstance(inner, str) and "\n" in inner and _is_plain(inner):
            margin = " " * (column + len(_INDENT))
            body = "".join(f"{margin}{line}\n" if line else "\n" for line in inner.split("\n"))
            lines.append(f"{lead} |-\n{body}")
        else:
            lines.append(f"{lead} {flow(inner)}\n")
    return "".join(lines)


def _is_plain(text: str) -> bool:
    """Whether a block of lines gives it back to the letter."""
    lines = text.split("\n")
    return (
        bool(lines[0].strip())
        and bool(lines[-1].strip())
        and not lines[0].startswith(" ")
        and all(not line or not line.isspace() for line in lines)
        and all(_shows(one) for one in text.replace("\n", ""))
    )


def flow(value: Any) -> str:
    """A value in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(one) for one in value) + "]"
    text = str(value)
    if text and set(text) <= _WORDS and not text[0].isdigit() and text.casefold() not in _NOT_TEXT:
        return text
    return '"' + "".join(_escaped(one) for one in text) + '"'


def _escaped(one: str) -> str:
    if one in '"\\':
        return f"\\{one}"
    if one == "\n":
        return "\\n"
    if 0xD800 <= ord(one) <= 0xDFFF:  # half a character, which no file can hold
        return "�"
    if _shows(one):
        return one
    return f"\\u{ord(one):04x}" if ord(one) <= 0xFFFF else f"\\U{ord(one):08x}"


def _shows(one: str) -> bool:
    """Whether a character may stand as it is; U+FEFF and the like would not be seen, or end a line."""
    return one == " " or (one.isprintable() and not one.isspace())
