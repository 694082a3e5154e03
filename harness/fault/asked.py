"""Questions to AWS and others as the supervisor asks them: in a child process, since boto3 stays out of it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from harness.plan import Action, Reach, Survey, is_asked, known_reach
from harness.redaction import told_to_child

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
        env={**os.environ, **environment, **told_to_child(), "PYTHONUNBUFFERED": "1"},
        start_new_session=True,  # a Ctrl-C on the terminal reaches the supervisor alone
    )


def ask_reach(
    actions: Sequence[Action],
    tags: Mapping[str, str],
    environment: Mapping[str, str],
    rollbacks: Sequence[Action] = (),
) -> Survey:
    """What these actions would hit, asked of whom it is known, read only; of other actions nothing is known.

    After them, what the rollbacks name. Where somebody cannot be asked, the reach of each action it is about says so in
    `problem`.
    """
    theirs = [action for action in (*actions, *rollbacks) if is_asked(action.what)]
    answered = _survey(theirs, tags, environment) if theirs else Survey()
    found = iter(answered.reaches)
    reaches = [next(found) if is_asked(action.what) else known_reach(action) for action in actions]
    reaches += [next(found).model_copy(update={"undoes": True}) for one in rollbacks if is_asked(one.what)]
    return answered.model_copy(update={"reaches": tuple(reaches)})


def _survey(actions: Sequence[Action], tags: Mapping[str, str], environment: Mapping[str, str]) -> Survey:
    question = json.dumps({"actions": [action.model_dump(mode="json") for action in actions], "tags": dict(tags)})
    try:
        done = subprocess.run(
            [sys.executable, "-m", "harness.fault.survey"],
            input=question.encode(),
            capture_output=True,
            timeout=SURVEY_S,
            check=False,
            env={**os.environ, **environment, **told_to_child()},
        )
    except subprocess.TimeoutExpired:
        return _unasked(actions, f"nobody said within {SURVEY_S:g} s what the experiment would hit; try again")
    return surveyed(actions, done.stdout, done.stderr.decode(errors="replace"))


def surveyed(actions: Sequence[Action], out: bytes, err: str) -> Survey:
    """What the survey's process said; that nobody could be asked, where that is no answer about all actions."""
    try:
        found = Survey.model_validate_json(out)
    except (ValueError, RecursionError):
        said = err.strip().rpartition("\n")[2] or "no answer"
        return _unasked(actions, f"nobody could be asked what the experiment would hit: {said}")
    if [(one.action, one.what) for one in found.reaches] != [(action.name, action.what) for action in actions]:
        return _unasked(
            actions, "nobody could be asked what the experiment would hit: the answer is about other actions"
        )
    return found


def _unasked(actions: Sequence[Action], problem: str) -> Survey:
    reaches = (Reach(action=one.name, what=one.what, counted=False, said=problem, problem=problem) for one in actions)
    return Survey(reaches=tuple(reaches))
