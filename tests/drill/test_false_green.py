"""No false green: drills that are sabotaged, one way each, and none of which may end met.

Whole drills by the real command on a small real target whose fault is a flag, with real Locust and real Chaos Toolkit;
and records of such a drill that were damaged afterwards. The same drill without sabotage is met: else this would prove
nothing.
"""

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from chaostoolkit.agent import run_report

from harness.errors import FileError, RefusedError
from harness.fault import open_entries
from harness.judge import Judgement, Outcome, judge
from harness.judge.account import phase_of
from harness.plan import PhaseName
from harness.record import REQUEST, Kind, read_events, read_record, read_requests
from tests.drill.damage import damaged, each_cut
from tests.drill.drills import ATTEMPTS_MAX, ROOT, WELLPROVEN, in_time, store_in_time
from tests.fault.flagged import Target, flagged
from tests.testbed.beds import eventually

pytestmark = pytest.mark.bed

DRILL_S = 120
OBJECTIVE = """

---
apiVersion: wellproven.dev/v1
kind: RecoveryObjective
metadata:
  name: back
spec:
  service: flagged
  disruption: software
  rto: 3s
"""
PHASES = {"baseline": "4s", "fault": "6s", "recovery": "4s"}


@dataclass
class Sabotage:
    """One drill: the target, its folder, and what it is given."""

    target: Target
    other: Target
    folder: Path
    process: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        self.experiment: dict[str, Any] = self.target.experiment(
            heals_within="2s", extension={"phases": PHASES, "sustain": "1s"}
        )
        self.prefix: list[str] = []
        self.environment: dict[str, str] = {}
        self.own_disk: Path | None = None  # where the runs are kept after the drill, if they are on a disk of its own
        self.slos = (ROOT / "tests/fault/flag.yaml").read_text()
        self.slos += OBJECTIVE
        self.meanwhile: Callable[[], None] = lambda: None
        self.target.how(fails_s=0.5)  # it fails over

    @property
    def extension(self) -> dict[str, Any]:
        return dict(self.experiment["extensions"][0])

    def extend(self, **more: Any) -> None:
        self.experiment["extensions"][0].update({name.replace("_", "-"): value for name, value in more.items()})

    def drill(self) -> tuple[int, str, str]:
        """(exit code, stdout, stderr) of the command."""
        experiments, slos = self.folder / "experiments", self.folder / "slos"
        shutil.rmtree(self.folder / "runs", ignore_errors=True)
        (self.folder / "runs").mkdir()
        for place in (experiments, slos):
            place.mkdir(exist_ok=True)
        (experiments / "flag.yaml").write_text(yaml.safe_dump(self.experiment))
        (slos / "flag.yaml").write_text(self.slos)
        there = {"name": "flagged", "base-url": self.target.url, "environment": "development", "max-rate": "200/s"}
        (experiments / "targets.yaml").write_text(yaml.safe_dump({"targets": [there]}))
        words = [WELLPROVEN, "drill", "flag", "--target", "flagged", "--quick", "--json"]
        words += ["--experiments", experiments, "--slos", slos, "--runs", self.folder / "runs"]
        self.process = subprocess.Popen(
            [*self.prefix, *map(str, words)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment},
        )
        meanwhile = threading.Thread(target=self.meanwhile)
        meanwhile.start()
        out, err = self.process.communicate(timeout=DRILL_S)
        meanwhile.join(DRILL_S)
        return self.process.returncode, out, err

    # --- what a test may wait for while the drill goes on ------------------------------------------------------------

    @property
    def runs(self) -> Path:
        """Where its runs are seen from here: a disk of its own is another's only by way of its process."""
        if self.own_disk is None:
            return self.folder / "runs"
        if self.ended():
            return self.own_disk
        assert self.process is not None
        return Path(f"/proc/{self.process.pid}/root{self.folder}/runs")

    def events(self) -> list[Any]:
        path = self.runs / "latest/events.jsonl"
        return read_events(path)[0] if path.exists() else []

    def wait_for(self, kind: Kind, name: str | None = None) -> None:
        def is_there() -> bool:
            return self.ended() or any(one.kind is kind and name in (None, one.name) for one in self.events())

        eventually(f"{kind} {name}", is_there, DRILL_S)

    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def workers(self) -> list[psutil.Process]:
        assert self.process is not None
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [one for one in children if "profile.json" in " ".join(one.cmdline())]


def call(url: str, method: str = "GET") -> dict[str, Any]:
    return {"type": "http", "url": url, "method": method, "timeout": 3}


# --- the matrix ------------------------------------------------------------------------------------------------------


def the_action_raises(drill: Sabotage) -> None:
    drill.experiment["method"][0]["provider"] = call("http://127.0.0.1:9/fault", "PUT")


def the_action_does_nothing(drill: Sabotage) -> None:
    drill.experiment["method"][0]["provider"] = call(f"{drill.target.url}/nothing")


def a_probe_of_the_method_raises(drill: Sabotage) -> None:
    drill.experiment["method"].append({"type": "probe", "name": "ask", "provider": call("http://127.0.0.1:9/")})


def the_action_hits_another_target(drill: Sabotage) -> None:
    drill.experiment["method"][0]["provider"] = call(f"{drill.other.url}/fault", "PUT")
    drill.experiment["rollbacks"][0]["provider"] = call(f"{drill.other.url}/fault", "DELETE")


def the_baseline_is_unsteady(drill: Sabotage) -> None:
    drill.target.how(fails_s=1e9)
    drill.target.put()


def the_sli_has_no_data(drill: Sabotage) -> None:
    drill.slos = drill.slos.replace("request: POST /orders", "request: GET /price/{sku}")


def the_generator_falls_behind(drill: Sabotage) -> None:
    def stop_and_go() -> None:
        drill.wait_for(Kind.PHASE_BEGIN, "baseline")
        workers = drill.workers() if not drill.ended() else []
        for worker in workers:
            worker.suspend()
        threading.Event().wait(1.5)
        for worker in workers:
            worker.resume()

    drill.meanwhile = stop_and_go


def a_worker_dies(drill: Sabotage) -> None:
    def kill() -> None:
        drill.wait_for(Kind.FAULT_BEGIN)
        for worker in drill.workers() if not drill.ended() else []:
            with suppress(psutil.NoSuchProcess):
                worker.kill()

    drill.meanwhile = kill


def the_rollback_raises(drill: Sabotage) -> None:
    drill.experiment["rollbacks"][0]["provider"] = call("http://127.0.0.1:9/fault", "DELETE")


def also(kind: str, provider: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "name": "also", "provider": provider}


REFUSES = {"type": "process", "path": "/bin/false", "timeout": 5}


def one_rollback_of_two_ends_with_an_error(drill: Sabotage) -> None:
    """Chaos Toolkit says that it succeeded."""
    drill.experiment["rollbacks"].append(also("action", REFUSES))


def one_rollback_of_two_is_refused_by_its_server(drill: Sabotage) -> None:
    """503: Chaos Toolkit says that it succeeded."""
    drill.experiment["rollbacks"].append(also("action", call(f"{drill.target.url}/fault/there", "GET")))


def a_rollback_that_is_called_a_probe_raises(drill: Sabotage) -> None:
    drill.experiment["rollbacks"].insert(0, also("probe", call("http://127.0.0.1:9/fault", "DELETE")))


def one_action_of_two_ends_with_an_error(drill: Sabotage) -> None:
    drill.experiment["method"].insert(0, also("action", REFUSES))


def the_rollback_heals_nothing(drill: Sabotage) -> None:
    drill.target.how(stuck=True)


def a_control_module_is_missing(drill: Sabotage) -> None:
    provider = {"type": "python", "module": "nobody_has_this"}
    drill.experiment["controls"] = [{"name": "approval", "provider": provider}]


def no_file_may_grow(drill: Sabotage) -> None:
    drill.prefix = ["sh", "-c", 'ulimit -f 8 && exec "$@"', "sh"]  # in blocks of 512 bytes: no file grows beyond


def no_file_may_grow_once_it_is_broken(drill: Sabotage) -> None:
    def limit() -> None:
        drill.wait_for(Kind.FAULT_EVIDENCE)
        assert drill.process is not None
        drill_itself = psutil.Process(drill.process.pid)
        for one in [] if drill.ended() else [drill_itself, *drill_itself.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                one.rlimit(psutil.RLIMIT_FSIZE, (1, 1))

    drill.meanwhile = limit


def the_disk_fills_once_it_is_broken(drill: Sabotage) -> None:
    def fill() -> None:
        drill.wait_for(Kind.FAULT_EVIDENCE)
        with suppress(OSError), (drill.runs / "ballast").open("wb", buffering=0) as file:
            while not drill.ended():
                file.write(bytes(4096))

    drill.prefix = [*own_mounts(), "sh", "-c", OWN_DISK, "sh", str(drill.folder / "runs"), str(drill.folder / "kept")]
    drill.own_disk = drill.folder / "kept"
    drill.meanwhile = fill


# A small disk for the runs alone; what is on it when the command ends is kept, since the disk goes with its processes.
OWN_DISK = """
runs=$1 kept=$2; shift 2
mount -t tmpfs -o size=8m tmpfs "$runs" || exit 99
"$@"; code=$?
rm -f "$runs/ballast"; cp -a "$runs" "$kept"; exit $code
"""


def own_mounts() -> list[str]:
    """The words before a command that may mount what nobody else sees; root must be able to, a user may be not."""
    for words in (["unshare", "-m"], ["unshare", "-rm"]):
        with suppress(FileNotFoundError):
            done = subprocess.run([*words, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
            if done.returncode == 0:
                return words
    assert os.geteuid() != 0 or os.environ.get("CI") is None, "in CI a small disk must be had: unshare -m, mount"
    pytest.skip("needs a small disk: neither `unshare -m` nor `unshare -rm` lets this user mount one")


def the_fault_ends_by_itself(drill: Sabotage) -> None:
    def heal() -> None:
        drill.wait_for(Kind.FAULT_EVIDENCE)
        eventually("the fault is there", lambda: drill.ended() or drill.target.is_broken, DRILL_S)
        threading.Event().wait(0.5)
        drill.target.take_away()

    drill.target.how(fails_s=1e9)
    drill.meanwhile = heal


def survivors_cannot_be_read(drill: Sabotage) -> None:
    drill.slos += "  rpo: 1s\n"
    survivors = {"request": "GET /orders?prefix={prefix}&after={after}", "ids": "/ids"}
    drill.extend(ledger={"write": "POST /orders", "survivors": survivors})


def the_evidence_was_there_before(drill: Sabotage) -> None:
    drill.experiment["extensions"][0]["evidence"][0]["probe"]["provider"]["url"] = f"{drill.target.url}/anything"


def nobody_claims_anything_of_the_fault_phase(drill: Sabotage) -> None:
    """Every request fails while the fault is there, and the experiment's own hypothesis looks elsewhere."""
    drill.slos = drill.slos.removesuffix(OBJECTIVE)
    drill.target.how(fails_s=1e9)
    probe = {"type": "probe", "name": "something", "tolerance": 200, "provider": call(f"{drill.target.url}/anything")}
    drill.experiment["steady-state-hypothesis"] = {"title": "Something answers", "probes": [probe]}


MATRIX: dict[Callable[[Sabotage], None], str] = {
    the_action_raises: "fault applied",
    the_action_does_nothing: "fault applied",
    a_probe_of_the_method_raises: "fault applied",
    the_action_hits_another_target: "fault applied",
    the_baseline_is_unsteady: "orders in baseline",
    the_generator_falls_behind: "load valid",
    a_worker_dies: "load valid",
    the_rollback_raises: "fault undone",
    one_rollback_of_two_ends_with_an_error: "fault undone",
    one_rollback_of_two_is_refused_by_its_server: "fault undone",
    a_rollback_that_is_called_a_probe_raises: "fault undone",
    one_action_of_two_ends_with_an_error: "fault applied",
    the_rollback_heals_nothing: "fault undone",
    no_file_may_grow: "",
    no_file_may_grow_once_it_is_broken: "",
    the_disk_fills_once_it_is_broken: "",
    the_fault_ends_by_itself: "fault applied",
    survivors_cannot_be_read: "back RPO",
    the_evidence_was_there_before: "fault applied",
    nobody_claims_anything_of_the_fault_phase: "orders in fault",
}


# The sabotage is what keeps these from being undone.
STAY_BROKEN = {the_baseline_is_unsteady, the_rollback_raises, the_rollback_heals_nothing}


@pytest.fixture(scope="module")
def other() -> Iterator[Target]:
    with flagged() as target:
        yield target


@pytest.fixture
def drill(tmp_path: Path, other: Target) -> Iterator[Sabotage]:
    with flagged() as target:
        yield Sabotage(target, other, tmp_path)


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory, other: Target) -> Path:
    """The run of the drill that nobody sabotaged: met."""
    with flagged() as target:
        one = Sabotage(target, other, tmp_path_factory.mktemp("control"))
        for _ in range(ATTEMPTS_MAX):
            code, out, err = one.drill()
            run = one.folder / "runs/latest"
            if code != 0:  # a busy machine, see drills.py: kept as one with time to spare would have made it
                assert "the generator fell behind" in judge(read_record(run)).verdicts[0].because, out + err
                store_in_time(run)
            if judge(read_record(run)).outcome is Outcome.MET:
                break
    assert judge(read_record(run)).outcome is Outcome.MET, out + err
    return run


def test_without_sabotage_the_drill_is_met(control: Path) -> None:
    """Every promise; so what keeps the others from it is their sabotage."""
    assert judge(read_record(control)).outcome is Outcome.MET


@pytest.mark.parametrize(("sabotage", "promise"), MATRIX.items(), ids=lambda one: getattr(one, "__name__", ""))
def test_a_sabotaged_drill_is_never_met(sabotage: Callable[[Sabotage], None], promise: str, drill: Sabotage) -> None:
    """Missed or unknown, at the promise that it concerns; or refused before anything is broken. Never 0."""
    sabotage(drill)
    code, out, err = drill.drill()
    assert code != 0, out
    assert "Traceback" not in err
    assert "mistake of ours" not in err
    if promise:
        verdict = json.loads(out)
        found = {one["promise"]: one["outcome"] for one in verdict["verdicts"]}
        assert found[promise] in ("missed", "unknown"), found
        assert verdict["outcome"] in ("missed", "unknown")
    assert not drill.target.is_broken or sabotage in STAY_BROKEN
    recorded = drill.runs / "latest"
    if (recorded / "plan.json").exists():
        assert judge(read_record(recorded)).outcome is not Outcome.MET
        _never_greener_than_chaos_toolkit(recorded)


@pytest.mark.parametrize(
    ("sabotage", "named"),
    [(a_control_module_is_missing, "nobody_has_this"), (the_sli_has_no_data, "GET /price/{sku}")],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_mistake_of_a_file_is_no_drill(sabotage: Callable[[Sabotage], None], named: str, drill: Sabotage) -> None:
    """Refused with 65, by what is wrong; nothing was broken."""
    sabotage(drill)
    code, out, err = drill.drill()
    assert code == FileError.exit_code == 65, err
    assert named in err
    assert "Traceback" not in err
    assert out == ""
    assert drill.target.calls("PUT") == []


@pytest.mark.parametrize("step_s", [3600, -3600])
def test_a_drill_whose_wall_clock_is_set_is_not_met(step_s: int, drill: Sabotage) -> None:
    """By an hour, while the fault is there, for every Python process of the drill: yet no interval is longer for it."""
    link = drill.folder / "step"

    def step() -> None:
        drill.wait_for(Kind.FAULT_EVIDENCE)
        link.symlink_to(str(step_s))

    drill.environment = {
        "PYTHONPATH": os.pathsep.join((str(Path(__file__).with_name("wall_clock")), os.environ.get("PYTHONPATH", ""))),
        "WALL_CLOCK_STEP": str(link),
    }
    drill.meanwhile = step
    code, out, err = drill.drill()
    assert "Traceback" not in err
    assert code == 2, err
    assert not drill.target.is_broken
    assert open_entries() == {}
    recorded = drill.runs / "latest"
    journal = json.loads((recorded / "journal.json").read_text())
    began, ended = (datetime.fromisoformat(journal[when]) for when in ("start", "end"))
    assert abs((ended - began).total_seconds() - step_s) < DRILL_S, "the step reached the drill's processes"
    verdict = json.loads(out)
    assert verdict["outcome"] == "unknown"
    judgement = judge(in_time(read_record(recorded)))
    (unmet,) = [one for one in judgement.verdicts if one.outcome is not Outcome.MET]
    assert unmet.promise == "wall clock"
    assert f"moved {'forward' if step_s > 0 else 'back'} by 1 h" in unmet.because
    (recovery,) = judgement.recovery.values()
    assert 0.3 < recovery.rta_inject_s.upper < 2


def _never_greener_than_chaos_toolkit(run: Path) -> None:
    """Chaos Toolkit's own strictest reading of its journal is a second opinion, on each promise that it knows of."""
    met = {one.promise for one in judge(read_record(run)).verdicts if one.outcome is Outcome.MET}
    try:
        report = opinion(json.loads((run / "journal.json").read_text()))
    except (OSError, ValueError):  # no journal, no opinion: then it did not complete, either
        assert "steady state" not in met
        return
    warnings = {one["code"] for one in report["warnings"]}
    assert report["outcome"] == "passed" or "steady state" not in met, report
    assert "method-activity-failed" not in warnings or "fault applied" not in met, report
    assert not warnings & {"rollback-failed", "rollbacks-not-played"} or "fault undone" not in met, report


def opinion(journal: dict[str, Any]) -> dict[str, Any]:
    """What `chaos run --output agent` says of a journal."""
    return dict(run_report(journal, source="flag.json", journal_path="journal.json", exit_code=0))


def test_a_met_drill_has_passed_for_chaos_toolkit_too(control: Path) -> None:
    """On the same journal, by `--output agent`: conclusive, without a warning that weakens it."""
    report = opinion(json.loads((control / "journal.json").read_text()))
    assert (report["outcome"], report["conclusive"]) == ("passed", True), report


# --- damaged afterwards ----------------------------------------------------------------------------------------------


def outcome(judgement: Judgement | None) -> Outcome | None:
    return None if judgement is None else judgement.outcome


def test_an_unsealed_copy_is_met_as_the_run_is(control: Path, tmp_path: Path) -> None:
    """What the damage below is held against: without any, the copy is met."""
    assert outcome(damaged(control, tmp_path, lambda _: None)) is Outcome.MET


@pytest.mark.parametrize("name", ["events.jsonl", "requests-0.bin", "load-0.json", "plan.json", "run.json"])
def test_a_record_cut_anywhere_is_not_met(name: str, control: Path, tmp_path: Path) -> None:
    """Each file of it, at thirty seeded places."""
    for share, found in each_cut(control, tmp_path, name):
        assert not found or set(found.values()) != {"met"}, share


# What an SLO's data decide in each phase.
PROMISES = {"baseline": "orders in baseline", "fault": "back RTO", "recovery": "orders in recovery"}


@pytest.mark.parametrize("adapted", [False, True], ids=["as planned", "as if none were planned"])
@pytest.mark.parametrize("phase", PROMISES)
def test_an_slo_without_data_in_one_phase_is_not_met(phase: str, adapted: bool, control: Path, tmp_path: Path) -> None:
    """No arrival of its route in the whole phase; also where the generator's own account knows of none."""
    record = read_record(control)
    begin, end = phase_of(record, PhaseName(phase))

    def drop(run: Path) -> None:
        path = run / "requests-0.bin"
        requests = read_requests(path)
        inside = (requests["planned_ns"] >= begin) & (requests["planned_ns"] < end)
        assert 0 < inside.sum() < len(requests)
        path.write_bytes(requests[~inside].tobytes())
        if adapted:
            account = json.loads((run / "load-0.json").read_text())
            (route,) = account["routes"].values()
            assert route["planned"] == route["sent"] == len(requests)
            route["planned"] = route["sent"] = int((~inside).sum())
            (run / "load-0.json").write_text(json.dumps(account))

    found = damaged(control, tmp_path, drop)
    assert found is not None
    unmet = {one.promise: one.because for one in found.verdicts if one.outcome is not Outcome.MET}
    assert PROMISES[phase] in unmet
    assert ("load valid" in unmet) is not adapted
    assert found.outcome is not Outcome.MET


@pytest.mark.parametrize("phase", ["baseline", "fault", "recovery"])
def test_a_second_that_is_missing_in_the_middle_is_not_met(phase: str, control: Path, tmp_path: Path) -> None:
    """Arrivals that were planned and are not in the record: the load is void."""
    record = read_record(control)
    begin = next(one.at_ns for one in record.all(Kind.PHASE_BEGIN, phase))

    def drop(run: Path) -> None:
        path = run / "requests-0.bin"
        content = path.read_bytes()
        kept = [
            content[at : at + REQUEST.itemsize]
            for at in range(0, len(content), REQUEST.itemsize)
            if not begin <= int.from_bytes(content[at + 8 : at + 16], "little") < begin + 1_000_000_000
        ]
        assert len(kept) * REQUEST.itemsize < len(content)
        path.write_bytes(b"".join(kept))

    assert REQUEST.fields is not None
    planned = REQUEST.fields["planned_ns"][1]
    assert planned == 8, "the test reads planned_ns where the record has it"
    assert outcome(damaged(control, tmp_path, drop)) is not Outcome.MET


@pytest.mark.parametrize(
    "kind",
    [
        Kind.FAULT_BEGIN,
        Kind.FAULT_CALLED,
        Kind.FAULT_EVIDENCE,
        Kind.FAULT_END,
        Kind.FAULT_UNDONE,
        Kind.FAULT_HEALED,
        Kind.RUN_END,
    ],
)
def test_without_one_kind_of_event_it_is_not_met(kind: Kind, control: Path, tmp_path: Path) -> None:
    """Nothing counts as having happened because somebody says so."""

    def drop(run: Path) -> None:
        path = run / "events.jsonl"
        lines = path.read_text().splitlines(keepends=True)
        left = [line for line in lines if json.loads(line)["kind"] != kind.value]
        assert len(left) < len(lines)
        path.write_text("".join(left))

    assert outcome(damaged(control, tmp_path, drop)) is not Outcome.MET


def test_an_interrupted_drill_is_not_met(drill: Sabotage) -> None:
    """Ctrl-C while the fault is there: undone, and unknown."""

    def interrupt() -> None:
        drill.wait_for(Kind.FAULT_CALLED)
        if not drill.ended() and drill.process is not None:
            drill.process.send_signal(signal.SIGINT)

    drill.meanwhile = interrupt
    code, out, err = drill.drill()
    assert code in (1, 2), err
    assert json.loads(out)["outcome"] in ("missed", "unknown")
    assert not drill.target.is_broken


def test_what_a_drill_leaves_is_said_at_its_end_and_keeps_the_next_one_out(drill: Sabotage) -> None:
    """How to undo it by hand stands on the terminal; until it is healed nobody may break more of that target."""
    the_rollback_heals_nothing(drill)
    drill.extend(heals_within="1s")
    _, _, err = drill.drill()
    assert f"undo by hand: take the flag away: DELETE {drill.target.url}/fault" in err, err
    code, _, err = drill.drill()
    assert code == RefusedError.exit_code, err
    assert "wellproven recover" in err
    assert len(drill.target.calls("PUT")) == 1
