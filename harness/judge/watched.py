"""What was seen of the target beside our own requests, put in order: counters, latencies of a route.

With c(t) a counter (requests) and n(a, b) our requests planned in [a, b):

    ratio = (c(b) - c(a)) / n(a, b)      requests that reached the dependency per request of ours

where a and b are the instants of the first and the last look within a stretch, and c is summed over all addresses.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from harness.judge.verdict import Outcome
from harness.plan import LOG_DECIDED, log_evidence_broken, log_evidence_kept, requests_needed
from harness.record import FLAG_FALLBACK, Observation, Record, Requests, Seen
from harness.record import Outcome as Wire
from harness.units import NS_PER_S, format_duration

P99: Final = 99
TARGET: Final = Fraction(P99, 100)  # a latency promise is P(latency > limit) <= 1 %
GAP_INTERVALS_MAX: Final = 6  # a longer stretch without a look may hide a change
_FEW: Final = 10  # fewer requests than that make no ratio


@dataclass(frozen=True, slots=True)
class Answers:
    """Requests of one route in order of planned time; one not answered took for ever."""

    planned_ns: npt.NDArray[np.int64]
    latency_ns: npt.NDArray[np.int64]  # from the planned send time
    answered: npt.NDArray[np.bool_]
    fallback: npt.NDArray[np.bool_]

    def between(self, begin_ns: int, end_ns: int) -> "Answers":
        """Those planned in [begin, end)."""
        first, last = np.searchsorted(self.planned_ns, [begin_ns, end_ns])
        part = slice(first, last)
        return Answers(self.planned_ns[part], self.latency_ns[part], self.answered[part], self.fallback[part])

    @property
    def total(self) -> int:
        """How many."""
        return len(self.planned_ns)

    @property
    def p99_s(self) -> float | None:
        """99 % took no longer, in seconds; None where there are none, or more than 1 % had no answer."""
        if not self.total:
            return None
        latency_ns = np.where(self.answered, self.latency_ns, np.iinfo(np.int64).max)
        p99_ns = int(np.percentile(latency_ns, P99, method="higher"))
        return None if p99_ns == np.iinfo(np.int64).max else p99_ns / NS_PER_S


def answers_of(record: Record, route: str) -> Answers:
    """Every request of a route."""
    index = next((index for index, one in enumerate(record.plan.profile.routes) if one.name == route), None)
    mine: Requests = record.requests[record.requests["route"] == index]
    return Answers(
        planned_ns=mine["planned_ns"],
        latency_ns=mine["done_ns"] - mine["planned_ns"],
        answered=mine["outcome"] == Wire.ANSWERED,
        fallback=mine["flags"] & FLAG_FALLBACK != 0,
    )


def within_limit(answers: Answers, limit_ns: int) -> tuple[Outcome, str]:
    """Whether 99 % of the answers came within a limit, by the same test as every SLO; and why."""
    total = answers.total
    if not total:
        return Outcome.UNKNOWN, "no request of ours was planned then"
    over = total - int(np.count_nonzero(answers.answered & (answers.latency_ns <= limit_ns)))
    said = f"{over:,} of {total:,} answers took longer than {format_duration(limit_ns)}, or did not come"
    if log_evidence_broken(over, total, TARGET) >= LOG_DECIDED:
        return Outcome.MISSED, f"{said}: more than 1 %"
    if log_evidence_kept(over, total, TARGET) >= LOG_DECIDED:
        return Outcome.MET, said
    return Outcome.UNKNOWN, f"{said}: too few to decide 99 %, needs {requests_needed(TARGET, over):,}"


def looks_at(record: Record, what: Seen) -> dict[str, list[Observation]]:
    """Looks by address, in order of time: every address of the plan has an entry, if an empty one."""
    plan = record.plan
    if what is Seen.BREAKER:
        urls: Sequence[str] = plan.breaker.urls if plan.breaker else ()
    else:
        urls = plan.dependency.requests.urls if plan.dependency else ()
    found: dict[str, list[Observation]] = {urlsplit(url).netloc: [] for url in urls}
    for look in record.observations:
        if look.what is what and look.source in found:
            found[look.source].append(look)
    return found


def gap_limit_ns(record: Record) -> int:
    """How long nobody may look before a change may have been missed."""
    return GAP_INTERVALS_MAX * record.plan.observe_every_ns


def reached(record: Record, begin_ns: int, end_ns: int) -> tuple[float, int, int] | str:
    """(requests that reached the dependency, begin, end) within a stretch, or why that is not known; instants in ns.

    Begin and end are those of the first and the last look within it.
    """
    counted, firsts, lasts = 0.0, [], []
    for source, looks in looks_at(record, Seen.DEPENDENCY).items():
        inside = [look for look in looks if begin_ns <= look.at_ns and look.done_ns <= end_ns]
        values = [look.value for look in inside if isinstance(look.value, float | int)]
        if len(values) < 2 or len(values) < len(inside):
            return f"the counter at {source} did not answer every time it was asked"
        unseen_ns = max(inside[0].at_ns - begin_ns, end_ns - inside[-1].done_ns)
        if unseen_ns > gap_limit_ns(record):
            return f"the counter at {source} was not asked for {format_duration(unseen_ns)}, at one end of that time"
        if any(after < before for before, after in itertools.pairwise(values)):
            return f"the counter at {source} began anew: its process was restarted"
        counted += values[-1] - values[0]
        firsts.append(inside[0].at_ns)
        lasts.append(inside[-1].done_ns)
    if not firsts:
        return "nothing counts the requests that reach it"
    return counted, min(firsts), max(lasts)


def ratio(record: Record, answers: Answers, begin_ns: int, end_ns: int) -> float | str:
    """Requests that reached the dependency per request of ours within a stretch, or why that is not known."""
    found = reached(record, begin_ns, end_ns)
    if isinstance(found, str):
        return found
    counted, first_ns, last_ns = found
    ours = answers.between(first_ns, last_ns).total
    return counted / ours if ours >= _FEW else f"only {ours} requests of ours in that time"
