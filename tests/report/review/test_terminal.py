"""A review on a terminal."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from consoles import plain, shown
from rich.cells import cell_len

from harness.report import show_review, show_roadmap, show_trend
from harness.report.review import phrases
from harness.review import Provable, Review, State
from tests.report.review.reviews import bare, hostile, whole


def printed(found: Review, width: int = 80) -> str:
    console = plain(width)
    show_review(found, console)
    return shown(console)


def roadmap(found: Review, width: int = 80) -> str:
    console = plain(width)
    show_roadmap(found, console)
    return shown(console)


def trend(found: Review, width: int = 80) -> str:
    console = plain(width)
    show_trend(found.milestones, found, console)
    return shown(console)


def test_golden(golden: Any) -> None:
    """What is printed of a fixed review is a fixed text."""
    found = whole()
    golden("review.txt", f"{printed(found)}\n\n{roadmap(found)}\n\n{trend(found)}")


@pytest.mark.parametrize("width", [80, 60, 200])
@pytest.mark.parametrize("naming", [str, hostile])
def test_no_line_is_longer_than_the_terminal(width: int, naming: Any) -> None:
    """Nor than 100 columns; nothing from outside is obeyed, and no line ends in spaces."""
    found = whole(naming)
    for text in (printed(found, width), roadmap(found, width), trend(found, width)):
        lines = text.splitlines()
        assert max(len(line) for line in lines) <= min(width, 100)
        assert [line for line in lines if line != line.rstrip()] == []
        assert "\x1b" not in text


def test_the_scorecard_is_the_reviews() -> None:
    """A row a pillar: claimed, proven, provable, questions at risk, and those that nobody answered."""
    found = whole()
    rows = [line.rsplit(maxsplit=6) for line in printed(found).splitlines()]
    for pillar in found.pillars:
        [row] = [row for row in rows if row and row[0] == pillar.name]
        assert row[1:4] == [phrases.score(one) for one in (pillar.claimed, pillar.proven, pillar.provable)]
        three = (pillar.risks_claimed, pillar.risks_unrefuted, pillar.risks_proven)
        assert row[4] == "/".join(str(one.high) for one in three)
        assert row[5] == "/".join(str(one.medium) for one in three)
        assert row[6] == str(pillar.unanswered)


def test_what_drills_measured_stands_below_the_score_that_it_is_about() -> None:
    """The worst of each figure, right below the pillar's row."""
    lines = [line.strip() for line in printed(whole(), 200).splitlines()]
    at = next(index for index, line in enumerate(lines) if line.startswith("Reliability "))
    assert lines[at + 1].startswith("worst measured: RTA 25.5 s of RTO 10 s, RPA 3.25 s of RPO 1 s, 1,017 writes lost")
    assert sum(line.startswith("worst measured") for line in lines) == 1


def test_the_worst_comes_first() -> None:
    """The first line says how many claims are refuted, and with none how many are not proven."""
    assert printed(whole()).startswith("REFUTED: 1 of 5 claims")
    assert printed(bare()).startswith("NOT PROVEN: 4 of 5 claims")


def test_what_no_evidence_could_show_more_of_is_not_called_unproven() -> None:
    """It is said to be shown in part; with a further reason, such as too small a load, it is not proven as before."""
    found = whole()
    part = Provable(imports=("asff",), partly=("asff",))
    kept = [one for one in found.practices if one.choice.id in ("many", "part")]
    most = tuple(replace(one, choice=replace(one.choice, provable=part)) for one in kept)
    pillar = replace(found.pillars[0], practices=most)
    assert phrases.headline(replace(found, pillars=(pillar,)))[1].startswith(
        "PROVEN: 1 of 2 claims; 1 in part, as far as anything named could;"
    )
    assert [one.lacks_proof for one in most] == [False, False]
    alone = replace(found, pillars=(replace(pillar, practices=most[1:]),))
    assert phrases.headline(alone)[0] is State.PARTIAL
    assert most[1].shown is not None
    twice = replace(most[1], shown=replace(most[1].shown, short_of=("less load", "unseen")))
    assert twice.lacks_proof
    assert phrases.headline(replace(found, pillars=(replace(pillar, practices=(twice,)),)))[0] is State.UNPROVEN


def test_every_gap_is_in_the_roadmap() -> None:
    """By phase, with what to do, by when and by whom; what is assumed is marked."""
    found = whole()
    text = " ".join(roadmap(found).split())
    for gap in found.gaps:
        assert f"{gap.practice.state} {gap.practice.choice.id}: {gap.to_do}" in text
        assert f"due {gap.due}" in text
    assert "overdue" in text
    assert "(?) nobody said so in review.yaml: assumed" in text


def test_the_trend_of_many_milestones_shows_the_newest() -> None:
    """As many as fit, the newest of them, and how many older ones there are."""
    found = whole()
    [one] = found.milestones
    many = tuple(
        one.model_copy(update={"name": f"m{number}", "at": one.at + timedelta(days=number)}) for number in range(9)
    )
    text = trend(replace(found, milestones=many))
    assert text.splitlines()[0].split()[2:] == ["m5", "m6", "m7", "m8"]
    assert "5 older milestones not shown" in text
    assert text.splitlines()[2].split() == ["Reliability", *["20"] * 5]


def test_without_milestones_the_trend_says_how_to_keep_one() -> None:
    """Nothing to compare with is no empty table."""
    assert "no milestone yet: wellproven review milestone NAME" in trend(bare())


def test_without_a_gap_the_roadmap_says_so() -> None:
    """An empty roadmap is a sentence, and words are not taken for proof."""
    said = "no gap that anything named could close: 1 only words, 1 no practice, and not claimed, 1 excluded"
    assert " ".join(roadmap(replace(bare(), gaps=())).split()) == said


def test_an_items_further_lines_begin_deeper_than_its_first() -> None:
    """So that on a narrow terminal, too, each item is seen to begin."""
    lines = printed(whole(), 60).splitlines()
    at = next(index for index, line in enumerate(lines) if "missed az-failure/autumn" in line)
    assert lines[at].startswith("  ✗ missed")
    assert lines[at + 1].startswith("    ")
    check = next(index for index, line in enumerate(lines) if "missed RPA in az-failure" in line)
    assert lines[check].startswith("    ✗ missed")
    assert lines[check + 1].startswith("      ")


def test_a_pillars_name_of_wide_characters_keeps_its_line() -> None:
    """Each takes two columns of a terminal: counted as one, it pushed the last figure into the next line."""
    found = bare()
    named = replace(found.pillars[0], name="신뢰성을 위한 플랫폼 표준과 그 밖의 것")
    [line] = [one for one in printed(replace(found, pillars=(named,))).splitlines() if "신뢰성" in one]
    assert cell_len(line) == 78
    assert line.split()[-1] == str(named.unanswered)


def test_a_way_out_that_is_pages_long_is_shortened_where_only_the_first_steps_are_listed() -> None:
    """Published lenses have such; the roadmap has all of it."""
    found = whole()
    long = "write everything down and then do it " * 40
    found = replace(found, gaps=(replace(found.gaps[0], to_do=long), *found.gaps[1:]))
    steps = " ".join(printed(found).partition("Next steps")[2].split())
    assert "write everything down" in steps
    assert "..." in steps
    assert steps.count("write everything down") < 5
    assert " ".join(roadmap(found).split()).count("write everything down") == 40
