"""The undo ledger: what would undo a fault, written down and on the disk before the fault.

`<state folder>/undo/<entry>/`, for its user alone:

entry.json   whose fault, where, which processes, what the rollbacks need of the environment (never a secret's value)
undo.json    a Chaos Toolkit experiment that undoes: the rollbacks as its method, the healing as its hypothesis
undo.sh      a shell script that runs it by hand
lock         held by whoever undoes, so that no two do at once

The state folder outlives a reboot: $WELLPROVEN_STATE_DIR, else $XDG_STATE_HOME/wellproven, else
~/.local/state/wellproven. An entry is there whole or not at all, and goes once healing was seen. Beside it lie the
locks on targets (`run/lock.py`).
"""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, ValidationError, model_validator

from harness.errors import NotAvailableError
from harness.identity import Identity
from harness.model import Model
from harness.units import DURATION_NS_MAX, NS_PER_S

STATE_VARIABLE: Final = "WELLPROVEN_STATE_DIR"
ENTRY_VARIABLE: Final = "WELLPROVEN_UNDO_ENTRY"  # tells the control of a run's entry
UNDO_SCHEMA: Final = "wellproven/undo/v1"
_NEW: Final = ".new-"
_CLOSED: Final = ".closed-"


def _environment_text(text: str) -> str:
    """What an environment can hold; else the process that undoes could not be started."""
    if "\0" in text:
        raise ValueError("a null byte, which no environment variable can hold")
    return text


# What a plan's durations can add up to; above it, no run has written the entry.
LONGEST_S: Final = 10 * DURATION_NS_MAX / NS_PER_S

Seconds = Annotated[float, Field(ge=0, le=LONGEST_S)]
Variable = Annotated[str, Field(pattern=r"^[^=\x00]+$")]
Known = Annotated[str, Field(pattern=r"^\S*-[0-9]{1,5}$")]  # what a target is known by: host and port
EnvironmentText = Annotated[str, AfterValidator(_environment_text)]


class Entry(Model):
    """One fault that may be there."""

    schema_: str = Field(default=UNDO_SCHEMA, alias="schema")
    run: str
    experiment: str
    target: str
    addresses: Annotated[tuple[Known, ...], Field(min_length=1)]  # what the target's lock is on
    host: str = Field(default_factory=socket.gethostname)
    run_dir: str
    opened_utc: str
    # From `go`: by then the fault is undone, whatever became of those who should.
    longest_s: Seconds
    heals_within_s: Seconds  # how long healing may take after an undo
    pauses_s: Seconds = 0.0  # how long the rollbacks pause before and after their calls
    supervisor: Identity
    chaos: Identity
    watchdog: Identity
    owner: Identity | None = None  # the target goes with this process, and every fault of it
    folder: str  # where the experiment's modules and files are found
    environment: dict[Variable, EnvironmentText]
    secrets: tuple[Variable, ...]  # names of environment variables that must be there, too
    rollbacks: tuple[str, ...]  # in words
    undo_sha256: str | None = None  # of undo.json as it was written; None in an entry of an older version

    @model_validator(mode="before")
    @classmethod
    def _of_older_version(cls, values: Any) -> Any:
        """An entry that was written when a target had one address."""
        if isinstance(values, dict) and isinstance(values.get("address"), str) and "addresses" not in values:
            values = {**values, "addresses": (values["address"],)}
            del values["address"]
        return values


class Unreadable(Model):
    """An entry that this version cannot read: something may be broken, and nobody knows what."""

    path: str
    because: str


def state_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where state lives that must outlive a reboot."""
    if environment.get(STATE_VARIABLE):
        return Path(environment[STATE_VARIABLE]).resolve()
    home = environment.get("XDG_STATE_HOME", "")
    return (Path(home) if Path(home).is_absolute() else Path.home() / ".local" / "state") / "wellproven"


def make_state_folder() -> None:
    """Make the state folder where there is none, on the disk. Raises NotAvailableError where it cannot be made."""
    try:
        _make(state_folder())
    except OSError as error:
        raise NotAvailableError(
            f"{state_folder()}: cannot make a folder there ({error.strerror}); set {STATE_VARIABLE}"
        ) from None


def open_entry(entry: Entry, undo: Mapping[str, Any], script: str) -> Path:
    """Write an entry, and return its folder once all of it is on the disk.

    Raises NotAvailableError where it cannot be: then nothing may be broken.
    """
    folder = entries_folder()
    try:
        _make(folder)
        name = f"{entry.experiment}-{entry.opened_utc}-{secrets.token_hex(3)}"
        fresh = folder / f"{_NEW}{name}"
        fresh.mkdir(mode=0o700)
        document = json.dumps(undo, indent=2)
        entry = entry.model_copy(update={"undo_sha256": digest(document.encode())})
        _write(fresh / "undo.json", document)
        _write(fresh / "undo.sh", script)
        _write(fresh / "lock", "")
        _write(fresh / "entry.json", entry.model_dump_json(indent=2, by_alias=True))
        _sync(fresh)
        path = folder / name
        fresh.rename(path)
        _sync(folder)
    except OSError as error:
        raise NotAvailableError(
            f"{folder}: the undo ledger cannot be written ({error.strerror}), so nothing was broken; "
            f"{STATE_VARIABLE}=DIR names another folder"
        ) from None
    return path


def digest(document: bytes) -> str:
    """What tells an undo.json that was changed from one that was not."""
    return hashlib.sha256(document).hexdigest()


def read_undo(path: Path, entry: Entry) -> bytes:
    """An entry's undo.json. Raises OSError; ValueError where it is not what the run wrote."""
    written = (path / "undo.json").read_bytes()
    if entry.undo_sha256 is not None and digest(written) != entry.undo_sha256:
        raise ValueError("it is not what the run wrote: its SHA-256 differs")
    return written


def is_open(path: Path) -> bool:
    """Whether an entry still waits for its healing to be seen."""
    return (path / "entry.json").exists()


def close_entry(path: Path) -> None:
    """Take an entry away; it is gone at once and whole, or still there. Raises OSError where it cannot be."""
    gone = path.with_name(f"{_CLOSED}{path.name}")
    with contextlib.suppress(FileNotFoundError):
        path.rename(gone)
        _sync(path.parent)
    shutil.rmtree(gone, ignore_errors=True)


def open_entries() -> dict[Path, Entry | Unreadable]:
    """Every open entry, oldest first."""
    try:
        paths = [path for path in entries_folder().iterdir() if not path.name.startswith(".")]
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise NotAvailableError(f"{entries_folder()}: the undo ledger cannot be read ({error.strerror})") from None
    found = {path: read_entry(path) for path in paths}
    whole = {path: entry for path, entry in found.items() if entry is not None}
    return dict(sorted(whole.items(), key=lambda one: (getattr(one[1], "opened_utc", ""), one[0])))


def read_entry(path: Path) -> Entry | Unreadable | None:
    """One entry; None where it was closed meanwhile."""
    try:
        return Entry.model_validate_json((path / "entry.json").read_bytes())
    except FileNotFoundError:
        return None if not path.exists() else Unreadable(path=str(path), because="no entry.json")
    except OSError as error:
        return Unreadable(path=str(path), because=error.strerror or "unreadable")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return Unreadable(path=str(path), because=f"{'.'.join(map(str, first['loc']))}: {first['msg']}")


class Lock:
    """The right to undo one entry; goes with its process, too."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Let others; once."""
        os.close(self._descriptor)


def try_lock(path: Path) -> Lock | None:
    """The lock of an entry; None where another undoes. Raises FileNotFoundError where the entry was closed.

    One whose file was lost is made again: a fault may not stay for want of a file that says nothing.
    """
    descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return Lock(descriptor)


def is_locked(path: Path) -> bool:
    """Whether somebody undoes it now."""
    try:
        lock = try_lock(path)
    except FileNotFoundError:
        return False
    if lock is not None:
        lock.release()
    return lock is None


def entries_folder() -> Path:
    """The folder of all entries."""
    return state_folder() / "undo"


def _make(folder: Path) -> None:
    """Make a folder and those above it, on the disk, for their user alone."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
        _sync(one.parent)


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
