"""How soon the guard undoes: from the first bad answer to the trip, to the first undo call, read from stored records.

    python benchmarks/guard_times.py                      drills the embedded target, each rule and a person's Ctrl-C
    python benchmarks/guard_times.py runs/az-failure/*    shows what stored runs say

Printed, never asserted: a shared machine is slow at times. The aim is two seconds from the first bad second to the
first undo call, with a guard whose rule allows it.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL

from harness.clock import SystemClock
from harness.record import Kind, Record, read_events, read_record
from harness.units import NS_PER_S

ROOT = Path(__file__).parents[1]
DRILL_S = 180
CLOCK = SystemClock()
# What trips: a rule, the experiment that trips it, and the guard that has it; a person's Ctrl-C has none.
BURN = "{burn: {rate: 10, over: 1s}}"
CASES = {
    "burn": ("az-failure", BURN),
    "error-ratio": ("az-failure", "{error-ratio: 5%, for: 500ms}"),
    "latency": ("zone-blackhole", "{latency: {above: 500ms, share: 5%, over: 1s}}"),
    "person": ("az-failure", "{no-data: 20s}"),
}


@dataclass(frozen=True)
class Times:
    """One run that its guard stopped; seconds."""

    run: str
    rule: str
    bad_to_trip_s: float  # from the planned time of the first bad answer the rule saw
    trip_to_undo_s: float  # to just before the first undo call

    @property
    def bad_to_undo_s(self) -> float:
        """The whole way."""
        return self.bad_to_trip_s + self.trip_to_undo_s


def times(record: Record, stopped_ns: int | None = None) -> Times | None:
    """What a record says; None where nothing tripped while a fault was there. `stopped_ns`: a person did, then."""
    tripped, undone = record.first(Kind.GUARD), record.first(Kind.FAULT_END)
    if undone is not None and stopped_ns is not None and undone.at_ns > stopped_ns:
        return Times(record.info.run, "person", 0.0, (undone.at_ns - stopped_ns) / NS_PER_S)
    if tripped is None or undone is None or undone.at_ns < tripped.at_ns:
        return None
    since_ns = tripped.data["since_ns"]
    assert isinstance(since_ns, int)
    seen_s, undo_s = (tripped.at_ns - since_ns) / NS_PER_S, (undone.at_ns - tripped.at_ns) / NS_PER_S
    return Times(record.info.run, tripped.name, seen_s, undo_s)


def guarded(folder: Path, experiment: str = "az-failure", guard: str = BURN) -> Path:
    """An experiment that is shipped, with this guard in place of its own."""
    text = (ROOT / f"experiments/{experiment}.yaml").read_text()
    made = folder / f"{experiment}.yaml"
    end = text.index("    evidence:")
    begin = text.find("    guard:", 0, end)
    made.write_text(text[: begin if begin > 0 else end] + f"    guard: {guard}\n" + text[end:])
    return made


def drills(repeat: int, runs: Path) -> Iterator[tuple[str, Path, int | None]]:
    """Drill each case so often, on beds of their own: (its name, the run's folder, when a person stopped it)."""
    for rule, (experiment, guard) in CASES.items():
        path = guarded(runs, experiment, guard)
        for number in range(repeat):
            command = [sys.executable, "-c", "from harness.cli import entry; entry()", "drill", str(path), "--quick"]
            more = ["--runs", str(runs / f"{rule}-{number}"), "--testbed", "benchmark", "--seed", str(number + 1)]
            with subprocess.Popen([*command, *more], cwd=ROOT, stdout=DEVNULL, stderr=DEVNULL) as process:
                stopped_ns = stop(process, runs / f"{rule}-{number}") if rule == "person" else None
                try:
                    process.wait(DRILL_S)
                except subprocess.TimeoutExpired:
                    process.terminate()
            yield rule, (runs / f"{rule}-{number}" / "latest").resolve(), stopped_ns


def stop(process: subprocess.Popen[bytes], runs: Path) -> int:
    """Ctrl-C once the fault was seen; when, in ns of the clock that the run has, too."""
    while process.poll() is None:
        events = runs / "latest" / "events.jsonl"
        if events.exists() and any(one.kind is Kind.FAULT_EVIDENCE for one in read_events(events)[0]):
            break
        time.sleep(0.05)
    at_ns = CLOCK.monotonic_ns()
    process.send_signal(signal.SIGINT)
    return at_ns


def main(argv: list[str]) -> int:
    """Print a line a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="*", type=Path)
    parser.add_argument("--repeat", type=int, default=3, help="drills of each rule, where no run is named; default: 3")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'rule':<14}{'bad to trip':>13}{'trip to undo':>14}{'bad to undo':>13}  run")
        stored = ((path.parent.name, path, None) for path in arguments.run)
        for name, path, stopped_ns in stored if arguments.run else drills(arguments.repeat, Path(folder)):
            found = times(read_record(path), stopped_ns)
            if found is None:
                print(f"{name:<14}{'nothing tripped while a fault was there':<40}  {path}")
                continue
            figures = (found.bad_to_trip_s, found.trip_to_undo_s, found.bad_to_undo_s)
            print(
                f"{found.rule:<14}"
                + "".join(f"{f'{s:.2f} s':>{w}}" for s, w in zip(figures, (13, 14, 13), strict=True))
                + f"  {found.run}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
