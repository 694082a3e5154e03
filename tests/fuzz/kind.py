"""What a kind of input is: how a damaged one is made, and who reads it."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from harness.errors import WellprovenError
from tests.fuzz.mutate import of_bytes, of_tree, trees

ROOT = Path(__file__).parents[2]

type Mutate = Callable[[Random], bytes]
type How = Callable[[bytes, Random], bytes]


@dataclass(frozen=True)
class Kind:
    """One kind of file: how a damaged one is made, and who reads it (told which number it is)."""

    name: str
    mutate: Mutate
    read: Callable[[Path, bytes, int], None]
    raises: tuple[type[Exception], ...] = (WellprovenError,)


def of_texts(texts: Iterable[str], *, is_json: bool = False) -> Mutate:
    """One of these YAML or JSON texts, damaged."""
    read = [(trees(text), text) for text in texts]

    def mutate(random: Random) -> bytes:
        documents, text = random.choice(read)
        if random.random() < 0.15:
            return of_bytes(text.encode(), random)
        return of_tree(documents, random, is_json=is_json)

    return mutate


def of_contents(contents: Iterable[bytes], how: How) -> Mutate:
    """One of these, damaged so."""
    known = list(contents)
    return lambda random: how(random.choice(known), random)


def json_tree(content: bytes, random: Random) -> bytes:
    """JSON, damaged by its structure; one in ten as bytes."""
    return of_bytes(content, random) if random.random() < 0.1 else of_tree([json.loads(content)], random, is_json=True)


def texts_of(*patterns: str) -> list[str]:
    """The repository's files of these patterns."""
    return [path.read_text() for pattern in patterns for path in sorted(ROOT.glob(pattern))]


def written(folder: Path, name: str, content: bytes) -> Path:
    """A file with that content."""
    path = folder / name
    path.write_bytes(content)
    return path
