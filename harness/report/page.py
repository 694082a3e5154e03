"""The page of a drill: one HTML file that needs nothing else, and may fetch nothing."""

from functools import cache

from plotly.offline import get_plotlyjs

from harness.judge import Judgement
from harness.record import Record
from harness.report import tables, words
from harness.report.figures import Chart, charts_of
from harness.report.templates import compact, json_in_html, own, render
from harness.report.timeline import timeline_of
from harness.report.watched import watched_tables
from harness.text import visible_json

PLOTLY_BEGIN, PLOTLY_END = "/* plotly.js begins */", "/* plotly.js ends */"


def json_text(judgement: Judgement) -> str:
    """The judgement as `judge --json` prints it (schema wellproven/verdict/v1), indented."""
    return visible_json(judgement.model_dump_json(by_alias=True, indent=2))


def html(record: Record, judgement: Judgement, review_link: str = "") -> str:
    """The report of a judged record, which reads the record's files for their hashes.

    Nobody needs a network: neither this, nor whoever reads the page. `review_link` is the address of the review's page,
    seen from this one, where there is such a page.
    """
    charts, not_drawn = _drawn(record, judgement)
    plotly, script = _plotly(), own("page.js")
    return render(
        "report.html.j2",
        ["page.css", "report.css"],
        [plotly, script],
        record=record,
        judgement=judgement,
        head=list(tables.head_table(record)),
        sentence=words.outcome_sentence(judgement),
        verdicts=words.worst_first(judgement),
        charts=charts,
        not_drawn=not_drawn,
        charts_json=json_in_html(compact([{"id": one.id, **one.figure} for one in charts])),
        verdict_json=json_in_html(compact(judgement.model_dump(mode="json", by_alias=True))),
        measured=[
            *watched_tables(judgement),
            tables.recovery_table(judgement),
            tables.data_table(judgement),
            tables.budget_table(judgement, record.plan),
            tables.alert_table(judgement),
            tables.account_table(judgement),
        ],
        planned=list(tables.plan_tables(record.plan)),
        claims=list(tables.claim_tables(record.plan)),
        review_link=review_link if record.plan.proves else "",
        files=tables.file_table(record),
        plotly=plotly,
        script=script,
    )


def _drawn(record: Record, judgement: Judgement) -> tuple[list[Chart], str]:
    """The charts, of an empty record none; or why there are none: what cannot be drawn still has verdicts to show."""
    try:
        timeline = timeline_of(record)
        return charts_of(record, judgement, timeline) if len(timeline.at_s) else [], ""
    except Exception as error:  # noqa: BLE001  whatever the record holds, its verdicts must still be read
        return [], f"{type(error).__name__}: {error}"


@cache
def _plotly() -> str:
    text = f"{PLOTLY_BEGIN}{get_plotlyjs()}{PLOTLY_END}"
    assert "</script" not in text.lower()
    assert "<!--" not in text
    return text
