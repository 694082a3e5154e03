"""A bed as an ordinary user brings it up, and what happens to it when who brought it up is killed."""

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

import harness
from harness.testbed import BedStatus
from harness.testbed.place import passable
from tests.testbed.beds import answers, eventually, order, processes_of, running

pytestmark = pytest.mark.bed

WITHIN_S = 30.0
CHECKOUT = Path(harness.__file__).parents[1]
CALLER = """
import sys
from harness.clock import SystemClock
from harness.testbed import Settings, up
bed = up(Settings(name=sys.argv[1]), clock=SystemClock())
print(bed.status().model_dump_json(), flush=True)
sys.stdin.read()
"""
# Shows the trees below "$@" to the new user although a directory above them is closed to it, in this mount namespace
# alone; then becomes that user.
OPEN_UP = """
set -e
stage=$1; user=$2; shift 2
n=0; for tree in "$@"; do [ "$tree" = -- ] && break
  mkdir -p "$stage/$n"; mount --bind "$tree" "$stage/$n"; n=$((n+1)); done
for tree in "$@"; do [ "$tree" = -- ] && break
  top=/$(echo "$tree" | cut -d/ -f2); mountpoint -q "$top" || mount -t tmpfs -o mode=755 none "$top"; done
n=0; while [ "$1" != -- ]; do mkdir -p "$1"; mount --bind "$stage/$n" "$1"; n=$((n+1)); shift; done
shift
exec setpriv --reuid "$user" --regid "$user" --clear-groups "$@"
"""


def ordinary_user(tmp_path: Path) -> list[str]:
    """What to put before a command so that an ordinary user runs it: nothing, where one runs this test."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam("nobody").pw_uid
    closed = [str(tree) for tree in {Path(sys.base_prefix), Path(sys.prefix), CHECKOUT} if not passable(tree)]
    if not closed:
        return ["setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups"]
    if subprocess.run(["unshare", "-m", "true"], check=False).returncode != 0:
        pytest.skip(f"an ordinary user cannot reach {closed[0]}, and this root may not make a mount namespace")
    return ["unshare", "-m", "sh", "-c", OPEN_UP, "sh", str(tmp_path), str(user), *closed, "--"]


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    words = [*ordinary_user(tmp_path), sys.executable, "-c", CALLER, f"test-ordinary-{os.getpid()}"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), "HOME": "/"}
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd="/", text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_an_ordinary_user_s_bed_dies_with_its_caller(caller: subprocess.Popen[str]) -> None:
    """It works without root, and a caller killed with SIGKILL leaves no process and no directory behind."""
    assert caller.stdout is not None
    status = BedStatus.model_validate_json(caller.stdout.readline())
    processes = processes_of(status.pid)
    assert {process.uids().effective for process in processes} == {psutil.Process(caller.pid).uids().effective} - {0}
    with httpx.Client(base_url=status.endpoints["edge"]) as edge:
        assert answers(edge) == 200
        assert order(edge, "ordinary-1") == 201
    caller.kill()
    eventually("no process is left", lambda: not running(processes), WITHIN_S)
    eventually("no directory is left", lambda: not Path(status.log).parent.exists(), WITHIN_S)
