"""Recovery marks and times of one SLO, from its answers around a fault.

Answers are in order of planned time. With T the target (of a slice, where the budget counts slices) and W the sustained
length (ns), the window of answer i holds the answers planned in [planned_i, planned_i + W); it breaks the SLO when
bad/total > 1 - T, compared exactly as integers. Windows that would reach past the end of observation are not looked at.

    effect      planned time of the first bad answer in the first breaking window at or after inject
    first_ok    completion of the first good answer after effect (reported, never the verdict)
    recovered   in (start of the last breaking window, completion of the first good answer planned after it]; none where
                a breaking window is the last looked at
    episode     a run of breaking windows not interrupted by W of keeping ones; relapses = episodes - 1
    bad_s       sum over episodes of (recovered - effect), seconds
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from harness.record import Series

type Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Marks:
    """What one SLO's answers say about one fault; instants in monotonic ns."""

    inject_ns: int
    observed_until_ns: int
    effect_ns: int | None  # none: no window broke the SLO
    first_ok_ns: int | None
    last_bad_ns: int | None  # lower end of `recovered`: start of the last breaking window
    recovered_ns: int | None  # upper end; none: not recovered while observed (or no effect)
    relapses: int
    bad_ns: int
    resolution_ns: int  # median distance of planned answers: nothing shorter can be told
    windows: int  # how many were looked at
    gap_ns: int  # longest stretch of the observation in which no answer was planned

    @property
    def had_effect(self) -> bool:
        """Whether the SLO was broken at all."""
        return self.effect_ns is not None


def find_marks(series: Series, target: Fraction, inject_ns: int, observed_until_ns: int, sustain_ns: int) -> Marks:
    """Marks of the answers planned in [inject, observed_until)."""
    seen = series.between(inject_ns, observed_until_ns)
    resolution_ns = int(np.median(np.diff(seen.planned_ns))) if seen.total > 1 else observed_until_ns - inject_ns
    gap_ns = int(np.diff(np.concatenate(([inject_ns], seen.planned_ns, [observed_until_ns]))).max())
    breaking = _breaking_windows(seen, target, observed_until_ns, sustain_ns)
    starts = np.flatnonzero(breaking)
    if not len(starts):
        return Marks(inject_ns, observed_until_ns, None, None, None, None, 0, 0, resolution_ns, len(breaking), gap_ns)
    episodes = _episodes(seen, starts, sustain_ns)
    effect = _first_bad_from(seen, int(starts[0]))
    recovered = _recovered(seen, breaking, int(starts[-1]))
    ends = [*(_recovered(seen, breaking, last) for _, last in episodes[:-1]), recovered]
    bad_ns = sum(
        (end[1] if end else observed_until_ns) - int(seen.planned_ns[_first_bad_from(seen, first)])
        for (first, _), end in zip(episodes, ends, strict=True)
    )
    good_later = np.flatnonzero(seen.good & (seen.planned_ns > seen.planned_ns[effect]))
    return Marks(
        inject_ns=inject_ns,
        observed_until_ns=observed_until_ns,
        effect_ns=int(seen.planned_ns[effect]),
        first_ok_ns=int(seen.done_ns[good_later].min()) if len(good_later) else None,
        last_bad_ns=recovered[0] if recovered else None,
        recovered_ns=recovered[1] if recovered else None,
        relapses=len(episodes) - 1,
        bad_ns=bad_ns,
        resolution_ns=resolution_ns,
        windows=len(breaking),
        gap_ns=gap_ns,
    )


def _breaking_windows(seen: Series, target: Fraction, observed_until_ns: int, sustain_ns: int) -> Flags:
    """For each answer that begins a whole window: whether that window breaks the SLO."""
    whole = int(np.searchsorted(seen.planned_ns, observed_until_ns - sustain_ns, side="right"))
    # Subtle: answers planned at the same instant share one window, whatever their order in the record.
    begins = np.searchsorted(seen.planned_ns, seen.planned_ns[:whole], side="left")
    ends = np.searchsorted(seen.planned_ns, seen.planned_ns[:whole] + sustain_ns, side="left")
    bad_before = np.concatenate(([0], np.cumsum(~seen.good)))
    bad = bad_before[ends] - bad_before[begins]
    total = ends - begins
    allowed = 1 - target
    broken: Flags = bad * allowed.denominator > total * allowed.numerator
    return broken


def _episodes(seen: Series, starts: npt.NDArray[np.intp], sustain_ns: int) -> list[tuple[int, int]]:
    """First and last breaking window of each episode.

    Subtle: a breaking window begins up to W before its outage, so two runs of them belong together unless the first
    bad answer of the later one lies more than W after the last window start of the earlier one.
    """
    episodes: list[tuple[int, int]] = []
    for run in np.split(starts, np.flatnonzero(np.diff(starts) > 1) + 1):
        first, last = int(run[0]), int(run[-1])
        began_ns = seen.planned_ns[_first_bad_from(seen, first)]
        if episodes and began_ns - seen.planned_ns[episodes[-1][1]] <= sustain_ns:
            episodes[-1] = (episodes[-1][0], last)
        else:
            episodes.append((first, last))
    return episodes


def _first_bad_from(seen: Series, index: int) -> int:
    return index + int(np.argmax(~seen.good[index:]))


def _recovered(seen: Series, breaking: Flags, last: int) -> tuple[int, int] | None:
    """(start of the last breaking window, completion of the first good answer planned after it), ns.

    Of several planned at that same instant, the last to be completed.
    """
    if last + 1 >= len(breaking):
        return None
    first_good = last + 1 + int(np.argmax(seen.good[last + 1 :]))
    same = slice(*np.searchsorted(seen.planned_ns, [seen.planned_ns[first_good], seen.planned_ns[first_good] + 1]))
    return int(seen.planned_ns[last]), int(seen.done_ns[same][seen.good[same]].max())
