"""A hang: SIGSTOP to the processes that listen on some ports of this host, and to all they started.

Unlike a dead process, a stopped one refuses nothing: connections are taken by the kernel, and nobody answers. Works
where the experiment runs on the same host, as the same user or root.

Who is stopped is written down first, in the state folder: whoever replaces a listener that answers nobody may leave its
children behind, stopped, and nothing tells then what they belonged to.
"""

import contextlib
import json
import signal
from pathlib import Path

import psutil
from chaoslib.exceptions import ActivityFailed

from harness.errors import NotAvailableError
from harness.fault import arguments, processes
from harness.fault.ledger import make_state_folder, state_folder
from harness.identity import Identity

__all__ = ["begin", "end", "is_healed", "stopped_count"]


def begin(ports: str | int) -> list[int]:
    """Stop the listeners on these ports ("8080,8081") and their descendants; their pids.

    Raises ActivityFailed, before anything is stopped, where nobody listens on one of them.
    """
    family = processes.family(arguments.ports(ports))
    _write_down(ports, family)
    return processes.send(family, signal.SIGSTOP)


def end(ports: str | int) -> list[int]:
    """Let go on whatever is stopped there, or was stopped here; nothing to do where nothing is."""
    found = processes.with_descendants(processes.listeners(arguments.ports(ports)).values())
    known = {one.pid for one in found}
    left = []
    for one in _stopped(ports):
        with contextlib.suppress(psutil.NoSuchProcess):  # it may end while we look
            left += [psutil.Process(one.pid)] if one.pid not in known else []
    sent = processes.send([one for one in (*found, *left) if _is_stopped(one)], signal.SIGCONT)
    _file(ports).unlink(missing_ok=True)
    return sent


def stopped_count(ports: str | int) -> int:
    """How many of the ports have a listener that is stopped."""
    return sum(_is_stopped(one) for one in processes.listeners(arguments.ports(ports)).values())


def is_healed(ports: str | int) -> bool:
    """Whether every port has a listener, none is stopped, and nobody who was stopped with them."""
    wanted = arguments.ports(ports)
    found = processes.listeners(wanted)
    return len(found) == len(wanted) and not any(_is_stopped(one) for one in found.values()) and not _stopped(ports)


def _is_stopped(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False


def _file(ports: str | int) -> Path:
    return state_folder() / f"paused-{'-'.join(map(str, sorted(arguments.ports(ports))))}.json"


def _write_down(ports: str | int, family: list[psutil.Process]) -> None:
    """Keep whom we stop, beside those of an earlier time that still are. Raises ActivityFailed."""
    known = {one.pid: one for one in (*_stopped(ports), *(Identity.of(one.pid) for one in family))}
    try:
        make_state_folder()
        _file(ports).write_text(json.dumps([one.model_dump() for one in known.values()]))
    except (OSError, NotAvailableError) as error:
        raise ActivityFailed(f"who is stopped cannot be written down, so nobody was: {error}") from error


def _stopped(ports: str | int) -> list[Identity]:
    """Whom we stopped and who still stands still. A file that nobody can read names nobody."""
    try:
        known = [Identity.model_validate(one) for one in json.loads(_file(ports).read_text())]
    except (OSError, ValueError, TypeError):
        return []
    return [one for one in known if one.is_stopped]
