"""Where a bed keeps its state: `<temporary directory>/wellproven-<uid>/<name>/`, for its user alone.

state.json     BedStatus, written whole at each change; with the bed's key
keeper.json    which process keeps the bed (Identity)
bed.jsonl      the bed's own event log
logs/          output of every process
sockets/       socket files; Envoy's admin interface
data/          what the processes keep; the database nodes' directories
"""

import fcntl
import os
import pwd
import re
import shutil
import socket
import stat
import tempfile
from pathlib import Path
from random import SystemRandom

import psutil

from harness.errors import NotAvailableError, UsageError
from harness.files import own_folder
from harness.identity import Identity
from harness.testbed.process import Owner, release_shared_memory
from harness.testbed.settings import NAME

# Below the ports that systems give to outgoing connections (Linux 32768.., macOS and Windows 49152..): nobody takes
# one of ours by chance while its zone is down.
PORTS = range(15_000, 32_000)
_PORT_TRIES_MAX = 2_000
_KILL_TIMEOUT_S = 5.0
# In the environment of every process of a bed: the bed's directory.
MARK = "WELLPROVEN_TESTBED"
# What the database runs as when the bed runs as root, which PostgreSQL refuses.
_UNPRIVILEGED = "nobody"


def database_owner() -> Owner:
    """The user that database nodes run as."""
    if os.geteuid() != 0:
        return Owner.self()
    entry = pwd.getpwnam(_UNPRIVILEGED)
    return Owner(entry.pw_uid, entry.pw_gid)


class Place:
    """The directory of one bed."""

    def __init__(self, name: str) -> None:
        """Raise UsageError where the name could lead out of the folder of beds."""
        if not re.fullmatch(NAME, name):
            raise UsageError(f"test bed {name!r}: expected a name of a-z, 0-9 and -, at most 40 of them")
        self.name = name
        self.base = _base()
        self.root = self.base / name
        self.state = self.root / "state.json"
        self.keeper = self.root / "keeper.json"
        self.events = self.root / "bed.jsonl"
        self.logs = self.root / "logs"
        self.sockets = self.root / "sockets"
        self.data = self.root / "data"
        self.keeper_log = self.base / f"{name}.keeper.log"  # outlives a bed that failed to come up
        self._lock = self.base / f"{name}.lock"

    def create(self) -> None:
        """Make the directory anew, empty."""
        self.remove()
        # As root the database runs as another user, who must be able to pass through to its own directory.
        passable = 0o711 if os.geteuid() == 0 else 0o700
        for directory, mode in (
            (self.root, passable),
            (self.logs, 0o700),
            (self.sockets, 0o700),
            (self.data, passable),
        ):
            directory.mkdir(mode=mode)
            directory.chmod(mode)
        write_whole(self.keeper, Identity.own().model_dump_json())

    def remove(self) -> None:
        """Remove the directory and all that is in it."""
        shutil.rmtree(self.root, ignore_errors=True)

    def lock(self) -> int | None:
        """Take the bed's lock for this process: who holds it keeps the bed. None if another does.

        The lock goes with its process, however that ends; closing the descriptor lets it go.
        """
        self._prepare()
        while True:
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(descriptor), self._lock.stat()):
                    return descriptor
            except BlockingIOError:
                os.close(descriptor)
                return None
            except FileNotFoundError:
                pass
            os.close(descriptor)  # its holder removed the file between our opening and our locking it

    def unlock(self, descriptor: int) -> None:
        """Let the lock go, and leave no file behind."""
        self._lock.unlink(missing_ok=True)
        os.close(descriptor)

    def sweep(self) -> None:
        """End what a keeper left behind that could not end it itself, and remove the directory; needs the lock.

        On Linux the children of a killed keeper die with it; elsewhere they are found by the directory they were given.
        """
        self.keeper_log.unlink(missing_ok=True)
        if self.root.exists():
            mark = str(self.root)
            for process in psutil.process_iter():
                try:
                    words = [*process.cmdline(), process.environ().get(MARK, "")]
                    if any(word == mark or f"{mark}/" in word for word in words):
                        process.kill()
                        process.wait(_KILL_TIMEOUT_S)
                except psutil.Error:
                    continue
            for data in self.data.glob("*/pg"):
                release_shared_memory(data)
            self.remove()

    def keeper_process(self) -> psutil.Process | None:
        """The living process that keeps this bed; None also where keeper.json names none."""
        try:
            keeper = Identity.model_validate_json(self.keeper.read_bytes())
            process = psutil.Process(keeper.pid)
            return process if keeper.is_alive else None
        except (OSError, ValueError, ArithmeticError, RecursionError, psutil.Error):
            return None

    def _prepare(self) -> None:
        passable = 0o711 if os.geteuid() == 0 else 0o700
        own_folder(self.base, passable).chmod(passable)


def places() -> list[Place]:
    """Every bed of this user's that has a directory."""
    base = _base()
    names = [path.name for path in base.iterdir() if path.is_dir()] if base.is_dir() else []
    return [Place(name) for name in sorted(names) if re.fullmatch(NAME, name)]


def write_whole(path: Path, text: str) -> None:
    """Replace a file at once: a reader sees the old one or the new one. Its user alone may read it: see state.json."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(0o600, exist_ok=False)
    fresh.write_text(text)
    fresh.replace(path)


def passable(path: Path) -> bool:
    """Whether any user can reach what is in this directory."""
    return all(directory.stat().st_mode & stat.S_IXOTH for directory in (path, *path.parents))


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on now.

    Whoever is quicker may still take one: the caller starts over with others then.
    """
    random = SystemRandom()
    found: set[int] = set()
    for _ in range(_PORT_TRIES_MAX):
        port = random.choice(PORTS)
        if port not in found and _is_free(port):
            found.add(port)
            if len(found) == count:
                return list(found)
    raise NotAvailableError(f"test bed: found no {count} free ports in {PORTS.start}..{PORTS.stop - 1}")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _base() -> Path:
    """The directory of this user's beds. As root one that every user can pass through."""
    candidates = [Path(tempfile.gettempdir()).resolve(), Path("/tmp"), Path("/var/tmp")]  # noqa: S108  # checked below
    if os.geteuid() == 0:
        candidates = [path for path in candidates if path.is_dir() and passable(path)] or candidates
    return candidates[0] / f"wellproven-{os.geteuid()}"
