"""Verdicts on a terminal: at most 80 columns where the terminal is not known to be wider."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.judge import Judgement, Outcome, Verdict
from harness.report import words
from harness.report.blocks import STYLES, blocks_of
from harness.report.lines import COLUMNS_MAX, put

SAME_REASON_MAX: Final = 2  # as many unknown promises of one reason have each a row of their own
_INDENT: Final = 11  # the width of "x missed" and the gaps around it: what stands under a verdict begins here


def terminal(judgement: Judgement, console: Console) -> None:
    """Print every verdict with its because, then the outcome.

    The worst come last: what stands lowest is next to the outcome and the prompt when the rest has scrolled away. (The
    page, which is read from the top, has them first.) Breaker and sweep stand before them, after what was met. Many
    promises that are unknown for one reason share it.
    """
    width = min(console.width, COLUMNS_MAX)
    put(console, _row("outcome", "promise", "claimed", "measured", width, dim="dim"), width)
    by_outcome = {key: list(group) for key, group in groupby(words.worst_last(judgement), lambda one: one.outcome)}
    for outcome in (Outcome.MET, Outcome.UNKNOWN, Outcome.MISSED):
        mark = Text(f"{words.symbol(outcome, console.encoding)} {outcome}", style=STYLES[outcome])
        verdicts = by_outcome.get(outcome, [])
        if verdicts:
            console.print()
        for shown in _unknown(verdicts, mark, width) if outcome is Outcome.UNKNOWN else _rows(verdicts, mark, width):
            put(console, shown, width)
        for block in blocks_of(judgement, width) if outcome is Outcome.MET else ():
            put(console, block, width)
    console.print()
    sentence = f"{words.symbol(judgement.outcome, console.encoding)} {words.outcome_sentence(judgement)}"
    put(console, Text(sentence, style=STYLES[judgement.outcome]), width)


def _rows(verdicts: Iterable[Verdict], mark: Text, width: int) -> Iterator[RenderableType]:
    for verdict in verdicts:
        yield _row(mark, verdict.promise, words.claimed(verdict), words.measured(verdict), width)
        yield _because(verdict.because)


def _because(because: str) -> Padding:
    return Padding(Text(f"because {words.visible(because)}", style="dim"), (0, 0, 0, _INDENT), expand=False)


def _row(outcome: Text | str, promise: str, claimed: str, measured: str, width: int, *, dim: str = "") -> Table:
    """One line of the table of verdicts; every row is a table of its own, so that its because can follow it."""
    left = width - _INDENT
    table = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(width=_INDENT - 1, style=dim)
    table.add_column(width=left * 46 // 100, style=dim or "bold", overflow="fold")
    table.add_column(width=left * 26 // 100, style=dim, overflow="fold")
    table.add_column(style=dim, overflow="fold")
    table.add_row(outcome, *(Text(words.visible(cell)) for cell in (promise, claimed, measured)))
    return table


# --- what is unknown -------------------------------------------------------------------------------------------------


def _unknown(verdicts: list[Verdict], mark: Text, width: int) -> Iterator[RenderableType]:
    """Unknown verdicts: by their reasons where the run was cut short, or where a reason is that of many."""
    cut_short = words.cut_short(verdicts)
    if cut_short is not None and len(verdicts) > SAME_REASON_MAX:
        yield _marked(mark, f"{len(verdicts)} promises unknown: {cut_short.because}", width)
        for reason, alike in _by_reason([one for one in verdicts if one is not cut_short]):
            yield _named(alike)
            yield _because(reason)
        return
    for reason, alike in _by_reason(verdicts):
        if len(alike) <= SAME_REASON_MAX:
            yield from _rows(alike, mark, width)
            continue
        yield _marked(mark, f"{len(alike)} promises unknown for one reason:", width)
        yield _named(alike)
        yield _because(reason)


def _by_reason(verdicts: Sequence[Verdict]) -> Iterable[tuple[str, list[Verdict]]]:
    """Verdicts that say the same, or whose sentence ends with what another one says; in the judge's order."""
    found: dict[str, list[Verdict]] = defaultdict(list)
    reasons = {one.because for one in verdicts}
    for verdict in verdicts:
        ends = (one for one in reasons if verdict.because.endswith((f": {one}", f"; but {one}")))
        found[min(ends, key=len, default=verdict.because)].append(verdict)
    return found.items()


def _marked(mark: Text, text: str, width: int) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(width=_INDENT - 1)
    table.add_column(width=width - _INDENT, style="bold", overflow="fold")
    table.add_row(mark, Text(words.visible(text)))
    return table


def _named(verdicts: Iterable[Verdict]) -> Padding:
    names = ", ".join(words.visible(one.promise) for one in verdicts)
    return Padding(Text(names), (0, 0, 0, _INDENT), expand=False)
