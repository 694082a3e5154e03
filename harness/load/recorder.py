"""The worker's own record: fixed-width records in a buffer, appended to its files; nothing else on the request path."""

import os
import struct
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Final

from harness.record import NO_ZONE, REQUEST_STRUCT, Outcome, RouteCount

ZONES_MAX: Final = 254  # a zone's code is one byte; 0 is "unknown"
_BUFFER_RECORDS: Final = 4096
_RECORD: Final = struct.Struct(REQUEST_STRUCT)


class Recorder:
    """One record an arrival, exactly; counts and lateness are kept beside them."""

    def __init__(self, run_dir: Path, worker: int, routes: int, redact: Callable[[str], str] = str) -> None:
        """`redact` sees each zone's name: a target could send a request's secret back in it."""
        self._redact = redact
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._requests_fd = os.open(run_dir / f"requests-{worker}.bin", flags, 0o644)
        self._zones_fd = os.open(run_dir / f"zones-{worker}.txt", flags, 0o644)
        self._worker = worker
        self._buffer = bytearray(_BUFFER_RECORDS * _RECORD.size)
        self._used_bytes = 0
        self._zones: dict[bytes, int] = {b"": NO_ZONE}
        self._counts = [[0] * (max(Outcome) + 1) for _ in range(routes)]
        self.lateness_ns = array("q")  # of arrivals that did not stand in line: the generator's share only

    def add(
        self,
        arrival: tuple[int, int, int],
        outcome: Outcome,
        *,
        sent_ns: int = 0,
        first_byte_ns: int = 0,
        done_ns: int = 0,
        status: int = 0,
        zone: bytes = b"",
        flags: int = 0,
    ) -> None:
        """Put one arrival, (planned_ns, route, seq), into the buffer; it reaches the file with the next `flush`."""
        planned_ns, route, seq = arrival
        code = self._zones.get(zone)
        if code is None:
            code = self._new_zone(zone)
        self._counts[route][outcome] += 1
        _RECORD.pack_into(
            self._buffer,
            self._used_bytes,
            seq,
            planned_ns,
            sent_ns,
            first_byte_ns,
            done_ns,
            status,
            route,
            outcome,
            code,
            self._worker,
            flags,
        )
        self._used_bytes += _RECORD.size
        if self._used_bytes == len(self._buffer):
            self._buffer.extend(bytes(len(self._buffer)))  # a lane must not meet the disk's errors; `flush` does

    def flush(self) -> None:
        """Append what is in the buffer. Raises OSError where the disk does not take it: the load must then end."""
        if self._used_bytes:
            _write_all(self._requests_fd, memoryview(self._buffer)[: self._used_bytes])
            self._used_bytes = 0

    def close(self) -> None:
        """Close the files; what was not flushed is lost."""
        os.close(self._requests_fd)
        os.close(self._zones_fd)

    def count_of(self, route: int, planned: int) -> RouteCount:
        """One route's account. `planned` comes from the timetable, the rest from the records made.

        An arrival whose connection was refused was attempted on schedule: it counts as sent.
        """
        counts = self._counts[route]
        waiting, expired = counts[Outcome.WAITING], counts[Outcome.EXPIRED]
        return RouteCount(planned=planned, sent=sum(counts) - waiting - expired, waiting=waiting, expired=expired)

    def _new_zone(self, zone: bytes) -> int:
        if len(self._zones) > ZONES_MAX:
            return NO_ZONE
        # Subtle: the name goes to its file now, the record later, so no reader meets a code without a name.
        name = self._redact(zone.decode("latin-1")).replace("\n", " ").replace("\r", " ")
        _write_all(self._zones_fd, memoryview(name.encode() + b"\n"))
        self._zones[zone] = len(self._zones)
        return self._zones[zone]


def _write_all(fd: int, data: memoryview) -> None:
    while data:
        data = data[os.write(fd, data) :]
