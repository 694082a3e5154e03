"""The block of evidence in an answer's notes, and the words of a person around it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.review import Shown
from harness.review.tool import NOTES_MAX, Fresh, Why, with_evidence, words
from harness.review.tool.notes import BEGIN, END

DAY = datetime(2026, 11, 24, 10, tzinfo=UTC)
pieces = st.sampled_from([BEGIN, END, "\n", "\r\n", "words", "--- wellproven: evidence", " ", "😀"]) | st.text(
    max_size=20
)
notes = st.lists(pieces, max_size=12).map("".join)


def shown(choice: str = "a", days: int = 0, holds: bool = True, because: str = "all 17 promises met") -> Shown:
    at = DAY + timedelta(days=days)
    return Shown("q", choice, holds, at, f"az-failure/{at:%Y-%m-%d}", because)


evidence = st.lists(
    st.builds(
        shown,
        st.sampled_from(["a", "b", "c"]),
        st.integers(0, 40),
        st.booleans(),
        st.text(max_size=300) | st.just("so"),
    ),
    min_size=1,
    max_size=30,
)


def fresh(old: str, *of: Shown) -> Fresh:
    made = with_evidence(old, of)
    assert isinstance(made, Fresh), made
    return made


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def test_evidence_is_appended_with_its_date_run_and_numbers() -> None:
    """Below what a person wrote, with an empty line between."""
    made = fresh("Ask Ada.", shown())
    assert made.notes.split("\n") == [
        "Ask Ada.",
        "",
        BEGIN,
        "2026-11-24 a: proven: all 17 promises met (az-failure/2026-11-24)",
        END,
    ]


def test_a_refutation_and_what_falls_short_are_said() -> None:
    """Evidence against a claim is evidence."""
    lines = fresh(
        "",
        shown("a", holds=False, because="shop-az RTO: recovered after 12 s"),
        Shown("q", "b", True, DAY, "run", "so", short_of=("drilled at 60% of production's load",)),
        Shown("q", "c", True, DAY, "run", "so", outdated="the target was configured otherwise then"),
    ).notes.split("\n")
    assert lines[1].startswith("2026-11-24 a: refuted: shop-az RTO: recovered after 12 s")
    assert "b: partly proven, drilled at 60% of production's load: so" in lines[2]
    assert "c: was proven, but the target was configured otherwise then: so" in lines[3]


def test_the_block_is_replaced_where_it_stands() -> None:
    """A person may go on below it."""
    before = fresh("Ask Ada.", shown()).notes + "\nOr Bob."
    after = fresh(before, shown(days=1)).notes
    assert after == before.replace("2026-11-24", "2026-11-25")


def test_the_newest_of_each_practice_comes_first_and_the_rest_is_counted() -> None:
    """Three a practice at most; what refutes before what holds."""
    made = fresh("", *(shown("a", day) for day in range(5)), shown("b", 2, holds=False))
    lines = made.notes.split("\n")[1:-1]
    found = [line.split(":")[0] for line in lines]
    assert found[:4] == ["2026-11-26 b", "2026-11-28 a", "2026-11-27 a", "2026-11-26 a"]
    assert found[4:] == ["2 older or lesser ones are left out"]
    assert (made.kept, made.left_out) == (4, 2)


def test_what_refutes_still_comes_first_however_much_was_shown_since() -> None:
    """As the review says: a zone that was not survived is refuted, though another was lost well three times since."""

    def lost(zone: str, day: int, *, holds: bool) -> Shown:
        return replace(shown("a", day, holds), zones=frozenset({zone}))

    since = [lost("b", day, holds=True) for day in (1, 2, 3)]
    made = fresh("", lost("a", 0, holds=False), *since, shown("b", 9))
    lines = [line.split(" (")[0] for line in made.notes.split("\n")[1:-1]]
    assert lines[0].startswith("2026-11-24 a: refuted")
    assert made.left_out == 1
    many = fresh("", *(lost(zone, 0, holds=False) for zone in "acdefg"), *since)
    assert many.notes.count("a: refuted") == 6
    answered = fresh("", shown("a", 0, holds=False), *since)
    assert "refuted" not in answered.notes


def test_where_room_is_short_the_least_important_is_left_out() -> None:
    """The person's words are never cut."""
    old = "x" * (NOTES_MAX - 400)
    made = fresh(old, *(shown(choice, day) for day in range(3) for choice in "abc"))
    assert made.notes.startswith(old + "\n\n" + BEGIN)
    assert "2026-11-26" in made.notes
    assert "2026-11-24" not in made.notes
    assert made.kept + made.left_out == 9
    assert units(made.notes) <= NOTES_MAX


def test_a_long_reason_is_shortened_before_nothing_is_said() -> None:
    """The line that matters most stays, cut."""
    made = fresh("x" * (NOTES_MAX - 260), shown(because="because " * 100))
    assert made.kept == 1
    assert "..." in made.notes


def test_without_room_nothing_is_written() -> None:
    """And that is said."""
    assert with_evidence("x" * (NOTES_MAX - 20), [shown()]) is Why.NO_ROOM


def test_the_order_in_which_evidence_is_found_does_not_matter() -> None:
    """Two runs of one second, and two reasons: the block reads the same, so a second push has nothing to write."""
    two = [shown(because=""), shown(because="so"), shown("b"), shown(holds=False)]
    assert fresh("", *two) == fresh("", *reversed(two))


@pytest.mark.parametrize("old", [BEGIN, END, f"{END}\n{BEGIN}", f"{BEGIN}\na\n{END}\n{BEGIN}\n{END}"])
def test_marker_lines_that_are_no_pair_leave_everything_as_it_is(old: str) -> None:
    """Somebody changed them: what is ours cannot be told from what is theirs."""
    assert with_evidence(old, [shown()]) is Why.UNCLEAR
    assert words(old) == old


@settings(max_examples=300)
@given(notes, evidence, evidence)
def test_what_a_person_wrote_stays_to_the_letter(old: str, first: list[Shown], second: list[Shown]) -> None:
    """A law over any notes: outside of the markers nothing changes, a second push changes nothing, the limit holds."""
    made = with_evidence(old, first)
    if isinstance(made, Why):
        return
    assert words(made.notes) == words(old)
    assert units(made.notes) <= NOTES_MAX
    assert with_evidence(made.notes, reversed(first)) == made
    again = with_evidence(made.notes, second)
    assert isinstance(again, Fresh | Why)
    if isinstance(again, Fresh):
        outside = made.notes.split(BEGIN)[0], made.notes.split(END)[-1]
        assert (again.notes.split(BEGIN)[0], again.notes.split(END)[-1]) == outside


@given(notes.filter(lambda text: BEGIN[:24] not in text and END not in text), evidence)
def test_notes_without_markers_are_only_appended_to(old: str, of: list[Shown]) -> None:
    """All of it is a person's."""
    made = with_evidence(old, of)
    assert made is Why.NO_ROOM or (isinstance(made, Fresh) and made.notes.startswith(old))
