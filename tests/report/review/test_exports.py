"""A review for other tools: CSV, Markdown, issues, JSON."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness.report import (
    review_json,
    roadmap_csv,
    roadmap_github,
    roadmap_json,
    roadmap_markdown,
    trend_json,
)
from harness.review import Gap, Review, State
from tests.report.review.reviews import bare, hostile, whole

PAGE = (Path(__file__).parents[3] / "docs/review.md").read_text(encoding="utf-8")


def named(title: str, owner: str = "team") -> Gap:
    """A gap whose practice and owner are called so."""
    gap = whole().gaps[0]
    return replace(
        gap, owner=owner, practice=replace(gap.practice, choice=replace(gap.practice.choice, title=title, id=title))
    )


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t=", "\r=", " =", "\n="])
def test_no_cell_of_the_csv_is_a_formula(begin: str) -> None:
    """Whatever a name begins with, a spreadsheet reads text."""
    [_, row] = list(csv.reader(io.StringIO(roadmap_csv([named(f"{begin}HYPERLINK(1)", f"{begin}1+1")]))))
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", " ")) for cell in row)
    assert sum("HYPERLINK(1)" in cell for cell in row) == 2


def test_the_csv_survives_commas_quotes_and_lines() -> None:
    """A row a gap, a column a field, whatever stands in them."""
    gaps = whole(hostile).gaps
    rows = list(csv.reader(io.StringIO(roadmap_csv(gaps)), strict=True))
    assert {len(row) for row in rows} == {16}
    assert len(rows) == 1 + len(gaps)
    assert all("\x1b" not in cell for row in rows for cell in row)


def test_markdown_has_no_markup_from_outside() -> None:
    """Names with pipes, tags, links, emphasis and line ends stay in their cell, as they are."""
    text = roadmap_markdown(replace(whole(), gaps=(named("a|b <img src=x> [c](d) *e* _f_ `g`\n# h &amp; \\|"),)))
    [row] = [line for line in text.splitlines() if "a\\|b" in line]
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) == 8
    assert not re.search(r"(?<!\\)[<`*_\[]", row.replace("**overdue**", ""))
    assert "a\\|b &#60;img src=x&#62; \\[c\\](d)" in row
    assert "\\# h &#38;amp; \\\\\\|" in row
    assert "<" not in roadmap_markdown(whole(hostile))


def test_issues_are_what_githubs_api_takes() -> None:
    """Title, body and labels; labels are short and one text each; nothing in the body is markup from outside."""
    for gaps in (whole().gaps, whole(hostile).gaps, [named(f"long {'x' * 300} @everybody")]):
        issues = json.loads(roadmap_github(gaps))
        assert len(issues) == len(gaps)
        for issue in issues:
            assert set(issue) == {"title", "body", "labels"}
            assert isinstance(issue["title"], str)
            assert "\n" not in issue["title"]
            assert 0 < len(issue["title"]) <= 256
            assert all(isinstance(label, str) and 0 < len(label) <= 50 for label in issue["labels"])
            assert "<" not in issue["body"]
            assert "@e" not in issue["body"]
            assert len(issue["body"]) <= 65_536


@pytest.mark.parametrize("found", [whole(), bare(), whole(hostile)], ids=["whole", "bare", "hostile"])
def test_json_says_the_reviews_numbers(found: Review) -> None:
    """Scores to the last digit, null where there is none; every practice, gap, check and change."""
    said = json.loads(review_json(found))
    assert said["balanced"]["proven"] == found.balance.proven
    for words, pillar in zip(said["pillars"], found.pillars, strict=True):
        assert (words["claimed"], words["proven"], words["provable"]) == (
            pillar.claimed,
            pillar.proven,
            pillar.provable,
        )
        assert [one["state"] for one in words["practices"]] == [one.state for one in pillar.practices]
    assert [one["choice"] for one in said["roadmap"]] == [one.practice.choice.id for one in found.gaps]
    assert (said["trend"] is None) is (found.trend is None)


def test_json_lacks_nothing_that_the_page_shows() -> None:
    """What the claims are made for, who answers for a question, why something does not apply, scores of milestones."""
    found = whole()
    said = json.loads(review_json(found))
    assert said["scope"] == {"load": 1.0, "slos": ["orders"], "zones": []}
    assert (said["stale_after_s"], said["answers"]) == (90 * 86_400, "review.yaml")
    questions = {one["id"]: one for pillar in said["pillars"] for one in pillar["questions"]}
    assert (questions["zones"]["owner"], questions["zones"]["notes"]) == ("team", "noted")
    assert (questions["zones"]["answered"], questions["open"]["answered"]) == (True, False)
    practices = {one["choice"]: one for pillar in said["pillars"] for one in pillar["practices"]}
    assert practices["elsewhere"]["not_applicable"] == "not here"
    assert (practices["scanned"]["excluded"], practices["scanned"]["because"]) == ("not this year", "")
    assert practices["scanned"]["provable_by"]["wholly"] is True
    own = {name: [by[key] for key in ("own_drill", "own_figure", "wholly")] for name in ("said", "scanned")
           if (by := practices[name]["provable_by"])}  # fmt: skip
    assert own == {"said": ["try it", "count it, at most 0", False], "scanned": [None, None, True]}
    [then] = said["milestones"]
    assert then["pillars"][0]["proven"] == found.milestones[0].pillars[0].proven


def test_the_worst_figures_stand_under_the_pillars_that_drills_measure() -> None:
    """The largest of each kind, with its run and its limit; no recovery at all is the worst; none at other pillars."""
    found = whole()
    mild = found.measured[0].model_copy(update={"run": "mild", "rta_s": 1.0, "rpa_s": 0.1, "budget_ratio": 0.01})
    said = json.loads(review_json(replace(found, measured=(mild, *found.measured))))
    worst = {one["measure"]: one for one in said["pillars"][0]["worst"]}
    assert (worst["rta"]["value"], worst["rta"]["limit"], worst["rta"]["run"]) == (25.5, 10.0, "az-failure/autumn")
    assert (worst["burn"]["value"], worst["burn"]["limit"]) == (31.4, None)
    assert [one["worst"] for one in said["pillars"][1:]] == [[], []]
    never = mild.model_copy(update={"run": "never", "rta_s": None, "recovered": False})
    worst = json.loads(review_json(replace(found, measured=(*found.measured, never))))["pillars"][0]["worst"]
    assert (worst[0]["run"], worst[0]["value"]) == ("never", None)


def test_roadmap_and_trend_alone_are_what_the_whole_has() -> None:
    """Under schemas of their own."""
    whole_said = json.loads(review_json(whole()))
    roadmap, trend = json.loads(roadmap_json(whole())), json.loads(trend_json(whole()))
    assert (roadmap["schema"], trend["schema"]) == ("wellproven/review-roadmap/v1", "wellproven/review-trend/v1")
    assert roadmap["roadmap"] == whole_said["roadmap"]
    assert (trend["milestones"], trend["trend"]) == (whole_said["milestones"], whole_said["trend"])


def keys(value: object) -> set[str]:
    """Every key of ours anywhere in it: not those that are names from outside."""
    if isinstance(value, list):
        return {key for one in value for key in keys(one)}
    if not isinstance(value, dict):
        return set()
    own = {key: one for key, one in value.items() if key not in ("effects", "proven") or not isinstance(one, dict)}
    named = [one for key, one in value.items() if key == "proven" and isinstance(one, dict)]
    return set(value) | {key for one in own.values() for key in keys(one)} | {
        key for one in named for inner in one.values() for key in keys(inner)
    }  # fmt: skip


def test_every_field_of_the_json_is_documented() -> None:
    """docs/review.md names each field of wellproven/review/v1."""
    found = json.loads(review_json(whole()))
    assert {"then", "trade_offs", "rta_s", "fell_by", "high_risk_unrefuted"} <= keys(found)
    assert [key for key in sorted(keys(found)) if f"`{key}`" not in PAGE] == []


def test_every_form_of_the_roadmap_names_what_a_state_rests_on() -> None:
    """The run or the file, beside the state; of what nobody claims there is none."""
    gaps = [one for one in whole().gaps if one.practice.state is State.REFUTED]
    [gap] = gaps
    assert gap.practice.shown is not None
    source = gap.practice.shown.source
    [row] = csv.DictReader(io.StringIO(roadmap_csv(gaps)))
    assert (row["evidence"], row["because"]) == (source, "because of spread")
    assert f"| refuted ({source}) |" in roadmap_markdown(replace(whole(), gaps=(gap,)))
    assert f"is **refuted** ({source})." in json.loads(roadmap_github(gaps))[0]["body"]
    unclaimed = replace(gap, practice=replace(gap.practice, state=State.NOT_CLAIMED))
    assert source not in roadmap_markdown(replace(whole(), gaps=(replace(unclaimed, to_do="do it"),)))
