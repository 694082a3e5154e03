"""Stored runs: `runs/<experiment>/<UTC time>/`, written as things happen, readable whatever became of the writer.

run.json             who, what, when, with which versions; the clock pair; how to repeat it
plan.json            the plan, SLOs and claims included
events.jsonl         what happened (record/events.py)
requests-N.bin       every arrival of load worker N (record/requests.py); zones-N.txt names its zones
load-N.json          worker N's account of itself
observations.jsonl   breaker states, and requests that reached a dependency (record/observations.py)
survivors.txt        ids read back after recovery, one JSON text a line; whole only if a `read-back` event says so
experiment.json      what Chaos Toolkit was given; journal.json, chaos.log: what it said
seal.json            SHA-256 of what a judge reads, written when the run is over (record/seal.py)
verdict.json, report.html
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from harness.errors import FileError, NotAvailableError
from harness.files import read_regular
from harness.model import Model, Ns
from harness.plan import Plan
from harness.record.damage import Span
from harness.record.events import Event, Kind, read_events
from harness.record.observations import Observation, read_observations
from harness.record.requests import NO_ZONE, Requests, empty, read_requests
from harness.record.seal import SEAL_FILE, broken_seal, make_seal
from harness.record.workers import WorkerReport

RUN_SCHEMA = "wellproven/run/v1"
CODES = 256  # a zone's code is a byte
JSON_BYTES_MAX = 64 << 20
ZONES_BYTES_MAX = 16 << 20
SURVIVORS_BYTES_MAX = 1 << 30


class RunInfo(Model):
    """The head of a record."""

    schema_: str = Field(default=RUN_SCHEMA, alias="schema")
    run: str  # <experiment>/<UTC time>
    experiment: str
    target: str
    addresses: tuple[str, ...] = ()  # host and addresses of the target, each with its port; older runs have none
    started_utc: str
    clock_monotonic_ns: Ns  # the clock pair: this instant of the monotonic clock ...
    clock_utc_ns: Ns  # ... was this one of UTC; for display only
    commit: str | None
    dirty: bool | None
    versions: dict[str, str]
    seed: int
    repeat: str  # the command line that repeats the run
    configuration: str = ""  # digest of the target's configuration; older runs have none
    sealed: bool = False  # whether the run is sealed when it is over (record/seal.py)
    approver: str = ""  # who approved a drill in production


@dataclass(frozen=True)
class Record:
    """A stored run, read; requests in order of planned time, zones named by the codes in them."""

    path: Path
    info: RunInfo
    plan: Plan
    events: tuple[Event, ...]
    requests: Requests
    zones: tuple[str, ...]  # zones[code]; zones[0] is ""
    workers: tuple[WorkerReport, ...]
    workers_planned: int
    survivors: tuple[str, ...] | None  # None: never read, or not to the end
    observations: tuple[Observation, ...] = ()  # in order of time
    damage: tuple[str, ...] = ()  # what is known not to be as it was written; empty: nothing

    def first(self, kind: Kind, name: str | None = None) -> Event | None:
        """The first event of that kind (and name), if there is one."""
        return next(self.all(kind, name), None)

    def all(self, kind: Kind, name: str | None = None) -> Iterator[Event]:
        """Events of that kind (and name), in order of time."""
        return (event for event in self.events if event.kind is kind and name in (None, event.name))


def create_run(runs: Path, experiment: str, utc_ns: int) -> Path:
    """Make the folder of a new run. Raises NotAvailableError where it cannot be made."""
    stamp = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime(utc_ns // 1_000_000_000))
    try:
        (runs / experiment).mkdir(parents=True, exist_ok=True)
        for suffix in ("", *(f"-{number}" for number in range(2, 100))):
            path = runs / experiment / f"{stamp}{suffix}"
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise NotAvailableError(
            f"{runs}: cannot make a run's folder there ({error.strerror}); see --runs DIR"
        ) from None
    raise NotAvailableError(f"{runs / experiment}: a hundred runs within one second")


def point_latest(runs: Path, run: Path) -> None:
    """Let `runs/latest` point at a run; replaced at once, so it always points at one."""
    fresh = runs / f".latest-{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(run.relative_to(runs))
    fresh.replace(runs / "latest")


def write_json(path: Path, value: BaseModel) -> None:
    """Write a value so that a reader sees the old file or the new one, never half of one."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(value.model_dump_json(indent=2, by_alias=True))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def is_sealed(run: Path) -> bool:
    """Whether the run is over and sealed: whatever is written to it now breaks its seal."""
    return (run / SEAL_FILE).exists()


def seal_run(run: Path) -> None:
    """Seal a run that is over. Raises OSError."""
    write_json(run / SEAL_FILE, make_seal(run))


def read_record(path: Path) -> Record:
    """Read a run's folder. Raises FileError where it is none; whatever is missing later is for the judge to see."""
    if not path.is_dir():
        raise FileError.single(path, "no such folder", "a run's folder, such as runs/latest")
    info = _read(path / "run.json", RunInfo)
    plan = _read(path / "plan.json", Plan)
    span = Span(info.clock_monotonic_ns, plan)
    written, _ = read_events(path / "events.jsonl")
    requests, zones, unnamed = _read_requests(path)
    events, sound = span.events(written), span.requests(requests)
    damage = (*_damage(path, info), *unnamed)
    if len(events) < len(written) or len(sound) < len(requests):
        damage = (*damage, "some of what is in it cannot have happened")
    return Record(
        path=path,
        info=info,
        plan=plan,
        events=tuple(events),
        requests=sound,
        zones=zones,
        workers=tuple(span.workers(_read_workers(path))),
        workers_planned=plan.profile.workers,
        survivors=_read_survivors(path, events),
        observations=span.observations(read_observations(path / "observations.jsonl")),
        damage=damage,
    )


def _damage(path: Path, info: RunInfo) -> tuple[str, ...]:
    """What was changed since the run was over; nothing can be said of a run that was never sealed."""
    try:
        return tuple(broken_seal(path))
    except FileNotFoundError:
        return (f"{SEAL_FILE} is missing",) if info.sealed else ()


def _read[M: BaseModel](path: Path, model: type[M]) -> M:
    try:
        return model.model_validate_json(read_regular(path, JSON_BYTES_MAX, follow_links=False))
    except OSError as error:
        raise FileError.single(path, error.strerror or "nothing readable", "the file of a stored run") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FileError.single(
            path, f"{where}: {first['msg']}", "a file as this version wrote it", "judge it with the version in run.json"
        ) from None


def _read_requests(path: Path) -> tuple[Requests, tuple[str, ...], list[str]]:
    """Requests of all workers, zones renumbered to one list of names; and which files do not name every zone.

    An answer whose zone lost its name would make that zone look silent.
    """
    names: dict[str, int] = {"": NO_ZONE}
    parts, unnamed = [], []
    for file in sorted(path.glob("requests-*.bin")):
        part = read_requests(file).copy()
        names_file = path / file.name.replace("requests-", "zones-").replace(".bin", ".txt")
        zones = read_zones(names_file)
        if int(part["zone"].max(initial=NO_ZONE)) >= len(zones):
            unnamed.append(f"{names_file.name} lacks names of zones")
        codes = np.zeros(CODES, dtype=np.uint8)
        for code, zone in enumerate(zones):
            # A header that names more than zones must not keep the record from being read: the rest stay unknown.
            codes[code] = names.setdefault(zone, len(names)) if zone in names or len(names) < CODES else NO_ZONE
        part["zone"] = codes[part["zone"]]
        parts.append(part)
    requests = np.concatenate(parts) if parts else empty()
    return requests[np.argsort(requests["planned_ns"], kind="stable")], tuple(names), unnamed


def read_zones(path: Path) -> list[str]:
    """Zone names by code; code 0 is unknown and named "". A torn last line names nothing."""
    try:
        text = read_regular(path, ZONES_BYTES_MAX, follow_links=False).decode("utf-8", errors="replace")
    except OSError:
        return [""]
    # Subtle: not splitlines, which also splits at characters that may stand in a header's value.
    return ["", *text.split("\n")[:-1]][:CODES]


def _read_workers(path: Path) -> Iterator[WorkerReport]:
    for file in sorted(path.glob("load-*.json")):
        try:
            yield WorkerReport.model_validate_json(read_regular(file, JSON_BYTES_MAX, follow_links=False))
        except (OSError, ValidationError):
            continue


def _read_survivors(path: Path, events: list[Event]) -> tuple[str, ...] | None:
    """As many as were read; fewer, or more, are not what was read."""
    whole = [event for event in events if event.kind is Kind.READ_BACK and event.data.get("complete") is True]
    if not whole:
        return None
    try:
        text = read_regular(path / "survivors.txt", SURVIVORS_BYTES_MAX, follow_links=False).decode("utf-8")
        ids = [json.loads(line) for line in text.splitlines()]
    except (OSError, ValueError, RecursionError):
        return None
    count = whole[-1].data.get("count", len(ids))
    return tuple(ids) if count == len(ids) and all(isinstance(one, str) for one in ids) else None
