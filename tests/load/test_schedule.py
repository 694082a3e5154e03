"""The timetable's laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.load.schedule import duration_ns, expected_arrivals, make_timetable, phase_of, route_offsets_ns
from harness.plan.profile import Arrivals, Profile, Route, Stage

RATES = st.fractions(min_value=0, max_value=300, max_denominator=60)
STAGES = st.lists(
    st.builds(Stage, duration_s=st.sampled_from([0.1, 0.5, 1.0, 2.5, 7.0]), rate_per_s=RATES), min_size=1, max_size=4
).map(tuple)
ROUTES = st.builds(
    lambda stages, arrivals: Route(name="r", stages=stages, arrivals=arrivals), STAGES, st.sampled_from(Arrivals)
)


def profile_of(routes, workers, seed):
    named = tuple(route.model_copy(update={"name": f"r{index}"}) for index, route in enumerate(routes))
    return Profile(base_url="http://h", routes=named, workers=workers, seed=seed)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROUTES, min_size=1, max_size=3), st.integers(1, 5), st.integers(0, 2**32))
def test_worker_shares_partition_the_whole(routes, workers, seed):
    """Every planned arrival belongs to exactly one worker: number `seq` to worker `seq % workers`."""
    profile = profile_of(routes, workers, seed)
    seen = []
    for worker in range(workers):
        rows = list(make_timetable(profile, worker))
        assert rows == sorted(rows, key=lambda row: row[0])
        assert all(seq % workers == worker for _, _, seq in rows)
        seen += rows
    whole = list(make_timetable(profile.model_copy(update={"workers": 1}), 0))
    assert sorted(seen) == sorted(whole)


@settings(max_examples=80, deadline=None)
@given(STAGES, st.integers(0, 8))
def test_constant_arrivals_keep_the_rate_of_every_stage(stages, index):
    """Up to any instant, constant arrivals differ from rate x time by less than one."""
    route = Route(name="r", stages=stages)
    offsets = route_offsets_ns(route, index, 1)
    assert (np.diff(offsets) >= 0).all()
    assert abs(len(offsets) - expected_arrivals(route)) < 1
    end_s, expected = 0.0, 0.0
    for stage in stages:
        end_s, expected = end_s + stage.duration_s, expected + stage.duration_s * float(stage.rate_per_s)
        assert abs((offsets < round(end_s * 1e9)).sum() - expected) <= 1 + 1e-6


@settings(max_examples=40, deadline=None)
@given(ROUTES)
def test_no_arrival_is_outside_the_stages_or_in_one_of_rate_zero(route):
    """Stages follow each other; where the rate is 0 nothing is planned."""
    offsets = route_offsets_ns(route, 0, 7)
    assert not len(offsets) or (offsets[0] >= 0 and offsets[-1] < duration_ns(route))
    start_s = 0.0
    for stage in route.stages:
        inside = (offsets >= round(start_s * 1e9)) & (offsets < round((start_s + stage.duration_s) * 1e9))
        assert stage.rate_per_s or not inside.any()
        start_s += stage.duration_s


def test_the_interval_of_constant_arrivals_is_one_by_rate_and_does_not_drift():
    """500/s for an hour: every gap is 2 ms to the nanosecond."""
    route = Route(name="r", stages=(Stage(duration_s=3600, rate_per_s=500),))
    gaps = np.diff(route_offsets_ns(route, 0, 1))
    assert len(gaps) == 3600 * 500 - 1
    assert set(gaps.tolist()) <= {1_999_999, 2_000_000, 2_000_001}


def test_routes_of_one_rate_do_not_fire_at_the_same_instant():
    """The phases of eight routes differ by at least a hundredth of an interval."""
    phases = sorted(float(phase_of(index)) for index in range(8))
    assert all(0 < phase < 1 for phase in phases)
    assert np.diff(phases).min() > 0.01


def test_poisson_arrivals_are_repeated_by_their_seed_and_differ_between_routes_and_seeds():
    """A run can be repeated from its seed."""
    route = Route(name="r", arrivals=Arrivals.POISSON, stages=(Stage(duration_s=10, rate_per_s=100),))
    one = route_offsets_ns(route, 0, 5).tolist()
    assert one == route_offsets_ns(route, 0, 5).tolist()
    assert one != route_offsets_ns(route, 1, 5).tolist()
    assert one != route_offsets_ns(route, 0, 6).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_poisson_arrivals_have_the_rate_as_mean_and_exponential_gaps(seed):
    """200/s for 100 s: mean within 4 standard errors, gaps with a coefficient of variation of 1."""
    route = Route(name="r", arrivals=Arrivals.POISSON, stages=(Stage(duration_s=100, rate_per_s=200),))
    offsets = route_offsets_ns(route, 0, seed)
    assert abs(len(offsets) - 20_000) < 4 * 20_000**0.5
    gaps = np.diff(offsets)
    assert gaps.std() / gaps.mean() == pytest.approx(1, abs=0.04)


def test_what_is_planned_before_an_instant_is_counted_by_route():
    """An arrival planned for the very instant of the end is not part of the plan."""
    stages = (Stage(duration_s=2, rate_per_s=10),)
    profile = Profile(base_url="http://h", routes=(Route(name="a", stages=stages), Route(name="b", stages=stages)))
    table = make_timetable(profile, 0)
    third_of_a = int(table.offset_ns[(table.route == 0) & (table.seq == 2)][0])
    assert table.planned_before(third_of_a).tolist()[0] == 2
    assert table.planned_before(third_of_a + 1).tolist()[0] == 3
    assert table.planned_before(table.duration_ns).tolist() == [20, 20]
