"""docs/evidence.md keeps up with what entries may say."""

import re
from pathlib import Path
from typing import get_args

import pytest

from harness.documents import FileModel, parse_documents, validate
from harness.review.findings import WrittenEvidence
from tests.review.findings.helpers import Part

PAGE = (Path(__file__).parents[3] / "docs" / "evidence.md").read_text()
KINDS = get_args(get_args(WrittenEvidence)[0])


def test_the_pages_example_is_an_entry_of_every_kind() -> None:
    """And is read as it stands."""
    [text] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    [document] = parse_documents(text.encode(), "evidence.md")
    assert {one.kind for one in validate(Part, document).evidence} == {
        "sarif",
        "asff",
        "prowler",
        "cost",
        "carbon",
        "budget",
        "figures",
    }


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_setting_is_documented(kind: type[FileModel]) -> None:
    """By the name a file writes it with."""
    names = [info.alias or name for name, info in kind.model_fields.items()]
    assert [name for name in names if not re.search(rf"`[^`\n]*\b{name}\b|^ .*\b{name}:", PAGE, re.MULTILINE)] == []
