"""What damage to what the product keeps, hears and is answered has broken, each once, so that it stays mended."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chaoslib.exceptions import ActivityFailed

from harness import testbed
from harness.aws import AwsSession, Login, UnansweredError, code_of
from harness.clock import ManualClock
from harness.errors import NotAvailableError
from harness.fault import Entry, envoy, netem, toxiproxy_cut, toxiproxy_delay
from harness.fault.asked import surveyed
from harness.fault.ledger import read_entry
from harness.fault.undo import undo
from harness.identity import Identity
from harness.plan import MetricRule
from harness.record import EventLog, Kind, read_events
from harness.run.looks import Looks
from harness.testbed.bed import _wait_ready
from harness.testbed.place import Place
from harness.testbed.settings import BedStatus
from harness.verbs import recover
from harness.verbs.common import Streams
from tests.fuzz import aws, kept
from tests.fuzz.answers import speaker
from tests.run.looking import plan_of

DEEP = b"[" * 100_000


@pytest.fixture
def answer() -> Callable[[bytes], str]:
    """An address where everything is answered with the same bytes."""

    def serve(content: bytes) -> str:
        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(content)
        speaker().content = head + content
        return speaker().url

    return serve


# --- the undo ledger -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"environment": {"A": "a\0b"}},
        {"environment": {"A=B": "a"}},
        {"environment": {"": "a"}},
        {"secrets": ["A\0"]},
        {"chaos": {"pid": 0, "began": "gone"}},
        {"chaos": {"pid": -1, "began": "gone"}},
        {"chaos": {"pid": 10**25, "began": "gone"}},
        {"heals_within_s": -1},
    ],
    ids=str,
)
def test_an_entry_that_no_process_could_undo_cannot_be_read(change: dict[str, Any], tmp_path: Path) -> None:
    """What no environment can hold, and a process number that means whole groups of processes to a signal."""
    (tmp_path / "entry.json").write_text(json.dumps(kept.ENTRY | change))
    assert not isinstance(read_entry(tmp_path), Entry)


@pytest.mark.parametrize("folder", ["x" * 5_000, "a\0b"])
def test_an_entry_whose_folder_can_be_none_is_undone_elsewhere(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rollbacks are played all the same, in the folder where one is."""
    monkeypatch.setenv("SHOP_TOKEN", "not-a-real-one")
    entry = json.dumps(kept.ENTRY | {"folder": folder, "run_dir": folder, "secrets": []})
    path = kept.entry_in(tmp_path, entry.encode(), json.dumps(kept.UNDO).encode())
    found = read_entry(path)
    assert isinstance(found, Entry)
    recovered = recover._recover(path, found, Streams(io.StringIO(), io.StringIO()).progress)
    assert recovered.state == "healed"


def test_what_is_left_is_said_without_obeying_it(tmp_path: Path) -> None:
    """An entry's words are somebody's: none of them reaches a terminal as a command."""
    (tmp_path / "entry.json").write_text(json.dumps(kept.ENTRY | {"rollbacks": ["\x1b[31m\u202e"]}))
    entry = read_entry(tmp_path)
    assert isinstance(entry, Entry)
    out = io.StringIO()
    recover._print(recover._left(tmp_path, entry, "x"), Streams(out, out).result)
    assert all(one.isprintable() or one == "\n" for one in out.getvalue())


@pytest.mark.parametrize(
    "change",
    [
        {"method": 5},
        {"method": {"a": 1}},
        {"method": ["a"]},
        {"method": [{"type": "action"}]},
        {"method": [{"type": "action", "name": {"a": 1}, "provider": kept.NOOP}]},
        {"method": [{"type": "action", "name": "\ud800", "provider": kept.NOOP}]},
        {"steady-state-hypothesis": []},
        {"steady-state-hypothesis": {"probes": [{"name": 1}]}},
        {"steady-state-hypothesis": {"probes": 1}},
    ],
    ids=str,
)
def test_a_damaged_undoing_is_said_and_nothing_is_closed(change: dict[str, Any], tmp_path: Path) -> None:
    """A rollback that is none ends nobody who undoes: the entry stays, and the file is named."""
    path = kept.entry_in(tmp_path, json.dumps(kept.ENTRY).encode(), json.dumps(kept.UNDO | change).encode())
    undone = undo(path, "watchdog", "a test", clock=ManualClock())
    assert not undone.healed
    assert "undo.json" in undone.because
    undone.model_dump_json()
    assert path.exists()


def test_what_a_rollback_says_is_said_whatever_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rollback that fails with half a character in its words: what became of the undoing must reach whoever waits."""
    monkeypatch.setenv("SHOP_TOKEN", "not-a-real-one")
    failing = {"type": "action", "name": "undo", "provider": kept.NOOP | {"func": "nobody\ud800"}}
    document = json.dumps(kept.UNDO | {"method": [failing]}).encode()
    path = kept.entry_in(tmp_path, json.dumps(kept.ENTRY | {"heals_within_s": 0}).encode(), document)
    undone = undo(path, "watchdog", "a test", clock=ManualClock())
    assert "nobody\ufffd" in undone.calls[0].error
    undone.model_dump_json()


# --- the record ------------------------------------------------------------------------------------------------------


def test_an_event_with_half_a_character_in_it_is_written(tmp_path: Path) -> None:
    """Whatever a target says when it fails: what happened must not go unrecorded for it."""
    log = EventLog(tmp_path / "events.jsonl", ManualClock(1))
    log.write(Kind.GUARD, "errors", because="it says \ud800", at_ns=5)
    log.close()
    ((event,), _) = read_events(tmp_path / "events.jsonl")
    assert (event.name, event.data) == ("errors", {"because": "it says \ufffd"})


# --- what the guard hears --------------------------------------------------------------------------------------------


def _problem(tmp_path: Path, rule: MetricRule, see: Callable[[Looks], None]) -> str:
    looks = Looks(plan_of(), tmp_path, {}, ManualClock(1))
    try:
        see(looks)
        return looks.latest()[rule.name].problem
    finally:
        looks.stop()


@pytest.mark.parametrize("line", [b"[]", b"5", b'"problem"', b'{"states": []}', b'{"states": 1}', b"{}", DEEP])
def test_a_reader_of_alarms_that_says_nonsense_is_a_failed_look(line: bytes, tmp_path: Path) -> None:
    """It ends no thread that looks: the guard counts it."""
    rule = MetricRule(name="alarm", how="alarm", alarm="orders-5xx")
    assert _problem(tmp_path, rule, lambda looks: looks.hear_alarms([rule], [line]))


@pytest.mark.parametrize(
    "body",
    [
        '{"status": "success", "data": {"resultType": "scalar", "result": [1, 1%s]}}' % ("0" * 400),
        '{"status": "success", "data": {"resultType": "scalar", "result": [1, "-Inf"]}}',
        '{"status": "error", "error": "\\ud800\\u202e\\n\\u001b[31m"}',
    ],
)
def test_a_prometheus_that_says_odd_things_is_a_failed_look(
    body: str, answer: Callable[[bytes], str], tmp_path: Path
) -> None:
    """A number no float can hold, one that is none, and a reason that a terminal would obey."""
    rule = MetricRule(name="errors", how="prometheus", url=answer(body.encode()), query="up")
    said = _problem(tmp_path, rule, lambda looks: looks.look(looks.session(), rule))
    assert said
    assert said.isprintable()
    assert "validation error" not in said


# --- what faults are answered ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"{}", b'{"enabled": 1, "listen": 2, "toxics": "x"}', b'{"toxics": [1]}'])
def test_a_toxiproxy_that_is_none_fails_as_an_activity(body: bytes, answer: Callable[[bytes], str]) -> None:
    """An answer that lacks a field, or has another in its place."""
    url = answer(body)
    for ask in (toxiproxy_cut.begin, toxiproxy_cut.is_refused, toxiproxy_cut.is_healed, toxiproxy_delay.is_healed):
        with pytest.raises(ActivityFailed):
            ask(url, "database")


def test_a_count_that_no_float_can_hold_fails_as_an_activity(answer: Callable[[bytes], str]) -> None:
    """Envoy counts up to 64 bits."""
    with pytest.raises(ActivityFailed, match="too large"):
        envoy.count(answer(b'{"stats": [{"name": "x", "value": 1%s}]}' % (b"0" * 400)), "x")


@pytest.mark.parametrize(
    "said",
    [b"5", b'["a"]', b'{"a": 1}', b"\xae", DEEP, b'[{"kind": 1}]', b'[{"kind": "prio", "root": true}]'],
)
def test_a_tc_that_says_nonsense_fails_as_an_activity(
    said: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's program of that name, or another version's words."""
    (tmp_path / "said").write_bytes(said)
    (tmp_path / "tc").write_text(f"#!/bin/sh\nexec cat '{tmp_path}/said'\n")
    (tmp_path / "tc").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for look in (netem.is_applied, netem.is_healed, netem.end):
        with pytest.raises(ActivityFailed, match="tc -j qdisc show"):
            look("lo")


# --- the test bed, and our own processes -----------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["[]", "5", "{}", '{"pid": "a"}', '{"pid": 1e30}', '{"pid": []}', "[" * 100_000])
def test_a_keepers_file_that_names_nobody_is_a_bed_that_is_down(content: str, tmp_path: Path) -> None:
    """Whatever stands there, nobody keeps the bed."""
    place = Place("x")
    place.keeper = tmp_path / "keeper.json"
    place.keeper.write_text(content.replace("1e30", str(10**30)))
    assert place.keeper_process() is None
    place.keeper.write_text(Identity.own().model_dump_json())
    assert place.keeper_process() is not None


@pytest.mark.parametrize("change", [{"zones": {}}, {"endpoints": {}}, {"environment": {"A; reboot; B": "x"}}], ids=str)
def test_a_state_of_a_bed_that_lacks_what_is_needed_is_none(change: dict[str, Any]) -> None:
    """A bed without zones or edge is no target; a name in `env` is for a shell to evaluate."""
    whole = kept.bed_status().model_dump(mode="json")
    BedStatus.model_validate_json(json.dumps(whole))
    with pytest.raises(ValueError, match="1 validation error"):
        BedStatus.model_validate_json(json.dumps(whole | change))


def test_lines_of_a_bed_that_are_none_are_left_out(tmp_path: Path) -> None:
    """Its log is read as far as it is one."""
    path = tmp_path / "bed.jsonl"
    path.write_bytes(b'{"what": "a"}\n[]\n\xc1\n{"what"\n5\n' + DEEP + b'\n{"what": "b"}\n{"torn')
    assert [event["what"] for event in testbed.read_log(path)] == ["a", "b"]


def test_a_keeper_that_says_other_things_besides_is_heard() -> None:
    """What a library prints on its standard output is not its word."""
    lines = b'hello\n5\n\xff\n{"progress": "x"}\n{"ready": true}\n'
    said: list[str] = []
    _wait_ready(Place("x"), io.BytesIO(lines), said.append)  # type: ignore[arg-type]
    assert said == ["x"]


@pytest.mark.parametrize(
    "out",
    [b"", b"\xff", b"5", b'["problem"]', DEEP, b"{}", b'{"account": "\\ud800"}', b'{"reaches": []}',
     kept.SURVEY.model_copy(update={"reaches": kept.SURVEY.reaches * 2}).model_dump_json().encode(),
     kept.SURVEY.model_dump_json().replace('"hits":1', '"hits":-1').encode(),
     kept.SURVEY.model_dump_json().replace('"hits":1', f'"hits":{10**400}').encode()],
)  # fmt: skip
def test_a_survey_that_is_no_answer_counts_nothing(out: bytes) -> None:
    """What it says must be about the actions that were asked about, each of them, in their order, and be countable."""
    (reach,) = surveyed([kept.ACTION], out, "").reaches
    assert (reach.action, reach.counted) == (kept.ACTION.name, False)
    assert reach.problem.startswith("nobody could be asked what the experiment would hit")
    assert surveyed([kept.ACTION], kept.SURVEY.model_dump_json().encode(), "") == kept.SURVEY


# --- AWS -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"DescribeInstances\0<a/>",
        b"DescribeInstances\0<a",
        b"GetCallerIdentity\0<a/>",
        b"DescribeDBInstances-404\0<a><Error><Code><b/></Code></Error></a>",
        b"DescribeInstances-400\0<a><Errors/></a>",
        b'GetExperimentTemplate\0{"experimentTemplate": 5}',
        b'GetExperimentTemplate\0{"experimentTemplate": {"targets": {"a": []}}}',
    ],
)
def test_an_aws_that_answers_otherwise_is_not_available(content: bytes) -> None:
    """boto3 takes an answer apart without looking; what comes of it is no traceback, and never "nothing is hit"."""
    with pytest.raises(NotAvailableError):
        aws._read_surveyed(Path(), content, 0)


def test_a_wrong_type_in_an_answer_is_none_of_the_model() -> None:
    """A pillar's name that is a list would be written into a lens otherwise."""
    with pytest.raises(UnansweredError, match="PillarName: got list, expected string"):
        aws._read_tool(
            Path(),
            b'GetLensReview\0{"LensReview": {"LensArn": "a", "PillarReviewSummaries": [{"PillarName": []}]}}',
            1,
        )


def test_an_error_without_a_code_is_unknown() -> None:
    """Whatever came back as an error."""
    for response in ({}, [], {"Error": None}, {"Error": "x"}):
        assert code_of(type("", (), {"response": response})) == "unknown"


def test_a_damaged_configuration_of_awss_is_not_available(tmp_path: Path) -> None:
    """A service without settings of its own: the spaces before them are gone."""
    path = tmp_path / "config"
    path.write_text(
        "[default]\nregion = eu-central-1\nservices = here\n[services here]\nsts =\nendpoint_url = http://x\n"
    )
    with (
        aws.environment(aws.ENVIRONMENT | {"AWS_CONFIG_FILE": str(path)}),
        pytest.raises(NotAvailableError, match="cannot be made sense of"),
    ):
        AwsSession(Login()).account()


# --- the test bed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [{"DRILL_AZ": "a\x1b[2J"}, {"A; rm x": "b"}, {"A": "b\nexport C=d"}])
def test_a_bed_whose_state_is_damaged_hands_no_shell_a_command(damage: dict[str, str], tmp_path: Path) -> None:
    """`testbed env` is evaluated by a shell, and read on a terminal."""
    status = kept.bed_status()
    state = status.model_copy(update={"environment": {**status.environment, **damage}}).model_dump_json()
    with pytest.raises(NotAvailableError, match="is damaged; end it") as refused:
        kept.read_state(tmp_path, state.encode(), 1)
    assert str(refused.value).isprintable()
