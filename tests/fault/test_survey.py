"""What actions would hit, asked of a real moto server by the child process that does it in a drill."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from harness.fault import ask_reach
from harness.plan import Action, Reach
from harness.redaction import MASK, declare
from tests.fault.aws_server import ACCOUNT, REGION, Aws, aws_server

A, B, C = (f"{REGION}{zone}" for zone in "abc")
TAGS = {"team": "shop"}
TEAM = {"Name": "tag:team", "Values": ["shop"]}


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    """Four shop instances in two zones, a fifth that is stopped, two of another team; a group, a database."""
    with aws_server() as made:
        first, *_ = made.run(A, count=2)
        made.run(B, count=2)
        made.run(A, "billing", count=2)
        made.client("ec2").stop_instances(InstanceIds=made.run(C))
        scaling, ec2 = made.client("autoscaling"), made.client("ec2")
        scaling.create_auto_scaling_group(
            AutoScalingGroupName="shop",
            InstanceId=first,
            MinSize=0,
            MaxSize=9,
            DesiredCapacity=0,
            AvailabilityZones=[A, B],
            Tags=[{"Key": "team", "Value": "shop", "PropagateAtLaunch": True}],
        )
        found = ec2.describe_instances(Filters=[TEAM, {"Name": "instance-state-name", "Values": ["running"]}])
        ids = [one["InstanceId"] for group in found["Reservations"] for one in group["Instances"]]
        scaling.attach_instances(AutoScalingGroupName="shop", InstanceIds=ids)
        _balance(made, ids)
        _databases(made)
        made.calls.clear()
        yield made


def _balance(made: Aws, ids: list[str]) -> None:
    vpc = made.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    balancing = made.client("elbv2")
    group = balancing.create_target_group(Name="shop", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="instance")
    arn = group["TargetGroups"][0]["TargetGroupArn"]
    balancing.register_targets(TargetGroupArn=arn, Targets=[{"Id": one} for one in ids])


def _databases(made: Aws) -> None:
    rds, tags = made.client("rds"), [{"Key": "team", "Value": "shop"}]
    master = {"MasterUsername": "u", "MasterUserPassword": "not-a-real-one"}
    rds.create_db_cluster(DBClusterIdentifier="db", Engine="aurora-postgresql", Tags=tags, **master)
    for zone in (A, B):
        rds.create_db_instance(
            DBInstanceIdentifier=f"db-{zone[-1]}",
            DBClusterIdentifier="db",
            DBInstanceClass="db.t3.medium",
            Engine="aurora-postgresql",
            AvailabilityZone=zone,
            Tags=tags,
        )


def reached(aws: Aws, what: str, **arguments: Any) -> Reach:
    action = Action(name="break", what=what, arguments=arguments)
    (found,) = ask_reach([action], TAGS, aws.environment).reaches
    return found


EC2 = "chaosaws.ec2.actions."
ASG = "chaosaws.asg.actions."
CASES: dict[str, tuple[str, dict[str, Any], int, int, int]] = {  # what, arguments, hits, of, capacity
    "all of a zone that bear the tag": (f"{EC2}stop_instances", {"az": A, "filters": [TEAM]}, 2, 2, 4),
    "the tag alone": (f"{EC2}stop_instances", {"filters": [TEAM]}, 4, 4, 4),
    "a stopped one is no target": (f"{EC2}stop_instances", {"az": C, "filters": [TEAM]}, 0, 0, 4),
    "a tag nobody bears": (
        f"{EC2}stop_instances", {"filters": [{"Name": "tag:team", "Values": ["nobody"]}]}, 0, 0, 4,
    ),
    "an id that is none": (f"{EC2}stop_instances", {"instance_ids": ["i-0123456789abcdef0"]}, 0, 0, 4),
    "one at random": (f"{EC2}stop_instance", {"az": A, "filters": [TEAM]}, 1, 2, 4),
    "half, by steps": (
        f"{EC2}stop_instances_by_incremental_steps",
        {"volume": 50, "step_quantity": 1, "step_duration": 1, "tags": "team=shop"}, 2, 4, 4,
    ),
    "half of a group": (f"{ASG}stop_random_instances", {"asg_names": ["shop"], "instance_percent": 50}, 2, 4, 4),
    "one of a group": (f"{ASG}terminate_random_instances", {"asg_names": ["shop"], "instance_count": 1}, 1, 4, 4),
    "a group's part of a zone": (f"{ASG}stop_random_instances", {"asg_names": ["shop"], "az": B}, 2, 2, 4),
    "a group by its tag": (
        f"{ASG}suspend_processes", {"tags": [{"Key": "team", "Value": "shop"}]}, 4, 4, 4,
    ),
    "a group that is not there": (f"{ASG}suspend_processes", {"asg_names": ["nobody"]}, 0, 0, 4),
    "one target of a balancer": ("chaosaws.elbv2.actions.deregister_target", {"tg_name": "shop"}, 1, 4, 4),
    "no such balancer": ("chaosaws.elbv2.actions.deregister_target", {"tg_name": "nobody"}, 0, 0, 4),
    "a database's writer": (
        "chaosaws.rds.actions.failover_db_cluster", {"db_cluster_identifier": "db"}, 1, 2, 2,
    ),
    "one database": ("chaosaws.rds.actions.reboot_db_instance", {"db_instance_identifier": "db-a"}, 1, 1, 2),
    "no such database": ("chaosaws.rds.actions.reboot_db_instance", {"db_instance_identifier": "x"}, 0, 0, 2),
    "latency by SSM": ("harness.fault.aws_ssm_latency.begin", {"delay_ms": 9, "filters": [TEAM]}, 4, 4, 4),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_an_action_would_hit(aws: Aws, case: str) -> None:
    """So many of so many running ones, of the capacity that bears the target's tag; nothing was changed by asking."""
    what, arguments, hits, of, capacity = CASES[case]
    found = reached(aws, what, **arguments)
    assert found.counted
    assert (found.hits, len(found.resources), found.capacity) == (hits, of, capacity)
    assert aws.changes == []


def test_what_is_named_and_does_not_run_is_known_too(aws: Aws) -> None:
    """Stopped ones that are named are told by themselves; of those that match a filter, the action asks anew."""
    found = aws.client("ec2").describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["stopped"]}])
    (stopped,) = [one["InstanceId"] for group in found["Reservations"] for one in group["Instances"]]
    named = reached(aws, f"{EC2}stop_instances", instance_ids=[stopped])
    assert (named.hits, [(one.id, one.zone) for one in named.resting]) == (0, [(stopped, C)])
    assert reached(aws, f"{EC2}stop_instances", az=C, filters=[TEAM]).resting == ()
    assert [one.id for one in reached(aws, f"{EC2}start_instances", az=C, filters=[TEAM]).resources] == [stopped]


UNUSABLE: dict[str, tuple[str, dict[str, Any], str]] = {  # what, arguments, what is said
    "a volume that is no number": (
        f"{EC2}stop_instances_by_incremental_steps", {"volume": "half", "tags": "team=shop"}, "its volume is 'half'",
    ),
    "a volume without end": (
        f"{EC2}stop_instances_by_incremental_steps", {"volume": "inf", "tags": "team=shop"}, "its volume is 'inf'",
    ),
    "tags without values": (
        f"{EC2}stop_instances_by_incremental_steps", {"volume": 50, "tags": "team"}, "must be key=value",
    ),
    "a filter without a name": (f"{EC2}stop_instances", {"filters": [{"Values": ["x"]}]}, "must have Name:"),
    "a filter that is a word": (f"{EC2}stop_instances", {"filters": ["shop"]}, "must have Name:"),
    "tags of a group that are words": (f"{ASG}suspend_processes", {"tags": ["team"]}, "must have Key: and Value:"),
    "a percentage that is none": (
        f"{ASG}stop_random_instances", {"asg_names": ["shop"], "instance_percent": "x"}, "its instance_percent is 'x'",
    ),
    "a count that is none": (
        f"{ASG}stop_random_instances", {"asg_names": ["shop"], "instance_count": [1]}, "its instance_count is [1]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_argument_that_an_action_cannot_take_hits_nothing(aws: Aws, case: str) -> None:
    """It is said which and what it takes; AWS is not to blame."""
    what, arguments, said = UNUSABLE[case]
    found = reached(aws, what, **arguments)
    assert (found.counted, found.hits, found.problem) == (True, 0, "")
    assert said in found.said


def test_a_filter_without_the_targets_tag_is_told(aws: Aws) -> None:
    """A zone alone also reaches the other team's instances, and does not ask for the tag."""
    found = reached(aws, f"{EC2}stop_instances", az=A)
    assert (found.hits, found.tagged) == (4, False)
    assert sorted({one.tags["team"] for one in found.resources}) == ["billing", "shop"]
    assert reached(aws, f"{EC2}stop_instances", az=A, filters=[TEAM]).tagged


def test_a_fis_template_is_counted_by_its_targets(aws: Aws) -> None:
    """Half of the instances with the tag."""
    target = {"resourceType": "aws:ec2:instance", "resourceTags": TAGS, "selectionMode": "PERCENT(50)"}
    template = aws.client("fis").create_experiment_template(
        clientToken="x",
        description="x",
        stopConditions=[{"source": "none"}],
        targets={"shop": target},
        actions={"stop": {"actionId": "aws:ec2:stop-instances", "targets": {"Instances": "shop"}}},
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/fis",
    )
    aws.calls.clear()
    found = reached(aws, "harness.fault.aws_fis.begin", template_id=template["experimentTemplate"]["id"])
    assert (found.hits, len(found.resources), found.tagged) == (2, 4, True)
    assert aws.changes == []


def test_an_action_nobody_knows_cannot_be_counted(aws: Aws) -> None:
    """It is said so: never that it hits nothing."""
    found = reached(aws, "chaosaws.ecs.actions.stop_task", cluster="x")
    assert not found.counted
    assert "cannot be counted" in found.said


def test_who_and_where_is_asked_too(aws: Aws) -> None:
    """The account is that of the credentials; the order of the actions is kept among those that call no AWS."""
    mine = Action(name="pause", what="harness.fault.process_pause.begin", arguments={"ports": "1"})
    theirs = Action(name="stop", what=f"{EC2}stop_instances", arguments={"filters": [TEAM]})
    found = ask_reach([mine, theirs, mine], TAGS, aws.environment)
    assert (found.account, found.region) == (ACCOUNT, REGION)
    assert [reach.action for reach in found.reaches] == ["pause", "stop", "pause"]
    assert found.reaches[0].said == "nobody listens on port 1 of this machine"


def test_an_aws_that_does_not_answer_is_not_available(aws: Aws) -> None:
    """Nobody there: that is said, with the address, and nothing is assumed."""
    action = Action(name="stop", what=f"{EC2}stop_instances", arguments={"filters": [TEAM]})
    nowhere = aws.environment | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    (found,) = ask_reach([action], TAGS, nowhere).reaches
    assert re.search(r"AWS cannot be asked .*http://127\.0\.0\.1:1", found.problem)
    assert not found.counted


def test_what_the_target_calls_secret_is_in_no_answer(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name does not look like a secret, so only who was told knows: neither the answer nor why there is none."""
    canary = "canary-5c1e77"
    monkeypatch.setenv("SHOP_LOGIN", canary)
    declare(["SHOP_LOGIN"])
    action = Action(name="stop", what=f"{EC2}stop_instances", arguments={"filters": [TEAM]})
    (found,) = ask_reach([action], {"team": canary}, aws.environment).reaches
    assert (canary in found.said, f"tagged team={MASK}" in found.said) == (False, True)
    nowhere = aws.environment | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:1/{canary}"}
    (found,) = ask_reach([action], TAGS, nowhere).reaches
    assert (canary in found.problem, f"127.0.0.1:1/{MASK}" in found.problem) == (False, True)
