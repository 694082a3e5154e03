"""YAML into documents, by its events: nothing in a file can run, and every size has a limit."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.documents.values import SHOWN_CHARS_MAX, Document, Number, Where, dotted
from harness.errors import FileError, Mistake
from harness.files import open_regular

BYTES_MAX = 1 << 20
DEPTH_MAX = 64
DOCUMENTS_MAX = 1_000
NODES_MAX = 50_000  # values of one document, with every alias unfolded
NUMBER_CHARS_MAX = 64
EXPONENT_MAX = 300

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE](?P<exponent>[-+]?[0-9]+))?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SCALAR_TAGS = frozenset({None, "!", "tag:yaml.org,2002:str"})
_LIST_TAGS = frozenset({None, "!", "tag:yaml.org,2002:seq"})
_MAPPING_TAGS = frozenset({None, "!", "tag:yaml.org,2002:map"})
_Loader: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


def read_documents(path: Path, *, shown_as: str | None = None) -> list[Document]:
    """Every document of a YAML or JSON file; empty documents are left out. Raises FileError with every mistake."""
    file = shown_as or str(path)
    return parse_documents(read_content(path, file), file)


def read_content(path: Path, file: str) -> bytes:
    """A file's bytes, one more than are allowed at most. Raises FileError where it cannot be read."""
    try:
        with open_regular(path) as stream:
            return stream.read(BYTES_MAX + 1)
    except FileNotFoundError:
        raise FileError.single(file, "no such file", "a file that exists") from None
    except OSError as error:
        raise FileError.single(file, f"'{error.strerror}'", "a file that can be read") from None


def parse_documents(content: bytes, file: str) -> list[Document]:
    """Every document in the bytes of a file called `file`. Raises FileError with every mistake."""
    if len(content) > BYTES_MAX:
        raise FileError.single(file, f"more than {BYTES_MAX} bytes", f"at most {BYTES_MAX} bytes", "split the file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        got = f"the byte 0x{content[error.start]:02x}"
        raise FileError([Mistake(file, line, "", got, "text in UTF-8", "save the file as UTF-8")]) from None
    if unprintable := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, unprintable.start()) + 1
        got = f"the control character U+{ord(unprintable[0]):04X}"
        raise FileError([Mistake(file, line, "", got, "printable text", 'in quotes it can be written as "\\u0007"')])
    documents = _Parser(file, text).documents()
    if not documents:
        raise FileError.single(file, "an empty file", "at least one YAML document")
    return documents


@dataclass(slots=True)
class _Node:
    """A value and where it starts; an anchored one may hang in the tree more than once."""

    line: int
    scalar: Any = None
    items: "list[_Node] | None" = None
    fields: "dict[str, tuple[int, _Node]] | None" = None  # the key's line, the value


class _Parser:
    """Turns the events of one file into documents; mistakes it can read past are kept to the end."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.mistakes: list[Mistake] = []
        self.anchors: dict[str, _Node] = {}

    def documents(self) -> list[Document]:
        """Read to the end of the file; raises FileError with every mistake."""
        documents: list[Document] = []
        try:
            self.events = iter(self._events())
            for event in self.events:
                if not isinstance(event, yaml.DocumentStartEvent):
                    continue
                if len(documents) == DOCUMENTS_MAX:
                    self._add(
                        _line(event), (), "one document more", f"at most {DOCUMENTS_MAX} documents", "split the file"
                    )
                    break
                self.anchors = {}
                root = self._node(next(self.events), ())
                if root.scalar is not None or root.items is not None or root.fields is not None:
                    documents.append(self._document(root))
        except yaml.YAMLError as error:
            raise FileError([*self.mistakes, self._syntax_mistake(error)]) from None
        if self.mistakes:
            raise FileError(self.mistakes)
        return documents

    def _events(self) -> Iterator[Any]:
        loader = _Loader(self.text)
        try:
            while loader.check_event():
                yield loader.get_event()
        finally:
            loader.dispose()

    def _syntax_mistake(self, error: yaml.YAMLError) -> Mistake:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = str(getattr(error, "problem", None) or error).splitlines()[0]
        if context := getattr(error, "context", None):
            problem = f"{problem} ({context})"
        lines = self.text.splitlines()
        written = lines[line - 1] if line <= len(lines) else ""
        way_out = "indent with spaces, not with tabs" if "\t" in written[: len(written) - len(written.lstrip())] else ""
        return Mistake(self.file, line, "", problem, "valid YAML", way_out)

    def _add(self, line: int, path: Where, got: str, expected: str, way_out: str = "") -> None:
        self.mistakes.append(Mistake(self.file, line, dotted(path), got, expected, way_out))

    def _node(self, event: Any, path: Where) -> _Node:
        line = event.start_mark.line + 1
        if len(path) > DEPTH_MAX:
            self._add(line, path[:3], "a deeper nesting", f"at most {DEPTH_MAX} levels")
            raise FileError(self.mistakes)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                self._add(line, path, f"*{event.anchor}", "an anchor defined before it", f"write &{event.anchor} there")
            return self.anchors.get(str(event.anchor), _Node(line))
        node = _Node(line)
        if isinstance(event, yaml.MappingStartEvent):
            self._known_tag(event, _MAPPING_TAGS, path)
            node.fields = self._fields(path)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._known_tag(event, _LIST_TAGS, path)
            node.items = []
            while not isinstance(inner := next(self.events), yaml.SequenceEndEvent):
                node.items.append(self._node(inner, (*path, len(node.items))))
        else:
            self._known_tag(event, _SCALAR_TAGS, path)
            node.scalar = self._scalar(event, path) if event.implicit[0] else event.value
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def _known_tag(self, event: Any, tags: frozenset[str | None], path: Where) -> None:
        if event.tag not in tags:
            line = event.start_mark.line + 1
            self._add(line, path, f"the tag {event.tag[:SHOWN_CHARS_MAX]}", "a plain value", "leave the tag out")

    def _fields(self, path: Where) -> dict[str, tuple[int, _Node]]:
        fields: dict[str, tuple[int, _Node]] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            if not isinstance(event, yaml.ScalarEvent):
                self._node(event, (*path, "?"))
                self._node(next(self.events), (*path, "?"))
                self._add(line, path, "a key that is a list, a mapping or an alias", "a key that is text")
                continue
            key = event.value
            value = self._node(next(self.events), (*path, key))
            if key == "<<" and event.implicit[0]:
                self._add(line, (*path, key), "a merge key", "fields", "write them out, or alias a whole value")
            elif key in fields:
                first = fields[key][0]
                self._add(line, (*path, key), "the key a second time", "each key once", f"it stands in line {first}")
            else:
                fields[key] = (line, value)
        return fields

    def _scalar(self, event: Any, path: Where) -> Any:
        text = event.value
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        line = event.start_mark.line + 1
        if _NOT_FINITE.fullmatch(text):
            self._add(line, path, text, "a finite number", "put it in quotes if it is text")
            return None
        number = _FLOAT.fullmatch(text)
        if number is None:
            return text
        if len(text) > NUMBER_CHARS_MAX or abs(int(number["exponent"] or 0)) > EXPONENT_MAX:
            expected = f"a number of at most {NUMBER_CHARS_MAX} characters, its exponent at most {EXPONENT_MAX}"
            self._add(line, path, text[:SHOWN_CHARS_MAX], expected, "put it in quotes if it is text")
            return None
        return int(text) if _INT.fullmatch(text) else Number(text)

    def _document(self, root: _Node) -> Document:
        lines: dict[Where, int] = {(): root.line}
        return Document(self.file, self._unfold(root, (), lines), lines)

    def _unfold(self, node: _Node, path: Where, lines: dict[Where, int]) -> Any:
        if len(lines) > NODES_MAX or len(path) > DEPTH_MAX:
            self._add(
                node.line,
                path[:3],
                "too much, once aliases are unfolded",
                f"at most {NODES_MAX} values, {DEPTH_MAX} deep",
            )
            raise FileError(self.mistakes)
        if node.fields is not None:
            mapping = {}
            for key, (line, value) in node.fields.items():
                lines[*path, key] = line
                mapping[key] = self._unfold(value, (*path, key), lines)
            return mapping
        if node.items is not None:
            for index, item in enumerate(node.items):
                lines[*path, index] = item.line
            return [self._unfold(item, (*path, index), lines) for index, item in enumerate(node.items)]
        return node.scalar


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
