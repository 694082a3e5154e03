"""Every test has an undo ledger and locks of its own: none refuses another's drill, or undoes what is the user's.

So two checkouts can be tested side by side.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from harness.fault import STATE_VARIABLE

# How long an example takes says nothing on a busy machine, and less where Hypothesis makes its tables of Unicode first.
settings.register_profile("wellproven", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
if not os.environ.get("CI"):  # Hypothesis has a profile of its own there, with these and always the same examples
    settings.load_profile("wellproven")


@pytest.fixture(autouse=True, scope="session")
def _state_of_modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a module's fixtures drill goes before any test's own folder is there: it is not the user's either."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(STATE_VARIABLE, str(tmp_path_factory.mktemp("state-of-modules")))
        yield


@pytest.fixture(autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder."""
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv(STATE_VARIABLE, str(folder))
    return folder
