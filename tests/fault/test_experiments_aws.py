"""What the repository's experiments look at in an AWS account, in one where a reservation holds several instances."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fault.aws_server import REGION, Aws, aws_server

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
ZONE = f"{REGION}a"
# Chaos Toolkit's own reading of each probe; in a process of its own, as chaosaws keeps the first login it sees.
LOOK = """
import json, sys
from chaoslib.configuration import load_configuration
from harness.fault.activities import holds
configuration, probes = json.load(sys.stdin)
print(json.dumps([holds(probe, load_configuration(configuration)) for probe in probes]))
"""


@pytest.fixture
def aws() -> Iterator[Aws]:
    with aws_server() as made:
        yield made


def of_instances(experiment: str, what: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """An experiment's configuration, and its probes of EC2 under `evidence` or `healed`."""
    document = yaml.safe_load((EXPERIMENTS / f"{experiment}.yaml").read_text())
    listed = [one["probe"] for one in document["extensions"][0].get(what, []) if "probe" in one]
    return document["configuration"], [one for one in listed if one["provider"]["module"].startswith("chaosaws.ec2.")]


def holds(aws: Aws, experiment: str, what: str) -> bool:
    where = {"DRILL_AZ": ZONE, "DRILL_INSTANCE_AZ": ZONE, "DRILL_TAG_KEY": "team", "DRILL_TAG_VALUE": "shop"}
    asked = json.dumps(of_instances(experiment, what))
    environment = {**os.environ, **aws.environment, **where}
    said = subprocess.run(
        [sys.executable, "-c", LOOK], input=asked, capture_output=True, check=True, text=True, env=environment,
        timeout=60,
    )  # fmt: skip
    return all(json.loads(said.stdout))


@pytest.mark.parametrize("experiment", ["az-failure", "instance-lost", "replication-cut"])
def test_a_zone_is_healed_once_all_its_instances_run(aws: Aws, experiment: str) -> None:
    """Three of one reservation, two of them still stopped, are not healed; none of them left running is evidence."""
    ids, ec2 = aws.run(ZONE, count=3), aws.client("ec2")
    assert holds(aws, experiment, "healed")
    ec2.stop_instances(InstanceIds=ids)
    assert not holds(aws, experiment, "healed")
    ec2.start_instances(InstanceIds=ids[:1])
    assert not holds(aws, experiment, "healed")
    ec2.start_instances(InstanceIds=ids[1:])
    assert holds(aws, experiment, "healed")
    ec2.terminate_instances(InstanceIds=ids)
    assert not holds(aws, experiment, "healed")  # nobody is down, and nobody there either


@pytest.mark.parametrize("experiment", ["az-failure", "instance-lost"])
def test_a_zone_is_lost_once_none_of_its_instances_runs(aws: Aws, experiment: str) -> None:
    """One that still runs, of a reservation of three, is no loss of the zone."""
    ids = aws.run(ZONE, count=3)
    aws.client("ec2").stop_instances(InstanceIds=ids[1:])
    assert not holds(aws, experiment, "evidence")
    aws.client("ec2").stop_instances(InstanceIds=ids[:1])
    assert holds(aws, experiment, "evidence")
