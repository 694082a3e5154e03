"""What in a stored run cannot have been written by us: it is left out, and said, so that it never counts for anything.

A run's instants lie within RUN_S_MAX of its head's. A request's times are in their order where they happened, and its
codes name something. Such a record is no lie, only damaged: a bit that flipped in the highest byte of a time makes a
run of centuries.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from harness.plan import SURGE_SEQ, Plan, Route
from harness.record.events import Event
from harness.record.observations import Observation
from harness.record.requests import Outcome, Requests
from harness.record.workers import WorkerReport
from harness.units import NS_PER_S

RUN_S_MAX: Final = 31 * 86_400
ARRIVALS_SPARE: Final = 1_000
ARRIVALS_MAX: Final = 10**9  # of one route
BEFORE_S_MAX: Final = 60  # what happened before the head was written, at most


class Span:
    """What a run can hold: instants (monotonic ns) near the clock pair of its head, arrivals its plan has room for."""

    def __init__(self, clock_monotonic_ns: int, plan: Plan) -> None:
        self.first_ns = clock_monotonic_ns - BEFORE_S_MAX * NS_PER_S
        self.last_ns = clock_monotonic_ns + RUN_S_MAX * NS_PER_S
        routes = plan.profile.routes
        self._arrivals_max = {route.name: _arrivals_max(route) for route in routes}
        # A route beyond the last has no arrivals, and only one that surges has a surge's.
        self._usual_max = np.array([*self._arrivals_max.values(), 0], dtype=np.int64)
        surges = np.array([*(route.surge_per_s is not None for route in routes), False])
        self._surge_max = np.where(surges, self._usual_max, 0)

    def holds(self, *instants_ns: int) -> bool:
        """Whether all of these can be."""
        return all(self.first_ns <= one <= self.last_ns for one in instants_ns)

    def events(self, events: Iterable[Event]) -> list[Event]:
        """Those events that can be."""
        return [one for one in events if self.holds(one.at_ns)]

    def observations(self, seen: Iterable[Observation]) -> tuple[Observation, ...]:
        """Those looks that can be."""
        return tuple(one for one in seen if self.holds(one.at_ns, one.done_ns) and one.at_ns <= one.done_ns)

    def workers(self, reports: Iterable[WorkerReport]) -> list[WorkerReport]:
        """Those accounts that can be."""
        return [
            one
            for one in reports
            if self.holds(one.begin_ns, one.end_ns)
            and all(count.planned <= self._arrivals_max.get(name, 0) for name, count in one.routes.items())
        ]

    def requests(self, requests: Requests) -> Requests:
        """Those requests that can be."""
        sane = self._holds_each(requests["planned_ns"])
        for field in ("sent_ns", "first_byte_ns", "done_ns"):
            sane &= (requests[field] == 0) | (
                self._holds_each(requests[field]) & (requests[field] >= requests["planned_ns"])
            )
        routes, seq = np.minimum(requests["route"], len(self._arrivals_max)), requests["seq"]
        sane &= (seq >= 0) & (
            (seq < self._usual_max[routes]) | (seq >= SURGE_SEQ) & (seq - SURGE_SEQ < self._surge_max[routes])
        )
        sane &= np.isin(requests["outcome"], [int(one) for one in Outcome])
        sane &= (requests["outcome"] != Outcome.ANSWERED) | (requests["done_ns"] > 0)
        sound: Requests = requests if sane.all() else requests[sane]
        return sound

    def _holds_each(self, instants_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        found: npt.NDArray[np.bool_] = (instants_ns >= self.first_ns) & (instants_ns <= self.last_ns)
        return found


def _arrivals_max(route: Route) -> int:
    """Twice what is to be expected, and some: arrivals come by chance, and a surge on top of them."""
    expected = sum(stage.duration_s * float(stage.rate_per_s + (route.surge_per_s or 0)) for stage in route.stages)
    return round(min(2 * expected + ARRIVALS_SPARE, ARRIVALS_MAX))
