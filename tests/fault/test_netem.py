"""tc netem, for real: between this host and a network namespace of the test's own, over a pair of virtual cables."""

import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from chaoslib.exceptions import ActivityFailed

from harness.fault import netem
from tests.fault.killed import fault, undone_by_another

PATH_WITH_TC = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
# In the namespace: answers every line on two TCP ports of its own choosing, until its input ends.
ECHO = """
import socket, socketserver, sys, threading
class Echo(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)
class Server(socketserver.ThreadingTCPServer):
    address_family, daemon_threads = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET, True
servers = [Server(("", 0), Echo) for _ in range(2)]
for server in servers:
    threading.Thread(target=server.serve_forever, daemon=True).start()
print(*(server.server_address[1] for server in servers), flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Cable:
    """This host's end of it, and who answers at the other."""

    interface: str
    address: str
    address6: str | None
    ports: tuple[int, int]

    def round_trip_ms(self, port: int | None = None, address: str | None = None) -> float:
        """The median of a few."""
        return statistics.median(self.round_trips_ms(5, port, address))

    def round_trips_ms(self, count: int, port: int | None = None, address: str | None = None) -> list[float]:
        """How long each of some lines, sent and answered over one TCP connection, was under way."""
        taken = []
        with socket.create_connection((address or self.address, port or self.ports[0]), timeout=10) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(count):
                begin_s = time.monotonic()
                connection.sendall(b"there and back\n")
                assert connection.recv(100) == b"there and back\n"
                taken.append((time.monotonic() - begin_s) * 1e3)
        return taken

    def qdiscs(self) -> list[tuple[str, str]]:
        """(kind, handle) of every qdisc on it."""
        return [
            (one["kind"], one["handle"]) for one in json.loads(run("tc", "-j", "qdisc", "show", "dev", self.interface))
        ]


def run(*command: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=20, env={**os.environ, "PATH": PATH_WITH_TC}, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def cable() -> Iterator[Cable]:
    """A veth pair into a namespace of its own, with an echo at the other end; all gone afterwards."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs root on Linux: it makes a network namespace")
    for program in ("ip", "tc"):
        if shutil.which(program, path=PATH_WITH_TC) is None:
            pytest.skip(f"needs `{program}`: install iproute2")
    number = os.getpid()
    space, here, there = f"wellproven-{number}", f"wp{number}a", f"wp{number}b"
    net = f"198.18.{number % 254 + 1}"  # RFC 2544: addresses for measuring, routed nowhere
    net6 = f"fd00:1a9e:{number % 0xFFFF:x}:"
    with contextlib.ExitStack() as undo:
        try:
            run("ip", "netns", "add", space)
        except AssertionError as error:
            pytest.skip(f"no network namespace can be made here: {error}")
        undo.callback(run, "ip", "netns", "del", space)  # takes its end of the cable with it, and so the other
        run("ip", "link", "add", here, "type", "veth", "peer", "name", there, "netns", space)
        has_6 = False
        for where, name, last in ((), here, 1), (("-n", space), there, 2):
            run("ip", *where, "address", "add", f"{net}.{last}/24", "dev", name)
            with contextlib.suppress(AssertionError):  # a host may do without IPv6
                run("ip", *where, "address", "add", f"{net6}:{last}/64", "dev", name, "nodad")
                has_6 = True
            run("ip", *where, "link", "set", name, "up")
        echo = subprocess.Popen(
            ["ip", "netns", "exec", space, sys.executable, "-c", ECHO],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PATH": PATH_WITH_TC},
        )
        undo.callback(stop, echo)
        assert echo.stdout is not None
        first, second = (int(port) for port in echo.stdout.readline().split())
        yield Cable(here, f"{net}.2", f"{net6}:2" if has_6 else None, (first, second))


def stop(process: subprocess.Popen[str]) -> None:
    with process:
        process.kill()


@pytest.fixture
def link(cable: Cable) -> Iterator[Cable]:
    """The cable, where this kernel has netem; without any qdisc afterwards, whatever the test did."""
    try:
        netem.begin(cable.interface, 0)
    except ActivityFailed as error:
        if "this kernel has no prio or no netem" in str(error):
            pytest.skip(str(error))
        raise
    netem.end(cable.interface)
    assert cable.qdiscs() == [("noqueue", "0:")]
    yield cable
    if cable.qdiscs() != [("noqueue", "0:")]:
        run("tc", "qdisc", "del", "dev", cable.interface, "root")


def test_a_delay_is_there_until_its_end(link: Cable) -> None:
    """Measured by who talks over it; a new dose replaces the old one; an end too many does nothing."""
    assert netem.end(link.interface) == f"nothing of ours delays {link.interface}"
    assert link.round_trip_ms() < 30
    assert not netem.is_applied(link.interface)
    assert netem.is_healed(link.interface)

    netem.begin(link.interface, "120", jitter_ms="10")
    assert link.round_trip_ms() >= 105
    assert netem.is_applied(link.interface)
    assert not netem.is_healed(link.interface)

    netem.begin(link.interface, 50)
    assert 49 <= link.round_trip_ms() < 100

    netem.end(link.interface)
    netem.end(link.interface)
    assert link.round_trip_ms() < 30
    assert netem.is_healed(link.interface)
    assert not netem.is_applied(link.interface)
    assert link.qdiscs() == [("noqueue", "0:")]


def test_jitter_is_spread_about_the_delay(link: Cable) -> None:
    """Uniformly: of 30 round trips, some are well below it and some well above."""
    netem.begin(link.interface, 60, jitter_ms=50)
    taken = link.round_trips_ms(30)
    assert min(taken) < 45
    assert max(taken) > 75


def test_only_what_goes_to_the_port_is_late(link: Cable) -> None:
    """By IPv4 and IPv6; another port of the same host is not touched, and another dose takes the first port off."""
    first, second = link.ports
    netem.begin(link.interface, 80, port=str(first))
    for address in filter(None, (link.address, link.address6)):
        assert link.round_trip_ms(first, address) >= 79
        assert link.round_trip_ms(second, address) < 30
    netem.begin(link.interface, 80, port=second)
    assert link.round_trip_ms(first) < 30
    assert link.round_trip_ms(second) >= 79


def test_only_what_goes_to_the_address_is_late(link: Cable) -> None:
    """An address or a network; everything else, and the other version of IP, is not touched."""
    net = link.address.rpartition(".")[0]
    netem.begin(link.interface, 80, address=f"{net}.0/30")
    assert link.round_trip_ms() >= 79
    if link.address6:
        assert link.round_trip_ms(address=link.address6) < 30
    netem.begin(link.interface, 80, address=f"{net}.77", port=link.ports[0])
    assert link.round_trip_ms() < 30
    if link.address6:
        netem.begin(link.interface, 80, address=link.address6, port=link.ports[0])
        assert link.round_trip_ms() < 30
        assert link.round_trip_ms(address=link.address6) >= 79


def test_packets_are_counted_while_we_look(link: Cable) -> None:
    """None without traffic or without the fault, whatever was counted before; late ones and lost ones apart."""
    assert netem.packets_delayed_per_s(link.interface, over_s=0.1) == 0
    netem.begin(link.interface, 5, port=link.ports[0])
    assert link.round_trip_ms() >= 5
    assert with_traffic(link, lambda: netem.packets_delayed_per_s(link.interface, over_s="0.3")) > 5
    assert netem.packets_lost_per_s(link.interface, over_s=0.1) == 0
    assert netem.packets_delayed_per_s(link.interface, over_s=0.1) == 0  # nobody sends any more
    netem.begin(link.interface, 0, loss_percent=100)
    assert with_datagrams(link, lambda: netem.packets_lost_per_s(link.interface, over_s=0.3)) > 5
    assert netem.packets_delayed_per_s(link.interface, over_s=0.1) == 0


def test_what_was_begun_half_is_undone(link: Cable) -> None:
    """A process killed between two steps leaves our root without netem: an end by another takes it away."""
    run("tc", "qdisc", "add", "dev", link.interface, "root", "handle", "1a9e:", "prio", "bands", "4")
    assert not netem.is_applied(link.interface)
    assert not netem.is_healed(link.interface)
    code = f"from harness.fault import netem; print(netem.end({link.interface!r}))"
    assert run(sys.executable, "-c", code).strip() == f"nothing is delayed on {link.interface}"
    assert netem.is_healed(link.interface)
    run("tc", "qdisc", "add", "dev", link.interface, "root", "handle", "1a9e:", "prio", "bands", "4")
    netem.begin(link.interface, 60)
    assert link.round_trip_ms() >= 59


def test_a_delay_whose_process_was_killed_is_undone_by_another(link: Cable, tmp_path: Path) -> None:
    """By who knows nothing but the undo ledger; as measured by who talks over the cable."""
    cable = {"interface": link.interface}
    row = fault("netem", {**cable, "delay_ms": 80}, cable, lambda: link.round_trip_ms() >= 79)
    undone_by_another(row, tmp_path)
    assert link.qdiscs() == [("noqueue", "0:")]


@pytest.mark.parametrize("theirs", [("handle", "7:", "netem", "delay", "1ms"), ("handle", "1a9e:", "netem"), ("prio",)])
def test_a_netem_of_somebody_else_is_left_alone(link: Cable, theirs: tuple[str, ...]) -> None:
    """Even one of the same kind, or with our handle: begin refuses, end does not touch it."""
    run("tc", "qdisc", "add", "dev", link.interface, "root", *theirs)
    before = link.qdiscs()
    with pytest.raises(ActivityFailed, match="root qdisc that is not ours"):
        netem.begin(link.interface, 50)
    netem.end(link.interface)
    assert netem.is_healed(link.interface)
    assert link.qdiscs() == before


def test_a_qdisc_of_somebody_else_is_left_alone(cable: Cable) -> None:
    """A begin refuses, and says what is there; an end does not touch it."""
    run("tc", "qdisc", "add", "dev", cable.interface, "root", "handle", "7:", "pfifo", "limit", "10")
    try:
        with pytest.raises(ActivityFailed, match=r"root qdisc that is not ours: got pfifo 7:, expected the kernel's"):
            netem.begin(cable.interface, 50)
        assert netem.end(cable.interface) == f"nothing of ours delays {cable.interface}"
        assert not netem.is_applied(cable.interface)
        assert cable.qdiscs() == [("pfifo", "7:")]
    finally:
        run("tc", "qdisc", "del", "dev", cable.interface, "root")


def test_an_interface_that_is_not_there_says_so(cable: Cable) -> None:  # noqa: ARG001 (it skips where tc is missing)
    """By what tc says, with the way out."""
    with pytest.raises(ActivityFailed, match=r"Cannot find device.*name one that `ip link` shows"):
        netem.begin("wp-nowhere", 50)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"delay_ms": "soon"}, "delay_ms: got 'soon', expected a number"),
        ({"delay_ms": -1}, "delay_ms: got -1, expected 0 to 60000"),
        ({"delay_ms": 10, "loss_percent": 101}, "loss_percent: got 101, expected 0 to 100"),
        ({"delay_ms": 10, "port": "70000"}, "port: got 70000, expected 1 to 65535"),
        ({"delay_ms": 10, "port": 80.5}, "port: got 80.5, expected a whole number"),
        ({"delay_ms": 10, "address": "shop"}, "address: got 'shop', expected one such as"),
        ({"delay_ms": 10, "interface": "-batch"}, "interface: got '-batch', expected a name such as eth0"),
    ],
)
def test_a_wrong_argument_says_what_is_expected(arguments: dict, said: str) -> None:
    """Before tc is asked for anything."""
    with pytest.raises(ActivityFailed, match=said):
        netem.begin(**{"interface": "wp-nowhere", **arguments})


def test_without_tc_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package, by the name Debian gives it."""
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(ActivityFailed, match="tc is not installed: install iproute2"):
        netem.begin("eth0", 50)


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        ("RTNETLINK answers: Operation not permitted", "run it as root, or with CAP_NET_ADMIN"),
        ("Error: Specified qdisc kind is unknown.", "this kernel has no prio or no netem: modprobe sch_prio sch_netem"),
    ],
)
def test_a_refusal_says_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: str, said: str) -> None:
    """A user without the capability, a kernel without the module."""
    calls = tc_of_our_own(
        tmp_path, monkeypatch, f'case "$*" in *show*) echo "[]";; *) echo "{refusal}" >&2; exit 2;; esac'
    )
    with pytest.raises(ActivityFailed, match=said):
        netem.begin("eth0", 50)
    assert [one for one in calls.read_text().splitlines() if "qdisc del" in one] == []  # nothing of ours was there


def test_a_begin_that_fails_half_way_takes_back_what_it_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first failure is told; our root goes again, and is asked for by its handle."""
    ours = '[{"kind":"prio","handle":"1a9e:","root":true,"options":{}}]'
    script = f"""
case "$*" in
  *"qdisc show"*) if test -e {tmp_path}/root; then echo '{ours}'; else echo "[]"; fi;;
  *"qdisc add"*) touch {tmp_path}/root;;
  *"qdisc del"*) rm {tmp_path}/root;;
  *"filter add"*) echo "Error: TC classifier not found." >&2; exit 2;;
esac"""
    calls = tc_of_our_own(tmp_path, monkeypatch, script)
    with pytest.raises(ActivityFailed, match=r"tc filter add .*: Error: TC classifier not found"):
        netem.begin("eth0", 50, port=443)
    assert not (tmp_path / "root").exists()
    assert calls.read_text().splitlines()[-1] == "qdisc del dev eth0 root handle 1a9e:"


def tc_of_our_own(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """A `tc` that does what the script says, first on the PATH; the file where each call of it is a line."""
    calls, program = folder / "calls", folder / "tc"
    program.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return calls


def with_traffic(link: Cable, look: Callable[[], float]) -> float:
    """What is seen while lines go there and back."""
    return during(look, link.round_trip_ms)


def with_datagrams(link: Cable, look: Callable[[], float]) -> float:
    """What is seen while datagrams go out that nobody needs to answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:

        def send() -> None:
            one.sendto(b"gone", (link.address, 9))
            time.sleep(0.01)

        return during(look, send)


def during(look: Callable[[], float], again: Callable[[], object]) -> float:
    over = threading.Event()

    def keep_on() -> None:
        while not over.is_set():
            again()

    thread = threading.Thread(target=keep_on)
    thread.start()
    try:
        return look()
    finally:
        over.set()
        thread.join()
