"""A crash: SIGKILL to the processes that listen on some ports of this host, and to all they started.

Whoever supervises them starts them again; `end` waits for that. Works where the experiment runs on the same host, as
the same user or root.
"""

import signal
import time

from chaoslib.exceptions import ActivityFailed

from harness.fault import arguments, processes
from harness.identity import age_s

__all__ = ["begin", "end", "is_healed", "youngest_age_s"]

LOOK_EVERY_S = 0.1


def begin(ports: str | int) -> list[int]:
    """Kill the listeners on these ports ("8080,8081") and their descendants; their pids.

    Raises ActivityFailed, before anything is killed, where nobody listens on one of them.
    """
    found = processes.family(arguments.ports(ports))
    processes.send(found, signal.SIGSTOP)  # none may react to the death of another
    return processes.send(found, signal.SIGKILL)


def end(ports: str | int, within_s: float | str = 30) -> str:
    """Wait until each port is listened on again. Raises ActivityFailed where one is not in time."""
    wanted = arguments.ports(ports)
    deadline_s = time.monotonic() + arguments.within("within_s", within_s, 0, 3600)
    while len(found := processes.listeners(wanted)) < len(wanted):
        if time.monotonic() > deadline_s:
            missing = ", ".join(str(port) for port in wanted if port not in found)
            raise ActivityFailed(f"nobody listens again on {missing}: start what belongs there by hand")
        time.sleep(LOOK_EVERY_S)
    return "every port is listened on"


def youngest_age_s(ports: str | int) -> float:
    """How old the youngest listener is, in seconds; -1 where one of the ports has none.

    What was killed is gone, or younger than the fault: evidence that does not depend on how soon it is started again.
    """
    wanted = arguments.ports(ports)
    found = processes.listeners(wanted)
    if len(found) < len(wanted):
        return -1.0
    ages_s = [age_s(process.pid) for process in found.values()]
    return min(-1.0 if one is None else one for one in ages_s)


def is_healed(ports: str | int) -> bool:
    """Whether every port is listened on."""
    wanted = arguments.ports(ports)
    return len(processes.listeners(wanted)) == len(wanted)
