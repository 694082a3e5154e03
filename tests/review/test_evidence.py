"""What a run shows of the practices its experiment names, and the command that puts it beside the claims."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from shutil import rmtree

import pytest

from harness.cli import main
from harness.judge import judge
from harness.plan import Proves, RequestPlan
from harness.record import Kind, Record
from harness.review import BUILT_IN, Now, Scope, Shown, built_in_lens, read_answers, shown_by
from tests.fuzz.seeds import store
from tests.judge.records import drill, outage, without

ROOT = Path(__file__).parents[2]
LENS, NOW = built_in_lens(), Now(Scope())
OURS = Proves(lens="wellproven", question="rel_redundancy", choice="rel_multi_zone")
AWSS = Proves(lens="wellarchitected", question="REL11", choice="failover")


def proving(record: Record) -> Record:
    info = record.info.model_copy(update={"started_utc": "2026-11-24T10-00-00Z"})
    return replace(record, info=info, plan=record.plan.model_copy(update={"proves": (OURS, AWSS)}))


def found(record: Record) -> list[Shown]:
    return shown_by(record, judge(record), LENS, BUILT_IN, NOW)


def test_a_run_that_is_met_shows_what_it_names() -> None:
    """Our practice with the run's start; other lenses' are for others."""
    [one] = [one for one in found(proving(drill())) if not one.because.startswith("measured")]
    assert (one.question, one.choice, one.holds) == ("rel_redundancy", "rel_multi_zone", True)
    assert one.at.isoformat() == "2026-11-24T10:00:00+00:00"
    assert one.experiment == "test"


def test_a_run_that_is_missed_refutes_it() -> None:
    """The claim was put to the test, and was not kept."""
    refuted = [one for one in found(proving(drill(outage(10, 30)))) if one.choice == OURS.choice]
    assert [one.holds for one in refuted] == [False]


def test_an_inconclusive_run_shows_nothing() -> None:
    """No evidence of the fault: neither proof nor refutation."""
    assert found(proving(without(drill(), Kind.FAULT_CALLED))) == []


def test_a_sweep_shows_nothing() -> None:
    """It looks for the dose that breaks, and is no test of a claim."""
    record = proving(drill())
    swept = replace(record, plan=record.plan.model_copy(update={"sweep": object()}))
    assert shown_by(swept, judge(record), LENS, BUILT_IN, NOW) == []


def review(*words: str) -> tuple[int, str]:
    out = io.StringIO()
    code = main(["review", *words], out, io.StringIO())
    return code, out.getvalue()


def test_without_runs_every_claim_is_unproven(tmp_path: Path) -> None:
    """The repository's own answers: claimed more than nothing, proven nothing, exit 2."""
    answers = str(ROOT / "slos/review.yaml")
    code, said = review("--answers", answers, "--runs", str(tmp_path))
    assert code == 2
    assert "Reliability" in said
    assert "NOT PROVEN: " in said
    assert "\nUnproven: " in said
    assert "weights of all practices that apply" in " ".join(said.split())
    code, text = review("--answers", answers, "--runs", str(tmp_path), "--json")
    words = json.loads(text)
    assert (code, words["schema"]) == (2, "wellproven/review/v1")
    assert {pillar["proven"] for pillar in words["pillars"]} == {0}
    assert max(pillar["claimed"] for pillar in words["pillars"]) > 0


def test_a_folder_that_is_no_run_is_left_out_and_said_so(tmp_path: Path) -> None:
    """Never a traceback, never a score."""
    broken = tmp_path / "az-failure" / "2026-11-24T10-00-00Z"
    broken.mkdir(parents=True)
    (broken / "run.json").write_text("{")
    out, err = io.StringIO(), io.StringIO()
    words = ["review", "--answers", str(ROOT / "slos/review.yaml"), "--runs", str(tmp_path)]
    assert main(words, out, err) == 2
    assert "left out" in err.getvalue()


def test_a_run_that_came_to_nothing_makes_nothing_provable(tmp_path: Path) -> None:
    """Its experiment is gone; only a run of it that was judged says that the practice can be tested."""
    record = drill()
    place = Proves(lens="wellproven", question="ops_people", choice="ops_cross_training")
    info = record.info.model_copy(update={"target": "testbed", "started_utc": "2026-11-24T10-00-00Z", "sealed": True})
    record = replace(record, info=info, plan=record.plan.model_copy(update={"proves": (place,)}))
    answers = tmp_path / "review.yaml"
    answers.write_text("lens: wellproven\nquestions: {ops_people: {claimed: [ops_cross_training]}}\n")
    words = ("--answers", str(answers), "--experiments", str(tmp_path), "--json", "--runs")
    for name, one, drills in (("unknown", without(record, Kind.FAULT_CALLED), []), ("met", record, ["test"])):
        store(one, tmp_path / name / "test" / "2026-11-24T10-00-00Z")
        practices = [
            practice
            for pillar in json.loads(review(*words, str(tmp_path / name))[1])["pillars"]
            for practice in pillar["practices"]
        ]
        [found] = [practice for practice in practices if practice["choice"] == place.choice]
        assert (name, found["provable_by"]["drills"], found["state"] == "not testable") == (name, drills, not drills)


def test_what_a_renamed_experiment_refuted_stands_until_its_run_leaves_the_store(tmp_path: Path) -> None:
    """The same drill under a new name does not answer for it; without its folder (docs/review.md) it is over."""
    place = Proves(lens="wellproven", question="ops_people", choice="ops_cross_training")
    answers = tmp_path / "review.yaml"
    answers.write_text("lens: wellproven\nquestions: {ops_people: {claimed: [ops_cross_training]}}\n")
    runs = {("old-name", "2026-11-23T10-00-00Z"): drill(outage(10, 30)), ("new-name", "2026-11-24T10-00-00Z"): drill()}
    for (name, at), record in runs.items():
        changed = {"experiment": name, "run": f"{name}/{at}", "started_utc": at, "target": "testbed", "sealed": True}
        info, plan = record.info.model_copy(update=changed), record.plan.model_copy(update={"proves": (place,)})
        store(replace(record, info=info, plan=plan), tmp_path / "runs" / name / at)

    def found() -> tuple[int, str, str]:
        words = ("--answers", str(answers), "--runs", str(tmp_path / "runs"), "--experiments", str(tmp_path), "--json")
        code, text = review(*words)
        practices = [one for pillar in json.loads(text)["pillars"] for one in pillar["practices"]]
        [one] = [one for one in practices if one["choice"] == place.choice]
        return code, one["state"], one["source"]

    assert found() == (1, "refuted", "old-name/2026-11-23T10-00-00Z")
    rmtree(tmp_path / "runs/old-name/2026-11-23T10-00-00Z")
    code, state, source = found()
    assert code != 1
    assert (state != "refuted", source) == (True, "new-name/2026-11-24T10-00-00Z")


def test_a_killed_database_is_no_lost_zone(tmp_path: Path) -> None:
    """Of a practice that az-failure proves, where zones are claimed: nobody took one away."""
    record = drill()
    place = Proves(lens="wellproven", question="rel_failover", choice="rel_failover_automated")
    info = record.info.model_copy(update={"started_utc": f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}", "sealed": True})
    (tmp_path / "slos").mkdir()
    (tmp_path / "slos/shop.yaml").write_text((ROOT / "slos/shop.yaml").read_text())
    rate = Fraction(1000)
    request = RequestPlan(route="POST /orders", rate_per_s=rate, production_per_s=rate, because="")
    changes = {"proves": (place,), "requests": (request,), "disruption": "software"}
    store(replace(record, info=info, plan=record.plan.model_copy(update=changes)), tmp_path / "runs/test/now")
    answers = tmp_path / "slos/review.yaml"
    for scope in ("{zones: [us-east-1a, us-east-1b]}", "{}"):  # where none are named, it is each that runs saw
        answers.write_text(
            f"lens: wellproven\nscope: {scope}\nquestions: {{rel_failover: {{claimed: [rel_failover_automated]}}}}\n"
        )
        words = ("--answers", str(answers), "--experiments", str(ROOT / "experiments"), "--json")
        text = review(*words, "--runs", str(tmp_path / "runs"))[1]
        practices = [one for pillar in json.loads(text)["pillars"] for one in pillar["practices"]]
        [found] = [one for one in practices if one["choice"] == place.choice]
        assert found["state"] == "partial", found["because"]
        assert "shown for the loss of no zone, claimed for that of" in found["because"]


def test_evidence_of_other_tools_counts_beside_runs(tmp_path: Path) -> None:
    """A clean scan proves a claim; what a file does not show is said; check reads the files too."""
    (tmp_path / "evidence").mkdir()
    scan = {
        "tool": {"driver": {"name": "scanner", "rules": [{"id": "R1"}]}},
        "invocations": [{"executionSuccessful": True, "endTimeUtc": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}],
        "results": [],
    }
    log = tmp_path / "evidence" / "scan.sarif"
    log.write_text(json.dumps({"version": "2.1.0", "runs": [scan]}))
    path = tmp_path / "review.yaml"
    path.write_text(
        "lens: wellproven\n"
        "questions: {sec_build: {claimed: [sec_static_testing]}}\n"
        "evidence:\n"
        "  - file: evidence/scan.sarif\n"
        "    kind: sarif\n"
        "    proves: {question: sec_build, choice: sec_static_testing}\n"
    )
    words = ("--answers", str(path), "--runs", str(tmp_path), "--json")
    code, text = review(*words)
    practices = [one for pillar in json.loads(text)["pillars"] for one in pillar["practices"]]
    [scanned] = [one for one in practices if one["choice"] == "sec_static_testing"]
    assert (code, scanned["state"]) == (0, "proven")
    scan["results"] = [{"ruleId": "R1", "level": "error", "message": {"text": "x"}}]
    log.write_text(json.dumps({"version": "2.1.0", "runs": [scan]}))
    assert review(*words)[0] == 1
    scan["invocations"] = []
    log.write_text(json.dumps({"version": "2.1.0", "runs": [scan]}))
    err = io.StringIO()
    assert main(["review", *words], io.StringIO(), err) == 2
    assert "scan.sarif: sec_static_testing: scanner says no time" in " ".join(err.getvalue().split())
    log.write_text("{")
    assert main(["check", str(path)], io.StringIO(), err) == 65


def test_the_repositorys_answers_are_read() -> None:
    """And every question they name is asked."""
    assert len(read_answers(ROOT / "slos/review.yaml").questions) >= 10


def test_answers_with_a_mistake_exit_65(tmp_path: Path) -> None:
    """With file and line."""
    path = tmp_path / "review.yaml"
    path.write_text("lens: wellproven\nquestions: {rel_redundanzy: {}}\n")
    err = io.StringIO()
    assert main(["review", "--answers", str(path)], io.StringIO(), err) == 65
    assert "did you mean rel_redundancy?" in err.getvalue()


@pytest.mark.parametrize(
    "words",
    [["lint"], ["nothing"], ["--as", "csv"], ["trend", "--force"], ["--dry-run"], ["pull", "Shop", "--milestone", "x"]],
)
def test_a_wrong_command_line_exits_64(words: list[str]) -> None:
    """Naming what is missing."""
    err = io.StringIO()
    assert main(["review", *words], io.StringIO(), err) == 64
