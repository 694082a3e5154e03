"""Events of a run: one JSON line each, on the same clock as the requests.

`events.jsonl` is appended to and flushed as things happen; several processes may append, a line at a time.
"""

import errno
import json
import os
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import JsonValue, ValidationError

from harness.clock import Clock
from harness.errors import FileError
from harness.files import open_regular
from harness.model import Model, Ns
from harness.text import savable


class Kind(StrEnum):
    """What an event says; `name` says of what. The judge rests every verdict on these."""

    RUN_BEGIN = "run.begin"
    RUN_END = "run.end"  # data.how: completed, interrupted, guard, failed
    PHASE_BEGIN = "phase.begin"  # name: warm-up, baseline, fault, recovery
    PHASE_END = "phase.end"  # data.why
    STEADY = "steady"  # name: before, after; data.met
    FAULT_BEGIN = "fault.begin"  # just before the fault call; the first one is the mark `inject`
    FAULT_CALLED = "fault.called"  # the call came back; data.status, data.error
    FAULT_PROBED = "fault.probed"  # a probe of the method came back; data.status, data.error
    FAULT_EVIDENCE = "fault.evidence"  # name: which; data.seen
    FAULT_END = "fault.end"  # just before the first undo call
    FAULT_UNDONE = "fault.undone"  # an undo call came back; data.status, data.error
    FAULT_HEALED = "fault.healed"  # name: which probe; data.healed
    UNDO_BEGIN = "undo.begin"  # another than the experiment's own process undoes; name: who; data.because
    UNDO_END = "undo.end"  # name: who; data.healed, data.because
    DOSE_BEGIN = "dose.begin"  # a sweep is about to set a dose; name: the variable; data.value
    DOSE = "dose"  # the dose is set; name: the variable; data.value, measured, status, error
    SURGE_BEGIN = "surge.begin"  # the load was told to send more; at_ns: from when on
    SURGE_END = "surge.end"
    CHAOS_END = "chaos.end"  # the Chaos Toolkit child ended; data.exit_code, data.status
    LOAD_BEGIN = "load.begin"
    LOAD_END = "load.end"
    LOAD_LOST = "load.lost"  # a load process died
    GUARD = "guard"  # the guard tripped; name: the rule; data.because, data.since_ns: the first bad thing it saw
    READ_BACK = "read-back"  # survivors were read; data.complete, data.count
    NOTE = "note"


class Event(Model):
    """One thing that happened, at one instant of the run's clock."""

    at_ns: Ns
    kind: Kind
    name: str = ""
    data: dict[str, JsonValue] = {}


class EventLog:
    """Appends events to a file; each line is written at once, so it survives the death of its writer."""

    def __init__(
        self, path: Path, clock: Clock, redact: Callable[[JsonValue], JsonValue] = lambda value: value
    ) -> None:
        """`redact` sees each event's name and data before they are written."""
        self.path = path
        self._redact = redact
        self._clock = clock
        # O_APPEND makes whole lines of several processes follow each other, never mix.
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self, kind: Kind, name: str = "", *, at_ns: int | None = None, **data: JsonValue) -> Event:
        """Append one event, now unless `at_ns` says otherwise, and return it."""
        at_ns = self._clock.monotonic_ns() if at_ns is None else at_ns
        said: Any = self._redact({"name": name, "data": data})
        event = Event(at_ns=at_ns, kind=kind, **said)
        try:
            line = event.model_dump_json().encode() + b"\n"
        except ValueError:  # half of a surrogate pair in what somebody else said; the event must stay all the same
            event = Event(at_ns=at_ns, kind=kind, **json.loads(savable(json.dumps(said, ensure_ascii=False))))
            line = event.model_dump_json().encode() + b"\n"
        written = os.write(self._fd, line)
        if written < len(line):
            # A full disk takes part of a line first. The rest of it, if it fits, at least keeps the next line whole.
            os.write(self._fd, b"\n")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        return event

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def read_events(path: Path, offset_bytes: int = 0) -> tuple[list[Event], int]:
    """Events of a file from `offset_bytes` on, in order of time, and the offset after the last whole line.

    A torn last line is left for the next call; a line that is no event is left out.
    """
    try:
        with open_regular(path, follow_links=False) as file:
            file.seek(offset_bytes)
            data = file.read()
    except FileNotFoundError:
        return [], offset_bytes
    except OSError as error:
        raise FileError.single(path, error.strerror or "nothing readable", "the file of a stored run") from None
    end = data.rfind(b"\n") + 1
    events = list(_parse(data[:end]))
    events.sort(key=lambda event: event.at_ns)
    return events, offset_bytes + end


def _parse(data: bytes) -> Iterator[Event]:
    for line in data.splitlines():
        try:
            yield Event.model_validate_json(line)
        except ValidationError:
            continue
