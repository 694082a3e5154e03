"""From the command line: a target without what would be broken is refused with 77, and nothing of it is touched."""

import io
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from harness.cli import main
from tests.fault.here_servers import envoy, free_port, listening, toxiproxy
from tests.testbed.beds import bed_up

ROOT = Path(__file__).parents[1]
NETEM = """\
title: The shop stands a slow network
description: What leaves this machine is late.
configuration:
  interface: {type: env, key: DRILL_INTERFACE, default: lo}
method:
  - type: action
    name: slow the network
    provider:
      type: python
      module: harness.fault.netem
      func: begin
      arguments: {interface: "${interface}", delay_ms: 10}
rollbacks:
  - type: action
    name: let it be as fast as it is
    provider: {type: python, module: harness.fault.netem, func: end, arguments: {interface: "${interface}"}}
extensions:
  - name: wellproven
    disruption: software
    evidence:
      - probe:
          name: it is slow
          tolerance: true
          provider:
            {type: python, module: harness.fault.netem, func: is_applied, arguments: {interface: "${interface}"}}
    healed:
      - probe:
          name: it is fast
          tolerance: true
          provider: {type: python, module: harness.fault.netem, func: is_healed, arguments: {interface: "${interface}"}}
"""
THERE = {
    "zone-blackhole": "2 processes of this machine",
    "cache-lost": "one proxy cache at",
    "latency": "1 fault filter of the Envoy at",
    "network-slow": "what leaves this machine by lo",
}
ABSENT = {
    "zone-blackhole": ("DRILL_ZONE_PORTS", "1", "hits nothing: nobody listens on port 1 of this machine"),
    "cache-lost": ("DRILL_CACHE_WIRE", "cash", "has no proxy 'cash'; there are: cache"),
    "latency": ("DRILL_ENVOY_ADMIN_URL", "", "has the filter envoy.filters.http.fault"),
    "network-slow": ("DRILL_INTERFACE", "nosuch0", "this machine has no network interface 'nosuch0'"),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shop's files as the working directory, and an experiment with a network interface."""
    for folder in ("slos", "experiments"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "experiments/network-slow.yaml").write_text(NETEM)
    monkeypatch.chdir(tmp_path)
    return tmp_path


class World:
    """A machine with all that could be broken, and what was done to it."""

    def __init__(self, stack: ExitStack) -> None:
        self.owner, port = stack.enter_context(listening("1"))
        self.toxiproxy_url = stack.enter_context(toxiproxy("cache"))
        self.envoy = stack.enter_context(envoy(stats=["http.pricing.fault.delays_injected"]))
        self.bare = stack.enter_context(envoy())  # an Envoy without the filter
        self.variables = {
            "DRILL_ZONE_PORTS": str(port),
            "DRILL_TOXIPROXY_URL": self.toxiproxy_url,
            "DRILL_CACHE_WIRE": "cache",
            "DRILL_ENVOY_ADMIN_URL": self.envoy.url,
            "DRILL_INTERFACE": "lo",
        }

    def is_untouched(self) -> bool:
        with requests.Session() as session:
            session.trust_env = False
            proxy = session.get(f"{self.toxiproxy_url}/proxies/cache", timeout=5).json()
        processes = [self.owner, *self.owner.children()]
        return (
            proxy["enabled"]
            and not proxy["toxics"]
            and len(processes) == 2
            and all(one.status() not in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE) for one in processes)
            and all(one.startswith("GET ") for one in (*self.envoy.asked, *self.bare.asked))
        )


@contextmanager
def _world() -> Iterator[World]:
    with ExitStack() as stack:
        yield World(stack)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with _world() as made:
        yield made


def write_target(project: Path, variables: dict[str, str], environment: str = "development") -> None:
    written = "".join(f'      {name}: "{value}"\n' for name, value in variables.items())
    (project / "experiments/targets.yaml").write_text(f"""\
targets:
  - name: here
    base-url: http://127.0.0.1:{free_port()}
    environment: {environment}
    max-rate: 500/s
    zone-header: x-zone
    fallback-header: x-fallback
    variables:
{written}    allow: {{hosts: [127.0.0.1, localhost]}}
""")


def wellproven(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = main([*arguments, "--target", "here"], out, err)
    return code, " ".join(out.getvalue().split()), " ".join(err.getvalue().split())


@pytest.mark.parametrize("experiment", THERE)
def test_a_dry_run_says_what_would_be_hit_here_and_touches_nothing(
    project: Path, world: World, experiment: str
) -> None:
    """Processes, a proxy, a filter, an interface: what is there now."""
    write_target(project, world.variables)
    code, out, err = wellproven("drill", experiment, "--dry-run")
    assert code == 0, err
    assert THERE[experiment] in out
    assert "nothing was touched" in err
    assert world.is_untouched()


@pytest.mark.parametrize("arguments", [("plan",), ("drill", "--dry-run"), ("drill",)])
@pytest.mark.parametrize("experiment", ABSENT)
def test_a_drill_of_nothing_is_refused_before_anything_starts(
    project: Path, world: World, experiment: str, arguments: tuple[str, ...]
) -> None:
    """A port nobody listens on, no such proxy, no filter, no such interface: 77, and no run is stored."""
    name, value, reason = ABSENT[experiment]
    write_target(project, world.variables | {name: value or world.bare.url}, "staging")
    code, _, err = wellproven(*arguments, experiment)
    assert code == 77, err
    assert reason in err
    assert "a drill of nothing proves nothing" in err
    assert world.is_untouched()
    assert not (project / "runs").exists()


def test_who_does_not_answer_is_69_all_of_them_at_once(project: Path, world: World) -> None:
    """Each with its experiment, its action and the way out; beside what is refused, where something is."""
    nobody = f"http://127.0.0.1:{free_port()}"
    without = world.variables | {"DRILL_TOXIPROXY_URL": nobody, "DRILL_ENVOY_ADMIN_URL": nobody}
    write_target(project, without)
    code, out, err = wellproven("drill", "cache-lost", "latency", "--dry-run")
    assert code == 69
    assert "cut the cache off: cannot be asked what it would hit" in out
    for experiment in ("cache-lost", "latency"):
        assert f"{experiment}: " in err
    assert err.count("is it up, and is its address right?") == 2
    write_target(project, without | {"DRILL_ZONE_PORTS": "1"})
    code, _, err = wellproven("drill", "cache-lost", "zone-blackhole")
    assert code == 77
    assert "nobody listens on port 1" in err
    assert f"Toxiproxy does not answer at {nobody}" in err
    assert not (project / "runs").exists()


def test_a_test_bed_that_is_not_up_is_known_by_its_words(project: Path) -> None:
    """Nobody is asked before it is there: the drill asks then, and a plan says so."""
    code, out, err = wellproven_bed("plan", "cache-lost")
    assert code == 0, err
    assert "cut the cache off: one proxy cache at 127.0.0.1" in out
    assert "asked of the test bed, once it is up" in out
    assert wellproven_bed("drill", "cache-lost", "--dry-run")[0] == 69
    assert not (project / "runs").exists()


def wellproven_bed(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = main([*arguments, "--testbed", "there-is-none"], out, err)
    return code, " ".join(out.getvalue().split()), " ".join(err.getvalue().split())


@pytest.mark.bed
def test_every_experiment_finds_what_it_would_break_on_the_test_bed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked of the real Envoy, the wires, the processes and the control plane; all of it is there."""
    monkeypatch.chdir(ROOT)
    with bed_up("finders") as bed:
        out, err = io.StringIO(), io.StringIO()
        code = main(["drill", "--dry-run", "--testbed", bed.status().name], out, err)
    said = " ".join(out.getvalue().split())
    assert code == 0, err.getvalue()
    for expected in ("1 fault filter of the Envoy at", "one proxy cache at", "postgres ("):
        assert expected in said
    assert said.count("one proxy ") == 3  # the cache's wire, and the standby's twice
    assert "cannot be" not in said
