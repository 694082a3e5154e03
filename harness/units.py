"""Durations, rates and ratios: read exactly, kept as integers or fractions, rounded only for the eye.

Inside the product instants and latencies are integer nanoseconds (`_ns`), counts are `int`, targets are `Fraction`.
"""

import re
from fractions import Fraction

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000

# OpenSLO's duration shorthand (M = 30 d, Q = 90 d, Y = 365 d; OpenSLO go-sdk, pkg/openslo/v1), and the two units
# below a second that recovery objectives and latencies need.
DURATION_UNIT_NS = {
    "ms": NS_PER_MS,
    "s": NS_PER_S,
    "m": 60 * NS_PER_S,
    "h": 3_600 * NS_PER_S,
    "d": 86_400 * NS_PER_S,
    "w": 7 * 86_400 * NS_PER_S,
    "M": 30 * 86_400 * NS_PER_S,
    "Q": 90 * 86_400 * NS_PER_S,
    "Y": 365 * 86_400 * NS_PER_S,
}
DURATION_NS_MAX = 100 * DURATION_UNIT_NS["Y"]  # instants and lengths of time fit into 64 bits, their sums too
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d|w|M|Q|Y)", re.ASCII)
_RATE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*/\s*(s|m|h)", re.ASCII)


def parse_duration_ns(text: str) -> int:
    """Nanoseconds of `300ms`, `1.5s`, `5m`, `28d`.

    Raises ValueError where the text is no duration, is no whole number of nanoseconds, or more than a hundred years.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a duration: {text!r}")
    duration_ns = Fraction(match[1]) * DURATION_UNIT_NS[match[2]]
    if duration_ns.denominator != 1:
        raise ValueError(f"finer than a nanosecond: {text!r}")
    if duration_ns > DURATION_NS_MAX:
        raise ValueError(f"longer than a hundred years: {text!r}")
    return int(duration_ns)


def parse_rate_per_s(text: str) -> Fraction:
    """Arrivals per second of `40/s`, `90/m`, `1000/h`. Raises ValueError where the text is no rate."""
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a rate: {text!r}")
    return Fraction(match[1]) * NS_PER_S / DURATION_UNIT_NS[match[2]]


def format_duration(duration_ns: float) -> str:
    """A duration for the eye: three significant digits and the unit that fits (`1.24 s`, `310 ms`, `2 min 5 s`)."""
    size_ns = abs(duration_ns)
    if size_ns < NS_PER_MS:
        return f"{_three_digits(duration_ns / NS_PER_US)} µs" if size_ns else "0 s"
    if size_ns < NS_PER_S:
        return f"{_three_digits(duration_ns / NS_PER_MS)} ms"
    if size_ns < 120 * NS_PER_S:
        return f"{_three_digits(duration_ns / NS_PER_S)} s"
    minutes, seconds = divmod(round(size_ns / NS_PER_S), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    shown = [f"{count} {unit}" for count, unit in parts if count]
    return ("-" if duration_ns < 0 else "") + " ".join(shown[:2])


def format_rate(rate_per_s: Fraction | float) -> str:
    """A rate for the eye: `40/s`, `2.5/s`, `30/min`."""
    if 0 < rate_per_s < 1:
        return f"{_three_digits(float(rate_per_s) * 60)}/min"
    return f"{_three_digits(float(rate_per_s))}/s"


def format_percent(ratio: Fraction | float, digits: int = 2) -> str:
    """A ratio in 0..1 as percent, never rounded up to 100 % or down to 0 % when it is neither."""
    percent = float(ratio) * 100
    shown = f"{percent:.{digits}f}"
    if percent != 0 and float(shown) == 0:
        return f"<{10**-digits:.{digits}f} %"
    if percent < 100 and float(shown) == 100:
        return f">{100 - 10**-digits:.{digits}f} %"
    return f"{shown.rstrip('0').rstrip('.') if '.' in shown else shown} %"


def _three_digits(value: float) -> str:
    magnitude = f"{value:.3g}"
    return f"{float(magnitude):.0f}" if abs(float(magnitude)) >= 100 else magnitude
