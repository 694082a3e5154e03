"""Requests as Parquet, for notebooks and warehouses; the binary records stay the truth."""

from pathlib import Path

import numpy as np

from harness.record.requests import FLAG_FALLBACK, Outcome
from harness.record.store import Record


def write_parquet(record: Record, path: Path) -> bool:
    """Write one row an arrival, instants in ns of the run's monotonic clock; False without the `history` extra.

    Columns: route, seq, planned_ns, sent_ns, first_byte_ns, done_ns (0: did not happen), status (0: none), outcome,
    zone ("" unknown), worker, fallback (the answer was marked as one).
    """
    try:
        import polars as pl
    except ImportError:
        return False
    requests = record.requests
    names = {
        "route": [route.name for route in record.plan.profile.routes],
        "outcome": ["", *(outcome.name.lower() for outcome in Outcome)],
        "zone": list(record.zones),
    }
    plain = {
        name: np.ascontiguousarray(requests[name])
        for name in ("seq", "planned_ns", "sent_ns", "first_byte_ns", "done_ns", "status", "worker")
    }
    worded = {name: np.array(words, dtype=object)[requests[name]] for name, words in names.items()}
    columns = {"route": worded["route"], **plain, "outcome": worded["outcome"], "zone": worded["zone"]}
    columns["fallback"] = requests["flags"] & FLAG_FALLBACK != 0
    frame = pl.DataFrame(columns, schema_overrides=dict.fromkeys(names, pl.Categorical))
    frame.write_parquet(path)
    return True
