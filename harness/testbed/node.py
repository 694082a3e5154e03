"""One PostgreSQL node: its directory, its process, and what it can be told."""

import asyncio
import os
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from harness.errors import NotAvailableError
from harness.testbed.place import passable
from harness.testbed.process import Child, Launcher, Owner, kill, release_shared_memory, wait_for
from harness.testbed.services.shop.waiting import hang_up_after

SUPERUSER = "postgres"
START_TIMEOUT_S = 15.0
TOOL_TIMEOUT_S = 30.0
QUERY_TIMEOUT_S = 2.0

# fsync stays on: an acknowledged order is on disk, as anybody would run it. The rest keeps a node small.
_CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
cluster_name = 'wellproven-{name}'
unix_socket_directories = ''
max_connections = 80
shared_buffers = '32MB'
# Files in the data directory: shared memory objects of the system would outlive a killed node.
dynamic_shared_memory_type = mmap
io_method = sync
jit = off
wal_level = replica
max_wal_senders = 6
wal_keep_size = '256MB'
max_wal_size = '512MB'
wal_retrieve_retry_interval = '200ms'
wal_receiver_status_interval = '1s'
wal_sender_timeout = '5s'
hot_standby = on
log_min_messages = warning
primary_conninfo = '{primary_conninfo}'
synchronous_standby_names = '{synchronous}'
"""


@dataclass(frozen=True, slots=True)
class PostgresTools:
    """PostgreSQL's programs, where the database's user can reach them."""

    bin: Path

    @classmethod
    def find(cls, installed_bin: Path, copy_to: Path, owner: Owner) -> "PostgresTools":
        """The installed ones, or a copy if that user cannot reach them (a checkout below /root, say)."""
        if owner.uid == os.geteuid() or passable(installed_bin.resolve()):
            return cls(installed_bin)
        package = installed_bin.parent.parent
        # The programs look for their libraries beside their package.
        libraries = package.with_name(f"{package.name}.libs")
        for tree in (installed_bin, installed_bin.with_name("lib"), installed_bin.with_name("share")):
            target = copy_to / package.name / tree.parent.name / tree.name
            shutil.copytree(tree, target, ignore=shutil.ignore_patterns("*.a"))
        if libraries.is_dir():
            shutil.copytree(libraries, copy_to / libraries.name)
        for directory, _, files in copy_to.walk():
            directory.chmod(0o755)
            for file in files:
                (directory / file).chmod(0o755)
        return cls(copy_to / package.name / installed_bin.parent.name / installed_bin.name)


class Node:
    """A database node that lives in one zone."""

    def __init__(
        self,
        zone: str,
        name: str,
        port: int,
        home: Path,
        *,
        wire_port: int,
        tools: PostgresTools,
        launcher: Launcher,
        owner: Owner,
        password: str,
    ) -> None:
        self.zone = zone
        self.name = name
        self.port = port
        self._wire_port = wire_port  # a port that leads to it, and may be cut: its standby comes that way
        self._home = home
        self._data = home / "pg"
        self._tools = tools
        self._launcher = launcher
        self._owner = owner
        self._password = password
        self.child: Child | None = None

    @property
    def alive(self) -> bool:
        """Whether its process runs; it need not answer."""
        return self.child is not None and self.child.alive()

    @property
    def has_data(self) -> bool:
        """Whether it has been a node before."""
        return (self._data / "PG_VERSION").exists()

    def conninfo(self) -> str:
        """How its superuser reaches this node."""
        return self._conninfo(self.port)

    def _conninfo(self, port: int) -> str:
        return (
            f"host=127.0.0.1 port={port} user={SUPERUSER} password={self._password} dbname=postgres connect_timeout=2"
        )

    async def initialise(self) -> None:
        """Make a new, empty cluster."""
        self._fresh_home()
        password_file = self._home / "password"
        password_file.write_text(self._password)
        os.chown(password_file, self._owner.uid, self._owner.gid)
        words = ["-D", str(self._data), "-U", SUPERUSER, "--pwfile", str(password_file), "--auth=scram-sha-256"]
        words += ["--locale=C", "--encoding=UTF8", "--no-sync", "--no-instructions"]
        await self._run("initdb", words)
        with (self._data / "postgresql.conf").open("a") as file:
            file.write("\ninclude 'bed.conf'\n")

    async def copy_from(self, writer: "Node") -> None:
        """Become a fresh standby of another node, whatever was here before."""
        self._fresh_home()
        words = [
            "-D",
            str(self._data),
            "-d",
            writer.conninfo(),
            "--checkpoint=fast",
            "--no-sync",
            "--wal-method=stream",
        ]
        await self._run("pg_basebackup", words)

    async def start(self, *, follow: "Node | None" = None, synchronous: bool = False) -> None:
        """Start as the writer, or as a standby that follows one; returns when it answers."""
        self._configure(follow, synchronous=synchronous)
        signal_file = self._data / "standby.signal"
        if follow is None:
            signal_file.unlink(missing_ok=True)
        else:
            signal_file.touch()
        program = [str(self._tools.bin / "postgres"), "-D", str(self._data)]
        self.child = self._launcher.start(self.name, program, port=self.port, owner=self._owner)
        await wait_for(f"{self.name} to answer", self.answers, timeout_s=START_TIMEOUT_S, part=self.child)

    def kill(self) -> None:
        """End it as a loss of power would."""
        if self.child is not None:
            kill([self.child])
            self.release()

    async def stop(self) -> None:
        """End it at once but let it tidy up its shared memory; kill it if it does not."""
        if not self.alive or self.child is None:
            return
        self.child.popen.send_signal(signal.SIGQUIT)
        try:
            await wait_for(f"{self.name} to end", lambda: not self.alive, timeout_s=2.0, interval_s=0.005)
        except NotAvailableError:
            self.kill()

    async def answers(self) -> bool:
        """Whether it answers a query."""
        return await self.query("SELECT 1") is not None

    async def takes_writes(self) -> bool:
        """Whether it is a writer."""
        row = await self.query("SELECT pg_is_in_recovery()")
        return row is not None and row[0] is False

    async def query(self, text: str, timeout_s: float = QUERY_TIMEOUT_S) -> tuple[Any, ...] | None:
        """First row of a query; None if the node does not answer in time."""
        try:
            async with asyncio.timeout(timeout_s):
                connection = await psycopg.AsyncConnection.connect(self.conninfo(), autocommit=True)
            async with connection:
                with hang_up_after(connection, timeout_s):
                    return await (await connection.execute(text.encode())).fetchone()
        except (psycopg.Error, TimeoutError):
            return None

    async def script(self, statements: Sequence[str]) -> None:
        """Run statements one after the other; NotAvailableError if one fails."""
        try:
            async with await psycopg.AsyncConnection.connect(self.conninfo(), autocommit=True) as connection:
                for statement in statements:
                    await connection.execute(statement.encode())
        except psycopg.Error as error:
            raise NotAvailableError(f"test bed: {self.name}: {error}") from error

    async def set_synchronous(self, *, on: bool) -> None:
        """Make commits wait for the standby, or not."""
        self._configure(None, synchronous=on)
        await self.query("SELECT pg_reload_conf()")

    def _configure(self, follow: "Node | None", *, synchronous: bool) -> None:
        primary = "" if follow is None else f"{follow._conninfo(follow._wire_port)} application_name={self.zone}"
        text = _CONFIGURATION.format(
            port=self.port, name=self.name, primary_conninfo=primary, synchronous="*" if synchronous else ""
        )
        path = self._data / "bed.conf"
        path.write_text(text)
        path.chmod(0o600)
        os.chown(path, self._owner.uid, self._owner.gid)

    async def _run(self, tool: str, words: Sequence[str]) -> None:
        program = [str(self._tools.bin / tool), *words]
        await self._launcher.run(f"{self.name}-{tool}", program, owner=self._owner, timeout_s=TOOL_TIMEOUT_S)

    def _fresh_home(self) -> None:
        shutil.rmtree(self._home, ignore_errors=True)
        self._home.mkdir(mode=0o700)
        os.chown(self._home, self._owner.uid, self._owner.gid)

    def release(self) -> None:
        """Give back what its process could not when it was killed."""
        release_shared_memory(self._data)
