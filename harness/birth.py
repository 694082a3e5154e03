"""When a process began, told so that neither its number used again nor a wall clock that is set makes it another."""

from pathlib import Path

import psutil


def began(pid: int) -> tuple[str | None, str]:
    """When the process of that number began, and its state; None where there is none.

    Linux: boot and clock ticks since; elsewhere seconds of UTC.
    """
    try:
        # Subtle: the name, in parentheses, may hold anything; the fields after it are counted from its end.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return _elsewhere(pid)
    return f"{boot} {fields[19]}", fields[0]


def _elsewhere(pid: int) -> tuple[str | None, str]:
    if Path("/proc/self/stat").exists():
        return None, "X"
    try:
        process = psutil.Process(pid)
        states = {psutil.STATUS_ZOMBIE: "Z", psutil.STATUS_STOPPED: "T"}
        return repr(process.create_time()), states.get(process.status(), "R")
    except psutil.NoSuchProcess:
        return None, "X"
