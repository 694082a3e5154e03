"""Beds, and what tests ask of them."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import psutil
import pytest

from harness.clock import SystemClock
from harness.errors import NotAvailableError
from harness.testbed import Bed, Settings, up

POLL_S = 0.02


def eventually(what: str, condition: Callable[[], bool], within_s: float) -> None:
    """Wait for a condition; fail, naming it, when the time is over."""
    clock = SystemClock()
    deadline_ns = clock.monotonic_ns() + round(within_s * 1e9)
    while not condition():
        assert clock.monotonic_ns() < deadline_ns, f"not within {within_s} s: {what}"
        clock.sleep(POLL_S)


def processes_of(keeper_pid: int) -> list[psutil.Process]:
    """A bed's keeper and all that runs below it."""
    keeper = psutil.Process(keeper_pid)
    return [keeper, *keeper.children(recursive=True)]


def running(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; what waits to be collected by its parent does not."""
    return [process for process in processes if _runs(process)]


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def state(bed: Bed) -> dict[str, list[int]]:
    """Pids by zone."""
    return {name: [process.pid for process in zone.processes] for name, zone in bed.status().zones.items()}


def is_whole(bed: Bed) -> bool:
    """Whether every zone runs all it should, and there is redundancy."""
    status = bed.status()
    counts = [len(zone.processes) for zone in status.zones.values()]
    serve = all(zone.state == "up" for zone in status.zones.values())
    return serve and counts == [3, 3, 2] and None not in (status.database.primary, status.database.standby)


def answers(client: httpx.Client, path: str = "/catalogue") -> int:
    """Status of a GET; 0 where no answer comes."""
    try:
        return client.get(path).status_code
    except httpx.HTTPError:
        return 0


def order(client: httpx.Client, order_id: str, **other: object) -> int:
    """Status of placing an order; 0 where no answer comes."""
    try:
        return client.post("/orders", json={"id": order_id, "sku": "sku-1", "quantity": 1, **other}).status_code
    except httpx.HTTPError:
        return 0


def survivors(client: httpx.Client, prefix: str) -> list[str]:
    """Ids the writer holds."""
    return client.get("/orders", params={"prefix": prefix, "limit": 10_000}).json()["ids"]


@contextmanager
def bed_up(name: str, **settings: object) -> Iterator[Bed]:
    bed = up(Settings(name=f"test-{name}-{os.getpid()}", **settings), clock=SystemClock())
    try:
        yield bed
    finally:
        bed.down()


@contextmanager
def keys_of(bed: Bed) -> Iterator[dict[str, str]]:
    """The bed's key, in this process's environment, where faults called by Python look for it; a header with it."""
    there = bed.status().environment
    with pytest.MonkeyPatch.context() as patch:
        for name in ("WELLPROVEN_ENVOY_TOKEN", "WELLPROVEN_TOXIPROXY_TOKEN"):
            patch.setenv(name, there[name])
        yield {"Authorization": f"Bearer {there['WELLPROVEN_TOXIPROXY_TOKEN']}"}


@contextmanager
def edge_of(bed: Bed) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=bed.status().endpoints["edge"], timeout=5, trust_env=False) as client:
        yield client


@contextmanager
def aws_of(bed: Bed, service: str) -> Iterator[object]:
    import boto3  # a second to import: only the tests that need it

    environment = bed.status().environment
    client = boto3.client(
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    try:
        yield client
    finally:
        client.close()


def is_down(bed: Bed) -> bool:
    try:
        bed.status()
    except NotAvailableError:
        return True
    return False
