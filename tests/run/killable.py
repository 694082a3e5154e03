"""A run to be killed, as a process of its own: `python -m tests.run.killable RUNS EXPERIMENT URL`.

Everything of it is real, but for the load, which is said to find all well: the run is in its fault phase a second after
Chaos Toolkit is loaded, and stays there for a minute unless told how long. Its exit code is 0 where it completed.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import yaml

from harness import slo
from harness.clock import SystemClock
from harness.errors import WellprovenError
from harness.fault import Entry, open_entries
from harness.plan import PhaseName, Target, make, read_experiment
from harness.record import Kind, read_events
from harness.run import Operator, Parts, run
from tests.run.fakes import FakeLoad, World

ROOT = Path(__file__).parents[2]
LENGTHS_S = {PhaseName.WARM_UP: (0.1, 0.1), PhaseName.BASELINE: (0.5, 5.0), PhaseName.RECOVERY: (0.3, 60.0)}


def main(runs: Path, experiment: Path, url: str, fault_s: float) -> int:
    target = Target(name="flagged", base_url=url, environment="development", rate_max_per_s=Fraction(200))
    read, document = read_experiment(experiment)
    plan = make(read, document, slo.read([ROOT / "tests/fault/flag.yaml"]), target, environment={}, quick=True)
    lengths = {**LENGTHS_S, PhaseName.FAULT: (fault_s, fault_s)}
    phases = tuple(
        phase.model_copy(update=dict(zip(("shortest_s", "longest_s"), lengths[phase.name], strict=True)))
        for phase in plan.phases
    )
    operator = Operator()
    try:
        with operator.listening():
            path = run(
                plan.model_copy(update={"phases": phases}),
                target,
                runs=runs,
                command=["drill"],
                clock=SystemClock(),
                observe=lambda _progress: None,
                operator=operator,
                parts=Parts(
                    start_load=lambda profile, path, *, clock: FakeLoad(profile, path, clock, World(hits=False))
                ),
            )
    except WellprovenError as error:
        print(error, flush=True)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    end = [event for event in read_events(path / "events.jsonl")[0] if event.kind is Kind.RUN_END]
    print(end[-1].data, flush=True)
    return 0 if end[-1].data["how"] == "completed" else 2


@contextmanager
def run_of(experiment: dict[str, object], url: str, folder: Path, fault_s: float = 60.0) -> Iterator[subprocess.Popen]:
    """A run under way; it is ended with the test."""
    file = folder / "flag.yaml"
    file.write_text(yaml.safe_dump(experiment))
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.run.killable", str(folder / "runs"), str(file), url, str(fault_s)],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def entries() -> list[Entry]:
    """What is open in the ledger."""
    found = list(open_entries().values())
    assert all(isinstance(one, Entry) for one in found), found
    return [one for one in found if isinstance(one, Entry)]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], float(sys.argv[4])))
