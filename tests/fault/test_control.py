"""What Chaos Toolkit does, as the record has it: real runs of the child on a target whose fault is a flag."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from chaostoolkit.agent import run_report

from harness import fault, slo
from harness.clock import SystemClock
from harness.judge import Outcome, judge
from harness.plan import built_in_target, make, read_experiment
from harness.record import Kind, Record, read_events, read_record, write_json
from harness.run.info import make_info
from tests.fault.flagged import flagged
from tests.judge.records import one_of
from tests.testbed.beds import eventually

ROOT = Path(__file__).parents[2]
STEADY = {
    "title": "It stands",
    "probes": [
        {
            "type": "probe",
            "name": "steady",
            "tolerance": True,
            "provider": {"type": "python", "module": "tests.fault.leaky", "func": "steady"},
        }
    ],
}


@pytest.fixture(autouse=True)
def _paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def run_of(folder: Path, *more: dict[str, Any], **changes: Any) -> tuple[dict[str, Any], Record]:
    """Journal and record of an experiment that sets the flag and takes it away; `more` follows in its method."""
    clock, run = SystemClock(), folder / "run"
    run.mkdir()
    with flagged() as target:
        document = target.experiment(extension={"disruption": "az"}, **{"steady-state-hypothesis": STEADY}, **changes)
        document["method"].extend(more)
        path = folder / "flag.yaml"
        path.write_text(yaml.safe_dump(document))
        experiment, read = read_experiment(path)
        plan = make(experiment, read, slo.read([ROOT / "slos"]), built_in_target(), environment={}, quick=True)
        write_json(run / "run.json", make_info(plan, built_in_target(), (), "flag/now", ["drill", "flag"], clock=clock))
        write_json(run / "plan.json", plan)
        chaos = fault.start(plan, run, {"WELLPROVEN_RUN_DIR": str(run)}, clock=clock)
        try:
            chaos.wait_ready()
            chaos.go(folder / "no-entry")
            eventually("the evidence is seen", lambda: _is_seen(run) or chaos.poll() is not None, within_s=30)
            chaos.release(look_again=True)
            eventually("it ends", lambda: chaos.poll() is not None, within_s=30)
        finally:
            chaos.stop()
    return json.loads((run / "journal.json").read_text()), read_record(run)


def _is_seen(run: Path) -> bool:
    path = run / "events.jsonl"
    events = read_events(path)[0] if path.exists() else []
    return any(one.kind is Kind.FAULT_EVIDENCE and one.data.get("seen") is True for one in events)


def opinion(journal: dict[str, Any]) -> tuple[str, bool]:
    """(outcome, whether it is conclusive) of a journal for Chaos Toolkit itself."""
    report = run_report(journal, source="flag.yaml", journal_path="journal.json", exit_code=0)
    return report["outcome"], report["conclusive"]


@pytest.mark.parametrize("strategy", ["continuously", "during-method-only", "after-method-only"])
def test_the_hypothesis_is_looked_at_before_and_after_whatever_the_experiment_says(
    tmp_path: Path, strategy: str
) -> None:
    """No look between, which the record would not have; none left out."""
    journal, record = run_of(tmp_path, runtime={"hypothesis": {"strategy": strategy}})
    states = journal["steady_states"]
    assert (states["before"]["steady_state_met"], states["during"], states["after"]["steady_state_met"]) == (
        True,
        [],
        True,
    )
    assert [(one.name, one.data["met"]) for one in record.all(Kind.STEADY)] == [("before", True), ("after", True)]


@pytest.mark.parametrize("background", [False, True])
def test_a_probe_of_the_method_that_fails_leaves_the_fault_in_doubt(tmp_path: Path, *, background: bool) -> None:
    """For Chaos Toolkit such a run is inconclusive; for the judge, too."""
    nowhere = {"type": "http", "url": "http://127.0.0.1:9/", "timeout": 1}
    probe = {"type": "probe", "name": "how many are left", "background": background, "provider": nowhere}
    journal, record = run_of(tmp_path, probe)
    assert opinion(journal) == ("passed", False)
    assert [(one.name, one.data["status"]) for one in record.all(Kind.FAULT_PROBED)] == [
        ("how many are left", "failed")
    ]
    found = one_of(judge(record), "fault applied")
    assert found.outcome is Outcome.UNKNOWN
    assert "the method's probe failed: how many are left: " in found.because


def test_a_probe_of_the_method_that_comes_back_leaves_none(tmp_path: Path) -> None:
    """Whatever it says; the probes of the hypothesis are not the method's."""
    steady = {**STEADY["probes"][0], "name": "how many are left"}
    journal, record = run_of(tmp_path, steady)
    assert opinion(journal) == ("passed", True)
    assert [one.name for one in record.all(Kind.FAULT_PROBED)] == ["how many are left"]
    assert judge(record).fault.applied
