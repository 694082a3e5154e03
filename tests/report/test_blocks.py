"""What the terminal shows beside the verdicts, and how it shows what is unknown."""

import json
from pathlib import Path
from typing import Any

import pytest
from built_runs import drilled, killed
from consoles import fixed, plain, shown, verdict
from rich.console import Console

from harness.judge import BreakerAccount, DoseResponse, Interval, Judgement, Outcome, SweepAccount, judge
from harness.judge.verdict import BreakerInstance, Dose
from harness.report import html, json_text, summary, terminal
from harness.report.watched import breaker_story, dose_sentences, watched_tables

HOSTILE = "\x1b]0;title\x07 [red]x[/red] \x9b31m"


def instance(source: str, opened_s: float | None = 22.4, closed_s: float | None = 42.9, **more: Any) -> BreakerInstance:
    """A breaker of an instance that opened and closed once, unless told otherwise."""
    usual: dict[str, Any] = {
        "source": source,
        "changes": ((0.1, "closed"), (22.4, "open"), (42.9, "closed")),
        "opened_s": None if opened_s is None else Interval(lower=opened_s - 0.25, upper=opened_s),
        "closed_s": None if closed_s is None else Interval(lower=closed_s - 0.25, upper=closed_s),
        "half_open_seen": True,
        "openings": 1,
    }
    return BreakerInstance(**usual | more)


def breaker(*instances: BreakerInstance, **more: Any) -> BreakerAccount:
    usual: dict[str, Any] = {
        "name": "pricing",
        "how": "metric",
        "instances": instances or (instance("10.0.0.1:8080"), instance("10.0.0.2:8080", half_open_seen=False)),
        "opened_after_s": Interval(lower=0.11, upper=0.361),
        "closed_after_s": Interval(lower=0.64, upper=0.891),
        "answers_open": 1291,
        "fallbacks_open": 1290,
        "fallback_p99_s": 0.00594,
        "share_reached": 0.012,
        "every_s": 0.25,
    }
    return BreakerAccount(**usual | more)


def response(slo: str, held: float | None, broken: float | None, **outcomes: Outcome) -> DoseResponse:
    """What an SLO did at each dose: `d50=Outcome.MET`."""
    steps = [
        Dose(dose=float(dose[1:]), begin_s=20, good=735 if outcome is Outcome.MET else 3, total=735, outcome=outcome)
        for dose, outcome in outcomes.items()
    ]
    return DoseResponse(slo=slo, held=held, broken=broken, steps=tuple(steps))


MET, MISSED, UNKNOWN = Outcome.MET, Outcome.MISSED, Outcome.UNKNOWN
CURRENT = response("price-current", 225, 250, d50=MET, d100=MET, d200=MET, d225=MET, d250=MISSED, d400=MISSED)
ANSWERED = response("price-answered", 400, None, d50=MET, d100=MET, d200=MET, d225=MET, d250=UNKNOWN, d400=MET)


def sweep(*responses: DoseResponse, **more: Any) -> SweepAccount:
    usual: dict[str, Any] = {"variable": "delay_ms", "unit": "ms", "lowest": 50.0, "highest": 400.0}
    return SweepAccount(**usual | more, responses=responses)


def judged(**changes: Any) -> Judgement:
    return fixed().model_copy(update=changes)


# --- the breaker -----------------------------------------------------------------------------------------------------


def test_breaker_and_sweep_golden(golden: Any) -> None:
    """Breaker and sweep stand between what was met and what was missed, in 80 columns."""
    console = plain()
    terminal(judged(breaker=breaker(), sweep=sweep(CURRENT, ANSWERED)), console)
    text = shown(console)
    golden("watched.txt", text[text.index("✓ met      budget") :])
    assert max(map(len, text.splitlines())) <= 80


def test_a_breakers_story_is_one_line_of_the_terminal() -> None:
    """Every state it went through fits a line of 80 columns, whichever instance was seen half-open."""
    story = breaker_story(breaker())
    assert story == "closed -> open after 361 ms -> half-open -> closed 891 ms after fault end"
    console = plain()
    terminal(judged(breaker=breaker()), console)
    assert f"  {story}" in shown(console).splitlines()


@pytest.mark.parametrize(
    ("account", "story"),
    [
        (breaker(instance("a:1", opened_s=None), instance("b:2"), opened_after_s=None),
         "closed -> not seen to open at a:1"),
        (breaker(instance("a:1", closed_s=None, half_open_seen=False), closed_after_s=None),
         "closed -> open after 361 ms -> not seen to close for good at a:1"),
        (breaker(instance("a:1", half_open_seen=False), instance("b:2", changes=((0.1, "open"),))),
         "closed/open -> open after 361 ms -> half-open -> closed 891 ms after fault end"),
        (breaker().model_copy(update={"instances": ()}), "its state is not known"),
    ],
)  # fmt: skip
def test_a_breakers_story_says_what_was_not_seen(account: BreakerAccount, story: str) -> None:
    """A breaker that did not open, or did not close again, is never told as one that did."""
    assert breaker_story(account) == story


def test_a_breaker_that_flapped_is_named() -> None:
    """The instance that opened more than once stands there with how often."""
    console = plain()
    terminal(judged(breaker=breaker(instance("a:1"), instance("b:2", openings=3))), console)
    assert "  opened 3 times at b:2\n" in shown(console)
    assert "times at a:1" not in shown(console)


def test_what_was_not_measured_of_a_breaker_is_not_shown() -> None:
    """Never open in every instance: no line says what was shed, or how fast answers were."""
    console = plain()
    terminal(judged(breaker=breaker(answers_open=0, share_reached=None)), console)
    assert "shed" not in shown(console)
    assert "while open" not in shown(console)


def test_a_breaker_that_let_more_through_than_usual_shed_nothing() -> None:
    """A retry storm through an open breaker is no negative share."""
    console = plain()
    terminal(judged(breaker=breaker(share_reached=1.4)), console)
    assert "shed 0 %: 140 % of the usual requests still reached the dependency" in shown(console)


# --- the sweep -------------------------------------------------------------------------------------------------------


def test_a_sweep_closes_with_what_broke_first() -> None:
    """The last sentence is that of the SLO that broke at the smallest dose."""
    later = response("orders-fast", 250, 400, d50=MET, d250=MET, d400=MISSED)
    assert dose_sentences(sweep(CURRENT, ANSWERED, later)) == [
        "price-answered holds up to 400 ms, the most tried",
        "orders-fast holds up to 250 ms and breaks at 400 ms",
        "price-current holds up to 225 ms and breaks at 250 ms",
    ]


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (response("a", None, 50, d50=MISSED), "a breaks at 50 ms, the least tried"),
        (response("a", None, 100, d50=UNKNOWN, d100=MISSED), "a breaks at 100 ms, what lies below is not decided"),
        (response("a", 50, None, d50=MET, d100=UNKNOWN), "a holds up to 50 ms, what lies above is not decided"),
        (response("a", None, None, d50=UNKNOWN), "a: no dose decides it"),
    ],
)
def test_a_sweep_says_what_it_does_not_know(found: DoseResponse, sentence: str) -> None:
    """An undecided dose is never told as one that held or broke."""
    assert dose_sentences(sweep(found)) == [sentence]


def test_terminal_and_page_say_the_same_of_every_dose() -> None:
    """Both tables have the same doses in the same order, and the same outcome in each cell."""
    account = sweep(CURRENT, ANSWERED)
    (table,) = watched_tables(judged(sweep=account))
    console = plain()
    terminal(judged(sweep=account), console)
    lines = shown(console).splitlines()
    said = {"kept": "holds", "broken": "breaks", "undecided": "undecided"}
    for dose, *cells in table.rows:
        line = next(line for line in lines if line.startswith(f"  {dose} "))
        assert line.split()[2:] == [said[cell.split(", ")[1]] for cell in cells]


@pytest.mark.parametrize("width", [80, 60, 200])
@pytest.mark.parametrize("slos", [1, 5, 14])
def test_a_sweep_of_many_slos_fits_the_terminal(width: int, slos: int) -> None:
    """However many SLOs with however long names, no line is too long and every outcome is there."""
    responses = [response(f"{'long-' * 9}{place}", 50, 100, d50=MET, d100=MISSED) for place in range(slos)]
    console = plain(width)
    terminal(judged(sweep=sweep(*responses)), console)
    lines = shown(console).splitlines()
    assert max(map(len, lines)) <= min(width, 100)
    assert sum(line.startswith("  100 ms") * line.count("breaks") for line in lines) == slos


def test_a_sweep_without_a_dose_says_so() -> None:
    """Where no dose was measured to be there, nothing is said to hold."""
    console = plain()
    terminal(judged(sweep=sweep(response("a", None, None))), console)
    assert "No dose was measured to be there." in shown(console)
    assert "holds" not in shown(console)


def test_names_of_breaker_and_sweep_cannot_steer_the_terminal() -> None:
    """Escape sequences in what the target or the experiment named are shown as text."""
    console = plain()
    account = breaker(instance(HOSTILE, openings=2, changes=((0.1, HOSTILE),)), name=HOSTILE)
    doses = sweep(response(HOSTILE, 50, None, d50=MET), unit=HOSTILE, variable=HOSTILE)
    terminal(judged(breaker=account, sweep=doses), console)
    assert not set("\x1b\x07\x9b") & set(shown(console))
    assert "[red]x[/red]" in shown(console)


# --- what is unknown -------------------------------------------------------------------------------------------------


def test_a_run_cut_short_groups_what_is_unknown_golden(golden: Any, tmp_path: Path) -> None:
    """What a stopped run leaves unknown has one heading, and each reason once."""
    console = plain()
    terminal(judge(killed(tmp_path)), console)
    golden("cut-short.txt", shown(console))


def test_grouping_loses_nothing(tmp_path: Path) -> None:
    """Every promise and reason stands on the terminal once; JSON and page have a verdict for each, as before."""
    record = killed(tmp_path)
    judgement = judge(record)
    unknown = [one for one in judgement.verdicts if one.outcome is Outcome.UNKNOWN]
    assert len(unknown) > 5
    console = plain()
    terminal(judgement, console)
    text = " ".join(shown(console).split())
    assert f"{len(unknown)} promises unknown: the run did not end: its record breaks off" in text
    for one in unknown:
        assert one.promise == "run complete" or one.promise in text
    assert text.count("the load is void, see load valid") == 1
    assert len(json.loads(json_text(judgement))["verdicts"]) == len(judgement.verdicts)
    page = html(record, judgement)
    assert all(f"<strong>{one.promise}</strong>" in page for one in unknown)


def test_one_reason_of_many_promises_is_said_once() -> None:
    """Three promises that are unknown for one reason share it; the fourth, with its own, has a row of its own."""
    console = plain()
    void = "the load is void, see load valid"
    verdicts = [verdict(promise=f"slo-{number}", outcome=Outcome.UNKNOWN, because=void) for number in range(2)]
    verdicts.append(verdict(promise="shop RTO", outcome=Outcome.UNKNOWN, because=f"orders-accepted: {void}"))
    verdicts.append(
        verdict(promise="steady state", outcome=Outcome.UNKNOWN, because="it was not checked", measured=None)
    )
    terminal(judged(verdicts=tuple(verdicts), outcome=Outcome.UNKNOWN), console)
    text = shown(console)
    assert "? unknown  3 promises unknown for one reason:\n           slo-0, slo-1, shop RTO\n" in text
    assert text.count(void) == 1
    assert "? unknown  steady state" in text


def test_a_missed_promise_is_never_grouped() -> None:
    """Many promises missed for one reason keep a row each: each is a finding."""
    console = plain()
    verdicts = tuple(verdict(promise=f"slo-{number}", outcome=Outcome.MISSED) for number in range(4))
    terminal(judged(verdicts=verdicts, outcome=Outcome.MISSED), console)
    assert shown(console).count("✗ missed  ") == 4


# --- several drills --------------------------------------------------------------------------------------------------


def test_summary_golden(golden: Any, tmp_path: Path) -> None:
    """Several drills are closed by a line each: outcome, promises met, missed and unknown, and the run's folder."""
    console = plain()
    drills = [
        (judge(drilled(tmp_path / "a")), Path("runs/az-failure/2026-07-01T10-00-00Z")),
        (judge(drilled(tmp_path / "b", lost=0)), Path("runs/circuit-breaker-hang/2026-07-01T10-02-00Z")),
        (judge(killed(tmp_path / "c")), Path("runs/latency/2026-07-01T10-03-00Z")),
    ]
    summary(drills, ["traffic-surge", "zone-blackhole"], console)
    golden("summary.txt", shown(console))
    assert max(map(len, shown(console).splitlines())) <= 80


def test_a_folder_is_never_broken_over_two_lines() -> None:
    """However long its path, a run's folder can be copied in one piece."""
    console = plain()
    path = Path("/somewhere/" + "deep/" * 30 + "run")
    summary([(fixed(), path)] * 2, [], console)
    assert shown(console).count(str(path)) == 2


def test_nothing_is_behind_the_last_character_of_a_line(tmp_path: Path) -> None:
    """Lines that are piped into a file carry no spaces at their ends."""
    console = plain()
    terminal(judged(breaker=breaker(), sweep=sweep(CURRENT, ANSWERED)), console)
    terminal(judge(killed(tmp_path)), console)
    assert [line for line in shown(console).splitlines() if line != line.rstrip()] == []


def test_colour_is_for_terminals() -> None:
    """A file gets no escape sequence, a terminal gets colours."""
    judgement = judged(breaker=breaker(), sweep=sweep(CURRENT, ANSWERED))
    console = plain()
    terminal(judgement, console)
    assert "\x1b" not in shown(console)
    coloured = Console(file=console.file, width=80, force_terminal=True, color_system="standard")
    terminal(judgement, coloured)
    assert "\x1b[1;31mbreaks" in shown(console)
