"""Answers with scope, effort, decisions and improvements: read whole, and every mistake at once."""

from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from harness.errors import FileError
from harness.review import Level, Measure, read_answers
from harness.review.answers import Backing, Expectation
from tests.review.lenses import lens, question

GOOD = """
lens: wellproven
scope: {load: 80%, slos: [orders-accepted], zones: [a, b]}
stale-after: 30d
questions:
  rel_redundancy:
    claimed: [rel_multi_zone]
    excluded: {rel_load_distribution: next year}
    owner: shop
    impact: high
    complexity: medium
    due: 2027-03-31
    practices:
      rel_multi_zone: {complexity: low, owner: platform}
decisions:
  - id: async
    title: Replicate asynchronously
    decided: 2026-03-01
    effects: {performance: better, reliability: worse}
    expects:
      - {pillar: reliability, experiment: az-failure, measure: rpa, at-most: 1s}
      - {experiment: az-failure, measure: lost, at-most: 100}
      - {experiment: az-failure, measure: budget, at-most: 5%}
      - {pillar: performance, practice: perf_measure/perf_load_testing}
improvements:
  - {claim: DR time down 60 %, experiment: az-failure, measure: rta, since: 2026-03-01, less-by: 60%}
"""

LIMIT = "experiment: az-failure, measure: lost, at-most: 100"


def write(folder: Path, text: str) -> Path:
    path = folder / "review.yaml"
    path.write_text(text)
    return path


def test_everything_a_team_says_is_read(tmp_path: Path) -> None:
    """Units as written: shares, lengths of time, days, counts."""
    found = read_answers(write(tmp_path, GOOD))
    assert (found.scope.load, found.scope.slos) == (Fraction(4, 5), ("orders-accepted",))
    assert found.scope.zones == ("a", "b")
    assert found.stale_after == timedelta(days=30)
    answer = found.questions["rel_redundancy"]
    assert answer.excluded == {"rel_load_distribution": "next year"}
    effort = answer.effort_of("rel_multi_zone")
    assert (effort.impact, effort.complexity, effort.owner) == (Level.HIGH, Level.LOW, "platform")
    assert effort.due == date(2027, 3, 31)
    assert answer.effort_of("rel_load_distribution").owner == "shop"
    [decision] = found.decisions
    assert [one.pillar for one in decision.expects] == ["reliability", "", "", "performance"]
    *limits, backing = decision.expects
    assert backing == Backing("perf_measure", "perf_load_testing", "performance")
    assert [(one.measure, one.at_most) for one in limits if isinstance(one, Expectation)] == [
        (Measure.RPA, Fraction(1)),
        (Measure.LOST, Fraction(100)),
        (Measure.BUDGET, Fraction(1, 20)),
    ]
    [claim] = found.improvements
    assert (claim.less_by, claim.since) == (Fraction(3, 5), date(2026, 3, 1))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("load: 80%", "load: most", "a share such as 60% or 0.6"),
        ("load: 80%", "load: 1e999999999", "its exponent at most 300"),
        ("impact: high", "impact: huge", "impact"),
        ("due: 2027-03-31", "due: spring", "a day such as 2027-03-31"),
        ("stale-after: 30d", "stale-after: a month", "stale-after"),
        ("rel_load_distribution: next year", "rel_load_distribution: ' '", "the reason"),
        ("rel_load_distribution: next year", "rel_load_balance: next year", "a practice"),
        ("measure: rpa, at-most: 1s", "measure: rpa, at-most: 5%", "a length of time such as 10s"),
        ("measure: lost, at-most: 100", "measure: lost, at-most: few", "a number of writes"),
        (
            "experiment: az-failure, measure: lost, at-most: 100",
            "practice: rel_redundancy/rel_multi_zne",
            "did you mean rel_redundancy/rel_multi_zone?",
        ),
        (
            "experiment: az-failure, measure: lost, at-most: 100",
            "practice: rel_redundancy/rel_multi_zone, measure: lost",
            "a limit or a practice",
        ),
        (
            "experiment: az-failure, measure: lost, at-most: 100",
            "experiment: az-failure",
            "add `measure:`, or name a `practice:`",
        ),
        (LIMIT, "experiment: az-failure, measure: latency, at-most: 5", "a length of time such as 10s"),
        ("performance: better", "performence: better", "did you mean performance?"),
        ("performance: better", "performance: great", "performance"),
        ("less-by: 60%", "less-by: 0", "a share above 0 %"),
        ("rel_multi_zone: {complexity: low, owner: platform}", "rel_x: {}", "practices.rel_x"),
        ("lens: wellproven", "lens: ../other.json", "in this folder"),
        ("lens: wellproven", "lens: other.json", "a lens file that is there"),
    ],
)
def test_a_mistake_is_said_with_its_place_and_the_way_out(tmp_path: Path, old: str, new: str, said: str) -> None:
    """Whatever the field."""
    assert old in GOOD
    with pytest.raises(FileError, match=r"review\.yaml:\d+") as caught:
        read_answers(write(tmp_path, GOOD.replace(old, new)))
    assert said in str(caught.value)


def test_several_mistakes_are_said_at_once(tmp_path: Path) -> None:
    """In one go, in the order of their lines."""
    text = GOOD.replace("impact: high", "impact: huge").replace("2027-03-31", "spring").replace("load: 80%", "load: x")
    with pytest.raises(FileError) as caught:
        read_answers(write(tmp_path, text))
    lines = [mistake.line for mistake in caught.value.mistakes]
    assert len(lines) == 3
    assert lines == sorted(lines)


def test_answers_to_a_lens_of_ones_own(tmp_path: Path) -> None:
    """A custom lens beside the answers; experiments name it by its file's stem."""
    lens(tmp_path, question(["a", "b"], ("a && b", "NO_RISK"), ("default", "HIGH_RISK")))
    found = read_answers(write(tmp_path, "lens: lens.json\nquestions: {q1: {claimed: [a]}}\n"))
    assert found.lens_name == "lens"
    assert found.questions["q1"].claimed == {"a"}
    with pytest.raises(FileError, match="a question of the lens"):
        read_answers(write(tmp_path, "lens: lens.json\nquestions: {rel_redundancy: {}}\n"))


def test_none_of_these_is_claimed_alone(tmp_path: Path) -> None:
    """Beside a practice it contradicts itself, and could lower a risk by a rule that means something else."""
    lens(tmp_path, question(["a", "b", "q1_no"], ("a && b", "NO_RISK"), ("default", "HIGH_RISK")))
    with pytest.raises(FileError) as caught:
        read_answers(write(tmp_path, "lens: lens.json\nquestions:\n  q1:\n    claimed: [a, q1_no]\n"))
    (mistake,) = caught.value.mistakes
    assert (mistake.line, mistake.expected) == (4, "q1_no alone: it says none of these")
    assert read_answers(write(tmp_path, "lens: lens.json\nquestions: {q1: {claimed: [q1_no]}}\n"))


def test_a_decision_has_an_id_of_its_own(tmp_path: Path) -> None:
    """Two records of one id could not be told apart."""
    block = "  - {id: async, title: Again, decided: 2026-04-01, effects: {security: none}}\nimprovements:"
    with pytest.raises(FileError, match="each id once"):
        read_answers(write(tmp_path, GOOD.replace("improvements:", block)))


def test_evidence_is_of_a_pillar_that_the_decision_has_an_effect_on(tmp_path: Path) -> None:
    """Any other would be shown nowhere."""
    with pytest.raises(FileError) as caught:
        read_answers(write(tmp_path, GOOD.replace("pillar: reliability", "pillar: security")))
    assert str(caught.value) == (
        f"{tmp_path}/review.yaml:21: decisions[0].expects[0].pillar: got 'security', "
        "expected one of the effects: performance, reliability"
    )
