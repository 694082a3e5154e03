"""Short turns of the scheduler."""

import subprocess
import sys

import pytest

ASK = """
import os
from harness.load.priority import ask_for_short_turns
nice = os.nice(3)
ask_for_short_turns()
print(os.getpriority(os.PRIO_PROCESS, 0) == nice, os.sched_getscheduler(0) == os.SCHED_OTHER)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has them")
def test_asking_for_short_turns_changes_no_priority() -> None:
    """A load that was started with `nice` stays as nice as it was, and in the usual scheduling class."""
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["True", "True"]
