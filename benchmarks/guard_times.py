"""How soon the guard undoes: from the first bad answer to the trip, to the first undo call, read from stored records.

    python benchmarks/guard_times.py                      drills the embedded target a few times, then shows
    python benchmarks/guard_times.py runs/az-failure/*    shows what stored runs say

Printed, never asserted: a shared machine is slow at times. The aim is two seconds from the first bad second to the
first undo call, with a guard whose rule allows it.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.record import Kind, Record, read_record
from harness.units import NS_PER_S

ROOT = Path(__file__).parents[1]
DRILL_S = 180
# Two rules that a lost zone trips at once: the burn counts refused orders, the latency those that hang.
GUARD = """\
    guard:
      burn: {rate: 10, over: 1s}
      latency: {above: 500ms, share: 5%, over: 1s}
"""


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


def times(record: Record) -> Times | None:
    """What a record says; None where no guard tripped while a fault was there."""
    tripped, undone = record.first(Kind.GUARD), record.first(Kind.FAULT_END)
    if tripped is None or undone is None or undone.at_ns < tripped.at_ns:
        return None
    since_ns = tripped.data["since_ns"]
    assert isinstance(since_ns, int)
    seen_s, undo_s = (tripped.at_ns - since_ns) / NS_PER_S, (undone.at_ns - tripped.at_ns) / NS_PER_S
    return Times(record.info.run, tripped.name, seen_s, undo_s)


def guarded(folder: Path) -> Path:
    """The zone's loss, with a guard that it trips."""
    text = (ROOT / "experiments/az-failure.yaml").read_text()
    made = folder / "guarded.yaml"
    begin, end = text.index("    guard:"), text.index("    evidence:")
    made.write_text(text[:begin] + GUARD + text[end:])
    return made


def drills(repeat: int, runs: Path) -> Iterator[Path]:
    """Drill so often on one bed of its own each time; the runs' folders."""
    experiment = guarded(runs)
    for number in range(repeat):
        command = [sys.executable, "-c", "from harness.cli import entry; entry()", "drill", str(experiment), "--quick"]
        more = ["--runs", str(runs), "--testbed", "benchmark", "--seed", str(number + 1)]
        subprocess.run([*command, *more], cwd=ROOT, capture_output=True, timeout=DRILL_S, check=False)
        yield (runs / "latest").resolve()


def main(argv: list[str]) -> int:
    """Print a line a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="*", type=Path)
    parser.add_argument("--repeat", type=int, default=3, help="drills, where no run is named; default: 3")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'rule':<14}{'bad to trip':>13}{'trip to undo':>14}{'bad to undo':>13}  run")
        for path in arguments.run or drills(arguments.repeat, Path(folder)):
            found = times(read_record(path))
            if found is None:
                print(f"{'-':<14}{'no guard tripped while a fault was there':<40}  {path}")
                continue
            figures = (found.bad_to_trip_s, found.trip_to_undo_s, found.bad_to_undo_s)
            print(
                f"{found.rule:<14}"
                + "".join(f"{f'{s:.2f} s':>{w}}" for s, w in zip(figures, (13, 14, 13), strict=True))
                + f"  {found.run}"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
