"""The charts of the page, as plotly.js wants them: plain dictionaries of a timeline and a judgement.

Text from outside is escaped for plotly's own small HTML; getting the whole safely into the page is page.py's part.
Colour never speaks alone: bars carry patterns, lines dashes, marks their names.
"""

import html as markup
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from harness.judge import Judgement, Recovery
from harness.record import Record
from harness.report import words
from harness.report.timeline import GOOD, LATE, UNANSWERED, UNJUDGED, UNSENT, Timeline, Values
from harness.report.watched import STATES, breaker_traces, dose_figure
from harness.slo import Slo

type Json = dict[str, Any]  # a part of a plotly figure; its shape is plotly.js's

RED, ORANGE, YELLOW, GREEN, BLUE, PURPLE, GREY = (
    "#d43d3d",
    "#e07b00",
    "#d9a900",
    "#2b9a66",
    "#3b82c4",
    "#8e4ec6",
    "#808891",
)
_CLASS_STYLES: Final = {
    GOOD: (GREEN, ""),
    LATE: (YELLOW, "/"),
    "4xx": (ORANGE, "-"),
    "5xx": (RED, "\\"),
    UNANSWERED: (PURPLE, "x"),
    UNSENT: (GREY, "."),
    UNJUDGED: (GREY, ""),
}
_LINES: Final = (BLUE, ORANGE, GREEN, PURPLE, RED, GREY)
_DASHES: Final = ("solid", "dash", "dot", "dashdot")
_MARK_STYLES: Final = {
    "inject": (RED, "solid"),
    "applied": (ORANGE, "dash"),
    "effect": (PURPLE, "dot"),
    "first ok": (BLUE, "dot"),
    "recovered": (GREEN, "solid"),
    "fault end": (GREY, "dash"),
}
_NAME_MAX: Final = 40
_FONT: Final = {"size": 11}
_LEFT_PX, _RIGHT_PX = 48, 10


@dataclass(frozen=True)
class Chart:
    """One chart and what stands around it."""

    id: str
    title: str
    caption: str
    height_px: int
    figure: Json


def charts_of(record: Record, judgement: Judgement, timeline: Timeline) -> list[Chart]:
    """Every chart of the page, from top to bottom; all but the sweep's share the x axis."""
    marks = marks_of(judgement)
    behind = [*_band(judgement, timeline), *_lines(marks)]
    every = f"{timeline.width_s} s" if timeline.width_s > 1 else "second"
    return [
        *_dose_chart(record, judgement, timeline),
        _lanes(record, judgement, timeline, marks),
        *_breaker_chart(judgement, timeline, behind),
        Chart(
            "outcomes",
            "Requests per second, by outcome",
            f"By when they were planned to be sent, for each {every}. Good: every SLO that counts the request says so.",
            260,
            _figure([_bars(name, at, timeline) for name, at in timeline.outcomes.items()], behind, timeline, 260),
        ),
        Chart(
            "zones",
            "Answers per second, by zone",
            f"By when they came, for each {every}, whatever their status.",
            220,
            _figure(list(_zone_lines(timeline)), behind, timeline, 220),
        ),
        Chart(
            "latency",
            "Latency",
            "From the planned send time to the end: the answer, the error or the time-out. Logarithmic.",
            220,
            _figure(list(_latency_lines(timeline)), behind, timeline, 220, {"type": "log", "ticksuffix": " ms"}),
        ),
        Chart(
            "errors",
            "Error ratio, by SLO",
            f"As each SLO's budget counts it, for each {every}; touch a point to see the burn, "
            "where 1 spends the budget exactly at the window's end.",
            240,
            _figure(
                list(_error_lines(record.plan.slos, timeline)),
                behind,
                timeline,
                240,
                {"ticksuffix": " %", "rangemode": "tozero"},
                last=True,
            ),
        ),
    ]


def slowest(judgement: Judgement) -> str | None:
    """The SLO whose marks are drawn through all charts: broken the longest, and not recovered above all."""
    broken = {name: one for name, one in judgement.recovery.items() if one.effect_s is not None}
    return max(broken, key=lambda name: _recovered_s(broken[name]), default=None)


def _recovered_s(recovery: Recovery) -> float:
    return math.inf if recovery.recovered_s is None else recovery.recovered_s.upper


def marks_of(judgement: Judgement) -> dict[str, float]:
    """Marks by name, seconds since the run's start, in the order of their names; those that came."""
    fault = judgement.fault
    name = slowest(judgement)
    slo = judgement.recovery[name] if name else None
    found = {
        "inject": fault.inject_s,
        "applied": fault.applied_s,
        "effect": slo.effect_s if slo else None,
        "first ok": slo.first_ok_s if slo else None,
        "recovered": slo.recovered_s.upper if slo and slo.recovered_s else None,
        "fault end": fault.end_s,
    }
    return {mark: seconds for mark, seconds in found.items() if seconds is not None}


# --- lanes -----------------------------------------------------------------------------------------------------------

_PHASE_PX, _MARK_PX, _LANE_PX, _GAP_PX = 24, 18, 34, 8


def _lanes(record: Record, judgement: Judgement, timeline: Timeline, marks: dict[str, float]) -> Chart:
    """Phases, marks each on a line of its own, and when each SLO was broken. One unit of y is one pixel."""
    marks_px = _PHASE_PX + _GAP_PX
    lanes_px = marks_px + _MARK_PX * len(marks) + _GAP_PX
    bottom_px = lanes_px + _LANE_PX * (len(judgement.recovery) + bool(timeline.surges))
    data = [_phase_bars(record, timeline)]
    labels: list[Json] = []
    for place, (mark, seconds) in enumerate(marks.items()):
        label, dot = _mark_label(mark, seconds, marks_px + _MARK_PX * (place + 0.5), timeline)
        labels.append(label)
        data.append(dot)
    for place, (name, recovery) in enumerate(judgement.recovery.items()):
        label, bar = _slo_lane(name, recovery, lanes_px + _LANE_PX * place, timeline)
        labels.append(label)
        data.extend(bar)
    if timeline.surges:
        label, bar = _surge_lane(timeline, bottom_px - _LANE_PX)
        labels.append(label)
        data.extend(bar)
    height_px = bottom_px + 40
    axis = {"range": [bottom_px, 0], "visible": False, "fixedrange": True}
    figure = _figure(data, [*_band(judgement, timeline), *_lines(marks)], timeline, height_px, axis)
    figure["layout"] |= {"annotations": labels, "showlegend": False, "hovermode": "closest", "barmode": "overlay"}
    figure["layout"]["uniformtext"] = {"mode": "hide", "minsize": 10}  # a phase too short for its name goes without
    figure["layout"]["margin"]["t"] = 4
    whose = slowest(judgement)
    caption = "The shaded band is the fault, from inject until it was taken away."
    if timeline.surges:
        caption += " The dotted one is the surge: the load was told to send more."
    if whose:
        caption += f" Effect, first ok and recovered are those of {words.visible(whose)}, which took the longest."
    return Chart("lanes", "What happened", caption, height_px, figure)


def _phase_bars(record: Record, timeline: Timeline) -> Json:
    because = {str(phase.name): phase.because for phase in record.plan.phases}
    shades = ("rgba(128,136,145,.25)", "rgba(128,136,145,.4)")
    names = [name for name, _, _ in timeline.phases]
    return {
        "type": "bar",
        "orientation": "h",
        "y": [_PHASE_PX / 2] * len(names),
        "base": [_round(begin) for _, begin, _ in timeline.phases],
        "x": [_round(end - begin) for _, begin, end in timeline.phases],
        "width": _PHASE_PX - 4,
        "text": names,
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "customdata": [_escaped(because.get(name, ""), 200) for name in names],
        "hovertemplate": "%{text}: %{customdata}<extra></extra>",
        "marker": {"color": [shades[place % 2] for place in range(len(names))]},
    }


def _mark_label(mark: str, seconds: float, y_px: float, timeline: Timeline) -> tuple[Json, Json]:
    colour, _ = _MARK_STYLES[mark]
    late = seconds > timeline.end_s / 2
    label = {
        "text": f"<b>{mark}</b> {words.instant(seconds)}",
        "x": _round(seconds),
        "y": y_px,
        "xanchor": "right" if late else "left",
        "xshift": -7 if late else 7,
        "yanchor": "middle",
        "showarrow": False,
        "bgcolor": "#fff",  # the page's own paper, by its style sheet
        "borderpad": 0,
        "font": _FONT,
    }
    return label, {
        "type": "scatter",
        "mode": "markers",
        "x": [_round(seconds)],
        "y": [y_px],
        "marker": {"color": colour, "size": 8},
        "hoverinfo": "skip",
    }


def _slo_lane(name: str, recovery: Recovery, top_px: float, timeline: Timeline) -> tuple[Json, list[Json]]:
    spans = []
    if recovery.effect_s is not None:
        spans.append((recovery.effect_s, recovery.recovered_s.upper if recovery.recovered_s else timeline.end_s))
    marker = {"color": RED, "pattern": _hatch("/")}
    return _lane(f"<b>{_escaped(name)}</b> {_lane_text(recovery)}", spans, marker, top_px, timeline)


def _surge_lane(timeline: Timeline, top_px: float) -> tuple[Json, list[Json]]:
    said = ", ".join(f"{begin_s:.1f} to {end_s:.1f} s" for begin_s, end_s in timeline.surges)
    marker = {"color": BLUE, "pattern": _hatch(".")}
    return _lane(f"<b>surge of the load</b> {said}", timeline.surges, marker, top_px, timeline)


def _lane(
    text: str, spans: Iterable[tuple[float, float]], marker: Json, top_px: float, timeline: Timeline
) -> tuple[Json, list[Json]]:
    """A line of text (already escaped) and, under it, a bar with its spans marked."""
    label = {
        "text": text,
        "xref": "paper",
        "x": 0,
        "xanchor": "left",
        "y": top_px + 9,
        "yanchor": "middle",
        "showarrow": False,
        "bgcolor": "#fff",
        "borderpad": 0,
        "font": _FONT,
    }
    base = {"type": "bar", "orientation": "h", "y": [top_px + 23], "width": 8, "hoverinfo": "skip"}
    lanes: list[Json] = [
        base | {"base": [0], "x": [_round(timeline.end_s)], "marker": {"color": "rgba(128,136,145,.18)"}}
    ]
    lanes += [
        base | {"base": [_round(begin_s)], "x": [_round(end_s - begin_s)], "marker": marker} for begin_s, end_s in spans
    ]
    return label, lanes


def _lane_text(recovery: Recovery) -> str:
    if recovery.effect_s is None:
        return words.unbroken(recovery)
    if recovery.recovered_s is None:
        return f"broken at {recovery.effect_s:.1f} s, not recovered"
    relapses = f", {words.plural(recovery.relapses, 'relapse')}" if recovery.relapses else ""
    return f"broken {recovery.effect_s:.1f} to {recovery.recovered_s.upper:.1f} s{relapses}"


# --- series ----------------------------------------------------------------------------------------------------------


def _bars(name: str, rates: Values, timeline: Timeline) -> Json:
    colour, pattern = _CLASS_STYLES.get(name, (BLUE, "+"))
    half_s = timeline.width_s / 2
    return {
        "type": "bar",
        "name": name,
        "x": [_round(at_s + half_s) for at_s in timeline.at_s],
        "y": _values(rates),
        "width": timeline.width_s,
        "marker": {"color": colour, "line": {"width": 0}, "pattern": _hatch(pattern)},
        "hovertemplate": "%{y:.4~g}/s",
    }


def _hatch(shape: str) -> Json:
    """Lines over the colour, so that neighbours differ without it."""
    return {"shape": shape, "size": 6, "solidity": 0.2, "fillmode": "overlay", "fgcolor": "rgba(255,255,255,.75)"}


def _zone_lines(timeline: Timeline) -> Iterable[Json]:
    for place, (name, rates) in enumerate(timeline.zones.items()):
        yield _line(name, rates, timeline, place) | {"hovertemplate": "%{y:.4~g}/s"}


def _latency_lines(timeline: Timeline) -> Iterable[Json]:
    for place, (name, latency_ms) in enumerate((("p50", timeline.latency_ms_p50), ("p99", timeline.latency_ms_p99))):
        yield _line(name, latency_ms, timeline, place) | {"hovertemplate": "%{y:.4~g} ms"}


def _error_lines(slos: Iterable[Slo], timeline: Timeline) -> Iterable[Json]:
    for place, slo in enumerate(one for one in slos if one.name in timeline.error_ratio):
        ratios = timeline.error_ratio[slo.name]
        yield _line(slo.name, ratios * 100, timeline, place) | {
            "customdata": _values(ratios / float(1 - slo.target)),
            "hovertemplate": "%{y:.4~g} % (burn %{customdata:.3~g})",
        }


def _line(name: str, values: Values, timeline: Timeline, place: int) -> Json:
    return {
        "type": "scatter",
        "mode": "lines" if len(values) > 1 else "markers",
        "name": _escaped(name),
        "x": [_round(at_s + timeline.width_s / 2) for at_s in timeline.at_s],
        "y": _values(values),
        "line": {
            "color": _LINES[place % len(_LINES)],
            "width": 1.8,
            "dash": _DASHES[place % len(_DASHES)],
            "shape": "hvh",
        },
    }


# --- what all charts share -------------------------------------------------------------------------------------------


def _breaker_chart(judgement: Judgement, timeline: Timeline, behind: list[Json]) -> list[Chart]:
    traces = breaker_traces(judgement, timeline.end_s or 1)
    if not traces or judgement.breaker is None:
        return []
    axis = {"tickvals": list(range(len(STATES))), "ticktext": list(STATES), "range": [-0.3, len(STATES) - 0.5]}
    caption = f"As it was seen every {words.duration(judgement.breaker.every_s)}, an instance a line."
    figure = _figure(traces, behind, timeline, 180, axis)
    figure["layout"]["margin"]["l"] = 64
    return [Chart("breaker", f"Circuit breaker {judgement.breaker.name}", caption, 180, figure)]


def _dose_chart(record: Record, judgement: Judgement, timeline: Timeline) -> list[Chart]:
    layout = _figure([], [], timeline, 300, last=True)["layout"]
    figure = dose_figure(judgement, record.plan, layout)
    if figure is None or judgement.sweep is None:
        return []
    caption = "Bad answers at each dose; dashed, what the SLO allows. A cross broke it, a hollow point is not decided."
    return [Chart("dose", f"Dose and response: {judgement.sweep.variable}", caption, 300, figure)]


def _figure(
    data: list[Json],
    shapes: list[Json],
    timeline: Timeline,
    height_px: int,
    y_axis: Json | None = None,
    *,
    last: bool = False,
) -> Json:
    grid = {"gridcolor": "rgba(128,136,145,.25)", "zeroline": False, "automargin": False, "tickfont": _FONT}
    begin_s = min(0.0, float(timeline.at_s[0])) if len(timeline.at_s) else 0.0
    x_axis = grid | {"range": [begin_s, timeline.end_s or 1], "ticksuffix": " s", "nticks": 10, "showgrid": False}
    if last:
        x_axis["title"] = {"text": "seconds since the run's start", "font": _FONT}
    return {
        "data": data,
        "layout": {
            "height": height_px,
            "margin": {"l": _LEFT_PX, "r": _RIGHT_PX, "t": 10, "b": 44 if last else 26},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": _FONT | {"family": "system-ui, sans-serif"},
            "barmode": "stack",
            "bargap": 0,
            "hovermode": "x unified",
            "hoverlabel": {"namelength": -1, "font": _FONT},
            "showlegend": True,
            "legend": {
                "orientation": "h",
                "x": 0,
                "y": 1.02,
                "yanchor": "bottom",
                "font": _FONT,
                "traceorder": "normal",
            },
            "xaxis": x_axis,
            "yaxis": grid | {"fixedrange": True, "nticks": 6} | (y_axis or {}),
            "shapes": shapes,
        },
    }


def _band(judgement: Judgement, timeline: Timeline) -> list[Json]:
    """The fault, shaded, to the end where it was never taken away; and each surge, with a dotted edge."""
    begin_s, end_s = judgement.fault.inject_s, judgement.fault.end_s
    bands = []
    if begin_s is not None:
        until_s = timeline.end_s if end_s is None else end_s
        bands.append(_shade(begin_s, until_s, "rgba(212,61,61,.13)", {"width": 0}))
    edge = {"width": 1.5, "color": BLUE, "dash": "dot"}
    return bands + [_shade(*surge, "rgba(59,130,196,.10)", edge) for surge in timeline.surges]


def _shade(begin_s: float, end_s: float, colour: str, edge: Json) -> Json:
    return {
        "type": "rect",
        "yref": "paper",
        "x0": _round(begin_s),
        "x1": _round(end_s),
        "y0": 0,
        "y1": 1,
        "fillcolor": colour,
        "line": edge,
        "layer": "below",
    }


def _lines(marks: dict[str, float]) -> list[Json]:
    return [
        {
            "type": "line",
            "yref": "paper",
            "x0": _round(seconds),
            "x1": _round(seconds),
            "y0": 0,
            "y1": 1,
            "line": {"color": _MARK_STYLES[mark][0], "dash": _MARK_STYLES[mark][1], "width": 1.2},
        }
        for mark, seconds in marks.items()
    ]


def _values(values: Values) -> list[float | None]:
    return [_round(value) if math.isfinite(value) else None for value in values]


def _round(value: float) -> float:
    return round(float(value), 6)


def _escaped(text: str, longest: int = _NAME_MAX) -> str:
    text = words.visible(text)
    # plotly reads &lt; and &amp; back, but leaves &quot; as it stands.
    return markup.escape(text if len(text) <= longest else text[: longest - 2] + "..", quote=False)
