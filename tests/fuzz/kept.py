"""What the product keeps for itself, and what its own processes say to each other, damaged."""

import argparse
import atexit
import io
import json
import os
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from shutil import rmtree
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from harness import testbed
from harness.clock import ManualClock
from harness.fault import Entry
from harness.fault.asked import surveyed
from harness.fault.chaos import Chaos
from harness.fault.compose import INVALID, REFUSED
from harness.fault.ledger import read_entry
from harness.fault.undo import silence, undo
from harness.files import is_folder
from harness.identity import Identity
from harness.judge import judge
from harness.plan import Action, Around, Reach, Resource, Survey, built_in_target, in_words, refusals
from harness.report import json_text
from harness.testbed.bed import _wait_ready
from harness.testbed.place import Place
from harness.testbed.settings import BedStatus, DatabaseStatus, ProcessStatus, ZoneState, ZoneStatus
from harness.verbs import recover
from harness.verbs import testbed as testbed_verb
from harness.verbs.common import Streams
from harness.verbs.limits import spent_on, target_as_it_is
from tests.fuzz import seeds
from tests.fuzz.kind import How, Kind, json_tree, of_contents, written
from tests.fuzz.mutate import of_bytes, of_lines

NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)

# --- the undo ledger -------------------------------------------------------------------------------------------------

_GONE = {"pid": 999_999_999, "began": "gone"}
ENTRY: dict[str, Any] = {
    "schema": "wellproven/undo/v1", "run": "x/2026-01-01T00-00-00Z", "experiment": "x", "target": "staging",
    "addresses": ["127.0.0.1-1"], "host": "h", "run_dir": "/nowhere", "opened_utc": "2026-01-01T00-00-00Z",
    "longest_s": 60, "heals_within_s": 0.5, "supervisor": _GONE, "chaos": _GONE, "watchdog": _GONE, "owner": None,
    "folder": "/nowhere", "environment": {"A": "b"}, "secrets": ["SHOP_TOKEN"], "rollbacks": ["undo"],
}  # fmt: skip
NOOP = {"type": "python", "module": "harness.fault.noop", "func": "end"}
UNDO: dict[str, Any] = {
    "title": "Undo: x",
    "description": "Undoes what a drill of x on staging may have broken.",
    "configuration": {"az": {"type": "env", "key": "DRILL_AZ", "default": "a"}, "delay_ms": 5},
    "secrets": {"shop": {"token": {"type": "env", "key": "SHOP_TOKEN"}}},
    "method": [
        {"type": "action", "name": "undo", "provider": NOOP},
        {"type": "action", "name": "again", "provider": NOOP},
    ],
    "rollbacks": [],
    "steady-state-hypothesis": {
        "title": "The fault is gone",
        "probes": [
            {
                "type": "probe",
                "name": "healed",
                "tolerance": True,
                "provider": {"type": "python", "module": "harness.fault.noop", "func": "is_healed"},
            }
        ],
    },
}


def entry_in(folder: Path, entry: bytes, document: bytes) -> Path:
    """An open entry of the ledger."""
    path = folder / "entry"
    rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    for name, content in (("entry.json", entry), ("undo.json", document), ("undo.sh", b""), ("lock", b"")):
        written(path, name, content)
    return path


def _read_undo(folder: Path, content: bytes, number: int) -> None:
    """Play the rollbacks that are left of it, as `recover` and the watchdog do."""
    silence()
    run = folder / "run"
    run.mkdir(exist_ok=True)
    begun = '{"at_ns": 1, "kind": "fault.begin", "name": "x"}\n{"at_ns": 2, "kind": "fault.called", "name": "x"}\n'
    (run / "events.jsonl").write_text(begun)
    path = entry_in(folder, json.dumps(ENTRY | {"run_dir": str(run)}).encode(), content)
    with patch.dict(os.environ, {"SHOP_TOKEN": "not-a-real-one"}):
        undone = undo(path, ("watchdog", "recover")[number % 2], "a test", clock=ManualClock())
    undone.model_dump_json()
    assert undone.healed is not path.exists(), "closed without healing seen, or left open with it"


def _read_entry(folder: Path, content: bytes, number: int) -> None:
    """Whatever is read of it can be handed to the process that undoes, and be said."""
    written(folder, "entry.json", content)
    entry = read_entry(folder)
    assert entry is not None
    if not isinstance(entry, Entry):
        assert entry.because
    else:
        for one in (entry.supervisor, entry.chaos, entry.watchdog):
            assert not one.is_alive
            assert not one.is_stopped
            assert one.is_replaced in (True, False)
            assert one.pid > 0, "a signal to so many processes"
        for text in (*entry.environment, *entry.environment.values(), *entry.secrets):
            assert "\0" not in text
            os.fsencode(text)
        assert not any("=" in name or not name for name in (*entry.environment, *entry.secrets))
        assert any(name in os.environ for name in entry.secrets) in (True, False)
        is_folder(entry.folder)
        left = recover._left(folder, entry, "a test")
        left.model_dump_json()
        out = io.StringIO()
        recover._print(left, Streams(out, out).result)
        assert all(one.isprintable() or one == "\n" for one in out.getvalue()), "a terminal would obey"
    assert recover._concerns(entry, "staging") in (True, False)
    if number % 10 == 0 and not isinstance(entry, Entry):
        recover._recover(folder, entry, Streams(io.StringIO(), io.StringIO()).progress)


# --- stored runs, as limits read them --------------------------------------------------------------------------------


def _runs_with(name: str, how: How) -> Kind:
    """verdict.json or run.json, as `plan` and `drill` count what was spent."""
    record = seeds.missed()
    target = built_in_target().model_copy(update={"name": record.info.target})

    @cache
    def folder_of(folder: Path) -> Path:
        run = seeds.store(record, folder / "runs/test/2026-01-01T00-00-00Z")
        (run / "verdict.json").write_text(json_text(judge(record)))
        return run

    def read(folder: Path, content: bytes, _number: int) -> None:
        run = folder_of(folder)
        whole = (run / name).read_bytes()
        try:
            (run / name).write_bytes(content)
            utc_ns = record.info.clock_utc_ns + 10**9
            spent, unknown = spent_on(target, record.info.addresses, folder / "runs", record.plan.slos, utc_ns)
        finally:
            (run / name).write_bytes(whole)
        assert all(isinstance(share, float) and share >= 0 for share in spent.values())
        around = Around(now=NOW, production=False, approver="", locked=False, left=(), spent=spent,
                        spent_unknown=unknown)  # fmt: skip
        "\n".join(refusals(record.plan, target, None, around)).encode()

    def mutate(random: Random) -> bytes:
        if name == "verdict.json":
            return how(_verdict(), random)
        return how(record.info.model_dump_json(by_alias=True).encode(), random)

    return Kind(f"{name} for limits", mutate, read)


@cache
def _verdict() -> bytes:
    return json_text(judge(seeds.missed())).encode()


# --- the test bed ----------------------------------------------------------------------------------------------------

ATTACH_EVERY = 10  # what a dead bed left is looked for among all processes of the host
BED = f"fuzz-{os.getpid()}"
BED_LOG = b"".join(
    json.dumps(one).encode() + b"\n"
    for one in (
        {"at_ns": 1, "what": "bed.up"},
        {"at_ns": 2, "what": "aws.call", "action": "StopInstances"},
        {"at_ns": 3, "what": "zone.stopped", "zone": "us-east-1a", "gone_ns": 4},
        {"at_ns": 5, "what": "breaker", "state": "open"},
    )
)


@cache
def _place() -> Place:
    """A bed that looks as if this process kept it."""
    place = Place(BED)
    lock = place.lock()
    assert lock is not None
    place.unlock(lock)
    atexit.register(rmtree, place.root, ignore_errors=True)
    return place


def bed_status() -> BedStatus:
    zones = {
        zone: ZoneStatus(
            state=ZoneState.UP, processes=(ProcessStatus(name="shop", pid=1, port=15_001),), instance_id="i-1"
        )
        for zone in ("us-east-1a", "us-east-1b")
    }
    database = DatabaseStatus(primary="us-east-1a", standby="us-east-1b", lag_bytes=0)
    settings = testbed.Settings(name=BED)
    return BedStatus(
        name=BED, settings=settings, pid=os.getpid(), region="us-east-1", zones=zones, database=database,
        endpoints={"edge": "http://127.0.0.1:15000", "aws": "http://127.0.0.1:15002"},
        environment={"AWS_ENDPOINT_URL": "http://127.0.0.1:15002", "DRILL_AZ": "us-east-1a"}, log="/nowhere",
    )  # fmt: skip


def _bed(keeper: bytes, state: bytes) -> None:
    root = _place().root
    root.mkdir(mode=0o711, exist_ok=True)
    written(root, "keeper.json", keeper)
    written(root, "state.json", state)


def _read_keeper(_folder: Path, content: bytes, number: int) -> None:
    _bed(content, bed_status().model_dump_json().encode())
    if number % ATTACH_EVERY:
        _place().keeper_process()
        return
    bed = testbed.attach(BED)
    if bed is not None:
        bed.status()


def read_state(_folder: Path, content: bytes, number: int) -> None:
    _bed(Identity.own().model_dump_json().encode(), content)
    target_as_it_is(built_in_target(), BED)
    out = io.StringIO()
    arguments = argparse.Namespace(what=("status", "env")[number % 2], name=BED, json=number % 4 == 0)
    testbed_verb.do(arguments, Streams(out, out))
    out.getvalue().encode()
    assert all(one.isprintable() or one == "\n" for one in out.getvalue()), "a terminal would obey"


def _read_bed_log(folder: Path, content: bytes, _number: int) -> None:
    for event in testbed.read_log(written(folder, "bed.jsonl", content)):
        assert isinstance(event, dict)


# --- what our own processes say --------------------------------------------------------------------------------------

ACTION = Action(name="stop", what="chaosaws.ec2.actions.stop_instances", arguments={"az": "eu-central-1a"})
SURVEY = Survey(
    account="123456789012", region="eu-central-1",
    reaches=(
        Reach(action="stop", what=ACTION.what, counted=True, said="1 of 3 EC2 instances", hits=1, aws=True, capacity=3,
              resources=(Resource(kind="EC2 instance", id="i-1", zone="eu-central-1a", tags={"team": "shop"}),)),
    ),
)  # fmt: skip
CHAOS_LOG = (
    b"[2026-01-01 00:00:00 INFO] something\nready\n",
    b"\x1b[31minvalid: required property 'method' is missing\x1b[0m\n",
    b"refused: the credentials are of AWS account 1, the target allows 2\n",
    b"Traceback (most recent call last):\n  x\nModuleNotFoundError: No module named 'x'\n",
)


def _read_survey(_folder: Path, content: bytes, number: int) -> None:
    found = surveyed([ACTION], content, ("", "Traceback\nImportError: x")[number % 2])
    in_words(found)
    assert [one.action for one in found.reaches] == ["stop"]
    found.model_dump_json()


def _read_chaos_log(folder: Path, content: bytes, number: int) -> None:
    written(folder, "chaos.log", content)
    chaos = Chaos.__new__(Chaos)  # no child is needed to read what one said
    made: Any = chaos
    made._run_dir, made._clock = folder, ManualClock()
    made._plan = SimpleNamespace(file="experiments/x.yaml")
    made._process = SimpleNamespace(poll=lambda: (INVALID, REFUSED, 1, None)[number % 4])
    chaos.wait_ready()


def _read_keepers_lines(_folder: Path, content: bytes, _number: int) -> None:
    _wait_ready(_place(), io.BytesIO(content), lambda _: None)  # type: ignore[arg-type]


def kinds() -> list[Kind]:
    """Every kind that is ours alone."""
    keeper = json.dumps({"progress": "starting"}) + "\n" + json.dumps({"ready": True}) + "\n"
    failed = json.dumps({"failed": "envoy: in use"}) + "\n"
    return [
        Kind("undo entry", lambda random: json_tree(json.dumps(ENTRY).encode(), random), _read_entry),
        Kind("undo.json", lambda random: json_tree(json.dumps(UNDO).encode(), random), _read_undo),
        _runs_with("verdict.json", json_tree),
        _runs_with("run.json", json_tree),
        Kind("keeper.json", lambda random: json_tree(Identity.own().model_dump_json().encode(), random), _read_keeper),
        Kind("state.json", lambda random: json_tree(bed_status().model_dump_json().encode(), random), read_state),
        Kind("bed.jsonl", of_contents([BED_LOG], of_lines), _read_bed_log),
        Kind("survey child", of_contents([SURVEY.model_dump_json().encode()], json_tree), _read_survey),
        Kind("chaos.log", of_contents(CHAOS_LOG, of_bytes), _read_chaos_log),
        Kind("keeper's lines", of_contents([keeper.encode(), failed.encode()], of_lines), _read_keepers_lines),
    ]
