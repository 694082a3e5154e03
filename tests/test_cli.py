"""The command line: help, exit codes, mistakes with their way out, never a traceback."""

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli import VERBS, main
from harness.errors import NotAvailableError
from harness.plan import Plan
from tests.fault.here_servers import envoy
from tests.report import built_runs

ROOT = Path(__file__).parents[1]


def wellproven(*arguments: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr)."""
    out, err = io.StringIO(), io.StringIO()
    return main(arguments, out, err), out.getvalue(), err.getvalue()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shop's files, as the working directory."""
    for folder in ("slos", "experiments"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def envoy_admin() -> Iterator[str]:
    """The admin address of an Envoy with a fault filter, in the form of a target's variables."""
    with envoy(stats=["http.pricing.fault.delays_injected"]) as one:
        yield f"{{DRILL_ENVOY_ADMIN_URL: '{one.url}'}}"


def write_target(project: Path, **fields: str) -> None:
    """One target at an address where nobody listens."""
    usual = {
        "name": "staging",
        "base-url": "http://127.0.0.1:1",
        "environment": "staging",
        "max-rate": "500/s",
        "zone-header": "x-zone",
    }
    lines = [f"{name}: {value}" for name, value in {**usual, **fields}.items()]
    (project / "experiments/targets.yaml").write_text("targets:\n  - " + "\n    ".join(lines) + "\n")


@pytest.mark.parametrize("verb", [verb.__name__.rsplit(".", 1)[-1] for verb in VERBS])
def test_every_verb_has_help_with_examples(verb: str) -> None:
    """`VERB --help` says what the verb does and shows commands to copy."""
    code, out, _ = wellproven(verb, "--help")
    assert code == 0
    assert f"  wellproven {verb}" in out
    assert "examples:" in out


def test_help_lists_the_exit_codes() -> None:
    """What a script can rely on stands in --help."""
    code, out, _ = wellproven("--help")
    assert code == 0
    for number in ("0", "1", "2", "64", "65", "69", "70", "77", "130"):
        assert f"  {number} " in out


def test_a_wrong_command_line_is_64() -> None:
    """Usage errors say what to try."""
    code, out, err = wellproven("drll")
    assert (code, out) == (64, "")
    assert "invalid choice: 'drll'" in err
    assert "--help" in err


def test_an_unknown_target_is_64_and_lists_the_known(project: Path) -> None:
    """A target that no file names is a mistake of the command line."""
    write_target(project)
    code, _, err = wellproven("drill", "--target", "stagin")
    assert code == 64
    assert "no target 'stagin'; known: testbed, staging" in err


def test_every_mistake_of_every_file_comes_at_once_and_nothing_starts(project: Path) -> None:
    """SLO, experiment and target files are all read before the command gives up; exit 65."""
    slo = project / "slos/shop.yaml"
    slo.write_text(slo.read_text().replace("target: 0.995", "target: 99.5", 1))
    experiment = project / "experiments/az-failure.yaml"
    experiment.write_text(experiment.read_text().replace("disruption: az", "disruption: zone"))
    (project / "experiments/targets.yaml").write_text("targets:\n  - {name: staging}\n")
    for verb in (["drill"], ["plan", "az-failure"], ["check"]):
        code, out, err = wellproven(*verb)
        assert (code, out) == (65, "")
        assert "got 99.5, expected" in err
        assert "got 'zone', expected software, hardware, az or region" in err
        assert "experiments/targets.yaml:2: targets[0]" in err
        assert err.rstrip().endswith("nothing was started")
        assert not (project / "runs").exists()


def test_check_reads_single_files_as_what_they_are(project: Path) -> None:
    """An experiment, a target file and SLO files are told apart by what stands in them."""
    code, out, err = wellproven("check", "experiments", "slos/shop.yaml")
    assert (code, err) == (0, "")
    assert "no mistakes" in out
    (project / "experiments/az-failure.yaml").write_text("title: x\nmethod: []\n")
    code, _, err = wellproven("check", "experiments")
    assert code == 65
    assert "method: got an empty list" in err


def test_check_says_every_mistake_of_every_file_at_once(project: Path) -> None:
    """In SLOs, experiments and the answers of a review: one look is enough."""
    for file, old, new in (
        ("slos/shop.yaml", "target: 0.95\n", "target: 95\n"),
        ("experiments/az-failure.yaml", "disruption: az", "disruption: zone"),
        ("slos/review.yaml", "impact: low", "impact: huge"),
    ):
        text = (project / file).read_text()
        assert old in text
        (project / file).write_text(text.replace(old, new))
    code, _, err = wellproven("check")
    assert code == 65
    assert err.endswith("3 mistakes; nothing was started\n"), err
    assert [line.split(":")[0] for line in err.splitlines()[:3]] == sorted(
        ["slos/shop.yaml", "experiments/az-failure.yaml", "slos/review.yaml"]
    )


def test_check_reads_the_milestones_of_a_review(project: Path) -> None:
    """A review would refuse them: of another schema, or with a score that is none."""
    assert wellproven("review", "milestone", "first")[0] == 0
    [path] = (project / "slos/milestones").glob("*.json")
    assert wellproven("check")[0] == 0
    text = path.read_text()
    for old, new in (("milestone/v1", "milestone/v9"), ('"proven": 0.0', '"proven": 1e9')):
        assert old in text
        path.write_text(text.replace(old, new, 1))
        code, _, err = wellproven("check")
        assert code == 65
        assert "expected a milestone" in err


def test_plan_touches_nothing_and_says_why(project: Path) -> None:
    """The plan shows rates with reasons, phases, guard, evidence and blast radius; no folder appears."""
    before = sorted(project.rglob("*"))
    code, out, err = wellproven("plan", "az-failure")
    assert (code, err) == (0, "")
    for part in ("production", "RTO 10 s", "chaosaws.ec2.actions.stop_instances", "zone us-east-1a silent", "Guard"):
        assert part in out
    assert max(map(len, out.splitlines())) <= 80
    assert sorted(project.rglob("*")) == before


@pytest.mark.parametrize("arguments", [["az-failure"], ["latency", "--sweep", "50ms..800ms"], ["slow-under-surge"]])
def test_a_piped_plan_has_no_spaces_behind_its_lines(project: Path, arguments: list[str]) -> None:
    """Into a file each line ends with its last character; surge, dependency and sweep stand where they are planned."""
    code, out, err = wellproven("plan", *arguments)
    assert (code, err, project.exists()) == (0, "", True)
    assert [line for line in out.splitlines() if line != line.rstrip()] == []
    assert ("Sweep of delay_ms" in out) is ("--sweep" in arguments)
    assert ("Surge of the load" in out) is (arguments == ["slow-under-surge"])
    assert ("Dependency pricing" in out) is (arguments != ["az-failure"])


def test_plan_json_is_the_plan_that_is_stored(project: Path) -> None:
    """Machines read the plan as a run would store it."""
    code, out, _ = wellproven("plan", "az-failure", "--json", "--quick")
    assert code == 0
    assert json.loads(out)["quick"] is True
    assert project.exists()


def test_judging_what_is_no_run_is_65() -> None:
    """A folder that is no run is named, with what was expected."""
    code, _, err = wellproven("judge", "no/such/run")
    assert code == 65
    assert "no/such/run:1: got no such folder, expected a run's folder, such as runs/latest" in err


def test_a_missing_secret_is_69_and_named(project: Path) -> None:
    """A target that needs a variable which is not set says so before anything starts."""
    write_target(project, secrets="[WELLPROVEN_NO_SUCH_SECRET]")
    code, _, err = wellproven("drill", "--target", "staging")
    assert code == 69
    assert "WELLPROVEN_NO_SUCH_SECRET" in err


def test_a_target_that_does_not_answer_is_69_and_nothing_is_broken(project: Path, envoy_admin: str) -> None:
    """The message names the address and the way out; the run's folder stays, and is judged unknown."""
    write_target(project, variables=envoy_admin)
    code, out, err = wellproven("drill", "latency", "--target", "staging")
    assert (code, out) == (69, "")
    assert "target staging does not answer at http://127.0.0.1:1" in err
    assert wellproven("judge", "runs/latest")[0] == 2


@pytest.fixture
def stored_drills(project: Path, monkeypatch: pytest.MonkeyPatch, envoy_admin: str) -> list[str]:
    """Instead of drilling, `drill` stores a hand-built run; those drilled are listed. `dependency-errors` fails."""
    drilled: list[str] = []

    def store(plan: Plan, _target: object, *, runs: Path, **_: object) -> Path:
        if plan.experiment == "dependency-errors":
            raise NotAvailableError("target staging does not answer any more")
        drilled.append(plan.experiment)
        return built_runs.drilled(runs / plan.experiment / "now", built_runs.Names(experiment=plan.experiment)).path

    write_target(project, variables=envoy_admin)
    monkeypatch.setattr("harness.verbs.drill.run", store)
    return drilled


def test_several_drills_are_closed_by_a_summary(stored_drills: list[str]) -> None:
    """After several drills stdout ends with a line each: outcome, promises met, missed and unknown, run folder."""
    code, out, _ = wellproven("drill", "latency", "circuit-breaker", "--target", "staging")
    assert (code, stored_drills) == (1, ["latency", "circuit-breaker"])
    head, *lines = out.splitlines()[-3:]
    assert head.split() == ["outcome", "met", "missed", "unknown", "run"]
    assert [line.split()[1:] for line in lines] == [
        ["missed", "12", "1", "0", f"runs/{name}/now"] for name in stored_drills
    ]


def test_one_drill_needs_no_summary(stored_drills: list[str]) -> None:
    """After one drill its own outcome is the last line."""
    code, out, _ = wellproven("drill", "latency", "--target", "staging")
    assert (code, stored_drills) == (1, ["latency"])
    assert out.splitlines()[-1].endswith("MISSED: 1 of 13 promises missed, 0 unknown")


def test_json_of_several_drills_is_all_of_stdout(stored_drills: list[str]) -> None:
    """With --json the summary goes to stderr: stdout is a list of judgements and nothing else."""
    code, out, err = wellproven("drill", "latency", "circuit-breaker", "--target", "staging", "--json")
    assert code == 1
    assert [one["experiment"] for one in json.loads(out)] == stored_drills
    assert "runs/circuit-breaker/now" in err.splitlines()[-1]


def test_a_drill_that_cannot_be_run_leaves_the_summary_of_those_before(stored_drills: list[str]) -> None:
    """The exit code is that of the error; what was drilled before it is summed up, and what was not run is named."""
    code, out, err = wellproven("drill", "latency", "dependency-errors", "circuit-breaker", "--target", "staging")
    assert (code, stored_drills) == (69, ["latency"])
    assert "does not answer any more" in err
    assert out.splitlines()[-2].endswith("runs/latency/now")
    assert out.splitlines()[-1] == "not run: dependency-errors, circuit-breaker"


def test_production_is_refused_with_77(project: Path, envoy_admin: str) -> None:
    """A production target is refused before anything starts, with all that is missing, and what to do about each."""
    write_target(project, name="live", environment="production", variables=envoy_admin)
    code, out, err = wellproven("drill", "latency", "--target", "live")
    assert (code, out) == (77, "")
    assert err.splitlines() == [
        "wellproven: target live does not allow latency; nothing was started",
        "  it is production; say that you know with --production",
        "  a drill in production needs somebody who approved it; name them with --approver NAME",
        "  it is production and names no maintenance window; add allow: {windows: [...]} to the target",
        "  it is production, and nothing says what the drill may cost; add budget: 5% to the experiment",
    ]
    assert not (project / "runs").exists()


def test_a_runs_folder_that_cannot_be_made_is_69(project: Path, envoy_admin: str) -> None:
    """A path that is a file cannot hold runs: said in one line, with the option to change it."""
    write_target(project, variables=envoy_admin)
    (project / "runs").write_text("a file")
    code, _, err = wellproven("drill", "latency", "--target", "staging")
    assert code == 69
    assert "runs: cannot make a run's folder there" in err
    assert "--runs DIR" in err


def test_evidence_that_can_never_be_seen_is_a_mistake(project: Path) -> None:
    """A target whose answers name no zone cannot show that a zone fell silent: said before anything starts."""
    write_target(project, **{"zone-header": "null"})
    code, _, err = wellproven("plan", "az-failure", "--target", "staging")
    assert code == 65
    assert "evidence[0].zone-silent: got '${az}', expected a target whose answers name their zone" in err


def test_a_folder_without_experiments_is_65(project: Path) -> None:
    """Nothing to drill is a mistake of the files, and says where it looked; the SLOs are still read."""
    shutil.rmtree(project / "experiments")
    code, _, err = wellproven("check")
    assert code == 65
    assert "experiments:1: got no such folder, expected a folder of experiments" in err


def test_our_own_mistake_is_70_and_keeps_the_traceback_off_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash is one line with the file that holds its traceback."""

    def crash(*_: object) -> int:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr("harness.verbs.judge.do", crash)
    code, _, err = wellproven("judge", "x")
    assert code == 70
    assert "a mistake of ours: ZeroDivisionError: boom" in err
    assert "Traceback" not in err
    report = Path(err.split()[-1])
    assert "ZeroDivisionError" in report.read_text()
    report.unlink()


def test_no_test_bed_is_69_with_the_way_out() -> None:
    """`testbed status` without a bed says how to start one."""
    code, _, err = wellproven("testbed", "status", "--name", "there-is-none")
    assert code == 69
    assert "wellproven testbed up" in err
