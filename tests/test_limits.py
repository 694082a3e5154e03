"""Limits from the command line, against a real moto server: refused with 77 and every reason, or shown by --dry-run."""

import io
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from harness.cli import main
from harness.fault import STATE_VARIABLE, Entry, open_entry
from harness.identity import Identity
from harness.judge import judge
from harness.report import json_text
from harness.run import addresses_of
from harness.units import NS_PER_S
from tests.fault.aws_server import ACCOUNT, REGION, Aws, aws_server
from tests.report import built_runs

ROOT = Path(__file__).parents[1]
A, B, C = (f"{REGION}{zone}" for zone in "abc")


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    """An instance of the shop in each of three zones, and one of another team."""
    with aws_server() as made:
        for zone in (A, B, C):
            made.run(zone)
        made.run(A, "billing")
        yield made


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aws: Aws) -> Path:
    """A copy of the shop's files as the working directory, with the account's keys in the environment."""
    for folder in ("slos", "experiments"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "a")
    aws.calls.clear()
    return tmp_path


def write_target(project: Path, aws: Aws, *changes: tuple[str, str]) -> None:
    text = f"""\
targets:
  - name: staging
    base-url: http://127.0.0.1:1
    environment: staging
    max-rate: 500/s
    zone-header: x-zone
    aws: {{account: "{ACCOUNT}", region: {REGION}, endpoint: "{aws.endpoint}"}}
    variables: {{DRILL_AZ: {A}, DRILL_TAG_KEY: team, DRILL_TAG_VALUE: shop}}
    allow:
      zones: [{A}]
      tags: {{team: shop}}
      share: 40%
"""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    (project / "experiments/targets.yaml").write_text(text)


def wellproven(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return main(arguments, out, err), " ".join(out.getvalue().split()), " ".join(err.getvalue().split())


def dry_run(*more: str) -> tuple[int, str, str]:
    return wellproven("drill", "az-failure", "--target", "staging", "--dry-run", *more)


def test_a_dry_run_says_what_would_be_hit_and_touches_nothing(project: Path, aws: Aws) -> None:
    """One of three instances; asked of the account that is allowed; the account is as before, no run is stored."""
    write_target(project, aws)
    before = aws.instances()
    aws.calls.clear()
    code, out, err = dry_run()
    asked = list(aws.calls)
    assert code == 0, err
    assert f"stop every instance of the zone: 1 of 3 EC2 instances that run, tagged team=shop, in {A} (33.33 %)" in out
    assert f"asked of AWS account {ACCOUNT}, region {REGION}" in out
    assert "nothing was touched" in err
    assert {"GetCallerIdentity", "DescribeInstances"} <= set(asked)
    assert aws.changes == []
    assert aws.instances() == before
    assert not (project / "runs").exists()


REFUSED = {
    "a filter that matches nothing": (
        ("DRILL_TAG_VALUE: shop", "DRILL_TAG_VALUE: nobody"), "hits nothing: 0 of 3 EC2 instances that run"
    ),
    "another tag's instances": (
        ("DRILL_TAG_VALUE: shop", "DRILL_TAG_VALUE: billing"), "does not ask for the tags team=shop"
    ),
    "another region": ((f"region: {REGION}", "region: us-west-2"), "hits nothing: 0 of 0 EC2 instances that run"),
    "another account": ((f'"{ACCOUNT}"', '"999999999999"'), f"the credentials are of AWS account {ACCOUNT}"),
    "another zone": ((f"zones: [{A}]", f"zones: [{B}]"), f"reaches zone {A}; allowed: {B}"),
    "too large a share": (("share: 40%", "share: 30%"), "takes 33.33 % of the capacity"),
}  # fmt: skip


def test_a_rollback_that_reaches_what_is_not_allowed_is_refused(project: Path, aws: Aws) -> None:
    """What it starts may be somebody else's, stopped or not."""
    write_target(project, aws)
    path = project / "experiments/az-failure.yaml"
    experiment = yaml.safe_load(path.read_text())
    found = aws.client("ec2").describe_instances(Filters=[{"Name": "tag:team", "Values": ["billing"]}])
    (billing,) = [one["InstanceId"] for group in found["Reservations"] for one in group["Instances"]]
    provider = {"type": "python", "module": "chaosaws.ec2.actions", "func": "start_instances"}
    provider["arguments"] = {"instance_ids": [billing]}
    experiment["rollbacks"].append({"type": "action", "name": "start more", "provider": provider})
    path.write_text(yaml.safe_dump(experiment))
    code, _, err = dry_run()
    assert code == 77
    assert "rollback start more (chaosaws.ec2.actions.start_instances): reaches 1 without the allowed tags" in err
    assert billing in err
    assert aws.changes == []


@pytest.mark.parametrize("verb", ["drill", "plan"])
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_allowed_is_refused_before_anything_starts(project: Path, aws: Aws, case: str, verb: str) -> None:
    """Exit 77 with the reason, from `drill` as from `plan`; no call that changes something was made."""
    change, reason = REFUSED[case]
    write_target(project, aws, change)
    code, out, err = wellproven(verb, "az-failure", "--target", "staging")
    assert code == 77
    assert reason in err
    assert "target staging does not allow az-failure; nothing was started" in err
    assert ("What breaks (blast radius)" in out) is (verb == "plan")
    assert aws.changes == []
    assert not (project / "runs").exists()


def test_all_reasons_of_all_experiments_come_at_once(project: Path, aws: Aws) -> None:
    """What is common is said once; the rest under the experiment's name."""
    write_target(project, aws, (f"zones: [{A}]", f"zones: [{B}]"), ("share: 40%", "share: 30%\n      fault: 1s"))
    code, _, err = wellproven("drill", "az-failure", "latency", "--target", "staging", "--dry-run")
    assert code == 77
    assert err.count("allowed are 1 s") == 2
    assert f"az-failure: stop every instance of the zone (chaosaws.ec2.actions.stop_instances): reaches zone {A}" in err
    assert "takes 33.33 % of the capacity" in err


def test_the_budget_that_drills_have_spent_is_counted(project: Path, aws: Aws) -> None:
    """Stored runs on the target, judged within the SLO's window, are added up; those on another are not."""
    write_target(project, aws, ("share: 40%", "share: 40%\n      budget-left: 99%"))
    code, _, err = dry_run()
    assert (code, "drills have cost 0 %" in err) == (77, True)  # the drill itself may cost 5 %
    write_target(project, aws, ("share: 40%", "share: 40%\n      budget-left: 90%"))
    assert dry_run()[0] == 0
    spend(project, "staging", 0.06)
    code, _, err = dry_run()
    assert code == 77
    assert (
        "drills have cost 6 % of orders-accepted's budget of 28 d and this one may cost 5 %; 90 % must be left" in err
    )
    shutil.rmtree(project / "runs")
    path = spend(project, "another", 0.06)
    assert dry_run()[0] == 0
    info = json.loads((path / "run.json").read_bytes())
    (path / "run.json").write_text(json.dumps(info | {"addresses": addresses_of("http://localhost:1")}))
    code, _, err = dry_run()
    assert (code, "drills have cost 6 %" in err) == (77, True)  # another name for the same system


def spend(project: Path, target: str, share: float | None) -> Path:
    """A stored run on a target that cost so much; its folder."""
    path = project / "runs/az-failure/then"
    record = built_runs.drilled(path, built_runs.Names(experiment="az-failure"))
    info = json.loads((path / "run.json").read_bytes())
    now_ns = time.time_ns() - 60 * NS_PER_S
    (path / "run.json").write_text(json.dumps(info | {"target": target, "clock_utc_ns": now_ns}))
    verdict = json.loads(json_text(judge(record)))
    verdict["budget"]["orders-accepted"]["share_of_window"] = share
    (path / "verdict.json").write_text(json.dumps(verdict))
    return path


def _replaced_by_fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


UNKNOWN: dict[str, tuple[float | None, Callable[[Path], object]]] = {
    "not a number": (float("nan"), lambda _: None),
    "less than nothing": (-5.0, lambda _: None),
    "no share": (None, lambda _: None),
    "a verdict of another form": (0.0, lambda run: (run / "verdict.json").write_text('{"budget": {}}')),
    "a FIFO for a verdict": (0.0, lambda run: _replaced_by_fifo(run / "verdict.json")),
    "a head that cannot be read": (0.0, lambda run: (run / "run.json").write_text("{}")),
    "a FIFO for a head": (0.0, lambda run: _replaced_by_fifo(run / "run.json")),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_a_stored_run_that_does_not_say_what_it_cost_is_refused(project: Path, aws: Aws, case: str) -> None:
    """Nothing is assumed of what cannot be read: it may have spent the budget, and may be of this target."""
    share, damage = UNKNOWN[case]
    write_target(project, aws, ("share: 40%", "share: 40%\n      budget-left: 90%"))
    damage(spend(project, "staging", share))
    code, _, err = dry_run()
    assert code == 77
    assert "what run az-failure/then cost of the budget cannot be read" in err


def test_a_run_that_ended_before_its_first_request_cost_nothing(project: Path, aws: Aws) -> None:
    """Such as one whose target did not answer: no drill after it is refused for it."""
    write_target(project, aws, ("share: 40%", "share: 40%\n      budget-left: 90%"))
    path = project / "runs/az-failure/then"
    built_runs.barely_begun(path, built_runs.Names(experiment="az-failure", target="staging"))
    info = json.loads((path / "run.json").read_bytes())
    (path / "run.json").write_text(json.dumps(info | {"clock_utc_ns": time.time_ns() - 60 * NS_PER_S}))
    code, _, err = dry_run()
    assert code == 0, err


def test_the_budget_of_every_experiments_slos_is_counted(project: Path, aws: Aws) -> None:
    """Not only those of the first one: the second may judge what the first does not."""
    write_target(project, aws, ("share: 40%", "share: 40%\n      budget-left: 90%"))
    spend(project, "staging", 0.5)
    text = (project / "experiments/az-failure.yaml").read_text()
    other = text.replace("    disruption: az", "    slos: [catalogue-available]\n    disruption: az")
    other = other[: other.index("    ledger:")] if "    ledger:" in other else other
    (project / "experiments/another.yaml").write_text(other)
    code, _, err = wellproven("drill", "another", "az-failure", "--target", "staging", "--dry-run")
    assert (code, "az-failure: drills have cost 50 % of orders-accepted's budget" in err) == (77, True), err


@pytest.mark.parametrize("arguments", [("plan",), ("drill", "--dry-run"), ("drill",)])
def test_a_fault_that_an_earlier_run_left_is_refused(
    project: Path, aws: Aws, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """As a drill is, so is its plan and its dry run: whoever asks whether it may begin learns that it may not."""
    write_target(project, aws)
    monkeypatch.setenv(STATE_VARIABLE, str(project / "state"))
    gone = Identity(pid=2**22 - 1, began="gone")
    values = {
        "run": "az-failure/then", "experiment": "az-failure", "target": "staging", "address": "127.0.0.1-1",
        "run_dir": str(project), "opened_utc": "2026-05-04T09-00-00Z", "longest_s": 60, "heals_within_s": 5,
        "supervisor": gone, "chaos": gone, "watchdog": gone, "folder": str(project), "environment": {}, "secrets": (),
        "rollbacks": (),
    }  # fmt: skip
    open_entry(Entry.model_validate(values), {}, "")
    code, _, err = wellproven(*arguments, "az-failure", "--target", "staging")
    assert code == 77
    assert "run az-failure/then may have left its fault there; try: wellproven recover" in err
    assert not (project / "runs").exists()


def test_a_testbed_that_is_not_up_is_asked_nothing(project: Path, aws: Aws) -> None:
    """Its AWS calls must never reach another account: `plan` says that it is asked later, a dry run ends with 69."""
    code, out, _ = wellproven("plan", "az-failure", "--testbed", "there-is-none")
    assert (code, "asked of the test bed, once it is up" in out) == (0, True)
    code, _, err = wellproven("drill", "az-failure", "--dry-run", "--testbed", "there-is-none")
    assert (code, "wellproven testbed up" in err) == (69, True)
    assert aws.calls == []
    assert project.exists()
