"""The Chaos Toolkit child: `python -m harness.fault.child RUN_DIR`.

It loads Chaos Toolkit and checks the experiment first, which takes about a second, and says "ready"; "go" on its stdin
starts the experiment. When its stdin ends, whoever started it is gone: it then stops the experiment as SIGTERM does,
which plays the rollbacks. So a fault never outlives the supervisor by more than its undoing takes.
"""

import contextlib
import json
import os
import signal
import sys
import threading
from pathlib import Path

from harness.aws import AwsSession, Patience
from harness.errors import RefusedError, WellprovenError
from harness.fault.compose import ACCOUNT_VARIABLE, INVALID, REFUSED, RELEASE_FILE


def main(run_dir: Path) -> int:
    """Run the experiment of a run's folder.

    Returns Chaos Toolkit's own exit code; INVALID where it refuses the experiment, REFUSED where the AWS credentials
    lead to another account than the target's.
    """
    from chaoslib.exceptions import ChaosException
    from chaoslib.experiment import ensure_experiment_is_valid
    from chaostoolkit.cli import cli

    experiment = run_dir / "experiment.json"
    try:
        ensure_experiment_is_valid(json.loads(experiment.read_text()))
    except ChaosException as error:
        print(f"invalid: {error}", flush=True)
        return INVALID
    problem = _account_problem(os.environ.get(ACCOUNT_VARIABLE))
    if problem:
        print(f"refused: {problem}", flush=True)
        return REFUSED
    print("ready", flush=True)
    if sys.stdin.readline().strip() != "go":
        return 0
    threading.Thread(target=_stop_at_end_of_stdin, args=(run_dir,), daemon=True).start()
    arguments = ["--no-log-file", "--no-version-check", "--log-format", "json", "run", "--rollback-strategy", "always"]
    files = ["--events-file", run_dir / "chaos-events.jsonl", "--journal-path", run_dir / "journal.json", experiment]
    try:
        cli([*arguments, *map(str, files)])
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 1
    return 0


def _account_problem(allowed: str | None) -> str | None:
    """Why the AWS calls of the experiment must not be made; None where they may."""
    if allowed is None:
        return None
    try:
        AwsSession(patience=Patience(read_s=5, attempts=2, deadline_s=10)).require_account(allowed)
    except RefusedError as error:
        return str(error)
    except WellprovenError as error:
        return f"the target allows AWS account {allowed}, and who we are there cannot be asked: {error}"
    return None


def _stop_at_end_of_stdin(run_dir: Path) -> None:
    while sys.stdin.readline():
        pass
    # Both: a library that catches everything may swallow the signal's exception, and then the hold still ends.
    with contextlib.suppress(OSError):
        (run_dir / RELEASE_FILE).touch()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
