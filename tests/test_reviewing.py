"""The review's page from the command line, and beside the drills."""

import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from harness import slo
from harness.cli import main
from harness.plan import TESTBED, Plan, built_in_target
from harness.report.page import PLOTLY_BEGIN
from harness.review import BUILT_IN, aws_json, built_in_lens, read_answers
from harness.review.findings.checks import table
from harness.testbed import BedStatus, Settings
from harness.testbed.place import Place
from harness.testbed.settings import DatabaseStatus, ZoneState, ZoneStatus
from harness.verbs.reviewing import Sources, shown_elsewhere
from tests.report import built_runs

ROOT = Path(__file__).parents[1]


def wellproven(*arguments: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr)."""
    out, err = io.StringIO(), io.StringIO()
    return main(arguments, out, err), out.getvalue(), err.getvalue()


def links(page: Path) -> list[str]:
    """Where a page's links lead out of it; plotly's own text is no page."""
    text = page.read_text(encoding="utf-8").partition(PLOTLY_BEGIN)[0]
    return [one for one in re.findall(r'<a href="([^"]+)"', text) if one[0] != "#"]


def stored(path: Path, names: built_runs.Names) -> Path:
    """A hand-built run, which says when it was begun as real runs do."""
    record = built_runs.drilled(path, names)
    head = path / "run.json"
    head.write_text(head.read_text().replace("2026-07-01T10:00:00Z", "2026-07-01T10-00-00Z"))
    return record.path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shop's files as the working directory; instead of drilling, `drill` stores a hand-built run."""
    for folder in ("slos", "experiments"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    target = (
        "{name: staging, base-url: 'http://127.0.0.1:1', environment: staging, max-rate: 500/s, zone-header: x-zone}"
    )
    (tmp_path / "experiments/targets.yaml").write_text(f"targets:\n  - {target}\n")
    monkeypatch.chdir(tmp_path)
    stamps = iter(["2026-11-20T10-00-00Z", "2026-11-21T10-00-00Z"])

    def store(plan: Plan, _target: object, *, runs: Path, **_: object) -> Path:
        names = built_runs.Names(experiment=plan.experiment, target="staging")
        return stored(runs / plan.experiment / next(stamps), names)

    def allowed(plans: list[Plan], *_: object) -> list[Plan]:
        return plans

    monkeypatch.setattr("harness.verbs.drill.checked", allowed)  # nothing is hit, so nobody is asked what would be
    monkeypatch.setattr("harness.verbs.drill.run", store)
    return tmp_path


def drill(*names: str) -> tuple[int, str, str]:
    return wellproven("drill", *names, "--target", "staging")


def test_a_drill_writes_the_review_and_its_report_says_where(project: Path) -> None:
    """The page lies beside the runs, its path is printed, and it and the reports lead to each other."""
    code, _, err = drill("az-failure", "instance-lost")
    assert code == 1
    page = project / "runs/review-staging.html"
    assert err.count("review    runs/review-staging.html") == 2
    assert [path.name for path in project.glob("runs/*") if path.is_file()] == [page.name]
    reports = sorted(project.glob("runs/*/*/report.html"))
    assert len(reports) == 2
    found = {(page.parent / one).resolve() for one in links(page)}
    assert found == {one.resolve() for one in reports}
    for report in reports:
        [link] = links(report)
        assert (report.parent / link).resolve() == page.resolve()


def test_a_bad_review_spoils_no_drill(project: Path) -> None:
    """What is wrong is one line; outcome, report and exit code are those of the drill, without a link."""
    (project / "slos/review.yaml").write_text("lens: wellproven\nquestions: {rel_redundanzy: {claimed: []}}\n")
    code, out, err = drill("az-failure")
    assert code == 1
    assert "MISSED" in out
    assert "review    not written: slos/review.yaml:2: questions.rel_redundanzy" in err
    [report] = project.glob("runs/*/*/report.html")
    assert links(report) == []
    assert not list(project.glob("runs/review*"))


def test_a_page_that_cannot_be_written_spoils_no_drill(project: Path) -> None:
    """Neither a folder in its place nor a mistake of ours."""
    (project / "runs/review-staging.html").mkdir(parents=True)
    code, _, err = drill("az-failure")
    assert code == 1
    assert "review    not written: runs/review-staging.html: Is a directory" in err
    assert len(list(project.glob("runs/*/*/report.html"))) == 1


def test_a_mistake_of_ours_in_the_review_spoils_no_drill(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The drill has happened; what is said of it afterwards cannot undo it."""

    def crash(*_: object) -> None:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr("harness.verbs.reviewing.review_html", crash)
    code, _, err = drill("az-failure")
    assert (code, project.exists()) == (1, True)
    assert "review    not written, by a mistake of ours: ZeroDivisionError: boom" in err
    assert "report    runs/az-failure" in err


def test_without_answers_no_page_is_written(project: Path) -> None:
    """Whoever reviews nothing hears nothing of it."""
    (project / "slos/review.yaml").unlink()
    code, _, err = drill("az-failure")
    assert code == 1
    assert "review " not in err
    assert not list(project.glob("runs/review*"))


def test_review_writes_its_page_where_it_is_told(project: Path) -> None:
    """Links are relative to where the page lies; a run without a report has none; the exit code is the review's."""
    drill("az-failure", "instance-lost")
    shutil.rmtree(project / "runs/instance-lost")
    (project / "a:b c").mkdir()
    words = ("review", "--target", "staging")
    code, out, _ = wellproven(*words, "-o", "a:b c/page.html")
    assert out == "a:b c/page.html\n"
    page = project / "a:b c/page.html"
    [link] = set(links(page))
    assert (page.parent / link).resolve() == next(project.glob("runs/*/*/report.html")).resolve()
    assert code == wellproven(*words)[0] == 1
    next(project.glob("runs/*/*/report.html")).unlink()
    assert wellproven(*words, "-o", "page.html")[0] == 1
    assert links(project / "page.html") == []
    assert "az-failure/2026" in (project / "page.html").read_text()
    printed = wellproven(*words, "-o", "-")[1]
    assert printed.startswith("<!doctype html>")


def test_a_run_in_a_folder_with_a_colon_is_no_other_address(project: Path) -> None:
    """A link is percent-encoded: a folder called javascript: is a folder."""
    stored(project / "runs/javascript:alert(1)/now", built_runs.Names(target="staging"))
    (project / "runs/javascript:alert(1)/now/report.html").write_text("")
    wellproven("review", "--target", "staging", "-o", "runs/page.html")
    assert set(links(project / "runs/page.html")) == {"javascript%3Aalert%281%29/now/report.html"}


def test_a_page_that_cannot_be_written_is_69(project: Path) -> None:
    """The path and the way out in one line; nothing half-written is left."""
    code, _, err = wellproven("review", "-o", "no/such/folder/page.html")
    assert code == 69
    assert "no/such/folder/page.html: cannot be written (No such file or directory)" in err
    (project / "page.html").mkdir()
    assert wellproven("review", "-o", "page.html")[0] == 69
    assert not list(project.glob(".page.html*"))


@pytest.mark.parametrize("words", [("roadmap", "-o", "x"), ("trend", "-o", "x"), ("--json", "-o", "x")])
def test_only_the_whole_review_has_a_page(project: Path, words: tuple[str, ...]) -> None:
    """Anything else is redirected by the shell, and that is said."""
    code, _, err = wellproven("review", *words)
    assert (code, (project / "x").exists()) == (64, False)
    assert "-o FILE writes the review's page" in err


def test_a_report_made_again_still_leads_to_the_review(project: Path) -> None:
    """`report RUN` finds the page where the drill left it; elsewhere the link is seen from there."""
    drill("az-failure")
    [report] = project.glob("runs/*/*/report.html")
    before = links(report)
    assert wellproven("report", str(report.parent))[0] == 0
    assert links(report) == before == ["../../review-staging.html"]
    assert wellproven("report", str(report.parent), "-o", "elsewhere.html")[0] == 0
    assert links(project / "elsewhere.html") == ["runs/review-staging.html"]
    (project / "runs/review-staging.html").unlink()
    assert wellproven("report", str(report.parent))[0] == 0
    assert links(report) == []


@pytest.mark.parametrize(
    "words",
    [
        ("report", "runs/latest"),
        ("report", "runs/latest", "-o", "runs/latest/again.html"),
        ("report", "runs/az-failure/2026-11-20T10-00-00Z"),
        ("report", "elsewhere/az-failure/2026-11-20T10-00-00Z"),
        ("review", "--target", "staging", "-o", "runs/latest/page.html"),
        ("review", "--target", "staging", "-o", "runs/page.html"),
        ("review", "--target", "staging", "--runs", "elsewhere", "-o", "elsewhere/page.html"),
        ("review", "--target", "staging", "--runs", "elsewhere", "-o", "page.html"),
    ],
    ids=" ".join,
)
def test_every_link_of_a_page_leads_somewhere_from_where_it_says_it_lies(project: Path, words: tuple[str, ...]) -> None:
    """A browser reads `..` off the path it was given: it is the path that was printed, also behind symbolic links."""
    drill("az-failure", "instance-lost")
    (project / "runs/latest").symlink_to("az-failure/2026-11-20T10-00-00Z")
    (project / "deep/er").mkdir(parents=True)
    (project / "runs").rename(project / "deep/er/runs")
    (project / "runs").symlink_to("deep/er/runs")
    (project / "elsewhere").symlink_to("deep/er/runs")
    _, out, _ = wellproven(*words)
    page = project / out.strip()
    assert page.is_file()
    found = [os.path.normpath(page.parent / unquote(one)) for one in links(page)]
    assert found
    assert [one for one in found if not Path(one).is_file()] == []


def browser(project: Path, *words: str) -> str:
    """What a browser without a screen prints."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={project / 'browser'}"]
    return subprocess.run(["chromium", *options, *words], capture_output=True, text=True, timeout=60, check=True).stdout


in_a_browser = pytest.mark.skipif(
    shutil.which("chromium") is None, reason="no chromium on the PATH: apt install chromium, or sh .ci/browser"
)


@pytest.mark.slow
@in_a_browser
def test_a_report_opened_by_way_of_latest_leads_to_the_review(project: Path) -> None:
    """In a browser the page lies one folder nearer to the review there, and its link is one folder shorter."""
    drill("az-failure")
    latest = project / "runs/latest"
    latest.symlink_to("az-failure/2026-11-20T10-00-00Z")
    for folder, link in ((latest, "../review-staging.html"), (latest.resolve(), "../../review-staging.html")):
        page = browser(project, "--dump-dom", f"file://{folder / 'report.html'}")
        assert f'<a href="{link}">The review</a>' in page


@pytest.mark.slow
@in_a_browser
def test_a_review_prints_everything_on_a_few_sheets(project: Path) -> None:
    """Each part is open, and no column shrinks to a letter a line: then a gap took a sheet."""
    page, paper = project / "page.html", project / "page.pdf"
    wellproven("review", "-o", str(page))
    browser(project, "--no-pdf-header-footer", f"--print-to-pdf={paper}", f"file://{page}")
    sheets = len(re.findall(rb"/Type\s*/Page\b", paper.read_bytes()))
    assert 12 <= sheets <= 28


@pytest.mark.parametrize("form", ["text", "markdown", "csv", "github"])
def test_the_roadmap_has_a_form_for_each_reader(project: Path, form: str) -> None:
    """On a terminal by default; at most 80 columns wide there."""
    code, out, _ = wellproven("review", "roadmap", "--as", form)
    assert (code, project.exists()) == (0, True)
    assert "rel_backup_automated" in out.replace("\\", "")
    if form == "text":
        assert out == wellproven("review", "roadmap")[1]
        assert max(map(len, out.splitlines())) <= 80


def test_json_is_json_whatever_is_asked(project: Path) -> None:
    """Roadmap, trend and milestone too; with another format it is a wrong command line."""
    for what, part in ((("roadmap",), "roadmap"), (("trend",), "trend"), (("milestone", "spring"), "states")):
        code, out, _ = wellproven("review", *what, "--json")
        assert (code, part in json.loads(out)) == (0, True)
    assert len(list(project.glob("slos/milestones/*-spring.json"))) == 1
    assert wellproven("review", "roadmap", "--json", "--as", "csv")[0] == 64


def test_what_other_tools_found_goes_into_awss_tool_with_what_runs_show(project: Path) -> None:
    """Where our own answers are by the lens that the tool has: their evidence is pushed beside the drills'."""
    assert drill("az-failure")[0] == 1
    assert project == Path.cwd()
    sources = Sources(Path("slos/review.yaml"), Path("runs"), Path("experiments"), "staging")
    ours = shown_elsewhere(sources, built_in_lens(), BUILT_IN, lambda _: None)
    by_source = {one.source: one.choice for one in ours}
    assert by_source["evidence/ruff.sarif"] == "sec_static_testing"
    assert any(source.startswith("az-failure/") for source in by_source)
    others = shown_elsewhere(sources, built_in_lens(), "somebody-elses", lambda _: None)
    assert not any(one.source.startswith("evidence/") for one in others)


SCOPED = "lens: wellproven\nscope:\n  slos: [orders-accepted, orders-acepted]\n  zones: [%s]\nquestions: {}\n"


@pytest.mark.parametrize("words", [("check",), ("review",)])
def test_names_in_the_scope_that_nobody_knows_are_mistakes_of_the_file(project: Path, words: tuple[str, ...]) -> None:
    """All at once, with their lines: evidence short of them would stay short for ever."""
    (project / "experiments/targets.yaml").unlink()
    answers = project / "slos/review.yaml"
    answers.write_text(SCOPED % "us-east-1a, us-east-1d")
    code, _, err = wellproven(*words)
    assert code == 65, err
    assert "review.yaml:3: scope.slos[1]: got 'orders-acepted'" in err
    assert "did you mean orders-accepted?" in err
    assert "review.yaml:4: scope.zones[1]: got 'us-east-1d'" in err
    assert "us-east-1a, us-east-1b, us-east-1c" in " ".join(err.split())
    assert "[0]" not in err
    answers.write_text(SCOPED.replace(", orders-acepted", "") % "us-east-1a, us-east-1c")
    assert wellproven(*words)[0] in (0, 2)


def test_zones_of_another_target_are_for_it_to_name(project: Path) -> None:
    """No mistake of a file that may be meant for it; a review of a target that was never seen to have them says so."""
    (project / "slos/review.yaml").write_text(SCOPED.replace(", orders-acepted", "") % "zone-a, somewhere")
    assert wellproven("check")[0] == 0
    assert "somewhere" not in wellproven("review", "--target", "staging")[2]
    assert drill("az-failure")[0] == 1
    code, _, err = wellproven("review", "--target", "staging")
    assert code in (0, 1, 2)
    assert "scope.zones: somewhere: no zone that target staging was seen to have" in " ".join(err.split())
    assert "zone-a, somewhere" in " ".join(wellproven("review")[2].split())


@pytest.mark.parametrize("named", [(), ("experiments/latency.yaml",)])
def test_an_experiment_that_proves_what_nobody_asks_is_a_mistake(project: Path, named: tuple[str, ...]) -> None:
    """Its runs would show nothing, and nobody would be told; another lens is for others."""
    path = project / "experiments/latency.yaml"
    text = path.read_text()
    assert wellproven("check", *named)[0] == 0
    path.write_text(text.replace("choice: rel_graceful_degradation", "choice: rel_gracefull_degradation"))
    code, _, err = wellproven("check", *named)
    assert (code, "did you mean rel_graceful_degradation?" in err) == (65, True)
    path.write_text(text.replace("question: rel_containment", "question: rel_containments"))
    code, _, err = wellproven("check", *named)
    assert (code, "did you mean rel_containment?" in err) == (65, True)


@contextmanager
def bed_that_is_up(**settings: Any) -> Iterator[str]:
    """A bed of these settings, as far as somebody who attaches can tell; this process stands for its keeper."""
    name = f"test-{os.getpid()}"
    place = Place(name)
    lock = place.lock()
    assert lock is not None
    place.create()
    status = BedStatus(
        name=name,
        settings=Settings(name=name, **settings),
        pid=os.getpid(),
        region="us-east-1",
        zones={"us-east-1a": ZoneStatus(state=ZoneState.UP, processes=(), instance_id="i-1")},
        database=DatabaseStatus(primary=None, standby=None, lag_bytes=None),
        endpoints={"edge": "http://127.0.0.1:1"},
        environment={},
        log="",
    )
    place.state.write_text(status.model_dump_json())
    try:
        yield name
    finally:
        place.remove()
        place.unlock(lock)


def test_proof_of_a_bed_that_is_set_otherwise_now_is_stale(project: Path) -> None:
    """The bed that is up is what is claimed of; without one, it is the one that a drill would bring up."""
    record = built_runs.drilled(project / "runs/az-failure/2026-11-20T10-00-00Z", built_runs.Names(target=TESTBED))
    head = record.path / "run.json"

    def outdated(configuration: str, bed: str = "no-such-bed") -> set[bool]:
        written = json.loads(head.read_text())
        head.write_text(json.dumps(written | {"configuration": configuration, "started_utc": "2026-11-20T10-00-00Z"}))
        sources = Sources(Path("slos/review.yaml"), Path("runs"), Path("experiments"), TESTBED, bed)
        shown = shown_elsewhere(sources, built_in_lens(), BUILT_IN, lambda _: None)
        return {bool(one.outdated) for one in shown if one.source.startswith("az-failure/")}

    sound, weak = (built_in_target(settings=one).configuration for one in ({}, {"cache": "required"}))
    assert (outdated(sound), outdated(weak)) == ({False}, {True})
    with bed_that_is_up(cache="required") as bed:
        assert (outdated(sound, bed), outdated(weak, bed)) == ({True}, {False})
    with bed_that_is_up() as bed:
        assert (outdated(sound, bed), outdated(weak, bed)) == ({False}, {True})


def test_a_lens_in_its_folder_beside_the_answers_is_no_slo(tmp_path: Path) -> None:
    """Where the docs say it goes, `check` takes the folder whole, and the review goes by it."""
    slos = tmp_path / "slos"
    (slos / "lenses").mkdir(parents=True)
    shutil.copy(ROOT / "slos/shop.yaml", slos)
    lens = built_in_lens()
    (slos / "lenses/ours.json").write_text(aws_json(lens))
    question = lens.questions[0].id
    (slos / "review.yaml").write_text(f"lens: lenses/ours.json\nquestions:\n  {question}: {{claimed: []}}\n")
    assert slo.read([slos]) == slo.read([slos / "shop.yaml"])
    answers = read_answers(slos / "review.yaml")
    assert (answers.lens_name, len(answers.lens.questions)) == ("ours", len(lens.questions))


def test_a_claim_that_can_be_shown_in_part_only_leaves_no_exit_code_forever(project: Path) -> None:
    """With all the evidence that is named it is partial and 0; before, nothing was shown, and 2."""
    question = next(
        (question, choice)
        for question in built_in_lens().questions
        for choice in question.choices
        if choice.provable.imports == ("prowler", "asff") and not choice.provable.wholly
    )
    at = datetime.now(UTC) - timedelta(hours=1)
    names = sorted({one.replace("*", "x") for row in table("prowler") for one in row.patterns})
    rows = "".join(f"{one};PASS;{at:%Y-%m-%d %H:%M:%S}\n" for one in names)
    file = project / "slos/evidence/prowler.csv"
    file.write_text(f"CHECK_ID;STATUS;TIMESTAMP\n{rows}")
    claim = f"lens: wellproven\nquestions: {{{question[0].id}: {{claimed: [{question[1].id}]}}}}\n"
    (project / "slos/review.yaml").write_text(claim)
    assert wellproven("review")[0] == 2
    (project / "slos/review.yaml").write_text(f"{claim}evidence: [{{file: evidence/prowler.csv, kind: prowler}}]\n")
    code, out, _ = wellproven("review", "--json")
    assert [one["state"] for pillar in json.loads(out)["pillars"] for one in pillar["practices"]].count("partial") == 1
    assert code == 0
