"""The breaker, the dependency and the sweep: their tables and charts. Computes nothing itself."""

import html as markup
from dataclasses import dataclass
from typing import Any, Final

from harness.judge import BreakerAccount, DoseResponse, Interval, Judgement, Outcome, SweepAccount
from harness.plan import Plan
from harness.report import words
from harness.report.tables import Table

type Json = dict[str, Any]  # a part of a plotly figure

CLOSED, HALF_OPEN, OPEN = "closed", "half-open", "open"
STATES: Final = (CLOSED, HALF_OPEN, OPEN)
NO_DOSE: Final = "No dose was measured to be there."
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
    rows = [
        (dose, *(f"{step.good}, {_SAID[step.outcome]}" if step else words.NOT_KNOWN for step in steps))
        for dose, steps in dose_rows(sweep)
    ]
    return Table(
        f"Sweep of {sweep.variable}",
        ("dose", *(response.slo for response in sweep.responses)),
        tuple(rows),
        "Good answers at each dose, and whether they decide the SLO. Doses that were not measured to be there are left "
        "out.",
        NO_DOSE,
    )


# --- what the terminal shows as well ---------------------------------------------------------------------------------


def breaker_story(breaker: BreakerAccount) -> str:
    """What became of the state, on one line: `closed -> open after 361 ms -> closed 891 ms after fault end`.

    Times are those of the slowest instance, and the upper bounds of what is known.
    """
    if not breaker.instances:
        return "its state is not known"
    story = ["/".join(dict.fromkeys(one.changes[0][1] for one in breaker.instances))]
    if breaker.opened_after_s is None:
        unopened = (one.source for one in breaker.instances if one.opened_s is None)
        return " -> ".join([*story, f"not seen to open at {', '.join(unopened)}"])
    story.append(f"{OPEN} after {words.duration(breaker.opened_after_s.upper)}")
    if any(one.half_open_seen for one in breaker.instances):
        story.append(HALF_OPEN)
    if breaker.closed_after_s is None:
        unclosed = (one.source for one in breaker.instances if one.closed_s is None)
        story.append(f"not seen to close for good at {', '.join(unclosed)}")
    else:
        story.append(f"{CLOSED} {words.duration(breaker.closed_after_s.upper)} after fault end")
    return " -> ".join(story)


@dataclass(frozen=True)
class Step:
    """What one SLO did at one dose."""

    good: str  # share of good answers
    outcome: Outcome


def dose_rows(sweep: SweepAccount) -> list[tuple[str, list[Step | None]]]:
    """Each dose that counts, with what each SLO did at it, in the order of the sweep's responses."""
    doses = sorted({step.dose for response in sweep.responses for step in response.steps})
    return [(_dose(dose, sweep), [_step(response, dose) for response in sweep.responses]) for dose in doses]


def _step(response: DoseResponse, dose: float) -> Step | None:
    one = next((step for step in response.steps if step.dose == dose), None)
    if one is None:
        return None
    return Step(words.percent(one.good / one.total) if one.total else words.NOT_KNOWN, one.outcome)


def dose_sentences(sweep: SweepAccount) -> list[str]:
    """What is known of each SLO, in words; those that broke come last, the one that broke first at the very end."""
    known = [response for response in sweep.responses if response.steps]
    known.sort(key=lambda one: (one.broken is not None, -(one.broken or 0.0)))
    return [_sentence(response, sweep) for response in known]


def _sentence(response: DoseResponse, sweep: SweepAccount) -> str:
    least, most = response.steps[0].dose, response.steps[-1].dose
    if response.broken is None:
        if response.held is None:
            return f"{response.slo}: no dose decides it"
        rest = "the most tried" if response.held == most else "what lies above is not decided"
        return f"{response.slo} holds up to {_dose(response.held, sweep)}, {rest}"
    broken = f"breaks at {_dose(response.broken, sweep)}"
    if response.held is None:
        rest = "the least tried" if response.broken == least else "what lies below is not decided"
        return f"{response.slo} {broken}, {rest}"
    return f"{response.slo} holds up to {_dose(response.held, sweep)} and {broken}"


def _dose(dose: float, sweep: SweepAccount) -> str:
    return f"{dose:g} {sweep.unit}".rstrip()


# --- charts ----------------------------------------------------------------------------------------------------------


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
