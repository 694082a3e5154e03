"""The page: one HTML file that needs nothing else, and may fetch nothing.

Everything from outside is escaped: text by jinja2, JSON by leaving no `<`, `>` or `&` in it. Should that ever fail, the
page's own policy still lets only our two scripts run, named by their hashes, and no request leave.
"""

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from harness.judge import Judgement
from harness.record import Record
from harness.report import tables, words
from harness.report.figures import Chart, charts_of
from harness.report.timeline import timeline_of
from harness.report.watched import watched_tables

PLOTLY_BEGIN, PLOTLY_END = "/* plotly.js begins */", "/* plotly.js ends */"


def json_text(judgement: Judgement) -> str:
    """The judgement as `judge --json` prints it (schema wellproven/verdict/v1), indented.

    It may end on a terminal: what one would obey stands in it as JSON's escapes.
    """
    text = judgement.model_dump_json(by_alias=True, indent=2)
    return "".join(one if one == "\n" or one.isprintable() else _json_escape(one) for one in text)


def _json_escape(character: str) -> str:
    return json.dumps(character)[1:-1]


def html(record: Record, judgement: Judgement) -> str:
    """The report of a judged record, which reads the record's files for their hashes.

    Nobody needs a network: neither this, nor whoever reads the page.
    """
    charts, not_drawn = _drawn(record, judgement)
    plotly, script = _plotly(), _script()
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            record=record,
            judgement=judgement,
            words=words,
            head=list(tables.head_table(record)),
            sentence=words.outcome_sentence(judgement),
            verdicts=words.worst_first(judgement),
            charts=charts,
            not_drawn=not_drawn,
            charts_json=_json_in_html([{"id": one.id, **one.figure} for one in charts]),
            verdict_json=_json_in_html(judgement.model_dump(mode="json", by_alias=True)),
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
            files=tables.file_table(record),
            style=_own("page.css"),
            plotly=plotly,
            script=script,
            script_hashes=" ".join(f"'{_hash(text)}'" for text in (plotly, script)),
        )
    )


def _drawn(record: Record, judgement: Judgement) -> tuple[list[Chart], str]:
    """The charts, of an empty record none; or why there are none: what cannot be drawn still has verdicts to show."""
    try:
        timeline = timeline_of(record)
        return charts_of(record, judgement, timeline) if len(timeline.at_s) else [], ""
    except Exception as error:  # noqa: BLE001  whatever the record holds, its verdicts must still be read
        return [], f"{type(error).__name__}: {error}"


def _json_in_html(value: Any) -> str:
    """JSON that can stand in a script element as it is: the characters HTML reads are written as JSON escapes."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=True)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("harness.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _own(name: str) -> str:
    return files("harness.report").joinpath("page", name).read_text(encoding="utf-8")


@cache
def _plotly() -> str:
    text = f"{PLOTLY_BEGIN}{get_plotlyjs()}{PLOTLY_END}"
    assert "</script" not in text.lower()
    assert "<!--" not in text
    return text


def _script() -> str:
    return _own("page.js")


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
