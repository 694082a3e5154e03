"""Stored runs: what is written is read again, however the writer ended."""

import json
import os
import struct
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.clock import ManualClock
from harness.errors import FileError, NotAvailableError
from harness.record import (
    REQUEST,
    REQUEST_STRUCT,
    Event,
    EventLog,
    Kind,
    Outcome,
    Requests,
    RunInfo,
    create_run,
    point_latest,
    read_events,
    read_record,
    read_requests,
    read_zones,
    write_json,
)
from tests.judge.records import at, drill, make_info

ROOT = Path(__file__).resolve().parents[2]
some = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# --- events ----------------------------------------------------------------------------------------------------------

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
events = st.builds(
    Event,
    at_ns=st.integers(0, 2**62),
    kind=st.sampled_from(Kind),
    name=st.text(),
    data=st.dictionaries(st.text().map(lambda text: f"k{text}"), values, max_size=3),
)


@some
@given(st.lists(events, max_size=5))
def test_events_survive_their_file_whatever_they_say(tmp_path, written):
    """Any text, line breaks included, reads back as it was, in order of time."""
    path = tmp_path / "events.jsonl"
    path.unlink(missing_ok=True)
    with closing(EventLog(path, ManualClock())) as log:
        for one in written:
            assert log.write(one.kind, one.name, at_ns=one.at_ns, **one.data) == one
    assert read_events(path) == (sorted(written, key=lambda one: one.at_ns), path.stat().st_size)


def test_an_event_is_stamped_with_the_clock_unless_told_otherwise(tmp_path):
    """`write` returns what it wrote, now or at the instant given."""
    clock = ManualClock(monotonic_ns=70)
    log = EventLog(tmp_path / "events.jsonl", clock)
    assert log.write(Kind.NOTE, "now", why="because").at_ns == 70
    clock.advance(5)
    assert log.write(Kind.NOTE, "then", at_ns=3) == Event(at_ns=3, kind=Kind.NOTE, name="then")
    log.close()
    found, _ = read_events(tmp_path / "events.jsonl")
    assert [(one.at_ns, one.name, one.data) for one in found] == [(3, "then", {}), (70, "now", {"why": "because"})]


def test_a_torn_last_line_waits_for_its_rest(tmp_path):
    """A reader that follows a file sees each event once, and a line only when it is whole."""
    path = tmp_path / "events.jsonl"
    first, second = (Event(at_ns=n, kind=Kind.NOTE, name=str(n)).model_dump_json().encode() + b"\n" for n in (1, 2))
    path.write_bytes(first + second[:9])
    found, offset = read_events(path)
    assert [one.name for one in found] == ["1"]
    assert read_events(path, offset) == ([], offset)
    path.write_bytes(first + second)
    found, offset = read_events(path, offset)
    assert ([one.name for one in found], offset) == (["2"], len(first + second))


def test_lines_that_are_no_events_are_left_out(tmp_path):
    """Rubbish, other versions' kinds and empty lines do not keep the rest from being read."""
    path = tmp_path / "events.jsonl"
    good = Event(at_ns=1, kind=Kind.NOTE).model_dump_json()
    unknown = json.dumps({"at_ns": 2, "kind": "not.known", "name": "", "data": {}})
    path.write_text(f'{{"at_ns": 3\n\n{good}\n{unknown}\n\x00\xff\nnull\n', encoding="latin-1")
    assert [one.at_ns for one in read_events(path)[0]] == [1]


def test_a_missing_file_of_events_is_empty(tmp_path):
    """A run that died before its first event has none."""
    assert read_events(tmp_path / "none.jsonl", 7) == ([], 7)


WRITER = """
import sys
from pathlib import Path
from harness.clock import SystemClock
from harness.record import EventLog, Kind
log = EventLog(Path(sys.argv[1]), SystemClock())
for number in range(400):
    log.write(Kind.NOTE, sys.argv[2], number=number, text=sys.argv[2] * 300)
"""


def test_several_processes_append_whole_lines_to_one_file(tmp_path):
    """Lines of several writers follow each other and never mix."""
    path = tmp_path / "events.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], cwd=ROOT) for name in "abc"]
    assert [writer.wait(30) for writer in writers] == [0, 0, 0]
    found, _ = read_events(path)
    assert len(found) == len(path.read_bytes().splitlines()) == 1200
    for name in "abc":
        mine = [one for one in found if one.name == name]
        assert [one.data["number"] for one in mine] == list(range(400))
        assert {one.data["text"] for one in mine} == {name * 300}


# --- requests --------------------------------------------------------------------------------------------------------

int64 = st.integers(-(2**63), 2**63 - 1)
uint16, uint8 = st.integers(0, 2**16 - 1), st.integers(0, 255)
packed = st.tuples(int64, int64, int64, int64, int64, uint16, uint16, uint8, uint8, uint8, uint8)


@some
@given(st.lists(packed, max_size=6), st.integers(0, REQUEST.itemsize - 1), st.integers(0, 6))
def test_requests_read_as_they_were_packed(tmp_path, written, torn_bytes, offset):
    """The struct of the hot path and the dtype are one layout; a torn last record is left out."""
    path = tmp_path / "requests-0.bin"
    path.write_bytes(b"".join(struct.pack(REQUEST_STRUCT, *one) for one in written) + b"\x01" * torn_bytes)
    assert [tuple(one) for one in read_requests(path).tolist()] == written
    assert [tuple(one) for one in read_requests(path, offset).tolist()] == written[offset:]


def test_a_missing_file_of_requests_is_empty(tmp_path):
    """A worker that died before its first request left none."""
    found = read_requests(tmp_path / "requests-0.bin")
    assert (len(found), found.dtype) == (0, REQUEST)


# --- runs ------------------------------------------------------------------------------------------------------------


def _folder(tmp_path):
    """A whole run's folder, with an event and no request."""
    path = create_run(tmp_path, "test", 1_767_225_600_000_000_000)
    record = drill(ledger=True)
    write_json(path / "run.json", record.info)
    write_json(path / "plan.json", record.plan)
    EventLog(path / "events.jsonl", ManualClock()).write(Kind.RUN_BEGIN, at_ns=at(0))
    return path


def _requests(worker, zones, planned_s=range(3)):
    part = np.zeros(len(zones), dtype=REQUEST)
    part["planned_ns"] = part["done_ns"] = [at(one) for one in planned_s]
    part["zone"], part["worker"], part["outcome"] = zones, worker, Outcome.ANSWERED
    return part


def test_zones_of_several_workers_become_one_list(tmp_path):
    """Each worker numbers zones as it meets them; the record names each zone once, whoever met it first."""
    path = _folder(tmp_path)
    (path / "requests-0.bin").write_bytes(_requests(0, [1, 2, 0], [0, 2, 4]).tobytes())
    (path / "zones-0.txt").write_text("zone-a\nzone-b\n")
    (path / "requests-1.bin").write_bytes(_requests(1, [1, 2, 3], [1, 3, 5]).tobytes())
    (path / "zones-1.txt").write_text("zone-c\nzone-b\n")  # its third name was lost
    record = read_record(path)
    assert record.zones == ("", "zone-a", "zone-b", "zone-c")
    assert [record.zones[code] for code in record.requests["zone"]] == ["zone-a", "zone-c", "zone-b", "zone-b", "", ""]
    assert record.requests["worker"].tolist() == [0, 1, 0, 1, 0, 1]


def test_requests_come_in_order_of_planned_time(tmp_path):
    """Whatever order answers came in, and whichever worker made them, a record is in order of its plan."""
    path = _folder(tmp_path)
    for worker, planned_s in enumerate(([9, 1, 5], [4, 8, 0])):
        (path / f"requests-{worker}.bin").write_bytes(_requests(worker, [0, 0, 0], planned_s).tobytes())
    assert read_record(path).requests["planned_ns"].tolist() == [at(one) for one in (0, 1, 4, 5, 8, 9)]


@pytest.mark.parametrize("text", ["zone-a\n", "zone-a\nzone", ""])
def test_an_answer_whose_zone_lost_its_name_is_damage(tmp_path, text):
    """It would make that zone look silent; also where the name is only cut, and so another's."""
    path = _folder(tmp_path)
    (path / "requests-0.bin").write_bytes(_requests(0, [1, 2, 0]).tobytes())
    (path / "zones-0.txt").write_text("zone-a\nzone-b\n")
    assert read_record(path).damage == ()
    (path / "zones-0.txt").write_text(text)
    assert read_record(path).damage == ("zones-0.txt lacks names of zones",)


def test_zones_without_a_file_are_unknown(tmp_path):
    """A worker's zones that cannot be read leave its requests without zones."""
    path = _folder(tmp_path)
    (path / "requests-0.bin").write_bytes(_requests(0, [1, 2, 3]).tobytes())
    assert read_record(path).requests["zone"].tolist() == [0, 0, 0]
    assert read_zones(path / "zones-0.txt") == [""]


def test_an_account_that_cannot_be_read_is_left_out(tmp_path):
    """A torn worker's report is no report; the judge then finds one missing."""
    path = _folder(tmp_path)
    text = drill().workers[0].model_dump_json()
    (path / "load-0.json").write_text(text)
    (path / "load-1.json").write_text(text[:-20])
    record = read_record(path)
    assert (record.workers, record.workers_planned) == (drill().workers, 1)


SURVIVORS = {
    "never read": (None, '"a"\n"b"\n', None),
    "not read to the end": (False, '"a"\n"b"\n', None),
    "read to the end": (True, '"a"\n"b \\u2028 c"\n', ("a", "b \u2028 c")),
    "none survived": (True, "", ()),
    "fewer than were read": (3, '"a"\n"b"\n', None),
    "more than were read": (1, '"a"\n"b"\n', None),
    "as many as were read": (2, '"a"\n"b"\n', ("a", "b")),
    "torn within a line": (True, '"a"\n"b', None),
    "the file is gone": (True, None, None),
}


@pytest.mark.parametrize("case", SURVIVORS)
def test_survivors_count_only_when_read_to_the_end(tmp_path, case):
    """A list of survivors cut short is no list: what is missing from it would look lost."""
    complete, text, expected = SURVIVORS[case]
    path = _folder(tmp_path)
    if complete is not None:
        counted = {} if isinstance(complete, bool) else {"count": complete}
        data = {"complete": bool(complete), **counted}
        EventLog(path / "events.jsonl", ManualClock()).write(Kind.READ_BACK, at_ns=at(1), **data)
    if text is not None:
        (path / "survivors.txt").write_text(text)
    assert read_record(path).survivors == expected


def test_a_record_finds_its_events_in_order_of_time(tmp_path):
    """`first` and `all` ask by kind, and by name where one is given."""
    path = _folder(tmp_path)
    log = EventLog(path / "events.jsonl", ManualClock())
    log.write(Kind.PHASE_BEGIN, "fault", at_ns=at(2))
    log.write(Kind.PHASE_BEGIN, "baseline", at_ns=at(1))
    record = read_record(path)
    assert record.first(Kind.PHASE_BEGIN).name == "baseline"
    assert record.first(Kind.PHASE_BEGIN, "fault").at_ns == at(2)
    assert record.first(Kind.PHASE_BEGIN, "recovery") is None
    assert [one.name for one in record.all(Kind.PHASE_BEGIN)] == ["baseline", "fault"]


UNREADABLE = {
    "no such folder": (lambda path: path / "nowhere", "no such folder"),
    "a file": (lambda path: path / "run.json", "no such folder"),
    "an empty folder": (lambda path: create_run(path, "empty", 0), "No such file or directory"),
    "a folder whose plan is gone": (lambda path: [(path / "plan.json").unlink(), path][1], "No such file or directory"),
    "a folder whose head is torn": (
        lambda path: [(path / "run.json").write_text('{"run": "te'), path][1],
        "Invalid JSON",
    ),
    "a folder of another version": (
        lambda path: [(path / "run.json").write_text(make_info().model_dump_json()[:-1] + ',"more":1}'), path][1],
        "more: Extra inputs are not permitted",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_is_no_run_is_said_to_be_none(tmp_path, case):
    """A folder that cannot be read as a run is a file error that names the file and the mistake."""
    make, said = UNREADABLE[case]
    with pytest.raises(FileError, match=said):
        read_record(make(_folder(tmp_path)))


# --- making runs -----------------------------------------------------------------------------------------------------


def test_runs_of_one_second_have_folders_of_their_own(tmp_path):
    """A run's folder is named by its second; the next run of that second gets a number."""
    made = [create_run(tmp_path / "runs", "az", 1_767_225_600_999_999_999) for _ in range(3)]
    assert [path.name for path in made] == ["2026-01-01T00-00-00Z", "2026-01-01T00-00-00Z-2", "2026-01-01T00-00-00Z-3"]
    assert all(path.parent == tmp_path / "runs" / "az" and path.is_dir() for path in made)


def test_a_hundred_runs_within_a_second_are_refused(tmp_path):
    """There is an end to numbers; nothing is overwritten."""
    for _ in range(99):
        create_run(tmp_path, "az", 0)
    with pytest.raises(NotAvailableError, match="a hundred runs within one second"):
        create_run(tmp_path, "az", 0)
    assert len(list((tmp_path / "az").iterdir())) == 99


def test_a_place_where_no_run_can_be_made_is_named(tmp_path):
    """Where the folder cannot be made, the message names it, the reason, and the option that helps."""
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(NotAvailableError, match=r"runs: cannot make a run's folder there \(.+\); see --runs DIR"):
        create_run(tmp_path / "runs", "az", 0)


def test_latest_points_at_the_newest_run_and_moves_with_the_folder(tmp_path):
    """`runs/latest` is replaced at once, and is relative: the runs can be moved."""
    runs = tmp_path / "runs"
    first, second = create_run(runs, "az", 0), create_run(runs, "az", 10**9)
    for run in (first, second):
        point_latest(runs, run)
        assert (runs / "latest").resolve() == run.resolve()
    assert sorted(path.name for path in runs.iterdir()) == ["az", "latest"]
    moved = runs.rename(tmp_path / "elsewhere")
    assert (moved / "latest").resolve() == (moved / "az" / second.name).resolve()


def test_a_json_file_is_replaced_whole(tmp_path):
    """A reader sees the old value or the new one, and nothing is left beside it."""
    path = tmp_path / "run.json"
    info = make_info()
    write_json(path, info)
    write_json(path, info.model_copy(update={"seed": 2}))
    assert RunInfo.model_validate_json(path.read_bytes()).seed == 2
    assert [one.name for one in tmp_path.iterdir()] == ["run.json"]


# --- a disk that is full ---------------------------------------------------------------------------------------------

# RLIMIT_FSIZE: the kernel refuses what goes beyond, in the middle of a write too, as a full disk does.
FULL = """
import resource, sys
from pathlib import Path
from harness.clock import ManualClock
from harness.record import EventLog, Kind, write_json
from tests.judge.records import drill
folder = Path(sys.argv[1])
log = EventLog(folder / "events.jsonl", ManualClock())
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
written = 0
try:
    for number in range(100):
        log.write(Kind.NOTE, "n" * 30, number=number)
        written += 1
except OSError as error:
    print(written, error.strerror)
try:
    write_json(folder / "plan.json", drill().plan)
except OSError as error:
    print("plan", error.strerror)
"""


def test_a_full_disk_is_an_error_and_leaves_what_was_written_readable(tmp_path):
    """Where nothing more can be written the writer is told, what came before is whole, and old files stay."""
    (tmp_path / "plan.json").write_text("the old plan")
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    written, why = done.stdout.splitlines()[0].split(" ", 1)
    assert (why, done.stdout.splitlines()[1]) == ("File too large", "plan File too large")
    found, _ = read_events(tmp_path / "events.jsonl")
    assert [one.data["number"] for one in found] == list(range(len(found)))
    assert len(found) >= int(written) - 1
    assert (tmp_path / "plan.json").read_text() == "the old plan"


def test_requests_is_an_array_of_records():
    """The type that other stages name is numpy's array of REQUEST."""
    array: Requests = np.zeros(2, dtype=REQUEST)
    assert array.dtype.itemsize == struct.calcsize(REQUEST_STRUCT) == 48


# --- odd files -------------------------------------------------------------------------------------------------------


def test_a_zone_name_with_an_odd_byte_is_one_name(tmp_path):
    """A header may hold the byte 0x85, which Unicode calls a line break; it must not shift the zones after it."""
    (tmp_path / "zones-0.txt").write_bytes("a\u0085b\nc\n".encode())
    assert read_zones(tmp_path / "zones-0.txt") == ["", "a\u0085b", "c"]


def test_more_zones_than_codes_leave_the_last_ones_unknown(tmp_path):
    """A header that names something other than zones must not keep the record from being read."""
    path = _folder(tmp_path)
    for worker in range(2):
        (path / f"requests-{worker}.bin").write_bytes(_requests(worker, [1, 2, 200]).tobytes())
        (path / f"zones-{worker}.txt").write_text("".join(f"{worker}-{number}\n" for number in range(200)))
    assert len(read_record(path).zones) <= 256


@pytest.mark.parametrize("name", ["events.jsonl", "requests-0.bin"])
def test_a_file_that_cannot_be_read_is_a_file_error(tmp_path, name):
    """What keeps a file of a run from being read (no permission, a folder in its place) is said as a file's mistake."""
    path = _folder(tmp_path)
    (path / name).unlink(missing_ok=True)
    (path / name).mkdir()
    with pytest.raises(FileError):
        read_record(path)
