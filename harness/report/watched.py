"""The breaker, the dependency and the sweep: their tables and charts. Computes nothing itself."""

import html as markup
from typing import Any, Final

from harness.judge import BreakerAccount, Interval, Judgement, Outcome
from harness.plan import Plan
from harness.report import words
from harness.report.tables import Table

type Json = dict[str, Any]  # a part of a plotly figure

STATES: Final = ("closed", "half-open", "open")
_SAID: Final = {Outcome.MET: "kept", Outcome.MISSED: "broken", Outcome.UNKNOWN: "undecided"}
# Colour never speaks alone: what was not decided is hollow, what broke is a cross.
_SYMBOLS: Final = {Outcome.MET: "circle", Outcome.MISSED: "x", Outcome.UNKNOWN: "circle-open"}
_HOW: Final = {
    "metric": "read from a Prometheus metric",
    "health": "read from a health body",
    "inferred": "inferred from the requests that reach the dependency",
}


def watched_tables(judgement: Judgement) -> list[Table]:
    """A table for each of them that the run had."""
    found = []
    if judgement.breaker is not None:
        found.append(_breaker_table(judgement.breaker))
    if judgement.dependency is not None:
        found.append(_dependency_table(judgement))
    if judgement.sweep is not None:
        found.append(_sweep_table(judgement))
    return found


def _breaker_table(breaker: BreakerAccount) -> Table:
    rows = [
        (
            one.source,
            words.between(one.opened_s),
            words.yes(one.half_open_seen),
            words.between(one.closed_s),
            words.count(one.openings),
        )
        for one in breaker.instances
    ]
    rows.append(("every instance, after inject and after the fault's end", _after(breaker.opened_after_s), "",
                 _after(breaker.closed_after_s), ""))  # fmt: skip
    return Table(
        f"Circuit breaker {breaker.name}",
        ("instance", "opened", "seen half-open", "closed", "openings"),
        tuple(rows),
        f"Its state was {_HOW.get(breaker.how, breaker.how)}, every {words.duration(breaker.every_s)}: no instant is "
        f"known better. While it was open in every instance we had {breaker.answers_open:,} answers, "
        f"{breaker.fallbacks_open:,} of them fallbacks; 99 % came within {words.duration(breaker.fallback_p99_s)}; "
        f"{words.percent(breaker.share_reached)} of the usual requests still reached the dependency.",
        "Nothing could be read of it.",
    )


def _after(interval: Interval | None) -> str:
    return words.NOT_KNOWN if interval is None else f"within {words.duration(interval.upper)}"


def _dependency_table(judgement: Judgement) -> Table:
    one = judgement.dependency
    assert one is not None

    def ratio(value: float | None) -> str:
        return words.NOT_KNOWN if value is None else f"{value:.3g}"

    row = (one.name, one.route, ratio(one.baseline_ratio), ratio(one.fault_ratio), ratio(one.amplification),
           words.duration(one.answers_p99_s), f"{one.fallbacks:,} of {one.answers:,}")  # fmt: skip
    return Table(
        "Dependency",
        (
            "dependency",
            "our request",
            "requests per one of ours: baseline",
            "with the fault",
            "amplification",
            "99 % of answers within",
            "fallbacks",
        ),
        (row,),
        "Requests that reach the dependency for each request of ours. More than in the baseline is a service that asks "
        "again what failed; much less is a breaker that sheds.",
    )


def _sweep_table(judgement: Judgement) -> Table:
    sweep = judgement.sweep
    assert sweep is not None
    doses = sorted({step.dose for response in sweep.responses for step in response.steps})
    rows = []
    for dose in doses:
        at_dose = []
        for response in sweep.responses:
            step = next((one for one in response.steps if one.dose == dose), None)
            good = words.percent(step.good / step.total) if step and step.total else words.NOT_KNOWN
            at_dose.append(f"{good}, {_SAID[step.outcome]}" if step else words.NOT_KNOWN)
        rows.append((f"{dose:g} {sweep.unit}".rstrip(), *at_dose))
    return Table(
        f"Sweep of {sweep.variable}",
        ("dose", *(response.slo for response in sweep.responses)),
        tuple(rows),
        "Good answers at each dose, and whether they decide the SLO. Doses that were not measured to be there are left "
        "out.",
        "No dose was measured to be there.",
    )


def breaker_traces(judgement: Judgement, end_s: float) -> list[Json]:
    """A line of steps for each instance, on the time axis of the run."""
    breaker = judgement.breaker
    if breaker is None or not breaker.instances:
        return []
    traces = []
    for index, one in enumerate(breaker.instances):
        at = [*(second for second, _ in one.changes), end_s]
        states = [*(state for _, state in one.changes), one.changes[-1][1]]
        heights = [STATES.index(state) if state in STATES else None for state in states]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": markup.escape(one.source),
                "x": at,
                # Lines that lie on each other could not be told apart.
                "y": [None if height is None else height + 0.06 * index for height in heights],
                "line": {"shape": "hv", "width": 2, "dash": ("solid", "dash", "dot", "dashdot")[index % 4]},
            }
        )
    return traces


def dose_figure(judgement: Judgement, plan: Plan, layout: Json) -> Json | None:
    """Bad answers against the dose, a line an SLO, with what it allows; None where nothing was swept."""
    sweep = judgement.sweep
    if sweep is None or not any(response.steps for response in sweep.responses):
        return None
    allowed = {slo.name: float(1 - slo.target) * 100 for slo in plan.slos}
    colours = ("#3b82c4", "#e07b00", "#2b9a66", "#8e4ec6", "#d43d3d", "#808891")
    data: list[Json] = []
    for index, response in enumerate(sweep.responses):
        steps, colour = [step for step in response.steps if step.total], colours[index % len(colours)]
        name = markup.escape(response.slo)
        doses = [step.dose for step in steps]
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": name,
                "x": doses,
                "y": [100 * (step.total - step.good) / step.total for step in steps],
                "text": [f"{_SAID[step.outcome]}, {step.total:,} answers" for step in steps],
                "marker": {"symbol": [_SYMBOLS[step.outcome] for step in steps], "size": 10, "color": colour},
                "line": {"color": colour},
            }
        )
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"{name}: allowed",
                "x": [doses[0], doses[-1]] if doses else [],
                "y": [allowed.get(response.slo)] * 2 if doses else [],
                "line": {"dash": "dash", "width": 1, "color": colour},
                "showlegend": False,
            }
        )
    unit = f" {markup.escape(sweep.unit)}".rstrip()
    axis = layout["xaxis"] | {"range": None, "autorange": True, "ticksuffix": unit,
                              "title": {"text": markup.escape(sweep.variable)}}  # fmt: skip
    y_axis = layout["yaxis"] | {"title": {"text": "bad answers"}, "ticksuffix": " %", "rangemode": "tozero"}
    margin = layout["margin"] | {"b": 48, "l": 64}
    return {
        "data": data,
        "layout": layout | {"xaxis": axis, "yaxis": y_axis, "shapes": [], "hovermode": "closest", "margin": margin},
        "own_axis": True,
    }
