import io
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from built_runs import Names, barely_begun, drilled, plan_of
from rich.console import Console

from harness.judge import Judgement, Kind, Outcome, Verdict, judge
from harness.record import Progress, SloProgress
from harness.report import live, show_plan, terminal, words
from harness.report.watch import draw

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


def fixed() -> Judgement:
    return Judgement.model_validate_json((Path(__file__).parent / "judgement.json").read_text(encoding="utf-8"))


def plain(width: int = 80) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=False, color_system=None, highlight=False)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())


def verdict(**changes: Any) -> Verdict:
    usual: dict[str, Any] = {
        "promise": "shop RTO", "kind": Kind.RTO, "outcome": Outcome.MET, "claimed": 3.0, "measured": 2.0, "unit": "s",
        "because": "it was",
    }  # fmt: skip
    return Verdict(**usual | changes)


# --- verdicts --------------------------------------------------------------------------------------------------------


def test_verdicts_golden(golden: Any) -> None:
    """The verdicts of a fixed judgement are a fixed text."""
    console = plain()
    terminal(fixed(), console)
    golden("verdicts.txt", shown(console))


def test_the_worst_stands_next_to_the_outcome() -> None:
    """On a terminal the missed promises come last, where they are when the rest has scrolled away."""
    console = plain()
    terminal(fixed(), console)
    lines = shown(console).splitlines()
    assert lines[-1].endswith(words.outcome_sentence(fixed()))
    assert lines.index(next(line for line in lines if "missed" in line)) > max(
        place for place, line in enumerate(lines) if line.startswith("✓")
    )


@pytest.mark.parametrize("width", [80, 60, 200])
def test_no_line_is_longer_than_the_terminal(width: int, tmp_path: Path) -> None:
    """No line is longer than the terminal, nor than 100 columns, whatever the names."""
    long = Names(orders="o" * 90, objective="shop az " * 15, title="t" * 130, evidence="zone silent " * 12)
    record = drilled(tmp_path, long)
    console = plain(width)
    terminal(judge(record), console)
    show_plan(record.plan, console)
    assert max(len(line) for line in shown(console).splitlines()) <= min(width, 100)


def test_a_run_cut_short_is_unknown_on_the_terminal(tmp_path: Path) -> None:
    """A run killed before its first request prints unknown for every promise."""
    console = plain()
    terminal(judge(barely_begun(tmp_path)), console)
    assert "✓" not in shown(console)
    assert "UNKNOWN" in shown(console)


def test_symbols_fit_the_terminals_encoding() -> None:
    """Where the terminal knows no check mark, an ASCII sign stands beside the word."""
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding="ascii", errors="strict"), width=80)
    terminal(fixed().model_copy(update={"verdicts": (verdict(),)}), console)
    console.file.flush()
    assert b"+ met" in raw.getvalue()


def test_outside_text_cannot_steer_the_terminal() -> None:
    """An escape sequence in a promise or an error is shown as text, and markup of ours has no meaning in it."""
    console = plain()
    hostile = "\x1b]0;title\x07 [red]x[/red] \x9b31m a\nb"
    judgement = fixed().model_copy(update={"verdicts": (verdict(promise=hostile, because=hostile, claimed=hostile),)})
    terminal(judgement, console)
    assert not set("\x1b\x07\x9b") & set(shown(console))
    assert "[red]x[/red]" in shown(console)


def test_measured_has_the_digits_that_tell_it_from_the_claim() -> None:
    """A figure just beyond its claim is never rounded to look like it."""
    assert words.measured(verdict(measured=3.0000001)) == "3.0000001 s"
    assert words.measured(verdict(kind=Kind.SLO, unit="ratio", claimed=0.995, measured=0.99499999)) == "99.499999 %"
    assert words.measured(verdict(measured=4.5149)) == "4.515 s"
    assert words.claimed(verdict(kind=Kind.BUDGET, unit="ratio", claimed=0.05)) == "at most 5 %"
    assert words.claimed(verdict(kind=Kind.SLO, unit="ratio", claimed=0.995)) == "at least 99.5 %"
    assert words.measured(verdict(measured=None)) == "-"


@pytest.mark.parametrize(
    ("outcomes", "sentence"),
    [
        ("met met", "MET: all 2 promises met"),
        ("met missed unknown", "MISSED: 1 of 3 promises missed, 1 unknown"),
        ("met unknown", "UNKNOWN: 1 of 2 promises unknown, none missed"),
    ],
)
def test_outcome_sentence(outcomes: str, sentence: str) -> None:
    """The outcome is one sentence with its counts."""
    verdicts = tuple(verdict(outcome=Outcome(one)) for one in outcomes.split())
    order = ["missed", "unknown", "met"]
    worst = Outcome(min(outcomes.split(), key=order.index))
    assert words.outcome_sentence(fixed().model_copy(update={"verdicts": verdicts, "outcome": worst})) == sentence


# --- the plan --------------------------------------------------------------------------------------------------------


def test_plan_golden(golden: Any) -> None:
    """What `plan` prints of a fixed plan is a fixed text."""
    console = plain()
    show_plan(plan_of(Names()), console)
    golden("plan.txt", shown(console))


# --- live ------------------------------------------------------------------------------------------------------------


def progress(phase: str = "fault", elapsed_s: float = 27.0, **changes: Any) -> Progress:
    usual = Progress(
        phase=phase,
        elapsed_s=elapsed_s,
        phase_elapsed_s=4.2,
        phase_longest_s=20.0,
        rate_per_s=398.2,
        planned_rate_per_s=400.0,
        error_ratio=0.1234,
        slos=tuple(SloProgress(f"slo-{number}", 90 + number, 100, 10.0 - number, number > 7) for number in range(9)),
        zones={"zone-a": 0.0, "zone-b": 201.0},
        broken=("zone-a: stop_instances",),
        message="waiting",
    )
    return replace(usual, **changes)


@pytest.mark.parametrize("width", [80, 40, 200])
def test_panel_is_small(width: int) -> None:
    """The live panel has at most 12 lines and 80 columns, however many SLOs, zones and faults there are."""
    console = plain(width)
    many = progress(
        zones={f"zone-{number}": 1.0 for number in range(40)},
        broken=tuple(f"fault {number}" for number in range(40)),
        message="m" * 300,
    )
    console.print(draw(many, console))
    lines = shown(console).splitlines()
    assert len(lines) <= 12
    assert max(map(len, lines)) <= min(width, 80)


def test_panel_golden(golden: Any) -> None:
    """The live panel says phase, rate, errors, zones, burn and what is broken."""
    console = plain()
    console.print(draw(progress(), console))
    golden("panel.txt", shown(console))


def test_panel_before_the_load() -> None:
    """Before there is load the panel shows the step and its message, and no rate of nothing."""
    console = plain()
    console.print(draw(Progress("target", 0.5, 0.5, 10.0, message="bringing it up"), console))
    assert "bringing it up" in shown(console)
    assert "/s" not in shown(console)


def test_lines_where_there_is_no_terminal() -> None:
    """Without a terminal a line is printed at each change of phase, and every 10 s at most."""
    console = plain()
    with live(console) as observe:
        for tenth in range(300):
            observe(progress("baseline" if tenth < 125 else "fault", tenth / 10))
    lines = shown(console).splitlines()
    assert [line.split()[0] for line in lines] == ["0.0", "10.0", "12.5", "22.5"]
    assert "398/s of 400/s planned, 12.34 % errors; burn 10 (slo-0); broken: zone-a: stop_instances" in lines[-1]


def test_lines_on_a_dumb_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that cannot move its cursor gets plain lines."""
    monkeypatch.setenv("TERM", "dumb")
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with live(console) as observe:
        observe(progress())
    assert "\x1b[?" not in shown(console)
    assert shown(console).startswith("   27.0 s  fault")


@pytest.fixture
def screen() -> Iterator[tuple[Console, int]]:
    """A real terminal device: the console that writes to it, and the end that reads."""
    master, slave = pty.openpty()
    with os.fdopen(slave, "w", encoding="utf-8") as file:
        yield Console(file=file, width=80, height=24, force_terminal=True, _environ={"TERM": "xterm"}), master
    os.close(master)


def read_screen(master: int, until: str) -> str:
    os.set_blocking(master, False)
    deadline, found = time.monotonic() + 5, b""
    while until.encode() not in found and time.monotonic() < deadline:
        try:
            found += os.read(master, 65536)
        except BlockingIOError:
            time.sleep(0.01)
    return found.decode()


def test_the_cursor_comes_back(screen: tuple[Console, int]) -> None:
    """When what is watched fails, the panel goes and the cursor is shown again."""
    console, master = screen

    def watch_a_run_that_fails() -> None:
        with live(console) as observe:
            observe(progress())
            raise RuntimeError("the run failed")

    with pytest.raises(RuntimeError, match="the run failed"):
        watch_a_run_that_fails()
    written = read_screen(master, SHOW)
    assert HIDE in written
    assert written.rindex(SHOW) > written.rindex(HIDE)
    assert "slo-0" in written


WATCH = """
import sys
from rich.console import Console
from harness.record import Progress
from harness.report import live

console = Console(force_terminal=sys.argv[1] == "terminal", width=80, _environ={"TERM": "xterm"})
sys.stdin.read()  # until nobody reads what we write
with live(console) as observe:
    for phase in ("baseline", "fault", "recovery"):
        observe(Progress(phase, 1.0, 1.0, 10.0))
sys.stderr.write("the fault was undone")
"""


@pytest.mark.parametrize("kind", ["terminal", "file"])
def test_a_stream_that_is_gone_does_not_stop_the_run(kind: str) -> None:
    """When nobody reads any more, observing goes on in silence: a fault must still be undone."""
    process = subprocess.Popen(
        [sys.executable, "-c", WATCH, kind],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, said = process.communicate("", timeout=30)
    assert said == "the fault was undone"
    assert process.returncode == 0
