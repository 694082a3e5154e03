"""What was read from the target beside our own requests, for the breaker, the dependency and the guard.

`observations.jsonl` in a run's folder, one line a look at one address. The state of a breaker is one of
harness.plan.BreakerState; the count of a dependency's requests is a counter, which only grows until its process
restarts.
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from harness.files import read_regular
from harness.model import Model, Ns

BYTES_MAX: Final = 1 << 30


class Seen(StrEnum):
    """What was looked at."""

    BREAKER = "breaker"
    DEPENDENCY = "dependency"
    GUARD = "guard"  # a metric of the target's that the guard goes by; source: the rule's name


class Observation(Model):
    """One look at one address; the value held at some instant in [at, done]."""

    at_ns: Ns  # monotonic: just before asking
    done_ns: Ns  # just after the answer
    what: Seen
    source: str  # host:port of the address
    value: str | float | None  # None: no answer, or not this in it


class ObservationLog:
    """Appends observations to a file; a line at a time, from one process."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self, observation: Observation) -> None:
        """Append one."""
        os.write(self._fd, observation.model_dump_json().encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def read_observations(path: Path) -> tuple[Observation, ...]:
    """Observations in order of time; none where there is no file; a torn or foreign line is left out."""
    try:
        lines = read_regular(path, BYTES_MAX, follow_links=False).split(b"\n")
    except OSError:
        return ()
    found = []
    for line in lines:
        try:
            found.append(Observation.model_validate_json(line))
        except ValidationError:
            continue
    return tuple(sorted(found, key=lambda one: one.at_ns))
