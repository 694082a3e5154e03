"""One fixed-width record an arrival: the truth about the traffic.

A worker appends records to its own file, `requests-<worker>.bin`, about every 100 ms, in order of completion. A file
cut anywhere stays readable: only whole records count. All times are integer nanoseconds of the host's monotonic clock;
0 means "did not happen".
"""

from enum import IntEnum
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from harness.errors import FileError
from harness.files import open_regular

# seq: the arrival's number within its route, from 0; (route, seq) names an arrival, and gives a write its id.
# route: index into the job's routes. zone: 0 unknown, else line number in zones-<worker>.txt. worker: its index.
# flags: FLAG_FALLBACK.
REQUEST: Final = np.dtype(
    [
        ("seq", "<i8"),
        ("planned_ns", "<i8"),
        ("sent_ns", "<i8"),
        ("first_byte_ns", "<i8"),
        ("done_ns", "<i8"),
        ("status", "<u2"),
        ("route", "<u2"),
        ("outcome", "u1"),
        ("zone", "u1"),
        ("worker", "u1"),
        ("flags", "u1"),
    ]
)
REQUEST_STRUCT: Final = "<qqqqqHHBBBB"  # the same layout for struct.pack_into, which costs the hot path 90 ns
assert REQUEST.itemsize == 48, REQUEST.itemsize

type Requests = npt.NDArray[np.void]


class Outcome(IntEnum):
    """What happened to one arrival on the wire. Whether that is good is for the judge and the SLO to say."""

    ANSWERED = 1  # a whole answer came; `status` holds it
    REFUSED = 2  # no connection: surely never reached the service
    BROKEN = 3  # the connection ended, or the answer was no HTTP, after the request was (perhaps partly) sent
    TIMED_OUT = 4  # sent, and no whole answer within the route's time-out
    WAITING = 5  # planned, but still without a connection when the load stopped: never sent
    EXPIRED = 6  # planned, waited for a connection until its time-out: never sent


NEVER_SENT: Final = (Outcome.REFUSED, Outcome.WAITING, Outcome.EXPIRED)
NO_ZONE: Final = 0
FLAG_FALLBACK: Final = 1  # the answer says that it is one of lesser quality: the price is the list's


def empty() -> Requests:
    """No requests."""
    return np.zeros(0, dtype=REQUEST)


def read_requests(path: Path, offset_records: int = 0) -> Requests:
    """Whole records of a file from `offset_records` on; a torn last record is left out, a missing file is empty."""
    try:
        with open_regular(path, follow_links=False) as file:
            file.seek(offset_records * REQUEST.itemsize)
            data = file.read()
    except FileNotFoundError:
        return empty()
    except OSError as error:
        raise FileError.single(path, error.strerror or "nothing readable", "the file of a stored run") from None
    whole = len(data) // REQUEST.itemsize
    return np.frombuffer(data, dtype=REQUEST, count=whole)
