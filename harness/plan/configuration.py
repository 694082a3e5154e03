"""What a target was when it was drilled, as a digest: when it changes, what was proven of the old one is stale."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from harness.documents import Document, Mistakes, Where

FILES_MAX, BYTES_MAX = 1_000, 64 << 20  # of all files together
_DIGEST_CHARS = 16


def digest(words: Mapping[str, JsonValue], files: Mapping[str, bytes] | None = None) -> str:
    """A short digest of a target's own words and of the files that configure it."""
    found = hashlib.sha256(json.dumps(words, sort_keys=True, default=str).encode())
    for name, content in sorted((files or {}).items()):
        found.update(f"\0{name}\0{len(content)}\0".encode() + content)
    return found.hexdigest()[:_DIGEST_CHARS]


def configuring_files(
    patterns: Sequence[str], folder: Path, document: Document, at: Where, mistakes: Mistakes
) -> dict[str, bytes]:
    """Contents of the files that some pattern names, by their path from the folder above `experiments/`."""
    found: dict[str, bytes] = {}
    size = 0
    for index, pattern in enumerate(patterns):
        here = (*at, index)
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            way_out = "a pattern from the project's folder, such as deploy/*.yaml"
            mistakes.add(document.mistake(here, "files of the project", way_out))
            continue
        paths = [path for path in sorted(folder.glob(pattern)) if path.is_file()] if pattern else []
        if not paths:
            mistakes.add(document.mistake(here, "a pattern that some file matches", f"seen from {folder}"))
        for path in paths:
            size += path.stat().st_size
            if len(found) >= FILES_MAX or size > BYTES_MAX:
                mistakes.add(document.mistake(here, f"at most {FILES_MAX} files and {BYTES_MAX >> 20} MiB in all"))
                return found
            try:
                found[str(path.relative_to(folder))] = path.read_bytes()
            except OSError as error:
                mistakes.add(document.mistake(here, "files that can be read", got=f"{path}: {error.strerror}"))
    return found
