"""The watchdog as the supervisor sees it. Never imports chaoslib: only the watchdog does."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from harness.aws import OTHERS_RETRY
from harness.clock import Clock
from harness.errors import NotAvailableError
from harness.files import is_folder
from harness.identity import Identity
from harness.redaction import NAMES_VARIABLE
from harness.units import NS_PER_S

READY_S: Final = 30.0
BEAT_LOST_S: Final = 3.0  # without a beat for so long, either side takes the other for lost
GAVE_UP: Final = 1  # its exit code where it could not undo


class Watch:
    """A watchdog that runs."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, clock: Clock) -> None:
        self.identity = Identity.of(process.pid)
        self._process = process
        self._log = log
        self._clock = clock
        self._heard_ns = clock.monotonic_ns()
        self._said = b""  # until it is ready; beats afterwards
        self._is_ready = False
        self._watches = False

    def wait_ready(self) -> None:
        """Wait until it could undo at once. Raises NotAvailableError where it does not come so far."""
        deadline_ns = self._clock.monotonic_ns() + round(READY_S * NS_PER_S)
        while not self._is_ready:
            self._hear()
            if self._process.poll() is not None or self._clock.monotonic_ns() > deadline_ns:
                raise NotAvailableError(f"the watchdog did not start, so nothing was broken; see {self._log}")
            self._clock.sleep(0.02)

    def open(self, entry: Path) -> None:
        """Let it watch an entry of the ledger, from now on."""
        self._heard_ns, self._watches = self._clock.monotonic_ns(), True
        self._say(f"open {entry}")

    def beat(self) -> None:
        """Tell it that we live."""
        self._hear()
        self._say("beat")

    def ask(self, because: str) -> None:
        """Have it undo what is open, at once; an experiment's process that does so by itself is let finish."""
        self._say(f"undo {' '.join(because.split())}")

    def lost(self) -> str | None:
        """Why it can be relied on no longer; None while it can."""
        code = self._process.poll()
        if code is not None:
            return "it gave up undoing" if code == GAVE_UP else f"it ended (exit {code})"
        silent = self._watches and self._clock.monotonic_ns() - self._heard_ns > BEAT_LOST_S * NS_PER_S
        return f"it has not answered for {BEAT_LOST_S:g} s" if silent else None

    @property
    def gave_up(self) -> bool:
        """Whether it undid as long as it could, and something is left."""
        return self._process.poll() == GAVE_UP

    def leave(self) -> None:
        """Go away without waiting: what is open, it undoes."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def stop(self, longest_s: float, *, kill: bool) -> None:
        """Let it end, and wait for that; what is open, it undoes first. `kill` one that does not. Idempotent."""
        self.leave()
        try:
            self._process.wait(longest_s)
        except subprocess.TimeoutExpired:
            if kill:
                self._process.kill()
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        # One that hears nothing any more is noticed by its silence; a full pipe must not stop us.
        with contextlib.suppress(OSError, ValueError):
            os.write(self._process.stdin.fileno(), line.encode() + b"\n")

    def _hear(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            said = os.read(self._process.stdout.fileno(), 65536)
            if said:
                self._heard_ns = self._clock.monotonic_ns()
                self._said = (self._said + said)[-64:]
                self._is_ready = self._is_ready or b"ready\n" in self._said


def watch(run_dir: Path, environment: Mapping[str, str], *, clock: Clock, secrets: tuple[str, ...] = ()) -> Watch:
    """Start the watchdog of a run whose experiment.json is there; `environment` is added to ours.

    What the variables named in `secrets` hold stays out of all that it writes.
    """
    log = run_dir / "watchdog.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "harness.fault.watchdog", str(run_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            env={
                **OTHERS_RETRY,
                **os.environ,
                **environment,
                NAMES_VARIABLE: ",".join(secrets),
                "PYTHONUNBUFFERED": "1",
            },
            start_new_session=True,
        )
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        os.set_blocking(pipe.fileno(), False)
    return Watch(process, log, clock)


class UndoProcess:
    """`harness.fault.undo` at work on one entry."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def poll(self) -> int | None:
        """Exit code, once it has ended."""
        return self._process.poll()

    def said(self) -> bytes:
        """Wait for its end, and return what it printed."""
        return self._process.communicate()[0]


def start_undo(
    entry: Path, who: str, because: str, *, folder: str, environment: Mapping[str, str], secrets: tuple[str, ...]
) -> UndoProcess:
    """Undo one entry in a process of its own, in the folder and the environment its rollbacks need.

    What the variables named in `secrets` hold stays out of all that it writes.
    """
    words = [sys.executable, "-m", "harness.fault.undo", str(entry), who, because]
    return UndoProcess(
        subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder if is_folder(folder) else None,
            env={**OTHERS_RETRY, **os.environ, **environment, NAMES_VARIABLE: ",".join(secrets)},
            start_new_session=True,
        )
    )
