"""The AWS control plane: moto's server in this process, holding what stands for the bed's processes.

One tagged instance a zone (placed by hand: an Auto Scaling group of moto's puts all into one), an Auto Scaling group, a
target group behind a load balancer, and a database cluster with a writer and a reader. Everything here is words; the
keeper makes them true.
"""

import os
from collections.abc import Callable
from threading import Thread
from typing import Any

from harness.errors import NotAvailableError
from harness.testbed.gate import Called, Gate
from harness.testbed.settings import DATABASE_ZONES, REGION, TAG, ZONES

ACCOUNT = "123456789012"  # moto's
APPLICATION = "shop"
IMAGE = "ami-0c0ffee0c0ffee000"
CLUSTER = "shop-db"
_TAGS = [{"Key": TAG[0], "Value": TAG[1]}, {"Key": "application", "Value": APPLICATION}]


def environment(port: int, key: str) -> dict[str, str]:
    """What points boto3 and the AWS command line at this control plane, with the key that may change it."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": key,
    }


class ControlPlane:
    """The server, and what the keeper asks of it."""

    def __init__(self, port: int, key: str, called: Called) -> None:
        self.port = port
        self._key = key
        self.instances: dict[str, str] = {}  # zone -> instance id
        self._called = called

    def start(self) -> None:
        """Serve, and create what the bed consists of; takes some seconds, mostly of importing."""
        # 1,301 images that nobody asks for take a second to load.
        os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
        # Else it invites every page in a browser to read its answers.
        os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"
        os.environ.update(environment(self.port, self._key))
        from moto.moto_server.werkzeug_app import (  # half a second: only the keeper pays
            DomainDispatcherApplication,
            MotoRequestHandler,
            create_backend_app,
        )
        from werkzeug.serving import make_server

        application = Gate(DomainDispatcherApplication(create_backend_app), self._key, self._called)
        try:
            server = make_server(
                "127.0.0.1", self.port, application, threaded=True, request_handler=_quiet(MotoRequestHandler)
            )
        except (OSError, SystemExit) as error:
            raise NotAvailableError(f"test bed: aws: Address already in use: {self.port}") from error
        Thread(target=server.serve_forever, name="aws", daemon=True).start()
        self._create()

    def instance_states(self) -> dict[str, str]:
        """What each zone's instance is said to be: `running`, `stopped`, `terminated`...; costs nothing."""
        try:
            instances = list(self._backend("ec2").all_instances())
        except RuntimeError:  # a call of this moment makes instances while they are listed
            return {}
        states = {instance.id: str(instance._state.name) for instance in instances}
        return {zone: states.get(instance_id, "terminated") for zone, instance_id in self.instances.items()}

    def writer_zone(self) -> str | None:
        """Where the database's writer is said to be."""
        writer = self._backend("rds").clusters[CLUSTER].writer
        return None if writer is None else str(writer.availability_zone)

    def set_writer(self, zone: str) -> None:
        """Say the truth about the writer."""
        backend = self._backend("rds")
        backend.clusters[CLUSTER].failover(backend.databases[database_instance(zone)])

    def _backend(self, service: str) -> Any:
        from moto import backends

        # Its overloads list every service by name; a variable matches none.
        get_backend: Callable[[str], Any] = backends.get_backend  # type: ignore[assignment]
        return get_backend(service)[ACCOUNT][REGION]

    def _create(self) -> None:
        import boto3

        ec2 = boto3.client("ec2")
        subnets = {
            subnet["AvailabilityZone"]: subnet["SubnetId"]
            for subnet in ec2.describe_subnets()["Subnets"]
            if subnet["AvailabilityZone"] in ZONES
        }
        for zone in ZONES:
            tags = [*_TAGS, {"Key": "Name", "Value": f"{APPLICATION}-{zone[-1]}"}]
            answer = ec2.run_instances(
                ImageId=IMAGE,
                InstanceType="t3.micro",
                MinCount=1,
                MaxCount=1,
                SubnetId=subnets[zone],
                TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
            )
            self.instances[zone] = answer["Instances"][0]["InstanceId"]
        vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        self._create_balancer(boto3, list(subnets.values()), vpc)
        self._create_group(boto3)
        self._create_database(boto3)

    def _create_balancer(self, boto3: Any, subnets: list[str], vpc: str) -> None:
        elbv2 = boto3.client("elbv2")
        balancer = elbv2.create_load_balancer(Name=APPLICATION, Subnets=subnets, Tags=_TAGS)["LoadBalancers"][0]
        group = elbv2.create_target_group(
            Name=APPLICATION, Protocol="HTTP", Port=80, VpcId=vpc, TargetType="instance", Tags=_TAGS
        )["TargetGroups"][0]
        elbv2.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}],
        )
        targets = [{"Id": instance} for instance in self.instances.values()]
        elbv2.register_targets(TargetGroupArn=group["TargetGroupArn"], Targets=targets)

    def _create_group(self, boto3: Any) -> None:
        scaling = boto3.client("autoscaling")
        scaling.create_auto_scaling_group(
            AutoScalingGroupName=APPLICATION,
            InstanceId=self.instances[ZONES[0]],
            MinSize=0,
            MaxSize=2 * len(ZONES),
            DesiredCapacity=0,
            AvailabilityZones=list(ZONES),
            Tags=[{**tag, "PropagateAtLaunch": True} for tag in _TAGS],
        )
        scaling.attach_instances(AutoScalingGroupName=APPLICATION, InstanceIds=list(self.instances.values()))

    def _create_database(self, boto3: Any) -> None:
        rds = boto3.client("rds")
        rds.create_db_cluster(
            DBClusterIdentifier=CLUSTER,
            Engine="aurora-postgresql",
            MasterUsername="postgres",
            MasterUserPassword="not-the-real-one",  # nobody can log in with it
            Tags=_TAGS,
        )
        for zone in DATABASE_ZONES:
            rds.create_db_instance(
                DBInstanceIdentifier=database_instance(zone),
                DBClusterIdentifier=CLUSTER,
                DBInstanceClass="db.t3.medium",
                Engine="aurora-postgresql",
                AvailabilityZone=zone,
                Tags=_TAGS,
            )


def database_instance(zone: str) -> str:
    """The name of a zone's database instance."""
    return f"{CLUSTER}-{zone[-1]}"


def _quiet(handler: type[Any]) -> type[Any]:
    """A request handler that writes no line a request."""

    class Quiet(handler):  # type: ignore[misc]  # the class is only known at run time
        def log_request(self, *_: object) -> None:
            """Write nothing."""

    return Quiet
