"""The application processes of one availability zone."""

import asyncio
import contextlib
import json

import psutil

from harness.testbed.process import Child, Launcher, http_get, kill, program, wait_for
from harness.testbed.settings import ProcessStatus, Settings, ZoneState, ZoneStatus

START_TIMEOUT_S = 20.0
WARM_ROUNDS = 3
WARM_AT_ONCE = 6


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

    def equip(self, *, settings: Settings, **addresses: str) -> None:
        """Say what is to run here; `addresses` are the shop's options that name what it depends on."""
        shop = [word for name, address in addresses.items() for word in (f"--{name}", address)]
        caution = {
            "timeout": settings.pricing_timeout,
            "retries": settings.pricing_retries,
            "fallback": settings.fallback,
            "breaker": settings.breaker,
            "needs_cache": settings.cache == "required",
        }
        shop += ["--caution", json.dumps(caution)]
        self._programs = {
            "pricing": (self.pricing_port, program("pricing", *self._place(self.pricing_port))),
            "shop": (self.shop_port, program("shop", *self._place(self.shop_port), *shop)),
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
            state=self._state(),
            processes=tuple(ProcessStatus(name=child.name, pid=child.pid, port=child.port) for child in running),
            instance_id=instance_id,
        )

    def _runs(self, name: str) -> bool:
        return name in self._children and self._children[name].alive()

    def _state(self) -> ZoneState:
        if not self.healthy:
            return ZoneState.STOPPED
        return ZoneState.PAUSED if any(_is_paused(child) for child in self.children) else ZoneState.UP

    def _place(self, port: int) -> list[str]:
        return ["--zone", self.name, "--port", str(port)]


def _is_paused(child: Child) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(child.pid).status() == psutil.STATUS_STOPPED)
    return False
