"""How the last seconds of an SLO's requests went, those without an answer among them. Pure.

A request under way has no record yet. It is known all the same: the arrivals of a route are numbered, and what is
planned is planned whatever the server does, so a number that is missing between two others is a request that hangs.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from harness.record import Requests
from harness.units import NS_PER_S

# Behind the last recorded arrival, so many must be missing before they count: fewer may not have been planned at all.
# A Poisson stream without an arrival where 10 are planned is one in 22,000.
MISSING_MIN: Final = 10
NOBODY: Final = Fraction(0)
SURGE_SEQ: Final = 2**32  # a surge's arrivals are numbered from here on: a stream of their own

type Instants = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lately:
    """A window of one SLO's requests."""

    bad: int
    of: Fraction  # how many there were, or were planned
    first_bad_ns: int = 0  # when the first and the last bad one were planned; 0 where there is none
    last_bad_ns: int = 0

    @property
    def ratio(self) -> Fraction:
        """The bad share; 0 where nothing is known."""
        return self.bad / self.of if self.of else Fraction(0)


@dataclass(frozen=True, slots=True)
class Answers:
    """Requests of one SLO: when they were planned, ascending, and which of them are bad; and those that hang."""

    planned_ns: Instants
    bad: npt.NDArray[np.bool_]
    missing_ns: Instants


def lately(answers: Answers, begin_ns: int, end_ns: int, planned: Fraction = NOBODY) -> Lately:
    """The window [begin, end); what is missing is bad. `planned`: as many, at least, are divided by."""
    first, last = np.searchsorted(answers.planned_ns, [begin_ns, end_ns])
    hanging = answers.missing_ns[(answers.missing_ns >= begin_ns) & (answers.missing_ns < end_ns)]
    broken = answers.planned_ns[first:last][answers.bad[first:last]]
    ends = [int(end) for instants in (broken, hanging) if len(instants) for end in (instants.min(), instants.max())]
    count = int(last - first) + len(hanging)
    of = max(Fraction(count), planned)
    return Lately(len(broken) + len(hanging), of, min(ends, default=0), max(ends, default=0))


def missing(mine: Requests, begin_ns: int, end_ns: int, rate_per_s: float) -> Instants:
    """About when the arrivals of one route were planned in [begin, end) that have no record."""
    found = [_gaps(part) for part in (mine[mine["seq"] < SURGE_SEQ], mine[mine["seq"] >= SURGE_SEQ]) if len(part)]
    last_ns = max(begin_ns, int(mine["planned_ns"].max())) if len(mine) else begin_ns
    count = int(rate_per_s * max(0, end_ns - last_ns) / NS_PER_S)
    if count >= MISSING_MIN:
        found.append(np.linspace(last_ns, end_ns, count, endpoint=False).astype(np.int64))
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


def _gaps(mine: Requests) -> Instants:
    order = np.argsort(mine["seq"], kind="stable")
    seqs, planned_ns = mine["seq"][order], mine["planned_ns"][order]
    if int(seqs[-1] - seqs[0]) + 1 == len(seqs):
        return np.zeros(0, dtype=np.int64)
    absent = np.setdiff1d(np.arange(seqs[0], seqs[-1] + 1), seqs, assume_unique=True)
    # Subtle: relative to the first, since a float of 53 bits does not hold the nanoseconds of a host that is up long.
    after_first_ns: Instants = np.interp(absent, seqs, planned_ns - planned_ns[0]).astype(np.int64)
    return after_first_ns + int(planned_ns[0])
