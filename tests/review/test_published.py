"""The risk levels that AWS's pages name for the practices of its own framework."""

import csv
import re
from collections import Counter
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from harness.review import Answer, Answers, Choice, Lens, Pillar, Question, score
from harness.review.published import FILE, RiskLevel, published_levels
from harness.review.roadmap import Drills, roadmap
from tests.review.lenses import lens
from tests.review.lenses import question as asked

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 27, tzinfo=UTC)
HIGH = "rel_planning_for_recovery_dr_tested"
MEDIUM = "rel_withstand_component_failures_static_stability"
LOW = "perf_process_culture_load_test"
OTHER = "serverless_practice_of_another_lens"


def rows() -> list[dict[str, str]]:
    return list(csv.DictReader((files("harness.review") / FILE).read_text(encoding="utf-8").splitlines()))


def test_every_practice_of_the_framework_is_there_once() -> None:
    """307 in 57 questions, and 17 that the framework has no more; ids as AWS's tool takes them."""
    found = rows()
    practices = [one["practice"] for one in found if one["practice"]]
    assert Counter(re.sub(r"\d.*", "", one) for one in practices) == {
        "OPS": 68, "SEC": 63, "REL": 65, "PERF": 32, "COST": 50, "SUS": 29,
    }  # fmt: skip
    assert len({one.partition("-")[0] for one in practices}) == 57
    assert len(found) - len(practices) == 17
    for ids in (practices, [one["choice"] for one in found]):
        assert len(set(ids)) == len(ids)
    for one in found:
        pillar = one["practice"][: len(one["practice"].rstrip("0123456789-BP"))].lower() or one["choice"][:3]
        assert one["choice"].startswith(pillar)
        assert re.fullmatch(r"[a-z0-9_]{1,64}", one["choice"])
    numbers: dict[str, list[int]] = {}
    for one in practices:
        question, _, number = one.partition("-BP")
        numbers.setdefault(question, []).append(int(number))
    assert all(sorted(one) == list(range(1, len(one) + 1)) for one in numbers.values())


def test_what_our_experiments_prove_of_the_framework_is_in_it() -> None:
    """An experiment that names a practice of AWS's lens names it, and its question, as AWS does."""
    named = {
        (one["question"], one["choice"])
        for path in (ROOT / "experiments").glob("*.yaml")
        for extension in (yaml.safe_load(path.read_text()) or {}).get("extensions", [])
        for one in extension.get("proves", [])
        if one["lens"] == "wellarchitected"
    }
    assert named
    assert named <= {(one["practice"].partition("-")[0], one["choice"]) for one in rows()}


def question(*choices: str) -> Lens:
    asked = Question("q", "How?", "", tuple(Choice(one, one) for one in choices), (), "lens.json:1")
    return Lens("AWS", "", (Pillar("reliability", "Reliability", (asked,)),))


def test_a_practice_of_a_lens_without_rules_weighs_what_its_page_says() -> None:
    """High 3, medium 1, low a half; one that no page is known of 1; `None of these` nothing."""
    framework = question(HIGH, MEDIUM, LOW, OTHER, "rel_x_no")
    answers = {"q": Answer("q", frozenset({HIGH}))}
    [pillar] = score(framework, answers, [], NOW)
    assert {one.choice.id: one.weight for one in pillar.practices} == {
        HIGH: 3, MEDIUM: 1, LOW: 0.5, OTHER: 1, "rel_x_no": 0,
    }  # fmt: skip
    assert pillar.claimed == pytest.approx(100 * 3 / 5.5)
    gaps = roadmap([pillar], Answers(Path("review.yaml"), "aws", framework, answers), Drills((), {}, None), NOW.date())
    assert {one.practice.choice.id: one.impact.value for one in gaps} == {
        MEDIUM: "medium", LOW: "low", OTHER: "medium",
    }  # fmt: skip


def test_rules_of_a_lens_come_before_the_pages(tmp_path: Path) -> None:
    """A custom lens may call a practice as AWS does, and say itself what its absence is."""
    rules = ((HIGH, "NO_RISK"), ("default", "MEDIUM_RISK"))
    [pillar] = score(lens(tmp_path, asked([HIGH], *rules)), {}, [], NOW)
    assert [one.weight for one in pillar.practices] == [1]
    assert published_levels()[HIGH] is RiskLevel.HIGH
