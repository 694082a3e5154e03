from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from built_runs import BEGIN_NS, END_S, INJECT_S, at, barely_begun, drilled, traffic

from harness.judge import judge
from harness.record import Outcome, Record
from harness.report import timeline
from harness.report.timeline import CLASSES, GOOD, LATE, UNANSWERED, UNSENT, classes_of, timeline_of


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return drilled(tmp_path_factory.mktemp("drilled"))


def test_each_request_is_drawn_once(record: Record) -> None:
    """The bars of all outcomes together hold every planned request."""
    drawn = timeline_of(record)
    assert sum(float(np.sum(rates)) for rates in drawn.outcomes.values()) == pytest.approx(len(record.requests))


def test_error_ratio_is_the_judges(record: Record) -> None:
    """The error ratios drawn and the budget of the verdict come from the same slices."""
    drawn, judgement = timeline_of(record), judge(record)
    for slo in record.plan.slos:
        bad_s = float(np.nansum(drawn.error_ratio[slo.name]))
        assert bad_s / 60 == pytest.approx(judgement.budget[slo.name].bad_minutes_at_production)
        share = bad_s / (float(1 - slo.target) * slo.window_ns / 1e9)
        assert share == pytest.approx(judgement.budget[slo.name].share_of_window)


def test_outcomes_are_told_apart(record: Record) -> None:
    """An answer that only its latency makes bad is too late; others go by status, by silence, by never being sent."""
    requests = record.requests.copy()
    requests["outcome"][-1] = Outcome.EXPIRED
    classes = classes_of(replace(record, requests=requests))
    names = np.array(CLASSES)[classes]
    assert set(names) == {GOOD, LATE, "5xx", UNANSWERED, UNSENT}
    assert np.all(requests["status"][names == "5xx"] == 503)
    assert np.all((requests["done_ns"] - requests["planned_ns"])[names == LATE] > 250e6)
    assert np.all(requests["outcome"][names == UNANSWERED] != Outcome.ANSWERED)
    assert names[-1] == UNSENT


def test_a_silent_zone_is_seen_to_be_silent(record: Record) -> None:
    """Answers of the zone that was stopped fall to nothing while the others take its share."""
    drawn = timeline_of(record)
    during = (drawn.at_s > INJECT_S + 1) & (drawn.at_s < 40)
    assert np.all(drawn.zones["zone-a"][during] == 0)
    assert np.all(drawn.zones["zone-b"][during] > 80)


def test_latency_counts_from_the_planned_time(tmp_path: Path) -> None:
    """A request sent a second late is a second slower, however fast its answer came."""
    record = drilled(tmp_path)
    requests = record.requests.copy()
    late = (requests["planned_ns"] >= at(10)) & (requests["planned_ns"] < at(11))
    requests["sent_ns"][late] += 1_000_000_000
    requests["done_ns"][late] += 1_000_000_000
    drawn = timeline_of(replace(record, requests=requests))
    place = int(np.flatnonzero(drawn.at_s == 10)[0])
    assert 1_000 < drawn.latency_ms_p50[place] < 1_060
    assert drawn.latency_ms_p50[place + 1] < 60


def test_a_long_run_is_drawn_with_a_bounded_number_of_points(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the run, a series has at most BINS_MAX points, and they still hold all that was counted."""
    monkeypatch.setattr(timeline, "BINS_MAX", 20)
    drawn = timeline_of(record)
    assert drawn.width_s == 4
    assert len(drawn.at_s) <= 20
    for slo in record.plan.slos:
        assert len(drawn.error_ratio[slo.name]) == len(drawn.at_s)
    answers = np.count_nonzero(record.requests["outcome"] == Outcome.ANSWERED)
    seconds = np.minimum(drawn.at_s + drawn.width_s, drawn.end_s) - np.maximum(drawn.at_s, 0)
    shown = sum(float(np.nansum(rates * seconds)) for rates in drawn.zones.values())
    assert shown == pytest.approx(answers, rel=0.001)


def test_nothing_is_drawn_of_nothing(tmp_path: Path) -> None:
    """A run killed before its first request has an empty timeline, not an error."""
    drawn = timeline_of(barely_begun(tmp_path))
    assert len(drawn.at_s) == 0
    assert drawn.phases == ()


def test_built_traffic_is_what_the_tests_think(record: Record) -> None:
    """The built run holds both routes in order of planned time."""
    assert record.requests["planned_ns"][0] == BEGIN_NS
    assert len(traffic()) == len(record.requests) == 2 * END_S * 100
    assert record.plan.slos[0].target == Fraction(99, 100)
