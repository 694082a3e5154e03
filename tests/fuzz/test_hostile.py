"""Files made to hurt: each is refused in time and within memory, by every reader of what users write."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import slo
from harness.errors import FileError, WellprovenError
from harness.plan import read_experiment, read_targets
from harness.record import read_record
from harness.review import read_answers, read_lens
from tests.fuzz import seeds
from tests.fuzz.limits import limited
from tests.fuzz.readers import ROOT, TARGETS

LAUGHS = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
)
HOSTILE = {
    "a billion laughs": LAUGHS,
    "an alias of itself": "a: &a [*a, *a]",
    "nested 10,000 deep, in lists": "[" * 10_000 + "]" * 10_000,
    "nested 10,000 deep, in mappings": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "nested 10,000 deep, in blocks": "".join(f"{' ' * min(n, 90)}- " for n in range(10_000)),
    "dashes without end": "- " * 200_000,
    "brackets without end": "[" * 900_000,
    "questions without end": "? " * 300_000,
    "a number with a hundred million digits in its exponent's value": "targets: 1e999999999",
    "a number of 5,000 digits": "targets: " + "9" * 5_000,
    "an exponent of 5,000 digits": "targets: 1e" + "9" * 5_000,
    "a tag that would run": "!!python/object/apply:os.system ['false']",
    "a tag that would read": "!!python/name:os.environ",
    "binary": "a: !!binary " + "A" * 100_000,
    "a key twice": "targets: []\ntargets: []",
    "NUL bytes": "a: \0\0\0",
    "a lone surrogate, escaped": '{"a": "\\ud800"}',
    "NaN": '{"a": NaN}',
    "infinity": "a: .inf",
    "a terminal's escapes as a key": '{"\\u001b]0;owned\\u0007\\u009b31m": 1}',
    "a million keys": "{" + ",".join(f"k{n}: 1" for n in range(120_000)) + "}",
    "one long line": "a: " + "b" * 1_000_000,
    "too large": "#" + "x" * (2 << 20),
    "a YAML of another version": "%YAML 9.9\n---\na: 1",
    "many documents": "---\na: 1\n" * 90_000,
    "UTF-16": "targets: []".encode("utf-16"),
    "nothing": "",
}
READERS: dict[str, Callable[[Path], object]] = {
    "slo": lambda path: slo.read([path]),
    "experiment": read_experiment,
    "targets": read_targets,
    "answers": read_answers,
    "lens": read_lens,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("content", HOSTILE)
def test_a_hostile_file_is_refused_in_time(reader: str, content: str, tmp_path: Path) -> None:
    """Bombs of aliases, depth, numbers and size, and everything YAML can do that a file of ours must not."""
    text = HOSTILE[content]
    path = tmp_path / "file.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    with limited(), pytest.raises(FileError) as caught:
        READERS[reader](path)
    assert len(str(caught.value)) < 200_000, "a message nobody reads"


def _bomb(number: str) -> dict[str, tuple[str, str]]:
    """Places where a user's file holds a number that is read exactly: (a valid text, the same with a bomb)."""
    experiment = (ROOT / "experiments/traffic-surge.yaml").read_text()
    drill = (ROOT / "experiments/az-failure.yaml").read_text()
    slos = (ROOT / "slos/shop.yaml").read_text()
    return {
        "a rate": (TARGETS, TARGETS.replace("300/s", f"{number}/s")),
        "a surge": (experiment, experiment.replace("surge: peak", f'surge: "{number}x"')),
        "a share": (drill, drill.replace("budget: 5%", f'budget: "{number}%"')),
        "a target": (slos, slos.replace("target: 0.995", f"target: {number}", 1)),
    }


@pytest.mark.parametrize("number", ["1e1000000000", "1/0", "9" * 6_000, "-1e999999999", "1e-1000000000", "nan", "inf"])
@pytest.mark.parametrize("place", ["a rate", "a surge", "a share", "a target"])
def test_a_number_made_to_fill_the_memory_is_a_mistake(number: str, place: str, tmp_path: Path) -> None:
    """`Fraction("1e1000000000")` would take gigabytes; no such number is ever made."""
    valid, bomb = _bomb(number)[place]
    assert valid != bomb, "the file has no such place any more"
    path = tmp_path / "file.yaml"
    path.write_text(bomb)
    reader = {"a rate": read_targets, "a target": READERS["slo"]}.get(place, read_experiment)
    with limited(), pytest.raises(FileError):
        reader(path)


@pytest.mark.parametrize("name", ["run.json", "plan.json", "load-0.json", "events.jsonl", "observations.jsonl"])
@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 6_000, b"NaN", b'{"at_ns": 1e999999999}', b'"\\ud800"', b"\0" * 5_000],
)
def test_a_hostile_file_in_a_stored_run_is_left_out_or_refused(name: str, content: bytes, tmp_path: Path) -> None:
    """Depth, numbers and surrogates in a run that somebody else has sent."""
    path = seeds.store(seeds.met(), tmp_path / "run")
    (path / name).write_bytes(content)
    with limited():
        try:
            assert read_record(path).damage
        except FileError:
            assert name in {"run.json", "plan.json"}


# --- what is no file -------------------------------------------------------------------------------------------------


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _unreadable(path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    path.write_text("targets: []")
    path.chmod(0)


ODD = (_fifo, Path.mkdir, _loop, _endless, _unreadable)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("make", ODD, ids=lambda make: make.__name__.strip("_"))
def test_what_is_no_file_is_refused_at_once(reader: str, make: Callable[[Path], None], tmp_path: Path) -> None:
    """A FIFO would keep a reader waiting for ever, a device would never end."""
    path = tmp_path / "file.yaml"
    make(path)
    if (reader, make) == ("slo", Path.mkdir):
        pytest.skip("a folder of SLO files is what it reads")
    with limited(), pytest.raises(FileError):
        READERS[reader](path)


@pytest.mark.parametrize("name", [*seeds.FILES, "seal.json"])
@pytest.mark.parametrize("make", ODD, ids=lambda make: make.__name__.strip("_"))
def test_what_is_no_file_in_a_stored_run_never_holds_up_its_reader(
    name: str, make: Callable[[Path], None], tmp_path: Path
) -> None:
    """It is as good as not there, and the run is known to be damaged."""
    path = seeds.store(seeds.met(), tmp_path / "run")
    (path / name).unlink()
    make(path / name)
    with limited():
        try:
            assert read_record(path).damage
        except WellprovenError:
            assert name != "seal.json"


def test_a_link_in_a_stored_run_leads_nowhere(tmp_path: Path) -> None:
    """A run from somebody else cannot have us read, and show, a file of ours."""
    path = seeds.store(seeds.met(), tmp_path / "run")
    elsewhere = tmp_path / "elsewhere.json"
    (path / "plan.json").rename(elsewhere)
    (path / "plan.json").symlink_to(elsewhere)
    with pytest.raises(FileError, match="a link"):
        read_record(path)
