"""The Chaos Toolkit child: `python -m harness.fault.child RUN_DIR`.

It loads Chaos Toolkit and checks the experiment first, which takes about a second, and says "ready"; "go ENTRY" on its
stdin starts the experiment, whose undoing stands in that entry of the undo ledger. When its stdin ends, whoever started
it is gone: it then stops the experiment as SIGTERM does, which plays the rollbacks. So a fault never outlives the
supervisor by more than its undoing takes.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from harness.fault.account import account_problem
from harness.fault.compose import ACCOUNT_VARIABLE, INVALID, REFUSED, RELEASE_FILE
from harness.fault.ledger import ENTRY_VARIABLE, Entry, close_entry, read_entry
from harness.fault.redact import door, learn_experiment
from harness.fault.redirects import stay_on_host

LOOK_EVERY_S = 0.2


def main(run_dir: Path) -> int:
    """Run the experiment of a run's folder; what it writes there has no secrets in it (fault/redact.py)."""
    with door(run_dir / "chaos-events.jsonl", run_dir / "journal.json") as (events, journal):
        return _run(run_dir, events, journal)


def _run(run_dir: Path, events: str, journal: str) -> int:
    """Run it, its events and its journal going to these paths.

    Returns Chaos Toolkit's own exit code; INVALID where it refuses the experiment, REFUSED where the AWS credentials
    lead to another account than the target's.
    """
    from chaoslib.exceptions import ChaosException
    from chaoslib.experiment import ensure_experiment_is_valid
    from chaoslib.settings import CHAOSTOOLKIT_CONFIG_PATH, load_settings
    from chaostoolkit.cli import cli

    stay_on_host()
    experiment = run_dir / "experiment.json"
    body = json.loads(experiment.read_text())
    learn_experiment(body)
    try:
        ensure_experiment_is_valid(body)
        _require_controls(body, load_settings(CHAOSTOOLKIT_CONFIG_PATH))
    except ChaosException as error:
        print(f"invalid: {error}", flush=True)
        return INVALID
    problem = account_problem(os.environ.get(ACCOUNT_VARIABLE))
    if problem:
        print(f"refused: {problem}", flush=True)
        return REFUSED
    print("ready", flush=True)
    word, _, entry = sys.stdin.readline().rstrip("\n").partition(" ")
    if word != "go":
        return 0
    os.environ[ENTRY_VARIABLE] = entry
    threading.Thread(target=_stop_at_end_of_stdin, args=(run_dir,), daemon=True).start()
    arguments = ["--no-log-file", "--no-version-check", "--log-format", "json", "run", "--rollback-strategy", "always"]
    # Whatever the experiment or the user's settings say: the hypothesis is looked at when the record says so, twice.
    arguments += ["--hypothesis-strategy", "default"]
    files = ["--events-file", events, "--journal-path", journal, experiment]
    try:
        cli([*arguments, *map(str, files)])
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 1
    return 0


def _require_controls(document: dict[str, Any], settings: object) -> None:
    """See that every control's module is there: Chaos Toolkit goes on without one that is not, and says so to nobody.

    Controls stand in the experiment, its hypothesis, its activities, and in the user's own settings of Chaos Toolkit.
    Raises ChaosException.
    """
    from chaoslib.exceptions import InvalidActivity

    hypothesis = document.get("steady-state-hypothesis") or {}
    holders = [document, hypothesis, *document.get("method", []), *document.get("rollbacks", [])]
    holders += hypothesis.get("probes", [])
    controls = [control for holder in holders for control in holder.get("controls") or []]
    of_settings = settings.get("controls") if isinstance(settings, dict) else None
    for name, control in of_settings.items() if isinstance(of_settings, dict) else ():
        if not isinstance(control, dict):
            raise InvalidActivity(f"control {name!r}, of Chaos Toolkit's settings: no mapping")
        controls.append({**control, "name": f"{name}, of Chaos Toolkit's settings"})
    for control in controls:
        provider = control.get("provider")
        if not isinstance(provider, dict) or provider.get("type") != "python":  # of the settings: it only has a name
            continue
        module = provider.get("module")
        try:
            importlib.import_module(str(module))
        except Exception as error:  # whatever the module does when it is imported
            raise InvalidActivity(f"control {control.get('name')!r}: {module}: {error}") from error


def _stop_at_end_of_stdin(run_dir: Path) -> None:
    while sys.stdin.readline():
        pass
    # Both: a library that catches everything may swallow the signal's exception, and then the hold still ends.
    with contextlib.suppress(OSError):
        (run_dir / RELEASE_FILE).touch()
    os.kill(os.getpid(), signal.SIGTERM)
    _end_with_the_target(Path(os.environ[ENTRY_VARIABLE]))


def _end_with_the_target(path: Path) -> None:
    """Wait for no healing that cannot come: a target that went with its owner took the fault with it."""
    while isinstance(entry := read_entry(path), Entry):
        if entry.owner is not None and not entry.owner.is_alive:
            close_entry(path)
            os._exit(0)
        time.sleep(LOOK_EVERY_S)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
