"""Requests as Parquet."""

from pathlib import Path

import polars as pl

from harness.record import Outcome, write_parquet
from tests.judge.records import drill, outage


def test_parquet_holds_every_arrival_as_the_record_does(tmp_path: Path) -> None:
    """One row an arrival, in order of planned time, with names where the record has codes."""
    record = drill(outage(10, 12))
    assert write_parquet(record, tmp_path / "requests.parquet")
    frame = pl.read_parquet(tmp_path / "requests.parquet")
    assert len(frame) == len(record.requests)
    assert frame["planned_ns"].to_list() == record.requests["planned_ns"].tolist()
    assert set(frame["route"].cast(pl.String)) == {route.name for route in record.plan.profile.routes}
    answered = int((record.requests["outcome"] == Outcome.ANSWERED).sum())
    assert (frame["outcome"].cast(pl.String) == "answered").sum() == answered
