"""What a target is, as a digest: it changes when the target does, and at nothing else."""

import os
from pathlib import Path

import pytest

from harness.errors import FileError
from harness.plan import built_in_target, read_targets

TARGET = """
targets:
  - name: staging
    base-url: https://shop.staging.example
    environment: staging
    max-rate: 300/s
    variables: {DRILL_AZ: eu-central-1a}
    configuration: [%s]
"""


def project(folder: Path, patterns: str = "deploy/*.yaml") -> Path:
    (folder / "experiments").mkdir()
    (folder / "deploy").mkdir()
    (folder / "deploy/shop.yaml").write_text("replicas: 3")
    (folder / "deploy/notes.txt").write_text("nothing")
    path = folder / "experiments/targets.yaml"
    path.write_text(TARGET % patterns)
    return path


def digest(path: Path) -> str:
    return read_targets(path)["staging"].configuration


def test_the_digest_changes_with_each_thing_that_makes_the_target_another(tmp_path: Path) -> None:
    """Its address, its variables, a file that it names, a file more; and not with one that it does not name."""
    path = project(tmp_path)
    seen = [digest(path)]
    (tmp_path / "deploy/notes.txt").write_text("something")
    path.write_text((TARGET % "deploy/*.yaml").replace("300/s", "200/s"))  # a limit of ours, no property of the target
    assert digest(path) == seen[0]
    for change in (
        lambda: (tmp_path / "deploy/shop.yaml").write_text("replicas: 2"),
        lambda: (tmp_path / "deploy/cache.yaml").write_text("size: 1"),
        lambda: path.write_text(path.read_text().replace("eu-central-1a", "eu-central-1b")),
        lambda: path.write_text(path.read_text().replace("shop.staging", "other.staging")),
    ):
        change()
        seen.append(digest(path))
    assert len(set(seen)) == len(seen)


def test_the_embedded_target_is_another_with_each_weakness() -> None:
    """A run on a weak bed says nothing of a sound one; ports, which are others each time, do not count."""
    sound = built_in_target("http://127.0.0.1:15001", {"AWS_ENDPOINT_URL": "http://127.0.0.1:15002"})
    assert sound.configuration == built_in_target().configuration
    assert built_in_target(settings={"cache": "required"}).configuration != sound.configuration


@pytest.mark.parametrize(
    "pattern", ["nothing/*.yaml", "/etc/passwd", "../*", "''", '"**x"', "deploy/out.yaml", '"deploy/\\0"']
)
def test_a_pattern_that_names_no_file_of_the_project_is_a_mistake(pattern: str, tmp_path: Path) -> None:
    """None, an absolute one, one that leads out, also through a link: with its line, before anything starts."""
    path = project(tmp_path, pattern)
    (tmp_path / "deploy/out.yaml").symlink_to("/etc/hostname")
    with pytest.raises(FileError, match=r"targets\.yaml:8: targets\[0\]\.configuration\[0\]: .*files of the project"):
        read_targets(path)


def test_a_fifo_among_the_files_holds_nobody_up(tmp_path: Path) -> None:
    """It is no file, so it configures nothing."""
    path = project(tmp_path)
    os.mkfifo(tmp_path / "deploy/pipe.yaml")
    assert digest(path)
