"""When each arrival is planned: computed in advance, whatever the server will do. Pure.

The arrivals of a route are numbered 0, 1, 2 ... (`seq`) over the whole load; number `seq` belongs to worker
`seq % workers`. With a route's arrival rate r(t) [1/s] and L(t) [arrivals] its integral from instant 0:

    constant:  arrival k is planned at the t [s] where L(t) = k + phase,  0 < phase < 1
    Poisson:   arrival k is planned at the t [s] where L(t) = E_0 + ... + E_k,  E_i exponential with mean 1, seeded

so both keep the rate of every stage, and a stage begins where the one before it ended. The phase of constant arrivals
differs from route to route (the fractional part of the square root of the route's prime: no two have a rational
ratio), so that routes of the same rate do not fire at the same instant.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from harness.plan import SURGE_SEQ, Arrivals, Profile, Route
from harness.units import NS_PER_S

ARRIVALS_MAX: Final = 20_000_000  # of a whole load; every worker holds 26 bytes for each while it starts: 520 MB
_PHASE_DENOMINATOR: Final = 2**20

type Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Timetable:
    """One worker's planned arrivals in order of time; offsets in nanoseconds from instant 0 of the schedule."""

    offset_ns: Offsets
    route: npt.NDArray[np.uint16]
    seq: npt.NDArray[np.int64]
    duration_ns: int

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        """(offset_ns, route, seq) as Python integers, which NumPy's own iteration does not give, in small batches."""
        batch = 1024
        for start in range(0, len(self.offset_ns), batch):
            part = slice(start, start + batch)
            yield from zip(
                self.offset_ns[part].tolist(), self.route[part].tolist(), self.seq[part].tolist(), strict=True
            )

    def planned_before(self, offset_ns: int) -> npt.NDArray[np.int64]:
        """How many arrivals of each route, by index, are planned before an offset."""
        until = int(np.searchsorted(self.offset_ns, offset_ns, side="left"))
        routes = int(self.route.max()) + 1 if len(self.route) else 0
        return np.bincount(self.route[:until], minlength=routes)


def expected_arrivals(route: Route) -> Fraction:
    """Arrivals of a route over all its stages: exact for constant arrivals (to the next whole), else the mean."""
    return sum((Fraction(stage.duration_s) * stage.rate_per_s for stage in route.stages), Fraction(0))


def duration_ns(route: Route) -> int:
    """The length of all stages of a route together."""
    return round(sum((Fraction(stage.duration_s) for stage in route.stages), Fraction(0)) * NS_PER_S)


def make_timetable(profile: Profile, worker: int) -> Timetable:
    """What one worker of the load has to do: its share of every route's arrivals, merged in order of time."""
    assert 0 <= worker < profile.workers, worker
    offsets, routes, seqs = [], [], []
    for index, route in enumerate(profile.routes):
        every = route_offsets_ns(route, index, profile.seed)
        share = every[worker :: profile.workers]
        offsets.append(share)
        routes.append(np.full(len(share), index, dtype=np.uint16))
        seqs.append(np.arange(worker, len(every), profile.workers, dtype=np.int64))
    offset_ns = np.concatenate(offsets)
    order = np.argsort(offset_ns, kind="stable")
    return Timetable(
        offset_ns=offset_ns[order],
        route=np.concatenate(routes)[order],
        seq=np.concatenate(seqs)[order],
        duration_ns=max(duration_ns(route) for route in profile.routes),
    )


def make_surge(profile: Profile, worker: int) -> Timetable:
    """What one worker does beside its timetable while a surge goes on; offsets from the surge's begin.

    The difference between the surge's rate and the usual one, as a Poisson stream of its own. Its arrivals are numbered
    from SURGE_SEQ on, so that (route, seq) names one arrival in either.
    """
    extra = profile.model_copy(
        update={"routes": tuple(_extra(route) for route in profile.routes), "seed": ~profile.seed}
    )
    made = make_timetable(extra, worker)
    return replace(made, seq=made.seq + SURGE_SEQ)


def _extra(route: Route) -> Route:
    usual = max(stage.rate_per_s for stage in route.stages)
    rate_per_s = max(Fraction(0), (route.surge_per_s or usual) - usual)
    stages = tuple(stage.model_copy(update={"rate_per_s": rate_per_s}) for stage in route.stages)
    return route.model_copy(update={"stages": stages, "arrivals": Arrivals.POISSON})


def route_offsets_ns(route: Route, index: int, seed: int) -> Offsets:
    """Planned offsets of all arrivals of a route, of all workers together, in order; element k is arrival k."""
    if route.arrivals is Arrivals.POISSON:
        return _poisson_offsets_ns(route, index, seed)
    phase = phase_of(index)
    parts: list[Offsets] = []
    done, start_s = Fraction(0), Fraction(0)  # L(t) and t at the stage's begin, exact: nothing is lost at a seam
    for stage in route.stages:
        length_s = Fraction(stage.duration_s)
        total = done + length_s * stage.rate_per_s
        first, end = math.ceil(done - phase), math.ceil(total - phase)
        if end > first:
            # Relative to the stage's first arrival, so that a float's 53 bits are spent on the stage alone.
            lead_s = float((first + phase - done) / stage.rate_per_s)
            within_s = lead_s + np.arange(end - first) / float(stage.rate_per_s)
            parts.append(_in_stage(within_s, start_s, length_s))
        done, start_s = total, start_s + length_s
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def phase_of(index: int) -> Fraction:
    """Where in its first interval a route's constant arrivals begin, 0 < phase < 1."""
    prime = _prime(index)
    return Fraction(math.isqrt(prime * _PHASE_DENOMINATOR**2) % _PHASE_DENOMINATOR, _PHASE_DENOMINATOR)


def _poisson_offsets_ns(route: Route, index: int, seed: int) -> Offsets:
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence([abs(seed), index])))
    total = float(expected_arrivals(route))
    sums = np.zeros(0)
    while not len(sums) or sums[-1] < total:
        more = random.standard_exponential(int(total / 8 + 4 * math.sqrt(total)) + 64)
        sums = np.concatenate([sums, (sums[-1] if len(sums) else 0.0) + np.cumsum(more)])
    parts: list[Offsets] = []
    done, start_s = 0.0, Fraction(0)
    for stage in route.stages:
        length_s, rate_per_s = Fraction(stage.duration_s), float(stage.rate_per_s)
        until = done + float(length_s) * rate_per_s
        inside = sums[(sums >= done) & (sums < until)]
        if len(inside):
            parts.append(_in_stage((inside - done) / rate_per_s, start_s, length_s))
        done, start_s = until, start_s + length_s
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def _in_stage(within_s: npt.NDArray[np.float64], start_s: Fraction, length_s: Fraction) -> Offsets:
    start_ns, end_ns = round(start_s * NS_PER_S), round((start_s + length_s) * NS_PER_S)
    offset_ns = start_ns + (within_s * NS_PER_S).astype(np.int64)
    # Rounding must not carry an arrival into the next stage.
    return np.clip(offset_ns, start_ns, max(start_ns, end_ns - 1))


def _prime(index: int) -> int:
    found, candidate = -1, 1
    while found < index:
        candidate += 1
        if all(candidate % divisor for divisor in range(2, math.isqrt(candidate) + 1)):
            found += 1
    return candidate
