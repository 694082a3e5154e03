"""The application processes of one availability zone."""

import asyncio
import json
import sys
from pathlib import Path

from harness.testbed.process import Child, Launcher, http_get, kill, wait_for
from harness.testbed.settings import ProcessStatus, Settings, ZoneState, ZoneStatus

START_TIMEOUT_S = 20.0
WARM_ROUNDS = 3
WARM_AT_ONCE = 6
_HERE = Path(__file__).parent


class Zone:
    """A shop and a pricing service; a database node may live here too, and dies with them."""

    def __init__(self, name: str, shop_port: int, pricing_port: int, *, launcher: Launcher) -> None:
        self.name = name
        self.shop_port = shop_port
        self.pricing_port = pricing_port
        self.powered = True  # what the control plane wants; the processes follow
        self.healthy = False
        self._launcher = launcher
        self._children: dict[str, Child] = {}
        self._programs: dict[str, tuple[int, list[str]]] = {}

    def equip(self, *, conninfo: str, pricing_url: str, events: Path, settings: Settings) -> None:
        """Say what is to run here."""
        shop = ["--database", conninfo, "--pricing", pricing_url, "--events", str(events)]
        caution = {
            "timeout": settings.pricing_timeout,
            "retries": settings.pricing_retries,
            "fallback": settings.fallback,
            "breaker": settings.breaker,
        }
        shop += ["--caution", json.dumps(caution)]
        self._programs = {
            "pricing": (self.pricing_port, self._program("pricing.py", self.pricing_port)),
            "shop": (self.shop_port, self._program("shop.py", self.shop_port) + shop),
        }

    def launch(self) -> list[str]:
        """Start what does not run; the names of what was started."""
        started = [name for name in self._programs if not self._runs(name)]
        for name in started:
            port, program = self._programs[name]
            self._children[name] = self._launcher.start(f"{name}-{self.name}", program, port=port)
        return started

    async def wait_healthy(self) -> None:
        """Wait until both services say they can serve."""
        for name in self._programs:
            child = self._children[name]

            async def serves(port: int = child.port) -> bool:
                return (await http_get(port, "/healthz"))[0] == 200

            await wait_for(f"{child.name} to serve", serves, timeout_s=START_TIMEOUT_S, part=child, interval_s=0.05)
        self.healthy = True

    async def warm(self) -> None:
        """Ask each kind of request some times: the first ones open connections and load code, and take 100 ms."""
        for _ in range(WARM_ROUNDS):
            paths = ["/catalogue", "/price/sku-1", "/orders?limit=1"] * WARM_AT_ONCE
            await asyncio.gather(*(http_get(self.shop_port, path, timeout_s=2.0) for path in paths))

    @property
    def complete(self) -> bool:
        """Whether all that is to run here runs."""
        return all(self._runs(name) for name in self._programs)

    @property
    def children(self) -> list[Child]:
        """What runs here."""
        return [child for child in self._children.values() if child.alive()]

    def kill(self, *others: Child) -> None:
        """Cut the power: all that runs here, and what else lives in this zone, at one instant."""
        self.healthy = False
        kill([*self._children.values(), *others])

    def status(self, instance_id: str, database: Child | None) -> ZoneStatus:
        """What runs here; `database` is the process of the node that lives here."""
        running = self.children + ([database] if database is not None and database.alive() else [])
        return ZoneStatus(
            state=ZoneState.UP if self.healthy else ZoneState.STOPPED,
            processes=tuple(ProcessStatus(name=child.name, pid=child.pid, port=child.port) for child in running),
            instance_id=instance_id,
        )

    def _runs(self, name: str) -> bool:
        return name in self._children and self._children[name].alive()

    def _program(self, file: str, port: int) -> list[str]:
        # -P: the file's folder stays out of the module path, the service is a program of its own.
        return [sys.executable, "-P", str(_HERE / file), "--zone", self.name, "--port", str(port)]
