"""The worker's own files."""

from contextlib import closing

from harness.load.recorder import Recorder
from harness.record.requests import Outcome, read_requests


def test_every_arrival_gets_one_record_in_order_and_the_counts_add_up(tmp_path):
    """More arrivals than the buffer first holds lose nothing; refused ones were attempted, so they count as sent."""
    outcomes = [Outcome.ANSWERED, Outcome.REFUSED, Outcome.WAITING, Outcome.EXPIRED, Outcome.BROKEN] * 2000
    with closing(Recorder(tmp_path, 3, 1)) as recorder:
        for seq, outcome in enumerate(outcomes):
            recorder.add((seq * 10, 0, seq), outcome, sent_ns=1, first_byte_ns=2, done_ns=3, status=503, zone=b"b")
        recorder.flush()
        count = recorder.count_of(0, planned=len(outcomes))
    records = read_requests(tmp_path / "requests-3.bin")
    assert records["seq"].tolist() == list(range(10_000))
    assert records["outcome"].tolist() == outcomes
    assert records[9].item() == (9, 90, 1, 2, 3, 503, 0, Outcome.BROKEN, 1, 3, 0)
    assert (count.planned, count.sent, count.waiting, count.expired) == (10_000, 6000, 2000, 2000)


def test_a_zone_has_its_name_in_the_file_before_any_record_can_have_its_code(tmp_path):
    """A reader that follows live never meets a code without a name."""
    with closing(Recorder(tmp_path, 0, 1)) as recorder:
        recorder.add((1, 0, 0), Outcome.ANSWERED, zone=b"us-east-1a")
        assert (tmp_path / "zones-0.txt").read_text() == "us-east-1a\n"
        assert (tmp_path / "requests-0.bin").stat().st_size == 0


def test_at_most_254_zones_have_a_code(tmp_path):
    """A header that differs in every answer does no harm: the rest are unknown."""
    with closing(Recorder(tmp_path, 0, 1)) as recorder:
        for seq in range(300):
            recorder.add((1, 0, seq), Outcome.ANSWERED, zone=b"z%d" % seq)
        recorder.flush()
    zones = read_requests(tmp_path / "requests-0.bin")["zone"].tolist()
    assert zones == [*range(1, 255), *[0] * 46]
    assert len((tmp_path / "zones-0.txt").read_text().splitlines()) == 254
