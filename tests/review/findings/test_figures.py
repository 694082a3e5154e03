"""Figures a team measures itself: kept over a window that is covered."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.documents import parse_documents, validate
from harness.errors import FileError
from harness.review import Answer, State, score, with_findings
from harness.review.findings import Findings
from harness.review.findings.source import Source
from tests.review.findings.helpers import NOW, OURS, Part, by_choice, read, write

PAGES = "proves: {question: ops_alerting, choice: ops_alert_tuning}"
ENTRY = f"{{file: pages.csv, kind: figures, {PAGES}, at-most: 5}}"
START = datetime(2026, 7, 1, tzinfo=UTC)
MONTHS = "at,value\n2026-07,1\n2026-08,5\n2026-09,2\n2026-10-01,3\n"


def pages(folder: Path, text: str, entry: str = ENTRY) -> Findings:
    write(folder, "pages.csv", text)
    return read(folder, entry)


def wrong(folder: Path, text: str, entry: str = ENTRY) -> list[str]:
    with pytest.raises(FileError) as caught:
        pages(folder, text, entry)
    return [str(one) for one in caught.value.mistakes]


def test_a_limit_that_every_row_of_a_covered_window_keeps_is_shown(tmp_path: Path) -> None:
    """The limit itself keeps it; the time is the last row's."""
    [shown] = pages(tmp_path, MONTHS).shown
    assert (shown.question, shown.choice, shown.holds) == ("ops_alerting", "ops_alert_tuning", True)
    assert shown.short_of == ()
    assert shown.at == datetime(2026, 10, 1, tzinfo=UTC)
    assert shown.because == "value: 2 to 5, at most 5 asked; 3 rows from 2026-08-01 to 2026-10-01"


def test_one_row_that_breaks_the_limit_refutes_and_is_named(tmp_path: Path) -> None:
    """The first of them, by day and value, also where the rows stand in another order."""
    text = "at,value\n2026-10-01,9\n2026-09-20T04:00:00Z,5.01\n2026-08-01,2\n2026-09-01,3\n"
    [shown] = pages(tmp_path, text).shown
    assert not shown.holds
    assert shown.short_of == ()
    assert shown.at == datetime(2026, 10, 1, tzinfo=UTC)
    assert shown.because == (
        "value: 5.01 on 2026-09-20, at most 5 asked; not kept by 2 of 4 rows from 2026-08-01 to 2026-10-01"
    )


def test_rows_before_the_window_do_not_count(tmp_path: Path) -> None:
    """It is as long as `over`, and ends with the last row; its first instant is in it."""
    text = "at,value\n2026-07-02T23:59:59Z,99\n2026-07-03,1\n2026-08-01,1\n2026-09-01,1\n2026-10-01,1\n"
    assert by_choice(pages(tmp_path, text))["ops_alert_tuning"].holds
    refuted = by_choice(pages(tmp_path, text.replace("07-03,1", "07-03,6")))["ops_alert_tuning"]
    assert not refuted.holds
    assert "6 on 2026-07-03" in refuted.because


@pytest.mark.parametrize(
    ("text", "short_of"),
    [
        ("at,value\n2026-10-01,1\n", ("measured for 0 s, from 2026-10-01 on, 90 d asked",)),
        (
            "at,value\n2026-08-20,1\n2026-09-10,1\n2026-10-01,1\n",
            ("measured for 42 d, from 2026-08-20 on, 90 d asked",),
        ),
        (
            "at,value\n2026-07-10,1\n2026-08-10,1\n2026-10-01,1\n",
            ("no row for 52 d from 2026-08-10 on, 31 d allowed",),
        ),
        (
            "at,value\n2026-08-05,1\n2026-10-01,1\n",
            (
                "measured for 57 d, from 2026-08-05 on, 90 d asked",
                "no row for 57 d from 2026-08-05 on, 31 d allowed",
            ),
        ),
    ],
    ids=["one row", "too short", "a gap", "both"],
)
def test_a_window_that_is_not_covered_is_shown_in_part(tmp_path: Path, text: str, short_of: tuple[str, ...]) -> None:
    """And what is missing is said."""
    [shown] = pages(tmp_path, text).shown
    assert shown.holds
    assert shown.short_of == short_of


def test_a_row_that_breaks_the_limit_refutes_however_little_is_covered(tmp_path: Path) -> None:
    """What is missing could not make it better."""
    [shown] = pages(tmp_path, "at,value\n2026-10-01,6\n").shown
    assert not shown.holds


def test_no_row_shows_nothing(tmp_path: Path) -> None:
    """And that is said."""
    found = pages(tmp_path, "at,value\n")
    assert found.shown == []
    assert found.notes == ["pages.csv: no row in it: it shows nothing"]


def test_a_column_of_another_name_and_several_practices(tmp_path: Path) -> None:
    """Case does not matter, nor do the other columns; a time may stand under day, month and the like."""
    both = "proves: [{question: ops_alerting, choice: ops_alert_tuning}, {question: perf_data, choice: perf_indexing}]"
    entry = f"{{file: pages.csv, kind: figures, {both}, column: Queries, at-least: 2, over: 2d, every: 1d}}"
    shown = by_choice(pages(tmp_path, "day;team;queries\n2026-10-01;a;3\n2026-10-02;b;2\n2026-10-03;;4\n", entry))
    assert set(shown) == {"ops_alert_tuning", "perf_indexing"}
    assert all(one.holds and not one.short_of for one in shown.values())
    assert shown["perf_indexing"].because == ("Queries: 2 to 4, at least 2 asked; 3 rows from 2026-10-01 to 2026-10-03")


@pytest.mark.parametrize(("value", "holds"), [(4, False), (5, True), (7, True), (8, False)])
def test_a_limit_on_both_sides(tmp_path: Path, value: int, holds: bool) -> None:
    """Each of them counts."""
    entry = ENTRY.replace("at-most: 5", "at-most: 7, at-least: 5")
    [shown] = pages(tmp_path, f"at,value\n2026-10-01,{value}\n", entry).shown
    assert shown.holds is holds


def test_a_limit_in_percent_is_held_against_shares(tmp_path: Path) -> None:
    """5 % is 0.05, exactly."""
    entry = ENTRY.replace("at-most: 5", "at-most: 5%")
    for value, holds in (("5%", True), ("0.05", True), ("5.01%", False), ("0.0501", False)):
        [shown] = pages(tmp_path, f"at,value\n2026-10-01,{value}\n", entry).shown
        assert (value, shown.holds) == (value, holds)
    assert shown.because.startswith("value: 0.0501 on 2026-10-01, at most 5% asked")


def test_a_number_that_may_be_percent_or_not_is_not_guessed_at(tmp_path: Path) -> None:
    """12 beside a limit of 95 % would be a hundred times enough; 7 % beside one of 5, next to nothing."""
    [said] = wrong(tmp_path, "at,value\n2026-10-01,12\n", ENTRY.replace("at-most: 5", "at-least: 95%"))
    assert said == "pages.csv:2: value: got 12, expected a share such as 43% or 0.43, as the limit is one"
    [said] = wrong(tmp_path, "at,value\n2026-10-01,7%\n")
    assert said == "pages.csv:2: value: got 7%, expected a number such as 12.5; or write the limit in percent, too"


def test_wrong_rows_are_said_at_once(tmp_path: Path) -> None:
    """What is no number, no time, nothing, twice, or still to come."""
    found = wrong(
        tmp_path,
        "at,value\n2026-09-01,many\n2026-09-02,nan\n2026-09-03,inf\n2026-09-04,\n,1\n2026-11,1\nmay,1\n"
        "2026-08-01,1\n2026-08,2\n",
    )
    assert found == [
        "pages.csv:2: value: got 'many', expected a number such as 12.5",
        "pages.csv:3: value: got 'nan', expected a number such as 12.5",
        "pages.csv:4: value: got 'inf', expected a number such as 12.5",
        "pages.csv:5: value: got nothing, expected a value in each row",
        "pages.csv:6: at: got nothing, expected a value in each row",
        (
            "pages.csv:7: at: got 2026-11-01T00:00:00Z, expected a time in the past; what has not been yet proves "
            "nothing; look at the clock that wrote it"
        ),
        "pages.csv:8: at: got 'may', expected a time such as 2026-10-01T12:00:00Z",
        "pages.csv:10: at: got 2026-08-01T00:00:00Z twice, expected each time once; sum it up, or leave one out",
    ]


def test_times_of_another_zone_are_not_twice_the_same_for_being_ahead(tmp_path: Path) -> None:
    """A time without a zone may be ahead of ours, and counts as now; the same one twice is a mistake there, too."""
    text = f"at,value\n{NOW + timedelta(hours=1):%Y-%m-%d %H:%M},1\n{NOW + timedelta(hours=2):%Y-%m-%d %H:%M},1\n"
    [shown] = pages(tmp_path, text).shown
    assert shown.at == NOW
    [said] = wrong(tmp_path, text + text.splitlines()[1] + "\n")
    assert "twice" in said


def test_a_missing_column_is_a_mistake_that_says_how_to_name_it(tmp_path: Path) -> None:
    """Both at once."""
    found = wrong(tmp_path, "when,pages_open\n2026-09-01,1\n", ENTRY.replace("at-most", "column: pages-open, at-most"))
    assert found == [
        "pages.csv:1: got no column at, expected a column at, time, timestamp, date, day or month; name it so",
        (
            "pages.csv:1: got no column pages-open, expected a column pages-open; did you mean pages_open? say so "
            "under column"
        ),
    ]


@pytest.mark.parametrize(
    ("settings_", "said"),
    [
        ("column: value", "got no limit, expected at-most, at-least, or both"),
        ("at-most: many", "at-most: got 'many', expected a number such as 5, or a share such as 5%"),
        ("at-most: .nan", "at-most: got .nan, expected a finite number"),
        ("at-most: .inf", "at-most: got .inf, expected a finite number"),
        ("at-most: inf%", "at-most: got 'inf%', expected a number such as 5, or a share such as 5%"),
        ("at-most: null", "at-most: got nothing, expected a number such as 5, or a share such as 5%"),
        ("at-most: 1, at-least: 2", "at-least: got 2, expected no more than at-most"),
        ("at-most: 50%, at-least: 1", "at-least: got 1, expected no more than at-most"),
        ("at-most: 1, every: 91d", "every: got '91d', expected less than over"),
        ("at-most: 1, over: 30d", "over: got '30d', expected more than every, which is 31 d; say under every"),
        ("at-most: 1, over: 0d, every: 0d", "every: got '0d', expected less than over"),
        ("at-most: 1, over: soon", "over: got 'soon', expected a duration such as"),
    ],
)
def test_what_an_entry_cannot_say(settings_: str, said: str) -> None:
    """A limit that is none, or that nothing could keep; a window that one row alone would cover."""
    text = f"evidence:\n  - {{file: pages.csv, kind: figures, {PAGES}, {settings_}}}\n"
    with pytest.raises(FileError) as caught:
        validate(Part, *parse_documents(text.encode(), "review.yaml"))
    assert any(said in str(one) for one in caught.value.mistakes), [str(one) for one in caught.value.mistakes]
    assert all(str(one).startswith("review.yaml:2: evidence[0]") for one in caught.value.mistakes)


def test_what_was_only_words_is_testable_once_a_file_is_named(tmp_path: Path) -> None:
    """Before, the lens says which figure could show it, and it is in no provable share."""
    text = f"evidence: [{ENTRY}]"
    [document] = parse_documents(text.encode(), "review.yaml")
    known = with_findings(OURS, validate(Part, document).evidence)
    answers = {"ops_alerting": Answer("ops_alerting", frozenset({"ops_alert_tuning"}))}
    states = {}
    for name, lens, text in (
        ("nothing named", OURS, ""),
        ("no row", known, "at,value\n"),
        ("in part", known, "at,value\n2026-10-01,1\n"),
        ("whole", known, MONTHS),
        ("broken", known, MONTHS.replace("10-01,3", "10-01,6")),
    ):
        found = pages(tmp_path, text).shown if text else []
        pillar = score(lens, answers, found, NOW)[0]
        [one] = [one for one in pillar.practices if one.choice.id == "ops_alert_tuning"]
        states[name] = (one.state, bool(one.choice.provable), one.choice.provable.wholly)
        assert "a figure of your own (pages nobody acted on" in one.choice.provable.in_words
    assert states == {
        "nothing named": (State.NOT_TESTABLE, False, False),
        "no row": (State.UNPROVEN, True, True),
        "in part": (State.PARTIAL, True, True),
        "whole": (State.PROVEN, True, True),
        "broken": (State.REFUTED, True, True),
    }
    before, after = (score(lens, answers, [], NOW)[0].provable or 0 for lens in (OURS, known))
    assert before < after


# --- laws ------------------------------------------------------------------------------------------------------------


def rank(days: dict[int, int], entry: str) -> int:
    """Refuted, nothing, in part, whole: what rows (day -> value) come to."""
    [document] = parse_documents(f"evidence: [{entry}]".encode(), "review.yaml")
    [written] = validate(Part, document).evidence
    rows = "".join(f"{START + timedelta(days=day):%Y-%m-%d},{value}\n" for day, value in days.items())
    source = Source("pages.csv", Path(), f"at,value\n{rows}".encode(), NOW)
    found = list(written.shown(source, OURS))
    if not found:
        return 1
    [shown] = found
    return 0 if not shown.holds else 2 if shown.short_of else 3


DAYS = st.dictionaries(st.integers(0, 90), st.integers(0, 6), max_size=25)
LENGTHS = st.tuples(st.integers(1, 60), st.integers(1, 60)).filter(lambda pair: pair[0] > pair[1])


def entry_of(lengths: tuple[int, int]) -> str:
    return ENTRY.replace("at-most: 5", f"at-most: 5, over: {lengths[0]}d, every: {lengths[1]}d")


@settings(deadline=None)
@given(DAYS.filter(bool), LENGTHS, st.data())
def test_a_value_that_worsens_never_raises_the_state(
    days: dict[int, int], lengths: tuple[int, int], data: st.DataObject
) -> None:
    """Whatever else is in the file."""
    day = data.draw(st.sampled_from(sorted(days)))
    worse = days | {day: days[day] + data.draw(st.integers(1, 6))}
    assert rank(worse, entry_of(lengths)) <= rank(days, entry_of(lengths))


@settings(deadline=None)
@given(DAYS.filter(bool), LENGTHS, st.data())
def test_rows_that_are_taken_away_never_raise_the_state(
    days: dict[int, int], lengths: tuple[int, int], data: st.DataObject
) -> None:
    """Of those that keep the limit, and but for the last row: without it the file is one of an earlier day.

    Who takes away a row that does not keep it hides what was measured: that no reader can see, but for the gap.
    """
    left = [day for day in sorted(days)[:-1] if days[day] <= 5]
    gone = data.draw(st.sets(st.sampled_from(left))) if left else set()
    rest = {day: value for day, value in days.items() if day not in gone}
    assert rank(rest, entry_of(lengths)) <= rank(days, entry_of(lengths))
    assert rank({}, entry_of(lengths)) <= max(1, rank(days, entry_of(lengths)))


@settings(deadline=None)
@given(DAYS.filter(bool), LENGTHS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(days: dict[int, int], lengths: tuple[int, int], random: object) -> None:
    """The window ends with the latest one, wherever it stands."""
    shuffled = list(days.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rank(dict(shuffled), entry_of(lengths)) == rank(dict(sorted(days.items())), entry_of(lengths))
