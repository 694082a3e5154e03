"""What a file says against a practice stands while the file says it, however clean another file, or part of it, is."""

from pathlib import Path

from harness.review import Answer, State, score
from tests.review.findings.helpers import NOW, OURS, STATIC, read, write
from tests.review.findings.test_checks import prowlers

EARLIER, LATER = "2026-10-03T10:00:00Z", "2026-10-03T10:05:00Z"


def state(folder: Path, question: str, choice: str, *entries: str) -> State:
    answers = {question: Answer(question, frozenset({choice}))}
    pillars = score(OURS, answers, read(folder, *entries).shown, NOW)
    return next(one.state for pillar in pillars for one in pillar.practices if one.choice.id == choice)


def scan(folder: Path, name: str, at: str, *errors: str) -> str:
    results = [{"ruleId": "R1", "level": "error", "message": {"text": one}} for one in errors]
    invocations = [{"executionSuccessful": True, "endTimeUtc": at}]
    driver = {"name": "scanner", "rules": [{"id": "R1"}]}
    runs = [{"tool": {"driver": driver}, "invocations": invocations, "results": results}]
    write(folder, name, {"version": "2.1.0", "runs": runs})
    return f"{{file: {name}, kind: sarif, proves: {STATIC}}}"


def test_a_clean_scan_does_not_hide_one_with_an_error(tmp_path: Path) -> None:
    """Whichever came first; once its own file is clean, nothing is left of it."""
    failing, clean = scan(tmp_path, "semgrep.sarif", EARLIER, "x"), scan(tmp_path, "ruff.sarif", LATER)
    place = ("sec_build", "sec_static_testing")
    assert state(tmp_path, *place, failing, clean) is State.REFUTED
    scan(tmp_path, "semgrep.sarif", EARLIER)
    assert state(tmp_path, *place, failing, clean) is State.PROVEN


def test_a_later_check_of_another_tool_does_not_hide_a_failing_one_in_the_same_file(tmp_path: Path) -> None:
    """Security Hub's controls failed, Prowler's checks of the same practice passed five minutes later."""
    failed = {"Compliance": {"Status": "FAILED"}, "UpdatedAt": EARLIER}
    controls = [{"GeneratorId": f"security-control/IAM.{number}", **failed} for number in (5, 6, 9, 19)]
    checks = ("iam_root_hardware_mfa_enabled", "iam_user_hardware_mfa_enabled")
    write(tmp_path, "hub.json", [*controls, *(prowlers(one, "PASSED", UpdatedAt=LATER) for one in checks)])
    assert state(tmp_path, "sec_identity", "sec_mfa", "{file: hub.json, kind: asff}") is State.REFUTED
    for one in controls:
        one["Compliance"] = {"Status": "PASSED"}
    write(tmp_path, "hub.json", [*controls, *(prowlers(one, "PASSED", UpdatedAt=LATER) for one in checks)])
    assert state(tmp_path, "sec_identity", "sec_mfa", "{file: hub.json, kind: asff}") is State.PROVEN
