"""A plan on a terminal: what would be done, and why."""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.plan import Breaker, Phase, Plan, Sweep, rules_in_words
from harness.report import words
from harness.report.lines import COLUMNS_MAX, put
from harness.slo import LoadIndicator, RecoveryObjective
from harness.units import NS_PER_S, format_duration, format_percent, format_rate


def show_plan(plan: Plan, console: Console) -> None:
    """Print what would be done, and why; what `wellproven plan` shows."""
    width = min(console.width, COLUMNS_MAX)
    head = Text(words.visible(plan.title), style="bold")
    where = f"{plan.file} on {plan.target} ({plan.environment}), disruption {plan.disruption}"
    put(console, head, width)
    put(console, Text(words.visible(where + (", as quick as the verdicts allow" if plan.quick else ""))), width)
    for title, rows in _sections(plan):
        console.print()
        put(console, Text(words.visible(title), style="bold"), width)
        put(console, Padding(_grid(rows), (0, 0, 0, 2)), width)


def show_reach(plan: Plan, console: Console) -> None:
    """Print what would be hit; what `wellproven drill --dry-run` shows."""
    width = min(console.width, COLUMNS_MAX)
    put(console, Text(words.visible(f"{plan.file} on {plan.target} ({plan.environment}) would hit"), "bold"), width)
    rows = [(line,) for line in plan.blast_radius] + [("speaks to " + (", ".join(plan.hosts) or "no host by name"),)]
    put(console, Padding(_grid(rows), (0, 0, 0, 2)), width)


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
    if surging := [route for route in plan.profile.routes if route.surge_per_s is not None]:
        yield (
            "Surge of the load, while the fault is there",
            [
                (one.name, f"{format_rate(one.stages[0].rate_per_s)} to {format_rate(one.surge_per_s or 0)}")
                for one in surging
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
    if rules := rules_in_words(plan.guard, plan.slos):
        yield "Guard, besides: the same where", rules
    yield "What breaks (blast radius)", [(line,) for line in plan.blast_radius]
    yield "Evidence that the fault took effect", [(one.name,) for one in plan.evidence] or [("none",)]
    if plan.healed:
        yield "Healed when", [(one.name,) for one in plan.healed]
    if plan.dependency is not None:
        yield f"Dependency {plan.dependency.name}, asked by {plan.dependency.route}", list(_dependency(plan))
    if plan.breaker is not None:
        yield f"Circuit breaker {plan.breaker.name}", list(_breaker(plan, plan.breaker))
    if plan.sweep is not None:
        yield f"Sweep of {plan.sweep.variable}", list(_sweep(plan.sweep))
    yield "Claims to be checked", list(_claims(plan))


def _dependency(plan: Plan) -> Iterable[tuple[str, ...]]:
    dependency = plan.dependency
    assert dependency is not None
    counter = f"{_metric(dependency.requests.metric, dependency.requests.labels)} at {_hosts(dependency.requests.urls)}"
    yield "requests counted by", f"{counter}, every {format_duration(plan.observe_every_ns)}"
    if dependency.amplification is not None:
        yield "not asked more often", f"than {float(dependency.amplification):g} times for each request of ours"
    if dependency.answers_within_ns is not None:
        yield "not waited for", f"99 % of our answers within {format_duration(dependency.answers_within_ns)}"


def _breaker(plan: Plan, breaker: Breaker) -> Iterable[tuple[str, ...]]:
    yield "state", f"{_state(breaker)}, every {format_duration(plan.observe_every_ns)}"
    yield "opens", f"within {format_duration(breaker.opened_within_ns)} of inject"
    yield "fails fast", f"99 % of answers within {format_duration(breaker.fails_fast_within_ns)} while it is open"
    yield "sheds", f"at least {format_percent(breaker.sheds)} of the usual requests while it is open"
    yield "closes", f"within {format_duration(breaker.closed_within_ns)} of the fault's end"


def _state(breaker: Breaker) -> str:
    match breaker.how:
        case "metric":
            return f"metric {_metric(breaker.metric, breaker.labels)} at {_hosts(breaker.urls)}"
        case "health":
            return f"{breaker.pointer} of the health body at {_hosts(breaker.urls)}"
        case "inferred":
            below = words.NOT_KNOWN if breaker.open_below is None else format_percent(breaker.open_below)
            return f"inferred: open where less than {below} of the usual requests reach the dependency"


def _sweep(sweep: Sweep) -> Iterable[tuple[str, ...]]:
    way = f"doubled, then between what held and what broke, to {format_percent(sweep.resolution)}"
    yield "doses", f"{float(sweep.lowest):g} to {float(sweep.highest):g} {sweep.unit}".rstrip() + f": {way}"
    yield "each", f"until every SLO is decided, at most {words.duration(sweep.step_longest_s)}"
    if sweep.measured_by:
        by = (str(sweep.measured_by.get(key, "")) for key in ("module", "func"))
        yield "measured by", ".".join(part for part in by if part) or str(sweep.measured_by.get("type", "a probe"))
    for slo, dose in sweep.tolerates.items():
        yield slo, f"must still hold at {float(dose):g} {sweep.unit}".rstrip()


def _metric(name: str, labels: Mapping[str, str]) -> str:
    shown = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{shown}}}" if shown else name


def _hosts(urls: Sequence[str]) -> str:
    return ", ".join(urlsplit(url).netloc or url for url in urls)


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
    for slo in plan.unclaimed:
        yield slo.name, "kept while the fault is there, else unknown: nothing claims how long it may be broken"
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
