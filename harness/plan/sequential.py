"""Whether a phase keeps an SLO: an anytime-valid test on both sides.

A mixture e-process for independent answers, each bad with probability p, against the limit p0 = 1 - T:

    E(k, n) = sum_j w_j * (p_j / p0)^k * ((1 - p_j) / (1 - p0))^(n - k)

    n    answers seen (count)              k    bad ones among them (count)
    p0   largest bad ratio allowed (0..1)  p_j  alternatives, w_j their weights (sum 1)

With every p_j below p0, E measures the evidence that the SLO is kept; with every p_j above, that it is broken. By
Ville's inequality E ever reaches 1/alpha with probability at most alpha where it should not, however often one looks.
That is what allows a phase to end as soon as it is decided. Any fixed weights are valid; ours are spread evenly over
the logarithm of p, so that few requests suffice where there are no failures. Source: Robbins 1970; Ramdas, Grunwald,
Vovk, Shafer 2023, "Game-theoretic statistics and safe anytime-valid inference".

Subtle: this holds for independent answers. Within an outage they are not, so the fault phase is never judged by it.
"""

import math
from fractions import Fraction
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

ALPHA: Final = 0.05  # risk of a wrong "met", and of a wrong "missed", each
LOG_DECIDED: Final = math.log(1 / ALPHA)
_POINTS: Final = 48
# Alternatives reach from p0 / 32 to 0.9 p0. Measured at 99.9 %: reaching to p0 / 1024 needs 3,282 answers with no
# failure but 6,870 with one; p0 / 32 needs 3,685 and 6,252. One failure is common, so the nearer reach serves better.
_LOWEST: Final = 1 / 32
_HIGHEST_GOOD: Final = 1 / 1024  # the highest alternative leaves this share of (1 - p0) good


def log_evidence_kept(bad: int, total: int, target: Fraction) -> float:
    """Log of E for "the bad ratio is below 1 - target"; infinite for target 0, which cannot be broken."""
    return _log_evidence(bad, total, *_alternatives_below(1 - target)) if target > 0 else math.inf


def log_evidence_broken(bad: int, total: int, target: Fraction) -> float:
    """Log of E for "the bad ratio is above 1 - target"; minus infinite for target 0."""
    return _log_evidence(bad, total, *_alternatives_above(1 - target)) if target > 0 else -math.inf


def is_decided(bad: int, total: int, target: Fraction) -> bool:
    """Whether the answers seen so far decide the SLO, one way or the other."""
    return (
        log_evidence_kept(bad, total, target) >= LOG_DECIDED or log_evidence_broken(bad, total, target) >= LOG_DECIDED
    )


@cache
def requests_needed(target: Fraction, bad: int = 0) -> int:
    """Fewest answers that decide "kept" when `bad` of them are bad (about 3.7/(1 - T) with none)."""
    low, high = bad, max(64, bad * 2)
    while log_evidence_kept(bad, high, target) < LOG_DECIDED:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if log_evidence_kept(bad, middle, target) >= LOG_DECIDED else (middle, high)
    return high


type _Points = npt.NDArray[np.float64]


def _log_evidence(bad: int, total: int, log_odds_bad: _Points, log_odds_good: _Points) -> float:
    assert 0 <= bad <= total, (bad, total)
    logs = bad * log_odds_bad + (total - bad) * log_odds_good
    largest = float(logs.max())
    return largest + math.log(float(np.exp(logs - largest).mean()))


@cache
def _alternatives_below(limit: Fraction) -> tuple[_Points, _Points]:
    """For each p_j < p0: ln(p_j / p0), ln((1 - p_j) / (1 - p0))."""
    p0 = float(limit)
    points = p0 * np.geomspace(_LOWEST, 0.9, _POINTS)
    return np.log(points / p0), np.log1p(-points) - math.log1p(-p0)


@cache
def _alternatives_above(limit: Fraction) -> tuple[_Points, _Points]:
    """For each p_j > p0: ln(p_j / p0), ln((1 - p_j) / (1 - p0))."""
    p0 = float(limit)
    points = np.geomspace(min(p0 * 1.1, (1 + p0) / 2), 1 - (1 - p0) * _HIGHEST_GOOD, _POINTS)
    return np.log(points / p0), np.log1p(-points) - math.log1p(-p0)
