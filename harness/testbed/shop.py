"""The shop of one zone, a plain service: `python -P shop.py --help`. A program of its own; imports no harness.

    GET  /catalogue        [{sku, name, list_price_cents}] from memory; needs no writer
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

import argparse
import asyncio
import contextlib
import gc
import json
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiohttp
import psycopg
import uvicorn
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.messages.events import ContextChanged
from purgatory.domain.model import OpenedState
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONNECTION_TIMEOUT_S = 0.5  # a request waits that long for a connection to the writer
RECONNECT_TIMEOUT_S = 0.3
DATABASE_TIMEOUT_S = 1.0  # and that long for the writer's answer, the wait included
REFRESH_INTERVAL_S = 10.0
FIRST_LOAD_INTERVAL_S = 0.1
PRICE_TIMEOUT_S = 0.25
BREAKER_FAILURES = 5  # in a row, and the breaker opens
BREAKER_OPEN_S = 2.0  # then one try
NEVER = 10**9
BODY_BYTES_MAX = 4_096
QUANTITY_MAX = 1_000
PAGE_MAX = 10_000
LATENCY_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5)

_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_ID_PART = re.compile(r"[A-Za-z0-9._:-]{0,64}")
_AFTER_EVERY_ID = "~"  # sorts after every character an id may have
_BREAKER_STATES = {"closed": 0, "half-opened": 1, "opened": 2}
_HEALTH_STATES = {"closed": "CLOSED", "half-opened": "HALF_OPEN", "opened": "OPEN"}
_ROUTES = frozenset({"catalogue", "orders", "price", "metrics", "healthz", "health"})
_NO_WRITER = (PoolTimeout, PoolClosed, TooManyRequests, psycopg.errors.ReadOnlySqlTransaction)

_INSERT = "INSERT INTO orders (id, sku, quantity, zone) VALUES (%s, %s, %s, %s) ON CONFLICT (id) DO NOTHING"
_SELECT = "SELECT sku, quantity, zone FROM orders WHERE id = %s"
_PAGE = "SELECT id FROM orders WHERE id > %s AND id >= %s AND id < %s ORDER BY id LIMIT %s"


class Refusal(Exception):  # noqa: N818  # an answer, not an error of ours
    """An answer other than success."""

    def __init__(self, status: int, because: str) -> None:
        self.status = status
        self.because = because


@dataclass(frozen=True, slots=True)
class Order:
    """What a client asks for."""

    id: str
    sku: str
    quantity: int


@dataclass(slots=True)
class Log:
    """Structured lines on standard output; what the bed wants to know also goes to its event log."""

    zone: str
    events_fd: int | None = None

    def write(self, what: str, *, event: bool = False, **data: object) -> None:
        """One line, now."""
        at_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        line = json.dumps({"at_ns": at_ns, "what": what, "zone": self.zone, **data}).encode() + b"\n"
        os.write(1, line)
        if event and self.events_fd is not None:
            os.write(self.events_fd, line)


class Metrics:
    """What Prometheus reads from this process."""

    def __init__(self, zone: str) -> None:
        self.registry = CollectorRegistry()
        self._zone = zone
        labels = ("zone", "route", "method", "status")
        self._requests = Counter("shop_requests", "Answers given.", labels, registry=self.registry)
        self._seconds = Histogram(
            "shop_request_seconds",
            "Time to the answer's first byte.",
            ("zone", "route", "method"),
            registry=self.registry,
            buckets=LATENCY_BUCKETS_S,
        )
        self.breaker = Gauge(
            "shop_breaker_state", "0 closed, 1 half-open, 2 open.", ("zone", "breaker"), registry=self.registry
        ).labels(zone, "pricing")
        self.asked = Counter(
            "shop_pricing_requests", "Requests made to the pricing service.", ("zone",), registry=self.registry
        ).labels(zone)
        self.fallbacks = Counter(
            "shop_price_fallbacks", "Prices answered from the list.", ("zone",), registry=self.registry
        ).labels(zone)
        self._count: dict[tuple[str, str, int], Counter] = {}
        self._observe: dict[tuple[str, str], Histogram] = {}

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer. Children are kept at hand: finding them by label costs more than counting."""
        key = (route, method, status)
        if key not in self._count:
            self._count[key] = self._requests.labels(self._zone, route, method, str(status))
            self._observe[route, method] = self._seconds.labels(self._zone, route, method)
        self._count[key].inc()
        self._observe[route, method].observe(seconds)


class Measured:
    """ASGI middleware: names the zone in every answer, and measures it."""

    def __init__(self, app: ASGIApp, zone: str, metrics: Metrics) -> None:
        self._app = app
        self._header = (b"x-zone", zone.encode())
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = time.perf_counter()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), self._header]
                route = scope["path"].split("/", 2)[1]
                route = f"/{route}" if route in _ROUTES else "other"
                self._metrics.answered(route, scope["method"], message["status"], time.perf_counter() - began_s)
            await send(message)

        await self._app(scope, receive, answer)


class Orders:
    """The orders in the database, on whichever node is the writer now."""

    def __init__(self, conninfo: str, zone: str, log: Log) -> None:
        self._zone = zone
        self._log = log
        self._looking: asyncio.Task[None] | None = None
        self.pool = AsyncConnectionPool(
            conninfo,
            kwargs={"autocommit": True},
            min_size=8,
            max_size=8,
            timeout=CONNECTION_TIMEOUT_S,
            reconnect_timeout=RECONNECT_TIMEOUT_S,
            open=False,
        )

    async def place(self, order: Order) -> int:
        """Write an order once, however often it is asked for; the status to answer with."""
        try:
            async with self._connection() as connection:
                values = (order.id, order.sku, order.quantity, self._zone)
                if (await connection.execute(_INSERT, values)).rowcount == 1:
                    return 201
                row = await (await connection.execute(_SELECT, (order.id,))).fetchone()
        except (psycopg.OperationalError, TimeoutError) as error:
            self._log.write("order.unknown", id=order.id, error=type(error).__name__)
            raise Refusal(504, "the writer did not answer: ask again with the same id") from error
        if row is None or row[:2] != (order.sku, order.quantity):
            raise Refusal(409, "an order with this id and another content exists")
        return 200

    async def read(self, order_id: str) -> dict[str, object]:
        """One order."""
        with _unavailable():
            async with self._connection() as connection:
                row = await (await connection.execute(_SELECT, (order_id,))).fetchone()
        if row is None:
            raise Refusal(404, "no such order")
        return {"id": order_id, "sku": row[0], "quantity": row[1], "zone": row[2]}

    async def page(self, prefix: str, after: str, limit: int) -> list[str]:
        """Ids in order, from the first after `after` on."""
        with _unavailable():
            async with self._connection() as connection:
                values = (after, prefix, prefix + _AFTER_EVERY_ID, limit)
                return [row[0] for row in await (await connection.execute(_PAGE, values)).fetchall()]

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """A connection to the writer; surely nothing was written where there is none."""
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT_S), self.pool.connection() as connection:
                yield connection
        except _NO_WRITER as error:
            raise Refusal(503, "there is no writer just now") from error
        except psycopg.OperationalError:
            self._look_through_pool()
            raise

    def _look_through_pool(self) -> None:
        """One connection broke, so the others may have too: find out now, not with a customer's request each."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self.pool.check())


@contextlib.contextmanager
def _unavailable() -> Any:
    """Nothing is in doubt when a read fails: it may be asked again."""
    try:
        yield
    except (psycopg.OperationalError, TimeoutError) as error:
        raise Refusal(503, "the writer did not answer") from error


class Catalogue:
    """The articles, in memory; a database that is away makes them old, not absent."""

    def __init__(self, conninfo: str, log: Log) -> None:
        self._conninfo = conninfo
        self._log = log
        self.list_price_cents: Mapping[str, int] = {}
        self.body = b""

    @property
    def loaded(self) -> bool:
        """Whether there is anything to answer with."""
        return bool(self.list_price_cents)

    async def keep_fresh(self) -> None:
        """Load, and load again, for ever."""
        while True:
            try:
                async with asyncio.timeout(2.0):
                    await self._load()
            except (psycopg.Error, TimeoutError) as error:
                if self.loaded:
                    self._log.write("catalogue.old", error=type(error).__name__)
            await asyncio.sleep(REFRESH_INTERVAL_S if self.loaded else FIRST_LOAD_INTERVAL_S)

    async def _load(self) -> None:
        connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
        try:
            cursor = await connection.execute("SELECT sku, name, list_price_cents FROM articles ORDER BY sku")
            rows = await cursor.fetchall()
        finally:
            await connection.close()
        articles = [{"sku": sku, "name": name, "list_price_cents": cents} for sku, name, cents in rows]
        self.body = json.dumps(articles).encode()
        self.list_price_cents = {sku: cents for sku, _, cents in rows}


@dataclass(frozen=True, slots=True)
class Caution:
    """How the shop deals with a pricing service that fails; a bed may be built with less than this."""

    timeout: bool = True
    retries: int = 0
    fallback: bool = True
    breaker: str = "trips"


class Prices:
    """The pricing service, behind a time-out and a circuit breaker."""

    def __init__(self, url: str, metrics: Metrics, log: Log, caution: Caution) -> None:
        self.caution = caution
        self.state = "closed"
        self._metrics = metrics
        self._log = log
        self._url = url
        self._session: aiohttp.ClientSession | None = None
        self._breakers = AsyncCircuitBreakerFactory(
            default_threshold=NEVER if caution.breaker == "never-trips" else BREAKER_FAILURES,
            default_ttl=float(NEVER) if caution.breaker == "never-closes" else BREAKER_OPEN_S,
        )
        self._breakers.add_listener(self._changed)

    def _client(self) -> aiohttp.ClientSession:  # made on the first request: it belongs to the loop that runs then
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=PRICE_TIMEOUT_S if self.caution.timeout else None)
            self._session = aiohttp.ClientSession(self._url, timeout=timeout, trust_env=False)
        return self._session

    async def close(self) -> None:
        """Close the connections to the pricing service."""
        if self._session is not None:
            await self._session.close()

    def _changed(self, name: str, what: str, event: object) -> None:
        if what == "state_changed" and isinstance(event, ContextChanged):
            self.state = event.state
            self._metrics.breaker.set(_BREAKER_STATES[event.state])
            self._log.write("breaker", event=True, breaker=name, state=event.state)

    async def of(self, sku: str) -> int | None:
        """The price of the moment in cents; None where the service cannot be asked or does not answer in time."""
        try:
            async with await self._breakers.get_breaker("pricing"):
                return await self._ask(sku)
        except OpenedState as opened:
            opened.__traceback__ = None  # the library raises one and the same object: its traceback would grow for ever
            if self.caution.breaker == "does-not-shed":
                with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError, KeyError):
                    return await self._ask(sku)
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError):
            pass
        self._metrics.fallbacks.inc()
        return None

    async def _ask(self, sku: str) -> int:
        """One call of the service, and as many more as there are retries; raises what the last one did."""
        for attempt in range(self.caution.retries + 1):
            self._metrics.asked.inc()
            try:
                async with (
                    asyncio.timeout(PRICE_TIMEOUT_S if self.caution.timeout else None),
                    self._client().get(f"/price/{sku}", raise_for_status=True) as answer,
                ):
                    return int((await answer.json())["price_cents"])
            except (aiohttp.ClientError, TimeoutError, ValueError, KeyError):
                if attempt == self.caution.retries:
                    raise
        raise AssertionError("no attempt")


@dataclass(slots=True)
class Shop:
    """The service: what each request is answered with."""

    orders: Orders
    catalogue: Catalogue
    prices: Prices
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

    async def get_catalogue(self, _: Request) -> Response:
        """All articles."""
        if not self.catalogue.loaded:
            raise Refusal(503, "the catalogue is not loaded yet")
        return Response(self.catalogue.body, media_type="application/json")

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
        if cents is None and not self.prices.caution.fallback:
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
    zone: str, conninfo: str, pricing_url: str, events: str | None = None, caution: Caution | None = None
) -> ASGIApp:
    """The service of one zone.

    `conninfo` is a libpq connection string that names all database nodes.
    """
    events_fd = os.open(events, os.O_WRONLY | os.O_APPEND) if events else None
    log, metrics = Log(zone, events_fd), Metrics(zone)
    shop = Shop(
        Orders(f"{conninfo} target_session_attrs=read-write", zone, log),
        Catalogue(f"{conninfo} target_session_attrs=prefer-standby", log),
        Prices(pricing_url, metrics, log, caution or Caution()),
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


def _main() -> None:
    parser = argparse.ArgumentParser(description="The shop of one zone. The database password is read from PGPASSWORD.")
    parser.add_argument("--zone", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", required=True, help="libpq connection string naming all nodes")
    parser.add_argument("--pricing", required=True, help="URL of the pricing service")
    parser.add_argument("--events", help="file that breaker transitions are also appended to")
    parser.add_argument("--caution", default="{}", help="JSON: what this shop is built without, see Caution")
    words = parser.parse_args()
    app = build(words.zone, words.database, words.pricing, words.events, Caution(**json.loads(words.caution)))
    uvicorn.run(app, host="127.0.0.1", port=words.port, http="httptools", access_log=False, log_level="warning")


if __name__ == "__main__":
    _main()
