"""What the shop answers.

    GET  /catalogue        [{sku, name, list_price_cents}] from the cache, else from memory; needs no writer
    POST /orders           {id, sku, quantity}; 201 placed, 200 the same again, 409 same id but another content,
                           400 wrong, 503 surely not placed (no writer; Retry-After), 504 nobody knows: ask again
    GET  /orders/{id}      from the writer
    GET  /orders           ?prefix=&after=&limit= -> {"ids": [...]}, sorted, from the writer
    GET  /price/{sku}      {sku, price_cents, fallback}: the pricing service behind a breaker, else the list price, and
                           `x-fallback: 1` then
    GET  /metrics /healthz
    GET  /health           the breaker's state, as Spring Boot's actuator says it

Every answer says in `x-zone` which zone gave it. Log lines are JSON with `at_ns` of CLOCK_MONOTONIC.
"""

import asyncio
import contextlib
import gc
import json
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from .cache import Cache, CacheAwayError
from .catalogue import Catalogue
from .caution import Caution
from .orders import Order, Orders
from .prices import Prices
from .telling import Log, Measured, Metrics, Refusal

BODY_BYTES_MAX = 4_096
QUANTITY_MAX = 1_000
PAGE_MAX = 10_000
CATALOGUE_KEY, CATALOGUE_TTL_S = "catalogue", 5

_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_ID_PART = re.compile(r"[A-Za-z0-9._:-]{0,64}")
_HEALTH_STATES = {"closed": "CLOSED", "half-opened": "HALF_OPEN", "opened": "OPEN"}


@dataclass(slots=True)
class Shop:
    """The service: what each request is answered with."""

    orders: Orders
    catalogue: Catalogue
    prices: Prices
    cache: Cache
    caution: Caution
    metrics: Metrics
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Open what is needed; what is away is looked for again, and does not keep the service from starting."""
        self.tasks.append(asyncio.create_task(self.catalogue.keep_fresh()))
        await self.orders.pool.open(wait=False)
        # What was imported is never garbage: looking through it again would hold every request up for some 20 ms.
        gc.collect()
        gc.freeze()
        yield
        await self.orders.pool.close(timeout=0.5)
        await self.prices.close()
        await self.cache.close()

    async def get_catalogue(self, _: Request) -> Response:
        """All articles."""
        if not self.catalogue.loaded:
            raise Refusal(503, "the catalogue is not loaded yet")
        return Response(await self._catalogue(), media_type="application/json")

    async def post_order(self, request: Request) -> Response:
        """Place an order once."""
        order = await self._order(request)
        status = await self.orders.place(order)
        return JSONResponse({"id": order.id, "placed": True}, status_code=status)

    async def get_order(self, request: Request) -> Response:
        """One order."""
        return JSONResponse(await self.orders.read(request.path_params["id"]))

    async def get_orders(self, request: Request) -> Response:
        """Ids, a page at a time."""
        query = request.query_params
        prefix, after, limit = query.get("prefix", ""), query.get("after", ""), query.get("limit", "1000")
        if not (_ID_PART.fullmatch(prefix) and _ID_PART.fullmatch(after)):
            raise Refusal(400, "prefix and after: up to 64 of A-Z a-z 0-9 . _ : -")
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= PAGE_MAX):
            raise Refusal(400, f"limit: 1 to {PAGE_MAX}")
        return JSONResponse({"ids": await self.orders.page(prefix, after, int(limit))})

    async def get_price(self, request: Request) -> Response:
        """The price of the moment, or the listed one."""
        sku = request.path_params["sku"]
        listed_cents = self.catalogue.list_price_cents.get(sku)
        if listed_cents is None:
            raise Refusal(404, "no such article")
        cents = await self.prices.of(sku)
        if cents is None and not self.caution.fallback:
            raise Refusal(503, "there is no price just now")
        answer = {"sku": sku, "price_cents": listed_cents if cents is None else cents, "fallback": cents is None}
        return JSONResponse(answer, headers={"x-fallback": "1"} if cents is None else None)

    async def get_metrics(self, _: Request) -> Response:
        """Prometheus text format."""
        return Response(generate_latest(self.metrics.registry), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def get_healthz(self, _: Request) -> Response:
        """Whether this process can serve; not whether the database can: that would take all zones out at once."""
        return JSONResponse({"status": "ok"}, status_code=200 if self.catalogue.loaded else 503)

    async def get_health(self, _: Request) -> Response:
        """The breaker's state in a body."""
        pricing = {"status": "UP", "details": {"state": _HEALTH_STATES[self.prices.state]}}
        return JSONResponse({"status": "UP", "components": {"circuitBreakers": {"details": {"pricing": pricing}}}})

    async def _catalogue(self) -> bytes:
        """The one all zones show; without the cache, the one this process has."""
        try:
            shared = await self.cache.get(CATALOGUE_KEY)
            if shared is not None:
                return shared
            await self.cache.put(CATALOGUE_KEY, self.catalogue.body, CATALOGUE_TTL_S)
        except CacheAwayError as error:
            if self.caution.needs_cache:
                raise Refusal(503, "there is no catalogue just now") from error
        return self.catalogue.body

    async def _order(self, request: Request) -> Order:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                raise Refusal(400, f"body: at most {BODY_BYTES_MAX} bytes")
        try:
            words = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Refusal(400, "body: no JSON") from error
        if not isinstance(words, dict) or words.keys() != {"id", "sku", "quantity"}:
            raise Refusal(400, "body: an object with id, sku and quantity, and nothing else")
        order_id, sku, quantity = words["id"], words["sku"], words["quantity"]
        if not (isinstance(order_id, str) and _ID.fullmatch(order_id)):
            raise Refusal(400, "id: 1 to 64 of A-Z a-z 0-9 . _ : -")
        if not (isinstance(sku, str) and sku in self.catalogue.list_price_cents):
            raise Refusal(400, "sku: one of the catalogue's")
        if type(quantity) is not int or not 1 <= quantity <= QUANTITY_MAX:
            raise Refusal(400, f"quantity: a whole number from 1 to {QUANTITY_MAX}")
        return Order(order_id, sku, quantity)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    headers = {"retry-after": "1"} if error.status in {503, 504} else {}
    return JSONResponse({"error": error.because}, status_code=error.status, headers=headers)


def build(
    zone: str,
    conninfo: str,
    pricing_url: str,
    cache_url: str,
    events: str | None = None,
    caution: Caution | None = None,
) -> ASGIApp:
    """The service of one zone.

    `conninfo` is a libpq connection string that names all database nodes.
    """
    events_fd = os.open(events, os.O_WRONLY | os.O_APPEND) if events else None
    log, metrics, caution = Log(zone, events_fd), Metrics(zone), caution or Caution()
    shop = Shop(
        Orders(f"{conninfo} target_session_attrs=read-write", zone, log),
        Catalogue(f"{conninfo} target_session_attrs=prefer-standby", log),
        Prices(pricing_url, metrics, log, caution),
        Cache(cache_url, metrics),
        caution,
        metrics,
    )
    route: Callable[[str, Callable[[Request], Awaitable[Response]]], Route] = partial(Route, methods=["GET"])
    app = Starlette(
        lifespan=shop.lifespan,
        exception_handlers={Refusal: _refused},
        routes=[
            route("/catalogue", shop.get_catalogue),
            Route("/orders", shop.post_order, methods=["POST"]),
            route("/orders", shop.get_orders),
            route("/orders/{id}", shop.get_order),
            route("/price/{sku}", shop.get_price),
            route("/metrics", shop.get_metrics),
            route("/healthz", shop.get_healthz),
            route("/health", shop.get_health),
        ],
    )
    return Measured(app, zone, metrics)
