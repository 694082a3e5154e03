"""The prices of the moment, from a service that may fail."""

import asyncio
import contextlib

import aiohttp
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.messages.events import ContextChanged
from purgatory.domain.model import OpenedState

from .caution import Caution
from .telling import Log, Metrics

PRICE_TIMEOUT_S = 0.25
BREAKER_FAILURES = 5  # in a row, and the breaker opens
BREAKER_OPEN_S = 2.0  # then one try
NEVER = 10**9

_BREAKER_STATES = {"closed": 0, "half-opened": 1, "opened": 2}


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
