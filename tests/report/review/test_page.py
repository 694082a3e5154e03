"""The review's page."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from harness.judge import Outcome
from harness.report import review_html, review_json
from harness.report.review import phrases
from harness.review import Answers, PillarScore, Practice, Review, State, built_in_lens, review
from tests.report.review.reviews import EVIL, NOW, answers, bare, hostile, links, shown, tame, whole

VOID = {"meta", "rect", "line", "polyline", "circle", "img", "br"}


class Reader(HTMLParser):
    """Reads a page as a browser does: its elements, table rows as cells, and what stands where."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.sections: dict[str, str] = {}
        self.scripts: list[str] = []
        self._open: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append((tag, dict(attrs).get("id") or ""))
        if tag == "script":
            self.scripts.append("")
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th") and self.rows:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop()[0] == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        names = [tag for tag, _ in self._open]
        if "script" in names:
            self.scripts[-1] += data
        elif "td" in names or "th" in names:
            self.rows[-1][-1] += data
        for tag, name in self._open:
            if name and tag in ("section", "details"):
                self.sections[name] = self.sections.get(name, "") + data

    def row(self, first: str, size: int) -> list[str]:
        """The row of so many cells that begins with a text."""
        return next(plain(row) for row in self.rows if len(row) == size and plain(row)[0] == first)


def plain(cells: list[str]) -> list[str]:
    return [" ".join(cell.split()) for cell in cells]


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader._open == []
    return reader


@pytest.fixture(scope="module")
def found() -> Review:
    return whole()


@pytest.fixture(scope="module")
def page(found: Review) -> str:
    return review_html(found, links())


def practice(found: Review, name: str) -> Practice:
    return next(one for one in found.practices if one.choice.id == name)


def test_the_fixed_review_has_every_state(found: Review) -> None:
    """What the other tests look at holds something of everything."""
    assert {one.state for one in found.practices} == set(State) - {State.UNPROVEN}
    assert State.UNPROVEN in {one.state for one in bare().practices}


def test_golden(golden: Any, page: str) -> None:
    """The page of a fixed review is a fixed text."""
    golden("review.html", page)


def test_no_script_may_run_and_nothing_may_be_fetched(page: str) -> None:
    """Its policy allows no script at all, and no request; links lead to places of its own or to reports beside it."""
    reader = read(page)
    [policy] = [one["content"] for _, one in reader.tags if one.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "script-src" not in policy
    assert [one.get("type") for tag, one in reader.tags if tag == "script"] == ["application/json"]
    places = {one["id"] for _, one in reader.tags if one.get("id")}
    for tag, attributes in reader.tags:
        assert tag not in ("link", "iframe", "img", "object", "embed", "base", "form", "image", "use")
        assert not any(name.startswith("on") or name in ("src", "xlink:href", "action") for name in attributes)
        target = attributes.get("href") or "#scores"
        assert target.removeprefix("#") in places if target.startswith("#") else target in links().values()
    assert "url(" not in page
    assert "@import" not in page


def test_states_what_is_refuted_first(page: str, found: Review) -> None:
    """The first words are the worst there is to say; what is refuted follows, with its reason and its run."""
    text = " ".join(re.sub(r"<[^>]*>", " ", page[page.index("<body>") : page.index("</header>")]).split())
    assert text.startswith("✗ REFUTED: 1 of 5 claims; 2 not proven, 1 proven, 1 only words")
    assert "✗ refuted: Practise spread , because because of spread ( az-failure/autumn )" in text
    assert practice(found, "spread").state is State.REFUTED


def test_every_score_is_the_reviews(page: str, found: Review) -> None:
    """Numbers and bars of the scorecard are the review's own; what has no score has a dash and no bar."""
    reader = read(page)
    for pillar in found.pillars:
        row = reader.row(pillar.name, 8)
        assert row[2:5] == [phrases.score(one) for one in (pillar.claimed, pillar.proven, pillar.provable)]
        three = (pillar.risks_claimed, pillar.risks_unrefuted, pillar.risks_proven)
        assert row[5] == " / ".join(str(one.high) for one in three)
        assert row[6] == " / ".join(str(one.medium) for one in three)
        assert row[7].startswith(f"{pillar.unanswered} of ")
    assert reader.row("Balanced, each pillar the same", 8)[2:5] == [
        phrases.score(one) for one in (found.balance.claimed, found.balance.proven, found.balance.provable)
    ]
    keys = 2  # what the colours mean, for wide screens and for narrow ones
    drawn = [one["width"] for tag, one in reader.tags if tag == "rect" and one.get("class") == "proven"][keys:]
    known = [one.proven for one in (*found.pillars, found.balance) if one.proven is not None]
    assert drawn == [f"{one}%" for one in known]
    assert [one.proven for one in found.pillars][-1] is None
    assert reader.row("Not ours", 8)[2:5] == ["-", "-", "-"]


def test_the_review_itself_stands_in_the_page(page: str, found: Review) -> None:
    """What `review --json` prints can be taken out of the page again."""
    [script] = read(page).scripts
    assert json.loads(script) == json.loads(review_json(found))


def test_every_practice_has_its_row(page: str, found: Review) -> None:
    """State in symbol and word, weight, reason, and the evidence with its date; a run has a link, a file its name."""
    reader = read(page)
    rows = [plain(row) for row in reader.rows if len(row) == 5]
    for one in found.practices:
        row = next(row for row in rows if row[1].startswith(one.choice.title))
        assert row[0] == f"{phrases.symbol(one.state)} {one.state}"
        assert ("excluded: " in row[1]) is bool(one.excluded)
        assert one.excluded in row[1]
        assert row[2] == str(one.weight)
        if one.shown is not None:
            assert row[3] == one.because
            assert row[4] == f"{one.shown.source}{one.shown.at:%Y-%m-%d}"
    assert [row[4] for row in rows if row[1].startswith("Practise nobody")] == ["only words"]
    assert [row[4] for row in rows if row[1].startswith("Practise said")] == [
        "only words; could be shown by a drill of your own (try it); or a figure of your own (count it, at most 0)"
    ]
    assert [row[4] for row in rows if row[1].startswith("Practise scanned")] == [
        "could be: figure slo of any run; or findings sarif"
    ]
    page_links = {one.get("href") for tag, one in reader.tags if tag == "a"}
    assert "az-failure/autumn/report.html" in page_links
    assert not any("sarif" in (link or "") for link in page_links)


def test_what_is_left_out_says_why(page: str) -> None:
    """Excluded and not applicable practices stand there with their reasons."""
    text = " ".join(read(page).sections["left-out"].split())
    assert "stay in the denominator: Practise scanned: not this year" in text
    assert "in no score: Practise elsewhere: not here" in text


def test_what_drills_measured_stands_beside_the_scores(page: str, found: Review) -> None:
    """Recovery, data, budget and burn of the newest run of each experiment; a dash where there is no figure."""
    reader = read(page)
    assert reader.row("az-failure/autumn", 7)[1:] == [
        "✗ missed",
        "RTA 25.5 s of RTO 10 s",
        "1,017 acknowledged writes lostRPA 3.25 s of RPO 1 s",
        "8.1 % of 5 % allowed",
        "31.4",
        "0.125 s",
    ]
    assert reader.row("quiet/autumn", 7)[1:] == ["✓ met", "-", "-", "-", "-", "-"]
    reliability = found.pillars[0]
    scores = f"(claimed {phrases.score(reliability.claimed)}, proven {phrases.score(reliability.proven)})"
    assert f"reliability {scores}" in " ".join(reader.sections["measured"].split())


def test_every_gap_is_on_the_map_and_in_a_phase(page: str, found: Review) -> None:
    """Each gap has one mark in the quadrants and one row, in the review's order, with what closing it buys."""
    reader = read(page)
    marks = [one for _, one in reader.tags if (one.get("class") or "").startswith("chip ")]
    assert sorted(str(one["title"]) for one in marks) == sorted(
        f"{gap.practice.state}: {gap.practice.choice.title}" for gap in found.gaps
    )
    titles = {gap.practice.choice.title: gap for gap in found.gaps}
    rows = [plain(row) for row in reader.rows if len(row) == 6 and "complexity" not in row[3]]
    rows = [row for row in rows if any(row[1].startswith(title) for title in titles)]
    assert len(rows) == len(found.gaps)
    for gap in found.gaps:
        [row] = [row for row in rows if row[1].startswith(gap.practice.choice.title)]
        assert row[2].startswith(gap.to_do)
        assert all(said in row[2] for said in gap.buys)
        assert str(gap.due) in row[4]
        assert ("overdue" in row[4]) is gap.overdue
        assert ("(?)" in row[3]) is bool({"impact", "complexity"} & set(gap.assumed))
    assert any(gap.overdue for gap in found.gaps)
    assert any(gap.buys for gap in found.gaps)


def test_trade_offs_show_what_contradicts_them(page: str, found: Review) -> None:
    """Effects by pillar, each limit with its outcome, and every contradiction once."""
    text = " ".join(read(page).sections["trade-offs"].split())
    [one] = found.trade_offs
    assert "▲ Reliability: better" in text
    assert "▼ Own pillar: worse ✗ missed RPA in az-failure" in text
    effects = tuple(replace(on, checked=(), refuted=()) for on in one.effects)
    without = replace(found, trade_offs=(replace(one, effects=effects),))
    bare_text = " ".join(read(review_html(without, {})).sections["trade-offs"].split())
    assert "▲ Reliability: better no evidence ▼ Own pillar: worse no evidence" in bare_text
    for check in one.checked:
        assert text.count(f"{check.outcome} {check.because}") == 1
    assert len(one.contradictions) == 2
    for said in one.contradictions:
        assert text.count(said) == 1
    assert {check.outcome for check in one.checked} == {Outcome.MISSED, Outcome.UNKNOWN}


def test_improvements_and_trend_are_the_reviews(page: str, found: Review) -> None:
    """The claim with its figures; the scores at each milestone; what got worse, stale and better."""
    reader = read(page)
    [claim] = found.improved
    assert f"{claim.outcome} faster now: {claim.because}" in " ".join(reader.sections["improvements"].split())
    text = " ".join(reader.sections["trend"].split())
    assert found.trend is not None
    then, now = found.trend.scores["reliability"]
    assert f"Reliability proven {phrases.score(then)} → {phrases.score(now)}" in text
    assert f"Better since spring: {len(found.trend.better)}" in text
    assert "zones/spread: ? unproven → ✗ refuted" in text
    assert "zones/old: ✓ proven → ~ stale" in text
    dots = [one for tag, one in reader.tags if tag == "circle"]
    assert len(dots) == 2 * sum(pillar.proven is not None for pillar in found.pillars)


def test_without_runs_the_page_says_so() -> None:
    """Nothing measured, no milestone: said in words, with the command that would change it."""
    found = replace(bare(), trade_offs=(), improved=())
    text = {name: " ".join(said.split()) for name, said in read(review_html(found, {})).sections.items()}
    assert "no run on staging measured anything" in text["measured"]
    assert "No milestone yet" in text["trend"]
    assert "No decision is written down" in text["trade-offs"]


def test_a_run_without_a_report_is_named_without_a_link(found: Review) -> None:
    """Runs are tidied away; what they showed is still told, with their names."""
    page = review_html(found, {})
    assert "az-failure/autumn" in page
    assert 'href="az-failure' not in page


def test_with_everything_proven_the_page_has_no_gap() -> None:
    """A review without a gap says so, and its headline is that of what is proven."""
    said = answers()
    [pillar, *_] = said.lens.pillars
    only = replace(pillar, questions=(replace(pillar.questions[0], choices=pillar.questions[0].choices[:1]),))
    many = replace(said.questions["zones"], claimed=frozenset({"many"}))
    small = replace(said, lens=replace(said.lens, pillars=(only,)), questions={"zones": many}, decisions=())
    found = review(small, "staging", shown()[:1], [], (), NOW)
    page = review_html(found, {})
    assert "No gap: everything that applies is proven." in page
    assert "✓</span> PROVEN: 1 of 1 claims" in page


@pytest.mark.parametrize("value", [0, 0.2, 0.5, 37.5, 99.6, 99.999, 100])
def test_a_score_never_reads_0_or_100_where_it_is_neither(value: float) -> None:
    """Rounding does not make a gap vanish, nor a proof."""
    said = phrases.score(value)
    assert (said == "0") is (value == 0)
    assert (said == "100") is (value == 100)
    assert abs(float(said) - value) <= 1


def test_a_question_whose_risk_is_not_known_says_so(found: Review) -> None:
    """AWS's own lenses come without rules: that is no 0."""
    first: PillarScore = found.pillars[0]
    unknown = replace(first, risks_proven=replace(first.risks_proven, unknown=2))
    page = review_html(replace(found, pillars=(unknown, *found.pillars[1:])), {})
    assert "0/0/2 risks not known" in page


def test_outside_text_is_only_text() -> None:
    """No text from outside becomes markup, script, address or style, wherever it came from."""
    evil, usual = (review_html(whole(naming), links(naming)) for naming in (hostile, tame))
    reader, usual_reader = read(evil), read(usual)
    assert [tag for tag, _ in reader.tags] == [tag for tag, _ in usual_reader.tags]
    for (tag, attributes), (_, others) in zip(reader.tags, usual_reader.tags, strict=True):
        assert set(attributes) == set(others), tag
        for name, value in attributes.items():
            if name not in ("title", "aria-label", "data-label"):  # those may carry names
                assert value == others[name], (tag, name)
    assert "49" not in re.findall(r"onerror=alert\(1\)&gt;(\d+)", evil)
    assert "javascript:" not in re.sub(r'<script type="application/json".*', "", evil, flags=re.DOTALL)
    [script] = reader.scripts
    assert not set("<>&\u2028") & set(script)
    assert EVIL in json.loads(script)["target"]


def test_the_built_in_lens_has_its_six_pillars() -> None:
    """The page of the lens that comes with the product, with nothing answered."""
    empty = Answers(answers().file, "wellproven", built_in_lens(), {})
    found = review(empty, "testbed", [], [], (), NOW)
    reader = read(review_html(found, {}))
    for pillar in found.pillars:
        assert reader.row(pillar.name, 8)[2:4] == ["0", "0"]
    assert len(found.pillars) == 6
    assert "Nothing is claimed" in review_html(found, {})


def test_a_practice_proven_zone_by_zone_links_every_run() -> None:
    """The newest of each zone, with its day and its zone; an older run of the same zone is not one of them."""
    said = answers()
    said = replace(said, scope=replace(said.scope, zones=("a", "b")))
    many = next(one for one in shown() if one.choice == "many")
    runs = {
        f"az-failure/{name}": replace(many, source=f"az-failure/{name}", at=NOW - timedelta(days=days), zones=zones)
        for name, days, zones in (("one", 3, {"a"}), ("two", 2, {"b"}), ("old", 9, {"a"}))
    }
    found = review(said, "staging", list(runs.values()), [], (), NOW)
    proven = practice(found, "many")
    assert (proven.state, [one.source for one in proven.rests_on]) == (
        State.PROVEN,
        ["az-failure/two", "az-failure/one"],
    )
    page = review_html(found, {name: f"{name}/report.html" for name in runs})
    [row] = [one for one in re.findall(r"<tr id=\"practice-.*?</tr>", page, re.DOTALL) if "Practise many" in one]
    assert re.findall(r'<a href="([^"]+)"', row) == ["az-failure/two/report.html", "az-failure/one/report.html"]
    assert "2026-11-22, without b" in row
    assert "2026-11-21, without a" in row
    rows = json.loads(review_json(found))["pillars"][0]["practices"]
    assert [one["zones"] for one in rows[0]["rests_on"]] == [["b"], ["a"]]
