"""The test that decides a phase: right however often one looks, and exact about how many answers it needs."""

from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.plan import (
    ALPHA,
    LOG_DECIDED,
    is_decided,
    log_evidence_broken,
    log_evidence_kept,
    requests_needed,
)

TARGETS = [Fraction(text) for text in ("0.5", "0.9", "0.95", "0.99", "0.995", "0.999", "0.9999")]
targets = st.sampled_from(TARGETS)
some = settings(max_examples=60, deadline=None)


@cache
def _limits(target, longest):
    """For each number of answers: the most bad ones that still decide "kept", the fewest that decide "broken"."""
    kept, broken = np.full(longest + 1, -1), np.zeros(longest + 1, dtype=int)
    few, many = -1, 0
    for total in range(1, longest + 1):
        while few + 1 <= total and log_evidence_kept(few + 1, total, target) >= LOG_DECIDED:
            few += 1
        while many <= total and log_evidence_broken(many, total, target) < LOG_DECIDED:
            many += 1
        kept[total], broken[total] = few, many
    return kept, broken


def _decided(bad_ratio, target, longest, runs, seed):
    """Share of runs decided "kept", and decided "broken", at any look: after every single answer."""
    kept, broken = _limits(target, longest)
    bad = np.cumsum(np.random.default_rng(seed).random((runs, longest)) < bad_ratio, axis=1)
    first_kept, first_broken = bad <= kept[1:], bad >= broken[1:]
    return first_kept.any(axis=1).mean(), first_broken.any(axis=1).mean()


@pytest.mark.parametrize("target", [Fraction("0.9"), Fraction("0.95"), Fraction("0.99")])
def test_looking_after_every_answer_is_wrong_at_most_as_often_as_promised(target):
    """At p = 1 - T, "kept" and "broken" each come up in at most 5 % of runs, though one looks 1,500 times in each."""
    runs = 2000
    noise = 3 * (ALPHA * (1 - ALPHA) / runs) ** 0.5
    wrongly_kept, wrongly_broken = _decided(float(1 - target), target, 1500, runs, seed=7)
    assert wrongly_kept <= ALPHA + noise
    assert wrongly_broken <= ALPHA + noise


def test_a_service_well_within_its_slo_is_soon_shown_to_keep_it():
    """At a tenth of the bad ratio allowed, nearly every run is decided "kept", and hardly any "broken"."""
    kept, broken = _decided(0.005, Fraction("0.95"), 1500, 500, seed=7)
    assert kept > 0.99
    assert broken <= ALPHA


def test_a_service_well_beyond_its_slo_is_soon_shown_to_break_it():
    """At three times the bad ratio allowed, nearly every run is decided "broken", and hardly any "kept"."""
    kept, broken = _decided(0.15, Fraction("0.95"), 1500, 500, seed=7)
    assert broken > 0.99
    assert kept <= ALPHA


@some
@given(targets, st.integers(0, 5000), st.data())
def test_one_more_bad_answer_is_evidence_against_the_slo(target, total, data):
    """Of as many answers, one more bad one lowers the evidence for "kept" and raises that for "broken"."""
    bad = data.draw(st.integers(0, max(0, total - 1)))
    if total:
        assert log_evidence_kept(bad + 1, total, target) < log_evidence_kept(bad, total, target)
        assert log_evidence_broken(bad + 1, total, target) > log_evidence_broken(bad, total, target)


@some
@given(targets, st.integers(0, 5000), st.data())
def test_one_more_good_answer_is_evidence_for_the_slo(target, total, data):
    """With as many bad answers, one more good one does the reverse."""
    bad = data.draw(st.integers(0, total))
    assert log_evidence_kept(bad, total + 1, target) > log_evidence_kept(bad, total, target)
    assert log_evidence_broken(bad, total + 1, target) < log_evidence_broken(bad, total, target)


@some
@given(targets, st.integers(0, 5000), st.data())
def test_nothing_is_decided_both_ways(target, total, data):
    """No answers, however many, show that an SLO is kept and broken at once."""
    bad = data.draw(st.integers(0, total))
    kept, broken = log_evidence_kept(bad, total, target), log_evidence_broken(bad, total, target)
    assert not (kept >= LOG_DECIDED and broken >= LOG_DECIDED)
    assert is_decided(bad, total, target) == (kept >= LOG_DECIDED or broken >= LOG_DECIDED)


@some
@given(targets, st.integers(0, 30))
def test_the_requests_needed_are_exact(target, bad):
    """As many as needed decide, one fewer does not."""
    needed = requests_needed(target, bad)
    assert log_evidence_kept(bad, needed, target) >= LOG_DECIDED
    assert log_evidence_kept(bad, needed - 1, target) < LOG_DECIDED
    assert requests_needed(target, bad + 1) > needed


def test_nothing_seen_is_no_evidence():
    """Before the first answer the evidence is 1, its logarithm 0, whatever the target."""
    for target in TARGETS:
        assert log_evidence_kept(0, 0, target) == pytest.approx(0)
        assert log_evidence_broken(0, 0, target) == pytest.approx(0)
        assert not is_decided(0, 0, target)


def test_about_3_7_over_the_budget_are_needed_without_a_failure():
    """For targets of 99 % and more, no failure in about 3.7/(1 - T) answers decides "kept"."""
    for target in TARGETS[3:]:
        assert requests_needed(target) * (1 - target) == pytest.approx(3.68, abs=0.06)
    assert requests_needed(Fraction("0.999")) == 3685
    assert requests_needed(Fraction("0.999"), 1) == 6252


def test_evidence_is_what_the_formula_says():
    """E is the mean, over the alternatives, of the likelihood ratios: checked against plain arithmetic."""
    p0 = 0.1
    points = p0 * np.geomspace(1 / 32, 0.9, 48)
    expected = np.mean((points / p0) ** 3 * ((1 - points) / (1 - p0)) ** 97)
    assert log_evidence_kept(3, 100, Fraction("0.9")) == pytest.approx(np.log(expected))


def test_a_target_of_zero_cannot_be_broken():
    """An SLO of 0 % is kept by whatever comes."""
    assert log_evidence_kept(5, 5, Fraction(0)) >= LOG_DECIDED
    assert log_evidence_broken(5, 5, Fraction(0)) < LOG_DECIDED
    assert requests_needed(Fraction(0)) == 1
