"""Questions to AWS as the supervisor asks them: in a child process, since boto3 stays out of it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence


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
