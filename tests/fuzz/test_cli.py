"""The command line over damaged files: an exit code that means something, never a traceback, never our mistake."""

import io
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.cli import main
from harness.identity import Identity
from tests.fuzz import aws, kept, seeds
from tests.fuzz.kind import ROOT, json_tree
from tests.fuzz.limits import limited
from tests.fuzz.mutate import of_bytes, of_lines
from tests.fuzz.readers import TARGETS, kinds
from tests.fuzz.test_readers import COUNT
from tests.review.wa_server import serve
from tests.review.wa_world import world

CODES = {0, 1, 2, 64, 65, 69, 77}
KINDS = {kind.name: kind for kind in kinds()}
WHERE = {
    "slo": "slos/shop.yaml",
    "experiment": "experiments/az-failure.yaml",
    "targets": "experiments/targets.yaml",
    "answers": "slos/review.yaml",
    "lens": "lens.json",
}
COMMANDS = {
    "slo": [["check"], ["check", "slos/shop.yaml"], ["plan", "az-failure"]],
    "experiment": [["check"], ["plan", "az-failure", "--json"], ["check", "experiments/az-failure.yaml"]],
    "targets": [["check"], ["plan", "az-failure", "--target", "staging"]],
    "answers": [["check"], ["review", "--runs", "runs"], ["review", "--runs", "runs", "--json"]],
    "lens": [["review", "lint", "lens.json"], ["review", "lint", "lens.json", "--json"]],
}


# A command takes ten times as long as its reader, one that starts a process a hundred times.
CALLS, STARTS = min(COUNT // 3, 500), max(1, min(COUNT // 30, 50))


def _said(arguments: list[str]) -> str:
    """What a command prints; it must have ended as it may."""
    out, err = io.StringIO(), io.StringIO()
    with limited():
        code = main(arguments, out, err)
    text = out.getvalue() + err.getvalue()
    assert code in CODES, (code, text[-2000:])
    assert "Traceback" not in text
    assert "mistake of ours" not in text
    hidden = {one for one in text if not one.isprintable() and one != "\n"}
    assert hidden == set(), "a terminal would obey"
    text.encode()
    return text


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("slos", "experiments", "loadtests"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    seeds.store(seeds.missed(), tmp_path / "runs/test/2026-01-01T00-00-00Z")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", WHERE)
def test_a_damaged_file_of_the_users_is_told_about(name: str, project: Path) -> None:
    """`check`, `plan` and `review` say what is wrong with it, or do what they are for."""
    for number in range(CALLS):
        (project / WHERE[name]).write_bytes(KINDS[name].mutate(Random(f"cli-{name}-{number}")))
        for arguments in COMMANDS[name][number % len(COMMANDS[name]) :][:1]:
            _said(arguments)


DAMAGES: dict[str, Callable[[bytes, Random], bytes]] = {
    "run.json": json_tree,
    "plan.json": json_tree,
    "events.jsonl": of_lines,
    "requests-0.bin": of_bytes,
    "zones-0.txt": of_bytes,
    "load-0.json": json_tree,
    "observations.jsonl": of_lines,
    "survivors.txt": of_lines,
    "seal.json": json_tree,
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_run_is_judged_or_refused(name: str, project: Path) -> None:
    """`judge`, `report` and `review` on a stored run with something wrong in it."""
    run = seeds.store(seeds.watched(), project / "runs/test/2026-01-02T00-00-00Z")
    whole = (run / name).read_bytes()
    commands = [["judge", str(run)], ["judge", str(run), "--json"], ["report", str(run), "--format", "json", "-o", "-"],
                ["review", "--runs", "runs"]]  # fmt: skip
    for number in range(CALLS):
        random = Random(f"cli-{name}-{number}")
        (run / name).write_bytes(DAMAGES[name](whole, random) if whole else random.randbytes(100))
        _said(commands[number % len(commands)])


def _few(name: str) -> list[Random]:
    return [Random(f"cli-{name}-{number}") for number in range(STARTS)]


@pytest.mark.parametrize("name", ["verdict.json", "run.json"])
def test_what_was_spent_is_read_or_refused(name: str, project: Path) -> None:
    """`plan` for a target that keeps a part of its budget, with a stored run of it that says anything."""
    run = seeds.store(seeds.missed(), project / "runs/test/2026-01-02T00-00-00Z")
    recent = {"target": "staging", "clock_utc_ns": time.time_ns()}
    (run / "run.json").write_text(json.dumps(json.loads((run / "run.json").read_text()) | recent))
    (run / "verdict.json").write_bytes(kept._verdict())
    (project / "experiments/targets.yaml").write_text(
        TARGETS.replace("environment: staging", "environment: development") + "    allow: {budget-left: 20%}\n"
    )
    whole, said = (run / name).read_bytes(), set[str]()
    for number in range(max(10, CALLS)):
        (run / name).write_bytes(json_tree(whole, Random(f"cli-{name}-{number}")))
        said.add(_said(["plan", "cache-lost", "--target", "staging"]))
    assert len(said) > 1, "whatever it says makes no difference"


@pytest.mark.parametrize("name", ["entry.json", "undo.json"])
def test_a_damaged_entry_is_undone_or_left(name: str, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`recover` says what it undid and what is left, in words and as JSON; what is said is nothing a terminal obeys."""
    monkeypatch.setenv("SHOP_TOKEN", "not-a-real-one")
    kind = KINDS["undo entry" if name == "entry.json" else name]
    for number, random in enumerate(_few(name)):
        path = kept.entry_in(state / "undo", json.dumps(kept.ENTRY).encode(), json.dumps(kept.UNDO).encode())
        (path / name).write_bytes(kind.mutate(random))
        _said(["recover", *(["--json"] if number % 2 else [])])


@pytest.mark.parametrize("name", ["keeper.json", "state.json"])
def test_a_damaged_bed_is_up_or_down(name: str) -> None:
    """`testbed status` and `env` of a bed whose files say anything."""
    commands = [["testbed", "status"], ["testbed", "env"], ["testbed", "status", "--json"]]
    for number, random in enumerate(_few(name) * 3):
        whole = (Identity.own().model_dump_json().encode(), kept.bed_status().model_dump_json().encode())
        damaged = KINDS[name].mutate(random)
        kept._bed(*((damaged, whole[1]) if name == "keeper.json" else (whole[0], damaged)))
        _said([*commands[number % 3], "--name", kept.BED])


def test_a_damaged_tool_is_pulled_from_or_refused(project: Path) -> None:
    """`review pull` from a Well-Architected Tool that answers anything, over HTTP."""
    del project
    tool = world(page=50)
    whole = tool.handle
    damages: dict[str, bytes] = {}

    def handle(*words: Any) -> Any:
        made = whole(*words)
        operation = tool.calls[-1][0] if tool.calls else ""
        return made and (made[0], made[1], damages.pop(operation, made[2]))

    tool.handle = handle  # type: ignore[method-assign]
    with serve(tool) as url, aws.environment(aws.ENVIRONMENT | {"AWS_ENDPOINT_URL": url}):
        for random in _few("tool"):
            operation, _, damaged = KINDS["tool answer"].mutate(random).partition(b"\0")
            damages.clear()
            damages[operation.decode()] = damaged
            _said(["review", "pull", "Shop", "--dry-run", "--lens", random.choice(("wellarchitected", "Wellproven"))])


def test_a_damaged_configuration_of_awss_is_told_about(project: Path) -> None:
    """`review pull` with files of AWS's that say anything; nobody is asked, since nobody listens there."""
    for random in _few("files"):
        config, _, credentials = KINDS["aws files"].mutate(random).partition(b"\0\0")
        (project / "config").write_bytes(config)
        (project / "credentials").write_bytes(credentials)
        variables = {
            "AWS_CONFIG_FILE": str(project / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(project / "credentials"),
            "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        }  # fmt: skip
        with aws.environment(variables):
            _said(["review", "pull", "Shop", "--dry-run", *random.choice(([], ["--profile", "drills"]))])
