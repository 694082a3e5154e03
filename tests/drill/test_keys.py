"""The key of a bed reaches whoever breaks and undoes, and is written nowhere: a drill that dies, and one that ends."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from harness.fault import STATE_VARIABLE, Entry, open_entries
from harness.redaction import looks_secret
from harness.testbed import Bed
from tests.drill.drills import ROOT, WELLPROVEN, command
from tests.testbed.beds import bed_up, eventually

pytestmark = pytest.mark.bed
MINE = {"AWS_ACCESS_KEY_ID": "somebody-elses-id", "AWS_SECRET_ACCESS_KEY": "somebody-elses-secret"}


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with bed_up("keys") as bed:
        yield bed


def key_of(bed: Bed) -> str:
    (key,) = {value for name, value in bed.status().environment.items() if looks_secret(name)}
    return key


def holding(key: str, *folders: Path) -> list[Path]:
    """Files that have the key in them."""
    found = []
    for path in (path for folder in folders for path in folder.rglob("*")):
        with contextlib.suppress(OSError):  # what is only there while it is written
            found += [path] if path.is_file() and key.encode() in path.read_bytes() else []
    return found


def is_cut(bed: Bed) -> bool:
    found = httpx.get(f"{bed.status().endpoints['toxiproxy']}/proxies/cache", trust_env=False)
    return not found.json()["enabled"]


def test_a_dead_drill_is_recovered_by_somebody_without_the_key(
    bed: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody of it is killed; `recover` asks the bed. The ledger and the run have the key's name and not the key."""
    state, runs, key = tmp_path / "state", tmp_path / "runs", key_of(bed)
    monkeypatch.setenv(STATE_VARIABLE, str(state))
    environment = {**os.environ, **MINE}
    words = command(bed.name, runs, experiment="cache-lost")
    with (tmp_path / "said").open("wb") as log:
        drill = subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log, env=environment)
    try:
        eventually("the cache is cut", lambda: is_cut(bed), within_s=120)
        (entry,) = open_entries().values()
        assert isinstance(entry, Entry)
        assert {"AWS_SECRET_ACCESS_KEY", "WELLPROVEN_TOXIPROXY_TOKEN"} <= set(entry.secrets)
        for process in (drill.pid, entry.chaos.pid, entry.watchdog.pid):
            assert key.encode() not in Path(f"/proc/{process}/cmdline").read_bytes()
        assert holding(key, state, runs) == []
        for process in (entry.watchdog.pid, entry.chaos.pid, drill.pid):
            os.kill(process, signal.SIGKILL)
    finally:
        drill.kill()
        drill.wait()
    assert is_cut(bed), "nobody is left who could have healed it"
    done = subprocess.run(
        [WELLPROVEN, "recover", "--json"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [one["state"] for one in json.loads(done.stdout)["entries"]] == ["healed"]
    assert not is_cut(bed)
    assert holding(key, tmp_path) == []
    assert key not in done.stdout + done.stderr


def test_a_whole_drill_writes_the_key_nowhere(bed: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Record, journal, log, events, report, review, and what it prints: the AWS calls of a zone's loss among them."""
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    key = key_of(bed)
    words = command(bed.name, tmp_path / "runs", experiment="az-failure")
    done = subprocess.run(
        words, cwd=ROOT, env={**os.environ, **MINE}, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode in (0, 2), done.stdout + done.stderr  # 2: void, on a busy machine
    (report,) = tmp_path.rglob("report.html")
    assert (report.parent / "journal.json").is_file()
    assert holding(key, tmp_path) == []
    assert key not in done.stdout + done.stderr
