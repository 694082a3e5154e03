"""Canaries: the forms in which a secret must not be found, and a look at every command line of the machine."""

import base64
import contextlib
import html
import json
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Self
from urllib.parse import quote


def forms(value: str) -> set[bytes]:
    """What must not be found: the value, its longer lines, and each as JSON, a URL, HTML, base64 and repr show it."""
    parts = {value.strip(), *(line for line in value.splitlines() if len(line) >= 20 and "KEY-----" not in line)}
    found = set()
    for part in parts:
        raw = base64.b64encode(part.encode()).decode().rstrip("=")
        texts = {part, json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1], quote(part, safe=""), raw,
                 html.escape(part), repr(part)[1:-1], json.dumps(json.dumps(part))[3:-3]}  # fmt: skip
        found |= {text.encode() for text in texts}
    return found


def needles_of(values: Iterable[str]) -> set[bytes]:
    """The forms of them all."""
    return {needle for value in values for needle in forms(value)}


def leaks_in(content: bytes, needles: Iterable[bytes]) -> list[bytes]:
    """Those that are there."""
    return [needle for needle in needles if needle in content]


class Watch:
    """Looks at the command line of every process of the machine, again and again."""

    def __init__(self, needles: Iterable[bytes]) -> None:
        self.needles = needles
        self.seen: dict[str, list[bytes]] = {}
        self.looks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._stop.wait(0.02):
            self.looks += 1
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    content = path.read_bytes()
                    if found := leaks_in(content, self.needles):
                        self.seen[content.decode(errors="replace")] = found
