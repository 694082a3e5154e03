"""Faults in an AWS account: against moto where it has the API, and otherwise by boto3's own models of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from chaoslib.exceptions import ActivityFailed
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.fis.models import fis_backends

from harness.fault import aws_fis, aws_ssm_latency

REGION = "eu-central-1"
ALARM = {"source": "aws:cloudwatch:alarm", "value": f"arn:aws:cloudwatch:{REGION}:{DEFAULT_ACCOUNT_ID}:alarm:orders"}
INSTANCE = f"arn:aws:ec2:{REGION}:{DEFAULT_ACCOUNT_ID}:instance/i-0123456789abcdef"
DOCUMENT = "AWSFIS-Run-Network-Latency"
COMMENT = "wellproven: harness.fault.aws_ssm_latency"
COMMAND = "00000000-0000-4000-8000-00000000000"  # and a digit


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty account of moto's; nothing of whoever runs the tests reaches it."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, REGION)
    for module in (aws_fis, aws_ssm_latency):
        monkeypatch.setattr(module, "LOOK_EVERY_S", 0.02)
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # a second of every test that nobody needs
    with mock_aws():
        yield


# ---- AWS FIS


def template(**changes: Any) -> str:
    """A template that could be run, but for the changes; its id."""
    target = {"resourceType": "aws:ec2:instance", "selectionMode": "ALL", "resourceArns": [INSTANCE]}
    parts = {
        "description": "stop an instance",
        "stopConditions": [ALARM],
        "targets": {"shop": target, "same": target},
        "actions": {"stop": {"actionId": "aws:ec2:stop-instances", "targets": {"Instances": "shop"}}},
        "roleArn": f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/fis",
        "experimentOptions": {"emptyTargetResolutionMode": "fail"},
    }
    created = boto3.client("fis").create_experiment_template(**{**parts, **changes})
    return str(created["experimentTemplate"]["id"])


def experiments() -> dict[str, Any]:
    """What moto has of FIS in the account."""
    return dict(fis_backends[DEFAULT_ACCOUNT_ID][REGION].experiments)


def statuses() -> list[str]:
    return sorted(one["state"]["status"] for one in boto3.client("fis").list_experiments()["experiments"])


@contextmanager
def stopping_takes_a_while() -> Iterator[None]:
    """Moto moves an experiment only when it is asked for by id; this lets what is stopping stop by itself."""
    over = threading.Event()

    def move() -> None:
        while not over.wait(0.1):
            for one in experiments().values():
                if one._status == "stopping":
                    one._status = "stopped"

    thread = threading.Thread(target=move)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_an_experiment_runs_until_its_end() -> None:
    """Waited for until it runs and until it is stopped; its targets counted once each; an end too many is none."""
    name = template()
    assert aws_fis.end(name) == []
    assert aws_fis.is_healed(name)
    assert aws_fis.targets_resolved(name) == 0

    begun = aws_fis.begin(name, "30")
    assert begun["status"] == "running"
    assert aws_fis.targets_resolved(name) == 1
    assert not aws_fis.is_healed(name)

    with stopping_takes_a_while():
        assert aws_fis.end(name) == [begun["experiment_id"]]
    assert statuses() == ["stopped"]
    assert aws_fis.end(name) == []
    assert aws_fis.is_healed(name)
    assert aws_fis.targets_resolved(name) == 0  # what that one hit is no evidence of the next


def test_an_experiment_without_targets_is_no_evidence() -> None:
    """Running, says FIS, and it has hit nothing."""
    name = template(targets={})
    aws_fis.begin(name)
    assert aws_fis.targets_resolved(name) == 0


def test_only_our_experiments_of_the_template_are_stopped() -> None:
    """Somebody else's from the same template, and ours from another, go on."""
    name, other = template(), template()
    theirs = boto3.client("fis").start_experiment(experimentTemplateId=name)["experiment"]["id"]
    ours, further = aws_fis.begin(name)["experiment_id"], aws_fis.begin(other)["experiment_id"]
    with stopping_takes_a_while():
        assert aws_fis.end(name) == [ours]
    found = {key: one._status for key, one in experiments().items()}
    assert found == {theirs: "pending", ours: "stopped", further: "running"}


def test_ours_are_found_on_later_pages() -> None:
    """However many experiments of the template FIS remembers."""
    name = template()
    for _ in range(120):
        boto3.client("fis").start_experiment(experimentTemplateId=name)
    ours = aws_fis.begin(name)["experiment_id"]
    with stopping_takes_a_while():
        assert aws_fis.end(name) == [ours]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stopConditions": [{"source": "none"}]}, "stopConditions: got none, expected an alarm"),
        ({"experimentOptions": {"emptyTargetResolutionMode": "skip"}}, "emptyTargetResolutionMode: got skip, expected"),
        ({"experimentOptions": {}}, "emptyTargetResolutionMode: got None, expected fail"),
    ],
)
def test_a_template_that_cannot_fail_is_refused(changes: dict[str, Any], said: str) -> None:
    """Before anything is started."""
    with pytest.raises(ActivityFailed, match=f"nothing was started: .*{said}"):
        aws_fis.begin(template(**changes))
    assert experiments() == {}


def test_a_template_is_told_all_that_is_wrong_with_it() -> None:
    """Not one thing a run."""
    name = template(stopConditions=[{"source": "none"}], experimentOptions={"emptyTargetResolutionMode": "skip"})
    with pytest.raises(ActivityFailed, match=r"stopConditions: .*; experimentOptions\.emptyTargetResolutionMode: "):
        aws_fis.begin(name)


def test_no_stop_condition_may_be_allowed() -> None:
    """By who writes the experiment, also as text; anything else than true or false is a mistake."""
    name = template(stopConditions=[{"source": "none"}])
    with pytest.raises(ActivityFailed, match="allow_no_stop_condition: got 'perhaps', expected true or false"):
        aws_fis.begin(name, allow_no_stop_condition="perhaps")
    with pytest.raises(ActivityFailed, match="stopConditions"):
        aws_fis.begin(name, allow_no_stop_condition="false")
    assert aws_fis.begin(name, allow_no_stop_condition="True")["status"] == "running"


def test_a_second_experiment_beside_the_first_is_refused() -> None:
    """One fault at a time, and the way out."""
    name = template()
    first = aws_fis.begin(name)["experiment_id"]
    with pytest.raises(ActivityFailed, match=rf"experiment {first} of ours still runs: stop it first, with end"):
        aws_fis.begin(name)
    assert list(experiments()) == [first]


def test_an_experiment_that_does_not_run_in_time_is_told_to_stop() -> None:
    """It would come when nobody looks any more."""
    name = template()
    with pytest.raises(ActivityFailed, match=r"after 0 s, expected running; it was told to stop"):
        aws_fis.begin(name, within_s=0)
    assert statuses() == ["stopping"]
    with pytest.raises(ActivityFailed, match=r"not stopped in time: \w+ \(stopping\)"):
        aws_fis.end(name, within_s=0)


def test_a_template_that_is_not_there_says_so() -> None:
    """With its id, as AWS puts it."""
    with pytest.raises(ActivityFailed, match=r"FIS template EXT404: .*ResourceNotFoundException"):
        aws_fis.begin("EXT404")


@pytest.fixture
def fis(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """FIS as boto3's model of it has it, for what moto does not do; every answer must have been asked for."""
    yield from stubbed(monkeypatch, "fis")


def stubbed(monkeypatch: pytest.MonkeyPatch, service: str) -> Iterator[Stubber]:
    real, ours = aws_fis.client, boto3.client(service)
    for module in (aws_fis, aws_ssm_latency):
        monkeypatch.setattr(module, "client", lambda name, *_, **__: ours if name == service else real(name))
    with Stubber(ours) as stub:
        yield stub
        stub.assert_no_pending_responses()


def test_an_experiment_that_fails_says_why(fis: Stubber) -> None:
    """The reason and where, as FIS tells them; it is told to stop all the same, and may refuse that."""
    good = {"stopConditions": [ALARM], "experimentOptions": {"emptyTargetResolutionMode": "fail"}}
    fis.add_response("get_experiment_template", {"experimentTemplate": good}, {"id": "EXT1"})
    fis.add_response("list_experiments", {"experiments": []}, {"experimentTemplateId": "EXT1"})
    fis.add_response(
        "start_experiment",
        {"experiment": {"id": "EXP1", "state": {"status": "initiating"}}},
        {"experimentTemplateId": "EXT1", "clientToken": ANY, "tags": {"wellproven": "harness.fault.aws_fis"}},
    )
    error = {"code": "InvalidTarget", "location": "shop"}
    state = {"status": "failed", "reason": "Target resolution returned empty set", "error": error}
    fis.add_response(
        "get_experiment", {"experiment": {"id": "EXP1", "state": {"status": "initiating"}}}, {"id": "EXP1"}
    )
    fis.add_response("get_experiment", {"experiment": {"id": "EXP1", "state": state}}, {"id": "EXP1"})
    fis.add_client_error("stop_experiment", "ConflictException", expected_params={"id": "EXP1"})
    with pytest.raises(
        ActivityFailed, match="got failed, expected running: Target resolution returned empty set: InvalidTarget shop"
    ):
        aws_fis.begin("EXT1")


def listed(status: str) -> dict[str, Any]:
    one = {"id": "EXP1", "state": {"status": status}, "tags": dict(aws_fis.TAG), "creationTime": datetime.now(UTC)}
    return {"experiments": [one]}


def test_an_experiment_that_ended_as_it_was_to_be_stopped_is_stopped(fis: Stubber) -> None:
    """FIS refuses to stop what has ended."""
    fis.add_response("list_experiments", listed("running"))
    fis.add_client_error("stop_experiment", "ConflictException")
    fis.add_response("get_experiment", {"experiment": {"state": {"status": "completed"}}})
    fis.add_response("list_experiments", listed("completed"))
    assert aws_fis.end("EXT1") == ["EXP1"]


def test_an_experiment_that_may_not_be_stopped_is_a_failure(fis: Stubber) -> None:
    """With what AWS says."""
    fis.add_response("list_experiments", listed("running"))
    fis.add_client_error("stop_experiment", "AccessDeniedException")
    fis.add_response("get_experiment", {"experiment": {"state": {"status": "running"}}})
    with pytest.raises(ActivityFailed, match=r"FIS template EXT1: .*AccessDeniedException"):
        aws_fis.end("EXT1")


def test_targets_are_counted_over_pages(fis: Stubber) -> None:
    """Each resource once, though several of the template's targets name it."""
    arns = [{"targetInformation": {"arn": f"arn:aws:ec2:{number}"}} for number in (1, 2, 2, 3)]
    fis.add_response("list_experiments", listed("running"))
    fis.add_response("list_experiment_resolved_targets", {"resolvedTargets": arns[:2], "nextToken": "more"})
    fis.add_response(
        "list_experiment_resolved_targets", {"resolvedTargets": arns[2:]}, {"experimentId": "EXP1", "nextToken": "more"}
    )
    assert aws_fis.targets_resolved("EXT1") == 3


def test_without_a_region_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As boto3 does, and no traceback."""
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(ActivityFailed, match="AWS fis: no region; say --region, AWS_REGION"):
        aws_fis.is_healed("EXT1")


# ---- Systems Manager


class Within:
    """Equal to the filters of a list of what was sent within the last 15 hours."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, list)
        document, since = other
        assert document == {"key": "DocumentName", "value": DOCUMENT}
        assert since["key"] == "InvokedAfter"
        at = datetime.strptime(since["value"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        return timedelta(hours=12) < datetime.now(UTC) - at < timedelta(hours=15)


@pytest.fixture
def ssm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Systems Manager as boto3's model of it has it: moto has no invocations, and its commands are over at once."""
    yield from stubbed(monkeypatch, "ssm")


def instances(count: int = 1, tag: str = "shop") -> list[str]:
    """Instances that run, in the region's first zone."""
    ec2 = boto3.client("ec2")
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": tag}]}]
    found = ec2.run_instances(
        ImageId="ami-12345678",
        MinCount=count,
        MaxCount=count,
        InstanceType="t3.micro",
        TagSpecifications=tags,
        Placement={"AvailabilityZone": f"{REGION}a"},
    )
    return sorted(one["InstanceId"] for one in found["Instances"])


def command(number: int, status: str, comment: str = COMMENT) -> dict[str, Any]:
    return {"CommandId": f"{COMMAND}{number}", "Status": status, "Comment": comment, "DocumentName": DOCUMENT}


def invocation(number: int, instance: str, status: str, comment: str = COMMENT) -> dict[str, Any]:
    return {**command(number, status, comment), "InstanceId": instance}


def looks(ssm: Stubber, commands: list[dict[str, Any]], invocations: list[dict[str, Any]]) -> None:
    """What is seen the next time somebody looks for commands of ours."""
    ssm.add_response("list_commands", {"Commands": commands}, {"Filters": Within()})
    ssm.add_response("list_command_invocations", {"CommandInvocations": invocations}, {"Filters": Within()})


def sends(ssm: Stubber, number: int, instance_ids: list[str], **changes: Any) -> None:
    """That this is sent, whole."""
    parameters = {
        "Interface": ["eth0"],
        "DelayMilliseconds": ["200"],
        "DurationSeconds": ["900"],
        "InstallDependencies": ["True"],
    }
    expected = {
        "DocumentName": DOCUMENT,
        "InstanceIds": instance_ids,
        "Parameters": {**parameters, **changes},
        "Comment": COMMENT,
        "TimeoutSeconds": 120,
        "MaxConcurrency": "100%",
    }
    ssm.add_response("send_command", {"Command": command(number, "Pending")}, expected)


def taken(ssm: Stubber, number: int, states: dict[str, str]) -> None:
    """What the instances made of a command."""
    found = [invocation(number, instance, status) for instance, status in states.items()]
    ssm.add_response("list_command_invocations", {"CommandInvocations": found}, {"CommandId": f"{COMMAND}{number}"})


def test_instances_are_delayed_until_the_end(ssm: Stubber) -> None:
    """Begun when each instance runs the document; counted while it does; cancelled, and waited for."""
    one, two = instances(2)
    looks(ssm, [], [])  # nothing of an earlier begin is to be ended
    sends(ssm, 1, [one, two])
    taken(ssm, 1, {one: "InProgress"})  # SSM is not yet there
    taken(ssm, 1, {one: "InProgress", two: "Pending"})
    taken(ssm, 1, {one: "InProgress", two: "InProgress"})
    begun = aws_ssm_latency.begin("200", filters=[{"Name": "tag:team", "Values": ["shop"]}])
    assert begun["instance_ids"] == [one, two]

    both = [invocation(1, one, "InProgress"), invocation(1, two, "InProgress")]
    ssm.add_response("list_command_invocations", {"CommandInvocations": both})
    assert aws_ssm_latency.instances_delayed() == 2
    looks(ssm, [command(1, "InProgress")], both)
    assert not aws_ssm_latency.is_healed()

    told: list[str] = []
    events = ssm.client.meta.events
    events.register("provide-client-params.ssm.CancelCommand", lambda params, **_: told.append(params["CommandId"]))
    looks(ssm, [command(1, "InProgress")], both)
    ssm.add_response("cancel_command", {}, {"CommandId": f"{COMMAND}1"})
    looks(ssm, [command(1, "Cancelling")], [invocation(1, one, "Cancelling"), invocation(1, two, "Cancelled")])
    looks(ssm, [command(1, "Cancelled")], [invocation(1, one, "Cancelled"), invocation(1, two, "Cancelled")])
    assert aws_ssm_latency.end() == [f"{COMMAND}1"]
    assert told == [f"{COMMAND}1"]  # once: what is being cancelled needs no telling

    looks(ssm, [command(1, "Cancelled")], [])
    assert aws_ssm_latency.end() == []
    looks(ssm, [], [])
    assert aws_ssm_latency.is_healed()


def test_the_document_is_told_what_the_experiment_says(ssm: Stubber) -> None:
    """Also where it was written as text; instances by their ids; an earlier delay is ended first."""
    one, two = instances(2)
    looks(ssm, [command(7, "InProgress")], [])
    ssm.add_response("cancel_command", {}, {"CommandId": f"{COMMAND}7"})
    looks(ssm, [], [])
    told = {"Interface": ["ens5"], "DelayMilliseconds": ["80"], "DurationSeconds": ["60"]}
    sends(ssm, 1, [one, two], **told, InstallDependencies=["False"])
    taken(ssm, 1, {one: "InProgress", two: "InProgress"})
    aws_ssm_latency.begin(
        "80", f" {one}, {two}", interface="ens5", duration_s="60", az=f"{REGION}a", install_dependencies="false"
    )


def test_many_instances_take_several_commands(ssm: Stubber) -> None:
    """SSM takes 50 a command; where the second is refused, the first is cancelled."""
    every = instances(51)
    looks(ssm, [], [])
    sends(ssm, 1, every[:50])
    ssm.add_client_error("send_command", "ThrottlingException")
    ssm.add_response("cancel_command", {}, {"CommandId": f"{COMMAND}1"})
    with pytest.raises(ActivityFailed, match=r"SSM document AWSFIS-Run-Network-Latency: .*ThrottlingException"):
        aws_ssm_latency.begin(200, az=f"{REGION}a")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("Failed", "got i-.* Failed, expected InProgress: is it Linux"),
        ("Success", "got i-.* Success, expected InProgress"),
        ("Pending", "got i-.* Pending after 0 s, expected InProgress: does SSM Agent run there"),
    ],
)
def test_an_instance_that_does_not_run_the_document_fails_the_begin(ssm: Stubber, status: str, said: str) -> None:
    """Failed, over at once or never begun; what was sent is cancelled, also where that is refused."""
    one, two = instances(2)
    looks(ssm, [], [])
    ssm.add_response("send_command", {"Command": command(1, "Pending")})
    taken(ssm, 1, {one: "InProgress", two: status})
    ssm.add_client_error("cancel_command", "InternalServerError", expected_params={"CommandId": f"{COMMAND}1"})
    with pytest.raises(ActivityFailed, match=said):
        aws_ssm_latency.begin(200, [one, two], within_s=0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "no target: give instance_ids, filters or az"),
        ({"instance_ids": "i-0123456789abcdef0"}, "EC2 instances: .*InvalidInstanceID.NotFound"),
        ({"delay_ms": "soon"}, "delay_ms: got 'soon', expected a number"),
        ({"duration_s": 0}, "duration_s: got 0, expected 1 to 43200"),
        ({"install_dependencies": "no"}, "install_dependencies: got 'no', expected true or false"),
        ({"mark": "m" * 61}, "mark: got 61 characters, expected 1 to 60"),
    ],
)
def test_a_command_that_says_nothing_useful_is_not_sent(ssm: Stubber, arguments: dict[str, Any], said: str) -> None:
    """Got, expected; SSM is not asked for anything."""
    assert ssm is not None
    with pytest.raises(ActivityFailed, match=said):
        aws_ssm_latency.begin(**{"delay_ms": 200, **arguments})


def test_without_a_target_nothing_is_sent(ssm: Stubber) -> None:
    """A tag nobody has, an empty zone."""
    assert ssm is not None
    instances()
    with pytest.raises(ActivityFailed, match=r"got no running instance for .*ship.*nothing was sent"):
        aws_ssm_latency.begin(200, filters=[{"Name": "tag:team", "Values": ["ship"]}])
    with pytest.raises(ActivityFailed, match=r"got no running instance for .*eu-central-1b"):
        aws_ssm_latency.begin(200, az=f"{REGION}b")


def test_a_named_instance_that_does_not_run_is_no_target(ssm: Stubber) -> None:
    """Nor are the others then; stopped ones that a filter finds are left out."""
    assert ssm is not None
    one, two = instances(2)
    boto3.client("ec2").stop_instances(InstanceIds=[two])
    with pytest.raises(ActivityFailed, match=f"got {two} not running, expected running ones"):
        aws_ssm_latency.begin(200, [one, two])
    assert aws_ssm_latency._instances([], [{"Name": "tag:team", "Values": ["shop"]}], None) == [one]


def test_what_goes_on_in_an_instance_is_cancelled_though_its_command_is_over(ssm: Stubber) -> None:
    """A command is Failed as a whole when one instance failed; the others still run it. Found on any page."""
    ssm.add_response("list_commands", {"Commands": [command(1, "Failed")], "NextToken": "more"}, {"Filters": Within()})
    ssm.add_response("list_commands", {"Commands": []}, {"Filters": Within(), "NextToken": "more"})
    running = [invocation(1, "i-0123456789abcdef0", "InProgress")]
    ssm.add_response("list_command_invocations", {"CommandInvocations": [], "NextToken": "b"}, {"Filters": Within()})
    ssm.add_response(
        "list_command_invocations", {"CommandInvocations": running}, {"Filters": Within(), "NextToken": "b"}
    )
    ssm.add_response("cancel_command", {}, {"CommandId": f"{COMMAND}1"})
    looks(ssm, [command(1, "Failed")], [invocation(1, "i-0123456789abcdef0", "Cancelled")])
    assert aws_ssm_latency.end() == [f"{COMMAND}1"]


def test_commands_of_others_are_left_alone(ssm: Stubber) -> None:
    """The same document, sent by hand or with another mark."""
    theirs = "another: harness.fault.aws_ssm_latency"
    commands = [command(1, "InProgress", ""), command(2, "InProgress", theirs)]
    invocations = [invocation(2, "i-0123456789abcdef0", "InProgress", theirs)]
    looks(ssm, commands, invocations)
    assert aws_ssm_latency.end() == []
    ssm.add_response("list_command_invocations", {"CommandInvocations": invocations})
    assert aws_ssm_latency.instances_delayed() == 0
    ssm.add_response("list_command_invocations", {"CommandInvocations": invocations})
    assert aws_ssm_latency.instances_delayed(mark="another") == 1


def test_a_command_that_cannot_be_cancelled_is_a_failure(ssm: Stubber) -> None:
    """At the deadline, with what AWS said; the document ends by itself."""
    looks(ssm, [command(1, "InProgress")], [])
    ssm.add_client_error("cancel_command", "AccessDeniedException")
    said = rf"{COMMAND}1 \(InProgress\); SSM command {COMMAND}1: AccessDenied.* by themselves"
    with pytest.raises(ActivityFailed, match=said):
        aws_ssm_latency.end(within_s=0)
