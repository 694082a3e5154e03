"""What actions would hit in an AWS account. Asked by the survey's child process alone: this imports botocore.

Only reads: STS GetCallerIdentity, EC2, Auto Scaling, Elastic Load Balancing and RDS Describe, FIS
GetExperimentTemplate. Region, profile and endpoint are boto3's. An action it does not know is one that cannot be
counted, never one that hits nothing.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from harness.aws import AwsSession, Patience, code_of, translated
from harness.plan import Action, Reach, Resource, Survey

PATIENCE: Final = Patience(connect_s=3, read_s=10, attempts=2, deadline_s=20)
EC2: Final = "EC2 instance"
DB: Final = "DB instance"
RUNNING: Final = ("pending", "running")
GONE: Final = ("shutting-down", "terminated")


class _UnusableError(Exception):
    """An argument that the action cannot take; its words say which, and what it takes."""


def survey(actions: Sequence[Action], tags: Mapping[str, str], session: AwsSession) -> Survey:
    """Ask the account what each action would hit; what bears the tags is the capacity.

    Raises WellprovenError where it cannot be asked.
    """
    account = _Account(session, tags)
    with translated("AWS"):
        reaches = tuple(account.reach(action) for action in actions)
    return Survey(account=session.account(), region=account.region, reaches=reaches)


class _Account:
    """An account, and what was asked of it already."""

    def __init__(self, session: AwsSession, tags: Mapping[str, str]) -> None:
        self._session = session
        self._tags = tags
        self._capacity: dict[str, int] = {}

    def client(self, service: str) -> Any:
        """A client of boto3's that gives up in time."""
        return self._session.client(service)

    @property
    def region(self) -> str:
        """Where the calls go."""
        return str(self.client("sts").meta.region_name)

    def reach(self, action: Action) -> Reach:
        """What one action would hit."""
        for start, find in _FINDERS.items():
            if action.what.startswith(start):
                try:
                    found = find(self, action)
                except _UnusableError as error:
                    return Reach(action=action.name, what=action.what, counted=True, said=str(error), hits=0, aws=True)
                if found is not None:
                    return found
        said = "cannot be counted: what it would hit is not asked for yet"
        return Reach(action=action.name, what=action.what, counted=False, said=said, aws=True)

    def made(
        self,
        action: Action,
        resources: Sequence[Resource],
        hits: int,
        *,
        kind: str = EC2,
        tagged: bool = True,
        resting: Sequence[Resource] = (),
    ) -> Reach:
        """The answer: so many hits out of these resources, of the capacity there is; `resting` do not run now."""
        capacity = self.capacity(kind)
        bearing = "".join(f", tagged {key}={value}" for key, value in self._tags.items())
        zones = ", ".join(sorted({one.zone for one in resources}))
        of = "" if hits == len(resources) else f" (any of {len(resources)})"
        said = f"{hits}{of} of {capacity} {kind}s that run{bearing}" + (f", in {zones}" if zones else "")
        return Reach(
            action=action.name, what=action.what, counted=True, said=said, resources=tuple(resources), hits=hits,
            tagged=tagged, aws=True, capacity=capacity, resting=tuple(resting),
        )  # fmt: skip

    def capacity(self, kind: str) -> int:
        """How many resources of a kind run and bear the target's tags."""
        if kind not in self._capacity:
            every = self.instances() if kind == EC2 else self.databases()
            self._capacity[kind] = sum(self._tags.items() <= one.tags.items() for one in every)
        return self._capacity[kind]

    def instances(self, filters: Sequence[Mapping[str, Any]] = (), ids: Sequence[str] = ()) -> list[Resource]:
        """Running EC2 instances."""
        return self.running_and_resting(filters, ids)[0]

    def running_and_resting(
        self, filters: Sequence[Mapping[str, Any]] = (), ids: Sequence[str] = ()
    ) -> tuple[list[Resource], list[Resource]]:
        """EC2 instances that run, and those that do not but may again."""
        asked: dict[str, Any] = {"InstanceIds": list(ids)} if ids else {"Filters": list(filters)}
        pages = self.client("ec2").get_paginator("describe_instances").paginate(**asked)
        try:
            found = [one for page in pages for group in page["Reservations"] for one in group["Instances"]]
        except ClientError as error:
            if not code_of(error).startswith("InvalidInstanceID"):
                raise
            found = []  # one that is named and not there: the action would fail, and hit nothing
        running: list[Resource] = []
        resting: list[Resource] = []
        for one in found:
            zone = one["Placement"]["AvailabilityZone"]
            resource = Resource(kind=EC2, id=one["InstanceId"], zone=zone, tags=_tags(one, "Tags"))
            state = one["State"]["Name"]
            if state not in GONE:
                (running if state in RUNNING else resting).append(resource)
        return running, resting

    def databases(self, **asked: Any) -> list[Resource]:
        """DB instances that are not stopped."""
        pages = self.client("rds").get_paginator("describe_db_instances").paginate(**asked)
        return [
            Resource(
                kind=DB,
                id=one["DBInstanceIdentifier"],
                zone=one.get("AvailabilityZone", ""),
                tags=_tags(one, "TagList"),
            )
            for page in pages
            for one in page["DBInstances"]
            if one["DBInstanceStatus"] not in ("stopped", "deleting")
        ]

    def asks_for_tags(self, filters: Sequence[Mapping[str, Any]]) -> bool:
        """Whether EC2 filters ask for all of the target's tags."""
        asked = {str(one.get("Name")): list(one.get("Values", ())) for one in filters}
        return all(asked.get(f"tag:{key}") == [value] for key, value in self._tags.items())

    def bears_tags(self, tags: Mapping[str, str]) -> bool:
        """Whether something bears all of the target's tags."""
        return self._tags.items() <= tags.items()


def _tags(resource: Mapping[str, Any], field: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in resource.get(field, ())}


def _number(action: Action, name: str, default: float) -> float:
    """An argument that is a number. Raises _UnusableError."""
    value = action.arguments.get(name, default)
    try:
        number = float(str(value))
    except ValueError:
        number = -1.0
    if not 0 <= number < math.inf:
        raise _UnusableError(f"its {name} is {value!r}, and must be a number from 0 on")
    return number


def _listed(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else str(value).split(",") if value else []


# --- one family of actions each --------------------------------------------------------------------------------------


def _ec2(account: _Account, action: Action) -> Reach | None:
    """Actions by ids, else by filters and zone, as chaosaws.ec2 reads them; `..._instance` takes one of them."""
    function, asked = action.what.rpartition(".")[2], action.arguments
    one_only = function.endswith("_instance")
    by_steps = function == "stop_instances_by_incremental_steps"
    if not (one_only or by_steps or function.endswith("_instances") or function in ("begin", "detach_random_volume")):
        return None
    ids = _listed(asked.get("instance_id") or asked.get("instance_ids"))
    written = asked.get("filters")
    filters: list[Any] = list(written) if isinstance(written, list) else []
    if by_steps:
        filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in _pairs(asked.get("tags"))]
    if asked.get("az") and not ids:
        filters.append({"Name": "availability-zone", "Values": [asked["az"]]})
    if not ids and not filters:
        return None
    if not all(isinstance(one, dict) and one.get("Name") and isinstance(one.get("Values"), list) for one in filters):
        raise _UnusableError("each of its filters must have Name: and Values: [...]")
    found, resting = account.running_and_resting(filters, ids)
    if function.startswith("start_"):
        found, resting = [*found, *resting], []
    hits = min(1, len(found)) if one_only else len(found)
    if by_steps:
        hits = round(len(found) * min(100.0, _number(action, "volume", 100)) / 100)
    # What is named by its id runs or not by the time the action comes; filters are asked anew then.
    return account.made(
        action, found, hits, tagged=bool(ids) or account.asks_for_tags(filters), resting=resting if ids else ()
    )


def _pairs(tags: Any) -> list[tuple[str, str]]:
    """`key=value,...` or a mapping. Raises _UnusableError."""
    if isinstance(tags, dict):
        return [(str(key).strip(), str(value)) for key, value in tags.items()]
    words = _listed(tags)
    if not all("=" in word for word in words):
        raise _UnusableError(f"its tags are {tags!r}, and must be key=value, with commas between")
    return [(key.strip(), value) for key, _, value in (word.partition("=") for word in words)]


def _asg(account: _Account, action: Action) -> Reach | None:
    """Actions on Auto Scaling groups: some of their instances, or (suspended, moved) all that depend on them."""
    asked = action.arguments
    names, tags = _listed(asked.get("asg_names")), asked.get("tags")
    scaling = account.client("autoscaling").get_paginator("describe_auto_scaling_groups")
    if names:
        pages = scaling.paginate(AutoScalingGroupNames=names)
    elif isinstance(tags, list):
        wanted: Any = tags
        if not all(isinstance(one, dict) and {"Key", "Value"} <= one.keys() for one in wanted):
            raise _UnusableError("each of its tags must have Key: and Value:")
        pages = scaling.paginate(Filters=[{"Name": f"tag:{t['Key']}", "Values": [t["Value"]]} for t in wanted])
    else:
        return None
    groups = [group for page in pages for group in page["AutoScalingGroups"]]
    found: list[Resource] = []
    hits = 0
    for group in groups:
        mine = [one for one in group["Instances"] if one["LifecycleState"] == "InService"]
        mine = [one for one in mine if asked.get("az") in (None, "", one["AvailabilityZone"])]
        ids = [one["InstanceId"] for one in mine]
        running = account.instances(ids=ids) if ids else []
        found += running
        hits += min(len(running), _of_group(action, len(running)))
    tagged = bool(groups) and all(account.bears_tags(_tags(group, "Tags")) for group in groups)
    return account.made(action, found, hits, tagged=tagged)


def _of_group(action: Action, there: int) -> int:
    """How many instances of one group an action takes."""
    asked = action.arguments
    if not action.what.endswith("_random_instances") or asked.get("az"):
        return there
    if asked.get("instance_percent"):
        return math.floor(there * _number(action, "instance_percent", 0) / 100)
    return int(_number(action, "instance_count", there)) or there


def _elbv2(account: _Account, action: Action) -> Reach | None:
    """One target of a target group."""
    if not action.what.endswith(".deregister_target"):
        return None
    name = str(action.arguments.get("tg_name"))
    try:
        groups = account.client("elbv2").describe_target_groups(Names=[name])["TargetGroups"]
    except ClientError as error:
        return _nothing(account, action, error, "TargetGroupNotFound")
    ids = [
        one["Target"]["Id"]
        for group in groups
        for one in account.client("elbv2").describe_target_health(TargetGroupArn=group["TargetGroupArn"])[
            "TargetHealthDescriptions"
        ]
    ]
    instances = [one for one in ids if one.startswith("i-")]
    if len(instances) < len(ids):
        return None  # addresses and functions have no capacity that could be counted
    found, resting = account.running_and_resting(ids=instances) if instances else ([], [])
    return account.made(action, found, min(1, len(found)), resting=resting)


def _rds(account: _Account, action: Action) -> Reach | None:
    """One DB instance, or all of a cluster; a failover takes away the writer."""
    asked = action.arguments
    try:
        if "db_instance_identifier" in asked:
            found = account.databases(DBInstanceIdentifier=str(asked["db_instance_identifier"]))
            return account.made(action, found, len(found), kind=DB)
        if "db_cluster_identifier" in asked:
            named = [{"Name": "db-cluster-id", "Values": [str(asked["db_cluster_identifier"])]}]
            found = account.databases(Filters=named)
            hits = min(1, len(found)) if "failover" in action.what else len(found)
            return account.made(action, found, hits, kind=DB)
    except ClientError as error:
        return _nothing(account, action, error, "DBInstanceNotFound", "DBClusterNotFoundFault", kind=DB)
    return None


def _fis(account: _Account, action: Action) -> Reach | None:
    """The EC2 instances a FIS template names by ARN or by tags; None where it names something else."""
    template = account.client("fis").get_experiment_template(id=str(action.arguments.get("template_id")))
    found: dict[str, Resource] = {}
    others: dict[str, Resource] = {}
    hits, tagged = 0, True
    for target in template["experimentTemplate"].get("targets", {}).values():
        if target["resourceType"] != "aws:ec2:instance" or target.get("filters"):
            return None
        ids = [arn.rpartition("/")[2] for arn in target.get("resourceArns", ())]
        filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in target.get("resourceTags", {}).items()]
        if not ids and not filters:
            return None
        mine, resting = account.running_and_resting(filters, ids)
        others |= {one.id: one for one in resting if ids}
        hits += _selected(target["selectionMode"], len(mine))
        tagged = tagged and (bool(ids) or account.asks_for_tags(filters))
        found |= {one.id: one for one in mine}
    return account.made(
        action, list(found.values()), min(hits, len(found)), tagged=tagged, resting=list(others.values())
    )


def _selected(mode: str, there: int) -> int:
    """FIS's selection: ALL, COUNT(n), PERCENT(n)."""
    name, _, number = mode.rstrip(")").partition("(")
    if name == "COUNT":
        return min(there, int(number))
    return math.floor(there * float(number) / 100) if name == "PERCENT" else there


def _nothing(account: _Account, action: Action, error: ClientError, *codes: str, kind: str = EC2) -> Reach:
    """What is not there is hit by nothing; another error is raised again."""
    if code_of(error) not in codes:
        raise error
    return account.made(action, (), 0, kind=kind)


_FINDERS: Final[dict[str, Callable[[_Account, Action], Reach | None]]] = {
    "chaosaws.ec2.": _ec2,
    "chaosaws.asg.": _asg,
    "chaosaws.elbv2.": _elbv2,
    "chaosaws.rds.": _rds,
    "harness.fault.aws_ssm_latency.": _ec2,
    "harness.fault.aws_fis.": _fis,
}
