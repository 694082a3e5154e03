"""Makes what the control plane says true: a stopped instance takes its zone's processes down, a failover promotes.

Polled, as an AWS region is: a call comes back before its effect is there.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from harness.clock import SystemClock
from harness.errors import NotAvailableError
from harness.testbed.aws import database_instance
from harness.testbed.database import Database, watch
from harness.testbed.parts import Parts
from harness.testbed.zone import Zone

POLL_INTERVAL_S = 0.05
STATUS_INTERVAL_S = 0.5
RESTART_PAUSE_S = 1.0  # before what died of itself is started again
_RUNNING = frozenset({"pending", "running"})


class Reconciler:
    """Follows the control plane of one bed."""

    def __init__(self, parts: Parts) -> None:
        assert parts.database is not None, "reconciling before up"
        self._parts = parts
        self._database: Database = parts.database
        self._clock = SystemClock()
        self._busy: dict[str, asyncio.Task[None]] = {}
        parts.on_aws_call = self._called

    def tasks(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """What is to run as long as the bed is up."""
        return self._follow_for_ever(), self._write_for_ever(), watch(self._database, self._parts.log)

    async def _follow_for_ever(self) -> None:
        try:
            while True:
                self._follow()
                await asyncio.sleep(POLL_INTERVAL_S)
        finally:
            for task in self._busy.values():
                task.cancel()

    async def _write_for_ever(self) -> None:
        while True:
            self._parts.write_status()
            await asyncio.sleep(STATUS_INTERVAL_S)

    def _follow(self) -> None:
        """One look at what is said and what is so."""
        if self._parts.settings.reconcile:
            for name, state in self._parts.aws.instance_states().items():
                zone = self._parts.zones[name]
                if zone.powered and state not in _RUNNING:
                    self._power_off(zone)
                elif not zone.powered and state in _RUNNING:
                    self._power_on(zone)
            if self._parts.aws.writer_zone() != self._database.writer.zone:
                self._once("failover", self._fail_over("failover called"))
        for zone in self._parts.zones.values():
            if zone.powered and not zone.complete:
                self._once(f"zone {zone.name}", self._start(zone))
            if zone.powered and self._database.wants_back(zone.name):
                self._once(f"node {zone.name}", self._bring_back(zone.name))
        self._parts.shared.start()

    def _power_off(self, zone: Zone) -> None:
        zone.powered = False
        for name in (f"zone {zone.name}", f"node {zone.name}"):
            if name in self._busy:
                self._busy[name].cancel()
        node, child = self._database.nodes.get(zone.name), self._parts.node_child(zone.name)
        begin_ns = self._clock.monotonic_ns()
        zone.kill(*([child] if child is not None else []))
        gone_ns = self._clock.monotonic_ns()
        if node is not None:
            node.release()
        self._parts.log.write("zone.stopped", at_ns=begin_ns, zone=zone.name, gone_ns=gone_ns)
        self._parts.write_status()

    def _power_on(self, zone: Zone) -> None:
        zone.powered = True
        self._parts.log.write("zone.starting", zone=zone.name)

    async def _start(self, zone: Zone) -> None:
        if zone.healthy:
            zone.healthy = False
            self._parts.log.write("process.died", zone=zone.name)
            await asyncio.sleep(RESTART_PAUSE_S)
        zone.launch()
        await zone.wait_healthy()
        self._parts.log.write("zone.started", zone=zone.name)
        self._parts.write_status()

    async def _bring_back(self, zone: str) -> None:
        await self._database.bring_back(zone)

    async def _fail_over(self, because: str) -> None:
        await self._database.fail_over(because)
        self._parts.aws.set_writer(self._database.writer.zone)  # also where it was refused: the words follow the facts

    async def _restart(self, zone: str) -> None:
        self._parts.log.write("database.restart", zone=zone)
        await self._database.restart(zone)

    def _called(self, action: str, words: dict[str, str]) -> None:
        """Somebody called the control plane; what moto does not model is done here."""
        self._parts.log.write("aws.call", action=action)
        if action == "RebootDBInstance" and self._parts.settings.reconcile:
            named = words.get("DBInstanceIdentifier")
            zone = next((zone for zone in self._database.nodes if database_instance(zone) == named), None)
            if words.get("ForceFailover") == "true":
                self._once("failover", self._fail_over("reboot with failover called"))
            elif zone is not None:
                self._once(f"node {zone}", self._restart(zone))

    def _once(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Do something unless it is being done; what fails is logged, and tried again at the next look."""
        if name in self._busy:
            work.close()
            return
        task = asyncio.create_task(self._logged(name, work))
        self._busy[name] = task
        task.add_done_callback(lambda _: self._busy.pop(name, None))

    async def _logged(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except NotAvailableError as error:
            self._parts.log.write("trouble", name=name, because=str(error))
            await asyncio.sleep(RESTART_PAUSE_S)
