import hashlib
import json
import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from built_runs import END_S, Names, at, barely_begun, drilled, killed

from harness.judge import Judgement, Outcome, judge
from harness.record import Event, Kind, Record
from harness.report import html, json_text, words
from harness.report.page import PLOTLY_BEGIN, PLOTLY_END
from harness.report.timeline import timeline_of

EVIL = "</script><script>alert('w')</script>\"'`&<img src=x onerror=alert(1)>{{7*7}}\x1b[31m\u2028"
EVIL_ZONE = EVIL.replace("\u2028", "")  # a zone is a line of its file


def without_plotly(page: str) -> str:
    begin, end = page.index(PLOTLY_BEGIN), page.index(PLOTLY_END)
    return page[:begin] + page[end + len(PLOTLY_END) :]


class Reader(HTMLParser):
    """Reads a page as a browser does: elements, the text of each script, and every row of a table as cells."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self.rows: list[list[str]] = []
        self._script: str | None = None
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self._script = dict(attrs).get("id") or f"script {len(self.scripts)}"
            self.scripts[self._script] = ""
        elif tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._script = None
        elif tag == "td":
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self.scripts[self._script] += data
        elif self._in_cell:
            self.rows[-1][-1] += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(without_plotly(page))
    reader.close()
    return reader


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return drilled(tmp_path_factory.mktemp("drilled"))


@pytest.fixture(scope="module")
def judgement(record: Record) -> Judgement:
    return judge(record)


@pytest.fixture(scope="module")
def page(record: Record, judgement: Judgement) -> str:
    return html(record, judgement)


def test_golden(golden: Any, record: Record) -> None:
    """The page of a fixed record and a fixed judgement is a fixed text."""
    fixed = Judgement.model_validate_json((Path(__file__).parent / "judgement.json").read_text(encoding="utf-8"))
    page = without_plotly(html(record, fixed))
    page = page[: page.index('<section id="files">')] + page[page.index("</main>") :]  # hashes have a test of their own
    golden("page.html", re.sub(r"'sha256-[^']+'", "'sha256-'", page))


def test_fetches_nothing(page: str) -> None:
    """The page holds all it needs and its policy forbids every request."""
    reader = read(page)
    for tag, attributes in reader.tags:
        assert tag not in ("link", "iframe", "img", "object", "embed", "base")
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
    policy = next(
        attributes["content"]
        for _, attributes in reader.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "url(" not in page[: page.index("</style>")]
    assert page.count(PLOTLY_BEGIN) == page.count(PLOTLY_END) == 1


def test_states_the_outcome_first(page: str, judgement: Judgement) -> None:
    """The first words of the page are the outcome."""
    text = re.sub(r"<[^>]*>", " ", page[page.index("<body>") : page.index("</header>")])
    assert " ".join(text.split()).startswith(f"✗ {words.outcome_sentence(judgement)}")
    assert judgement.outcome is Outcome.MISSED


def test_every_verdict_is_there(page: str, judgement: Judgement) -> None:
    """Each verdict has its row: outcome in symbol and word, promise, because, and the events it rests on."""
    rows = [row for row in read(page).rows if len(row) == 5]
    for verdict in judgement.verdicts:
        row = next(row for row in rows if row[1] == verdict.promise)
        assert row[0] == f"{words.symbol(verdict.outcome)} {verdict.outcome}"
        assert row[2:4] == [words.claimed(verdict), words.measured(verdict)]
        assert row[4].startswith(verdict.because)
        assert all(event in row[4] for event in verdict.events)


def test_numbers_are_the_judgements(page: str, judgement: Judgement) -> None:
    """What the page says is what `judge --json` prints, and that stands in the page too."""
    reader = read(page)
    printed = json.loads(json_text(judgement))
    assert json.loads(reader.scripts["verdict"]) == printed
    cells = {row[0]: row for row in reader.rows if row and len(row) != 5}
    for name, data in printed["data"].items():
        if name != "rpa_s":
            assert cells[name.replace("_", " ")][1] == f"{data:,}"
    for name in ("planned", "sent", "waiting", "expired"):
        assert cells[name][1] == f"{printed['load'][name]:,}"
    recoveries = {row[0]: row for row in reader.rows if len(row) == 11}
    for slo, found in printed["recovery"].items():
        assert recoveries[slo][1:3] == [f"{found['inject_s']:.3f} s", f"{found['effect_s']:.3f} s"]
        rta = found["rta_inject_s"]
        assert recoveries[slo][5] == f"{rta['lower']:.3f} to {rta['upper']:.3f} s"
    budgets = {row[0]: row for row in reader.rows if len(row) == 8}
    for slo, found in printed["budget"].items():
        assert budgets[slo][1] == f"{found['good']:,} of {found['total']:,}"
        assert budgets[slo][6] == f"{found['bad_minutes_at_production']:.2f} min"


def test_marks_drawn_are_the_judgements(page: str, judgement: Judgement) -> None:
    """The lines through the charts stand where the judge found the marks of the slowest SLO."""
    charts = json.loads(read(page).scripts["charts"])
    slowest = judgement.recovery["orders-accepted"]
    assert slowest.recovered_s is not None
    expected = [
        judgement.fault.inject_s,
        judgement.fault.applied_s,
        judgement.fault.end_s,
        slowest.effect_s,
        slowest.first_ok_s,
        slowest.recovered_s.upper,
    ]
    for chart in charts:
        lines = [shape["x0"] for shape in chart["layout"]["shapes"] if shape["type"] == "line"]
        assert sorted(lines) == pytest.approx(sorted(expected), abs=1e-6)
        band = next(shape for shape in chart["layout"]["shapes"] if shape["type"] == "rect")
        assert (band["x0"], band["x1"]) == (judgement.fault.inject_s, judgement.fault.end_s)


def test_labels_of_marks_stand_on_lines_of_their_own(page: str) -> None:
    """However close two marks are in time, their labels do not overlap."""
    lanes = json.loads(read(page).scripts["charts"])[0]
    heights = sorted(label["y"] for label in lanes["layout"]["annotations"])
    assert len(heights) == 6 + 3
    assert all(later - earlier >= 15 for earlier, later in pairwise(heights))


def test_a_surge_is_shaded_in_every_chart(record: Record) -> None:
    """From its begin to its end a surge is a band of its own with a dotted edge, and has a lane with its times."""
    events = [*record.events]
    for seconds, kind in ((22.2, Kind.SURGE_BEGIN), (41.9, Kind.SURGE_END)):
        events.append(Event(at_ns=at(seconds), kind=kind, name="", data={}))
    surged = replace(record, events=tuple(sorted(events, key=lambda event: event.at_ns)))
    page = html(surged, judge(surged))
    for chart in json.loads(read(page).scripts["charts"]):
        bands = [shape for shape in chart["layout"]["shapes"] if shape["type"] == "rect"]
        assert [(band["x0"], band["x1"]) for band in bands if band["line"].get("dash") == "dot"] == [(22.2, 41.9)]
        assert len(bands) == 2  # the other one is the fault
    assert "surge of the load\\u003c/b\\u003e 22.2 to 41.9 s" in read(page).scripts["charts"]
    assert "The dotted one is the surge" in page


def test_a_surge_that_never_ended_is_shaded_to_the_end(record: Record) -> None:
    """A run that broke off in its surge shows it to the end; one without a surge shows none."""
    begin = Event(at_ns=at(22.2), kind=Kind.SURGE_BEGIN, name="", data={})
    assert timeline_of(replace(record, events=(*record.events, begin))).surges == ((22.2, END_S),)
    assert timeline_of(record).surges == ()


def test_outside_text_is_only_text(tmp_path: Path) -> None:
    """No text from outside becomes markup or script, wherever it came from."""
    zones = (f"a{EVIL_ZONE}", "zone-b", "zone-c")
    texts = {one.name: f"{one.name} {EVIL}" for one in fields(Names) if one.name != "zones"}
    hostile = drilled(tmp_path / "hostile", Names(**texts, zones=zones))
    tame = drilled(tmp_path / "tame")
    page, usual = html(hostile, judge(hostile)), html(tame, judge(tame))
    reader, usual_reader = read(page), read(usual)
    assert [tag for tag, _ in reader.tags] == [tag for tag, _ in usual_reader.tags]
    assert [set(attributes) - {"class"} for _, attributes in reader.tags] == [
        set(attributes) - {"class"} for _, attributes in usual_reader.tags
    ]
    assert "49" not in re.findall(r"onerror=alert\(1\)&gt;(\d+)", page)
    for name in ("charts", "verdict"):
        assert not set("<>&\u2028") & set(reader.scripts[name])
    charts = json.loads(reader.scripts["charts"])
    names = [trace["name"] for chart in charts for trace in chart["data"] if "name" in trace]
    assert any("&lt;" in name for name in names)
    assert not any("<" in name for name in names)


@pytest.mark.parametrize("build", [killed, barely_begun])
def test_a_run_cut_short_still_gives_a_page(build: Any, tmp_path: Path) -> None:
    """A run killed at any moment has a page; what it cannot know is called unknown, and nothing is met."""
    record = build(tmp_path)
    judgement = judge(record)
    page = html(record, judgement)
    assert "UNKNOWN" in page
    assert "could not be drawn" not in page
    assert {row[0] for row in read(page).rows if len(row) == 5 and row[0] != "shop-az"} == {"? unknown"}
    assert bool(json.loads(read(page).scripts["charts"])) == bool(len(record.requests))


def test_a_record_that_cannot_be_drawn_keeps_its_verdicts(record: Record, judgement: Judgement) -> None:
    """Where drawing fails, the page says so and shows the verdicts all the same."""
    broken = Record(**{**vars(record), "zones": None})
    page = html(broken, judgement)
    assert "This record could not be drawn" in page
    assert "shop-az RTO" in page


def test_files_are_named_with_their_hashes(page: str, record: Record) -> None:
    """Each file of the record stands on the page with its SHA-256; what is made from the record does not."""
    (record.path / "report.html").write_text("old")
    rows = {row[0]: row for row in read(page).rows if row}
    for path in record.path.iterdir():
        if path.name == "report.html":
            assert path.name not in rows
        else:
            assert rows[path.name][2] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_json_has_the_documented_shape(judgement: Judgement) -> None:
    """`judge --json` prints wellproven/verdict/v1 by the names the documentation gives."""
    printed = json.loads(json_text(judgement))
    assert printed["schema"] == "wellproven/verdict/v1"
    assert set(printed) == {
        "schema", "run", "experiment", "target", "outcome", "verdicts", "recovery", "data", "budget", "breaker", "load",
        "fault", "dependency", "sweep",
    }  # fmt: skip
    assert set(printed["verdicts"][0]) >= {"promise", "kind", "outcome", "claimed", "measured", "unit", "because"}
    assert Judgement.model_validate_json(json_text(judgement)) == judgement
