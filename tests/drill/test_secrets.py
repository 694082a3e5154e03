"""A whole drill by the real command, with a canary wherever a secret may come from: none is in what it leaves or shows.

What an activity alone leaks is tests/fault/test_secrets.py's, what the load does tests/load/test_secrets.py's. Here it
is all of it together: run folder, undo ledger, terminal, JSON, reports, and every command line while it goes on.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.errors import FileError
from harness.record import Kind, read_record
from tests.drill.drills import ROOT, WELLPROVEN
from tests.fault.canaries import Watch, leaks_in, needles_of
from tests.fault.flagged import Target, flagged

pytestmark = pytest.mark.bed

DRILL_S = 180
# Names that say nothing: each is known as a secret by what some file says of it.
CANARIES = {
    "SHOP_LOGIN": "canary-of-the-target-51a9&b?",  # a target's `secrets`, and a header of the load
    "DRILL_LOGIN": "canary-of-the-experiment-7c4d/e=",  # an experiment's `secrets`
    "DB_PASSWORD": "canary of configuration 90f2",  # its configuration, known by the variable's name
    "SHOP_SESSION": "canary-of-the-header-63b1",  # a header of the load alone
}
IN_ADDRESS = "canary-of-an-address-2e8f"
NEEDLES = needles_of([*CANARIES.values(), IN_ADDRESS])
REQUESTS = """
---
apiVersion: openslo/v1
kind: DataSource
metadata: {name: flagged-load}
spec:
  type: load
  connectionDetails:
    requests:
      - request: POST /orders
        headers: {Authorization: "Bearer ${SHOP_LOGIN}", Cookie: "session=${SHOP_SESSION}"}
"""


class Place:
    """One project, whose every file refers to secrets, and whose state is its own."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.target, self.folder = target, folder
        self.runs, self.state = folder / "runs", folder / "state"
        self.experiment = target.experiment(
            heals_within="1s",
            extension={"phases": {"baseline": "4s", "fault": "4s", "recovery": "4s"}, "sustain": "1s"},
        )
        self.experiment |= {
            "secrets": {"shop": {"token": {"type": "env", "key": "DRILL_LOGIN"}}},
            "configuration": {"db_password": {"type": "env", "key": "DB_PASSWORD"}},
        }
        for part in ("method", "rollbacks"):
            self.experiment[part][0]["provider"] |= {
                "headers": {"Authorization": "Bearer ${token}", "X-Db": "${db_password}"},
                "secrets": ["shop"],
            }
        self.there = {
            "name": "flagged",
            "base-url": target.url,
            "environment": "development",
            "max-rate": "200/s",
            "secrets": ["SHOP_LOGIN"],
        }
        self.more: dict[str, str] = {}

    def leak(self, *funcs: str) -> None:
        """Have activities of the method do with their secrets what they should not."""
        for func in funcs:
            provider = {"type": "python", "module": "tests.fault.leaky", "func": func, "secrets": ["shop"]}
            self.experiment["method"].append({"type": "action", "name": func, "provider": provider})

    def wellproven(self, *words: object) -> tuple[int, bytes]:
        """(exit code, all that it said) of a command in this project."""
        experiments, slos, temporary = self.folder / "experiments", self.folder / "slos", self.folder / "tmp"
        for place in (experiments, slos, temporary):
            place.mkdir(exist_ok=True)
        (experiments / "flag.yaml").write_text(yaml.safe_dump(self.experiment))
        (experiments / "targets.yaml").write_text(yaml.safe_dump({"targets": [self.there]}))
        (slos / "flag.yaml").write_text((ROOT / "tests/fault/flag.yaml").read_text() + REQUESTS)
        environment = {**os.environ, **CANARIES, **self.more, "WELLPROVEN_STATE_DIR": str(self.state)}
        environment |= {"TMPDIR": str(temporary), "PYTHONPATH": str(ROOT), "COLUMNS": "400"}
        done = subprocess.run(
            [WELLPROVEN, *map(str, words)], cwd=self.folder, env=environment, capture_output=True, timeout=DRILL_S,
            check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def drill(self, *more: str) -> tuple[int, bytes]:
        return self.wellproven("drill", "flag", "--target", "flagged", "--quick", *more)

    def leaks(self) -> dict[str, list[bytes]]:
        """Canaries in any file that a command has left: runs, ledger, reports, locks."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        found = {str(path.relative_to(self.folder)): leaks_in(path.read_bytes(), NEEDLES) for path in files}
        return {name: needles for name, needles in found.items() if needles}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with flagged() as target:
        yield Place(target, tmp_path)


@pytest.mark.parametrize("goes", ["well", "wrong"])
def test_no_canary_is_in_what_a_drill_leaves_or_shows(place: Place, goes: str) -> None:
    """A drill that does all it should; and one whose activities leak, fail and leave the fault there."""
    place.leak("echo", "tell", *(["fail"] if goes == "wrong" else []))
    if goes == "wrong":
        place.target.how(stuck=True)
    said = {}
    with Watch(NEEDLES) as watch:
        code, said["drill"] = place.drill("--json") if goes == "well" else place.drill()
    assert watch.looks > 50
    assert watch.seen == {}
    assert code in (0, 1, 2), said["drill"].decode()
    run = place.runs / "latest"
    for name, words in {
        "judge": ["judge", run],
        "judge as JSON": ["judge", run, "--json"],
        "report": ["report", run, "--format", "html", "-o", place.folder / "again.html"],
        "report as JSON": ["report", run, "--format", "json", "-o", "-"],
        "plan": ["plan", "flag", "--target", "flagged"],
        "plan as JSON": ["plan", "flag", "--target", "flagged", "--json"],
        "recover": ["recover", "--target", "flagged"],
        "drill again": ["drill", "flag", "--target", "flagged", "--dry-run"],
    }.items():
        code, said[name] = place.wellproven(*words)
        assert code != 70, said[name].decode()
    assert {name: found for name, text in said.items() if (found := leaks_in(text, NEEDLES))} == {}
    assert place.leaks() == {}
    # It all happened: the activities had their secrets, and what is no secret can still be read.
    record = read_record(run)
    called = {event.name: event.data["status"] for event in record.all(Kind.FAULT_CALLED)}
    assert called["echo"] == called["tell"] == "succeeded"
    assert "the token is ***, you know" in (run / "journal.json").read_text()
    assert len(record.requests) > 100
    assert (place.state.exists() and any(place.state.rglob("undo.json"))) is (goes == "wrong")


def the_base_url(place: Place) -> None:
    place.there["base-url"] = place.target.url.replace("://", f"://me:{IN_ADDRESS}@")


def prometheus_as_written(place: Place) -> None:
    asked = {"url": f"http://me:{IN_ADDRESS}@127.0.0.1:9", "query": "up", "op": "lt", "value": 1}
    place.experiment["extensions"][0]["guard"] = {"metrics": [{"name": "up", "prometheus": asked}]}


def prometheus_from_a_variable(place: Place) -> None:
    prometheus_as_written(place)
    place.experiment["extensions"][0]["guard"]["metrics"][0]["prometheus"]["url"] = "${metrics}"
    place.experiment["configuration"]["metrics"] = {"type": "env", "key": "METRICS"}
    place.more["METRICS"] = f"http://me:{IN_ADDRESS}@127.0.0.1:9"


def a_value_written_out(place: Place) -> None:
    place.experiment["method"][0]["provider"]["url"] += f"?login={CANARIES['SHOP_LOGIN']}"


def a_survivors_query(place: Place) -> None:
    survivors = {"request": f"GET /orders?token={CANARIES['DRILL_LOGIN']}", "ids": "/ids"}
    place.experiment["extensions"][0]["ledger"] = {"write": "POST /orders", "survivors": survivors}


def a_command_line(place: Place) -> None:
    provider = {"type": "process", "path": "echo", "arguments": ["${token}"], "secrets": ["shop"]}
    place.experiment["method"].append({"type": "action", "name": "say", "provider": provider})


REFUSED: list[Any] = [
    the_base_url, prometheus_as_written, prometheus_from_a_variable, a_value_written_out, a_survivors_query,
    a_command_line,
]  # fmt: skip


@pytest.mark.parametrize("plant", REFUSED, ids=lambda one: str(one.__name__))
def test_where_a_secret_cannot_be_kept_nothing_starts_and_nothing_shows_it(place: Place, plant: Any) -> None:
    """A mistake of the file, with a line, and without the value: the files alone hold what their author wrote."""
    plant(place)
    code, said = place.drill()
    assert code == FileError.exit_code, said.decode()
    assert b"secret" in said or b"user" in said
    assert leaks_in(said, NEEDLES) == []
    assert not place.runs.exists()
    for written in ("experiments", "slos"):
        shutil.rmtree(place.folder / written)
    assert place.leaks() == {}


def test_the_canaries_are_found_where_they_are(place: Place) -> None:
    """The search itself works."""
    (place.folder / "leak").write_text("\n".join(CANARIES.values()))
    assert len(place.leaks()["leak"]) >= len(CANARIES)
