"""A fault begun for real by an experiment of which nobody is left: its process was killed, and nobody watches."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.fault import Entry, open_entries, open_entry, undo_script
from harness.identity import Identity
from harness.record import Kind, read_events
from tests.testbed.beds import eventually

GONE = Identity(pid=2**22 - 1, began="gone")  # no process ever has this number and began then
BEGIN_S = 90


@dataclass
class Broken:
    """One row: what breaks, what undoes, and how both are seen by who is neither."""

    begin: dict[str, Any]  # activities of Chaos Toolkit, but for their names
    end: dict[str, Any]
    healed: dict[str, Any] | None
    is_broken: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    breaks: bool = True  # whether anything is seen to be broken at all
    tolerance: Any = True
    comes_back: bool = False  # by itself, once it was seen to be broken


def python(module: str, func: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "python", "module": module, "func": func, "arguments": arguments}


def fault(name: str, begin: dict[str, Any], end: dict[str, Any], is_broken: Callable[[], bool], **more: Any) -> Broken:
    """A fault of our catalogue; what `end` is told, `is_healed` is, too."""
    module = f"harness.fault.{name}"
    healed = python(module, "is_healed", **end)
    return Broken(python(module, "begin", **begin), python(module, "end", **end), healed, is_broken, **more)


def _experiment(row: Broken, run_dir: Path) -> dict[str, Any]:
    where = {"run_dir": str(run_dir)}
    hold = python("harness.fault.activities", "hold", **where, probes=[], longest_s=600)
    return {
        "title": "Broken",
        "description": "Broken until somebody else undoes it.",
        "controls": [{"name": "wellproven: record", "provider": python("harness.fault.control", "", **where)}],
        "method": [
            {"type": "action", "name": "begin", "provider": row.begin},
            {"type": "action", "name": "wellproven: hold", "provider": hold},
        ],
        "rollbacks": [{"type": "action", "name": "end", "provider": row.end}],
    }


def _entry(row: Broken, run_dir: Path, chaos: Identity, supervisor: Identity) -> Path:
    document: dict[str, Any] = {
        "title": "Undo",
        "description": "Undoes it.",
        "method": [{"type": "action", "name": "end", "provider": row.end}],
        "rollbacks": [],
    }
    if row.healed:
        probe = {"type": "probe", "name": "gone", "tolerance": row.tolerance, "provider": row.healed}
        document["steady-state-hypothesis"] = {"title": "gone", "probes": [probe]}
    environment = {key: value for key, value in row.environment.items() if "KEY" not in key}
    entry = Entry(
        run="killed/one", experiment="killed", target="killed", addresses=("127.0.0.1-1",), run_dir=str(run_dir),
        opened_utc="2026-05-04T09-00-00Z", longest_s=600, heals_within_s=60, supervisor=supervisor, chaos=chaos,
        watchdog=GONE, folder=str(Path.cwd()), environment=environment, secrets=(), rollbacks=("end it",),
    )  # fmt: skip
    return open_entry(entry, document, undo_script(str(Path.cwd()), environment, (), sys.executable))


# Starts the experiment's process in a session of its own, as a run does, says its number, and lives on.
SUPERVISOR = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-m", "harness.fault.child", sys.argv[1]], stdin=subprocess.PIPE,
    stdout=open(sys.argv[1] + "/chaos.log", "wb"), stderr=subprocess.STDOUT, start_new_session=True)
print(child.pid, flush=True)
child.stdin.write(sys.stdin.readline().encode())
child.stdin.flush()
time.sleep(600)
"""


@contextmanager
def begun(row: Broken, run_dir: Path) -> Iterator[Path]:
    """The entry of a fault that was begun, and whose supervisor and experiment were killed then."""
    (run_dir / "experiment.json").write_text(json.dumps(_experiment(row, run_dir)))
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(run_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **row.environment},
    )
    assert supervisor.stdin is not None
    assert supervisor.stdout is not None
    chaos = Identity.of(int(supervisor.stdout.readline()))
    log = run_dir / "chaos.log"
    try:
        eventually("the experiment is loaded", lambda: "ready" in log.read_text().splitlines(), BEGIN_S)
        path = _entry(row, run_dir, chaos, Identity.of(supervisor.pid))
        supervisor.stdin.write(f"go {path}\n")
        supervisor.stdin.flush()
        eventually("the fault is begun", lambda: called(run_dir) is not None or not chaos.is_alive, BEGIN_S)
        assert called(run_dir) == "succeeded", log.read_text()
        if row.breaks:
            eventually("the fault is there", row.is_broken, BEGIN_S)
    finally:
        # The experiment first: one whose supervisor dies before it undoes by itself.
        for one in (chaos, Identity.of(supervisor.pid)):
            if one.is_alive:
                os.kill(one.pid, 9)
        supervisor.communicate(timeout=10)
    eventually("nobody is left", lambda: not chaos.is_alive, 10)
    assert not row.breaks or row.comes_back or row.is_broken(), "what was killed undid nothing"
    try:
        yield path
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):  # whatever the test found, nothing stays broken
            recover(row)


def called(run_dir: Path) -> str | None:
    """What became of the fault's call; None while it is under way."""
    path = run_dir / "events.jsonl"
    events = read_events(path)[0] if path.exists() else []
    return next((str(one.data["status"]) for one in events if one.kind is Kind.FAULT_CALLED), None)


def recover(row: Broken) -> tuple[int, str]:
    """`wellproven recover`, in a process of its own."""
    words = [sys.executable, "-c", "from harness.cli import entry; entry()", "recover", "--json"]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=120, env={**os.environ, **row.environment}, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def undone_by_another(row: Broken, run_dir: Path) -> None:
    """Begun, killed, undone by another process, and once more: whole as seen from outside, and nothing left open."""
    with begun(row, run_dir) as path:
        code, said = recover(row)
        assert code == 0, said
        (one,) = json.loads(said)["entries"]
        assert [call["status"] for call in one["calls"]] == ["succeeded"], said
        assert not row.is_broken()
        assert open_entries() == {}
        assert recover(row)[0] == 0
        # The rollback itself, too, where nothing is there any more: the entry is laid again, of a run long over.
        again = _entry(row, run_dir, GONE, GONE)
        assert again != path
        assert recover(row)[0] == 0
        assert not row.is_broken()
        assert open_entries() == {}
