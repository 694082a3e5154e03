"""What the shop tells the world of itself: log lines, metrics, and the refusals that are its answers."""

import json
import os
import time
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LATENCY_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5)
ROUTES = frozenset({"catalogue", "orders", "price", "metrics", "healthz", "health"})


class Refusal(Exception):  # noqa: N818  # an answer, not an error of ours
    """An answer other than success."""

    def __init__(self, status: int, because: str) -> None:
        self.status = status
        self.because = because


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
        cached = Counter("shop_cache_requests", "What the cache was asked.", ("zone", "result"), registry=self.registry)
        self.cache_hits, self.cache_misses, self.cache_failures = (
            cached.labels(zone, result) for result in ("hit", "miss", "failed")
        )
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
                route = f"/{route}" if route in ROUTES else "other"
                self._metrics.answered(route, scope["method"], message["status"], time.perf_counter() - began_s)
            await send(message)

        await self._app(scope, receive, answer)
