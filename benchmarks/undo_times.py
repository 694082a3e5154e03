"""From a death to the fault's undoing: `python -m benchmarks.undo_times [ROUNDS]`, from the repository's root.

Real runs with real Chaos Toolkit and watchdog on a small real target, killed in their fault phase with SIGKILL (one
case: stopped with SIGSTOP). Times in seconds from the signal: `begun` to the first call of a rollback as the target
sees it, `healed` until the target is whole as seen from outside. Promised: healed within 5 s, aimed at: 2 s.
"""

import os
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

from harness.clock import SystemClock
from harness.fault import STATE_VARIABLE
from harness.units import NS_PER_S
from tests.fault.flagged import Target, flagged
from tests.run.killable import entries, run_of

CASES = (
    ("supervisor",),
    ("experiment",),
    ("watchdog",),
    ("supervisor", "experiment"),
    ("experiment", "watchdog"),
    ("supervisor", "watchdog"),
)
FIELDS = {"supervisor": "supervisor", "experiment": "chaos", "watchdog": "watchdog"}
LONGEST_S = 60.0
CLOCK = SystemClock()


def measure(target: Target, victims: tuple[str, ...], number: signal.Signals) -> tuple[float, float]:
    """(begun, healed) of one run, killed half a second after it broke the target."""
    with tempfile.TemporaryDirectory() as name, run_of(target.experiment(), target.url, Path(name)) as process:
        target.wait_broken(process)
        time.sleep(0.5)
        (entry,) = entries()
        known = len(target.calls("DELETE"))
        began_ns = CLOCK.monotonic_ns()
        for victim in victims:
            os.kill(getattr(entry, FIELDS[victim]).pid, number)
        while target.is_broken:
            assert CLOCK.monotonic_ns() - began_ns < LONGEST_S * NS_PER_S, "never undone"
            time.sleep(0.01)
        healed_ns = CLOCK.monotonic_ns()
        while len(target.calls("DELETE")) == known or entries():
            time.sleep(0.01)
        begun_ns = target.calls("DELETE")[known][0]
    return (begun_ns - began_ns) / NS_PER_S, (healed_ns - began_ns) / NS_PER_S


def main(rounds: int) -> None:
    """Measure every case, and print a line each."""
    print(f"{'':38} {'begun':^17} {'healed':^17}")
    print(f"{'killed':38} {'median':>8} {'worst':>8} {'median':>8} {'worst':>8}")
    with tempfile.TemporaryDirectory() as state, flagged() as target:
        os.environ[STATE_VARIABLE] = state
        cases = [(victims, signal.SIGKILL) for victims in CASES] + [(("supervisor",), signal.SIGSTOP)]
        for victims, number in cases:
            times = [measure(target, victims, number) for _ in range(rounds)]
            figures = [
                figure for column in zip(*times, strict=True) for figure in (statistics.median(column), max(column))
            ]
            name = " + ".join(victims) + (" (SIGSTOP)" if number is signal.SIGSTOP else "")
            print(f"{name:38} " + " ".join(f"{figure:8.2f}" for figure in figures), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
