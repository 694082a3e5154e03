"""OpenSLO documents and recovery objectives become promises."""

from fractions import Fraction
from pathlib import Path

import pytest

from harness import slo
from harness.slo import (
    BudgetingMethod,
    BurnAlert,
    Calendar,
    Disruption,
    EmptySlices,
    ForeignIndicator,
    LoadIndicator,
    RecoveryClock,
    RecoveryLevel,
    RequestTemplate,
)
from harness.units import NS_PER_MS, NS_PER_S

BASE = (Path(__file__).parent / "base.yaml").read_text()
HOUR_NS = 3600 * NS_PER_S


def read(tmp_path: Path, text: str) -> slo.Promises:
    path = tmp_path / "slos.yaml"
    path.write_text(text)
    return slo.read([path])


def changed(tmp_path: Path, *changes: tuple[str, str]) -> slo.Promises:
    text = BASE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return read(tmp_path, text)


def test_an_slo(tmp_path: Path):
    """An SLO has its target exactly, its window, its indicator, its traffic, and the place it stands."""
    (one,) = read(tmp_path, BASE).slos
    assert (one.name, one.title, one.service) == ("buying", "buying", "web")
    assert one.target == Fraction("0.995")
    assert (one.budgeting, one.window_ns, one.rolling) == (BudgetingMethod.OCCURRENCES, 28 * 24 * HOUR_NS, True)
    assert one.indicator == LoadIndicator(
        request="POST /buy", status=("2xx",), within_ns=300 * NS_PER_MS, data_source="drill"
    )
    assert (one.traffic_per_s, one.peak_per_s) == (40, 120)
    assert (one.empty_slices, one.empty_floor, one.critical) == (EmptySlices.EXCLUDE, None, True)
    assert one.where == f"{tmp_path / 'slos.yaml'}:58"


def test_a_burn_alert(tmp_path: Path):
    """A policy's condition has the exact threshold, both windows, and the time it must hold."""
    (alert,) = read(tmp_path, BASE).slos[0].alerts
    assert alert == BurnAlert(
        policy="hours",
        condition="fast-burn",
        severity="page",
        threshold=Fraction("13.44"),
        inclusive=True,
        long_window_ns=HOUR_NS,
        short_window_ns=300 * NS_PER_S,
        alert_after_ns=120 * NS_PER_S,
    )


def test_a_recovery_objective(tmp_path: Path):
    """A recovery objective counts from the injection until the SLOs are kept, unless it says otherwise."""
    (one,) = read(tmp_path, BASE).objectives
    assert (one.name, one.service, one.disruption) == ("zone", "web", Disruption.AZ)
    assert (one.rto_ns, one.rpo_ns) == (10 * NS_PER_S, NS_PER_S)
    assert (one.clock, one.level) == (RecoveryClock.INJECT, RecoveryLevel.IN_SLO)
    (other,) = changed(tmp_path, ("rpo: 1s", "rpo: 0s, clock: effect, level: caught-up")).objectives
    assert (other.rpo_ns, other.clock, other.level) == (0, RecoveryClock.EFFECT, RecoveryLevel.CAUGHT_UP)


def test_request_templates(tmp_path: Path):
    """A template says all of a request; a request without one is made as it is named."""
    assert read(tmp_path, BASE).requests == {
        "POST /buy": RequestTemplate(
            request="POST /buy",
            method="POST",
            path="/buy",
            headers={"Content-Type": "text/plain"},
            body="{id} {colour}",
            parameters={"colour": ("red", "2")},
            timeout_ns=2 * NS_PER_S,
        )
    }
    promises = changed(
        tmp_path,
        ("request: POST /buy, ", "request: GET /x?q={id}, "),
        ("{request: POST /buy}", "{request: 'GET /x?q={id}'}"),
        ("request: GET /x?q={id}, status", "request: 'GET /x?q={id}', status"),
    )
    assert promises.requests["GET /x?q={id}"] == RequestTemplate(
        request="GET /x?q={id}", method="GET", path="/x?q={id}"
    )
    assert "POST /buy" in promises.requests


@pytest.mark.parametrize(
    ("status", "good", "bad"),
    [("2xx", (200, 299), (199, 300)), ("200", (200,), (201, 20)), ("[2xx, 404]", (204, 404), (400, 405))],
)
def test_status(tmp_path: Path, status: str, good: tuple[int, ...], bad: tuple[int, ...]):
    """A status is a class, a code, or a list of them."""
    indicator = changed(tmp_path, ("status: 2xx", f"status: {status}")).slos[0].indicator
    assert isinstance(indicator, LoadIndicator)
    assert [indicator.matches_status(code) for code in (*good, *bad)] == [True] * len(good) + [False] * len(bad)


@pytest.mark.parametrize(
    ("written", "read_as"),
    [("target: 0.9999", "0.9999"), ("targetPercent: 99.95", "0.9995"), ("target: 0", "0"), ("target: 0.1e0", "0.1")],
)
def test_targets_are_exact(tmp_path: Path, written: str, read_as: str):
    """A target is the decimal that was written, whether as a ratio or in percent."""
    changes = [("target: 0.995", written), ("threshold: 13.44", "threshold: 1")]
    assert changed(tmp_path, *changes).slos[0].target == Fraction(read_as)


def test_annotations(tmp_path: Path):
    """Annotations under wellproven.dev/ say what OpenSLO cannot; those of others are left alone."""
    annotations = """\
    wellproven.dev/empty-slices: bad
    wellproven.dev/empty-floor: "10"
    wellproven.dev/critical: "false"
    example.org/owner: us
"""
    (one,) = changed(tmp_path, ("    wellproven.dev/traffic: 40/s\n    wellproven.dev/peak: 120/s\n", annotations)).slos
    assert (one.empty_slices, one.empty_floor, one.critical) == (EmptySlices.BAD, 10, False)
    assert one.traffic_per_s is one.peak_per_s is None


def test_several_objectives(tmp_path: Path):
    """Each objective of an SLO is a promise of its own, named after it, or numbered."""
    slos = changed(
        tmp_path,
        ("    - target: 0.995", "    - {target: 0.995, displayName: strict}\n    - {targetPercent: 99}"),
    ).slos
    assert [(one.name, one.title, one.where.rpartition(":")[2]) for one in slos] == [
        ("buying/strict", "strict", "70"),
        ("buying/1", "buying/1", "71"),
    ]
    assert [one.target for one in slos] == [Fraction("0.995"), Fraction("0.99")]


def test_timeslices(tmp_path: Path):
    """Timeslices have a target and a window of their own; RatioTimeslices only a window; Occurrences neither."""
    objective = "- {target: 0.995, timeSliceTarget: 0.95, timeSliceWindow: 1m}"
    expected = {
        "Timeslices": (Fraction("0.95"), 60 * NS_PER_S),
        "RatioTimeslices": (None, 60 * NS_PER_S),
        "Occurrences": (None, None),
    }
    for method, values in expected.items():
        changes = [("budgetingMethod: Occurrences", f"budgetingMethod: {method}"), ("- target: 0.995", objective)]
        (one,) = changed(tmp_path, *changes).slos
        assert (one.slice_target, one.slice_window_ns) == values


def test_calendar_window(tmp_path: Path):
    """A window that does not roll begins by its calendar; the time stays the text that was written."""
    calendar = "isRolling: false\n      calendar: {startTime: 2022-01-01 12:00:00, timeZone: America/New_York}"
    (one,) = changed(tmp_path, ("isRolling: true", calendar), ("duration: 28d", "duration: 1M")).slos
    assert (one.rolling, one.window_ns) == (False, 30 * 24 * HOUR_NS)
    assert one.calendar == Calendar(start="2022-01-01 12:00:00", time_zone="America/New_York")


def test_inline_documents(tmp_path: Path):
    """Policy, condition and notification target may stand inline where they are used."""
    policy = """
    - kind: AlertPolicy
      metadata: {name: inline-policy}
      spec:
        conditions:
          - kind: AlertCondition
            metadata: {name: inline-condition, annotations: {wellproven.dev/short-window: 30m}}
            spec:
              severity: ticket
              condition: {kind: burnrate, op: gt, threshold: 6, lookbackWindow: 6h}
        notificationTargets:
          - kind: AlertNotificationTarget
            metadata: {name: us}
            spec: {target: mail}"""
    (one,) = changed(tmp_path, (" [{alertPolicyRef: hours}]", policy)).slos
    (alert,) = one.alerts
    assert (alert.policy, alert.condition, alert.threshold) == ("inline-policy", "inline-condition", 6)
    assert (alert.inclusive, alert.short_window_ns, alert.alert_after_ns) == (False, 1800 * NS_PER_S, 0)


@pytest.mark.parametrize(
    ("name", "type_", "form", "queries"),
    [
        ("threshold", "prometheus", "threshold", {"threshold": "p99(latency)"}),
        ("ratio", "prometheus", "ratio", {"bad": "sum(rate(errors[5m]))", "total": '{"promql": "sum(rate(all[5m]))"}'}),
        ("raw", "cloudwatch", "raw", {"raw": '{"namespace": "Search", "metricName": "Availability"}'}),
        ("composite/found", "composite", "composite", {}),
        ("composite/ready", "composite", "composite", {}),
    ],
)
def test_foreign_indicators(name: str, type_: str, form: str, queries: dict[str, str]):
    """Metrics of other systems and composite SLOs are kept as written, and say that our load cannot see them."""
    promises = slo.read([Path(__file__).parent / "foreign.yaml"])
    (indicator,) = [one.indicator for one in promises.slos if one.name == name]
    assert isinstance(indicator, ForeignIndicator)
    assert (indicator.type, indicator.form, indicator.queries) == (type_, form, queries)
    assert "our load cannot see" in indicator.description
    assert promises.requests == {}


def test_largest_possible_burn(tmp_path: Path):
    """A threshold equal to the largest possible burn is fine: it is reached when every request is bad."""
    assert changed(tmp_path, ("target: 0.995", "target: 0.9"), ("threshold: 13.44", "threshold: 10")).slos


def test_the_shop():
    """The shop's own file promises what its comments say."""
    promises = slo.read([Path(__file__).parents[2] / "slos"])
    table = {
        one.name: (one.indicator.request, one.indicator.within_ns, float(one.target), one.traffic_per_s, one.peak_per_s)
        for one in promises.slos
        if isinstance(one.indicator, LoadIndicator)
    }
    assert table == {
        "orders-accepted": ("POST /orders", None, 0.995, 40, 120),
        "orders-fast": ("POST /orders", 500 * NS_PER_MS, 0.99, 40, 120),
        "catalogue-available": ("GET /catalogue", NS_PER_S, 0.995, 100, None),
        "price-answered": ("GET /price/{sku}", NS_PER_S, 0.995, 60, None),
        "price-current": ("GET /price/{sku}", None, 0.95, 60, None),
    }
    current = next(one for one in promises.slos if one.name == "price-current")
    assert isinstance(current.indicator, LoadIndicator)
    assert (current.indicator.fallback_is_good, current.critical) == (False, False)
    assert {(one.name, one.disruption, one.rto_ns, one.rpo_ns) for one in promises.objectives} == {
        ("shop-az", Disruption.AZ, 10 * NS_PER_S, NS_PER_S),
        ("shop-software", Disruption.SOFTWARE, 5 * NS_PER_S, None),
        ("shop-hardware", Disruption.HARDWARE, 5 * NS_PER_S, None),
    }


def test_the_shops_burn_rates():
    """Each factor is its share of the budget, times 28 days, over its window; the short window is a twelfth."""
    alerts = slo.read([Path(__file__).parents[2] / "slos" / "shop.yaml"]).slos[0].alerts
    shares = (Fraction("0.02"), Fraction("0.05"), Fraction("0.1"), Fraction("0.1"))
    for alert, share in zip(alerts, shares, strict=True):
        factor = share * 28 * 24 * HOUR_NS / alert.long_window_ns
        assert abs(alert.threshold - factor) < Fraction("0.0005")
        assert alert.short_window_ns == alert.long_window_ns // 12
