"""The orders, in the database."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from .telling import Log, Refusal
from .waiting import hang_up_after

CONNECTION_TIMEOUT_S = 0.5  # a request waits that long for a connection to the writer
RECONNECT_TIMEOUT_S = 0.3
DATABASE_TIMEOUT_S = 1.0  # and that long for the writer's answer

_AFTER_EVERY_ID = "~"  # sorts after every character an id may have
_NO_WRITER = (PoolTimeout, PoolClosed, TooManyRequests, psycopg.errors.ReadOnlySqlTransaction)

_INSERT = "INSERT INTO orders (id, sku, quantity, zone) VALUES (%s, %s, %s, %s) ON CONFLICT (id) DO NOTHING"
_SELECT = "SELECT sku, quantity, zone FROM orders WHERE id = %s"
_PAGE = "SELECT id FROM orders WHERE id > %s AND id >= %s AND id < %s ORDER BY id LIMIT %s"


@dataclass(frozen=True, slots=True)
class Order:
    """What a client asks for."""

    id: str
    sku: str
    quantity: int


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
        except psycopg.OperationalError as error:
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
            async with self.pool.connection() as connection:
                with hang_up_after(connection, DATABASE_TIMEOUT_S):
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
    except psycopg.OperationalError as error:
        raise Refusal(503, "the writer did not answer") from error
