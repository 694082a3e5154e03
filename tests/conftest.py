"""Every test has an undo ledger of its own, so that none refuses another's drill, or undoes what is the user's."""

from pathlib import Path

import pytest

from harness.fault import STATE_VARIABLE


@pytest.fixture(autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder."""
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv(STATE_VARIABLE, str(folder))
    return folder
