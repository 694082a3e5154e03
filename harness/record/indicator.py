"""Which answers an SLO counts, and which of them are good. The live view and the judge both ask here."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.plan import Profile
from harness.record.requests import FLAG_FALLBACK, Outcome, Requests
from harness.slo import LoadIndicator, Slo


@dataclass(frozen=True, slots=True)
class Series:
    """The answers one SLO counts: planned and done in monotonic ns, ascending by planned; good as the SLO says."""

    planned_ns: npt.NDArray[np.int64]
    done_ns: npt.NDArray[np.int64]
    good: npt.NDArray[np.bool_]

    def between(self, begin_ns: int, end_ns: int) -> "Series":
        """Answers planned in [begin, end)."""
        first, last = np.searchsorted(self.planned_ns, [begin_ns, end_ns])
        return Series(self.planned_ns[first:last], self.done_ns[first:last], self.good[first:last])

    @property
    def total(self) -> int:
        """Answers, of whatever kind."""
        return len(self.planned_ns)

    @property
    def bad(self) -> int:
        """Answers that are not good."""
        return self.total - int(np.count_nonzero(self.good))


def series_of(slo: Slo, profile: Profile, requests: Requests) -> Series | None:
    """The SLO's answers among requests in order of planned time; None where our load does not make them.

    Good: answered with a status the SLO names, within its latency limit counted from the planned send time, and, where
    the SLO wants the real thing, not marked as a fallback.
    """
    if not isinstance(slo.indicator, LoadIndicator):
        return None
    route = next((index for index, route in enumerate(profile.routes) if route.name == slo.indicator.request), None)
    if route is None:
        return None
    mine = requests[requests["route"] == route]
    return Series(mine["planned_ns"], mine["done_ns"], is_good(slo.indicator, mine))


def is_good(indicator: LoadIndicator, requests: Requests) -> npt.NDArray[np.bool_]:
    """For each request of the indicator's route: whether it is good."""
    statuses = np.unique(requests["status"])
    accepted = [status for status in statuses if indicator.matches_status(int(status))]
    good = (requests["outcome"] == Outcome.ANSWERED) & np.isin(requests["status"], accepted)
    if indicator.within_ns is not None:
        good &= requests["done_ns"] - requests["planned_ns"] <= indicator.within_ns
    if not indicator.fallback_is_good:
        good &= requests["flags"] & FLAG_FALLBACK == 0
    result: npt.NDArray[np.bool_] = good
    return result
