"""What a target was when it was drilled, as a digest: when it changes, what was proven of the old one is stale."""

import errno
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from harness.documents import Document, Mistakes, Where
from harness.files import read_regular

FILES_MAX, BYTES_MAX = 1_000, 64 << 20  # of all files together
_DIGEST_CHARS = 16


def digest(words: Mapping[str, JsonValue], files: Mapping[str, bytes] | None = None) -> str:
    """A short digest of a target's own words and of the files that configure it."""
    found = hashlib.sha256(json.dumps(words, sort_keys=True).encode())
    for name, content in sorted((files or {}).items()):
        found.update(f"\0{name}\0{len(content)}\0".encode() + content)
    return found.hexdigest()[:_DIGEST_CHARS]


def configuring_files(
    patterns: Sequence[str], folder: Path, document: Document, at: Where, mistakes: Mistakes
) -> dict[str, bytes]:
    """Contents of the files that some pattern names, by their path from `folder`, the one above `experiments/`.

    A pattern that matches no file, or one outside of the folder, is a mistake.
    """
    found: dict[str, bytes] = {}
    room = BYTES_MAX
    for index, pattern in enumerate(patterns):
        here = (*at, index)
        paths = _matching(pattern, folder)
        if not paths:
            way_out = f"a pattern seen from {folder.resolve()}, such as deploy/*.yaml"
            mistakes.add(document.mistake(here, "files of the project", way_out))
        for path in paths:
            name = str(path.relative_to(folder))
            try:
                if len(found) >= FILES_MAX:
                    raise OSError(errno.EFBIG, f"more than {FILES_MAX} files")
                found[name] = read_regular(path, room)
            except OSError as error:
                expected = f"files that can be read, {FILES_MAX} and {BYTES_MAX >> 20} MiB at most"
                mistakes.add(document.mistake(here, expected, got=f"{name}: {error.strerror}"))
                return found
            room -= len(found[name])
    return found


def _matching(pattern: str, folder: Path) -> list[Path]:
    """Files that a pattern matches and that lie in the folder, links followed; none where it is no pattern."""
    try:
        paths = [path for path in sorted(folder.glob(pattern)) if path.is_file()]
    except (ValueError, NotImplementedError, OSError):  # empty, absolute, `**` in a word
        return []
    inside = folder.resolve()
    return paths if all(path.resolve().is_relative_to(inside) for path in paths) else []
