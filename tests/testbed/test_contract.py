"""What the shop answers, on a healthy bed."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness.testbed import Bed, attach
from harness.testbed.settings import ZONES
from tests.testbed.beds import eventually

pytestmark = pytest.mark.bed


def test_a_bed_comes_up_whole(bed: Bed) -> None:
    """Three zones with shop and pricing, a database node in the first two, and a standby that has caught up."""
    status = bed.status()
    assert tuple(status.zones) == ZONES
    assert {zone.state for zone in status.zones.values()} == {"up"}
    assert [len(zone.processes) for zone in status.zones.values()] == [3, 3, 2]
    assert (status.database.primary, status.database.standby) == (ZONES[0], ZONES[1])
    ports = [process.port for zone in status.zones.values() for process in zone.processes]
    assert len(set(ports)) == len(ports)


def test_a_bed_that_is_up_is_found_by_its_name(bed: Bed) -> None:
    """`attach` sees the same bed from its state file, and none where there is none."""
    found = attach(bed.name)
    assert found is not None
    assert found.status().pid == bed.status().pid
    assert attach("nobody-has-this") is None


def test_every_zone_answers_and_says_so(edge: httpx.Client) -> None:
    """The edge spreads requests over all zones, and each answer names its own."""

    def zones_seen() -> set[str]:
        return {edge.get("/catalogue").headers["x-zone"] for _ in range(60)}

    # On a busy machine a zone may miss a health check just after the start; the next one brings it back.
    eventually("every zone answers", lambda: zones_seen() == set(ZONES), within_s=10)
    assert edge.get("/nowhere").headers["x-zone"] in ZONES


def test_the_catalogue_lists_what_can_be_ordered(edge: httpx.Client) -> None:
    """Each article has a SKU, a name and a list price."""
    articles = edge.get("/catalogue").json()
    assert len(articles) == 50
    assert {"sku", "name", "list_price_cents"} == set(articles[0])


def test_an_order_is_placed_once_however_often_it_is_sent(edge: httpx.Client) -> None:
    """201 the first time, 200 for the same again, 409 for the same id with another content; the first one stays."""
    order = {"id": "once-1", "sku": "sku-1", "quantity": 2}
    assert [edge.post("/orders", json=order).status_code for _ in range(7)] == [201] + [200] * 6
    assert edge.post("/orders", json={**order, "quantity": 3}).status_code == 409
    stored = edge.get("/orders/once-1").json()
    assert (stored["sku"], stored["quantity"]) == ("sku-1", 2)


def test_ids_are_read_back_in_pages(edge: httpx.Client) -> None:
    """`after` and `limit` walk through all ids of a prefix, each once, in order."""
    wanted = sorted(f"page-{n}" for n in range(25))
    for order_id in [*wanted, "pagf", "pag"]:
        assert edge.post("/orders", json={"id": order_id, "sku": "sku-2", "quantity": 1}).status_code == 201
    seen: list[str] = []
    while True:
        page = edge.get("/orders", params={"prefix": "page-", "after": seen[-1] if seen else "", "limit": 10})
        ids = page.json()["ids"]
        if not ids:
            break
        seen += ids
    assert seen == wanted


def test_an_unknown_order_is_not_found(edge: httpx.Client) -> None:
    """404, not an empty order."""
    assert edge.get("/orders/never-placed").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b'{"id": "x", "sku": "sku-1"}',
        b'{"id": "x", "sku": "sku-1", "quantity": 1, "more": 1}',
        b'{"id": "", "sku": "sku-1", "quantity": 1}',
        b'{"id": "with space", "sku": "sku-1", "quantity": 1}',
        b'{"id": "\\u0000", "sku": "sku-1", "quantity": 1}',
        b'{"id": 7, "sku": "sku-1", "quantity": 1}',
        b'{"id": "x", "sku": "no-such", "quantity": 1}',
        b'{"id": "x", "sku": ["sku-1"], "quantity": 1}',
        b'{"id": "x", "sku": "sku-1", "quantity": 0}',
        b'{"id": "x", "sku": "sku-1", "quantity": true}',
        b'{"id": "x", "sku": "sku-1", "quantity": 1.5}',
        b'{"id": "x", "sku": "sku-1", "quantity": 1e400}',
        b'{"id": "x", "sku": "sku-1", "quantity": 99999999999999999999}',
        b'{"id": "' + b"x" * 65 + b'", "sku": "sku-1", "quantity": 1}',
        b"[" * 4_000,
        b" " * 5_000,
    ],
)
def test_a_wrong_order_is_refused_with_a_reason(edge: httpx.Client, body: bytes) -> None:
    """400 and a sentence; nothing is placed."""
    answer = edge.post("/orders", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert edge.get("/orders/x").status_code == 404


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=10001", "limit=-1", "prefix=%00", "after=%F0%9F%98%80"])
def test_a_wrong_page_is_refused(edge: httpx.Client, query: str) -> None:
    """400, whatever is asked for."""
    assert edge.get(f"/orders?{query}").status_code == 400


def test_a_price_comes_from_the_pricing_service(edge: httpx.Client) -> None:
    """No fallback where nothing is broken; 404 for an article that does not exist."""
    price = edge.get("/price/sku-1").json()
    assert price["fallback"] is False
    assert price["price_cents"] > 0
    assert edge.get("/price/no-such").status_code == 404


def test_metrics_are_in_prometheus_format(bed: Bed) -> None:
    """Each zone's own counters, its latency histogram and its breaker's state."""
    url = bed.status().endpoints[f"shop-{ZONES[2]}"]
    httpx.get(f"{url}/catalogue")
    families = {family.name: family for family in text_string_to_metric_families(httpx.get(f"{url}/metrics").text)}
    assert {"shop_requests", "shop_request_seconds", "shop_breaker_state"} <= set(families)
    (state,) = families["shop_breaker_state"].samples
    assert (state.labels, state.value) == ({"zone": ZONES[2], "breaker": "pricing"}, 0)
