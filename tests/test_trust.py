"""What comes from outside is not trusted: texts, names, links, folders that were there before us."""

import fcntl
import io
import json
import os
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import psutil
import pytest

from harness.cli import main
from harness.clock import SystemClock
from harness.errors import FileError, NotAvailableError, RefusedError, UsageError
from harness.fault import STATE_VARIABLE
from harness.files import own_folder
from harness.load import start as start_load
from harness.plan import Profile, Route, Stage, read_experiment, read_targets
from harness.record import seal_run
from harness.redaction import MASK, Redactor, looks_secret, without_secrets
from harness.run import is_held
from harness.run.lock import target_lock
from harness.testbed.place import Place
from tests.fuzz import seeds
from tests.fuzz.readers import ROOT, TARGETS
from tests.report import built_runs

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m [bold red]x[/] :smile: \u202e <script>alert(1)</script> {{ 7*7 }} \r\n\x00"


def wellproven(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return main(arguments, out, err), out.getvalue(), err.getvalue()


def obeyed(text: str) -> set[str]:
    """What in a text a terminal would obey."""
    return {one for one in text if not one.isprintable() and one != "\n"}


# --- what is shown ---------------------------------------------------------------------------------------------------


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A stored run in which every text from outside is hostile."""
    path = tmp_path / "runs/x/2026-07-01T10-00-00Z"
    texts = {one.name: f"{one.name} {HOSTILE}" for one in fields(built_runs.Names) if one.name != "zones"}
    zones = tuple(f"zone-{letter}{HOSTILE}".replace("\n", " ") for letter in "abc")
    built_runs.drilled(path, built_runs.Names(**texts, zones=zones))
    run = json.loads((path / "run.json").read_text()) | {"run": f"../../{HOSTILE}", "commit": HOSTILE}
    (path / "run.json").write_text(json.dumps(run))
    with (path / "events.jsonl").open("a") as file:
        for kind in ("guard", "load.lost", "fault.called", "run.end"):
            data = {"because": HOSTILE, "how": HOSTILE, "error": HOSTILE, "status": HOSTILE}
            file.write(json.dumps({"at_ns": built_runs.at(30), "kind": kind, "name": HOSTILE, "data": data}) + "\n")
    return path


@pytest.mark.parametrize("arguments", [("judge",), ("judge", "--json"), ("report", "--format", "json", "-o", "-")])
def test_a_hostile_run_cannot_steer_the_terminal(hostile: Path, arguments: tuple[str, ...]) -> None:
    """Escape sequences, direction marks and markup in every text of a stored run are shown, not obeyed."""
    verb, *more = arguments
    code, out, err = wellproven(verb, str(hostile), *more)
    assert code in ({1, 2} if verb == "judge" else {0}), err
    assert obeyed(out + err) == set()
    assert "[bold red]x[/]" in out
    assert ":smile:" in out


def test_a_hostile_run_cannot_script_its_report(hostile: Path) -> None:
    """In the page a hostile text is text."""
    code, _, err = wellproven("report", str(hostile))
    assert code == 0, err
    page = (hostile / "report.html").read_text()
    assert "<script>alert(1)" not in page
    assert "[bold red]x[/]" in page
    assert "49 }}" not in page


def test_a_hostile_run_is_named_without_being_obeyed(hostile: Path, tmp_path: Path) -> None:
    """`review` names the runs it leaves out; a run's own name leads nowhere."""
    (hostile / "plan.json").write_text('{"experiment\\u001b[31m": 1}')
    code, out, err = wellproven("review", "--runs", str(tmp_path / "runs"), "--answers", str(ROOT / "slos/review.yaml"))
    assert code in {0, 2}
    assert "left out" in err
    assert obeyed(out + err) == set()


def test_a_mistake_in_a_hostile_file_cannot_steer_the_terminal(tmp_path: Path) -> None:
    """Keys and values of a file stand in the messages about it."""
    path = tmp_path / "x.yaml"
    path.write_text('targets: [{"\\u001b]0;owned\\u0007": "\\u009b31m", name: "\\u001b[2J"}]')
    code, out, err = wellproven("check", str(path))
    assert code == 65
    assert obeyed(out + err) == set()
    assert "owned" in err


def test_a_path_in_square_brackets_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks like rich's markup in a name of the user's is neither obeyed nor a crash."""
    monkeypatch.chdir(tmp_path)
    code, _, err = wellproven("judge", "[/red]")
    assert code == 65
    assert "[/red]" in err


# --- where files lead ------------------------------------------------------------------------------------------------


def test_a_report_replaces_a_link_and_never_follows_it(tmp_path: Path) -> None:
    """A run from somebody else cannot have us write over a file of ours."""
    run = seeds.store(seeds.missed(), tmp_path / "run")
    victim = tmp_path / "victim"
    victim.write_text("precious")
    for name in ("report.html", "verdict.json"):
        (run / name).symlink_to(victim)
    assert wellproven("report", str(run))[0] == 0
    assert wellproven("report", str(run), "--format", "json")[0] == 0
    assert victim.read_text() == "precious"
    assert not (run / "report.html").is_symlink()


@pytest.mark.parametrize("journey", ["../elsewhere.py:Shop", "/tmp/x.py:Shop", "loadtests/../../x.py:Shop"])
def test_a_journey_lies_below_the_folder_of_the_experiment(journey: str, tmp_path: Path) -> None:
    """A file may not have a locustfile run from wherever it likes."""
    text = (ROOT / "experiments/az-failure.yaml").read_text()
    path = tmp_path / "x.yaml"
    path.write_text(text + f"    journeys: [{{journey: {journey}, rate: 1/s}}]\n")
    code, _, err = wellproven("check", str(path))
    assert code == 65
    assert "a locustfile below this folder" in err
    path.write_text(text + "    journeys: [{journey: loadtests/shop.py:Shop, rate: 1/s}]\n")
    read_experiment(path)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_journey_that_is_a_link_leads_nowhere_else(what: str, tmp_path: Path, monkeypatch) -> None:
    """It is code: one that lies elsewhere is not run, however it is named; a link within the folder is followed."""
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    for folder in (here, elsewhere):
        folder.mkdir()
    (elsewhere / "shop.py").write_text((ROOT / "loadtests/shop.py").read_text())
    monkeypatch.chdir(here)
    if what == "folder":
        (here / "loadtests").symlink_to(elsewhere)
    else:
        (here / "loadtests").mkdir()
        (here / "loadtests/shop.py").symlink_to(elsewhere / "shop.py")
    stages = (Stage(duration_s=1, rate_per_s=Fraction(1)),)
    route = Route(name="r", journey="loadtests/shop.py:Browse", stages=stages)
    profile = Profile(base_url="http://127.0.0.1:9", routes=(route,))
    with pytest.raises(FileError, match="put the file itself there"):
        start_load(profile, tmp_path, clock=SystemClock())
    elsewhere.rename(here / "inside")
    link = here / "loadtests" if what == "folder" else here / "loadtests/shop.py"
    link.unlink()
    link.symlink_to(here / "inside" if what == "folder" else here / "inside/shop.py")
    load = start_load(profile, tmp_path, clock=SystemClock())
    load.kill()


@pytest.mark.parametrize("name", ["../x", "..", "a/b", "/etc", "", ".", "A", "x" * 41])
def test_a_bed_cannot_be_named_out_of_its_folder(name: str) -> None:
    """`testbed down --name ../..` would remove what it finds there."""
    with pytest.raises(UsageError, match="expected a name"):
        Place(name)
    assert wellproven("testbed", "down", "--name", name)[0] == 64


def test_a_wall_clock_that_is_set_loses_no_bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process began when it began, whatever time it is now: `testbed down` and a drill find the keeper still."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    own_folder(tmp_path / f"wellproven-{os.geteuid()}")
    place = Place("clock")
    place.create()
    boot_time = psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot_time + 3600)
    keeper = place.keeper_process()
    assert keeper is not None
    assert keeper.pid == os.getpid()
    for words in ('{"pid": 1, "born": null}', "{}", "[]", f'{{"pid": {os.getpid()}, "born": "another time"}}'):
        place.keeper.write_text(words)
        assert place.keeper_process() is None


# --- folders and files of ours ---------------------------------------------------------------------------------------


def test_a_folder_of_ours_is_for_us_alone(tmp_path: Path) -> None:
    """It is made so, and one that others may write to is closed to them."""
    folder = tmp_path / "ours"
    assert stat.S_IMODE(own_folder(folder).stat().st_mode) == 0o700
    folder.chmod(0o777)
    assert stat.S_IMODE(own_folder(folder).stat().st_mode) == 0o700


def _link(path: Path) -> None:
    path.with_name("elsewhere").mkdir()
    path.symlink_to(path.with_name("elsewhere"))


def _file(path: Path) -> None:
    path.write_text("")


def _others(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    path.mkdir()
    os.chown(path, 65534, 65534)


@pytest.mark.parametrize("plant", [_link, _file, _others], ids=lambda plant: plant.__name__.strip("_"))
def test_a_planted_folder_is_not_trusted(plant: Callable[[Path], None], tmp_path: Path, state: Path) -> None:
    """Somebody else may have been first: neither a lock nor a bed is put there."""
    path = tmp_path / f"wellproven-{os.geteuid()}"
    plant(path)
    with pytest.raises(NotAvailableError, match="set TMPDIR"):
        own_folder(path)
    plant(state / "locks") if plant is not _link else (state / "locks").symlink_to(path)
    with pytest.raises(NotAvailableError, match=STATE_VARIABLE), target_lock("x", "http://127.0.0.1:1"):
        pass


def test_the_lock_is_for_us_alone(state: Path) -> None:
    """Its file and its folder are nobody else's to read or write."""
    with target_lock("x", "http://127.0.0.1:1"):
        paths = list(state.rglob("*"))
        assert len(paths) == 2
        assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in paths} == {0}


def test_who_only_looks_at_the_lock_is_not_taken_for_a_run(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`plan` looks whether a run holds the target; a run that starts in that moment starts."""
    address = "http://127.0.0.1:1"
    with target_lock("x", address):
        assert is_held(address)
        (path,) = (one for one in state.rglob("*") if one.is_file())
        with pytest.raises(RefusedError, match="one run a target"), target_lock("y", address):
            pass
    path.touch(mode=0o600)
    looking = os.open(path, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr(time, "sleep", lambda _: fcntl.flock(looking, fcntl.LOCK_UN))  # the look is over
    with target_lock("x", address):
        assert is_held(address)
    os.close(looking)
    assert not is_held(address)


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022, 0o077])
def test_nobody_else_may_write_what_a_command_writes_whatever_the_umask(umask: int, tmp_path: Path) -> None:
    """The umask is respected; one that lets everybody write is not taken that far."""
    run = seeds.store(seeds.missed(), tmp_path / "run")
    done = subprocess.run(
        [sys.executable, "-c", "from harness.cli import entry; entry()", "report", str(run), "--format", "json"],
        umask=umask, cwd=ROOT, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == b""
    mode = stat.S_IMODE((run / "verdict.json").stat().st_mode)
    assert mode & 0o002 == 0
    assert mode & umask == 0
    assert mode & 0o400


# --- secrets in files and words --------------------------------------------------------------------------------------

SECRET = "canary-1234-abcd"
SECRET_NAMES = """SHOP_TOKEN dbPassword X-Api-Key AWS_SECRET_ACCESS_KEY apiKey cookie AWS_ACCESS_KEY_ID CLIENT_SECRET
Authorization ssh-key DB_PWD GOOGLE_CREDENTIALS"""
OTHER_NAMES = """DRILL_TAG_KEY PWD key PUBLIC_KEY TOKENIZER keyboard secret_name PATH KEYS partition-key
WELLPROVEN_SECRET_NAMES"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("https://shop", f"https://drill:{SECRET}@shop"),
        ("https://shop", f"https://{SECRET}@shop"),
        ("[SHOP_TOKEN]", f"[{SECRET}]"),
        ("DRILL_TAG_VALUE: shop", f"SHOP_TOKEN: {SECRET}"),
        ("DRILL_TAG_VALUE: shop", f"DB_PASSWORD: {SECRET}"),
        ("DRILL_TAG_VALUE: shop", f"SIGNING_KEY: {SECRET}"),
        ("DRILL_TAG_VALUE: shop", f"CLIENT_SECRET: {SECRET}"),
        ("DRILL_TAG_VALUE: shop", f"PROXY: http://u:{SECRET}@proxy"),
        ("profile: drills", f"endpoint: http://u:{SECRET}@127.0.0.1:5000"),
    ],
)
def test_a_secret_in_targets_is_a_mistake_that_does_not_show_it(old: str, new: str, tmp_path: Path) -> None:
    """It belongs in the environment, and the message says how."""
    path = tmp_path / "targets.yaml"
    path.write_text(TARGETS)
    assert read_targets(path)["staging"].secrets == ("SHOP_TOKEN",)
    path.write_text(TARGETS.replace(old, new))
    code, out, err = wellproven("check", str(path))
    assert code == 65
    assert SECRET not in out + err
    assert "stays in the environment" in err or "without user and password" in err


@pytest.mark.parametrize(
    "secrets",
    [
        f"{{shop: {{token: {SECRET}}}}}",
        f"{{token: {SECRET}}}",
        f"{{shop: {{token: {{type: file, path: /run/secrets/{SECRET}}}}}}}",
        f"{{shop: {{token: {{type: env, key: SHOP_TOKEN, default: {SECRET}}}}}}}",
        "{shop: {token: {type: env}}}",
        "{shop: {token: {type: vault}}}",
        "{shop: {token: 12345678}}",
        "{shop: {a: {b: {c: {d: 1}}}}}",
        "[shop]",
    ],
)
def test_an_experiment_refers_to_its_secrets(secrets: str, tmp_path: Path) -> None:
    """One that is written out would stand in every journal of it: a mistake with the way out, without the value."""
    text = (ROOT / "experiments/az-failure.yaml").read_text()
    path = tmp_path / "x.yaml"
    path.write_text(text + f"secrets: {secrets}\n")
    code, out, err = wellproven("check", str(path))
    assert code == 65
    assert SECRET not in (out + err).replace(f"/run/secrets/{SECRET}", "")
    assert "secrets" in err
    path.write_text(text + "secrets: {shop: {token: {type: env, key: T}}, v: {type: vault, path: a/b}}\n")
    read_experiment(path)


@pytest.mark.parametrize(
    "more",
    [
        f"runtime: {{token: {SECRET}}}",
        f"runtime: {{headers: {{Authorization: Bearer {SECRET}}}}}",
        f"runtime: {{list: [{{db_password: {SECRET}}}]}}",
        f"runtime: {{url: 'http://u:{SECRET}@h/'}}",
        f"runtime: {{api_key: {{type: env, key: K, default: {SECRET}}}}}",
    ],
)
def test_a_secret_anywhere_in_an_experiment_is_a_mistake(more: str, tmp_path: Path) -> None:
    """A field that looks like a secret's holds a name in braces, and no address holds a password."""
    path = tmp_path / "x.yaml"
    path.write_text((ROOT / "experiments/az-failure.yaml").read_text() + more + "\n")
    code, out, err = wellproven("check", str(path))
    assert code == 65
    assert SECRET not in out + err


def test_a_secret_in_a_header_of_the_load_is_a_mistake(tmp_path: Path) -> None:
    """A header names the variable that holds it."""
    text = (ROOT / "slos/shop.yaml").read_text()
    old = "          Content-Type: application/json\n"
    assert old in text
    path = tmp_path / "x.yaml"
    path.write_text(text.replace(old, f"{old}          Authorization: Bearer {SECRET}\n"))
    code, out, err = wellproven("check", str(path))
    assert code == 65
    assert SECRET not in out + err
    assert "${SHOP_TOKEN}" in err
    path.write_text(text.replace(old, f"{old}          Authorization: Bearer ${{SHOP_TOKEN}}\n"))
    assert wellproven("check", str(path))[0] == 0


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        *((name, True) for name in SECRET_NAMES.split()),
        *((name, False) for name in ["", *OTHER_NAMES.split()]),
    ],
)
def test_a_name_says_whether_it_holds_a_secret(name: str, is_secret: bool) -> None:
    """By its last words, however it is written; what names or finds something opens nothing."""
    assert looks_secret(name) is is_secret


def test_what_is_short_or_only_looks_secret_is_left_readable() -> None:
    """The value `test` under a name like SOME_KEY must not turn every `testbed` into stars."""
    redactor = Redactor({"SOME_KEY": "testbed", "T": "abc", "SHOP": "four", "HOME": "/nowhere"}, ["T", "SHOP"])
    assert redactor.text("testbed abc four") == f"testbed abc {MASK}"


@pytest.mark.parametrize(
    ("text", "gone", "left"),
    [
        ("GET http://drill:hunter2@shop/x", "hunter2", "@shop/x"),
        ("'Authorization': 'Bearer abc.def-123'", "abc.def", "Authorization"),
        ('{\\"authorization\\": \\"Basic dXNlcjpwYXNz\\"}', "dXNlcjpwYXNz", "authorization"),
        ("key AKIAABCDEFGHIJKLMNOP used", "AKIAABCDEFGHIJKLMNOP", "used"),
        ("Cookie: session=abc; b=2", "session=abc", "Cookie"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "MIIE", MASK),
        ("sent bearer eyJhbGciOi.J9 on", "eyJhbGciOi", "sent bearer"),
    ],
)
def test_secrets_are_known_by_their_form(text: str, gone: str, left: str) -> None:
    """What nobody declared is taken out, too, where it can be told by how it looks."""
    shown = Redactor({}).text(text)
    assert gone not in shown
    assert left in shown


def test_ordinary_words_stay() -> None:
    """Sentences of ours with such words in them are not touched."""
    text = "basic authentication is off; a token of the bed; see https://shop.example/a@b and 12:30@noon"
    assert Redactor({}).text(text) == text


def test_a_process_without_need_gets_no_secret() -> None:
    """What looks like a secret or was called one is withheld, but for what is needed."""
    environment = {"PATH": "/bin", "SHOP_TOKEN": "a", "ODD": "b", "OTHER_TOKEN": "c"}
    assert without_secrets(environment, ["ODD"], keep=["SHOP_TOKEN"]) == {"PATH": "/bin", "SHOP_TOKEN": "a"}


def test_neither_a_bug_report_nor_its_message_holds_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A traceback quotes what went wrong: the file that is to be sent to us goes through the same door."""
    monkeypatch.setenv("SHOP_TOKEN", SECRET)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def fail(*_: object) -> None:
        raise RuntimeError(f"no such thing as {SECRET}")

    monkeypatch.setattr("harness.verbs.judge.read_record", fail)
    code, out, err = wellproven("judge", "x")
    assert code == 70
    (report,) = tmp_path.glob("wellproven-bug-*.txt")
    assert SECRET not in out + err + report.read_text()
    assert "no such thing as ***" in err
    assert "Traceback" in report.read_text()
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


def test_a_seal_is_written_like_any_other_file(tmp_path: Path) -> None:
    """Sealing follows no link laid in its place."""
    run = seeds.store(seeds.met(), tmp_path / "run")
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (run / "seal.json").unlink()
    (run / "seal.json").symlink_to(victim)
    seal_run(run)
    assert victim.read_text() == "precious"
