"""The roadmap: which gaps, in which order, with what they buy."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from harness.judge import Outcome
from harness.report import roadmap_csv, roadmap_github, roadmap_markdown
from harness.review import BUILT_IN, Answer, Answers, Gap, Level, Measured, Review, Shown, built_in_lens, review
from harness.review.answers import Effort
from harness.review.roadmap import Quadrant, quadrant_of
from tests.review.figures import measured

LENS = built_in_lens()
NOW = datetime(2026, 11, 24, tzinfo=UTC)
QUESTION, CHOICE = "rel_redundancy", "rel_multi_zone"
MISSED = measured(
    "2026-11-20",
    outcome=Outcome.MISSED,
    rta_s=25.0,
    lost=17,
    rpa_s=3.0,
    budget_ratio=0.08,
)


def answers(effort: Effort | None = None, *claimed: str, owner: str = "shop", **more: str) -> Answers:
    one = Answer(QUESTION, frozenset(claimed or {CHOICE}), owner=owner, effort=effort or Effort(), excluded=dict(more))
    return Answers(Path("slos/review.yaml"), BUILT_IN, LENS, {QUESTION: one})


def reviewed(said: Answers, *shown: Shown, figures: tuple[Measured, ...] = ()) -> Review:
    return review(said, "testbed", shown, figures, (), NOW)


def gap(found: Review, choice: str = CHOICE) -> Gap:
    return next(one for one in found.gaps if one.practice.choice.id == choice)


def refuted() -> Shown:
    return Shown(QUESTION, CHOICE, holds=False, at=MISSED.at, source=MISSED.run, because="not kept")


OBJECTIVES = Answer("rel_disaster_recovery", frozenset({"rel_objectives"}))


def test_all_the_figures_that_it_takes_are_named() -> None:
    """Recovery time alone would leave it unproven."""
    said = replace(answers(), questions={OBJECTIVES.question: OBJECTIVES})
    assert "figures rta and rpa of any run" in gap(reviewed(said), "rel_objectives").to_do


def test_what_refuted_it_is_drilled_again_and_not_another() -> None:
    """The first that is named need not be the one that found something."""
    found = replace(refuted(), source="zone-blackhole/2026-11-20T00-00-00Z")
    assert gap(reviewed(answers(), found)).to_do.endswith("then wellproven drill zone-blackhole")


def test_a_drill_that_is_gone_is_to_be_written_first() -> None:
    """Its stored run still refutes or once proved the practice; the command alone would lead nowhere."""
    for shown, said in ((refuted(), "mend what"), (replace(refuted(), holds=True, at=NOW - timedelta(days=400)), "")):
        here, gone = (
            gap(review(answers(), "testbed", (shown,), (), (), NOW, there)).to_do for there in ({"az-failure"}, set())
        )
        assert "write it first: it is gone" in gone
        assert "wellproven drill az-failure" in here
        assert "write it first" not in here
        assert gone.startswith(said)


def test_a_figure_that_any_run_refuted_buys_what_that_run_was_over() -> None:
    """No drill is named for it; the run is."""
    said = replace(answers(), questions={OBJECTIVES.question: OBJECTIVES})
    missed = Shown(OBJECTIVES.question, "rel_objectives", holds=False, at=MISSED.at, source=MISSED.run)
    one = gap(reviewed(said, missed, figures=(MISSED,)), "rel_objectives")
    assert "15 s of recovery time" in "; ".join(one.buys)
    assert one.to_do.endswith("then wellproven drill az-failure")


def test_what_no_drill_can_show_more_of_is_not_drilled_again() -> None:
    """It is seen by other means, which is no quick win."""
    asked = next(one for one in LENS.questions if one.id == "ops_automation")
    choice = next(one for one in asked.choices if one.id == "ops_automation_tested")
    one = Answer(asked.id, frozenset({choice.id}))
    part = Shown(asked.id, choice.id, holds=True, at=NOW, source="az-failure/1", short_of=(choice.provable.unseen,))
    found = gap(reviewed(replace(answers(), questions={asked.id: one}), part), choice.id)
    assert found.to_do == f"show what is missing: {choice.provable.unseen}"
    assert found.quadrant is Quadrant.PROJECT
    unshown = gap(reviewed(replace(answers(), questions={asked.id: one})), choice.id)
    assert unshown.to_do.endswith("(shows part of it only)")


def test_a_drill_that_nobody_wrote_is_no_quick_win() -> None:
    """The lens's own names for drills are no experiments of the user's."""
    for there, level, to_do in (
        (set(), Level.MEDIUM, "write an experiment that says it proves this, such as az-failure or zone-blackhole"),
        ({"zone-blackhole"}, Level.LOW, "drill zone-blackhole"),
    ):
        one = gap(review(answers(), "testbed", (), (), (), NOW, there))
        assert one.complexity is level
        assert one.to_do.startswith(to_do)


@pytest.mark.parametrize(
    ("impact", "complexity", "quadrant"),
    [
        (Level.HIGH, Level.LOW, Quadrant.QUICK_WIN),
        (Level.MEDIUM, Level.LOW, Quadrant.QUICK_WIN),
        (Level.HIGH, Level.HIGH, Quadrant.PROJECT),
        (Level.MEDIUM, Level.MEDIUM, Quadrant.PROJECT),
        (Level.LOW, Level.LOW, Quadrant.FILL_IN),
        (Level.LOW, Level.MEDIUM, Quadrant.LATER),
        (Level.LOW, Level.HIGH, Quadrant.LATER),
    ],
)
def test_impact_against_complexity_gives_the_quadrant(impact: Level, complexity: Level, quadrant: Quadrant) -> None:
    """Every pair has one."""
    assert quadrant_of(impact, complexity) is quadrant


def test_what_is_refuted_comes_first_and_says_what_mending_it_buys() -> None:
    """Recovery time, budget and writes, as far as the run was over its claims."""
    found = reviewed(answers(), refuted(), figures=(MISSED,))
    first = found.gaps[0]
    assert first.practice.choice.id == CHOICE
    assert first.phase == "now"
    said = "; ".join(first.buys)
    assert "15 s of recovery time (RTA 25 s, RTO 10 s)" in said
    assert "17 acknowledged writes (RPA 3 s, RPO 1 s)" in said
    assert "3 % of a window's error budget" in said
    assert f"mend what {MISSED.run} found" in first.to_do


def test_what_never_came_back_buys_a_recovery_beside_the_writes_it_lost() -> None:
    """Neither hides the other."""
    never = MISSED.model_copy(update={"rta_s": None, "recovered": False})
    said = "; ".join(reviewed(answers(), refuted(), figures=(never,)).gaps[0].buys)
    assert "a recovery at all" in said
    assert "17 acknowledged writes" in said


def test_a_run_within_its_claims_buys_nothing_more() -> None:
    """What was kept is no gain to be had."""
    assert gap(reviewed(answers(), figures=(measured(),))).buys == ()


def test_what_nobody_said_is_assumed_and_said_to_be() -> None:
    """Impact from the practice's risk, complexity low where a drill is all it takes, the due date from the phase."""
    one = gap(reviewed(answers()))
    assert one.assumed == ("impact", "complexity", "due")
    assert (one.impact, one.complexity, one.quadrant) == (Level.HIGH, Level.LOW, Quadrant.QUICK_WIN)
    assert one.to_do == "drill az-failure or zone-blackhole"
    assert one.due == date(2026, 12, 24)


def test_the_teams_own_words_count() -> None:
    """Impact, complexity, due date and owner; a date in the past is overdue."""
    effort = Effort(Level.LOW, Level.HIGH, date(2026, 11, 1), "platform")
    one = gap(reviewed(answers(effort)))
    assert (one.assumed, one.quadrant, one.owner, one.overdue) == ((), Quadrant.LATER, "platform", True)
    assert one.phase == "now"


def test_what_is_excluded_is_no_gap_to_close() -> None:
    """The team said that it does not look at it now."""
    found = reviewed(answers(rel_multi_region="not before 2028"))
    assert "rel_multi_region" not in {one.practice.choice.id for one in found.gaps}


def test_the_exports_hold_every_gap() -> None:
    """Markdown by phase, CSV a row each, GitHub an issue each with title, body and labels."""
    found = reviewed(answers(), refuted(), figures=(MISSED,))
    rows = list(csv.DictReader(io.StringIO(roadmap_csv(found.gaps))))
    issues = json.loads(roadmap_github(found.gaps))
    assert len(rows) == len(issues) == len(found.gaps) > 50
    assert rows[0]["practice"] == CHOICE
    assert set(issues[0]) == {"title", "body", "labels"}
    assert "17 acknowledged writes" in issues[0]["body"]
    assert roadmap_markdown(found).count("\n| ") == len(found.gaps) + 2 * len({one.phase for one in found.gaps})


def test_what_came_from_outside_is_harmless_in_every_export() -> None:
    """No formula in a spreadsheet, no markup in Markdown, no control character anywhere."""
    owner = '=HYPERLINK("x")|<script>\x1b[31m[a](javascript:b)'
    found = reviewed(answers(owner=owner))
    cell = next(row["owner"] for row in csv.DictReader(io.StringIO(roadmap_csv(found.gaps))) if row["owner"])
    assert cell.startswith("'=")
    markdown = roadmap_markdown(found)
    assert "<script>" not in markdown
    assert markdown.count("](javascript") == markdown.count("\\](javascript")  # escaped: no link
    assert "\x1b" not in markdown + cell + roadmap_github(found.gaps)
