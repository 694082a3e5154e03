"""The wires, the cache and the database's metrics: what faults on TCP act on, on a real bed."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from harness.exposition import metric_sum
from harness.fault import toxiproxy, toxiproxy_cut, toxiproxy_delay
from harness.testbed import Bed
from tests.testbed.beds import eventually, is_whole, keys_of, order

pytestmark = pytest.mark.bed


@pytest.fixture(autouse=True, scope="module")
def key(bed: Bed) -> Iterator[dict[str, str]]:
    with keys_of(bed) as header:
        yield header


@contextmanager
def undone(*ends: object) -> Iterator[None]:
    try:
        yield
    finally:
        for end in ends:
            end()


def api(bed: Bed) -> str:
    return bed.status().endpoints["toxiproxy"]


def metric(bed: Bed, name: str) -> float | None:
    return metric_sum(httpx.get(bed.status().endpoints["database_metrics"], trust_env=False).text, name, {})


def cache_requests(bed: Bed, result: str) -> float:
    """All zones' requests to the cache that ended so."""
    urls = bed.status().environment["DRILL_METRICS_URLS"].split(",")
    texts = [httpx.get(url, trust_env=False).text for url in urls]
    return sum(metric_sum(text, "shop_cache_requests_total", {"result": result}) or 0 for text in texts)


def test_every_wire_is_listed_as_toxiproxy_lists_its_proxies(bed: Bed, key: dict[str, str]) -> None:
    """Name, where it listens, where it leads, whether it is whole; what is not there is 404."""
    found = httpx.get(f"{api(bed)}/proxies", trust_env=False).json()
    assert set(found) == {"cache", "database-us-east-1a", "database-us-east-1b"}
    assert set(found["cache"]) == {"name", "listen", "upstream", "enabled", "toxics"}
    assert httpx.get(f"{api(bed)}/proxies/none", trust_env=False).status_code == 404
    path = f"{api(bed)}/proxies/cache/toxics"
    assert httpx.post(path, json={"type": "slicer"}, headers=key, trust_env=False).status_code == 400
    assert httpx.post(path, content=b"no", headers=key, trust_env=False).status_code == 400
    assert httpx.get(path, trust_env=False).json() == []


def test_a_cut_wire_refuses_and_is_whole_again(bed: Bed, edge: httpx.Client) -> None:
    """The cache is cut off: the shop asks in vain, and answers all the same; an end twice does nothing."""
    wire = (api(bed), "cache")
    with undone(lambda: toxiproxy_cut.end(*wire)):
        toxiproxy_cut.begin(*wire)
        assert toxiproxy_cut.is_refused(*wire)
        assert not toxiproxy_cut.is_healed(*wire)
        with pytest.raises(toxiproxy.ActivityFailed, match="cache is cut already"):
            toxiproxy_cut.begin(*wire)
        before = cache_requests(bed, "failed")
        assert {edge.get("/catalogue").status_code for _ in range(9)} == {200}
        assert cache_requests(bed, "failed") >= before + 9
    toxiproxy_cut.end(*wire)
    assert toxiproxy_cut.is_healed(*wire)
    before = cache_requests(bed, "hit")
    assert {edge.get("/catalogue").status_code for _ in range(9)} == {200}
    assert cache_requests(bed, "hit") >= before + 6, "at most one miss a zone"


def test_a_slow_wire_lets_the_standby_fall_behind(bed: Bed, edge: httpx.Client) -> None:
    """Measured by the database itself; a new dose replaces the old one, and afterwards the standby catches up."""
    wire = (api(bed), bed.status().environment["DRILL_REPLICATION_WIRE"])

    count = iter(range(10_000))

    def lag_is(least_s: float, most_s: float) -> bool:
        assert order(edge, f"lag-{next(count)}") == 201
        lag_s = metric(bed, "database_replication_lag_seconds")
        return lag_s is not None and least_s <= lag_s <= most_s

    with undone(lambda: toxiproxy_delay.end(*wire)):
        toxiproxy_delay.begin(*wire, "300", jitter_ms=0)
        assert toxiproxy_delay.is_applied(*wire)
        eventually("the standby is 300 ms behind", lambda: lag_is(0.3, 0.6), within_s=10)
        toxiproxy_delay.begin(*wire, 700)
        eventually("the standby is 700 ms behind", lambda: lag_is(0.7, 1.2), within_s=10)
    toxiproxy_delay.end(*wire)
    assert toxiproxy_delay.is_healed(*wire)
    eventually("the standby has caught up", lambda: lag_is(0, 0.25), within_s=10)


def test_a_standby_that_is_cut_off_is_none(bed: Bed) -> None:
    """Status and metrics say so; once the wire is whole it streams again, and the bed is whole."""
    wire = (api(bed), bed.status().environment["DRILL_REPLICATION_WIRE"])
    with undone(lambda: toxiproxy_cut.end(*wire)):
        toxiproxy_cut.begin(*wire)
        eventually("there is no standby", lambda: metric(bed, "database_standbys") == 0, within_s=10)
        assert metric(bed, "database_writable") == 1
    eventually("the standby streams", lambda: metric(bed, "database_standbys") == 1, within_s=10)
    eventually("the bed is whole", lambda: is_whole(bed), within_s=10)


def test_what_does_not_answer_is_named() -> None:
    """No Toxiproxy, no guess."""
    for begin in (toxiproxy_cut.begin, lambda url, name: toxiproxy_delay.begin(url, name, 10)):
        with pytest.raises(toxiproxy.ActivityFailed, match=r"Toxiproxy does not answer at http://127\.0\.0\.1:9/"):
            begin("http://127.0.0.1:9", "cache")
