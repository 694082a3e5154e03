"""What the harness adds to an experiment, inside Chaos Toolkit's own process."""

from pathlib import Path

import pytest
from chaoslib.exceptions import InterruptExecution

from harness.fault import activities

PROBE = {
    "name": "looks",
    "tolerance": True,
    "provider": {"type": "python", "module": "tests.fault.test_activities", "func": "interrupted"},
}


def interrupted() -> bool:
    """What a signal does to a probe: Chaos Toolkit raises this in the main thread, wherever it is."""
    raise InterruptExecution("SIGTERM")


@pytest.mark.parametrize("activity", [activities.hold, activities.healed])
def test_a_signal_that_comes_during_a_look_ends_the_activity(activity, tmp_path: Path) -> None:
    """Taken for a probe that says no, it would keep the fault until the hold's own deadline."""
    with pytest.raises(InterruptExecution):
        activity(str(tmp_path), [PROBE], longest_s=5)
