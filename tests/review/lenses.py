"""Lenses for tests, in AWS's own format."""

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from harness.review import Lens, read_lens

NAMES = ("a", "b", "choice_1", "rel-2")
conditions = st.recursive(
    st.sampled_from(NAMES),
    lambda inner: st.one_of(
        inner.map(lambda one: f"!({one})"),
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"),
    ),
    max_leaves=12,
)


def question(choices: list[str], *rules: tuple[str, str], name: str = "q1") -> dict[str, Any]:
    return {
        "id": name,
        "title": "How?",
        "description": "Why.",
        "choices": [{"id": one, "title": f"Do {one}"} for one in choices],
        "riskRules": [{"condition": condition, "risk": risk} for condition, risk in rules],
    }


def words(*questions: dict[str, Any], **other: Any) -> dict[str, Any]:
    pillar = {"id": "reliability", "name": "Reliability", "questions": list(questions)}
    return {"schemaVersion": "2021-11-01", "name": "Ours", "description": "A lens.", "pillars": [pillar], **other}


def lens(folder: Path, *questions: dict[str, Any], **other: Any) -> Lens:
    path = folder / "lens.json"
    path.write_text(json.dumps(words(*questions, **other), indent=2))
    return read_lens(path)
