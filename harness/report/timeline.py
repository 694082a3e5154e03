"""What happened in each second, for drawing: counted from the record with the judge's own functions.

All series of a timeline share one grid of bins, laid so that the judge's one-second slices (which begin with the
baseline) fall whole into its bins. A run of more than BINS_MAX seconds gets bins of several slices, so that a page
never holds more than that many points a series, whatever the run's length. Requests stand in the bin they were planned
for, answers by zone in the bin they came in.
"""

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from harness.judge import account_of, error_ratios, slice_up
from harness.plan import PhaseName
from harness.record import NEVER_SENT, Kind, Outcome, Record, Requests, series_of
from harness.slo import LoadIndicator, Slo
from harness.units import NS_PER_MS, NS_PER_S

BINS_MAX: Final = 1_200
GOOD, LATE, UNANSWERED, UNSENT, UNJUDGED = "good", "too late", "no answer", "never sent", "not judged"
# What became of a request, from good to worst; a request's class is an index into this.
CLASSES: Final = (GOOD, LATE, *(f"{hundreds}xx" for hundreds in range(10)), UNANSWERED, UNSENT, UNJUDGED)
_EDGE_PART: Final = 10  # a bin at the run's edge that holds less than a tenth of it says nothing about a rate

type Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Timeline:
    """Series over bins of `width_s` seconds; NaN where a bin has nothing to show."""

    width_s: int
    at_s: Values  # begin of each bin, seconds since the run's start
    outcomes: dict[str, Values]  # requests/s by what became of them: GOOD, LATE, "5xx", UNANSWERED, ...
    zones: dict[str, Values]  # answers/s by the zone that gave them
    latency_ms_p50: Values  # from the planned send time to the end: the answer, the error or the time-out
    latency_ms_p99: Values
    error_ratio: dict[str, Values]  # by SLO, as its budget counts it (0..1)
    phases: tuple[tuple[str, float, float], ...]  # name, begin and end in seconds since the run's start
    end_s: float
    surges: tuple[tuple[float, float], ...] = ()  # begin and end of each, seconds since the run's start


@dataclass(frozen=True)
class _Grid:
    """Bins from `begin_ns` on; `slices_ns` is where the judge's slices begin."""

    run_begin_ns: int
    slices_ns: int
    begin_ns: int
    end_ns: int
    width_ns: int
    count: int

    def places(self, at_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The bin of each instant; -1 outside the grid."""
        inside = (at_ns >= self.begin_ns) & (at_ns < self.end_ns)
        places: npt.NDArray[np.int64] = np.where(inside, (at_ns - self.begin_ns) // self.width_ns, -1)
        return places

    def per_s(self, at_ns: npt.NDArray[np.int64]) -> Values:
        """How many instants fall in each bin, per second of the run that it covers."""
        places = self.places(at_ns)
        edges_ns = self.begin_ns + np.arange(self.count + 1) * self.width_ns
        covered_ns = np.diff(np.clip(edges_ns, self.run_begin_ns, self.end_ns))
        counts = np.bincount(places[places >= 0], minlength=self.count)
        enough = covered_ns >= self.width_ns // _EDGE_PART
        rates: Values = np.where(enough, counts * NS_PER_S / np.maximum(covered_ns, 1), np.nan)
        return rates


def timeline_of(record: Record) -> Timeline:
    """Count a record by bins."""
    grid = _grid(record)
    classes = classes_of(record)
    return Timeline(
        width_s=grid.width_ns // NS_PER_S,
        at_s=(grid.begin_ns - grid.run_begin_ns + np.arange(grid.count) * grid.width_ns) / NS_PER_S,
        outcomes={
            CLASSES[code]: grid.per_s(record.requests["planned_ns"][classes == code]) for code in np.unique(classes)
        },
        zones=_zones(record, grid),
        latency_ms_p50=_latency_ms(record.requests, grid, 50),
        latency_ms_p99=_latency_ms(record.requests, grid, 99),
        error_ratio={slo.name: found for slo in record.plan.slos if (found := _ratios(record, slo, grid)) is not None},
        phases=tuple(_phases(record, grid)),
        end_s=(grid.end_ns - grid.run_begin_ns) / NS_PER_S,
        surges=tuple(_surges(record, grid)),
    )


def _grid(record: Record) -> _Grid:
    account = account_of(record)
    baseline = record.first(Kind.PHASE_BEGIN, PhaseName.BASELINE)
    slices_ns = baseline.at_ns if baseline else account.begin_ns
    slices = max(0, -(-(account.end_ns - slices_ns) // NS_PER_S))
    before = max(0, -(-(slices_ns - account.begin_ns) // NS_PER_S))
    width = max(1, -(-(slices + before) // (BINS_MAX - 1)))
    bins_before, bins = -(-before // width), -(-slices // width)
    return _Grid(
        run_begin_ns=account.begin_ns,
        slices_ns=slices_ns,
        begin_ns=slices_ns - bins_before * width * NS_PER_S,
        end_ns=account.end_ns,
        width_ns=width * NS_PER_S,
        count=bins_before + bins,
    )


def _phases(record: Record, grid: _Grid) -> list[tuple[str, float, float]]:
    found = []
    for name in PhaseName:
        begin, end = record.first(Kind.PHASE_BEGIN, name), record.first(Kind.PHASE_END, name)
        if begin:
            end_ns = end.at_ns if end else grid.end_ns
            found.append(
                (str(name), (begin.at_ns - grid.run_begin_ns) / NS_PER_S, (end_ns - grid.run_begin_ns) / NS_PER_S)
            )
    return found


def _surges(record: Record, grid: _Grid) -> list[tuple[float, float]]:
    """When the load was told to send more; to the end where it was never told to stop that."""
    found = []
    for begin in record.all(Kind.SURGE_BEGIN):
        ends = (end.at_ns for end in record.all(Kind.SURGE_END) if end.at_ns >= begin.at_ns)
        span_ns = begin.at_ns, min(ends, default=grid.end_ns)
        found.append(((span_ns[0] - grid.run_begin_ns) / NS_PER_S, (span_ns[1] - grid.run_begin_ns) / NS_PER_S))
    return found


# --- by outcome ------------------------------------------------------------------------------------------------------


def classes_of(record: Record) -> npt.NDArray[np.uint8]:
    """For each request what became of it, as an index into CLASSES.

    GOOD: every SLO that counts it says so. LATE: it would be, were there no latency limits. Other answers are named by
    the class of their status.
    """
    requests = record.requests
    outcome = requests["outcome"]
    judged, good = _good(record, record.plan.slos)
    _, timely = _good(record, tuple(_without_limit(slo) for slo in record.plan.slos))
    by_status = (CLASSES.index("0xx") + np.minimum(requests["status"] // 100, 9)).astype(np.uint8)
    unsent = np.isin(outcome, [Outcome.WAITING, Outcome.EXPIRED])
    classes: npt.NDArray[np.uint8] = np.select(
        [~judged, good, timely, unsent, outcome != Outcome.ANSWERED],
        [np.uint8(CLASSES.index(name)) for name in (UNJUDGED, GOOD, LATE, UNSENT, UNANSWERED)],
        by_status,
    ).astype(np.uint8)
    return classes


def _good(record: Record, slos: tuple[Slo, ...]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """For each request: whether an SLO counts it, and whether all that do call it good."""
    judged = np.zeros(len(record.requests), dtype=np.bool_)
    good = np.ones(len(record.requests), dtype=np.bool_)
    profile = record.plan.profile
    for slo in slos:
        series = series_of(slo, profile, record.requests)
        if series is None or not isinstance(slo.indicator, LoadIndicator):
            continue
        route = [one.name for one in profile.routes].index(slo.indicator.request)
        mine = np.flatnonzero(record.requests["route"] == route)
        assert len(mine) == series.total
        judged[mine] = True
        good[mine] &= series.good
    return judged, good


def _without_limit(slo: Slo) -> Slo:
    if not isinstance(slo.indicator, LoadIndicator):
        return slo
    return slo.model_copy(update={"indicator": slo.indicator.model_copy(update={"within_ns": None})})


# --- by zone, latency, error ratio -----------------------------------------------------------------------------------


def _zones(record: Record, grid: _Grid) -> dict[str, Values]:
    answers = record.requests[record.requests["outcome"] == Outcome.ANSWERED]
    return {
        name: grid.per_s(answers["done_ns"][answers["zone"] == code])
        for code, name in sorted(enumerate(record.zones), key=lambda item: item[1])
        if name and np.any(answers["zone"] == code)
    }


def _latency_ms(requests: Requests, grid: _Grid, percentile: int) -> Values:
    """A percentile of each bin, in ms; requests that were never sent, or not yet over, have no latency."""
    over = requests[(requests["done_ns"] > 0) & ~np.isin(requests["outcome"], NEVER_SENT)]
    places = grid.places(over["planned_ns"])
    over, places = over[places >= 0], places[places >= 0]
    latency_ms = (over["done_ns"] - over["planned_ns"]) / NS_PER_MS
    edges = np.searchsorted(places, np.arange(grid.count + 1))
    found = np.full(grid.count, np.nan)
    for index in range(grid.count):
        if edges[index] < edges[index + 1]:
            found[index] = np.percentile(latency_ms[edges[index] : edges[index + 1]], percentile)
    return found


def _ratios(record: Record, slo: Slo, grid: _Grid) -> Values | None:
    """The error ratio of each bin: the mean of the judge's slices in it."""
    series = series_of(slo, record.plan.profile, record.requests)
    if series is None:
        return None
    ratios = error_ratios(slo, slice_up(series, grid.slices_ns, grid.end_ns))
    width, bins_before = grid.width_ns // NS_PER_S, (grid.slices_ns - grid.begin_ns) // grid.width_ns
    slices = np.full(grid.count * width, np.nan)
    slices[bins_before * width : bins_before * width + len(ratios)] = ratios
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of a bin without data is NaN, and that is meant
        means: Values = np.nanmean(slices.reshape(grid.count, width), axis=1)
    return means
