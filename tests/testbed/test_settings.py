import ast
import os
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from pydantic import ValidationError

import harness.testbed
from harness.clock import SystemClock
from harness.errors import NotAvailableError
from harness.testbed import Settings, up
from harness.testbed.bed import MODULES
from harness.testbed.edge import configuration
from harness.testbed.place import PORTS, Place, free_ports

# Needed by the core as well, or part of one that is named.
CORE = {"harness", "pydantic", "prometheus_client"}
PART_OF_OTHERS = {"boto3": "moto", "werkzeug": "flask"}


def test_a_missing_wheel_is_named_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one of the extra's wheels `up` starts nothing and says what to install."""
    monkeypatch.setitem(sys.modules, "moto", None)  # what Python itself does with a module that must not be imported
    with pytest.raises(NotAvailableError, match=r"needs moto, .*pip install 'wellproven\[testbed\]'"):
        up(Settings(name="never"), clock=SystemClock())
    assert not Place("never").root.exists()


def test_every_wheel_the_folder_imports_is_checked_for() -> None:
    """No missing wheel shows as a traceback of a child process."""
    imported: set[str] = set()
    for file in Path(harness.testbed.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0])
    wheels = {PART_OF_OTHERS.get(name, name) for name in imported - sys.stdlib_module_names - CORE}
    assert wheels <= set(MODULES)


@pytest.mark.parametrize("name", ["", "../else", "UPPER", "a/b", "-a", "a" * 41])
def test_a_bed_s_name_is_a_plain_word(name: str) -> None:
    """A name becomes a directory, so it cannot lead out of one."""
    with pytest.raises(ValidationError):
        Settings(name=name)


def test_a_bed_is_found_though_the_wall_clock_was_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process's time of birth in UTC moves when the clock is set; the keeper is known by its ticks since boot."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place = Place("clock")
    lock = place.lock()
    assert lock is not None
    place.create()
    born_s = psutil.Process().create_time()
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: born_s + 3600)
    keeper = place.keeper_process()
    assert keeper is not None
    assert keeper.pid == os.getpid()
    place.remove()
    place.unlock(lock)


def test_ports_lie_below_those_of_outgoing_connections() -> None:
    """No outgoing connection can take a port while its zone is down."""
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert all(port in PORTS for port in ports)
    assert PORTS.stop <= 32_768


def test_the_edge_never_sends_again_what_may_have_arrived() -> None:
    """Orders are sent again only where no connection came about."""
    text = configuration(edge_port=1, pricing_port=2, admin=Path("admin"), shops=[4], pricings=[5], settings=Settings())
    assert '"retry_on": "connect-failure,refused-stream"' in text
    assert "5xx" not in text.replace("enforcing_consecutive_5xx", "")


def test_only_one_holds_a_bed_s_lock() -> None:
    """Two `up` of one name cannot both go on, and the lock leaves no file behind."""
    name = f"test-lock-{os.getpid()}"
    first, second = Place(name), Place(name)
    lock = first.lock()
    assert lock is not None
    assert second.lock() is None
    first.unlock(lock)
    lock = second.lock()
    assert lock is not None
    second.unlock(lock)
    assert list(second.base.glob(f"{name}*")) == []
