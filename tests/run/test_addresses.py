"""One system is one target, by whatever name and address: its lock, the faults left on it, what was spent on it."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RefusedError
from harness.fault import STATE_VARIABLE, state_folder
from harness.run import addresses_of, is_held
from harness.run.lock import target_lock


@pytest.fixture(scope="module")
def folder_of_module() -> Path:
    """Where a module's own drills keep their state; made before any test's folder is there."""
    return state_folder()


def test_no_drill_of_a_test_is_among_the_users_own(folder_of_module: Path, state: Path) -> None:
    """Nor among those of another checkout that is tested beside this one."""
    assert folder_of_module not in (state, state_folder({}), state_folder({"XDG_STATE_HOME": "/x"}))
    assert state == state_folder()


class Names:
    """A name server in place of the system's: each question is answered from `known`, unknown names by nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **known: list[str]) -> None:
        self.known = {name.replace("_", "."): found for name, found in known.items()}
        monkeypatch.setattr(socket, "getaddrinfo", self.ask)

    def ask(self, host: str, port: int, **_: object) -> list[tuple]:
        """As `socket.getaddrinfo` answers."""
        if host not in self.known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in self.known[host]]


def test_a_name_whose_addresses_take_turns_is_one_target(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first address of each answer is another one; every one of them is held."""
    names = Names(monkeypatch, shop_example=["192.0.2.1", "192.0.2.2"])
    with target_lock("shop", "https://shop.example"):
        names.known["shop.example"].reverse()
        assert is_held("https://SHOP.example.:443/path")
        names.known = {}
        assert is_held("https://shop.example"), "the name itself is held though it leads nowhere now"
        with pytest.raises(RefusedError, match="another run holds target shop"):
            target_lock("shop", "https://192.0.2.2").__enter__()
        assert not is_held("https://192.0.2.2:8443")
        assert not is_held("https://192.0.2.3")
    assert not is_held("https://192.0.2.2")


def test_who_is_refused_holds_nothing(monkeypatch: pytest.MonkeyPatch, state: Path) -> None:
    """What it held already when it met the other's lock is let go."""
    Names(monkeypatch, one_example=["192.0.2.1", "192.0.2.9"])
    with target_lock("nine", "https://192.0.2.9"):
        with pytest.raises(RefusedError):
            target_lock("one", "https://one.example").__enter__()
        assert not is_held("https://192.0.2.1")
        assert [path.name for path in (state / "locks").iterdir()] == ["192.0.2.9-443.lock"]


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost", "http://LOCALHOST.:80", "http://shop.localhost", "http://127.0.0.1:80/a", "http://127.0.1.1",
        "http://[::1]", "http://0.0.0.0:80", "http://[::]", "http://[::ffff:127.0.0.1]", "http://u:p@localhost",
    ],
)  # fmt: skip
def test_this_machine_is_one_by_all_its_names(url: str) -> None:
    """Who listens there is the same."""
    assert "127.0.0.1-80" in addresses_of(url)


def test_an_interface_of_this_machine_is_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who listens on all addresses listens on loopback and on the network's: one target by either."""
    card = SimpleNamespace(address="192.0.2.50"), SimpleNamespace(address="fe80::50%eth0")
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: {"eth0": [*card, SimpleNamespace(address="02:00:00:00:00:01")]})
    Names(monkeypatch, me_example=["192.0.2.50"], six_example=["fe80::50"], shop_example=["192.0.2.51"])
    with target_lock("here", "http://127.0.0.1:8080"):
        assert is_held("http://me.example:8080")
        assert is_held("http://six.example:8080")
        assert not is_held("http://shop.example:8080")


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("http://127.0.0.1:0", ("127.0.0.1-0",)),  # the embedded target that is not up: nobody's port, not port 80
        ("http://shop.example:99999", ("-0",)),
        ("http://[shop", ("-0",)),
        ("http://user:secret@shop.example:8080/way?token=secret", ("shop.example-8080",)),
        ("http://a..b", ("a..b-80",)),
        ("http://b\u00fccher.example", ("b_cher.example-80",)),
    ],
)
def test_what_leads_nowhere_is_known_by_its_host(
    url: str, known: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing else of its URL: the words go into the record."""
    Names(monkeypatch)
    assert addresses_of(url) == known


def test_ipv6_is_written_in_many_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """And an IPv4 address can stand in one."""
    Names(monkeypatch, six_example=["2001:db8::7"])
    assert addresses_of("https://[2001:DB8:0::7]") == ("2001:db8::7-443",)
    assert "2001:db8::7-443" in addresses_of("https://six.example")
    assert addresses_of("https://[::ffff:192.0.2.1]") == addresses_of("https://192.0.2.1")


few = st.sets(st.integers(1, 6), min_size=1, max_size=4)


@given(few, few)
def test_what_has_an_address_in_common_is_never_held_twice(one: set[int], other: set[int]) -> None:
    """And what has none in common is not kept from being drilled."""
    with pytest.MonkeyPatch.context() as patch:
        known = {name: [f"192.0.2.{n}" for n in numbers] for name, numbers in (("a_one", one), ("b_two", other))}
        Names(patch, **known)
        with target_lock("a", "https://a.one"):
            assert is_held("https://b.two") == bool(one & other)
            try:
                with target_lock("b", "https://b.two"):
                    assert not one & other
            except RefusedError:
                assert one & other
        assert not is_held("https://b.two")


HOLD = """
import sys
from harness.run.lock import target_lock
with target_lock("x", "http://localhost:1"):
    print("held", flush=True)
    sys.stdin.read()
"""


# Takes some of five addresses again and again, in whatever order it is told them, and marks each that it holds.
MANY = """
import contextlib, os, random, socket, sys, time
from pathlib import Path
from types import SimpleNamespace
from harness.errors import RefusedError
from harness.run.lock import target_lock
marks, chance = Path(sys.argv[1]), random.Random(int(sys.argv[2]))
answer = []
socket.getaddrinfo = lambda host, port, **_: [(0, 0, 0, "", (one, port)) for one in answer]
held = 0
for turn in range(int(sys.argv[3])):
    answer[:] = [f"192.0.2.{n}" for n in chance.sample(range(5), chance.randint(1, 3))]
    with contextlib.suppress(RefusedError), target_lock("x", f"http://name-{sys.argv[2]}.example:1"):
        held += 1
        for one in answer:
            os.close(os.open(marks / one, os.O_CREAT | os.O_EXCL))
        time.sleep(0.001)
        for one in answer:
            (marks / one).unlink()
print(held)
"""


def test_many_processes_never_hold_one_address_at_once(tmp_path: Path, state: Path) -> None:
    """A second holder would find the first one's mark. All of them get their turns, and nothing stays locked."""
    (tmp_path / "marks").mkdir()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MANY, str(tmp_path / "marks"), str(seed), "60"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(4)
    ]
    said = [process.communicate(timeout=50) for process in processes]
    assert [error for _, error in said] == ["", "", "", ""]
    assert all(int(out) > 0 for out, _ in said), said
    assert list((state / "locks").iterdir()) == []


def test_a_lock_that_goes_while_it_is_looked_at_is_taken_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs may end between another's opening of the file and its look: that is no folder that cannot be used."""
    real, times = os.stat, []

    def gone_at_first(path: object, *arguments: object, **more: object) -> os.stat_result:
        if str(path).endswith("127.0.0.1-1.lock"):
            times.append(path)
            if len(times) == 2:  # the look at whether it is there was the first, if there is one
                raise FileNotFoundError(2, "No such file or directory", str(path))
        return real(path, *arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", gone_at_first)
        with target_lock("x", "http://127.0.0.1:1"):
            assert is_held("http://127.0.0.1:1")


def test_the_folder_of_the_locks_does_not_take_the_ledgers_from_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is the first to make the state folder: all above it is synced, or a crash loses the undo."""
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state/wellproven"))
    synced, real = [], os.fsync

    def noted(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    with target_lock("x", "http://127.0.0.1:1"):
        assert [path.stat().st_ino for path in (tmp_path, tmp_path / "state")] == synced
    assert (tmp_path / "state/wellproven").stat().st_mode & 0o077 == 0


def test_the_lock_goes_with_its_process() -> None:
    """Another process holds it, in whatever folder for temporary files; killed, it holds nothing."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": "/"}
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(RefusedError):
        target_lock("y", "http://127.0.0.1:1").__enter__()
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    with target_lock("y", "http://127.0.0.1:1"):
        pass
