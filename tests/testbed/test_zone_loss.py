"""The loss of a zone, called for as an experiment does it, and its return."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from harness.testbed import Bed, read_log
from harness.testbed.database import HEALTH_FAILURES, HEALTH_INTERVAL_S
from harness.testbed.settings import ZONES
from tests.testbed.beds import answers, aws_of, edge_of, eventually, is_whole, keys_of, order, running, state, survivors

pytestmark = pytest.mark.bed

WITHIN_S = 15.0
# What an experiment's action and probe providers say, as Python.
CHAOSAWS = """
from chaosaws.ec2.actions import start_instances, stop_instances
from chaosaws.ec2.probes import count_instances, instance_state
tagged = [{"Name": "tag:wellproven", "Values": ["drill"]}]
here = [*tagged, {"Name": "availability-zone", "Values": ["us-east-1a"]}]
stopped = [*here, {"Name": "instance-state-name", "Values": ["stopped"]}]
"""


def chaosaws(bed: Bed, code: str) -> None:
    """Run code as Chaos Toolkit would: in another process, pointed at the bed by the environment alone."""
    environment = {**os.environ, **bed.status().environment}
    subprocess.run([sys.executable, "-c", CHAOSAWS + code], env=environment, check=True, timeout=30, cwd="/")


def events(bed: Bed) -> list[dict]:
    return list(read_log(Path(bed.status().log)))


def at_ns(bed: Bed, what: str) -> int:
    """When something last happened."""
    return [event["at_ns"] for event in events(bed) if event["what"] == what][-1]


def test_a_stopped_instance_takes_its_zone_down_and_a_started_one_brings_it_back(bed: Bed, edge: httpx.Client) -> None:
    """Its processes die, others serve, the standby is promoted, and redundancy is regained; the log says when."""
    assert order(edge, "loss-before") == 201
    doomed = [psutil.Process(pid) for pid in state(bed)[ZONES[0]]]
    doomed += [child for process in doomed for child in process.children(recursive=True)]

    chaosaws(
        bed,
        'stop_instances(az="us-east-1a", filters=tagged)\n'
        "assert count_instances(filters=stopped) == 1\n"
        'assert instance_state(state="stopped", filters=here)\n',
    )
    eventually("every process of the zone is gone", lambda: not running(doomed), WITHIN_S)
    assert bed.status().zones[ZONES[0]].state == "stopped"
    seen = [edge.get("/catalogue") for _ in range(20)]
    assert {answer.status_code for answer in seen} == {200}
    assert {answer.headers["x-zone"] for answer in seen} == set(ZONES[1:])

    eventually("orders are taken again", lambda: order(edge, "loss-during") in {200, 201}, WITHIN_S)
    eventually("the status names the new primary", lambda: bed.status().database.primary == ZONES[1], WITHIN_S)
    assert bed.status().database.standby is None
    with aws_of(bed, "rds") as rds:
        members = rds.describe_db_clusters()["DBClusters"][0]["DBClusterMembers"]
    assert [member["DBInstanceIdentifier"] for member in members if member["IsClusterWriter"]] == ["shop-db-b"]
    detected_ns = at_ns(bed, "primary.dead") - at_ns(bed, "zone.stopped")
    assert detected_ns > (HEALTH_FAILURES - 1) * HEALTH_INTERVAL_S * 1e9
    assert at_ns(bed, "standby.promoted") > at_ns(bed, "primary.dead")

    chaosaws(bed, 'start_instances(az="us-east-1a", filters=stopped)\n')
    eventually("the bed is whole", lambda: is_whole(bed), WITHIN_S)
    eventually("the old primary follows", lambda: bed.status().database.standby == ZONES[0], WITHIN_S)
    for what in ("zone.started", "standby.rejoined"):
        eventually(f"the log says {what}", lambda what=what: what in str(events(bed)), WITHIN_S)
        assert at_ns(bed, what) > at_ns(bed, "standby.promoted")

    def first_zone_serves() -> bool:
        return edge.get("/catalogue").headers["x-zone"] == ZONES[0]

    eventually("the edge sends to it again", first_zone_serves, WITHIN_S)
    assert survivors(edge, "loss-") == ["loss-before", "loss-during"]


def test_a_failover_that_is_called_for_promotes_the_standby(bed: Bed, edge: httpx.Client) -> None:
    """`failover_db_cluster` swaps the roles, and the old primary rejoins without a zone being touched."""
    before = bed.status().database
    assert before.standby is not None
    with aws_of(bed, "rds") as rds:
        rds.failover_db_cluster(
            DBClusterIdentifier="shop-db", TargetDBInstanceIdentifier=f"shop-db-{before.standby[-1]}"
        )

    def swapped() -> bool:
        now = bed.status().database
        return (now.primary, now.standby) == (before.standby, before.primary)

    eventually("the roles are swapped", swapped, WITHIN_S)
    eventually("orders are taken", lambda: order(edge, "failover-1") in {200, 201}, WITHIN_S)


def test_a_reboot_with_failover_promotes_the_standby(bed: Bed, edge: httpx.Client) -> None:
    """`reboot_db_instance(force_failover)`, which moto only answers, is real here."""
    before = bed.status().database
    assert before.primary is not None
    with aws_of(bed, "rds") as rds:
        rds.reboot_db_instance(DBInstanceIdentifier=f"shop-db-{before.primary[-1]}", ForceFailover=True)
    eventually("the standby is promoted", lambda: bed.status().database.primary == before.standby, WITHIN_S)
    eventually("the bed is whole", lambda: is_whole(bed), WITHIN_S)
    eventually("orders are taken", lambda: order(edge, "reboot-1") in {200, 201}, WITHIN_S)


def test_a_shop_killed_alone_is_started_again(bed: Bed, edge: httpx.Client) -> None:
    """A process that dies while its instance runs comes back, under another pid."""
    (old,) = (process for process in bed.status().zones[ZONES[2]].processes if process.name.startswith("shop"))
    psutil.Process(old.pid).kill()

    def is_new() -> bool:
        processes = bed.status().zones[ZONES[2]].processes
        return any(process.name == old.name and process.pid != old.pid for process in processes)

    eventually("another shop runs", is_new, WITHIN_S)
    with httpx.Client(base_url=f"http://127.0.0.1:{old.port}") as shop:
        eventually("it serves", lambda: answers(shop) == 200, WITHIN_S)
    assert answers(edge) == 200


def test_a_pricing_service_that_fails_is_fallen_back_from(bed: Bed) -> None:
    """Its errors open the breaker, which is seen in the answer, the metric and the log; it closes again."""
    status = bed.status()
    admin, shop = status.endpoints["envoy_admin"], status.endpoints[f"shop-{ZONES[1]}"]
    with keys_of(bed) as key, httpx.Client(headers=key) as client:
        client.post(f"{admin}/runtime_modify?fault.http.abort.abort_percent=100")
        try:
            answers_ = [client.get(f"{shop}/price/sku-1").json() for _ in range(8)]
            assert all(answer["fallback"] for answer in answers_)
            assert 'shop_breaker_state{breaker="pricing",zone="us-east-1b"} 2.0' in client.get(f"{shop}/metrics").text
        finally:
            client.post(f"{admin}/runtime_modify?fault.http.abort.abort_percent=0")
        eventually("prices come again", lambda: not client.get(f"{shop}/price/sku-1").json()["fallback"], WITHIN_S)
    transitions = [event["state"] for event in events(bed) if event["what"] == "breaker" and event["zone"] == ZONES[1]]
    assert transitions == ["opened", "half-opened", "closed"]


def test_edge_outlives_nothing_it_should_not(bed: Bed) -> None:
    """After all of this each zone serves again."""
    eventually("the bed is whole", lambda: is_whole(bed), WITHIN_S)
    with edge_of(bed) as edge:
        assert answers(edge) == 200
