"""Verdicts and plans on a terminal: at most 80 columns where the terminal is not known to be wider."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.judge import Judgement, Outcome
from harness.plan import Phase, Plan
from harness.report import words
from harness.slo import LoadIndicator, RecoveryObjective
from harness.units import NS_PER_S, format_duration, format_percent, format_rate

COLUMNS_MAX: Final = 100  # a line longer than this is hard to read, however wide the terminal
STYLES: Final = {Outcome.MET: "green", Outcome.MISSED: "bold red", Outcome.UNKNOWN: "yellow"}
_INDENT: Final = 11  # the width of "x missed" and the gaps around it: what stands under a verdict begins here


def terminal(judgement: Judgement, console: Console) -> None:
    """Print every verdict with its because, then the outcome.

    The worst come last: what stands lowest is next to the outcome and the prompt when the rest has scrolled away. (The
    page, which is read from the top, has them first.)
    """
    width = min(console.width, COLUMNS_MAX)
    console.print(_row("outcome", "promise", "claimed", "measured", width, dim="dim"), width=width)
    for outcome, verdicts in groupby(words.worst_last(judgement), key=lambda verdict: verdict.outcome):
        mark = Text(f"{words.symbol(outcome, console.encoding)} {outcome}", style=STYLES[outcome])
        console.print()
        for verdict in verdicts:
            row = _row(mark, verdict.promise, words.claimed(verdict), words.measured(verdict), width)
            console.print(row, width=width)
            because = Text(f"because {words.visible(verdict.because)}", style="dim")
            console.print(Padding(because, (0, 0, 0, _INDENT), expand=False), width=width)
    console.print()
    sentence = f"{words.symbol(judgement.outcome, console.encoding)} {words.outcome_sentence(judgement)}"
    console.print(Text(sentence, style=STYLES[judgement.outcome]), width=width)


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


# --- the plan --------------------------------------------------------------------------------------------------------


def show_plan(plan: Plan, console: Console) -> None:
    """Print what would be done, and why; what `wellproven plan` shows."""
    width = min(console.width, COLUMNS_MAX)
    head = Text(words.visible(plan.title), style="bold")
    where = f"{plan.file} on {plan.target} ({plan.environment}), disruption {plan.disruption}"
    console.print(head, width=width)
    console.print(Text(words.visible(where + (", as quick as the verdicts allow" if plan.quick else ""))), width=width)
    for title, rows in _sections(plan):
        console.print()
        console.print(Text(title, style="bold"), width=width)
        console.print(Padding(_grid(rows), (0, 0, 0, 2)), width=width)


type Rows = Sequence[tuple[str, ...]]


def _sections(plan: Plan) -> Iterable[tuple[str, Rows]]:
    total = sum(one.rate_per_s for one in plan.requests)
    yield (
        f"Load: open arrivals, {format_rate(total)} in all",
        [(one.route, format_rate(one.rate_per_s), one.because) for one in plan.requests]
        + [
            (route.name, format_rate(route.stages[0].rate_per_s), "a journey")
            for route in plan.profile.routes
            if route.journey
        ],
    )
    yield (
        "Requests needed to decide each SLO, with none bad",
        [
            (
                one.slo,
                format_percent(one.target, 3),
                f"{one.requests_needed:,} answers, {format_duration(one.seconds * NS_PER_S)}",
            )
            for one in plan.sizes
        ]
        + [
            (one.name, format_percent(one.target, 3), "unknown: our load cannot see it")
            for one in plan.slos
            if not isinstance(one.indicator, LoadIndicator)
        ],
    )
    yield "Phases", [(phase.name, length(phase), phase.because) for phase in plan.phases]
    yield "Guard: the run stops, and the fault is undone", [(guard_limits(plan),)]
    yield "What breaks (blast radius)", [(line,) for line in plan.blast_radius]
    yield "Evidence that the fault took effect", [(one.name,) for one in plan.evidence] or [("none",)]
    if plan.healed:
        yield "Healed when", [(one.name,) for one in plan.healed]
    yield "Claims to be checked", list(_claims(plan))


def length(phase: Phase) -> str:
    """How long a phase takes: `20 s`, `20 to 40 s`."""
    shortest, longest = (words.duration(seconds) for seconds in (phase.shortest_s, phase.longest_s))
    return longest if shortest == longest else f"{shortest} to {longest}"


def guard_limits(plan: Plan) -> str:
    """When the guard stops the run, and where these limits come from."""
    guard = plan.guard
    return (
        f"{format_percent(guard.error_ratio)} of a critical SLO's requests bad for longer than "
        f"{words.duration(guard.for_s)} ({guard.because}), or no data for {words.duration(guard.no_data_s)}"
    )


def _claims(plan: Plan) -> Iterable[tuple[str, ...]]:
    for objective in plan.objectives:
        yield objective.name, claim(objective)
    for slo in plan.slos:
        yield slo.name, f"{format_percent(slo.target, 3)} good, in baseline and recovery"
    if plan.budget is not None:
        share = format_percent(plan.budget)
        yield "budget", f"at most {share} of any SLO's window, at production traffic"
    if plan.ledger:
        yield "ledger", f"writes: {plan.ledger.write}; read back: {plan.ledger.survivors}"


def claim(objective: RecoveryObjective) -> str:
    """A recovery objective in words."""
    said = f"RTO {format_duration(objective.rto_ns)} from {objective.clock} until {objective.level}"
    return said if objective.rpo_ns is None else f"{said}; RPO {format_duration(objective.rpo_ns)}"


def _grid(rows: Rows) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    columns = max(len(row) for row in rows) if rows else 1
    for index in range(columns):
        last = index == columns - 1
        table.add_column(overflow="fold", ratio=1 if last else None, max_width=None if last else 28)
    for row in rows:
        table.add_row(*(Text(words.visible(cell)) for cell in row))
    return table
