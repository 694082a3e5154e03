"""The record as it grows: what the run decides its phases and its guard by, and what observers are shown."""

from pathlib import Path

import numpy as np

from harness.plan import LOG_DECIDED, PhaseName, Plan, is_decided, log_evidence_kept
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
from harness.slo import Slo
from harness.units import NS_PER_S

RECENT_NS = 30 * NS_PER_S  # as much of the traffic as the guard and the view look back on
SHOWN_NS = NS_PER_S
# Requests still under way have no record yet; the view looks at a moment most of them have passed.
LAG_NS = NS_PER_S // 4


class Live:
    """Follows the request files and the events of one run."""

    def __init__(self, plan: Plan, run_dir: Path) -> None:
        self._plan = plan
        self._run_dir = run_dir
        self._offsets = dict.fromkeys(range(plan.profile.workers), 0)
        self._event_offset = 0
        self._recent = empty()
        self._begin_ns = {slo.name: 0 for slo in plan.slos}  # from when on an SLO's answers count
        self._counts = {slo.name: (0, 0) for slo in plan.slos}  # (good, total) since the phase began
        self.events: list[Event] = []
        self.last_done_ns = 0

    def follow(self, now_ns: int) -> list[Event]:
        """Read what was appended since the last call; the events among it are returned."""
        parts = [self._read_worker(worker) for worker in self._offsets]
        fresh = np.concatenate(parts)
        if len(fresh):
            self.last_done_ns = max(self.last_done_ns, int(fresh["done_ns"].max()))
            self._count(fresh)
            recent = np.concatenate([self._recent, fresh])
            recent = recent[recent["planned_ns"] >= now_ns - RECENT_NS]
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
