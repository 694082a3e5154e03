"""What a bed serves, and to whom."""

import ipaddress
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.clock import SystemClock
from harness.testbed import Bed, Settings, up
from harness.testbed.place import Place

pytestmark = pytest.mark.bed
CANARY = "canary-of-the-user-12ab34cd"


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    """A bed brought up by somebody who has secrets in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP_TOKEN", CANARY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
        bed = up(Settings(name=f"loopback-{os.getpid()}"), clock=SystemClock())
    yield bed
    bed.down()


def processes(bed: Bed) -> list[psutil.Process]:
    keeper = psutil.Process(bed.status().pid)
    return [keeper, *keeper.children(recursive=True)]


def test_every_socket_of_a_bed_listens_on_loopback_alone(bed: Bed) -> None:
    """Envoy and its admin, PostgreSQL, the control plane, the shop, the wires: nobody else can reach them."""
    listening = {
        (process.name(), one.laddr.ip, one.laddr.port)
        for process in processes(bed)
        for one in process.net_connections("inet")
        if one.status == psutil.CONN_LISTEN or (one.type.name == "SOCK_DGRAM" and not one.raddr)
    }
    ports = {port for _, _, port in listening}
    assert len(ports) >= 10, listening
    for endpoint in bed.status().endpoints.values():
        assert int(endpoint.rsplit(":", 1)[1].split("/")[0]) in ports
    assert [one for one in listening if not ipaddress.ip_address(one[1]).is_loopback] == []


def test_no_process_of_a_bed_holds_a_secret_of_its_user(bed: Bed) -> None:
    """They need none: their own are made for them."""
    for process in processes(bed):
        assert CANARY.encode() not in Path(f"/proc/{process.pid}/environ").read_bytes(), process.name()
        assert CANARY.encode() not in Path(f"/proc/{process.pid}/cmdline").read_bytes(), process.name()
    for path in Place(bed.name).root.rglob("*"):
        if path.is_file() and path.stat().st_size < 1 << 20:
            assert CANARY.encode() not in path.read_bytes(), path


def test_nobody_else_may_look_into_or_write_to_a_bed(bed: Bed) -> None:
    """As root its folders can be passed through, for the database's user; nobody but the owner lists or writes them."""
    place = Place(bed.name)
    for folder in (place.base, place.root, place.logs, place.data):
        assert stat.S_IMODE(folder.stat().st_mode) & 0o066 == 0, folder
    writable = [path for path in place.root.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o002]
    assert [path for path in writable if not stat.S_ISSOCK(path.stat().st_mode)] == []
    for path in (place.state, place.keeper, place.events):
        assert stat.S_IMODE(path.stat().st_mode) & 0o022 == 0, path
