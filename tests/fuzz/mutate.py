"""A seeded mutation engine: a valid file in, one with a few things wrong with it out.

`of_tree` knows what YAML and JSON are made of: it deletes, doubles, swaps, retypes and nests values, and puts hostile
ones in their place. `of_bytes` knows nothing: it flips, cuts, repeats and inserts. The same seed gives the same file.
"""

import copy
import json
from random import Random
from typing import Any

import yaml

# Stand for text of the file as it is: replaced after the tree was written, so that it can hold tags, aliases, tokens.
_RAW_MARK = "rAw{}wAr"
RAW = (
    "!!python/object/apply:os.system ['true']",
    "!!python/name:os.system",
    "!!binary aGVsbG8=",
    "!!set {a, b}",
    "!!timestamp 2026-01-01",
    "!local x",
    "&anchor [1, *anchor]",
    "&b [*b, *b]",
    "*nobody",
    "<<: {a: 1}",
    "? [a, b]",
    "1e999999999",
    "-1e999999999",
    "1e-999999999",
    "1e" + "9" * 5000,
    "9" * 5000,
    "0." + "9" * 5000,
    "1e308",
    "0x7fffffffffffffff",
    "1_000",
    "012",
    "NaN",
    "Infinity",
    "-Infinity",
    ".inf",
    ".nan",
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\\u0000"',
    '"\\u001b[31m"',
    "[" * 100,
    "[" * 100 + "]" * 100,
    "{a: " * 80 + "1" + "}" * 80,
    '{"a": 1, "a": 2}',
    "2026-01-01",
    "1:30",
    "|",
    ">-",
    "'",
    '"',
    "- ",
    "---",
    "...",
    "%YAML 9.9",
)
SCALARS: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    2**64,
    -(2**63) - 1,
    10**30,
    10**400,
    0.0,
    -0.5,
    1e-300,
    1e300,
    "",
    " ",
    "a",
    "0",
    "-1",
    "true",
    "null",
    "1/0",
    "0/0",
    "1/3",
    "1e1000000000",
    "1e1000000000%",
    "1e1000000000x",
    "9" * 5000,
    "9" * 5000 + "/7",
    "NaN",
    "nan%",
    "inf",
    "100%",
    "0%",
    "1" * 9 + ".5Y",
    "999999999Y",
    "0s",
    "1ns",
    "-1s",
    "0/s",
    "999999999/s",
    "peak",
    "${nobody}",
    "${az}",
    "{id}",
    "{nobody}",
    "{",
    "%s%n%(x)s",
    "../../../etc/passwd",
    "/etc/passwd",
    "http://[",
    "http://u:p@h:99999/",
    "https://\u202eexample",
    "GET /\u0130",
    "GET /" + "a" * 3000,
    "x" * 100_000,
    "\u2028\u2029\u0085",
    "\U0001f9e8\u0301\u202e",
    "\x7f\x9b31m",
    "[bold]markup[/]",
    "<script>alert(1)</script>",
    [],
    {},
    [[]],
    [None],
    {"": ""},
    {"name": None},
    {"type": "env"},
    {"type": []},
)
_EDITS = (1, 1, 1, 2, 4)  # mostly one: the second is seldom reached behind the first
_SPOTS_MAX = 20_000


def trees(text: str) -> list[Any]:
    """Every document of a valid YAML or JSON text as plain values."""
    return [json.loads(text)] if text.lstrip()[:1] in "{[" else list(yaml.load_all(text, Loader=_Plain))


class _Plain(yaml.CSafeLoader):
    """Dates stay text."""


_Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if not tag.endswith("timestamp")]
    for first, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def of_tree(documents: list[Any], random: Random, *, is_json: bool = False) -> bytes:
    """The documents with up to four things wrong, as bytes; one in ten is damaged as bytes besides."""
    documents = copy.deepcopy(documents)
    raws: list[str] = []
    for _ in range(random.choice(_EDITS)):
        _edit(documents, random, raws)
    content = _written(documents, random, is_json=is_json).encode("utf-8", "surrogatepass")
    for index, raw in enumerate(raws):
        mark = _RAW_MARK.format(index)
        for quoted in (f'"{mark}"', f"'{mark}'", mark):
            content = content.replace(quoted.encode(), raw.encode())
    return of_bytes(content, random) if random.random() < 0.1 else content


def _written(documents: list[Any], random: Random, *, is_json: bool) -> str:
    plain = random.random() < 0.5
    if not is_json and random.random() < 0.3:
        try:
            return yaml.dump_all(documents, Dumper=yaml.CSafeDumper, allow_unicode=plain, sort_keys=False)
        except (UnicodeError, RecursionError, yaml.YAMLError):  # what YAML cannot write, JSON can
            pass
    return "\n---\n".join(json.dumps(one, ensure_ascii=not plain) for one in documents)


def _spots(value: Any, found: list[tuple[Any, Any]]) -> None:
    """Every place where a value hangs: (container, key or index)."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        if len(found) < _SPOTS_MAX:
            found.append((value, key))
            _spots(inner, found)


def _edit(documents: list[Any], random: Random, raws: list[str]) -> None:  # noqa: C901  a table of edits
    spots: list[tuple[Any, Any]] = []
    _spots(documents, spots)
    if not spots:
        documents.append({})
        return
    holder, key = random.choice(spots)
    value = holder[key]
    match random.randrange(10):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, list):
            holder.insert(random.randint(0, len(holder)), copy.deepcopy(value))
        case 1 | 2:
            holder[key] = copy.deepcopy(random.choice(SCALARS))
        case 3:
            raws.append(random.choice(RAW))
            holder[key] = _RAW_MARK.format(len(raws) - 1)
        case 4:
            other, there = random.choice(spots)
            if there in other if isinstance(other, dict) else there < len(other):
                holder[key] = copy.deepcopy(other[there])
        case 5:
            for _ in range(random.choice((1, 2, 70, 90))):
                value = random.choice(([value], {"a": value}))
            holder[key] = value
        case 6 if isinstance(holder, dict):
            holder[random.choice(("", "a", str(key).upper(), f"{key} ", "<<", "\u202e", "x" * 5000))] = value
            if random.random() < 0.5:
                del holder[key]
        case 7:
            holder[key] = [value] if not isinstance(value, list) else {str(n): one for n, one in enumerate(value)}
        case 8 if isinstance(value, str) and value:
            at = random.randrange(len(value))
            holder[key] = (
                value[:at] + random.choice(("", "\x00", "\n", "\u00e9", "\ud800", "%", "{", value)) + value[at:]
            )
        case 8 | 9 if isinstance(value, int | float) and not isinstance(value, bool):
            holder[key] = random.choice((-value, value * 10**6, value + 1, value // 7, str(value), 10**25 + value))
        case _:
            holder[key] = copy.deepcopy(random.choice(SCALARS))


def of_bytes(content: bytes, random: Random) -> bytes:
    """The bytes with up to four things wrong."""
    data = bytearray(content)
    for _ in range(random.choice(_EDITS)):
        at = random.randint(0, len(data))
        length = random.choice((1, 1, 2, 8, 48, 200, 5000))
        match random.randrange(8):
            case 0:
                del data[at:]
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = data[at : at + length]
            case 3:
                data[at:at] = random.randbytes(length)
            case 4 if data:
                data[at % len(data)] ^= 1 << random.randrange(8)
            case 5:
                data[at : at + length] = bytes([random.choice((0, 10, 0xFF, 0x20, 0x2D))]) * length
            case 6:
                data[at:at] = random.choice(RAW).encode()
            case _:
                there = random.randint(0, len(data))
                data[at:at] = data[there : there + length]
    return bytes(data)


def of_lines(content: bytes, random: Random) -> bytes:
    """Text of one JSON value a line: lines go, come twice, change places, are cut; or one of them is damaged."""
    lines = content.split(b"\n")
    for _ in range(random.choice(_EDITS)):
        at = random.randrange(len(lines))
        match random.randrange(6):
            case 0:
                del lines[at]
                lines = lines or [b""]
            case 1:
                lines.insert(random.randint(0, len(lines)), lines[at])
            case 2:
                there = random.randrange(len(lines))
                lines[at], lines[there] = lines[there], lines[at]
            case 3:
                lines[at] = lines[at][: random.randint(0, len(lines[at]))]
            case 4 if lines[at][:1] in (b"{", b"["):
                try:
                    lines[at] = of_tree([json.loads(lines[at])], random, is_json=True)
                except ValueError:  # damaged in an earlier round
                    lines[at] = b"{}"
            case _:
                lines[at] = of_bytes(lines[at], random)
    return b"\n".join(lines)
