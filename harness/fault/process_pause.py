"""A hang: SIGSTOP to the processes that listen on some ports of this host, and to all they started.

Unlike a dead process, a stopped one refuses nothing: connections are taken by the kernel, and nobody answers. Works
where the experiment runs on the same host, as the same user or root.
"""

import signal

import psutil

from harness.fault import arguments, processes

__all__ = ["begin", "end", "is_healed", "stopped_count"]


def begin(ports: str | int) -> list[int]:
    """Stop the listeners on these ports ("8080,8081") and their descendants; their pids.

    Raises ActivityFailed, before anything is stopped, where nobody listens on one of them.
    """
    return processes.send(processes.family(arguments.ports(ports)), signal.SIGSTOP)


def end(ports: str | int) -> list[int]:
    """Let go on whatever is stopped there; nothing to do where nothing is, or nobody listens any more."""
    found = processes.with_descendants(processes.listeners(arguments.ports(ports)).values())
    return processes.send([one for one in found if _is_stopped(one)], signal.SIGCONT)


def stopped_count(ports: str | int) -> int:
    """How many of the ports have a listener that is stopped."""
    return sum(_is_stopped(one) for one in processes.listeners(arguments.ports(ports)).values())


def is_healed(ports: str | int) -> bool:
    """Whether every port has a listener, and none is stopped."""
    wanted = arguments.ports(ports)
    found = processes.listeners(wanted)
    return len(found) == len(wanted) and not any(_is_stopped(one) for one in found.values())


def _is_stopped(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False
