"""Requests as bytes."""

from typing import Any

import pytest

from harness.errors import UsageError
from harness.load.template import Endpoint, Template
from harness.plan.profile import Profile


def template(base_url: str = "http://shop.test:8080", **route: Any) -> Template:
    stages = [{"duration_s": 1, "rate_per_s": "1"}]
    profile = {
        "base_url": base_url,
        "routes": [{"name": "other", "stages": stages}, {"name": "r", "stages": stages, **route}],
    }
    return Template(Profile.model_validate(profile), 1)


def test_a_request_without_placeholders_is_always_the_same():
    """Host, User-Agent and Accept are sent, and nothing that was not asked for."""
    plain = template(path="/catalogue?sort=price%20up")
    assert plain.render(0) == plain.render(7)
    assert plain.render(0) == (
        b"GET /catalogue?sort=price%20up HTTP/1.1\r\n"
        b"Host: shop.test:8080\r\nUser-Agent: wellproven\r\nAccept: */*\r\n\r\n"
    )


def test_the_id_and_the_parameters_are_filled_in_everywhere():
    """`{id}` is what `Profile.id_of` says; a parameter's values are taken in turn."""
    order = template(
        method="POST",
        path="/orders/{sku}",
        headers={"Idempotency-Key": "{id}", "X-Share": "100%"},
        body='{"id": "{id}", "sku": "{sku}", "note": {"what": 5}}',
        parameters={"sku": ("tea", "p\u00f6t 1")},
    )
    head, body = order.render(3).split(b"\r\n\r\n")
    assert head.startswith(b"POST /orders/p%C3%B6t%201 HTTP/1.1\r\n")
    assert b"Idempotency-Key: wp-1-3\r\nX-Share: 100%\r\n" in head
    assert body == '{"id": "wp-1-3", "sku": "p\u00f6t 1", "note": {"what": 5}}'.encode()
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"/orders/tea " in order.render(4)


def test_a_base_url_may_have_a_path_and_a_route_may_replace_a_standard_header():
    """The base URL's path goes before the route's; headers are compared without case."""
    sent = template("https://h/api/", path="/x", headers={"host": "other", "accept": "text/html"}).render(0)
    assert sent == b"GET /api/x HTTP/1.1\r\nUser-Agent: wellproven\r\nhost: other\r\naccept: text/html\r\n\r\n"


def test_a_write_without_a_body_says_so():
    """POST, PUT and PATCH always state a length (RFC 9110, 8.6)."""
    assert b"Content-Length: 0\r\n" in template(method="POST", path="/x").render(0)


@pytest.mark.parametrize(
    ("route", "said"),
    [
        ({"path": "/price/{sku}"}, "path names {sku}"),
        ({"path": "price"}, "write /price"),
        ({"method": "GET /x"}, "no HTTP method"),
        ({"headers": {"X": "a\r\nB: c"}}, "control character"),
        ({"headers": {"X": "{v}"}, "parameters": {"v": ("a\nb",)}}, "control character"),
        ({"headers": {"Content-Length": "5"}}, "remove it"),
        ({"path": "/{v}", "parameters": {"v": ()}}, "no values"),
    ],
)
def test_a_route_that_cannot_be_sent_as_meant_is_refused(route, said):
    """The message says which route, what is wrong and the way out."""
    with pytest.raises(UsageError) as caught:
        template(**route)
    assert "route 'r'" in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("url", ["shop:80", "ftp://shop", "http://", "http://h:99999", "http://u:p@h", "http://h/?q=1"])
def test_a_base_url_that_cannot_be_driven_is_refused(url):
    """Only http and https, a host, and nothing that would be dropped in silence."""
    with pytest.raises(UsageError):
        Endpoint(url)
