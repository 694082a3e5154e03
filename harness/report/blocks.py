"""What a terminal shows beside the verdicts: how the breaker behaved, and what each dose of a sweep did."""

import textwrap
from collections.abc import Iterator
from itertools import batched
from typing import Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.judge import BreakerAccount, Judgement, Outcome, SweepAccount
from harness.report import words
from harness.report.watched import NO_DOSE, breaker_story, dose_rows, dose_sentences

STYLES: Final = {Outcome.MET: "green", Outcome.MISSED: "bold red", Outcome.UNKNOWN: "yellow"}
_SAID: Final = {Outcome.MET: "holds", Outcome.MISSED: "breaks", Outcome.UNKNOWN: "undecided"}
_INDENT: Final = 2
_DOSE_WIDTH, _SLO_WIDTH, _SLO_WIDTH_MAX, _GAP = 10, 10, 20, 1  # a column holds `undecided`


def blocks_of(judgement: Judgement, width: int) -> Iterator[RenderableType]:
    """The lines of each of them that the run had, with an empty one before each."""
    if judgement.breaker is not None:
        yield Text()
        yield from _breaker(judgement.breaker)
    if judgement.sweep is not None:
        yield Text()
        yield from _sweep(judgement.sweep, width)


def _breaker(breaker: BreakerAccount) -> Iterator[RenderableType]:
    instances = words.plural(len(breaker.instances), "instance")
    looks = f"{instances}, a look every {words.duration(breaker.every_s)}"
    yield _head(f"Circuit breaker {breaker.name}", looks)
    yield _indented(breaker_story(breaker))
    for one in breaker.instances:
        if one.openings > 1:
            yield _indented(f"opened {one.openings} times at {one.source}", "bold red")
    if breaker.share_reached is not None:
        shed = words.percent(max(0.0, 1 - breaker.share_reached))
        reached = f"{words.percent(breaker.share_reached)} of the usual requests still reached the dependency"
        yield _indented(f"shed {shed}: {reached}")
    if breaker.answers_open:
        answers = f"{words.plural(breaker.answers_open, 'answer')}, {breaker.fallbacks_open:,} of them fallbacks"
        yield _indented(f"while open {answers}, 99 % within {words.duration(breaker.fallback_p99_s)}")


def _sweep(sweep: SweepAccount, width: int) -> Iterator[RenderableType]:
    tried = f"{sweep.lowest:g} to {sweep.highest:g} {sweep.unit}".rstrip()
    yield _head(f"Sweep of {sweep.variable}", f"{tried} asked for")
    rows = dose_rows(sweep)
    if not rows:
        yield _indented(NO_DOSE, "yellow")
        return
    names = [response.slo for response in sweep.responses]
    at_once = max(1, (width - _INDENT - _DOSE_WIDTH) // (_SLO_WIDTH + _GAP))
    for places in batched(range(len(names)), at_once):
        column = min(_SLO_WIDTH_MAX, (width - _INDENT - _DOSE_WIDTH) // len(places) - _GAP)
        table = Table.grid(padding=(0, _GAP, 0, 0), pad_edge=False)
        table.add_column(width=_DOSE_WIDTH - _GAP)
        for _ in places:
            table.add_column(width=column)
        # By hand, at hyphens: rich breaks a long name in the middle of a word.
        heads = ("\n".join(textwrap.wrap(words.visible(names[place]), column)) for place in places)
        table.add_row(Text("dose", style="dim"), *(Text(head, style="dim") for head in heads))
        for dose, steps in rows:
            cells = [None if (step := steps[place]) is None else step.outcome for place in places]
            table.add_row(Text(words.visible(dose)), *(_cell(outcome) for outcome in cells))
        yield Padding(table, (0, 0, 0, _INDENT), expand=False)
    for sentence in dose_sentences(sweep):
        yield _indented(sentence)


def _cell(outcome: Outcome | None) -> Text:
    return Text(words.NOT_KNOWN) if outcome is None else Text(_SAID[outcome], style=STYLES[outcome])


def _head(title: str, more: str) -> Text:
    return Text.assemble((words.visible(title), "bold"), f": {words.visible(more)}")


def _indented(text: str, style: str = "") -> Padding:
    return Padding(Text(words.visible(text), style=style), (0, 0, 0, _INDENT), expand=False)
