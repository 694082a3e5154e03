"""Whole drills killed at random: no fault is left, and every record reads.

WELLPROVEN_SOAK_ROUNDS (4) drills, one in ten of them on the real test bed and the others on a small real target, with
real Locust and Chaos Toolkit. WELLPROVEN_SOAK_SEED (1) decides who is killed, in which part of the drill, and when in
it; seeds in a row take the parts in turn. Each round prints its own. A single round again:
WELLPROVEN_SOAK_SEED=<its seed> WELLPROVEN_SOAK_ROUNDS=1.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest
import yaml

from harness.fault import envoy_abort, envoy_delay, open_entries
from harness.judge import Outcome, judge
from harness.record import Kind, read_record
from tests.drill.drills import ROOT, WELLPROVEN
from tests.fault.flagged import Target, flagged
from tests.testbed.beds import bed_up, eventually, is_whole, running

pytestmark = pytest.mark.bed

ROUNDS = int(os.environ.get("WELLPROVEN_SOAK_ROUNDS", "4"))
SEED = int(os.environ.get("WELLPROVEN_SOAK_SEED", "1"))
BED_SEED = 10_000  # the seeds from here on are rounds on the real bed
BED_EVERY = 10  # one round in so many is on the real bed
UNDONE_S = 5.0  # what is promised; the slowest seen took less than a second
END_S = 90.0
NAMES = {"harness.fault.child": "experiment", "harness.fault.watchdog": "watchdog", "profile.json": "load"}
UNDOERS = {"supervisor", "experiment", "watchdog"}
BED_EXPERIMENTS = (
    "zone-blackhole", "latency", "database-killed", "cache-lost", "dependency-errors", "az-failure", "replication-slow",
)  # fmt: skip
# A part of a drill: the event it begins with, and about how long it is. Half of the rounds are where the fault is.
MOMENTS = {
    "start": ("", 3.0),
    "fault": ('"kind":"fault.begin"', 3.0),
    "undo": ('"kind":"fault.end"', 0.3),
    "baseline": ('"kind":"phase.begin","name":"baseline"', 2.0),
    "fault once more": ('"kind":"fault.begin"', 3.0),
    "recovery": ('"kind":"phase.begin","name":"recovery"', 2.0),
    "call": ('"kind":"fault.begin"', 0.05),
    "end": ('"kind":"load.end"', 0.3),
}


@dataclass
class Round:
    """Who is killed, and when."""

    seed: int
    victims: frozenset[str] = field(init=False)
    moment: str = field(init=False)
    after_s: float = field(init=False)
    experiment: str = field(init=False)

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        self.moment = list(MOMENTS)[self.seed % len(MOMENTS)]
        self.after_s = chance.uniform(0.0, MOMENTS[self.moment][1])
        everyone = ["experiment", "load", "supervisor", "watchdog"]
        self.victims = frozenset(
            UNDOERS if chance.random() < 0.1 else chance.sample(everyone, chance.choice([1, 1, 2, 2, 2]))
        )
        self.experiment = chance.choice(BED_EXPERIMENTS)


def parts_of(supervisor: psutil.Process) -> dict[str, list[psutil.Process]]:
    """The processes of a drill by what they are; the test bed is none of them."""
    found: dict[str, list[psutil.Process]] = {"supervisor": [supervisor]}
    for child in supervisor.children(recursive=True):
        try:
            words = " ".join(child.cmdline())
        except psutil.Error:
            continue
        for mark, name in NAMES.items():
            if mark in words:
                found.setdefault(name, []).append(child)
    return found


def kill_at_once(victims: list[psutil.Process]) -> None:
    """None of them sees another's death."""
    for number in ("suspend", "kill"):
        for victim in victims:
            try:
                getattr(victim, number)()
            except psutil.NoSuchProcess:
                continue


def soak(one: Round, command: list[str], runs: Path, is_broken: Callable[[], bool]) -> str:
    """One drill, killed; what happened. `is_broken` looks at the target from outside."""
    with (runs.parent / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
    supervisor = psutil.Process(process.pid)
    undone = ""
    mark = MOMENTS[one.moment][0]
    while process.poll() is None and mark not in events_of(runs):
        time.sleep(0.01)
    deadline = time.monotonic() + one.after_s
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    parts = parts_of(supervisor) if process.poll() is None else {}
    everyone = [part for some in parts.values() for part in some]
    was_broken = is_broken()
    kill_at_once([part for name in one.victims for part in parts.get(name, [])])
    began = time.monotonic()
    survivors = UNDOERS & set(parts) - one.victims
    if survivors and was_broken:
        eventually("the fault is gone", lambda: not is_broken(), UNDONE_S)
        undone = f", undone after {time.monotonic() - began:.2f} s"
    process.wait(END_S)
    names = {part.pid: name for name, some in parts.items() for part in some}
    try:
        eventually("no process of the drill is left", lambda: running(everyone) == [], END_S)
    except AssertionError as error:
        raise AssertionError(f"{error}: {[names[part.pid] for part in running(everyone)]}") from error
    left = list(open_entries().values())
    assert not left or not survivors, f"{survivors} lived, and left {left}"
    recovered = subprocess.run([WELLPROVEN, "recover"], capture_output=True, text=True, check=False, timeout=END_S)
    assert recovered.returncode == 0, recovered.stdout + recovered.stderr
    assert open_entries() == {}
    eventually("nothing is broken", lambda: not is_broken(), END_S)
    return f"{'broken' if was_broken else 'whole'} then{undone}, {record_says(runs)}"


def events_of(runs: Path) -> str:
    """What the run has written down so far."""
    return "".join(path.read_text() for path in runs.glob("*/*/events.jsonl"))


def record_says(runs: Path) -> str:
    """The outcome of the record, which must read; one that was not completed is not met."""
    path = runs / "latest"
    if not (path / "plan.json").exists():
        return "no record yet"
    record = read_record(path)
    outcome = judge(record).outcome
    end = record.first(Kind.RUN_END)
    completed = end is not None and end.data.get("how") == "completed"
    assert completed or outcome is not Outcome.MET
    return f"record {outcome.value}, {'completed' if completed else 'cut short'}"


def light_command(target: Target, folder: Path) -> list[str]:
    """A drill of a few seconds on a small target."""
    lengths = {"phases": {"baseline": "2s", "fault": "3s", "recovery": "2s"}}
    (folder / "experiments").mkdir(exist_ok=True)
    (folder / "experiments/flag.yaml").write_text(yaml.safe_dump(target.experiment(extension=lengths)))
    there = {"name": "flagged", "base-url": target.url, "environment": "development", "max-rate": "200/s"}
    (folder / "experiments/targets.yaml").write_text(yaml.safe_dump({"targets": [there]}))
    places = ["--experiments", folder / "experiments", "--slos", ROOT / "tests/fault/flag.yaml"]
    words = [WELLPROVEN, "drill", "flag", "--target", "flagged", "--quick", *places, "--runs", folder / "runs"]
    return [str(word) for word in words]


def test_drills_killed_at_random_leave_no_fault(tmp_path: Path) -> None:
    """Each round ends with the target whole, nothing in the ledger, no process, and a record that reads."""
    on_bed = -(-ROUNDS // BED_EVERY) if ROUNDS > 1 else int(SEED >= BED_SEED)
    with flagged() as target:
        # Nothing is killed first: else a drill that never breaks anything would pass.
        (tmp_path / "control").mkdir()
        control = Round(SEED)
        control.victims, control.after_s = frozenset(), END_S
        assert "completed" in soak_light(control, target, tmp_path / "control")
        assert len(target.calls("PUT")) == 1
        for number in range(ROUNDS - on_bed):
            folder = tmp_path / f"light-{number}"
            folder.mkdir()
            one = Round(SEED + number)
            say(one, lambda one=one, folder=folder: soak_light(one, target, folder))
    if on_bed:
        with bed_up("soak") as bed:
            for number in range(on_bed):
                folder = tmp_path / f"bed-{number}"
                folder.mkdir()
                one = Round(SEED % BED_SEED + BED_SEED + number)
                command = [str(WELLPROVEN), "drill", one.experiment, "--quick", "--testbed", bed.status().name]
                command += ["--runs", str(folder / "runs")]
                say(one, lambda one=one, command=command, folder=folder: soak_bed(one, command, folder, bed))


def soak_light(one: Round, target: Target, folder: Path) -> str:
    return soak(one, light_command(target, folder), folder / "runs", lambda: target.is_broken)


def soak_bed(one: Round, command: list[str], folder: Path, bed) -> str:
    # Whole again is more than undone: a standby is built anew. So the fault's own time is not looked at here.
    try:
        said = soak(one, command, folder / "runs", lambda: False)
        eventually("the bed is whole again", lambda: is_whole(bed) and is_healed(bed), 60)
    except AssertionError:
        print(*Path(bed.status().log).read_text().splitlines()[-10:], bed.status(), sep="\n")
        raise
    return f"{one.experiment}: {said}"


def is_healed(bed) -> bool:
    """Whether what no process shows is as it was: what Envoy was told, and the wires."""
    there = bed.status().environment
    admin, wires = there["DRILL_ENVOY_ADMIN_URL"], httpx.get(f"{there['DRILL_TOXIPROXY_URL']}/proxies").json()
    free = all(wire["enabled"] and not wire["toxics"] for wire in wires.values())
    return free and envoy_delay.is_healed(admin) and envoy_abort.is_healed(admin)


def say(one: Round, do: Callable[[], str]) -> None:
    print(
        f"seed {one.seed}: kill {'+'.join(sorted(one.victims))} {one.after_s:.2f} s into {one.moment}",
        end=": ",
        flush=True,
    )
    print(do(), flush=True, file=sys.stdout)
