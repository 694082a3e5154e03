"""What the zones share: the edge, the wires that can be cut, and the cache."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from harness.testbed import edge
from harness.testbed.place import write_whole
from harness.testbed.process import Child, Launcher, http_call, program, wait_for
from harness.testbed.settings import Settings

START_TIMEOUT_S = 10.0
LAG_TOXIC = "far-away"
CACHE_WIRE = "cache"


class Shared:
    """Processes that belong to no zone; what of them dies is started again."""

    def __init__(self, launcher: Launcher, key: str, port: Callable[[], int], nodes: Iterable[str]) -> None:
        """`key` is what changes need, `port` gives a free port each time, `nodes` are the database nodes' zones."""
        self.edge_port, self.pricing_port, self.admin_port = port(), port(), port()
        self.wires_port, self.cache_port = port(), port()
        self.cache_wire_port = port()
        self.node_wire_ports = {zone: port() for zone in nodes}
        self._launcher = launcher
        self._key = key
        self._programs: dict[str, tuple[int, list[str]]] = {}
        self._children: dict[str, Child] = {}

    def equip(
        self,
        settings: Settings,
        *,
        envoy: Path,
        config: Path,
        admin: Path,
        shops: Mapping[str, int],
        pricings: Mapping[str, int],
        nodes: Mapping[str, int],
    ) -> None:
        """Say what is to run; `admin` is Envoy's socket file, the mappings are zones and their ports."""
        text = edge.configuration(
            edge_port=self.edge_port,
            pricing_port=self.pricing_port,
            admin=admin,
            shops=list(shops.values()),
            pricings=list(pricings.values()),
            settings=settings,
        )
        write_whole(config, text)
        wires = [f"{CACHE_WIRE}:{self.cache_wire_port}:{self.cache_port}"]
        wires += [f"{node_wire(zone)}:{self.node_wire_ports[zone]}:{port}" for zone, port in nodes.items()]
        named = [word for wire in wires for word in ("--wire", wire)]
        self._programs = {
            "envoy": (self.edge_port, edge.command(envoy, config)),
            "wires": (self.wires_port, program("wire", "--port", str(self.wires_port), *named)),
            "cache": (self.cache_port, program("cache", "--port", str(self.cache_port))),
        }

    @property
    def edge(self) -> Child:
        """The proxy's process."""
        return self._children["envoy"]

    @property
    def children(self) -> list[Child]:
        """What runs."""
        return [child for child in self._children.values() if child.alive()]

    def start(self) -> None:
        """Start what does not run."""
        for name, (port, words) in self._programs.items():
            if name not in self._children or not self._children[name].alive():
                own = {"WIRE_KEY": self._key} if name == "wires" else None
                self._children[name] = self._launcher.start(name, words, port=port, own=own)

    async def wait_for_wires(self) -> None:
        """Wait until the wires are there: a standby needs one."""

        async def serve() -> bool:
            return (await http_call("GET", self.wires_port, "/version"))[0] == 200

        await wait_for("the wires", serve, timeout_s=START_TIMEOUT_S, part=self._children["wires"])

    async def lag(self, zone: str, delay_ms: int) -> None:
        """Hold back what the database node of a zone sends to its standby."""
        toxic = {"name": LAG_TOXIC, "type": "latency", "stream": "downstream", "attributes": {"latency": delay_ms}}

        async def lags() -> bool:
            path = f"/proxies/{node_wire(zone)}/toxics"
            return (await http_call("POST", self.wires_port, path, toxic, key=self._key))[0] == 200

        await wait_for("a slow wire", lags, timeout_s=START_TIMEOUT_S, part=self._children["wires"])


def node_wire(zone: str) -> str:
    """The wire on which the standby of a zone's node reads."""
    return f"database-{zone}"
