"""SARIF: a practice holds where every run succeeded and found nothing at the asked level."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.errors import FileError
from harness.review import Shown
from harness.review.findings import Findings
from tests.review.findings.helpers import FILES, STATIC, fixture, read, write

ENTRY = "{file: x.sarif, kind: sarif, proves: " + STATIC + "}"


def of(folder: Path, log: Any, entry: str = ENTRY) -> Findings:
    write(folder, "x.sarif", log)
    return read(folder, entry)


def one(findings: Findings) -> Shown:
    [shown] = findings.shown
    return shown


def test_a_run_without_an_error_holds_as_of_its_end() -> None:
    """A warning is below the asked level; the file's own end time counts, and what was looked at is said."""
    shown = one(read(FILES, "{file: semgrep.sarif, kind: sarif, proves: " + STATIC + "}"))
    assert (shown.question, shown.choice, shown.holds) == ("sec_build", "sec_static_testing", True)
    assert shown.at == datetime(2026, 10, 1, 8, 1, 30, 250_000, UTC)
    assert shown.source == "semgrep.sarif"
    assert shown.because == (
        "Semgrep OSS 1.139.0: none of 2 results at error or above; looked at with 3 rules at revision 5f0c9c1a2b3c"
    )


def test_a_suppressed_finding_makes_it_partial() -> None:
    """Somebody's word stands between the finding and the proof."""
    shown = one(read(FILES, "{file: semgrep.sarif, kind: sarif, proves: " + STATIC + "}"))
    assert shown.short_of == ("1 finding at error or above suppressed",)


def test_a_suppression_that_is_rejected_or_under_review_counts_for_nothing(tmp_path: Path) -> None:
    """Only an accepted one, or one without a status, suppresses."""
    log = fixture("semgrep.sarif")
    for status, holds in (("accepted", True), ("underReview", False), ("rejected", False)):
        log["runs"][0]["results"][1]["suppressions"] = [{"kind": "external", "status": status}]
        assert one(of(tmp_path, log)).holds is holds


def test_the_asked_level_decides() -> None:
    """The same file refutes where warnings count; the rule's own level stands for a result that says none."""
    shown = one(read(FILES, "{file: semgrep.sarif, kind: sarif, level: warning, proves: " + STATIC + "}"))
    assert not shown.holds
    assert "1 finding at warning or above: python.lang.security.audit.exec-detected;" in shown.because


def test_findings_refute_with_counts_and_the_first_ids() -> None:
    """Two of one rule are said once, with their number."""
    entry = "{file: trivy.sarif, kind: sarif, proves: {question: sec_build, choice: sec_dependency_testing}}"
    shown = one(read(FILES, entry))
    assert not shown.holds
    assert shown.because == ("Trivy 0.67.0: 2 findings at error or above: CVE-2026-11111 (2); looked at with 2 rules")
    assert shown.short_of == ()


def test_several_practices_may_be_named() -> None:
    """One scan can speak for more than one practice."""
    both = "[{question: sec_build, choice: sec_dynamic_testing}, {question: sec_network, choice: sec_zero_trust}]"
    found = read(FILES, "{file: zap.sarif, kind: sarif, proves: " + both + "}")
    assert [(shown.choice, shown.holds) for shown in found.shown] == [
        ("sec_dynamic_testing", True),
        ("sec_zero_trust", True),
    ]


@pytest.mark.parametrize("flags", [[False], [True, False], [False, True]])
def test_a_run_that_did_not_succeed_shows_nothing(tmp_path: Path, flags: list[bool]) -> None:
    """Neither that it holds nor that it does not, and it is said."""
    for log in (fixture("semgrep.sarif"), fixture("trivy.sarif")):
        log["runs"][0]["invocations"] = [
            {"executionSuccessful": flag, "endTimeUtc": "2026-10-01T08:00:00Z"} for flag in flags
        ]
        found = of(tmp_path, log)
        assert found.shown == []
        assert "did not succeed" in found.notes[0]


def test_a_run_without_a_time_shows_nothing(tmp_path: Path) -> None:
    """The file's own age is not the scan's."""
    for name in ("semgrep.sarif", "trivy.sarif"):
        log = fixture(name)
        log["runs"][0]["invocations"] = [{"executionSuccessful": True}]
        log["runs"][0].pop("versionControlProvenance", None)
        found = of(tmp_path, log)
        assert found.shown == []
        assert "says no time" in found.notes[0]


def test_a_run_that_does_not_say_that_it_succeeded_may_refute_but_not_prove(tmp_path: Path) -> None:
    """The time of what it looked at stands in for its own."""
    for name, holds in (("zap.sarif", []), ("trivy.sarif", [False])):
        log = fixture(name)
        log["runs"][0]["invocations"] = []
        log["runs"][0]["versionControlProvenance"] = [
            {"repositoryUri": "https://git.example/shop", "asOfTimeUtc": "2026-09-30T00:00:00Z"}
        ]
        found = of(tmp_path, log)
        assert [shown.holds for shown in found.shown] == holds


def test_a_run_without_results_shows_nothing(tmp_path: Path) -> None:
    """SARIF leaves results out, or null, where nothing was scanned; an empty list is a clean scan."""
    log = fixture("zap.sarif")
    log["runs"][0]["results"] = []
    assert one(of(tmp_path, log)).holds
    log["runs"][0]["results"] = None
    assert of(tmp_path, log).shown == []
    del log["runs"][0]["results"]
    found = of(tmp_path, log)
    assert found.shown == []
    assert "has no results" in found.notes[0]


def test_a_clean_run_that_names_nothing_it_looked_at_is_partial(tmp_path: Path) -> None:
    """No rules, no files: it may have looked at nothing."""
    log = fixture("zap.sarif")
    run = log["runs"][0]
    run["results"], run["tool"]["driver"]["rules"] = [], []
    assert one(of(tmp_path, log)).short_of == ("ZAP 2.16.1 names neither rules nor files it looked at",)
    run["artifacts"] = [{"location": {"uri": "shop/app.py"}}]
    shown = one(of(tmp_path, log))
    assert shown.short_of == ()
    assert shown.because.endswith("looked at 1 file")


def test_of_several_runs_all_must_be_clean(tmp_path: Path) -> None:
    """And what holds is as old as the oldest of them."""
    clean, found = fixture("zap.sarif"), fixture("trivy.sarif")
    other = fixture("semgrep.sarif")
    log = {"version": "2.1.0", "runs": [*clean["runs"], *other["runs"]]}
    shown = one(of(tmp_path, log))
    assert shown.holds
    assert shown.at.day == 1
    log["runs"] += found["runs"]
    assert not one(of(tmp_path, log)).holds
    log["runs"][-1]["invocations"] = [{"executionSuccessful": True}]
    assert of(tmp_path, log).shown == []  # it found something, who knows when


def test_only_the_named_tools_runs_count(tmp_path: Path) -> None:
    """A file may hold runs of several tools."""
    log = {"version": "2.1.0", "runs": [*fixture("zap.sarif")["runs"], *fixture("trivy.sarif")["runs"]]}
    entry = "{file: x.sarif, kind: sarif, tool: zap, proves: " + STATIC + "}"
    assert one(of(tmp_path, log, entry)).holds
    found = of(tmp_path, log, entry.replace("zap", "codeql"))
    assert found.shown == []
    assert "no run of codeql" in found.notes[0]


def test_results_of_other_kinds_do_not_refute(tmp_path: Path) -> None:
    """What is open or to be reviewed makes it partial; what passed, does not apply or is gone says nothing."""
    log = fixture("trivy.sarif")
    first, second, _ = log["runs"][0]["results"]
    first["baselineState"] = "absent"
    second["kind"] = "notApplicable"
    assert one(of(tmp_path, log)).short_of == ()
    second["kind"] = "review"
    shown = one(of(tmp_path, log))
    assert shown.holds
    assert shown.short_of == ("1 result open or to be reviewed",)


def test_errors_of_the_tool_itself_make_it_partial(tmp_path: Path) -> None:
    """A rule that could not run found nothing, too."""
    log = fixture("zap.sarif")
    log["runs"][0]["invocations"][0]["toolExecutionNotifications"] = [{"level": "error", "message": {"text": "x"}}]
    assert one(of(tmp_path, log)).short_of == ("the tool met 1 error of its own",)


def test_a_time_to_come_is_a_mistake(tmp_path: Path) -> None:
    """A scan of tomorrow proves nothing; some minutes are another host's clock."""
    log = fixture("zap.sarif")
    log["runs"][0]["invocations"][0]["endTimeUtc"] = "2026-10-05T12:04:00Z"
    assert one(of(tmp_path, log)).at == datetime(2026, 10, 5, 12, tzinfo=UTC)
    log["runs"][0]["invocations"][0]["endTimeUtc"] = "2026-10-05T12:06:00Z"
    with pytest.raises(FileError, match=r"runs\[0\]\.invocations\[0\]\.endTimeUtc: got .*expected a time in the past"):
        of(tmp_path, log)


def test_a_time_before_all_time_is_a_mistake(tmp_path: Path) -> None:
    """Go prints 0001-01-01 where there was no time at all."""
    log = fixture("zap.sarif")
    log["runs"][0]["invocations"][0]["endTimeUtc"] = "0001-01-01T00:00:00Z"
    with pytest.raises(FileError, match=r"endTimeUtc: got .*expected a time such as"):
        of(tmp_path, log)


def test_every_mistake_of_a_file_is_said_at_once(tmp_path: Path) -> None:
    """Each with its place in the file."""
    log = fixture("zap.sarif")
    log["version"] = "2.0.0"
    log["runs"][0]["results"][0]["level"] = "fatal"
    log["runs"][0]["invocations"][0]["executionSuccessful"] = "yes"
    with pytest.raises(FileError) as caught:
        of(tmp_path, log)
    assert [mistake.path for mistake in caught.value.mistakes] == [
        "runs[0].invocations[0].executionSuccessful",
        "runs[0].results[0].level",
        "version",
    ]


def test_control_characters_do_not_reach_what_is_said(tmp_path: Path) -> None:
    """Neither a terminal's escapes nor marks that turn text around."""
    log = fixture("trivy.sarif")
    log["runs"][0]["tool"]["driver"]["name"] = "Tri\x1b[31mvy\u202e\nx"
    said = one(of(tmp_path, log)).because
    assert said.startswith("Tri[31mvy x 0.67.0: ")
