"""What actions would hit on this machine, a Toxiproxy and an Envoy, asked by the child process that a drill asks."""

import os
import socket
import subprocess
import sys
from typing import Any

import psutil
import pytest

from harness.fault import ask_reach, netem, survey_here, toxiproxy, toxiproxy_cut
from harness.plan import Action, Reach
from tests.fault import here_servers
from tests.fault.here_servers import envoy, free_port, listening


def reached(what: str, **arguments: Any) -> Reach:
    action = Action(name="break", what=f"harness.fault.{what}", arguments=arguments)
    (found,) = ask_reach([action], {}, {}).reaches
    return found


@pytest.mark.parametrize("fault", ["process_kill", "process_pause"])
def test_who_listens_now_is_counted_with_all_they_started(fault: str) -> None:
    """Named with pid and port; asking touches none of them."""
    with listening("2") as (owner, port):
        found = reached(f"{fault}.begin", ports=str(port))
        assert (found.counted, found.hits) == (True, 3)
        assert f"({owner.pid}) on port {port}, and 2 they started" in found.said
        assert all(one.status() != psutil.STATUS_STOPPED for one in (owner, *owner.children()))


def test_one_port_that_nobody_listens_on_is_zero() -> None:
    """As the action would do nothing where one of its ports has no listener."""
    with listening("0") as (_, port):
        nobody = free_port()
        found = reached("process_kill.begin", ports=f"{port},{nobody}")
    assert (found.counted, found.hits, found.problem) == (True, 0, "")
    assert found.said == f"nobody listens on port {nobody} of this machine"


def test_ports_of_our_own_are_zero() -> None:
    """Whoever drills would take themselves away; the action refuses it, so it hits nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = reached("process_kill.begin", ports=server.getsockname()[1])
    assert (found.counted, found.hits) == (True, 0)
    assert "belong to the process that runs the experiment" in found.said


def test_another_users_listener_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody listens, and this user may not see who: that is not nobody."""
    with listening("0") as (_, port):
        monkeypatch.setattr(psutil.Process, "net_connections", denied)
        action = Action(name="kill", what="harness.fault.process_kill.begin", arguments={"ports": port})
        found = survey_here.reach(action)
        monkeypatch.setattr(psutil, "net_connections", denied)
        blind = survey_here.reach(action)
    assert (found.counted, found.hits, blind.counted) == (False, None, False)
    assert f"who listens on port {port} is another user's; run it as that user, or as root" in found.said
    assert found.problem == ""


def denied(*_: object) -> None:
    raise psutil.AccessDenied


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become another user")
def test_an_ordinary_user_is_told_that_roots_listener_cannot_be_told() -> None:
    """For real: a listener of root's, asked about by nobody."""
    program = """
import os, sys
from harness.fault import survey_here
from harness.plan import Action
os.setgid(65534), os.setuid(65534)
found = survey_here.reach(Action(name="k", what="harness.fault.process_kill.begin", arguments={"ports": sys.argv[1]}))
print(found.model_dump_json())
"""
    with listening("0") as (_, port):
        done = subprocess.run(
            [sys.executable, "-c", program, str(port)], capture_output=True, text=True, timeout=60, check=True
        )
    found = Reach.model_validate_json(done.stdout)
    assert (found.counted, found.hits) == (False, None), found.said


def test_an_argument_that_only_the_run_knows_cannot_be_counted() -> None:
    """Such as one that is read from a secret."""
    for what, name in (("process_kill", "ports"), ("netem", "interface"), ("envoy_delay", "admin_url")):
        found = reached(f"{what}.begin", **{name: "${later}"})
        assert (found.counted, found.said) == (False, f"cannot be counted: its {name} is known only in the run")


def test_an_interface_is_looked_for() -> None:
    """One that is there is hit; one that is not is zero, with those that are."""
    found = reached("netem.begin", interface="lo", delay_ms=10)
    assert (found.counted, found.hits, found.said) == (True, 1, "what leaves this machine by lo")
    for name in ("nosuch0", "", "-bad", "a/b"):
        found = reached("netem.begin", interface=name, delay_ms=10)
        assert (found.counted, found.hits) == (True, 0)
        assert f"this machine has no network interface {name!r}; there are: lo" in found.said


def test_an_interface_with_somebody_elses_qdisc_is_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """The action would leave it as it is and do nothing; its end has nothing to do there, and may."""
    monkeypatch.setattr(netem, "_tc", lambda *_: '[{"kind": "htb", "handle": "1:", "root": true}]')
    begin = Action(name="n", what="harness.fault.netem.begin", arguments={"interface": "lo"})
    found = survey_here.reach(begin)
    assert (found.counted, found.hits) == (True, 0)
    assert "tc qdisc del dev lo root" in found.said
    assert survey_here.reach(begin.model_copy(update={"what": "harness.fault.netem.end"})).hits == 1


def test_a_machine_without_tc_is_told_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a part that is missing, not a target that is not there."""
    monkeypatch.setattr(netem.shutil, "which", lambda *_, **__: None)
    action = Action(name="n", what="harness.fault.netem.begin", arguments={"interface": "lo"})
    found = survey_here.reach(action)
    assert not found.counted
    assert "tc is not installed: install iproute2" in found.problem


@pytest.mark.parametrize("fault", ["toxiproxy_cut", "toxiproxy_delay"])
def test_a_proxy_is_looked_for(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is there is hit; one that is not is zero, with those that are; a cut one cannot be cut again."""
    with here_servers.toxiproxy("cache", "database") as url:
        found = reached(f"{fault}.begin", api_url=url, proxy="cache")
        assert (found.counted, found.hits) == (True, 1)
        assert f"one proxy cache at {url.removeprefix('http://')}" in found.said
        found = reached(f"{fault}.begin", api_url=url, proxy="cash")
        assert (found.counted, found.hits) == (True, 0)
        assert "has no proxy 'cash'; there are: cache, database" in found.said
        monkeypatch.setenv(toxiproxy.SENDS, here_servers.KEY)
        toxiproxy_cut.begin(url, "cache")
        found = reached(f"{fault}.begin", api_url=url, proxy="cache")
        assert (found.hits, "is cut already" in found.said) == (0, True)
        assert reached(f"{fault}.end", api_url=url, proxy="cache").hits == 1


def test_an_envoy_behind_a_guard_is_asked_with_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every read bears it, as the fault's own calls do; without it the variable to set is named."""
    with envoy(stats=["http.pricing.fault.delays_injected"], token="of-the-guard") as one:
        refused = reached("envoy_delay.begin", admin_url=one.url, delay_ms=10)
        assert (refused.counted, "WELLPROVEN_ENVOY_TOKEN" in refused.problem) == (False, True)
        monkeypatch.setenv("WELLPROVEN_ENVOY_TOKEN", "of-the-guard")
        assert reached("envoy_delay.begin", admin_url=one.url, delay_ms=10).hits == 1


@pytest.mark.parametrize("fault", ["envoy_delay", "envoy_abort"])
def test_an_envoys_fault_filters_are_counted(fault: str) -> None:
    """By the counter that each has; where counters are off, by its configuration; nothing is set by asking."""
    stats = ["http.pricing.fault.delays_injected", "http.edge.fault.delays_injected"]
    with envoy(stats=stats) as one:
        found = reached(f"{fault}.begin", admin_url=one.url, delay_ms=10)
        assert (found.counted, found.hits) == (True, 2)
        where = one.url.removeprefix("http://")
        assert found.said == f"2 fault filters of the Envoy at {where}: http.edge, http.pricing"
        one.stats, one.dump = [], '{"name": "envoy.filters.http.fault"}'
        assert reached(f"{fault}.begin", admin_url=one.url).hits == 1
        one.dump = "{}"
        found = reached(f"{fault}.begin", admin_url=one.url)
        assert (found.counted, found.hits) == (True, 0)
        assert "has the filter envoy.filters.http.fault" in found.said
        assert {asked.partition(" ")[0] for asked in one.asked} == {"GET"}


def test_who_does_not_answer_is_a_problem_with_a_way_out() -> None:
    """Neither zero nor a pass; a password in the address is not repeated."""
    nobody = f"http://me:hunter2hunter2@127.0.0.1:{free_port()}"
    for what, name in (("toxiproxy_cut", "api_url"), ("envoy_delay", "admin_url")):
        found = reached(f"{what}.begin", **{name: nobody, "proxy": "cache"})
        assert (found.counted, found.hits) == (False, None)
        assert "does not answer at" in found.problem
        assert "is it up, and is its address right?" in found.problem
        assert "hunter2" not in found.problem
    with envoy(status=404) as one:
        assert "404" in reached("envoy_delay.begin", admin_url=one.url).problem
        assert "404" in reached("toxiproxy_cut.begin", api_url=one.url, proxy="cache").problem


def test_actions_that_nobody_knows_stay_uncounted() -> None:
    """A user's own, and a probe of ours where an action should stand."""
    for what in ("my.own.fault", "harness.fault.metric.value"):
        (found,) = ask_reach([Action(name="x", what=what, arguments={"ports": "1"})], {}, {}).reaches
        assert (found.counted, found.said) == (False, "cannot be counted: nothing is known of this action")


def test_a_child_that_dies_is_a_problem_of_every_action(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it would have said is not made up."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    action = Action(name="x", what="harness.fault.netem.begin", arguments={"interface": "lo"})
    (found,) = ask_reach([action], {}, {}).reaches
    assert "nobody could be asked what the experiment would hit" in found.problem


def test_without_an_aws_action_boto3_is_not_imported() -> None:
    """It costs a second that a local action does not need."""
    program = "import sys, harness.fault.survey; print(sorted({'boto3', 'botocore'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
