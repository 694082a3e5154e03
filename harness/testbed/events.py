"""The bed's own event log: what truly happened and when, to hold a drill's figures against.

One JSON line an event: `at_ns` (CLOCK_MONOTONIC, comparable across the host's processes), `what`, and its details.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import JsonValue

from harness.clock import Clock


class BedLog:
    """Appends events; each line is written at once."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        # O_APPEND: the shop's processes write their breaker's transitions to the same file, whole lines each.
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, what: str, *, at_ns: int | None = None, **data: JsonValue) -> int:
        """Append one event, now unless `at_ns` says otherwise; returns its instant."""
        at_ns = self._clock.monotonic_ns() if at_ns is None else at_ns
        os.write(self._fd, json.dumps({"at_ns": at_ns, "what": what, **data}).encode() + b"\n")
        return at_ns


def read_log(path: Path) -> Iterator[dict[str, JsonValue]]:
    """Events of a bed's log, as written; a torn last line, and one that is no event, are left out."""
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict):
            yield event
