"""Damage to a stored run never makes it look better: what was missed or unknown is never met afterwards."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from harness.errors import FileError
from harness.judge import Judgement, Outcome, judge
from harness.record import read_record, seal_run
from tests.fuzz import seeds
from tests.fuzz.mutate import of_bytes, of_lines
from tests.fuzz.test_readers import COUNT

FILES = (*seeds.FILES, "seal.json")
ROW = 48

type Damage = Callable[[bytes, Random], bytes]


def _cut(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content))] if content else b"x"


def _without_slice(content: bytes, random: Random) -> bytes:
    """A stretch of whole records is gone."""
    rows = len(content) // ROW
    first = random.randrange(rows)
    return content[: first * ROW] + content[ROW * min(rows, first + random.randint(1, 40)) :]


def _without_lines(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    gone = set(random.sample(range(len(lines)), min(len(lines), random.randint(1, 3))))
    return b"".join(line for index, line in enumerate(lines) if index not in gone)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Judgement]]:
    """Each stored run with its judgement before anything happened to it."""
    folder = tmp_path_factory.mktemp("runs")
    stored = {name: seeds.store(made(), folder / name) for name, made in seeds.RUNS.items()}
    return {name: (path, judge(read_record(path))) for name, path in stored.items()}


def test_the_runs_have_every_outcome(runs: dict[str, tuple[Path, Judgement]]) -> None:
    """The law below speaks of met, missed and unknown runs."""
    assert {judgement.outcome for _, judgement in runs.values()} == set(Outcome)
    assert runs["met"][1].outcome is Outcome.MET


def test_a_run_that_nothing_happened_to_is_read_whole(runs: dict[str, tuple[Path, Judgement]]) -> None:
    """No request of ours is taken for damage, a surge's included."""
    for name, (path, _) in runs.items():
        record, made = read_record(path), seeds.RUNS[name]()
        assert record.damage == (), name
        assert len(record.requests) == len(made.requests), name
        assert len(record.events) == len(made.events), name


def _same_seal(whole: bytes, damaged: bytes) -> bool:
    try:
        return bool(json.loads(damaged) == json.loads(whole))
    except ValueError:
        return False


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *((name, damage) for name in FILES for damage in (_cut, of_bytes)),
        ("requests-0.bin", _without_slice),
        ("events.jsonl", _without_lines),
        ("events.jsonl", of_lines),
        ("observations.jsonl", _without_lines),
        ("survivors.txt", _without_lines),
    ],
)
def test_damage_never_makes_a_promise_met(runs: dict[str, tuple[Path, Judgement]], name: str, damage: Damage) -> None:
    """One file cut, with a slice or events missing, or garbled: no promise is met that was not, and the run is not."""
    judged = 0
    for number in range(COUNT):
        random = Random(f"{name}-{damage.__name__}-{number}")
        run = random.choice(list(runs))
        path, before = runs[run]
        whole = (path / name).read_bytes()
        damaged = damage(whole, random) if whole else whole
        if damaged == whole:
            continue
        try:
            (path / name).write_bytes(damaged)
            after = judge(read_record(path))
        except FileError:
            continue
        finally:
            (path / name).write_bytes(whole)
        if name == "seal.json" and _same_seal(whole, damaged):
            continue  # other spaces, or a name twice: it says what it said
        judged += 1
        assert after.outcome is not Outcome.MET, (run, number)
        was = {one.promise: one.outcome for one in before.verdicts}
        met = [
            one.promise for one in after.verdicts if one.outcome is Outcome.MET and was[one.promise] is not Outcome.MET
        ]
        assert met == [], (run, number)
    assert judged or name in {"run.json", "plan.json"}


@pytest.mark.parametrize("name", FILES)
def test_a_lost_file_is_seen(runs: dict[str, tuple[Path, Judgement]], name: str) -> None:
    """Without one of its files no run is met, the seal included."""
    path, _ = runs["met"]
    whole = (path / name).read_bytes()
    (path / name).unlink()
    try:
        judgement = judge(read_record(path))
    except FileError:
        assert name in {"run.json", "plan.json"}
    else:
        assert judgement.outcome is Outcome.UNKNOWN
        assert any(name in one.because for one in judgement.verdicts if one.promise == "run complete")
    finally:
        (path / name).write_bytes(whole)


def test_a_file_that_was_added_is_seen(runs: dict[str, tuple[Path, Judgement]]) -> None:
    """Requests of a worker that there was not are a change too."""
    path, _ = runs["met"]
    extra = path / "requests-7.bin"
    extra.write_bytes(b"")
    try:
        assert judge(read_record(path)).outcome is Outcome.UNKNOWN
    finally:
        extra.unlink()


def test_an_honest_copy_is_judged_as_the_run_was(runs: dict[str, tuple[Path, Judgement]], tmp_path: Path) -> None:
    """A run may be moved and copied; only what stands in its files is sealed."""
    path, before = runs["met"]
    for file in path.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert judge(read_record(tmp_path)) == before


def test_a_run_sealed_twice_is_the_same(runs: dict[str, tuple[Path, Judgement]]) -> None:
    """A seal depends on the files alone."""
    path, _ = runs["missed"]
    first = (path / "seal.json").read_bytes()
    seal_run(path)
    assert (path / "seal.json").read_bytes() == first
