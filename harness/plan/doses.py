"""Which dose a sweep tries next: upwards by doubling until something breaks, then between what held and what broke.

A bracket [held, broken] of an SLO is known well enough when broken - held <= resolution * broken. Doubling and halving
take about log2(highest / lowest) + log2(1 / resolution) steps, where even steps of the resolution would take
log(highest / lowest) / log(1 + resolution): 8 instead of 30 from 50 ms to 800 ms at 10 %.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Final

from harness.plan.watch import Sweep

STEPS_MAX: Final = 24

type Found = Mapping[str, bool | None]  # SLO: kept, broken (False), undecided (None)


def next_dose(sweep: Sweep, tried: Mapping[Fraction, Found], critical: Iterable[str]) -> Fraction | None:
    """The dose to try next; None where everything is known that may be known.

    The dose is not raised further once a critical SLO broke: what is left is looked for below.
    """
    if len(tried) >= STEPS_MAX:
        return None
    if not tried:
        return sweep.lowest
    names = sorted({name for found in tried.values() for name in found})
    broken_first = {name: bracket(tried, name)[1] for name in names}
    largest = max(tried)
    may_rise = all(broken_first[name] is None for name in critical if name in broken_first)
    if may_rise and largest < sweep.highest and any(dose is None for dose in broken_first.values()):
        return min(sweep.highest, 2 * largest)
    for name in names:
        held, broken = bracket(tried, name)
        if held is None or broken is None or is_close(sweep, held, broken):
            continue
        middle = _rounded((held + broken) / 2)
        if held < middle < broken and middle not in tried:
            return middle
    return None


def bracket(tried: Mapping[Fraction, Found], name: str) -> tuple[Fraction | None, Fraction | None]:
    """(largest dose held below the first that broke, smallest dose that broke) of one SLO."""
    broken = min((dose for dose, found in tried.items() if found.get(name) is False), default=None)
    below = (dose for dose, found in tried.items() if found.get(name) is True and (broken is None or dose < broken))
    return max(below, default=None), broken


def is_close(sweep: Sweep, held: Fraction, broken: Fraction) -> bool:
    """Whether a bracket is as narrow as the sweep's resolution."""
    return broken - held <= sweep.resolution * broken


def _rounded(dose: Fraction) -> Fraction:
    """To two significant digits at least: 187.5 ms is said as 188 ms."""
    step = Fraction(1)
    while dose / step < 100:
        step /= 10
    return round(dose / step) * step
