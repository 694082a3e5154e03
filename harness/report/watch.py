"""A run while it goes on: a panel on a terminal, plain lines elsewhere."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from harness.record import Progress, SloProgress
from harness.report import words
from harness.report.watched import CLOSED
from harness.units import format_percent, format_rate

type Observer = Callable[[Progress], None]

COLUMNS_MAX: Final = 80
SLOS_MAX: Final = 5  # two borders, five other lines and these make the twelve lines of the panel; a breaker takes one
LINE_EVERY_S: Final = 10.0
UNREADABLE: Final = "?"  # the run's word for a breaker whose last look gave no state
_LABEL: Final = 9
_UNWRITABLE: Final = (OSError, ValueError)  # a broken pipe; a closed file, a character its encoding does not have


@contextmanager
def live(console: Console) -> Iterator[Observer]:
    """Give a function that shows each `Progress` handed to it, about four times a second.

    On a terminal it redraws a panel of at most 12 lines and 80 columns, and takes it away at the end, however that
    comes. Elsewhere, and on a terminal that cannot move its cursor, it prints a line at each change of phase or dose
    and at most every 10 s. A stream that can no longer be written to is left alone: what is shown must never stop a
    run.
    """
    if not console.is_terminal or console.is_dumb_terminal:
        yield _unbreakable(_Lines(console).observe)
        return
    panel = Live(console=console, auto_refresh=False, transient=True)
    begun = False
    with _unwritable_is_ignored():
        panel.start()
        begun = True
    if not begun:
        yield _observe_nothing
        return
    try:
        yield _unbreakable(lambda progress: panel.update(draw(progress, console), refresh=True))
    finally:
        with _unwritable_is_ignored():
            panel.stop()  # shows the cursor again, whatever was drawn


def _observe_nothing(_: Progress) -> None:
    """Nobody is there to see it."""


def _unbreakable(observe: Observer) -> Observer:
    def observe_if_possible(progress: Progress) -> None:
        with _unwritable_is_ignored():
            observe(progress)

    return observe_if_possible


@contextmanager
def _unwritable_is_ignored() -> Iterator[None]:
    """Go on where the stream cannot be written to.

    Subtle: rich answers a broken pipe with SystemExit; one that somebody else raised must still end the process.
    """
    try:
        yield
    except _UNWRITABLE:
        return
    except SystemExit as error:
        if not isinstance(error.__context__, BrokenPipeError):
            raise


# --- plain lines -----------------------------------------------------------------------------------------------------


class _Lines:
    """Remembers when it last said something."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._moment = ("", "")  # phase and dose
        self._said_s = -math.inf

    def observe(self, progress: Progress) -> None:
        moment = (progress.phase, progress.dose)
        if moment == self._moment and progress.elapsed_s - self._said_s < LINE_EVERY_S:
            return
        self._moment, self._said_s = moment, progress.elapsed_s
        self._console.print(line(progress), markup=False, highlight=False, soft_wrap=True)


def line(progress: Progress) -> str:
    """A moment of a run on one line."""
    parts = list(_conditions(progress))
    if progress.planned_rate_per_s:
        parts.append(f"{_rate(progress)}, {format_percent(progress.error_ratio)} errors")
        burning = max(progress.slos, key=lambda slo: slo.burn, default=None)
        if burning and burning.burn > 0:
            parts.append(f"burn {burning.burn:.3g} ({burning.name})")
    if progress.broken:
        parts.append(f"broken: {', '.join(progress.broken)}")
    if progress.breaker:
        parts.append(f"breaker {_states(progress.breaker)}")
    if progress.message:
        parts.append(progress.message)
    head = f"{progress.elapsed_s:7.1f} s  {words.visible(progress.phase):<9}"
    return f"{head}  {words.visible('; '.join(parts))}".rstrip()


# --- the panel -------------------------------------------------------------------------------------------------------


def draw(progress: Progress, console: Console) -> Panel:
    """The panel of one moment: at most 12 lines."""
    grid = Table.grid(padding=(0, 1, 0, 0), expand=True)
    grid.add_column(width=_LABEL, no_wrap=True, style="dim")
    grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for label, shown in _rows(progress):
        grid.add_row(label, shown)
    style = "red" if progress.broken else "cyan"
    width = min(console.width, COLUMNS_MAX)
    moment = _short(", ".join((progress.phase, *_conditions(progress))), width - 2 * _LABEL)
    title = Text(f" {moment} ", style=f"bold {style}")
    return Panel(
        grid,
        title=title,
        title_align="left",
        subtitle=Text(f" {progress.elapsed_s:.0f} s since the start ", style="dim"),
        subtitle_align="right",
        border_style=style,
        width=width,
    )


def _rows(progress: Progress) -> Iterable[tuple[str, Text | Table]]:
    yield "phase", _bar(progress)
    if progress.planned_rate_per_s:
        errors = Text(f"{format_percent(progress.error_ratio)} errors", style="red" if progress.error_ratio else "")
        yield "load", Text.assemble(_rate(progress), "   ", errors)
    if progress.zones:
        yield "zones", _zones(progress.zones)
    if progress.breaker:
        is_closed = set(progress.breaker.values()) == {CLOSED}
        yield "breaker", Text(words.visible(_states(progress.breaker)), style="" if is_closed else "bold yellow")
    shown, most = progress.slos, SLOS_MAX - bool(progress.breaker)
    if len(shown) > most:
        shown = tuple(sorted(shown, key=lambda slo: -slo.burn)[: most - 1])
    for slo in shown:
        yield "SLO" if slo is shown[0] else "", _slo(slo)
    if len(shown) < len(progress.slos):
        yield "", Text(f"and {len(progress.slos) - len(shown)} more that burn less", style="dim")
    if progress.broken:
        yield "broken", Text(words.visible(", ".join(progress.broken)), style="bold red")
    if progress.message:
        yield "", Text(words.visible(progress.message))


def _conditions(progress: Progress) -> Iterator[str]:
    """What is done to the target just now that has a size."""
    if progress.dose:
        yield f"dose {progress.dose}"
    if progress.surging:
        yield "surging"


def _states(breaker: dict[str, str]) -> str:
    """The state of one breaker, or how many are in which: `2 open, 1 closed`."""
    counts = Counter("not readable" if state == UNREADABLE else state for state in breaker.values())
    if len(breaker) == 1:
        return next(iter(counts))
    return ", ".join(f"{count} {state}" for state, count in counts.most_common())


def _bar(progress: Progress) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    elapsed_s, longest_s = progress.phase_elapsed_s, progress.phase_longest_s
    if not longest_s:
        grid.add_row(Text(f"{elapsed_s:.1f} s"))
        return grid
    bar = ProgressBar(total=longest_s, completed=min(elapsed_s, longest_s), width=30)
    grid.add_row(bar, Text(f"{elapsed_s:.1f} s of at most {longest_s:.0f} s"))
    return grid


def _zones(zones: dict[str, float]) -> Text:
    shown = Text()
    for name, rate_per_s in sorted(zones.items()):
        silent = rate_per_s == 0
        shown.append(f"{words.visible(name)} ", style="dim")
        shown.append("silent   " if silent else f"{format_rate(rate_per_s)}   ", style="bold red" if silent else "")
    return shown


def _slo(slo: SloProgress) -> Text:
    bad = slo.total - slo.good
    shown = Text(f"{_short(slo.name, 24):<24} ")
    shown.append(f"burn {slo.burn:<6.3g} ", style="red" if slo.burn > 1 else "")
    shown.append(f"{bad:,} of {slo.total:,} bad  ")
    shown.append("decided" if slo.decided else "open", style="green" if slo.decided else "dim")
    return shown


def _short(name: str, width: int) -> str:
    name = words.visible(name)
    return name if len(name) <= width else name[: width - 2] + ".."


def _rate(progress: Progress) -> str:
    return f"{format_rate(progress.rate_per_s)} of {format_rate(progress.planned_rate_per_s)} planned"
