"""WHAT HAPPENED: events and requests, appended as they happen; stored runs."""

from harness.record.archive import write_parquet
from harness.record.events import Event, EventLog, Kind, read_events
from harness.record.indicator import Series, series_of
from harness.record.observations import Observation, ObservationLog, Seen, read_observations
from harness.record.progress import Progress, SloProgress
from harness.record.requests import (
    FLAG_FALLBACK,
    NEVER_SENT,
    NO_ZONE,
    REQUEST,
    REQUEST_STRUCT,
    Outcome,
    Requests,
    empty,
    read_requests,
)
from harness.record.store import (
    RUN_SCHEMA,
    Record,
    RunInfo,
    create_run,
    is_sealed,
    point_latest,
    read_record,
    read_zones,
    seal_run,
    write_json,
)
from harness.record.workers import RouteCount, WorkerReport

__all__ = [
    "FLAG_FALLBACK",
    "NEVER_SENT",
    "NO_ZONE",
    "REQUEST",
    "REQUEST_STRUCT",
    "RUN_SCHEMA",
    "Event",
    "EventLog",
    "Kind",
    "Observation",
    "ObservationLog",
    "Outcome",
    "Progress",
    "Record",
    "Requests",
    "RouteCount",
    "RunInfo",
    "Seen",
    "Series",
    "SloProgress",
    "WorkerReport",
    "create_run",
    "empty",
    "is_sealed",
    "point_latest",
    "read_events",
    "read_observations",
    "read_record",
    "read_requests",
    "read_zones",
    "seal_run",
    "series_of",
    "write_json",
    "write_parquet",
]
