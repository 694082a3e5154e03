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


def published() -> dict[str, Any]:
    """The forms of published lenses in one: of keys, texts, rules and choices, and none of their words."""
    whole = question(["Q1_1", "Q1_2", "Q1_no"], ("Q1_1 &&  Q1_2 ", "NO_RISK"), ("(!Q1_1) || (!Q1_2)", "HIGH_RISK"))
    whole["riskRules"].append({"condition": "default", "risk": "MEDIUM_RISK"})
    first, second, none = whole["choices"]
    first |= {
        "description": "",
        "helpfulResource": {"displayText": "-", "url": "https://example.com/a, https://example.com/b"},
        "improvementPlan": {"displayText": "Plan:\n- one\n- two\n\n", "url": "https://example.com/#:~:text=a%20b"},
    }
    second["additionalResources"] = [
        {"type": "HELPFUL_RESOURCE", "content": [{"displayText": "more", "url": ""}]},
        {"type": "IMPROVEMENT_PLAN", "content": []},
    ]
    none |= {"title": "None of these", "improvementPlan": None}
    single = question(["choice1", "option_no"], ("default", "NO_RISK"), name="q2")
    single |= {"category": "C", "riskLevel": "HIGH", "improvementPlan": {"displayText": "Of a question."}}
    yes_or_no = question(["choice1", "choice2"], ("choice1", "NO_RISK"), ("choice2", "HIGH_RISK"), name="q3")
    yes_or_no["title"] = "여러 곳에 \u2019?"
    del yes_or_no["description"]
    reversed_rules = question(["A", "B"], ("!A || !B", "HIGH_RISK"), ("A && B", "NO_RISK"), name="q4")
    return words(whole, single, yes_or_no, reversed_rules, _version="0.5", _teams={"_authors": [{"name": "Ada"}]})
