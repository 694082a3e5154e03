"""Security Hub and Prowler: checks of accounts, and the practices they speak for."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.errors import FileError
from tests.review.findings.helpers import FILES, OURS, by_choice, fixture, read, write

HUB = "{file: securityhub.json, kind: asff}"
PROWLER = "{file: prowler.ocsf.json, kind: prowler}"


def test_checks_that_all_pass_prove_a_practice_as_of_the_oldest() -> None:
    """Accounts and regions that were looked at are said."""
    shown = by_choice(read(FILES, HUB))["sec_audit_trails"]
    assert shown.holds
    assert shown.short_of == ()
    assert shown.at == datetime(2026, 10, 3, 3, tzinfo=UTC)
    assert shown.because == (
        "all 2 checks passed (CloudTrail.1, CloudTrail.4); looked at account 111122223333, region eu-central-1"
    )


def test_one_failing_check_refutes() -> None:
    """With the number of those that failed and passed, and the first of them."""
    shown = by_choice(read(FILES, HUB))["sec_encryption_at_rest"]
    assert not shown.holds
    assert shown.because.startswith("2 checks failed: EC2.7 AWS::::Account:111122223333; 1 passed; looked at account")
    assert "regions eu-central-1, eu-west-1" in shown.because


def test_a_muted_failure_neither_refutes_nor_is_forgotten() -> None:
    """It leaves the practice shown in part, beside what the checks cannot see of it."""
    shown = by_choice(read(FILES, HUB))["sec_mfa"]
    assert shown.holds
    assert shown.short_of == ("1 failing check muted", "whether a user's second factor can be phished is not checked")


def test_archived_findings_and_findings_of_no_check_do_not_count() -> None:
    """AWS Config's failure is archived; GuardDuty's finding has no compliance status."""
    found = read(FILES, HUB)
    assert by_choice(found)["sec_compliance_monitoring"].holds
    assert "securityhub.json: 2 findings archived, or of no check: left out" in found.notes


def test_a_check_that_could_not_be_evaluated_proves_nothing() -> None:
    """WARNING and NOT_AVAILABLE are neither passed nor failed."""
    found = read(FILES, HUB)
    assert "sec_threat_detection" not in by_choice(found)
    assert any("sec_threat_detection: 1 check, none of which" in note for note in found.notes)


def test_a_practice_without_a_check_shows_nothing_and_that_is_said() -> None:
    """No evidence is no proof."""
    found = read(FILES, HUB)
    assert "sec_key_management" not in by_choice(found)
    assert any("none for sec_least_privilege" in note for note in found.notes)


def test_security_hub_is_understood_before_consolidation() -> None:
    """A list instead of a mapping; the control stands in the generator's id."""
    shown = by_choice(read(FILES, "{file: securityhub-by-standard.json, kind: asff}"))["sec_audit_trails"]
    assert not shown.holds
    assert shown.because.startswith("1 check failed: CloudTrail.4 ")


def prowlers(check: str, status: str, **other: object) -> dict[str, object]:
    """A finding as Prowler writes it for Security Hub."""
    account, region = "111122223333", "eu-central-1"
    at = "2026-10-03T04:00:00Z"
    return {
        "Id": f"prowler-{check}-{account}-{region}-0f1e2d",
        "GeneratorId": f"prowler-{check}",
        "ProductArn": f"arn:aws:securityhub:{region}::product/prowler/prowler",
        "ProductFields": {"ProviderName": "Prowler", "ProviderVersion": "5.0.0", "ProwlerResourceName": "trail-1"},
        "AwsAccountId": account,
        "FirstObservedAt": at,
        "UpdatedAt": at,
        "CreatedAt": at,
        "Title": "A check",
        "Resources": [{"Id": "trail-1", "Type": "AwsCloudTrailTrail", "Region": region}],
        "Compliance": {"Status": status, "RelatedRequirements": [], "AssociatedStandards": []},
        **other,
    }


TRAILS = ("cloudtrail_multi_region_enabled", "cloudtrail_log_file_validation_enabled")


@pytest.mark.parametrize("changed", [{}, {"GeneratorId": "a product of ours"}])
def test_prowlers_findings_in_security_hubs_format_are_known(tmp_path: Path, changed: dict[str, object]) -> None:
    """By their generator, else by their id; they are held against Prowler's rows, and no other row is missed."""
    write(tmp_path, "x.json", [prowlers(check, "PASSED", **changed) for check in TRAILS])
    found = read(tmp_path, "{file: x.json, kind: asff}")
    [shown] = found.shown
    assert (shown.choice, shown.holds, shown.short_of) == ("sec_audit_trails", True, ())
    assert shown.at == datetime(2026, 10, 3, 4, tzinfo=UTC)
    assert f"({TRAILS[1]}, {TRAILS[0]}); looked at account 111122223333" in shown.because
    write(tmp_path, "x.json", [prowlers(TRAILS[0], "FAILED", **changed), prowlers(TRAILS[1], "PASSED", **changed)])
    [shown] = read(tmp_path, "{file: x.json, kind: asff}").shown
    assert not shown.holds
    assert shown.because.startswith(f"1 check failed: {TRAILS[0]} trail-1; 1 passed")


def test_a_file_may_hold_findings_of_both_tools(tmp_path: Path) -> None:
    """Each against its own rows; a practice that one of them speaks for is not said to be without a check."""
    findings = [*fixture("securityhub.json")["Findings"], prowlers("organizations_scp_check_deny_regions", "PASSED")]
    write(tmp_path, "x.json", findings)
    found = read(tmp_path, "{file: x.json, kind: asff}")
    shown = by_choice(found)
    assert shown["sec_policy_as_code"].holds
    assert shown["sec_audit_trails"].holds
    assert not any("none for" in note and "sec_audit_trails" in note for note in found.notes)


def test_an_event_of_security_hub_is_understood(tmp_path: Path) -> None:
    """As EventBridge delivers it."""
    findings = fixture("securityhub.json")["Findings"]
    write(tmp_path, "event.json", {"detail-type": "Security Hub Findings - Imported", "detail": {"findings": findings}})
    assert by_choice(read(tmp_path, "{file: event.json, kind: asff}"))["sec_audit_trails"].holds


def test_what_was_not_looked_at_is_said(tmp_path: Path) -> None:
    """MFA of users alone says nothing of the root user."""
    findings = [one for one in fixture("securityhub.json")["Findings"] if one["GeneratorId"].endswith("IAM.5")]
    write(tmp_path, "x.json", findings)
    assert (
        "nothing looked at the root user" in by_choice(read(tmp_path, "{file: x.json, kind: asff}"))["sec_mfa"].short_of
    )


def test_prowlers_json_is_read() -> None:
    """Its second factors cannot be phished: nothing is left to say."""
    found = by_choice(read(FILES, PROWLER))
    assert (found["sec_mfa"].holds, found["sec_mfa"].short_of) == (True, ())
    assert found["sec_mfa"].at == datetime.fromtimestamp(1_791_086_400, UTC)
    assert not found["sec_key_management"].holds
    assert found["sec_key_management"].because.startswith("1 check failed: kms_cmk_rotation_enabled ")
    assert found["sec_audit_trails"].short_of == ("1 failing check muted",)
    assert "sec_threat_detection" not in found  # MANUAL


def test_prowlers_milliseconds_are_understood(tmp_path: Path) -> None:
    """OCSF counts in milliseconds, Prowler in seconds."""
    findings = fixture("prowler.ocsf.json")
    for one in findings:
        one["time"] *= 1000
    write(tmp_path, "x.json", findings)
    at = by_choice(read(tmp_path, "{file: x.json, kind: prowler}"))["sec_mfa"].at
    assert at == datetime.fromtimestamp(1_791_086_400, UTC)


def test_prowlers_csv_is_read() -> None:
    """Semicolons, quoted cells, a muted failure that leaves nothing to prove."""
    found = by_choice(read(FILES, "{file: prowler.csv, kind: prowler}"))
    assert not found["sec_mfa"].holds
    assert found["sec_compliance_monitoring"].holds
    assert found["sec_compliance_monitoring"].at == datetime(2026, 10, 4, 8, 0, 0, 123456, UTC)
    assert "sec_threat_detection" not in found


def test_prowlers_older_csv_is_read(tmp_path: Path) -> None:
    """Version 3 names its columns otherwise, and writes WARNING for what is muted."""
    write(
        tmp_path,
        "x.csv",
        "ASSESSMENT_START_TIME;PROVIDER;CHECK_ID;STATUS;ACCOUNT_ID;REGION;RESOURCE_ARN\n"
        "2026-10-01T10:00:00;aws;config_recorder_all_regions_enabled;PASS;111122223333;eu-west-1;r\n"
        "2026-10-01T10:00:00;aws;securityhub_enabled;WARNING;111122223333;eu-west-1;h\n",
    )
    shown = by_choice(read(tmp_path, "{file: x.csv, kind: prowler}"))["sec_compliance_monitoring"]
    assert shown.holds
    assert shown.short_of == ("1 failing check muted",)


def test_an_entry_may_say_which_checks_speak_for_a_practice() -> None:
    """In place of the table's row, or beside the table; each pattern must match something."""
    entry = "{file: securityhub.json, kind: asff, checks: {sec_data/sec_encryption_at_rest: [EC2.3, RDS.*]}}"
    shown = by_choice(read(FILES, entry))["sec_encryption_at_rest"]
    assert shown.holds
    assert shown.short_of == ("nothing looked at RDS.*",)
    entry = (
        "{file: securityhub.json, kind: asff, built-in: false, checks: {ops_automation/ops_automation_tested: [ec2.7]}}"
    )
    assert [(one.choice, one.holds) for one in read(FILES, entry).shown] == [("ops_automation_tested", False)]


def test_a_practice_taken_from_the_table_with_an_empty_list_is_not_looked_at() -> None:
    """So a row that does not fit can be left out."""
    entry = "{file: securityhub.json, kind: asff, checks: {sec_data/sec_encryption_at_rest: []}}"
    assert "sec_encryption_at_rest" not in by_choice(read(FILES, entry))


def test_a_check_without_a_time_proves_nothing(tmp_path: Path) -> None:
    """And a failing one keeps the others from proving anything."""
    findings = fixture("securityhub.json")["Findings"]
    trail = [one for one in findings if "CloudTrail" in one["GeneratorId"]]
    for key in ("LastObservedAt", "UpdatedAt"):
        del trail[1][key]
    write(tmp_path, "x.json", trail)
    shown = by_choice(read(tmp_path, "{file: x.json, kind: asff}"))["sec_audit_trails"]
    assert shown.short_of == ("1 check without a time", "nothing looked at validation of its files")
    trail[1]["Compliance"]["Status"] = "FAILED"
    write(tmp_path, "x.json", trail)
    found = read(tmp_path, "{file: x.json, kind: asff}")
    assert found.shown == []
    assert any("a check that failed says no time" in note for note in found.notes)


def test_a_practice_nobody_asks_for_is_a_mistake_where_it_stands() -> None:
    """With what may have been meant; several at once."""
    with pytest.raises(FileError) as caught:
        read(
            FILES,
            "{file: securityhub.json, kind: asff, checks: {sec_identity/sec_mfaa: [x]}}",
            "{file: zap.sarif, kind: sarif, proves: {question: sec_bild, choice: sec_dynamic_testing}}",
        )
    assert [str(one) for one in caught.value.mistakes] == [
        (
            "review.yaml:2: evidence[0].checks.sec_identity/sec_mfaa: got 'sec_mfaa', "
            "expected a practice of sec_identity; did you mean sec_mfa?"
        ),
        (
            "review.yaml:3: evidence[1].proves.question: got 'sec_bild', "
            "expected a question of the lens; did you mean sec_build?"
        ),
    ]


def test_prowlers_own_json_of_version_3_is_refused_with_a_way_out(tmp_path: Path) -> None:
    """It is another format; the CSV of that version is read."""
    write(tmp_path, "x.json", [{"CheckID": "x", "Status": "PASS"}])
    with pytest.raises(FileError, match=r"\[0\]\.metadata\.event_code: got nothing.*json-ocsf"):
        read(tmp_path, "{file: x.json, kind: prowler}")


def test_every_row_of_the_table_names_a_practice_of_the_built_in_lens() -> None:
    """And none twice for one tool."""
    from harness.review.findings.checks import table

    for tool in ("asff", "prowler"):
        places = [row.place for row in table(tool)]
        assert all(place.known(OURS) for place in places)
        assert len(set(places)) == len(places)
