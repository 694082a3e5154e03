"""Processes of this host, by the TCP ports they listen on. No fault by itself."""

import contextlib
import os
import signal
from collections.abc import Iterable

import psutil
from chaoslib.exceptions import ActivityFailed


def listeners(wanted: Iterable[int]) -> dict[int, psutil.Process]:
    """Who listens on each of these ports, where somebody does. Raises ActivityFailed where that cannot be seen."""
    ports = set(wanted)
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port in ports:
                    # A child that inherited the socket listens too: the oldest is the one that owns it.
                    other = found.get(connection.laddr.port)
                    if other is None or process.create_time() < other.create_time():
                        found[connection.laddr.port] = process
    return found


def family(wanted: Iterable[int]) -> list[psutil.Process]:
    """The listeners on all of these ports, and all they started. Raises ActivityFailed where one has no listener."""
    ports = list(wanted)
    found = listeners(ports)
    missing = [str(port) for port in ports if port not in found]
    if missing:
        raise ActivityFailed(f"nobody listens on {', '.join(missing)} that we may see: no target, so nothing was done")
    return with_descendants(found.values())


def with_descendants(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Processes, parents first, each once. Raises ActivityFailed where we are among them."""
    found: dict[int, psutil.Process] = {}
    for process in processes:
        found[process.pid] = process
        with contextlib.suppress(psutil.NoSuchProcess):
            found.update({child.pid: child for child in process.children(recursive=True)})
    ours = {1, os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    if ours & set(found):
        raise ActivityFailed("these ports belong to the process that runs the experiment: refused")
    return list(found.values())


def send(processes: Iterable[psutil.Process], number: signal.Signals) -> list[int]:
    """Signal each that is still there; the pids of those. Raises ActivityFailed where one is not ours to signal."""
    sent = []
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied as error:
            raise ActivityFailed(f"process {process.pid} is another user's: {number.name} refused") from error
        sent.append(process.pid)
    return sent
