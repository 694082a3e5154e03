"""The articles."""

import asyncio
import json
from collections.abc import Mapping

import psycopg

from .telling import Log
from .waiting import hang_up_after

REFRESH_INTERVAL_S = 10.0
FIRST_LOAD_INTERVAL_S = 0.1
LOAD_TIMEOUT_S = 2.0


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
                await self._load()
            except psycopg.Error as error:
                if self.loaded:
                    self._log.write("catalogue.old", error=type(error).__name__)
            await asyncio.sleep(REFRESH_INTERVAL_S if self.loaded else FIRST_LOAD_INTERVAL_S)

    async def _load(self) -> None:
        connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
        try:
            with hang_up_after(connection, LOAD_TIMEOUT_S):
                cursor = await connection.execute("SELECT sku, name, list_price_cents FROM articles ORDER BY sku")
                rows = await cursor.fetchall()
        finally:
            await connection.close()
        articles = [{"sku": sku, "name": name, "list_price_cents": cents} for sku, name, cents in rows]
        self.body = json.dumps(articles).encode()
        self.list_price_cents = {sku: cents for sku, _, cents in rows}
