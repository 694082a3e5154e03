"""Figures and outcomes in words, the same in every form of the report. Percent exists only from here on."""

from collections.abc import Iterable
from typing import Final

from harness.judge import Interval, Judgement, Kind, Outcome, Recovery, Verdict
from harness.text import visible as visible  # what is shown goes through it
from harness.units import NS_PER_S, format_duration, format_percent

NOT_KNOWN: Final = "-"
_RUN_COMPLETE: Final = "run complete"  # the judge's name of a promise that only a run cut short has, and never keeps
_RATIO: Final = "ratio"
_MOST: Final = (Kind.RTO, Kind.RPO, Kind.BUDGET)  # what is claimed of these is an upper limit
_PERCENT_DIGITS: Final = 3  # as the judge's own sentences, so that a figure reads the same in both
_DIGITS_MOST: Final = 10
_ORDER: Final = (Outcome.MISSED, Outcome.UNKNOWN, Outcome.MET)
_SYMBOLS: Final = {Outcome.MET: "✓", Outcome.MISSED: "✗", Outcome.UNKNOWN: "?"}
_SYMBOLS_ASCII: Final = {Outcome.MET: "+", Outcome.MISSED: "x", Outcome.UNKNOWN: "?"}


def symbol(outcome: Outcome, encoding: str = "utf-8") -> str:
    """One character for an outcome; never shown without its word."""
    return (_SYMBOLS if encoding.lower().startswith("utf") else _SYMBOLS_ASCII)[outcome]


def outcome_sentence(judgement: Judgement) -> str:
    """The whole run in a sentence: `MISSED: 1 of 17 promises missed, 0 unknown`."""
    total = len(judgement.verdicts)
    missed = sum(one.outcome is Outcome.MISSED for one in judgement.verdicts)
    unknown = sum(one.outcome is Outcome.UNKNOWN for one in judgement.verdicts)
    match judgement.outcome:
        case Outcome.MET:
            said = f"all {total} promises met"
        case Outcome.MISSED:
            said = f"{missed} of {total} promises missed, {unknown} unknown"
        case Outcome.UNKNOWN:
            said = f"{unknown} of {total} promises unknown, none missed"
    return f"{judgement.outcome.upper()}: {said}"


def worst_first(judgement: Judgement) -> list[Verdict]:
    """Missed, unknown, met; within each, the judge's order, which is that of the run's story."""
    return sorted(judgement.verdicts, key=lambda verdict: _ORDER.index(verdict.outcome))


def worst_last(judgement: Judgement) -> list[Verdict]:
    """Met, unknown, missed; within each, the judge's order."""
    return sorted(judgement.verdicts, key=lambda verdict: -_ORDER.index(verdict.outcome))


def cut_short(verdicts: Iterable[Verdict]) -> Verdict | None:
    """The verdict that says why the run did not go on to its end, if it did not."""
    return next((one for one in verdicts if one.kind is Kind.FAULT and one.promise == _RUN_COMPLETE), None)


def claimed(verdict: Verdict) -> str:
    """What was claimed, with its direction: `at least 99.5 %`, `at most 10 s`."""
    if verdict.claimed is None or isinstance(verdict.claimed, str):
        return verdict.claimed or NOT_KNOWN
    if verdict.unit == "s":
        shown = duration(verdict.claimed)
    else:
        shown = _amount(verdict.claimed, verdict.unit, _PERCENT_DIGITS)
    if verdict.kind in _MOST or (verdict.kind is Kind.BREAKER and verdict.unit == "s"):
        return f"at most {shown}"
    return f"at least {shown}" if verdict.unit == _RATIO else shown


def measured(verdict: Verdict) -> str:
    """What was measured, with as many digits as it takes to tell it from what was claimed."""
    if verdict.measured is None or isinstance(verdict.measured, str):
        return verdict.measured or NOT_KNOWN
    for digits in range(_PERCENT_DIGITS, _DIGITS_MOST):
        shown = _amount(verdict.measured, verdict.unit, digits)
        if isinstance(verdict.claimed, str | None) or verdict.claimed == verdict.measured:
            break
        if shown != _amount(verdict.claimed, verdict.unit, digits):
            break
    return shown


def _amount(value: float, unit: str, digits: int) -> str:
    if unit == _RATIO:
        return format_percent(value, digits)
    if unit == "s":
        return f"{value:.{digits}f} s"
    return f"{value:,.6g} {unit}".rstrip()


def percent(ratio: float | None) -> str:
    """A ratio in 0..1 as percent."""
    return NOT_KNOWN if ratio is None else format_percent(ratio, _PERCENT_DIGITS)


def duration(seconds: float | None) -> str:
    """A length of time given in seconds."""
    return NOT_KNOWN if seconds is None else format_duration(seconds * NS_PER_S)


def instant(seconds: float | None) -> str:
    """An instant, in seconds since the run's start, to the millisecond."""
    return NOT_KNOWN if seconds is None else f"{seconds:.3f} s"


def between(interval: Interval | None) -> str:
    """A time known to lie in an interval, to the millisecond."""
    if interval is None:
        return NOT_KNOWN
    if interval.lower == interval.upper:
        return instant(interval.upper)
    return f"{interval.lower:.3f} to {interval.upper:.3f} s"


def unbroken(recovery: Recovery) -> str:
    """What an SLO without an effect is said to be: the judge gives it a recovery time (of 0) only where it knows."""
    return "unknown" if recovery.rta_inject_s is None else "never broken"


def count(value: int) -> str:
    """A count with its thousands."""
    return f"{value:,}"


def plural(value: int, noun: str) -> str:
    """`1 relapse`, `2 relapses`."""
    return f"{value:,} {noun}" if value == 1 else f"{value:,} {noun}s"


def yes(value: bool) -> str:  # noqa: FBT001  the value is all it takes
    """`yes` or `no`."""
    return "yes" if value else "no"
