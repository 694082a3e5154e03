"""Secrets of the load: a header's comes from the environment, reaches the server, and nothing else."""

from pathlib import Path

import pytest

from harness.clock import SystemClock
from harness.errors import NotAvailableError
from harness.load import start
from harness.load.template import Template
from harness.plan import Profile

SECRET, OTHER = "canary-of-the-load-55aa66", "canary-of-nobody-77bb88"
JOURNEY = """\
import os, sys
from locust import task
from harness.load.users import Journey


class Leak(Journey):
    def visit(self):
        print(os.environ["SHOP_TOKEN"])
        sys.stderr.write(os.environ["SHOP_TOKEN"] + "\\n")
        raise RuntimeError(f"no luck with {os.environ['SHOP_TOKEN']}")
"""


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", SECRET)
    monkeypatch.setenv("OTHER_TOKEN", OTHER)
    monkeypatch.setenv("ODD_NAME", OTHER)


def _leaks(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if any(one.encode() in path.read_bytes() for one in (SECRET, OTHER))]


@pytest.mark.parametrize("value", ["100% sure {id} ${no} %s", "ä", "a{b}c"])
def test_a_variable_stands_in_a_header_as_it_is(value: str) -> None:
    """Whatever a token holds, it is sent, and no template."""
    stages = [{"duration_s": 1, "rate_per_s": "1"}]
    route = {"name": "r", "headers": {"Authorization": "Bearer ${T}"}, "stages": stages}
    profile = Profile.model_validate({"base_url": "http://127.0.0.1:1", "routes": [route]})
    request = Template(profile, 0, {"T": value}).render(7)
    assert f"Authorization: Bearer {value}\r\n".encode("latin-1") in request
    for environment in ({}, {"T": "two\r\nlines"}):
        with pytest.raises(NotAvailableError, match="environment variable T"):
            Template(profile, 0, environment)


@pytest.mark.slow
def test_a_header_s_secret_reaches_the_server_and_no_file(serve, profile_for, tmp_path, wait_for) -> None:
    """Not the profile, the record, the log, a zone's name; and workers have no secret but those their headers name."""
    server = serve("mirror")
    headers = {"X-Auth-Token": "${SHOP_TOKEN}"}
    profile = profile_for(server, duration_s=20, routes=[{"name": "GET /", "headers": headers}], zone_header="x-zone")
    load = start(profile, tmp_path, clock=SystemClock(), withheld=["ODD_NAME"])
    try:
        wait_for(lambda: (tmp_path / "zones-0.txt").stat().st_size > 0, "an answer")
        for pid in load.pids:
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            assert f"SHOP_TOKEN={SECRET}".encode() in environment
            assert not [one for one in environment if OTHER.encode() in one]
            assert SECRET.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    finally:
        load.stop()
        load.kill()
    assert (tmp_path / "zones-0.txt").read_text() == "***\n"  # the server sent the token back as its zone
    assert _leaks(tmp_path) == []


@pytest.mark.slow
def test_what_a_journey_says_is_logged_without_secrets(serve, profile_for, tmp_path, monkeypatch, wait_for) -> None:
    """It has them, to log in with; its prints and its errors go through the door."""
    (tmp_path / "leak.py").write_text(JOURNEY)
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "run"
    run.mkdir()
    profile = profile_for(serve("shop"), rate="5", routes=[{"name": "j", "journey": "leak.py:Leak"}])
    load = start(profile, run, clock=SystemClock(), withheld=["SHOP_TOKEN"])
    wait_for(lambda: load.is_over, "the load to end", 40)
    load.stop()
    assert "no luck with ***" in (run / "load-0.log").read_text()
    assert _leaks(run) == []
