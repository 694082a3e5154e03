"""The database service as RDS runs one: a writer, a standby, health checks, failover, and a standby that rejoins."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import psycopg

from harness.errors import NotAvailableError
from harness.testbed.events import BedLog
from harness.testbed.node import Node
from harness.testbed.process import wait_for
from harness.testbed.services.shop.waiting import hang_up_after
from harness.testbed.settings import DatabaseStatus, Settings

# A dead writer is noticed after HEALTH_FAILURES failed checks in a row: 0.9 to 1.2 s after its death where connections
# are refused, up to 2.4 s where nothing answers. RDS takes tens of seconds; the order of events is the same.
HEALTH_INTERVAL_S = 0.3
HEALTH_TIMEOUT_S = 0.3
HEALTH_FAILURES = 4
PROMOTE_TIMEOUT_S = 10.0
REJOIN_TIMEOUT_S = 30.0

_SCHEMA = (
    "CREATE TABLE articles (sku text PRIMARY KEY, name text NOT NULL, list_price_cents integer NOT NULL)",
    # In the C collation ids sort by their bytes, and the primary key serves LIKE 'prefix%' and ORDER BY alike.
    """CREATE TABLE orders (
        id text COLLATE "C" PRIMARY KEY, sku text NOT NULL REFERENCES articles, quantity integer NOT NULL,
        zone text NOT NULL, placed_at timestamptz NOT NULL DEFAULT clock_timestamp())""",
    "INSERT INTO articles SELECT 'sku-' || n, 'Article ' || n, 500 + 10 * n FROM generate_series(1, 50) AS n",
)
_LAG = (
    "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint,"
    " coalesce(extract(epoch FROM replay_lag), 0)::float FROM pg_stat_replication WHERE state = 'streaming' LIMIT 1"
)


class Database:
    """Two nodes; one of them is the writer."""

    def __init__(
        self, nodes: dict[str, Node], settings: Settings, log: BedLog, *, changed: Callable[[], None] = lambda: None
    ) -> None:
        self.nodes = nodes
        self.writer = next(iter(nodes.values()))
        self.lag_bytes: int | None = None
        self.lag_s: float | None = None  # from a commit to its being visible on the standby
        self._settings = settings
        self._log = log
        self._changed = changed
        self._failures = 0
        self._synchronous = False
        self._moving = asyncio.Lock()  # one change of roles at a time
        self._watch_connection: psycopg.AsyncConnection | None = None

    @property
    def standby(self) -> Node:
        """The node that is not the writer, dead or alive."""
        return next(node for node in self.nodes.values() if node is not self.writer)

    def conninfo(self) -> str:
        """How an application reaches the service: all nodes, without the password."""
        known = list(self.nodes.values()) if self._settings.finds_writer else [self.writer]
        ports = ",".join(str(node.port) for node in known)
        hosts = ",".join("127.0.0.1" for _ in known)
        return f"host={hosts} port={ports} user=postgres dbname=postgres connect_timeout=2"

    def status(self) -> DatabaseStatus:
        """Who is what. A writer that is dead is none; a standby that does not stream is none."""
        primary = self.writer.zone if self.writer.alive and not self._failures else None
        standby = self.standby.zone if self.standby.alive and self.lag_bytes is not None else None
        return DatabaseStatus(primary=primary, standby=standby, lag_bytes=self.lag_bytes)

    async def create_writer(self) -> None:
        """Make the first node, with the shop's tables."""
        await self.writer.initialise()
        await self.writer.start()
        await self.writer.script(_SCHEMA)

    async def create_standby(self) -> None:
        """Make the second node follow the first."""
        await self._rebuild(self.standby)

    async def stop(self) -> None:
        """End all nodes."""
        if self._watch_connection is not None:
            await self._watch_connection.close()
        await asyncio.gather(*(node.stop() for node in self.nodes.values()))

    async def check(self) -> None:
        """One health check; called every HEALTH_INTERVAL_S. A writer found dead is failed over."""
        before = self.status()
        if await self._writer_answers():
            self._failures = 0
            await self._degrade_or_restore()
        else:
            self._failures += 1
            self._lags(None)
            if self._failures == HEALTH_FAILURES:
                self._log.write("primary.dead", zone=self.writer.zone, failures=self._failures)
            if self._failures >= HEALTH_FAILURES and self._settings.failover and self.standby.alive:
                await self._fail_over_the_dead()
        if self.status() != before:
            self._changed()

    async def fail_over(self, because: str) -> None:
        """Make the standby the writer."""
        async with self._moving:
            await self._promote(because)

    async def _fail_over_the_dead(self) -> None:
        async with self._moving:
            if not await self._writer_answers():  # it may have come back while another change of roles went on
                await self._promote("the primary is dead")

    async def _promote(self, because: str) -> None:
        """Subtle: the old writer is ended first, whatever state it is in; two writers would be worse than none."""
        old, new = self.writer, self.standby
        if not new.alive:
            self._log.write("failover.refused", because="there is no standby")
            return
        old.kill()
        self._log.write("failover.begin", because=because, old=old.zone, new=new.zone)
        await new.query("SELECT pg_promote(wait => false)")
        await wait_for(f"{new.name} to take writes", new.takes_writes, timeout_s=PROMOTE_TIMEOUT_S, interval_s=0.005)
        self._log.write("standby.promoted", zone=new.zone)
        self.writer, self._failures, self._synchronous = new, 0, False
        self._lags(None)
        self._changed()  # before anything is waited for: what the control plane says must not lag behind what is
        await new.set_synchronous(on=False)

    def wants_back(self, zone: str) -> bool:
        """Whether a zone's node is dead and to be started. A dead writer is not, where it is to be failed over."""
        node = self.nodes.get(zone)
        if node is None or node.alive or self._moving.locked():
            return False
        return not (node is self.writer and self._settings.failover and self.standby.alive)

    async def bring_back(self, zone: str) -> None:
        """Start a zone's node again in the role it can have now; returns when redundancy is regained.

        The writer restarts on its own data. Any other is built anew from the writer, since it was written past; while
        the writer is away too, it starts on what it has.
        """
        node = self.nodes.get(zone)
        if node is None or node.alive:
            return
        async with self._moving:
            if node is self.writer:
                await node.start(synchronous=self._synchronous)
                self._log.write("primary.restarted", zone=zone)
                return
            if not self.writer.alive:
                await node.start(follow=self.writer)
                return
            await self._rebuild(node)
        self._log.write("standby.rejoined", zone=zone)

    async def restart(self, zone: str) -> None:
        """What a reboot without failover does."""
        node = self.nodes[zone]
        await node.stop()
        await self.bring_back(zone)

    async def _rebuild(self, node: Node) -> None:
        await node.copy_from(self.writer)
        await node.start(follow=self.writer)
        await wait_for(f"{node.name} to stream", self._streams, timeout_s=REJOIN_TIMEOUT_S, part=node.child)
        await self._degrade_or_restore()
        self._changed()

    async def _streams(self) -> bool:
        row = await self.writer.query(_LAG)
        self._lags(row)
        return row is not None

    async def _degrade_or_restore(self) -> None:
        """Let commits wait for the standby only while there is one, as RDS does; `strict` waits for ever."""
        if self._settings.replication != "asynchronous":
            strict = self._settings.replication == "strict"
            there = strict or (self.standby.alive and self.lag_bytes is not None)
            if there is not self._synchronous:
                self._synchronous = there
                await self.writer.set_synchronous(on=there)
                self._log.write("replication", synchronous=there)

    async def _writer_answers(self) -> bool:
        """Ask the writer, on a connection that is kept."""
        try:
            if self._watch_connection is None or self._watch_connection.info.port != self.writer.port:
                await self._forget_connection()
                async with asyncio.timeout(HEALTH_TIMEOUT_S):
                    connection = await psycopg.AsyncConnection.connect(self.writer.conninfo(), autocommit=True)
                self._watch_connection = connection
            with hang_up_after(self._watch_connection, HEALTH_TIMEOUT_S):
                row = await (await self._watch_connection.execute(_LAG.encode())).fetchone()
        except (psycopg.Error, TimeoutError):
            await self._forget_connection()
            return False
        self._lags(row)
        return True

    def _lags(self, row: tuple[Any, ...] | None) -> None:
        self.lag_bytes, self.lag_s = (row[0], row[1]) if row else (None, None)

    async def _forget_connection(self) -> None:
        connection, self._watch_connection = self._watch_connection, None
        if connection is not None:
            await connection.close()


async def watch(database: Database, log: BedLog) -> None:
    """Check the writer's health for ever, at a steady pace."""
    while True:
        began_s = time.monotonic()
        try:
            await database.check()
        except NotAvailableError as error:
            log.write("database.trouble", because=str(error))
        await asyncio.sleep(max(0.0, HEALTH_INTERVAL_S - (time.monotonic() - began_s)))
