"""Units and errors."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import FileError, Mistake
from harness.units import (
    DURATION_UNIT_NS,
    NS_PER_S,
    format_duration,
    format_percent,
    format_rate,
    parse_duration_ns,
    parse_rate_per_s,
)


@given(st.integers(0, 10**6), st.sampled_from(sorted(DURATION_UNIT_NS)))
def test_a_duration_is_its_number_times_its_unit(count: int, unit: str) -> None:
    """Durations are exact: whole nanoseconds, no float on the way."""
    duration_ns = count * DURATION_UNIT_NS[unit]
    if duration_ns <= 100 * DURATION_UNIT_NS["Y"]:
        assert parse_duration_ns(f"{count}{unit}") == duration_ns
    else:
        with pytest.raises(ValueError, match="longer than a hundred years"):
            parse_duration_ns(f"{count}{unit}")


def test_a_minute_is_not_a_month() -> None:
    """`1m` is a minute and `1M` is thirty days, as OpenSLO has it."""
    assert parse_duration_ns("1M") == 30 * 24 * 60 * parse_duration_ns("1m")


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1 h 5 m", "1e3s", "0.0000000001s", "\u0661s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """No guessing."""
    with pytest.raises(ValueError, match=r"not a duration|finer than"):
        parse_duration_ns(text)


def test_rates_are_exact() -> None:
    """A thousand an hour is five eighteenths a second, not 0.2777."""
    assert parse_rate_per_s("1000/h") == Fraction(5, 18)
    assert parse_rate_per_s("40/s") == 40


@pytest.mark.parametrize(
    ("duration_ns", "shown"),
    [(0, "0 s"), (310_000_000, "310 ms"), (1_240_000_000, "1.24 s"), (125 * NS_PER_S, "2 min 5 s"), (1500, "1.5 µs")],
)
def test_durations_for_the_eye(duration_ns: int, shown: str) -> None:
    """Three digits and the unit that fits."""
    assert format_duration(duration_ns) == shown


def test_a_percentage_is_never_rounded_to_perfect() -> None:
    """99.9999 % is not shown as 100 %, nor 0.0001 % as nothing."""
    assert format_percent(0.999999) == ">99.99 %"
    assert format_percent(0.000001) == "<0.01 %"
    assert (format_percent(1), format_percent(0), format_percent(Fraction(995, 1000))) == ("100 %", "0 %", "99.5 %")


def test_slow_rates_are_shown_by_the_minute() -> None:
    """Half a request a second is thirty a minute."""
    assert (format_rate(0.5), format_rate(40)) == ("30/min", "40/s")


def test_mistakes_come_in_order_of_file_and_line() -> None:
    """All of them, each on its line, whatever the order they were found in."""
    error = FileError(
        [Mistake("b", 1, "", "x", "y"), Mistake("a", 9, "p", "x", "y", "do z"), Mistake("a", 2, "", "x", "y")]
    )
    assert str(error).splitlines() == [
        "a:2: got x, expected y",
        "a:9: p: got x, expected y; do z",
        "b:1: got x, expected y",
    ]
