"""The Chaos Toolkit child as the supervisor sees it. Never imports chaoslib: only the child does."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.aws import OTHERS_RETRY
from harness.clock import Clock
from harness.errors import FileError, NotAvailableError, RefusedError
from harness.fault.compose import DOSE_FILE, INVALID, LOOK_AGAIN, REFUSED, RELEASE_FILE, STEADY_FILE, compose
from harness.files import read_regular
from harness.identity import Identity
from harness.plan import Plan, rollback_pauses_s
from harness.redaction import NAMES_VARIABLE

READY_S = 30.0
JOURNAL_BYTES_MAX = 256 << 20
STATUS_CHARS_MAX = 40
STOP_S = 30.0  # from the end of its stdin to the end of its rollbacks, beside their healing and pauses; then SIGKILL


class Chaos:
    """One experiment in a child process; its events go to the run's record by themselves."""

    def __init__(
        self, process: subprocess.Popen[bytes], plan: Plan, run_dir: Path, clock: Clock, pauses_s: float = 0.0
    ) -> None:
        self.identity = Identity.of(process.pid)
        self._process = process
        self._plan = plan
        self._run_dir = run_dir
        self._clock = clock
        self._pauses_s = pauses_s  # of its rollbacks

    def wait_ready(self) -> None:
        """Wait until the experiment was found valid, and the AWS account the target's.

        Raises FileError where Chaos Toolkit refuses the experiment, RefusedError where the account is another.
        """
        deadline_ns = self._clock.monotonic_ns() + round(READY_S * 1e9)
        # A line of its own: whatever else is loaded may say that something is "already" there.
        while "ready" not in (said := _tail(self._run_dir / "chaos.log")).splitlines():
            code = self._process.poll()
            if code == INVALID:
                reason = said.rsplit("invalid: ", 1)[-1].strip()
                raise FileError.single(
                    self._plan.file,
                    reason,
                    "an experiment Chaos Toolkit accepts",
                    f"try: chaos validate {self._plan.file}",
                )
            if code == REFUSED:
                raise RefusedError(said.rsplit("refused: ", 1)[-1].strip())
            if code is not None or self._clock.monotonic_ns() > deadline_ns:
                raise NotAvailableError(f"Chaos Toolkit did not start: {said.strip()[-500:] or 'it said nothing'}")
            self._clock.sleep(0.05)

    def go(self, entry: Path) -> None:
        """Start the experiment: hypothesis, evidence before, fault, hold. `entry`: its entry in the undo ledger."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(b"go %s\n" % str(entry).encode())
            self._process.stdin.flush()

    def say_steady(self, kept: Mapping[str, bool]) -> None:
        """Tell the hypothesis made from the SLOs how they stand."""
        self._write(STEADY_FILE, dict(kept))

    def set_dose(self, number: int, value: float) -> None:
        """Ask for the sweep's dose number `number` (from 1 on); a `dose` event says when it is set."""
        self._write(DOSE_FILE, {"number": number, "value": value})

    def release(self, *, look_again: bool = False) -> None:
        """End the hold: Chaos Toolkit looks at the hypothesis again and undoes the fault.

        With `look_again` it sees first whether the evidence is still there, which may take it some seconds.
        """
        self._write_text(RELEASE_FILE, LOOK_AGAIN if look_again else "")

    def poll(self) -> int | None:
        """Exit code, once the child has ended."""
        return self._process.poll()

    def status(self) -> str:
        """Chaos Toolkit's own verdict, from its journal: completed, deviated, failed, aborted, interrupted, nothing."""
        try:
            journal = json.loads(read_regular(self._run_dir / "journal.json", JOURNAL_BYTES_MAX, follow_links=False))
        except (OSError, ValueError, RecursionError):
            return "nothing"
        if not isinstance(journal, dict):
            return "nothing"
        return "deviated" if journal.get("deviated") else str(journal.get("status"))[:STATUS_CHARS_MAX]

    def stop(self) -> None:
        """Undo what is there and end; idempotent. Kills the child only when its rollbacks overstay."""
        self.leave()
        try:
            self._process.wait(STOP_S + self._plan.heals_within_s + self._pauses_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _write(self, name: str, value: Mapping[str, object]) -> None:
        self._write_text(name, json.dumps(value))

    def _write_text(self, name: str, text: str) -> None:
        """Whole or not at all: the child reads it at any moment."""
        fresh = self._run_dir / f".{name}"
        fresh.write_text(text)
        fresh.replace(self._run_dir / name)

    def leave(self) -> None:
        """Go away without waiting: at the end of its stdin the child undoes by itself, if there is anything to undo."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()


def start(
    plan: Plan, run_dir: Path, environment: Mapping[str, str], *, clock: Clock, secrets: Sequence[str] = ()
) -> Chaos:
    """Start the child and let it load; `environment` is added to ours. It touches nothing before `go`.

    `secrets` names the variables that the target calls secret: their values never reach the run's folder.
    """
    (run_dir / "experiment.json").write_text(json.dumps(compose(plan, run_dir), indent=2))
    with (run_dir / "chaos.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "harness.fault.child", str(run_dir)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={
                **OTHERS_RETRY,
                **os.environ,
                **environment,
                NAMES_VARIABLE: ",".join(secrets),
                "PYTHONUNBUFFERED": "1",
            },
            # Its own session: a Ctrl-C on the terminal reaches the supervisor alone, which then decides.
            start_new_session=True,
        )
    return Chaos(process, plan, run_dir, clock, rollback_pauses_s(plan.body, {**os.environ, **environment}))


def _tail(path: Path) -> str:
    try:
        return path.read_text(errors="replace")[-2000:]
    except OSError:
        return ""
