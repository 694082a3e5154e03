"""Answers as people write them: read strictly, every mistake at once."""

from pathlib import Path

import pytest

from harness.errors import FileError
from harness.review import read_answers


def write(folder: Path, text: str) -> Path:
    path = folder / "review.yaml"
    path.write_text(text)
    return path


def test_answers_are_read(tmp_path: Path) -> None:
    """Claims, exclusions with their reasons, owner and notes."""
    path = write(
        tmp_path,
        """
lens: wellproven
questions:
  rel_redundancy:
    claimed: [rel_multi_zone]
    owner: shop
    notes: since spring
    not-applicable: {rel_multi_region: one region by contract}
  ops_people: {}
""",
    )
    found = read_answers(path).questions
    assert found["rel_redundancy"].claimed == {"rel_multi_zone"}
    assert found["rel_redundancy"].not_applicable == {"rel_multi_region": "one region by contract"}
    assert found["rel_redundancy"].owner == "shop"
    assert found["ops_people"].claimed == frozenset()


def test_every_mistake_is_said_at_once(tmp_path: Path) -> None:
    """A question nobody asks, a practice nobody offers, a reason that is none, both at once; each with its line."""
    path = write(
        tmp_path,
        """
lens: wellproven
questions:
  rel_redundanzy: {claimed: [x]}
  rel_redundancy:
    claimed: [rel_multi_zoon, rel_load_distribution]
    not-applicable: {rel_multi_region: " ", rel_load_distribution: we have one}
    ownr: shop
""",
    )
    with pytest.raises(FileError) as caught:
        read_answers(path)
    assert "ownr" in str(caught.value)
    path.write_text(path.read_text().replace("    ownr: shop\n", ""))
    with pytest.raises(FileError) as caught:
        read_answers(path)
    said = str(caught.value)
    for part in (
        "did you mean rel_redundancy?",
        "did you mean rel_multi_zone?",
        "the reason",
        "claimed or not applicable",
    ):
        assert part in said, said
    assert {mistake.line for mistake in caught.value.mistakes} == {4, 6, 7}
