"""Starting and ending the bed's processes."""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil

from harness.errors import NotAvailableError

LAUNCH = Path(__file__).with_name("launch.py")
SERVICES = Path(__file__).with_name("services")
LOG_TAIL_LINES = 12
_GONE_TIMEOUT_S = 5.0
_IPC_RMID = 0  # sys/ipc.h
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


@dataclass(frozen=True, slots=True)
class Owner:
    """The user a process runs as."""

    uid: int
    gid: int

    @classmethod
    def self(cls) -> "Owner":
        """The user this process runs as."""
        return cls(os.geteuid(), os.getegid())


def program(name: str, *words: str) -> list[str]:
    """The command line of one of `services`: with SERVICES on PYTHONPATH, a program of its own without the harness."""
    return [sys.executable, "-P", "-m", name, *words]


@dataclass(slots=True)
class Launcher:
    """Starts programs that die with this process; output goes to a log file each."""

    logs: Path
    environment: Mapping[str, str]

    def start(
        self,
        name: str,
        program: Sequence[str],
        *,
        port: int = 0,
        owner: Owner | None = None,
        own: Mapping[str, str] | None = None,
    ) -> "Child":
        """Start a program in the background; `own` are variables for it alone.

        Subtle: only ever called from the main thread, since the parent-death signal follows the death of the thread
        that started the child, not of the process.
        """
        owner = owner or Owner.self()
        log = self.logs / f"{name}.log"
        with log.open("ab") as file:
            popen = subprocess.Popen(
                [sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), str(owner.uid), str(owner.gid), *program],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={**self.environment, **(own or {})},
                process_group=0,
            )
        return Child(name, popen, port, log)

    async def run(self, name: str, program: Sequence[str], *, owner: Owner, timeout_s: float) -> None:
        """Run a program to its end; NotAvailableError with the tail of its output if it fails or takes too long."""
        child = self.start(name, program, owner=owner)
        try:
            await wait_for(f"{name} to end", lambda: not child.alive(), timeout_s=timeout_s, part=child)
        finally:
            kill([child])
        if child.exit_code() != 0:
            raise NotAvailableError(f"{name} failed with exit code {child.exit_code()}:\n{child.tail()}")


@dataclass(slots=True)
class Child:
    """One running program of the bed."""

    name: str
    popen: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self.popen.pid

    def alive(self) -> bool:
        """Whether it still runs."""
        return self.popen.poll() is None

    def exit_code(self) -> int | None:
        """What it ended with; negative: the signal that ended it."""
        return self.popen.poll()

    def tail(self) -> str:
        """The last lines it wrote."""
        return tail(self.log)


def tail(log: Path) -> str:
    """The last lines of a log, for an error message."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-LOG_TAIL_LINES:])


def kill(children: Iterable[Child]) -> None:
    """End programs and all they started as a loss of power would: at once, without a word.

    A parent is halted before its children are listed, so it can neither start more nor react to their death
    (PostgreSQL would begin crash recovery). Returns when the programs are gone.
    """
    children = [child for child in children if child.alive()]
    victims: list[psutil.Process] = []
    for child in children:
        _signal(child.pid, signal.SIGSTOP)
    for child in children:
        victims += descendants(child.pid)
    for pid in [child.pid for child in children] + [victim.pid for victim in victims]:
        _signal(pid, signal.SIGKILL)
    for child in children:
        child.popen.wait(_GONE_TIMEOUT_S)
    deadline_s = time.monotonic() + _GONE_TIMEOUT_S
    while any(not _gone(victim) for victim in victims) and time.monotonic() < deadline_s:
        time.sleep(0.0005)


def descendants(pid: int) -> list[psutil.Process]:
    """All processes that one started, and they in turn."""
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return []


def _gone(process: psutil.Process) -> bool:
    """Whether a process has ended; collects it where it fell to us at its parent's death (see `adopt_orphans`)."""
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(process.pid, os.WNOHANG)[0] != 0
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def adopt_orphans() -> None:
    """Let grandchildren fall to this process when their parents die, so that it can collect them (Linux).

    Process 1 of a container often does not, or not soon.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def release_shared_memory(data: Path) -> None:
    """Give back the lock segment of a killed PostgreSQL: the system keeps it until somebody removes it."""
    try:
        words = (data / "postmaster.pid").read_text().splitlines()[6].split()
        ctypes.CDLL(None).shmctl(int(words[1]), _IPC_RMID, None)
    except (OSError, IndexError, ValueError, AttributeError):
        return  # it had not come that far, or there is no such system call here


def reap(ours: Collection[int]) -> None:
    """Collect adopted processes that have ended; those in `ours` are waited for elsewhere."""
    with contextlib.suppress(ChildProcessError):
        while sys.platform == "linux":
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is None or found.si_pid in ours:
                return
            os.waitpid(found.si_pid, os.WNOHANG)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


async def wait_for(
    what: str,
    condition: Callable[[], bool | Awaitable[bool]],
    *,
    timeout_s: float,
    part: Child | None = None,
    interval_s: float = 0.02,
) -> None:
    """Wait until a condition holds.

    Raises NotAvailableError naming what was waited for, with the tail of the part's log, when the time is over or the
    part died before.
    """
    deadline_s = time.monotonic() + timeout_s
    while True:
        dead = part is not None and not part.alive()
        holds = condition()
        if holds if isinstance(holds, bool) else await holds:
            return
        late = time.monotonic() > deadline_s
        if dead or late:
            why = f"waited {timeout_s:g} s for {what}"
            if dead and part is not None:
                why = f"{part.name} ended with {part.exit_code()} while waiting for {what}"
            raise NotAvailableError(f"test bed: {why}\n{part.tail() if part else ''}".rstrip())
        await asyncio.sleep(interval_s)


async def http_get(port: int, path: str, timeout_s: float = 0.5) -> tuple[int, bytes]:
    """Status and body of a GET on loopback; status 0 where nothing answered in time."""
    return await http_call("GET", port, path, timeout_s=timeout_s)


async def http_call(
    method: str, port: int, path: str, words: object = None, *, key: str = "", timeout_s: float = 0.5
) -> tuple[int, bytes]:
    """The same for any method; `words` are sent as JSON, `key` is what changes need."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return await asyncio.to_thread(_http_call, method, port, path, words, headers, timeout_s)


def _http_call(
    method: str, port: int, path: str, words: object, headers: Mapping[str, str], timeout_s: float
) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request(method, path, None if words is None else json.dumps(words), dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, HTTPException):
        return 0, b""
    finally:
        connection.close()
