"""Error budget and burn.

Integer good and total per one-second slice; every figure derives from them. With T the target and P the window (s):

    e(t)   error ratio of the slice at t, as the budgeting method counts it (0..1)
    burn   over a stretch = mean of e(t) / (1 - T); a burn of 1 spends the budget exactly at the window's end
    share_of_seen     = bad / ((1 - T) * total)                          of the budget of what was seen
    share_of_window   = sum of e(t) * 1 s / ((1 - T) * P)                of the window's budget at production traffic;
                        lambda_prod is constant, so it stands above and below the line and cancels
    alert  fires when the burn over its long window, and over its short one, is above its threshold
    predicted detection = (1 - T) / e * W * k after effect, never if e < k * (1 - T)     (SRE Workbook, ch. 5)

Alerts are rehearsed on top of a clean history: a window that reaches back before the drill counts no bad answer there.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.judge.verdict import Alert, Spend
from harness.record import Series
from harness.slo import BudgetingMethod, BurnAlert, EmptySlices, Slo
from harness.units import NS_PER_S, format_duration

SLICE_NS = NS_PER_S
type Counts = npt.NDArray[np.int64]
type Ratios = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Slices:
    """Good and total answers per one-second slice from `begin_ns` on."""

    begin_ns: int
    good: Counts
    total: Counts


def slice_up(series: Series, begin_ns: int, end_ns: int) -> Slices:
    """Count answers by the slice their planned time falls in; a last part of a slice is a slice."""
    count = max(0, -(-(end_ns - begin_ns) // SLICE_NS))
    seen = series.between(begin_ns, end_ns)
    places = (seen.planned_ns - begin_ns) // SLICE_NS
    return Slices(
        begin_ns=begin_ns,
        good=np.bincount(places[seen.good], minlength=count).astype(np.int64),
        total=np.bincount(places, minlength=count).astype(np.int64),
    )


def error_ratios(slo: Slo, slices: Slices) -> Ratios:
    """e(t) of each one-second slice; NaN where it is excluded (an empty slice under the policy `exclude`)."""
    width, starts = _budget_slices(slo, slices)
    if not len(starts):
        return np.zeros(0)
    good, total = np.add.reduceat(slices.good, starts), np.add.reduceat(slices.total, starts)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = (total - good) / total
    if slo.budgeting is BudgetingMethod.TIMESLICES and slo.slice_target is not None:
        wanted = slo.slice_target
        ratios = np.where(good * wanted.denominator >= total * wanted.numerator, 0.0, 1.0)
    empty = total < _floor(slo)
    ratios[empty] = {EmptySlices.EXCLUDE: np.nan, EmptySlices.GOOD: 0.0, EmptySlices.BAD: 1.0}[slo.empty_slices]
    spread: Ratios = np.repeat(ratios, width)[: len(slices.total)]
    return spread


def covered(slo: Slo, slices: Slices) -> float:
    """Share of the one-second slices that hold an answer and lie in a slice of the budget that is not empty (0..1)."""
    width, starts = _budget_slices(slo, slices)
    if not len(starts):
        return 0.0
    enough = np.repeat(np.add.reduceat(slices.total, starts) >= _floor(slo), width)[: len(slices.total)]
    return float(np.count_nonzero(enough & (slices.total > 0)) / len(slices.total))


def _budget_slices(slo: Slo, slices: Slices) -> tuple[int, Counts]:
    """Seconds in one slice of the budget, and the index of each one's first second."""
    width = 1
    if slo.budgeting is not BudgetingMethod.OCCURRENCES and slo.slice_window_ns:
        width = max(1, slo.slice_window_ns // SLICE_NS)
    return width, np.arange(0, len(slices.total), width)


def _floor(slo: Slo) -> int:
    """Answers below which a slice is empty."""
    return max(1, slo.empty_floor or 1)


def spend(slo: Slo, slices: Slices, run_begin_ns: int, effect_ns: int | None) -> Spend:
    """What these slices cost the SLO's budget; alert times are seconds since `run_begin_ns`."""
    ratios = np.nan_to_num(error_ratios(slo, slices))
    good, total = int(slices.good.sum()), int(slices.total.sum())
    allowed = 1 - slo.target
    bad_s = float(ratios.sum()) * SLICE_NS / NS_PER_S
    burn = {"drill": float((total - good) / total / allowed)} if total else {}
    for window_ns in sorted({w for a in slo.alerts for w in (a.short_window_ns, a.long_window_ns) if w}):
        burn[_window(window_ns)] = float(_trailing(ratios, window_ns).max(initial=0.0) / float(allowed))
    offset_s = (slices.begin_ns - run_begin_ns) / NS_PER_S
    return Spend(
        good=good,
        total=total,
        coverage=covered(slo, slices),
        burn=burn,
        share_of_seen=float((total - good) / (allowed * total)) if total else None,
        share_of_window=bad_s / (float(allowed) * slo.window_ns / NS_PER_S) if total else None,
        bad_minutes_at_production=bad_s / 60,
        alerts=tuple(_rehearse(alert, slo, slices, ratios, offset_s, effect_ns) for alert in slo.alerts),
    )


def _window(window_ns: int) -> str:
    return format_duration(window_ns).replace(" ", "")


def _trailing(ratios: Ratios, window_ns: int) -> Ratios:
    """For the end of each slice: the mean of e(t) over the window before it, on top of a clean history."""
    width = max(1, window_ns // SLICE_NS)
    sums = np.concatenate(([0.0], np.cumsum(ratios)))
    ends = np.arange(1, len(sums))
    trailing: Ratios = (sums[ends] - sums[np.maximum(0, ends - width)]) / width
    return trailing


def _rehearse(
    alert: BurnAlert, slo: Slo, slices: Slices, ratios: Ratios, offset_s: float, effect_ns: int | None
) -> Alert:
    allowed, threshold = float(1 - slo.target), float(alert.threshold)
    firing = _firing(alert, ratios, allowed)
    every_bad = _firing(alert, np.ones_like(ratios), allowed)
    held = max(0, alert.alert_after_ns // SLICE_NS)
    fired = _first_held(firing, held)
    cleared = None
    if fired is not None:
        later = np.flatnonzero(~firing[fired:])
        cleared = fired + int(later[0]) if len(later) else None
    predicted_s = None
    if effect_ns is not None:
        during = ratios[max(0, (effect_ns - slices.begin_ns) // SLICE_NS) :]
        bad = during[during > 0]
        error = float(bad.mean()) if len(bad) else 0.0
        needed_s = allowed / error * alert.long_window_ns / NS_PER_S * threshold if error else float("inf")
        if error >= threshold * allowed and needed_s <= len(bad):
            predicted_s = offset_s + (effect_ns - slices.begin_ns) / NS_PER_S + needed_s + held
    return Alert(
        policy=alert.policy,
        can_fire=_first_held(every_bad, held) is not None,
        predicted_s=predicted_s,
        fired_s=None if fired is None else offset_s + fired + 1,
        cleared_s=None if cleared is None else offset_s + cleared + 1,
    )


def _firing(alert: BurnAlert, ratios: Ratios, allowed: float) -> npt.NDArray[np.bool_]:
    """For the end of each slice: whether the condition holds over every window of the alert."""
    firing = np.ones(len(ratios), dtype=np.bool_)
    for window_ns in (alert.long_window_ns, alert.short_window_ns):
        if window_ns:
            burn = _trailing(ratios, window_ns) / allowed
            firing &= burn >= float(alert.threshold) if alert.inclusive else burn > float(alert.threshold)
    return firing


def _first_held(firing: npt.NDArray[np.bool_], held: int) -> int | None:
    """The first slice at whose end the condition has held for more than `held` slices."""
    run = 0
    for index, holds in enumerate(firing):
        run = run + 1 if holds else 0
        if run > held:
            return index
    return None
