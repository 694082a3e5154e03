"""The command line over damaged files: an exit code that means something, never a traceback, never our mistake."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from harness.cli import main
from tests.fuzz import seeds
from tests.fuzz.kind import ROOT, json_tree
from tests.fuzz.limits import limited
from tests.fuzz.mutate import of_bytes, of_lines
from tests.fuzz.readers import kinds
from tests.fuzz.test_readers import COUNT

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
    for number in range(COUNT // 3):
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
    for number in range(COUNT // 3):
        random = Random(f"cli-{name}-{number}")
        (run / name).write_bytes(DAMAGES[name](whole, random) if whole else random.randbytes(100))
        _said(commands[number % len(commands)])
