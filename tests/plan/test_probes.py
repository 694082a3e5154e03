"""Probes that change something are mistakes, wherever they stand: limits are asked of actions alone."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.errors import FileError
from harness.plan import read_experiment

LOOKS = {"type": "python", "module": "chaosaws.ec2.probes", "func": "count_instances"}
CHANGING = {
    "chaosaws.ec2.actions.terminate_instances": {
        "type": "python", "module": "chaosaws.ec2.actions", "func": "terminate_instances"
    },
    "harness.fault.toxiproxy_cut.begin": {
        "type": "python", "module": "harness.fault.toxiproxy_cut", "func": "begin"
    },
    "chaosk8s.pod.actions.more.delete": {
        "type": "python", "module": "chaosk8s.pod.actions.more", "func": "delete"
    },
    "DELETE http://shop/x": {"type": "http", "url": "http://shop/x", "method": "delete"},
}  # fmt: skip
LOOKING = {
    "a module of probes": LOOKS,
    "is_healed of ours": {"type": "python", "module": "harness.fault.toxiproxy_cut", "func": "is_healed"},
    "a query": {"type": "http", "url": "http://shop/search", "method": "POST"},
    "a script": {"type": "process", "path": "ls"},
}


def experiment(**places: Any) -> dict[str, Any]:
    """One in which each of the places of a probe only looks, but for those that are given."""
    at = {place: places.get(place, LOOKS) for place in PLACES}
    probe = {place: {"type": "probe", "name": place, "tolerance": 0, "provider": it} for place, it in at.items()}
    extension = {"name": "wellproven", "disruption": "az"}
    extension |= {"evidence": [{"probe": probe["evidence"]}], "healed": [{"probe": probe["healed"]}]}
    extension["dose"] = {"variable": "delay", "measured-by": at["dose"]}
    noop = {"type": "python", "module": "harness.fault.noop", "func": "begin"}
    return {
        "title": "One",
        "configuration": {"delay": "1"},
        "description": "One.",
        "steady-state-hypothesis": {"title": "s", "probes": [probe["hypothesis"]]},
        "method": [probe["method"], {"type": "action", "name": "go", "provider": noop}],
        "rollbacks": [{"type": "action", "name": "back", "provider": {**noop, "func": "end"}}],
        "extensions": [extension],
    }


def mistakes_of(path: Path, document: dict[str, Any]) -> list[tuple[str, str]]:
    path.write_text(yaml.safe_dump(document))
    try:
        read_experiment(path)
    except FileError as error:
        return [(one.path, str(one.got)) for one in error.mistakes]
    return []


PLACES = {
    "method": "method[0].provider",
    "hypothesis": "steady-state-hypothesis.probes[0].provider",
    "evidence": "extensions[0].evidence[0].probe.provider",
    "healed": "extensions[0].healed[0].probe.provider",
    "dose": "extensions[0].dose.measured-by",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("called", CHANGING)
def test_a_probe_that_changes_something_is_a_mistake(called: str, place: str, tmp_path: Path) -> None:
    """In each place where a probe may stand, and in none of the others."""
    found = mistakes_of(tmp_path / "one.yaml", experiment(**{place: CHANGING[called]}))
    assert found == [(PLACES[place], called)]


@pytest.mark.parametrize("case", LOOKING)
def test_a_probe_that_looks_is_none(case: str, tmp_path: Path) -> None:
    """Everywhere at once."""
    assert mistakes_of(tmp_path / "one.yaml", experiment(**dict.fromkeys(PLACES, LOOKING[case]))) == []


@pytest.mark.parametrize("place", ["hypothesis", "evidence", "healed"])
def test_what_calls_itself_an_action_among_probes_is_none(place: str, tmp_path: Path) -> None:
    """Chaos Toolkit would call it, and no limit would be asked."""
    called, provider = next(iter(CHANGING.items()))
    document = experiment()
    [extension] = document["extensions"]
    probes = {"hypothesis": document["steady-state-hypothesis"]["probes"][0], "evidence": extension["evidence"][0]}
    probes["healed"] = extension["healed"][0]
    probe = probes[place].get("probe", probes[place])
    probe |= {"type": "action", "provider": provider}
    assert mistakes_of(tmp_path / "one.yaml", document) == [(PLACES[place], called)]
