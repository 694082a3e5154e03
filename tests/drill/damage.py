"""Records of drills that were damaged afterwards, without a seal that would tell."""

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.errors import FileError
from harness.judge import Judgement, judge
from harness.record import read_record
from tests.drill.drills import in_time


def unseal(run: Path) -> None:
    """Have the judge alone see the damage: of a sealed run it would be told."""
    (run / "seal.json").unlink()
    info = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**info, "sealed": False}))


def damaged(control: Path, folder: Path, damage: Callable[[Path], None]) -> Judgement | None:
    """What is said of a damaged copy, of a machine with time to spare; None where it cannot be read, and says so."""
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(control.resolve(), copy)
    unseal(copy)
    damage(copy)
    try:
        return judge(in_time(read_record(copy)))
    except FileError:
        return None


def cut(path: Path, share: float) -> None:
    """Leave the first part of a file."""
    os.truncate(path, int(path.stat().st_size * share))


def shares(count: int = 30) -> Iterator[float]:
    """Where to cut: at nothing, and at so many seeded places."""
    chance = random.Random(1)
    yield from [0.0, *(chance.random() for _ in range(count))]


def each_cut(control: Path, folder: Path, name: str) -> Iterator[tuple[float, dict[str, str]]]:
    """(where it was cut, outcome by promise) for each place where one file of a copy is cut."""
    for share in shares():
        found = damaged(control, folder, lambda run, share=share: cut(run / name, share))  # type: ignore[misc]
        yield share, {} if found is None else {one.promise: one.outcome.value for one in found.verdicts}
