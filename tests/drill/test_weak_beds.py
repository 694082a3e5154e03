"""What the drills exist to find: each bed with a known weakness misses the drill that looks for it.

Apart from the other drills, so that no bed of theirs is up beside these: even at rest one takes a third of a processor.
"""

import json
from pathlib import Path

import pytest

from tests.drill.drills import drill_weak, is_cut_short

pytestmark = pytest.mark.bed


def test_a_bed_without_failover_is_missed(tmp_path: Path) -> None:
    """The known weakness is found: orders come back only when the zone does, so the RTO is missed."""
    found = drill_weak({"failover": False}, tmp_path)
    assert found.outcome("shop-az RTO") == "missed"
    assert "only after the fault was removed: no failover" in found.because("shop-az RTO")
    assert found.outcome("fault applied") == "met"
    assert found.exit_code == 1


def test_a_fault_that_hits_nothing_is_unknown(tmp_path: Path) -> None:
    """The cloud says stopped, Chaos Toolkit says completed, and the zone goes on serving: nothing is proven."""
    found = drill_weak({"reconcile": False}, tmp_path, spoilt=lambda one: one.exit_code != 2 or is_cut_short(one))
    assert found.outcome("fault applied") == "unknown"
    assert "zone us-east-1a silent not seen" in found.because("fault applied")
    assert found.outcome("shop-az RTO") == "unknown"
    assert found.exit_code == 2
    journal = json.loads((found.run / "journal.json").read_text())
    assert (journal["status"], journal["deviated"]) == ("completed", False)


# What the bed is built without, and the promise that is missed for it.
WEAK = {
    "instance-lost": ({"health_checks": False}, "shop-hardware RTO"),
    "traffic-surge": ({"requests_per_s_max": 305}, "shop-software RTO"),
    "database-killed": ({"finds_writer": False}, "shop-software RTO"),
    "cache-lost": ({"cache": "required"}, "shop-software RTO"),
    "replication-slow": ({"replication": "strict"}, "shop-software RTO"),
    "replication-cut": ({"replication_delay_ms": 4_000}, "shop-az RPO"),
    "zone-blackhole": ({"failover": False}, "shop-az RTO"),
    "dependency-errors": ({"fallback": False}, "shop-software RTO"),
    "slow-under-surge": ({"pricing_timeout": False}, "pricing not waited for"),
}


@pytest.mark.parametrize("experiment", WEAK)
def test_a_weak_bed_does_not(experiment: str, tmp_path: Path) -> None:
    """What the drill exists to find is missed, with the fault seen and undone."""
    settings, promise = WEAK[experiment]
    found = drill_weak(settings, tmp_path, experiment)
    assert found.outcome(promise) == "missed", found.because(promise)
    assert found.outcome("fault applied") == "met"
    assert found.exit_code == 1


WEAK_SHOPS = {
    "a shop without a time-out": ({"pricing_timeout": False}, "latency", "pricing not waited for", "took longer"),
    "a shop that asks again and again": (
        {"pricing_retries": 3, "breaker": "never-trips"},
        "latency",
        "pricing not asked more often",
        "a retry storm",
    ),
    "a breaker that never trips": (
        {"breaker": "never-trips"},
        "circuit-breaker",
        "pricing breaker opened",
        "it never opened",
    ),
    "a breaker that does not shed": (
        {"breaker": "does-not-shed"},
        "circuit-breaker",
        "pricing breaker shed load",
        "it opened, but did not shed",
    ),
    "a breaker that never closes": (
        {"breaker": "never-closes"},
        "circuit-breaker",
        "pricing breaker closed",
        "it never closed",
    ),
    "a shop without a fallback": ({"fallback": False}, "circuit-breaker", "shop-software RTO", "price-answered"),
}


@pytest.mark.parametrize("weakness", WEAK_SHOPS)
def test_a_weakness_is_found(weakness: str, tmp_path: Path) -> None:
    """What the drill exists to find is missed, and its sentence names it; the fault itself was seen and undone."""
    settings, experiment, promise, says = WEAK_SHOPS[weakness]
    found = drill_weak(settings, tmp_path, experiment)
    assert found.outcome(promise) == "missed", found.because(promise)
    assert says in found.because(promise)
    assert found.outcome("fault applied") == "met"
    assert found.outcome("fault undone") == "met"
    assert found.exit_code == 1
