"""The load as the supervisor sees it: child processes, begun at one instant, stopped in order. Plain Python.

The children live in sessions of their own: a Ctrl-C at the terminal reaches the supervisor alone, which decides.
They hold on to the supervisor by their standard input: when it is gone, however it went, they stop.
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import harness
from harness.clock import Clock
from harness.errors import FileError, NotAvailableError, UsageError
from harness.load.schedule import ARRIVALS_MAX, expected_arrivals
from harness.load.template import Template
from harness.plan import Profile, header_variables
from harness.redaction import NAMES_VARIABLE, without_secrets
from harness.units import NS_PER_MS

READY_DEADLINE_S: Final = 30.0
BEGIN_MARGIN_NS: Final = 100 * NS_PER_MS  # the begin instant must still be ahead when the last worker hears of it
STOP_MARGIN_S: Final = 5.0  # beyond the longest time-out, for reports to be written
_CHILD: Final = Path(__file__).with_name("child.py")
_LOG_TAIL_LINES: Final = 12


class Load:
    """A load that is running; made by `start`."""

    def __init__(self, profile: Profile, run_dir: Path, children: list["_Child"], begin_ns: int, clock: Clock) -> None:
        self.begin_ns = begin_ns  # monotonic: instant 0 of the schedule
        self._children = children
        self._run_dir = run_dir
        self._clock = clock
        self._stop_deadline_s = max(route.timeout_s for route in profile.routes) + STOP_MARGIN_S
        self._problems: list[str] = []

    def poll(self) -> list[str]:
        """Problems so far, a sentence each; empty while all is well. A worker that ended with its report is well."""
        for child in self._children:
            problem = child.problem()
            if problem and problem not in self._problems:
                self._problems.append(problem)
        return list(self._problems)

    @property
    def pids(self) -> tuple[int, ...]:
        """The workers' process ids, by worker."""
        return tuple(child.process.pid for child in self._children)

    @property
    def is_over(self) -> bool:
        """Whether every worker has ended, by itself or not."""
        return all(child.process.poll() is not None for child in self._children)

    def surge(self, on: bool) -> int:  # noqa: FBT001  a switch, and nothing else
        """Raise the arrivals to each route's surge, or end that: there is one surge a run.

        Returns the instant (monotonic ns) from which on all workers do so.
        """
        at_ns = self._clock.monotonic_ns() + BEGIN_MARGIN_NS
        for child in self._children:
            child.say(b"%s %d\n" % (b"surge" if on else b"calm", at_ns))
        return at_ns

    def stop(self, *, deadline_s: float | None = None) -> None:
        """Plan no arrivals from now on, let those under way finish within their time-outs, and wait for the workers.

        What has not ended after `deadline_s` (default: the longest time-out and 5 s) is killed, and is a problem.
        """
        for child in self._children:
            child.say(b"stop\n")
        deadline = time.monotonic() + (self._stop_deadline_s if deadline_s is None else deadline_s)
        for child in self._children:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._problems.append(f"worker {child.index} did not end when told to; killed")
                child.kill()
        self.poll()
        self._close()

    def kill(self) -> None:
        """End every worker at once; what they had not yet written is lost."""
        for child in self._children:
            child.kill()
        self._close()

    def _close(self) -> None:
        for child in self._children:
            child.close()


def start(profile: Profile, run_dir: Path, *, clock: Clock, withheld: Collection[str] = ()) -> Load:
    """Start the load; it begins a tenth of a second after this returns, on all workers at the same instant.

    Writes profile.json into `run_dir`, where each worker adds requests-N.bin, zones-N.txt, load-N.log and, when it
    ends, load-N.json. Workers end by themselves after the last stage. Where no journey runs, they are given no secret
    (a variable in `withheld`, or whose name looks like one) but those that headers name.

    Raises UsageError or FileError where the profile
    cannot be driven, NotAvailableError where a worker does not become ready.
    """
    _check(profile)
    (run_dir / "profile.json").write_text(profile.model_dump_json(indent=2))
    children: list[_Child] = []
    try:
        for index in range(profile.workers):
            children.append(_Child(run_dir, index, _environment(profile, withheld)))  # noqa: PERF401 - those begun before a failure must be known
        deadline = time.monotonic() + READY_DEADLINE_S
        for child in children:
            child.wait_ready(deadline)
        begin_ns = clock.monotonic_ns() + BEGIN_MARGIN_NS
        for child in children:
            child.say(b"begin %d\n" % begin_ns)
    except BaseException:
        for child in children:
            child.kill()
            child.close()
        raise
    return Load(profile, run_dir, children, begin_ns, clock)


class _Child:
    """One load process."""

    def __init__(self, run_dir: Path, index: int, environment: Mapping[str, str]) -> None:
        self.index = index
        self._report = run_dir / f"load-{index}.json"
        self._log = run_dir / f"load-{index}.log"
        # -P: the folder of child.py must not become importable as top-level modules.
        command = [sys.executable, "-P", str(_CHILD), str(run_dir / "profile.json"), str(index)]
        root = str(Path(harness.__file__).resolve().parent.parent)
        path = os.pathsep.join(part for part in (root, environment.get("PYTHONPATH")) if part)
        self._ready_fd, ready_write_fd = os.pipe()
        try:
            with self._log.open("ab") as log:
                self.process = subprocess.Popen(
                    [*command, "--ready-fd", str(ready_write_fd)],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=[ready_write_fd],
                    env={**environment, "PYTHONPATH": path},
                )
        except OSError as error:
            os.close(self._ready_fd)
            raise NotAvailableError(f"load worker {index} cannot be started: {error}") from error
        finally:
            os.close(ready_write_fd)

    def wait_ready(self, deadline: float) -> None:
        """Wait for the worker's word. Raises NotAvailableError, with what it last said, where none comes."""
        readable, _, _ = select.select([self._ready_fd], [], [], max(0.0, deadline - time.monotonic()))
        is_ready = bool(readable) and os.read(self._ready_fd, 16) == b"ready\n"
        if not is_ready:
            how = "ended before it was ready" if readable else f"was not ready within {READY_DEADLINE_S:.0f} s"
            raise NotAvailableError(f"load worker {self.index} {how}:\n{self.log_tail()}")

    def say(self, line: bytes) -> None:
        """Write to the worker's standard input; one that has ended hears nothing."""
        assert self.process.stdin is not None
        if self.process.stdin.closed:
            return
        try:
            self.process.stdin.write(line)
            self.process.stdin.flush()
        except BrokenPipeError:
            return

    def problem(self) -> str | None:
        """What is wrong with it, if anything."""
        code = self.process.poll()
        if code is None or (code == 0 and self._report.exists()):
            return None
        if code == 0:
            return f"worker {self.index} ended without a report"
        last = self.log_tail().splitlines()[-1:]
        return f"worker {self.index} died (exit {128 - code if code < 0 else code})" + "".join(
            f": {line}" for line in last
        )

    def log_tail(self) -> str:
        """The last lines of its log."""
        try:
            return "\n".join(self._log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])
        except OSError:
            return ""

    def kill(self) -> None:
        """End it at once, with whatever a journey may have started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def close(self) -> None:
        """Let go of the pipes of a worker that has ended."""
        if self._ready_fd >= 0:
            os.close(self._ready_fd)
            self._ready_fd = -1
        if self.process.stdin is not None and not self.process.stdin.closed:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                return


def _environment(profile: Profile, withheld: Collection[str]) -> dict[str, str]:
    if any(route.journey is not None for route in profile.routes):
        # A journey may log in: what it needs, only its author knows. What it logs goes without secrets (load/child.py).
        return {**os.environ, NAMES_VARIABLE: ",".join(withheld)}
    return without_secrets(os.environ, withheld, keep=header_variables(profile))


def _check(profile: Profile) -> None:
    names = [route.name for route in profile.routes]
    if len(set(names)) != len(names):
        raise UsageError("two routes have the same name; the record could not tell them apart")
    total = sum(expected_arrivals(route) for route in profile.routes)
    if total > ARRIVALS_MAX:
        raise UsageError(f"the load has {int(total):,} arrivals, at most {ARRIVALS_MAX:,} are possible; shorten it")
    for index, route in enumerate(profile.routes):
        if route.journey is None:
            Template(profile, index, os.environ)
            continue
        file, _, class_name = route.journey.rpartition(":")
        if not file or not class_name.isidentifier() or not Path(file).is_file():
            way_out = "name an existing file and a class in it"
            raise FileError.single(file or route.journey, route.journey, "FILE.py:Class", way_out)
        # The plan's reader has seen that the name leads nowhere else; what lies there may be a link that does.
        if not Path(file).is_absolute() and not Path(file).resolve().is_relative_to(Path.cwd().resolve()):
            way_out = "put the file itself there: it is run as code"
            raise FileError.single(file, f"a link to {Path(file).resolve()}", "a locustfile below this folder", way_out)
