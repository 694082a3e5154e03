"""More traffic: the load of the run rises to the surge its plan names; by hand, plain Locust brings more visitors.

In a drill the run itself raises its arrivals while the fault is there (`surge:` in the extension), so that every one of
them is in the record; the action then only marks the begin. Under plain `chaos run` there is no such load: the action
starts Locust on a locustfile, and `end` stops it.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
from chaoslib.exceptions import ActivityFailed

from harness.fault.compose import RUN_VARIABLE
from harness.identity import Identity

__all__ = ["begin", "end", "is_applied", "is_healed"]

END_S = 10.0


def begin(base_url: str, locustfile: str = "loadtests/shop.py", users: int | str = 3) -> str:
    """Raise the traffic: in a drill by the plan's surge, by hand with `users` streams of Locust's visitors.

    Raises ActivityFailed where the locustfile is not there, or a surge begun by hand goes on already.
    """
    if RUN_VARIABLE in os.environ:
        return "the run raises its own arrivals"
    if not Path(locustfile).is_file():
        raise ActivityFailed(f"surge: no such locustfile: {locustfile}")
    if _process() is not None:
        raise ActivityFailed("surge: one goes on already; end it first")
    command = [sys.executable, "-m", "locust", "-f", locustfile, "--host", base_url, "--headless"]
    with _pid_file().with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--users", str(int(users)), "--spawn-rate", str(int(users)), "--exit-code-on-error", "0"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _pid_file().write_text(Identity.of(process.pid).model_dump_json())
    return f"locust runs as process {process.pid}"


def end() -> str:
    """Stop the traffic begun by hand; nothing to do where none goes on.

    In a drill the run lowers its own arrivals: what somebody began by hand beside it is not its to end.
    """
    if RUN_VARIABLE in os.environ:
        return "the run lowers its own arrivals"
    process = _process()
    if process is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(END_S)
            except psutil.TimeoutExpired:
                process.kill()
    _pid_file().unlink(missing_ok=True)
    return "no surge goes on"


def is_applied() -> bool:
    """Whether a surge goes on; in a drill the record says more: use `traffic-above` as its evidence."""
    return RUN_VARIABLE in os.environ or _process() is not None


def is_healed() -> bool:
    """Whether no surge begun by hand goes on; in a drill there is none, and the record shows its arrivals."""
    return RUN_VARIABLE in os.environ or _process() is None


def _pid_file() -> Path:
    """In a folder that is ours alone: in a shared one, somebody else's file could name any process."""
    folder = Path(tempfile.gettempdir()) / f"wellproven-surge-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    about = folder.lstat()
    if folder.is_symlink() or about.st_uid != os.getuid() or about.st_mode & 0o077:
        raise ActivityFailed(f"surge: {folder} is not ours alone; remove it")
    return folder / "surge.pid"


def _process() -> psutil.Process | None:
    """The Locust that `begin` started, if it still runs: a pid alone may be another's by now."""
    try:
        begun = Identity.model_validate_json(_pid_file().read_bytes())
        process = psutil.Process(begun.pid)
    except (OSError, ValueError, psutil.NoSuchProcess):
        return None
    return process if begun.is_alive else None
