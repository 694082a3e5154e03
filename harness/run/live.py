"""The record as it grows: what the run decides its phases and its guard by, and what observers are shown."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from harness.plan import LOG_DECIDED, PhaseName, Plan, Route, is_decided, log_evidence_kept
from harness.record import (
    Event,
    Outcome,
    Requests,
    Series,
    SloProgress,
    empty,
    read_events,
    read_requests,
    read_zones,
    series_of,
)
from harness.run.lately import NOBODY, Answers, Instants, Lately, lately, missing
from harness.slo import LoadIndicator, Slo
from harness.units import NS_PER_S

RECENT_NS = 30 * NS_PER_S  # as much of the traffic as the view looks back on, at least
SHOWN_NS = NS_PER_S
# Requests still under way have no record yet; the view looks at a moment most of them have passed.
LAG_NS = NS_PER_S // 4
NOTHING: Final = np.zeros(0, dtype=np.int64)

type Flags = npt.NDArray[np.bool_]


class Live:
    """Follows the request files and the events of one run."""

    def __init__(self, plan: Plan, run_dir: Path) -> None:
        self._plan = plan
        self._run_dir = run_dir
        self._offsets = dict.fromkeys(range(plan.profile.workers), 0)
        self._event_offset = 0
        self._recent = empty()
        patience_s = max((route.timeout_s for route in plan.profile.routes), default=0.0) + 1
        self._recent_ns = max(RECENT_NS, round((plan.guard.window_s + patience_s) * NS_PER_S))
        self._begin_ns = {slo.name: 0 for slo in plan.slos}  # from when on an SLO's answers count
        self._counts = {slo.name: (0, 0) for slo in plan.slos}  # (good, total) since the phase began
        self.events: list[Event] = []
        self.last_done_ns = 0
        self._first_planned_ns = 0

    def follow(self, now_ns: int) -> list[Event]:
        """Read what was appended since the last call; the events among it are returned."""
        parts = [self._read_worker(worker) for worker in self._offsets]
        fresh = np.concatenate(parts)
        if len(fresh):
            self.last_done_ns = max(self.last_done_ns, int(fresh["done_ns"].max()))
            self._first_planned_ns = self._first_planned_ns or int(fresh["planned_ns"].min())
            self._count(fresh)
            recent = np.concatenate([self._recent, fresh])
            recent = recent[recent["planned_ns"] >= now_ns - self._recent_ns]
            self._recent = recent[np.argsort(recent["planned_ns"], kind="stable")]
        events, self._event_offset = read_events(self._run_dir / "events.jsonl", self._event_offset)
        self.events.extend(events)
        return events

    def _read_worker(self, worker: int) -> Requests:
        requests = read_requests(self._run_dir / f"requests-{worker}.bin", self._offsets[worker])
        self._offsets[worker] += len(requests)
        return requests

    def _count(self, fresh: Requests) -> None:
        fresh = fresh[np.argsort(fresh["planned_ns"], kind="stable")]
        for slo in self._plan.slos:
            series = series_of(slo, self._plan.profile, fresh)
            if series is not None:
                mine = series.between(self._begin_ns[slo.name], int(fresh["planned_ns"][-1]) + 1)
                good, total = self._counts[slo.name]
                self._counts[slo.name] = (good + mine.total - mine.bad, total + mine.total)

    def begin_phase(self, phase: PhaseName, begin_ns: int) -> None:
        """Count from here on; arrivals planned before that are already known still count."""
        for slo in self._plan.slos:
            self._begin_ns[slo.name] = self._plan.judged_from_ns(slo, phase, begin_ns)
            series = series_of(slo, self._plan.profile, self._recent)
            mine = series.between(self._begin_ns[slo.name], 2**62) if series else None
            self._counts[slo.name] = (mine.total - mine.bad, mine.total) if mine else (0, 0)

    # --- what it says ------------------------------------------------------------------------------------------------

    def decided(self, slo: Slo) -> bool:
        """Whether this phase's answers decide the SLO; one that our load cannot see never holds a phase up."""
        good, total = self._counts[slo.name]
        if series_of(slo, self._plan.profile, self._recent) is None:
            return True
        return total > 0 and is_decided(total - good, total, slo.target)

    def kept(self, slo: Slo) -> bool:
        """Whether this phase's answers show that the SLO is kept."""
        good, total = self._counts[slo.name]
        if series_of(slo, self._plan.profile, self._recent) is None:
            return True
        return total > 0 and log_evidence_kept(total - good, total, slo.target) >= LOG_DECIDED

    def kept_lately(self, now_ns: int) -> dict[str, bool]:
        """For each SLO: whether the answers of the last sustained length keep it."""
        end_ns = now_ns - LAG_NS
        found = {}
        for slo in self._plan.slos:
            seen = self._between(slo, end_ns - self._plan.sustain_ns, end_ns)
            found[slo.name] = seen is None or (seen.total > 0 and seen.bad <= (1 - slo.target) * seen.total)
        return found

    def error_ratio(self, slo: Slo, now_ns: int) -> float | None:
        """Bad ratio of the last second; None without answers."""
        seen = self._between(slo, now_ns - LAG_NS - SHOWN_NS, now_ns - LAG_NS)
        return seen.bad / seen.total if seen and seen.total else None

    def bad_lately(self, slo: Slo, over_ns: int, now_ns: int, *, whole: bool) -> Lately | None:
        """How bad a window of the SLO's requests was at its worst; None where our load does not make them.

        Looked at twice: up to now, of what was planned, since not all is answered yet; and up to where each request
        either has its answer or can be good no more. `whole`: of what was planned there, too.
        """
        route = self._route(slo)
        if route is None:
            return None
        within_ns = slo.indicator.within_ns if isinstance(slo.indicator, LoadIndicator) else None
        patience_ns = round(route.timeout_s * NS_PER_S) if within_ns is None else within_ns
        seen = series_of(slo, self._plan.profile, self._recent)
        assert seen is not None
        return self._worst(route, seen.planned_ns, ~seen.good, over_ns, now_ns, patience_ns, whole=whole)

    def slow_lately(self, slo: Slo, above_ns: int, over_ns: int, now_ns: int) -> Lately | None:
        """The same of requests that took longer than `above_ns`, or have no answer that long after they were planned.

        One that failed is as slow as can be: nobody has its answer.
        """
        route = self._route(slo)
        if route is None:
            return None
        mine = self._recent[self._recent["route"] == self._plan.profile.routes.index(route)]
        slow = (mine["done_ns"] - mine["planned_ns"] > above_ns) | (mine["outcome"] != Outcome.ANSWERED)
        return self._worst(route, mine["planned_ns"], slow, over_ns, now_ns, above_ns, whole=True)

    def _route(self, slo: Slo) -> Route | None:
        if not isinstance(slo.indicator, LoadIndicator):
            return None
        return next((route for route in self._plan.profile.routes if route.name == slo.indicator.request), None)

    def _worst(
        self,
        route: Route,
        planned_ns: Instants,
        bad: Flags,
        over_ns: int,
        now_ns: int,
        patience_ns: int,
        *,
        whole: bool,
    ) -> Lately:
        rate_per_s = route.stages[0].rate_per_s
        planned = rate_per_s * over_ns / NS_PER_S
        end_ns = now_ns - LAG_NS
        now = lately(Answers(planned_ns, bad, NOTHING), end_ns - over_ns, end_ns, planned)
        end_ns -= patience_ns
        begin_ns = end_ns - over_ns
        hanging = NOTHING
        if self.last_done_ns:
            index = self._plan.profile.routes.index(route)
            mine = self._recent[(self._recent["route"] == index) & (self._recent["planned_ns"] >= begin_ns)]
            hanging = missing(mine, max(begin_ns, self._first_planned_ns), end_ns, float(rate_per_s))
        settled = lately(Answers(planned_ns, bad, hanging), begin_ns, end_ns, planned if whole else NOBODY)
        return max(now, settled, key=lambda seen: seen.ratio)

    def _between(self, slo: Slo, begin_ns: int, end_ns: int) -> Series | None:
        series = series_of(slo, self._plan.profile, self._recent)
        return series.between(begin_ns, end_ns) if series else None

    def slo_progress(self, slo: Slo, now_ns: int) -> SloProgress:
        """One SLO for the view."""
        good, total = self._counts[slo.name]
        return SloProgress(
            name=slo.name,
            good=good,
            total=total,
            burn=(self.error_ratio(slo, now_ns) or 0.0) / float(1 - slo.target),
            decided=self.decided(slo),
        )

    def traffic(self, now_ns: int) -> tuple[float, float, dict[str, float]]:
        """(requests/s, error ratio, answers/s by zone) of the last second."""
        recent, end_ns = self._recent, now_ns - LAG_NS
        last = recent[(recent["planned_ns"] >= end_ns - SHOWN_NS) & (recent["planned_ns"] < end_ns)]
        answered = last[last["outcome"] == Outcome.ANSWERED]
        failed = len(last) - int(np.count_nonzero(answered["status"] < 500))
        zones: dict[str, float] = {}
        for worker in self._offsets:
            names = read_zones(self._run_dir / f"zones-{worker}.txt")
            counts = np.bincount(answered["zone"][answered["worker"] == worker], minlength=len(names))
            for name, count in zip(names, counts, strict=False):
                if name:
                    zones[name] = zones.get(name, 0.0) + float(count)
        return float(len(last)), failed / len(last) if len(last) else 0.0, zones
