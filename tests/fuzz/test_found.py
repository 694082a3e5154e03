"""What damaged files and hostile answers have broken, each once, so that it stays mended."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from chaoslib.exceptions import ActivityFailed

from harness.clock import ManualClock, SystemClock
from harness.errors import FileError, NotAvailableError
from harness.exposition import metric_sum
from harness.fault import envoy, metric, toxiproxy
from harness.fault.chaos import Chaos
from harness.judge import Outcome, judge
from harness.model import parse_exact
from harness.plan import SURGE_SEQ, built_in_target, make, read_experiment
from harness.plan.experiment import Ledger
from harness.record import REQUEST, read_events, read_record, seal_run, write_json
from harness.review import BUILT_IN, Now, Scope, built_in_lens, read_answers, shown_by
from harness.run.observer import observe
from harness.run.readback import read_survivors
from tests.fuzz import seeds
from tests.fuzz.limits import limited
from tests.fuzz.readers import ROOT
from tests.judge.records import drill
from tests.judge.test_breaker import PLAN, dependency

DEEP = b"[" * 100_000


# --- stored runs -----------------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return seeds.store(seeds.met(), tmp_path / "run")


@pytest.mark.parametrize("field", ["planned_ns", "sent_ns", "done_ns"])
@pytest.mark.parametrize("bit", [55, 62, 63])
def test_a_flipped_bit_in_a_time_makes_no_run_of_centuries(run: Path, field: str, bit: int) -> None:
    """A request at a time that cannot be is left out, and the run is known to be damaged."""
    requests = np.fromfile(run / "requests-0.bin", dtype=REQUEST)
    requests[field][7] = int(requests[field][7]) ^ (1 << bit) if bit < 63 else -int(requests[field][7])
    requests.tofile(run / "requests-0.bin")
    seal_run(run)  # whatever the seal says
    with limited():
        record = read_record(run)
        assert judge(record).outcome is not Outcome.MET
    assert len(record.requests) == len(requests) - 1


def test_an_order_of_a_surge_that_there_was_not_is_left_out(run: Path) -> None:
    """A surge's arrivals are numbered apart; where none was planned, such a number is damage."""
    requests = np.fromfile(run / "requests-0.bin", dtype=REQUEST)
    requests["seq"][7] += SURGE_SEQ
    requests.tofile(run / "requests-0.bin")
    seal_run(run)
    with limited():
        record = read_record(run)
    assert len(record.requests) == len(requests) - 1
    assert record.damage == ("some of what is in it cannot have happened",)


def test_a_flipped_bit_in_a_number_makes_no_million_writes(run: Path) -> None:
    """Arrivals that the plan has no room for are not imagined one by one."""
    requests = np.fromfile(run / "requests-0.bin", dtype=REQUEST)
    requests["seq"][7] ^= 1 << 40
    requests.tofile(run / "requests-0.bin")
    report = json.loads((run / "load-0.json").read_text())
    for counts in report["routes"].values():
        counts["planned"] = 10**15
    (run / "load-0.json").write_text(json.dumps(report))
    with limited():
        assert judge(read_record(run)).outcome is Outcome.UNKNOWN


def test_an_event_of_another_century_is_left_out(run: Path) -> None:
    """So the seconds of a run can be counted."""
    with (run / "events.jsonl").open("a") as file:
        file.write('{"at_ns": 4000000000000000000, "kind": "note"}\n')
    with limited():
        record = read_record(run)
    assert len(record.events) == len(read_events(run / "events.jsonl")[0]) - 1
    assert any("cannot have happened" in one for one in record.damage)


@pytest.mark.parametrize("content", ["1\n2\n", '["a"]\n', "null\n", DEEP.decode()])
def test_survivors_that_are_no_ids_were_not_read(run: Path, content: str) -> None:
    """What is no text is no id: nothing is known of what survived."""
    (run / "survivors.txt").write_text(content)
    assert read_record(run).survivors is None


def test_a_breaker_without_an_address_is_unknown() -> None:
    """It is said that its state could not be read; the judge does not fail."""
    record = seeds.watched(PLAN.model_copy(update={"urls": ()}))
    record = replace(record, observations=tuple(one for one in record.observations if one.what != "breaker"))
    breaker = [one for one in judge(record).verdicts if one.kind == "breaker"]
    assert {one.outcome for one in breaker} == {Outcome.UNKNOWN}
    assert not any("our own mistake" in one.because for one in breaker)


def test_a_plan_with_a_ledger_of_no_route_is_no_plan(run: Path) -> None:
    """What does not fit together is refused when it is read, not met when it is judged."""
    plan = read_record(run).plan
    assert plan.ledger is not None
    (run / "plan.json").unlink()
    write_json(run / "plan.json", plan.model_copy(update={"ledger": Ledger(write="GET /x", survivors="", ids="")}))
    with pytest.raises(FileError, match="one of the routes"):
        read_record(run)


def test_a_window_without_a_length_is_no_plan(run: Path) -> None:
    """Nothing can be a share of it, and a negative one would make any cost a small one."""
    plan = read_record(run).plan
    (run / "plan.json").unlink()
    wrong = [plan.slos[0].model_copy(update={"window_ns": length_ns}) for length_ns in (0, -1)]
    write_json(run / "plan.json", plan.model_copy(update={"slos": tuple(wrong)}))
    with pytest.raises(FileError, match=r"slos\.0\.window_ns: Input should be greater than 0"):
        read_record(run)


@pytest.mark.parametrize(
    "stamp", ["2026-01-01T00-00-00Z-2", "2026-01-01T00-00-00Z", "nan%", "", "2026-13-01T00-00-00Z"]
)
def test_a_run_shows_its_practices_whatever_its_folder_is_called(stamp: str) -> None:
    """The second run of a second has a number behind it; of one called otherwise it is not known when it was."""
    record = seeds.met()
    record = replace(record, info=record.info.model_copy(update={"started_utc": stamp}))
    shown = shown_by(record, judge(record), built_in_lens(), BUILT_IN, Now(Scope()))
    assert bool(shown) is stamp.startswith("2026-01-01")


@pytest.mark.parametrize("content", [b"[]", b"1", b"null", DEEP, b'{"status": ["x"]}', b"{", b"", b'{"status": null}'])
def test_a_journal_that_is_none_says_nothing_well(content: bytes, tmp_path: Path) -> None:
    """Whatever Chaos Toolkit's process left, its status is a word, and not `completed`."""
    (tmp_path / "journal.json").write_bytes(content)
    chaos = Chaos.__new__(Chaos)
    chaos._run_dir = tmp_path
    assert chaos.status() != "completed"


@pytest.mark.parametrize(
    "text", ["1e1000000000", "1/0", "9" * 101, "1/" + "9" * 101, "nan", "inf", " 1", "1_0", "", "0x1", "\u0661"]
)
def test_what_is_no_exact_number_is_none(text: str) -> None:
    """No text in a stored run makes a number that fills the memory."""
    with pytest.raises(ValueError, match="expected a ratio"):
        parse_exact(text)


def test_exact_numbers_are_exact() -> None:
    """The law of `Exact` in files: nothing is rounded on the way."""
    assert [parse_exact(one) for one in ("199/200", "0.995", "-3", "007")] == [
        Fraction(199, 200), Fraction(199, 200), Fraction(-3), Fraction(7)
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["x" * 5_000, "a\\0b", "../up.json", "/etc/passwd"])
def test_answers_that_name_no_lens_that_can_be_are_a_mistake(name: str, tmp_path: Path) -> None:
    """A name too long for a file, or with a null byte in it, is no lens beside the answers."""
    path = tmp_path / "review.yaml"
    path.write_text(f'lens: "{name}"\nquestions: {{}}\n')
    with pytest.raises(FileError, match="lens"):
        read_answers(path)


# --- experiments -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("rollbacks:", "controls: 5\nrollbacks:", "a list of controls"),
        ("rollbacks:", "steady-state-hypothesis: [x]\nrollbacks:", "title and probes"),
        ("rollbacks:", "rollbacks:\n  - {type: action, name: x, pauses: 5, provider: {type: python}}", "such as"),
        ("healed:", "healed:\n      - probe: {name: x, tolerance: 1, provider: []}", "of type python, process or http"),
        (
            "healed:",
            "healed:\n      - probe: {name: [], tolerance: 1, provider: {}}",
            "an empty list, expected text",
        ),
        ("disruption: az", "slos: [orders-accepted, orders-accepted]\n    disruption: az", "each name once"),
        ("disruption: az", "sustain: 999999999Y\n    disruption: az", "a duration such as"),
    ],
)
def test_an_experiment_of_another_shape_is_a_mistake(old: str, new: str, said: str, tmp_path: Path) -> None:
    """What Chaos Toolkit or a plan could not hold is told with its line."""
    text = (ROOT / "experiments/az-failure.yaml").read_text()
    assert old in text
    path = tmp_path / "x.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(FileError, match=said):
        read_experiment(path)


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def answer() -> Iterator[Callable[[bytes], str]]:
    """Serves these bytes at every path; the address."""
    servers = []

    def serve(content: bytes) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


ODD_JSON = (DEEP, b"[]", b"null", b"{", b"\xff\xfe", b'"x"', b"")


@pytest.mark.parametrize("content", ODD_JSON)
def test_a_fault_that_is_answered_with_anything_fails_as_an_activity(
    content: bytes, answer: Callable[[bytes], str]
) -> None:
    """Toxiproxy's and Envoy's interfaces may be somebody else's by mistake."""
    url = answer(content)
    with pytest.raises(ActivityFailed):
        toxiproxy.proxy(url, "x")
    with pytest.raises(ActivityFailed):
        envoy.count(url, "x")
    with pytest.raises(ActivityFailed):
        envoy.runtime(url, "x")


@pytest.mark.parametrize("content", [b'rq{a="b" 1', b"rq NaN", b"rq x", b"rq", b'{"a": 1}'])
def test_a_metric_that_is_none_fails_as_an_activity(content: bytes, answer: Callable[[bytes], str]) -> None:
    """Text that is no exposition, and a value that is no number."""
    with pytest.raises(ActivityFailed):
        metric.value(answer(content), "rq")


@pytest.mark.parametrize("labels", ["[", "[1]", "1", DEEP.decode()])
def test_labels_that_are_none_fail_as_an_activity(labels: str) -> None:
    """They may come from the environment, as text."""
    with pytest.raises(ActivityFailed, match="expected a JSON object"):
        metric.value("http://127.0.0.1:1", "rq", labels)


def test_an_answer_without_end_is_not_kept(answer: Callable[[bytes], str]) -> None:
    """A metric's address that sends a disk image fails."""
    with pytest.raises(ActivityFailed, match="an answer of more than"):
        metric.value(answer(b"x" * (17 << 20)), "rq")


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf"])
def test_a_metric_without_a_number_has_no_value(value: str) -> None:
    """What cannot be compared was not seen."""
    assert metric_sum(f"rq {value}\n", "rq", {}) is None


@pytest.mark.parametrize("content", [*ODD_JSON, b'{"status": {"a": NaN}}', b"rq NaN", b"0 {"])
@pytest.mark.parametrize("how", ["health", "metric"])
def test_an_observer_survives_every_answer(
    how: str, content: bytes, answer: Callable[[bytes], str], tmp_path: Path
) -> None:
    """It goes on looking, and says that it saw nothing."""
    url = answer(content)
    breaker = PLAN.model_copy(update={"urls": (url,), "how": how, "pointer": "/status/a", "metric": "rq"})
    watched = dependency()
    watched = watched.model_copy(
        update={"requests": watched.requests.model_copy(update={"urls": (url,), "metric": "rq"})}
    )
    plan = drill().plan.model_copy(update={"breaker": breaker, "dependency": watched, "observe_every_ns": 10_000_000})
    observer = observe(plan, tmp_path, clock=SystemClock())
    path = tmp_path / "observations.jsonl"
    deadline = threading.Event()
    for _ in range(500):
        if path.read_bytes().count(b"\n") >= 6:
            break
        deadline.wait(0.01)
    observer.stop()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) >= 6
    assert {line["value"] for line in lines} == {None}


@pytest.mark.parametrize(
    "content", [*ODD_JSON, b'{"ids": [1.5]}', b'{"ids": ["\\ud800"]}', b'{"ids": ["a\\nb"]}', b'{"ids": {}}']
)
def test_a_read_back_that_gets_anything_is_cut_short(
    content: bytes, answer: Callable[[bytes], str], tmp_path: Path
) -> None:
    """What is no page of ids ends the reading, and the run says that survivors are unknown."""
    experiment, document = read_experiment(ROOT / "experiments/az-failure.yaml")
    from harness import slo

    target = built_in_target(answer(content), {"DRILL_AZ": "us-east-1a"})
    plan = make(experiment, document, slo.read([ROOT / "slos"]), target, environment=target.environment_variables)
    with pytest.raises(NotAvailableError, match="reading survivors"):
        read_survivors(plan, tmp_path, clock=ManualClock())


def test_headers_without_end_are_a_broken_answer() -> None:
    """A server that never ends its headers fills no memory."""
    from harness.load.wire import Answer, BrokenAnswerError

    whole = Answer(b"x-zone")
    whole.feed(memoryview(b"HTTP/1.1 200 OK\r\nX-Zone: a\r\n" + b"X-Long: " + b"b" * 60_000 + b"\r\n"))
    whole.feed(memoryview(b"Content-Length: 0\r\n\r\n"))
    assert (whole.status, whole.is_complete, whole.zone) == (200, True, b"a")
    endless = Answer(b"x-zone")
    endless.feed(memoryview(b"HTTP/1.1 200 OK\r\nX-Zone: "))
    piece = memoryview(b"a" * 65_536)
    with pytest.raises(BrokenAnswerError, match="without end"):  # noqa: PT012  which of them it is does not matter
        for _ in range(100):
            endless.feed(piece)
