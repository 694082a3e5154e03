"""Questions to AWS as the supervisor asks them: in a child process, since boto3 stays out of it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from harness.errors import NotAvailableError
from harness.plan import Action, Survey, is_aws, known_reach

SURVEY_S: Final = 60.0


def start_alarms(names: Sequence[str], every_s: float, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Begin to look at CloudWatch alarms; a line a look on its stdout (see harness.fault.alarms).

    It ends when its stdin does. `environment` is added to ours: it says which account and region.
    """
    question = json.dumps({"names": list(names), "every_s": every_s})
    return subprocess.Popen(
        [sys.executable, "-m", "harness.fault.alarms", question],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,  # a Ctrl-C on the terminal reaches the supervisor alone
    )


def ask_reach(actions: Sequence[Action], tags: Mapping[str, str], environment: Mapping[str, str]) -> Survey:
    """What these actions would hit: AWS is asked about its own, read only; others are known by their words.

    Raises NotAvailableError where AWS cannot be asked.
    """
    theirs = [action for action in actions if is_aws(action.what)]
    answered = _survey(theirs, tags, environment) if theirs else Survey()
    of_aws = iter(answered.reaches)
    reaches = tuple(next(of_aws) if is_aws(action.what) else known_reach(action) for action in actions)
    return answered.model_copy(update={"reaches": reaches})


def _survey(actions: Sequence[Action], tags: Mapping[str, str], environment: Mapping[str, str]) -> Survey:
    question = json.dumps({"actions": [action.model_dump(mode="json") for action in actions], "tags": dict(tags)})
    try:
        done = subprocess.run(
            [sys.executable, "-m", "harness.fault.survey"],
            input=question.encode(),
            capture_output=True,
            timeout=SURVEY_S,
            check=False,
            env={**os.environ, **environment},
        )
    except subprocess.TimeoutExpired:
        raise NotAvailableError(f"AWS did not say within {SURVEY_S:g} s what the experiment would hit") from None
    return surveyed(actions, done.stdout, done.stderr.decode(errors="replace"))


def surveyed(actions: Sequence[Action], out: bytes, err: str) -> Survey:
    """What the survey's process said. Raises NotAvailableError where that is no answer about all of these actions."""
    try:
        said = json.loads(out)
        problem = str(said["problem"]) if "problem" in said else ""
        found = Survey() if problem else Survey.model_validate_json(out)
    except (ValueError, TypeError, RecursionError):
        problem, found = err.strip().rpartition("\n")[2] or "no answer", Survey()
    asked = [(action.name, action.what) for action in actions]
    if not problem and [(one.action, one.what) for one in found.reaches] != asked:
        problem = "the answer is about other actions"
    if problem:
        raise NotAvailableError(f"AWS cannot be asked what the experiment would hit: {problem}")
    return found
