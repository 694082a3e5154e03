"""Which doses a sweep tries."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from harness.plan import Sweep, next_dose
from harness.plan.doses import STEPS_MAX, bracket, is_close

SWEEP = Sweep(variable="delay_ms", unit="ms", lowest=Fraction(50), highest=Fraction(800))


def tried_against(
    breaks_at: dict[str, float], critical: tuple[str, ...] = (), sweep: Sweep = SWEEP
) -> dict[Fraction, dict[str, bool | None]]:
    """Every dose a sweep tries of a target whose SLOs break from these doses on."""
    tried: dict[Fraction, dict[str, bool | None]] = {}
    while (dose := next_dose(sweep, tried, critical)) is not None:
        assert dose not in tried
        tried[dose] = {name: dose < limit for name, limit in breaks_at.items()}
    return tried


def test_what_never_breaks_is_tried_up_to_the_highest_dose() -> None:
    """Doubling: five doses from 50 ms to 800 ms, and no more."""
    assert list(tried_against({"orders": 1e9})) == [50, 100, 200, 400, 800]


def test_what_breaks_is_bracketed_and_nothing_critical_is_broken_further() -> None:
    """Orders break from 190 ms on: the sweep goes to 200 ms, never above, and ends within 10 % of the truth."""
    tried = tried_against({"orders": 190}, critical=("orders",))
    held, broken = bracket(tried, "orders")
    assert max(tried) == 200
    assert held is not None
    assert broken is not None
    assert held < 190 <= broken
    assert is_close(SWEEP, held, broken)


def test_what_is_not_critical_does_not_end_the_sweep() -> None:
    """A current price breaks early and wakes nobody: the doses go on rising for the other SLOs."""
    tried = tried_against({"price": 120, "orders": 500}, critical=("orders",))
    assert max(tried) == 800
    assert bracket(tried, "price")[1] is not None
    assert bracket(tried, "orders")[1] is not None


def test_what_breaks_at_the_lowest_dose_is_left_there() -> None:
    """There is nothing below the range to look at."""
    assert list(tried_against({"orders": 10}, critical=("orders",))) == [50]


def test_an_undecided_dose_is_not_tried_again() -> None:
    """A dose at which nothing could be decided neither held nor broke, and the sweep comes to an end."""
    tried: dict[Fraction, dict[str, bool | None]] = {}
    while (dose := next_dose(SWEEP, tried, ["orders"])) is not None:
        tried[dose] = {"orders": None}
    assert list(tried) == [50, 100, 200, 400, 800]


limits = st.floats(min_value=1, max_value=2000)


@given(limits, limits, st.sampled_from([(), ("a",), ("a", "b")]))
def test_every_sweep_ends_and_tells_the_truth(a: float, b: float, critical: tuple[str, ...]) -> None:
    """Whatever breaks where: doses stay in the range, no dose is tried twice, each bracket holds the true limit."""
    tried = tried_against({"a": a, "b": b}, critical)
    assert len(tried) <= STEPS_MAX
    assert all(SWEEP.lowest <= dose <= SWEEP.highest for dose in tried)
    for name, limit in (("a", a), ("b", b)):
        held, broken = bracket(tried, name)
        assert held is None or held < limit
        assert broken is None or broken >= limit
        if held is not None and broken is not None:
            assert is_close(SWEEP, held, broken)
