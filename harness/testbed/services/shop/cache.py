"""What all zones share without asking the database: a Redis that may be away."""

import contextlib
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from .telling import Metrics

TIMEOUT_S = 0.05  # it is there to be quick: what is slower is not worth waiting for


class CacheAwayError(Exception):
    """The cache does not answer."""


class Cache:
    """Keys and values, each for a while."""

    def __init__(self, url: str, metrics: Metrics) -> None:
        """Reach it at redis://HOST:PORT; its password is read from CACHE_PASSWORD."""
        address = urlsplit(url)
        self._metrics = metrics
        self._client = Redis(
            host=address.hostname or "127.0.0.1",
            port=address.port or 6379,
            password=os.environ.get("CACHE_PASSWORD"),
            protocol=2,
            driver_info=None,  # who we are would be said in two small packets, the second of which waits for 40 ms
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )

    async def get(self, key: str) -> bytes | None:
        """What is kept there; None for nothing. Raises CacheAwayError."""
        with self._watched():
            found = await self._client.get(key)
            (self._metrics.cache_hits if found else self._metrics.cache_misses).inc()
            return found.encode() if isinstance(found, str) else found

    async def put(self, key: str, value: bytes, ttl_s: int) -> None:
        """Keep it. Raises CacheAwayError."""
        with self._watched():
            await self._client.set(key, value, ex=ttl_s)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except (RedisError, OSError, TimeoutError) as error:
            self._metrics.cache_failures.inc()
            raise CacheAwayError from error
