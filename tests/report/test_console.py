import io
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from built_runs import Names, barely_begun, drilled, plan_of
from consoles import fixed, plain, shown, verdict
from rich.console import Console

from harness.judge import Kind, Outcome, judge
from harness.plan import Breaker, Dependency, Metric, Plan, Sweep
from harness.record import Progress, SloProgress
from harness.report import live, show_plan, terminal, words
from harness.report.watch import draw, line

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


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


def watched_plan() -> Plan:
    """The plan of the golden files with a dependency, a breaker, a surge and a sweep."""
    plan = plan_of(Names())
    orders, *others = plan.profile.routes
    surging = plan.profile.model_copy(
        update={"routes": (orders.model_copy(update={"surge_per_s": Fraction(250)}), *others)}
    )
    urls = ("http://10.0.0.1:8080/metrics", "http://10.0.0.2:8080/metrics")
    return plan.model_copy(
        update={
            "profile": surging,
            "dependency": Dependency(
                name="pricing",
                route="POST /orders",
                requests=Metric(urls=("http://10.0.0.9:9901/stats",), metric="rq_total", labels={"to": "pricing"}),
                amplification=Fraction("1.5"),
                answers_within_ns=500_000_000,
            ),
            "breaker": Breaker(
                name="pricing",
                how="metric",
                urls=urls,
                metric="breaker_state",
                opened_within_ns=3_000_000_000,
                fails_fast_within_ns=200_000_000,
                sheds=Fraction("0.8"),
                closed_within_ns=5_000_000_000,
            ),
            "sweep": Sweep(
                variable="delay_ms",
                unit="ms",
                lowest=Fraction(50),
                highest=Fraction(800),
                measured_by={"type": "python", "module": "shop.probes", "func": "median_ms"},
                tolerates={"orders-fast": Fraction(100)},
            ),
        }
    )


def test_plan_of_all_that_is_watched_golden(golden: Any) -> None:
    """A plan's dependency, breaker, surge and sweep are shown with their limits, in 80 columns."""
    console = plain()
    show_plan(watched_plan(), console)
    golden("plan-watched.txt", shown(console))
    assert max(map(len, shown(console).splitlines())) <= 80


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"how": "health", "pointer": "/breakers/pricing"}, "/breakers/pricing of the health body at 10.0.0.1:8080"),
        ({"how": "inferred", "open_below": Fraction(1, 5)}, "inferred: open where less than 20 % of the usual"),
    ],
)
def test_plan_says_where_a_breakers_state_comes_from(changes: dict[str, Any], said: str) -> None:
    """A state read from a health body, or inferred from traffic, is not shown as a metric."""
    plan = watched_plan()
    assert plan.breaker is not None
    console = plain()
    show_plan(plan.model_copy(update={"breaker": plan.breaker.model_copy(update=changes)}), console)
    assert said in shown(console)
    assert "breaker_state" not in shown(console)


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
        dose="200 " + "m" * 300,
        surging=True,
        breaker={f"breaker:{number}": f"state {number}" for number in range(40)},
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


def test_panel_of_a_sweep_golden(golden: Any) -> None:
    """The live panel says the dose that is there, whether the load surges, and how many breakers are in which state."""
    console = plain()
    states = {"10.0.0.1:8080": "open", "10.0.0.2:8080": "open", "10.0.0.3:8080": "?"}
    console.print(draw(progress(dose="200 ms", surging=True, breaker=states), console))
    golden("panel-watched.txt", shown(console))


def test_one_breaker_is_not_counted() -> None:
    """Where there is one breaker, its state alone is shown."""
    assert "; breaker half-open" in line(progress(breaker={"a:1": "half-open"}, message=""))


def test_a_line_says_dose_surge_and_breaker() -> None:
    """Without a terminal, dose, surge and breaker states stand on the line of that moment."""
    said = line(progress(dose="200 ms", surging=True, breaker={"a:1": "open", "b:2": "closed", "c:3": "open"}))
    assert "fault      dose 200 ms; surging; 398/s of 400/s planned" in said
    assert "broken: zone-a: stop_instances; breaker 2 open, 1 closed; waiting" in said


def test_each_dose_has_its_line() -> None:
    """Without a terminal a new dose is said at once, not up to 10 s later."""
    console = plain()
    with live(console) as observe:
        for tenth in range(100):
            observe(progress(elapsed_s=tenth / 10, dose=f"{50 * 2 ** (tenth // 40)} ms"))
    assert [one.split("dose ")[1].split(";")[0] for one in shown(console).splitlines()] == ["50 ms", "100 ms", "200 ms"]


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
