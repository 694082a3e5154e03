"""Beds with a known weakness, so that drills that must fail can be seen to fail; and the synchronous one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.clock import SystemClock
from harness.errors import NotAvailableError
from harness.testbed import Bed, Settings, attach, read_log, up
from harness.testbed.database import HEALTH_FAILURES, HEALTH_INTERVAL_S
from harness.testbed.settings import ZONES
from tests.testbed.beds import (
    answers,
    aws_of,
    bed_up,
    edge_of,
    eventually,
    is_down,
    is_whole,
    order,
    processes_of,
    running,
    state,
    survivors,
)

pytestmark = pytest.mark.bed

WITHIN_S = 15.0


@pytest.fixture(scope="module")
def words_only() -> Iterator[Bed]:
    settings = Settings(name=f"test-words-only-{os.getpid()}", reconcile=False)
    code = (
        "import sys; from harness.clock import SystemClock; from harness.testbed import Settings, up;"
        " up(Settings.model_validate_json(sys.argv[1]), clock=SystemClock(), parent_lifeline=False)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code, settings.model_dump_json()], check=True, timeout=60)
    bed = attach(settings.name)
    assert bed is not None, "it did not outlive the process that brought it up"
    yield bed
    bed.down()


def stop_zone(bed: Bed, zone: str) -> None:
    with aws_of(bed, "ec2") as ec2:
        ec2.stop_instances(InstanceIds=[bed.status().zones[zone].instance_id])


def start_zone(bed: Bed, zone: str) -> None:
    with aws_of(bed, "ec2") as ec2:
        ec2.start_instances(InstanceIds=[bed.status().zones[zone].instance_id])


def whats(bed: Bed) -> list[str]:
    return [str(event["what"]) for event in read_log(Path(bed.status().log))]


def test_a_bed_without_lifeline_outlives_who_brought_it_up(words_only: Bed) -> None:
    """`testbed up` leaves a bed running that any other process finds."""
    assert is_whole(words_only)


def test_two_beds_stand_side_by_side(bed: Bed, words_only: Bed) -> None:
    """They share no port, no process and no order."""
    first, second = processes_of(bed.status().pid), processes_of(words_only.status().pid)
    assert not {process.pid for process in first} & {process.pid for process in second}
    with edge_of(bed) as one, edge_of(words_only) as other:
        assert order(one, "beside-1") == 201
        assert survivors(other, "beside-") == []


def test_a_second_bed_of_one_name_is_refused(bed: Bed) -> None:
    """The first one stays as it is."""
    with pytest.raises(NotAvailableError, match="already up"):
        up(bed.status().settings, clock=SystemClock())
    assert not is_down(bed)


def test_without_reconciling_aws_says_stopped_and_every_process_lives(words_only: Bed) -> None:
    """A fault that hits nothing: the control plane's words change, the zone serves on."""
    before = state(words_only)
    stop_zone(words_only, ZONES[0])
    with aws_of(words_only, "ec2") as ec2:
        found = ec2.describe_instances(InstanceIds=[words_only.status().zones[ZONES[0]].instance_id])
    assert found["Reservations"][0]["Instances"][0]["State"]["Name"] == "stopped"
    SystemClock().sleep(0.5)  # ten looks of the reconciler that must not happen
    assert state(words_only) == before
    with edge_of(words_only) as edge:
        assert {edge.get("/catalogue").headers["x-zone"] for _ in range(60)} == set(ZONES)


def test_a_killed_keeper_takes_everything_with_it(words_only: Bed) -> None:
    """SIGKILL leaves no process, PostgreSQL's children included; what is left on disk goes at the next look."""
    processes = processes_of(words_only.status().pid)
    assert any(process.name() == "postgres" for process in processes)
    processes[0].kill()
    eventually("no process is left", lambda: not running(processes), WITHIN_S)
    assert is_down(words_only)
    assert attach(words_only.name) is None


def test_without_failover_orders_come_back_only_with_the_zone() -> None:
    """The standby is never promoted; the old primary comes back with everything it had acknowledged."""
    with bed_up("no-failover", failover=False) as bed, edge_of(bed) as edge:
        assert order(edge, "before") == 201
        stop_zone(bed, ZONES[0])
        eventually("the primary is known to be dead", lambda: "primary.dead" in whats(bed), WITHIN_S)
        SystemClock().sleep(2 * HEALTH_FAILURES * HEALTH_INTERVAL_S)  # long enough for what must not happen
        assert "standby.promoted" not in whats(bed)
        assert bed.status().database.primary is None
        # The first ones find a connection that died with the primary: nobody knows, says 504.
        during = {"id": "during", "sku": "sku-1", "quantity": 1}
        refused = [edge.post("/orders", json=during) for _ in range(8)]
        assert {answer.status_code for answer in refused} <= {503, 504}
        assert refused[-1].status_code == 503
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}
        assert answers(edge, "/orders/before") == 503
        assert answers(edge) == 200
        start_zone(bed, ZONES[0])
        eventually("orders are taken", lambda: order(edge, "after") in {200, 201}, WITHIN_S)
        assert survivors(edge, "") == ["after", "before"]
        eventually("the bed is whole", lambda: is_whole(bed), WITHIN_S)
        assert bed.status().database.primary == ZONES[0]
        processes = processes_of(bed.status().pid)
        bed.down()
        assert running(processes) == []
        bed.down()  # may be called again


def test_synchronous_replication_loses_no_acknowledged_order() -> None:
    """What was answered with 201 is there after the primary died under load; without a standby commits do not hang."""
    with bed_up("synchronous", replication="synchronous") as bed, edge_of(bed) as edge:
        with ThreadPoolExecutor(8) as pool:
            pending = [pool.submit(order, edge, f"sync-{n}") for n in range(600)]
            eventually("orders flow", lambda: sum(future.done() for future in pending) > 100, WITHIN_S)
            stop_zone(bed, ZONES[0])
            statuses = {f"sync-{n}": future.result() for n, future in enumerate(pending)}
        eventually("orders are taken without a standby", lambda: order(edge, "alone") in {200, 201}, WITHIN_S)
        acknowledged = {order_id for order_id, status in statuses.items() if status == 201}
        assert len(acknowledged) > 100
        assert acknowledged <= set(survivors(edge, "sync-"))
        start_zone(bed, ZONES[0])
        eventually("the bed is whole", lambda: is_whole(bed), WITHIN_S)
        eventually("commits wait again", lambda: whats(bed).count("replication") == 2, WITHIN_S)
