"""Whoever is killed, the fault is undone: real runs with Chaos Toolkit and watchdog, killed in their fault phase."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import RefusedError
from harness.fault import Entry
from harness.judge import Outcome, judge
from harness.record import Kind, Record, read_record
from tests.fault.flagged import Target, flagged
from tests.run.killable import entries, run_of
from tests.testbed.beds import eventually

UNDONE_S = 15  # far above what it takes (benchmarks/undo_times.py), for machines that are busy


@pytest.fixture
def target() -> Iterator[Target]:
    with flagged() as target:
        yield target


def kill(entry: Entry, *victims: str, number: signal.Signals = signal.SIGKILL) -> None:
    for victim in victims:
        os.kill(getattr(entry, victim).pid, number)


def wait_closed() -> None:
    eventually("the ledger has no open entry", lambda: entries() == [], UNDONE_S)


def record_of(folder: Path) -> Record:
    return read_record(folder / "runs/latest")


def told(folder: Path) -> dict[str, tuple[Outcome, str]]:
    return {one.promise: (one.outcome, one.because) for one in judge(record_of(folder)).verdicts}


def recover(*words: str) -> tuple[int, dict]:
    """`wellproven recover --json`, as a process: (exit code, what it printed)."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("wellproven")), "recover", "--json", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, json.loads(done.stdout)


def nobody_is_left(entry: Entry) -> None:
    everyone = [entry.supervisor, entry.chaos, entry.watchdog]
    eventually("no process is left", lambda: not any(one.is_alive for one in everyone), UNDONE_S)


@pytest.mark.parametrize(
    "victims",
    [
        ("supervisor",),
        ("chaos",),
        ("watchdog",),
        ("supervisor", "chaos"),
        ("chaos", "watchdog"),
        ("watchdog", "supervisor"),
    ],
    ids="+".join,
)
def test_any_one_or_two_that_are_killed_leave_no_fault(target: Target, tmp_path: Path, victims: tuple[str]) -> None:
    """SIGKILL: the fault is undone, healing seen, the entry closed, the record readable, and never met."""
    with run_of(target.experiment(), target.url, tmp_path) as process:
        target.wait_broken()
        (entry,) = entries()
        kill(entry, *victims)
        target.wait_healed(UNDONE_S)
        wait_closed()
        if "supervisor" not in victims:
            assert process.wait(30) == 2
        else:
            process.wait(30)
        nobody_is_left(entry)
    record = record_of(tmp_path)
    assert judge(record).outcome is Outcome.UNKNOWN
    assert record.first(Kind.FAULT_END) is not None
    undone_by_others = record.first(Kind.UNDO_BEGIN)
    assert (undone_by_others is not None) == ("chaos" in victims)


def test_what_all_three_left_is_recovered(target: Target, tmp_path: Path) -> None:
    """Nobody is left to undo, as after a reboot: the next drill is refused, `recover` undoes, and says so."""
    with run_of(target.experiment(), target.url, tmp_path) as process:
        target.wait_broken()
        (entry,) = entries()
        # All of them at once: each would undo, as soon as it sees that another is gone.
        kill(entry, "supervisor", "watchdog", "chaos", number=signal.SIGSTOP)
        kill(entry, "supervisor", "watchdog", "chaos")
        process.wait(30)
    nobody_is_left(entry)
    assert target.is_broken
    with run_of(target.experiment(), target.url, tmp_path) as again:
        assert again.wait(30) == RefusedError.exit_code
    assert "wellproven recover" in (tmp_path / "log").read_text()
    code, said = recover()
    assert (code, said["healed"], [one["state"] for one in said["entries"]]) == (0, True, ["healed"])
    assert not target.is_broken
    assert entries() == []
    assert recover() == (0, {"schema": "wellproven/recover/v1", "healed": True, "entries": []})
    assert "the recover had to" in told(tmp_path)["fault undone"][1]
