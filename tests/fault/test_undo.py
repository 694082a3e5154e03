"""Undoing one entry of the ledger, whatever is left of the run: real Chaos Toolkit on a small real target."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.cli import main
from harness.clock import SystemClock
from harness.errors import NotAvailableError, RefusedError
from harness.fault import (
    ACCOUNT_VARIABLE,
    STATE_VARIABLE,
    Entry,
    close_entry,
    is_open,
    open_entries,
    open_entry,
    secret_names,
    undo_script,
)
from harness.fault.ledger import state_folder
from harness.fault.undo import undo
from harness.identity import Identity
from harness.plan import built_in_target
from harness.record import EventLog, Kind, read_events
from harness.run import addresses_of
from harness.run.undoing import refuse_open
from tests.fault.flagged import Target, flagged
from tests.testbed.beds import eventually

CLOCK = SystemClock()
GONE = Identity(pid=2**22 - 1, began="gone")  # no process ever has this number and began then


@pytest.fixture(scope="module")
def one_target() -> Iterator[Target]:
    with flagged() as target:
        yield target


@pytest.fixture
def target(one_target: Target) -> Target:
    """The target, broken."""
    one_target.how(drops=0, stuck=False, late_s=0, undo_s=0)
    one_target.put()
    return one_target


def left_by(target: Target, run_dir: Path, **changes: object) -> Path:
    """The entry of a run of which nobody lives."""
    experiment = target.experiment()
    secrets = changes.get("secrets", ())
    more = changes.pop("document", {})
    document = {
        "title": "Undo",
        "method": experiment["rollbacks"],
        "rollbacks": [],
        "steady-state-hypothesis": {"title": "gone", "probes": [{"type": "probe", **target.look("gone", "gone")}]},
        **more,
    }
    values = {
        "run": "flag/one", "experiment": "flag", "target": "flagged", "addresses": ("127.0.0.1-1",),
        "run_dir": str(run_dir), "opened_utc": "2026-05-04T09-00-00Z", "longest_s": 60, "heals_within_s": 5,
        "supervisor": GONE, "chaos": GONE, "watchdog": GONE,
        "folder": str(run_dir), "environment": {}, "secrets": (), "rollbacks": ("DELETE it",),
    }  # fmt: skip
    entry = Entry.model_validate({**values, **changes})
    return open_entry(entry, document, undo_script(str(run_dir), {}, tuple(secrets), sys.executable))


def refuse_drill(url: str) -> None:
    """What a drill of the target at a URL asks of the ledger before it begins."""
    refuse_open(built_in_target(url), addresses_of(url))


def log_of(run_dir: Path, *kinds: Kind) -> None:
    """The events of a run so far."""
    log = EventLog(run_dir / "events.jsonl", CLOCK)
    for kind in kinds:
        log.write(kind, "set the flag")
    log.close()


def test_what_would_undo_and_was_damaged_is_said(target: Target, tmp_path: Path) -> None:
    """Nothing is closed, and nothing is taken for healed."""
    path = left_by(target, tmp_path)
    (path / "undo.json").write_text('{"rollbacks": [{"type": "action"}], "method": [{}]}')
    undone = undo(path, "recover", "a test", clock=CLOCK)
    assert not undone.healed
    assert is_open(path)
    (path / "undo.json").write_text("[]")
    assert "cannot be read" in undo(path, "recover", "a test", clock=CLOCK).because
    close_entry(path)


@pytest.mark.parametrize("method", [[], None])
def test_an_undo_that_was_changed_is_no_undo(target: Target, tmp_path: Path, capsys, method: list | None) -> None:
    """Rollbacks that are gone succeed, and one that was changed may do anything: what the run wrote is what counts."""
    path = left_by(target, tmp_path, document={"steady-state-hypothesis": {"title": "nothing to look at"}})
    document = json.loads((path / "undo.json").read_text())
    document["method"] = document["method"] if method is None else method
    (path / "undo.json").write_text(json.dumps(document))
    undone = undo(path, "watchdog", "a test", clock=CLOCK)
    assert (undone.healed, is_open(path), target.is_broken) == (False, True, True)
    assert "SHA-256" in undone.because
    assert main(["recover"], sys.stdout, sys.stderr) == 1
    said = capsys.readouterr().out
    assert "undo by hand: DELETE it" in said
    assert "undo.sh" not in said
    assert f"recover --forget {path.name}" in said


def test_an_entry_of_an_older_version_without_its_rollbacks_is_damaged(target: Target, tmp_path: Path) -> None:
    """It says in words what there was to undo, and nothing does."""
    path = left_by(target, tmp_path, document={"method": []})
    entry = json.loads((path / "entry.json").read_text())
    del entry["undo_sha256"]
    (path / "entry.json").write_text(json.dumps(entry))
    undone = undo(path, "recover", "a test", clock=CLOCK)
    assert (undone.healed, is_open(path)) == (False, True)
    assert "rollbacks are gone" in undone.because
    document = json.loads((path / "undo.json").read_text())
    (path / "undo.json").write_text(json.dumps({**document, "method": target.experiment()["rollbacks"]}))
    assert undo(path, "recover", "a test", clock=CLOCK).healed
    assert not target.is_broken


def test_an_entry_without_its_lock_is_undone_all_the_same(target: Target, tmp_path: Path) -> None:
    """A file that says nothing is made again; one that cannot be held is said."""
    path = left_by(target, tmp_path)
    (path / "lock").unlink()
    assert undo(path, "recover", "a test", clock=CLOCK).healed
    assert not target.is_broken
    path = left_by(target, tmp_path)
    (path / "lock").unlink()
    (path / "lock").mkdir()
    undone = undo(path, "recover", "a test", clock=CLOCK)
    assert (undone.healed, is_open(path)) == (False, True)
    assert "cannot be held" in undone.because


@pytest.mark.parametrize("field", ["heals_within_s", "pauses_s", "longest_s"])
@pytest.mark.parametrize("value", [-1.0, 1e300, None, float("nan")])
def test_times_that_no_run_has_written_are_damage(target: Target, tmp_path: Path, field: str, value: object) -> None:
    """Else somebody waits for ever, or not at all."""
    path = left_by(target, tmp_path)
    entry = json.loads((path / "entry.json").read_text())
    (path / "entry.json").write_text(json.dumps({**entry, field: value}))
    undone = undo(path, "recover", "a test", clock=CLOCK)
    assert (undone.healed, is_open(path)) == (False, True)
    assert field in undone.because or value != value


def test_a_person_who_recovers_must_be_of_the_runs_account(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another account another thing would be healed, and the fault would be said to be gone."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"{target.url}/not-aws")
    provider = {"type": "python", "module": "chaosaws.ec2.actions", "func": "start_instances"}
    calls = [*target.experiment()["rollbacks"], {"type": "action", "name": "start", "provider": provider}]
    allowed = {ACCOUNT_VARIABLE: "123456789012"}
    path = left_by(target, tmp_path, environment=allowed, document={"method": calls})
    undone = undo(path, "recover", "a test", clock=CLOCK)
    assert not undone.healed
    assert "123456789012" in undone.because
    assert (undone.calls, target.is_broken, is_open(path)) == ((), True, True)
    close_entry(path)
    without_aws = left_by(target, tmp_path, environment=allowed)
    assert undo(without_aws, "recover", "a test", clock=CLOCK).healed


def test_undoing_works_though_the_runs_folder_is_gone(target: Target, tmp_path: Path) -> None:
    """Everything it takes is in the ledger."""
    path = left_by(target, tmp_path / "deleted")
    undone = undo(path, "recover", "a test", clock=CLOCK)
    assert (undone.healed, [call.status for call in undone.calls]) == (True, ["succeeded"])
    assert not target.is_broken
    assert open_entries() == {}
    assert not (tmp_path / "deleted").exists()


def test_undoing_twice_is_harmless(target: Target, tmp_path: Path) -> None:
    """The second finds that it is done."""
    log_of(tmp_path, Kind.FAULT_BEGIN, Kind.FAULT_CALLED)
    path = left_by(target, tmp_path)
    before = len(target.calls("DELETE"))
    assert undo(path, "recover", "once", clock=CLOCK).healed
    again = undo(path, "recover", "twice", clock=CLOCK)
    assert (again.healed, again.because) == (True, "it was undone before")
    assert len(target.calls("DELETE")) == before + 1


def test_two_undoings_at_once_follow_each_other(target: Target, tmp_path: Path) -> None:
    """They never interleave: the second waits for the first, and then has nothing to do."""
    log_of(tmp_path, Kind.FAULT_BEGIN, Kind.FAULT_CALLED)
    path = left_by(target, tmp_path)
    target.how(undo_s=0.5)
    before = len(target.calls("DELETE"))
    both = [
        subprocess.Popen([sys.executable, "-m", "harness.fault.undo", path, who, "a test"], stdout=subprocess.PIPE)
        for who in ("one", "two")
    ]
    said = [json.loads(process.communicate(timeout=60)[0]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(len(one["calls"]) for one in said) == [0, 1]
    assert len(target.calls("DELETE")) == before + 1


def test_a_rollback_that_fails_is_played_again(target: Target, tmp_path: Path) -> None:
    """A connection that breaks off twice: the third call undoes."""
    log_of(tmp_path, Kind.FAULT_BEGIN, Kind.FAULT_CALLED)
    path = left_by(target, tmp_path)
    target.how(drops=2)
    undone = undo(path, "recover", "a test", clock=CLOCK)
    assert (undone.healed, [call.status for call in undone.calls]) == (True, ["failed", "failed", "succeeded"])
    events = read_events(tmp_path / "events.jsonl")[0][2:]
    assert [event.kind.value for event in events] == [
        "undo.begin", "fault.end", "fault.undone", "fault.undone", "fault.undone", "fault.healed", "undo.end",
    ]  # fmt: skip
    assert {event.data["by"] for event in events} == {"recover"}


def test_a_rollback_may_pause_as_long_as_it_says(target: Target, tmp_path: Path, monkeypatch) -> None:
    """Its pauses count neither as its call's time nor as a healing that is late."""
    monkeypatch.setattr("harness.fault.undo.CALL_S", 0.5)
    log_of(tmp_path, Kind.FAULT_BEGIN, Kind.FAULT_CALLED)
    calls = [target.call("take the flag away", "DELETE", pauses={"before": 1, "after": "${settle_s}"})]
    document = {"method": calls, "configuration": {"settle_s": 1}}
    undone = undo(left_by(target, tmp_path, document=document, heals_within_s=0.5), "recover", "a test", clock=CLOCK)
    assert (undone.healed, [call.status for call in undone.calls]) == (True, ["succeeded"]), undone
    assert not target.is_broken


UNDOES = """
import sys, time
from pathlib import Path
from harness.fault.ledger import close_entry, try_lock
lock = try_lock(Path(sys.argv[1]))
print("holds it", flush=True)
time.sleep(2)
close_entry(Path(sys.argv[1]))
"""


def test_an_experiment_that_pauses_while_it_undoes_is_let(target: Target, tmp_path: Path, monkeypatch) -> None:
    """Its own process holds the lock, and its rollbacks are to pause: it has overstayed only after that."""
    monkeypatch.setattr("harness.fault.undo.OVERSTAY_S", 0.5)
    script = "import sys, time; sys.argv.append(sys.stdin.readline().strip())" + UNDOES
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    path = left_by(target, tmp_path, chaos=Identity.of(process.pid), heals_within_s=0.1, pauses_s=5)
    print(path, file=process.stdin, flush=True)
    assert process.stdout.readline() == "holds it\n"
    undone = undo(path, "watchdog", "a test", clock=CLOCK)
    assert (undone.healed, undone.because) == (True, "it was undone before")
    process.communicate(timeout=10)
    assert process.returncode == 0


def test_settings_that_nobody_answers_for_do_not_keep_the_undoing(target: Target, tmp_path: Path, monkeypatch) -> None:
    """A Vault that hangs: the undoing comes to an end, and says what it waited for."""
    over = threading.Event()
    monkeypatch.setattr("harness.fault.undo.load_secrets", lambda *_: over.wait(30))
    monkeypatch.setattr("harness.fault.undo.CALL_S", 0.2)
    path = left_by(target, tmp_path)
    undone = undo(path, "recover", "a test", clock=CLOCK)
    over.set()
    assert not undone.healed
    assert "did not come back within 0.2 s" in undone.because
    assert is_open(path)


def test_what_does_not_heal_in_its_time_stays_in_the_ledger(target: Target, tmp_path: Path) -> None:
    """It says which probe still says no; once it can be undone, the same entry serves."""
    log_of(tmp_path, Kind.FAULT_BEGIN, Kind.FAULT_CALLED)
    path = left_by(target, tmp_path, heals_within_s=0.5)
    target.how(stuck=True)
    undone = undo(path, "recover", "a test", clock=CLOCK)
    assert (undone.healed, undone.unhealed, undone.because) == (False, ("gone",), "not healed: gone")
    assert is_open(path)
    target.how(stuck=False)
    assert undo(path, "recover", "a test", clock=CLOCK).healed
    assert open_entries() == {}


@pytest.mark.slow
def test_a_call_that_takes_effect_late_is_undone_again(target: Target, tmp_path: Path) -> None:
    """Its caller is dead, the target still works on it: what looked healed is looked at again, and undone again."""
    log_of(tmp_path, Kind.FAULT_BEGIN)  # and nobody knows that it came back
    path = left_by(target, tmp_path, heals_within_s=15)
    assert undo(left_by(target, tmp_path), "test", "a clean start", clock=CLOCK).healed
    target.how(late_s=2.0)
    late = threading.Thread(target=target.put)
    late.start()
    undone = undo(path, "recover", "a test", clock=CLOCK)
    late.join()
    assert undone.healed
    assert len(undone.calls) == 2
    assert not target.is_broken


def test_a_target_that_is_gone_took_the_fault_with_it(target: Target, tmp_path: Path) -> None:
    """The process that the whole target goes with is dead: nothing is called, and the entry is closed."""
    path = left_by(target, tmp_path, owner=GONE)
    undone = undo(path, "recover", "a test", clock=CLOCK)
    assert (undone.healed, undone.calls, undone.because) == (True, (), "the target is gone, and the fault with it")
    assert open_entries() == {}


def test_an_owner_that_lives_keeps_the_fault(target: Target, tmp_path: Path) -> None:
    """As long as it runs, the fault must be undone."""
    log_of(tmp_path, Kind.FAULT_BEGIN, Kind.FAULT_CALLED)
    undone = undo(left_by(target, tmp_path, owner=Identity.own()), "recover", "a test", clock=CLOCK)
    assert (undone.healed, len(undone.calls)) == (True, 1)


def test_recover_leaves_a_run_that_goes_on_alone(target: Target, tmp_path: Path, capsys) -> None:
    """Its own supervisor undoes it; but nobody says that all is healed while its fault is there."""
    path = left_by(target, tmp_path, supervisor=Identity.own())
    assert main(["recover", "--json"], sys.stdout, sys.stderr) == 1
    said = json.loads(capsys.readouterr().out)
    assert not said["healed"]
    assert (said["entries"][0]["state"], said["entries"][0]["rollbacks"]) == ("running", ["DELETE it"])
    assert is_open(path)
    assert target.is_broken


def test_recover_waits_for_nobody_who_stands_still(target: Target, tmp_path: Path) -> None:
    """A supervisor that was stopped, with its watchdog and its experiment gone, will undo nothing."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as still:
        still.send_signal(signal.SIGSTOP)
        try:
            stopped = Identity.of(still.pid)
            eventually("it stands still", lambda: stopped.is_stopped, within_s=5)
            left_by(target, tmp_path, supervisor=stopped)
            assert main(["recover"], sys.stdout, sys.stderr) == 0
        finally:
            still.kill()
    assert not target.is_broken


def test_recover_asks_for_the_secrets_first(target: Target, tmp_path: Path, capsys) -> None:
    """Their names are in the ledger, their values never; without them nothing is tried."""
    left_by(target, tmp_path, secrets=("SHOP_TOKEN",))
    assert main(["recover"], sys.stdout, sys.stderr) == 1
    said = capsys.readouterr().out
    assert "these environment variables must be set first: SHOP_TOKEN" in said
    assert "undo by hand: DELETE it" in said
    assert target.is_broken


CANARY = "canary-8c21f0e7"


def test_a_secret_of_a_rollback_is_written_nowhere(target: Target, tmp_path: Path, monkeypatch, capfd, state) -> None:
    """The rollback's error names its address, which holds a token: neither record, ledger nor terminal says it."""
    monkeypatch.setenv("SHOP_TOKEN", CANARY)
    log_of(tmp_path, Kind.FAULT_BEGIN, Kind.FAULT_CALLED)
    call = target.call("take the flag away", "DELETE")
    call["provider"] |= {"url": f"{target.url}/fault?token=${{token}}", "secrets": ["shop"]}
    document = {"secrets": {"shop": {"token": {"type": "env", "key": "SHOP_TOKEN"}}}, "method": [call]}
    left_by(target, tmp_path, secrets=("SHOP_TOKEN",), document=document)
    target.how(drops=1)
    assert main(["recover", "--json"], sys.stdout, sys.stderr) == 0
    said = capfd.readouterr()
    assert [one["status"] for one in json.loads(said.out)["entries"][0]["calls"]] == ["failed", "succeeded"]
    assert "token=***" in (tmp_path / "events.jsonl").read_text()
    written = [path.read_text() for folder in (tmp_path, state) for path in folder.rglob("*") if path.is_file()]
    assert not [text for text in (said.out, said.err, *written) if CANARY in text]


@pytest.mark.parametrize("own", [None, "legacy"])
def test_aws_is_asked_again_in_the_standard_mode(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str | None
) -> None:
    """Its library makes its own clients, which go by the environment; what the user set there is left."""
    monkeypatch.delenv("AWS_RETRY_MODE", raising=False)
    if own is not None:
        monkeypatch.setenv("AWS_RETRY_MODE", own)
    seen = tmp_path / "seen"
    provider = {"type": "process", "path": "/bin/sh", "arguments": ["-c", f"echo $AWS_RETRY_MODE > {seen}"]}
    method = [*target.experiment()["rollbacks"], {"type": "action", "name": "look", "provider": provider}]
    left_by(target, tmp_path, document={"method": method})
    assert main(["recover"], sys.stdout, sys.stderr) == 0
    assert seen.read_text().strip() == (own or "standard")


def test_secrets_are_known_however_deep_they_stand() -> None:
    """Chaos Toolkit reads them at every level, and so does the undoing: without one, a rollback could not call."""
    one = {"type": "env", "key": "ONE_TOKEN"}
    body = {"secrets": {"one": one, "group": {"two": {**one, "key": "TWO_TOKEN"}, "deep": {"a": {"b": one}}}}}
    body["secrets"]["group"]["deep"]["a"]["c"] = {**one, "key": "THREE_TOKEN"}
    environment = dict.fromkeys(("ONE_TOKEN", "TWO_TOKEN", "THREE_TOKEN"), "x")
    plan = SimpleNamespace(body=body)
    assert secret_names(plan, (), environment) == ("ONE_TOKEN", "THREE_TOKEN", "TWO_TOKEN")


def test_a_record_that_is_sealed_is_not_written_to(target: Target, tmp_path: Path) -> None:
    """What is undone after the run was over stays out of its record, whose seal would break."""
    log_of(tmp_path, Kind.FAULT_BEGIN, Kind.FAULT_CALLED)
    (tmp_path / "seal.json").write_text("{}")
    before = (tmp_path / "events.jsonl").read_bytes()
    assert undo(left_by(target, tmp_path), "recover", "a test", clock=CLOCK).healed
    assert not target.is_broken
    assert (tmp_path / "events.jsonl").read_bytes() == before


def test_an_entry_that_cannot_be_read_refuses_every_drill(target: Target, tmp_path: Path, capsys) -> None:
    """Nobody knows what is broken, and where; `recover --forget` is for who has seen to it."""
    path = left_by(target, tmp_path)
    (path / "entry.json").write_text("{}")
    with pytest.raises(RefusedError, match=f"recover --forget {path.name}"):
        refuse_drill("http://127.0.0.1:9")
    assert main(["recover"], sys.stdout, sys.stderr) == 1
    assert main(["recover", "--forget", path.name], sys.stdout, sys.stderr) == 0
    assert "forgotten" in capsys.readouterr().out
    refuse_drill("http://127.0.0.1:9")
    assert main(["recover", "--forget", path.name], sys.stdout, sys.stderr) == 64


def test_another_address_is_not_refused(target: Target, tmp_path: Path) -> None:
    """A fault left on one target keeps nobody from drilling another; on its own it does, by whatever name."""
    left_by(target, tmp_path, addresses=("127.0.0.1-9",))
    refuse_drill("http://127.0.0.1:8")
    with pytest.raises(RefusedError, match="wellproven recover"):
        refuse_drill("http://localhost:9")


def test_an_entry_of_an_older_version_refuses_too(target: Target, tmp_path: Path) -> None:
    """It knew one address of its target."""
    path = left_by(target, tmp_path)
    entry = json.loads((path / "entry.json").read_text())
    del entry["addresses"]
    (path / "entry.json").write_text(json.dumps({**entry, "address": "127.0.0.1-9"}))
    with pytest.raises(RefusedError, match="may have left its fault there"):
        refuse_drill("http://127.0.0.1:9")
    refuse_drill("http://127.0.0.1:8")


@pytest.mark.parametrize(
    "said",
    [{"address": ""}, {"address": "shop"}, {"address": None}, {"addresses": []}, {"addresses": [""]}, {}],
    ids=json.dumps,
)
def test_an_entry_that_does_not_say_where_refuses_every_drill(said: dict, target: Target, tmp_path: Path) -> None:
    """It would meet no target's address, and a drill would begin beside its fault."""
    path = left_by(target, tmp_path)
    entry = json.loads((path / "entry.json").read_text())
    del entry["addresses"]
    (path / "entry.json").write_text(json.dumps(entry | said))
    with pytest.raises(RefusedError, match="cannot be read"):
        refuse_drill("http://127.0.0.1:9")


@pytest.mark.parametrize("address", ["127.0.1.1-9", "0.0.0.0-9", "127.0.0.1-9", "localhost-9"])
def test_an_older_entry_of_this_machine_refuses_its_drills(address: str, target: Target, tmp_path: Path) -> None:
    """However it spelled this machine, the target that is written so meets it."""
    path = left_by(target, tmp_path)
    entry = json.loads((path / "entry.json").read_text())
    del entry["addresses"]
    (path / "entry.json").write_text(json.dumps(entry | {"address": address}))
    with pytest.raises(RefusedError, match="may have left its fault there"):
        refuse_drill(f"http://{address.removesuffix('-9')}:9")


def test_a_ledger_that_cannot_be_written_lets_nothing_be_broken(target: Target, tmp_path: Path, monkeypatch) -> None:
    """The run ends before its fault, and says which variable names another folder."""
    (tmp_path / "file").touch()
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "file" / "state"))
    with pytest.raises(NotAvailableError, match=f"nothing was broken; {STATE_VARIABLE}=DIR"):
        left_by(target, tmp_path)


def test_the_state_folder_outlives_a_reboot() -> None:
    """Our own variable first, then the desktop standard's, then the home; never a temporary folder."""
    home = Path.home() / ".local/state/wellproven"
    assert state_folder({STATE_VARIABLE: "/s", "XDG_STATE_HOME": "/x"}) == Path("/s")
    assert state_folder({"XDG_STATE_HOME": "/x"}) == Path("/x/wellproven")
    assert state_folder({"XDG_STATE_HOME": "relative"}) == home
    assert state_folder({}) == home


def test_a_process_is_known_by_more_than_its_number() -> None:
    """One that ended is gone, also while it waits to be collected; its number says nothing."""
    process = subprocess.Popen(["sleep", "60"])
    identity = Identity.of(process.pid)
    assert identity.is_alive
    another = Identity(pid=os.getpid(), began=identity.began)
    assert (another.is_alive, another.is_replaced) == (False, True)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert (identity.is_alive, identity.is_replaced) == (False, False)
    process.wait()
    assert not identity.is_alive
