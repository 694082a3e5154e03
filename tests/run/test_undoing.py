"""Whoever is killed, the fault is undone: real runs with Chaos Toolkit and watchdog, killed in their fault phase."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


def kill_all(entry: Entry) -> None:
    """All of them at once: each would undo, as soon as it sees that another is gone."""
    everyone = ("supervisor", "watchdog", "chaos")
    kill(entry, *everyone, number=signal.SIGSTOP)
    kill(entry, *everyone)


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
        target.wait_broken(process)
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


@pytest.mark.slow
def test_a_rollback_that_prints_undoes_though_nobody_hears_it(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watchdog outlives who would read its output; and what a rollback says of secrets stays out of the folder."""
    monkeypatch.setenv("FLAG_TOKEN", "canary-of-the-rollback")
    with run_of(talkative(target), target.url, tmp_path) as process:
        target.wait_broken(process)
        (entry,) = entries()
        kill(entry, "supervisor", "chaos")
        target.wait_healed(UNDONE_S)
        wait_closed()
        process.wait(30)
        nobody_is_left(entry)
    assert len(target.calls("DELETE")) == 1
    written = [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    assert not [path.name for path in written if b"canary-of-the-rollback" in path.read_bytes()]


def test_a_rollback_that_prints_is_recovered_and_said_to_be(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it prints is not taken for the answer."""
    monkeypatch.setenv("FLAG_TOKEN", "canary-of-the-rollback")
    with run_of(talkative(target), target.url, tmp_path) as process:
        target.wait_broken(process)
        (entry,) = entries()
        kill_all(entry)
        process.wait(30)
    nobody_is_left(entry)
    code, said = recover()
    assert (code, [one["state"] for one in said["entries"]]) == (0, ["healed"])
    assert not target.is_broken
    assert entries() == []


def talkative(target: Target) -> dict[str, Any]:
    arguments = {"url": f"{target.url}/fault"}
    provider = {"type": "python", "module": "tests.fault.talkative", "func": "take_away", "arguments": arguments}
    secret = {"flag": {"token": {"type": "env", "key": "FLAG_TOKEN"}}}
    rollback = {"type": "action", "name": "take it away", "provider": {**provider, "secrets": ["flag"]}}
    return target.experiment(rollbacks=[rollback], secrets=secret)


def test_what_all_three_left_is_recovered(target: Target, tmp_path: Path) -> None:
    """Nobody is left to undo, as after a reboot: the next drill is refused, `recover` undoes, and says so."""
    with run_of(target.experiment(), target.url, tmp_path) as process:
        target.wait_broken(process)
        (entry,) = entries()
        kill_all(entry)
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


@pytest.mark.slow
def test_a_run_that_goes_well_leaves_no_entry_and_no_process(target: Target, tmp_path: Path) -> None:
    """The experiment undoes, sees the healing, closes the entry; the watchdog ends with the run."""
    with run_of(target.experiment(), target.url, tmp_path, fault_s=1.0) as process:
        target.wait_broken(process)
        (entry,) = entries()
        assert process.wait(60) == 0, (tmp_path / "log").read_text()
        nobody_is_left(entry)
    assert entries() == []
    assert not target.is_broken
    assert record_of(tmp_path).first(Kind.UNDO_BEGIN) is None
    assert told(tmp_path)["fault undone"][0] is Outcome.MET


@pytest.mark.slow
def test_what_would_undo_is_on_the_disk_before_the_first_action(target: Target, tmp_path: Path, state: Path) -> None:
    """The fault's own first action finds its entry in the ledger, readable by its user alone."""
    copy = {"type": "process", "path": "cp", "arguments": f"-a {state / 'undo'} {tmp_path / 'seen'}"}
    method = [{"type": "action", "name": "copy the ledger", "provider": copy}, target.call("set the flag", "PUT")]
    with run_of(target.experiment(method=method), target.url, tmp_path, fault_s=0.5) as process:
        assert process.wait(60) == 0, (tmp_path / "log").read_text()
    (seen,) = (tmp_path / "seen").iterdir()
    entry = Entry.model_validate_json((seen / "entry.json").read_bytes())
    assert entry.rollbacks == (f"take the flag away: DELETE {target.url}/fault",)
    assert Path(entry.run_dir) == (tmp_path / "runs/latest").resolve()
    assert json.loads((seen / "undo.json").read_text())["method"][0]["name"] == "take the flag away"
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (seen, *seen.iterdir())}
    assert modes == {seen.name: "0o700"} | dict.fromkeys(("entry.json", "undo.json", "undo.sh", "lock"), "0o600")


def test_a_supervisor_that_stands_still_is_taken_for_lost(target: Target, tmp_path: Path) -> None:
    """SIGSTOP: no beat for three seconds, so the fault is undone; let go on later, the run says that it failed."""
    with run_of(target.experiment(), target.url, tmp_path) as process:
        target.wait_broken(process)
        (entry,) = entries()
        kill(entry, "supervisor", number=signal.SIGSTOP)
        target.wait_healed(UNDONE_S)
        wait_closed()
        kill(entry, "supervisor", number=signal.SIGCONT)
        assert process.wait(30) == 2
        nobody_is_left(entry)
    assert judge(record_of(tmp_path)).outcome is Outcome.UNKNOWN


@pytest.mark.slow
def test_a_rollback_that_fails_first_is_played_again(target: Target, tmp_path: Path) -> None:
    """The experiment's own rollback and the watchdog's first one fail: the next one works, and the run is unknown."""
    target.how(drops=2)
    with run_of(target.experiment(heals_within="3s"), target.url, tmp_path, fault_s=0.5) as process:
        target.wait_broken(process)
        assert process.wait(60) == 2, (tmp_path / "log").read_text()
    assert not target.is_broken
    assert entries() == []
    assert len(target.calls("DELETE")) == 3
    outcome, because = told(tmp_path)["fault undone"]
    assert outcome is Outcome.UNKNOWN
    assert "the watchdog had to" in because


@pytest.mark.slow
def test_what_never_heals_stays_open_and_refuses_the_next_drill(target: Target, tmp_path: Path) -> None:
    """The run is unknown, the next one refused; `recover` says what is left and how to undo it, until it is healed."""
    target.how(stuck=True)
    with run_of(target.experiment(heals_within="1s"), target.url, tmp_path, fault_s=0.5) as process:
        target.wait_broken(process)
        assert process.wait(60) == 2, (tmp_path / "log").read_text()
    (entry,) = entries()
    nobody_is_left(entry)
    outcome, because = told(tmp_path)["fault undone"]
    assert outcome is Outcome.UNKNOWN
    assert "something is left: not healed: the flag is gone" in because
    with run_of(target.experiment(), target.url, tmp_path) as again:
        assert again.wait(30) == RefusedError.exit_code
    code, said = recover("--target", "flagged")
    (left,) = said["entries"]
    assert (code, said["healed"], left["state"], left["unhealed"]) == (1, False, "left", ["the flag is gone"])
    assert left["rollbacks"] == [f"take the flag away: DELETE {target.url}/fault"]
    assert recover("--target", "another")[0] == 0
    target.how(stuck=False)
    by_hand = subprocess.run(left["by_hand"], shell=True, capture_output=True, text=True, check=False, timeout=60)
    assert by_hand.returncode == 0, by_hand.stderr
    assert not target.is_broken
    assert recover()[0] == 0
    assert entries() == []


SLOW = """
import pathlib, sys, time, urllib.request
pathlib.Path(sys.argv[1]).touch()
time.sleep(2)
urllib.request.urlopen(urllib.request.Request(sys.argv[2], method="PUT"))
"""


@pytest.mark.slow
def test_a_call_that_was_under_way_breaks_nothing_later(target: Target, tmp_path: Path) -> None:
    """A command that would break in two seconds is killed with the process that called it."""
    words = ["-c", SLOW, str(tmp_path / "called"), f"{target.url}/fault"]
    slow = {"type": "process", "path": sys.executable, "arguments": words}
    method = [{"type": "action", "name": "slowly set the flag", "provider": slow}]
    with run_of(target.experiment(method=method), target.url, tmp_path) as process:
        eventually("the action began", (tmp_path / "called").exists, 60)
        (entry,) = entries()
        kill(entry, "chaos")
        assert process.wait(60) == 2
    assert entries() == []
    assert target.calls("PUT") == []
    assert not target.is_broken


@pytest.mark.slow
@pytest.mark.parametrize("background", [False, True])
def test_ctrl_c_undoes_though_an_action_goes_on(target: Target, tmp_path: Path, background: bool) -> None:
    """An action that takes a minute, in the background or not, holds no undoing up."""
    minute = {"type": "process", "path": "sleep", "arguments": "60"}
    long = {"type": "action", "name": "take a minute", "background": background, "provider": minute}
    method = [target.call("set the flag", "PUT", background=background), long]
    with run_of(target.experiment(method=method), target.url, tmp_path) as process:
        target.wait_broken(process)
        process.send_signal(signal.SIGINT)
        target.wait_healed(UNDONE_S)
        assert process.wait(30) == 2
    assert entries() == []
    end = record_of(tmp_path).first(Kind.RUN_END)
    assert end is not None
    assert end.data["how"] == "interrupted"


@pytest.mark.slow
def test_ctrl_c_twice_leaves_at_once_and_the_fault_goes(target: Target, tmp_path: Path) -> None:
    """The run is gone while the experiment hangs; the watchdog undoes."""
    with run_of(target.experiment(), target.url, tmp_path) as process:
        target.wait_broken(process)
        (entry,) = entries()
        kill(entry, "chaos", number=signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        eventually("it stops", lambda: (tmp_path / "runs/latest/release").exists(), UNDONE_S)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        target.wait_healed(UNDONE_S)
        wait_closed()
        nobody_is_left(entry)
