"""Undoing what a run may have left: the one way for the watchdog, the supervisor and `wellproven recover`.

`python -m harness.fault.undo ENTRY WHO BECAUSE` undoes one entry of the ledger, prints an `Undone` as JSON, and ends
with 0 where healing was seen, 1 where something is left.

Subtle: a call that was under way when its process was killed may still take effect after its undoing. So it is undone,
looked at, and undone again where the look says no; and where a call was under way, it is looked at for a while longer.
"""

import contextlib
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psutil
from chaoslib.activity import execute_activity
from chaoslib.configuration import load_configuration, load_dynamic_configuration
from chaoslib.exceptions import ChaosException
from chaoslib.secret import load_secrets
from pydantic import JsonValue

from harness.clock import Clock, SystemClock
from harness.errors import FileError, RefusedError, WellprovenError
from harness.fault import ledger
from harness.fault.activities import holds
from harness.fault.compose import ACCOUNT_VARIABLE
from harness.fault.ledger import Entry, Lock
from harness.fault.outcome import outcome
from harness.fault.own_output import take_output
from harness.fault.redact import learn, learn_experiment, redactor
from harness.fault.redirects import stay_on_host
from harness.fault.undone import RECOVER, Call, Undone
from harness.plan import is_aws, pauses_s
from harness.record import Event, EventLog, Kind, is_sealed, read_events
from harness.units import NS_PER_S

GRACE_S: Final = 0.8  # an experiment's process that lives has this long to begin undoing by itself
OVERSTAY_S: Final = 30.0  # its rollbacks may take this long beside the healing and their pauses
CALL_S: Final = 60.0  # one rollback beside its pauses, or one look; Chaos Toolkit has no time-out for actions in Python
AGAIN_S: Final = 1.0  # after a rollback that failed
PATIENCE_S: Final = 5.0  # rollbacks are played again where this brought no healing; doubled each time
SETTLE_S: Final = 4.0  # looked at for this long where a call of the fault was under way
LOOK_EVERY_S: Final = 0.2
POLL_S: Final = 0.05


def undo(path: Path, who: str, because: str, *, clock: Clock, ask: bool = False) -> Undone:
    """Undo one entry and close it once healing was seen; idempotent, and never two at once.

    An experiment's process that undoes by itself is given its time; `ask` tells it to (its supervisor may hang).
    """
    entry = ledger.read_entry(path)
    if entry is None:
        return _ALREADY
    if not isinstance(entry, Entry):
        return Undone(healed=False, because=f"the entry cannot be read: {entry.because}")
    record = _Record(entry, who, clock)
    try:
        asked = ask and entry.chaos.is_alive and not ledger.is_locked(path)
        if asked:
            record.write(Kind.UNDO_BEGIN, who, because=because)
            _signal(entry.chaos.pid, signal.SIGTERM)
        lock = _take(path, entry, clock)
    except OSError as error:
        return Undone(healed=False, because=f"{path / 'lock'} cannot be held ({error.strerror})")
    if lock is None or not ledger.is_open(path):
        closed = not ledger.is_open(path)
        undone = _ALREADY if closed else Undone(healed=False, because="another undoes it, and does not come to an end")
        if asked:
            record.write(Kind.UNDO_END, who, healed=closed, because=undone.because)
        if lock is not None:
            lock.release()
        return undone
    try:
        return _undoing(path, entry, who, clock).all(because)
    except FileError as error:
        return Undone(healed=False, because=str(error))
    finally:
        lock.release()


def _undoing(path: Path, entry: Entry, who: str, clock: Clock) -> "Undoing":
    """Raises FileError where undo.json was damaged."""
    try:
        return Undoing(path, entry, who, clock)
    except _DAMAGED as error:
        got = f"what cannot be read ({type(error).__name__}: {error})"
        way_out = f"undo it by hand, then: wellproven recover --forget {path.name}"
        raise FileError.single(path / "undo.json", got, "what would undo it", way_out) from None


def conclude(path: Path, *, clock: Clock) -> None:
    """After an experiment's own process has undone, the lock in its hands: close its entry, if healing is seen.

    Where it is not, the watchdog undoes further; where there is none any more, this does. Raises FileError where
    undo.json was damaged.
    """
    entry = ledger.read_entry(path)
    if not isinstance(entry, Entry):
        return
    undoing = _undoing(path, entry, "experiment", clock)
    if undoing.was_undone_well():
        ledger.close_entry(path)
    elif not entry.watchdog.is_alive:
        undoing.all("the watchdog is gone")


# What a document of another shape than expected makes its reader raise, beside what reading itself does.
_DAMAGED: Final = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)
_ALREADY: Final = Undone(healed=True, because="it was undone before")


def _take(path: Path, entry: Entry, clock: Clock) -> Lock | None:
    """The lock, with the experiment's process gone or about to be ended by us; None where the entry was closed."""
    began_ns = clock.monotonic_ns()
    overstay_s = entry.heals_within_s + entry.pauses_s + OVERSTAY_S
    while (waited_s := (clock.monotonic_ns() - began_ns) / NS_PER_S) < 2 * overstay_s:
        chaos_lives = entry.chaos.is_alive
        at_once = not chaos_lives or entry.chaos.is_stopped or _is_owner_gone(entry)
        if at_once or waited_s >= GRACE_S:
            try:
                lock = ledger.try_lock(path)
            except FileNotFoundError:
                return None
            if lock is not None:
                return lock
            if chaos_lives and (at_once or waited_s > overstay_s):
                _signal(entry.chaos.pid, signal.SIGKILL)
        clock.sleep(POLL_S)
    return None


def _read_document(path: Path, entry: Entry) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(an entry's undo.json, the probes in it). Raises one of _DAMAGED, also where it is not what was written."""
    document = json.loads(ledger.read_undo(path, entry))
    probes = document.get("steady-state-hypothesis", {}).get("probes", [])
    for activity in [*document["method"], *probes]:
        if not isinstance(activity["name"], str) or not isinstance(activity["provider"], dict):
            raise TypeError("an activity without name or provider")
        activity["name"].encode()  # half a surrogate pair could not be written down
    if not isinstance(document["method"], list) or not isinstance(probes, list):
        raise TypeError("no list of activities")
    if entry.rollbacks and not document["method"]:
        raise ValueError("the rollbacks are gone")
    return document, probes


class _Record:
    """The run's record, where it still is and not yet sealed; nothing of it may keep anybody from undoing."""

    def __init__(self, entry: Entry, who: str, clock: Clock) -> None:
        self._file = Path(entry.run_dir) / "events.jsonl"
        self._who = who
        self._clock = clock

    def write(self, kind: Kind, name: str, **data: JsonValue) -> None:
        """Append one event, with who did it."""
        with contextlib.suppress(OSError):
            if not self._file.exists() or is_sealed(self._file.parent):
                return
            log = EventLog(self._file, self._clock, redactor().value)
            try:
                log.write(kind, name, at_ns=None, **data, by=self._who)
            finally:
                log.close()


class Undoing:
    """One entry while it is undone, its lock in our hands."""

    def __init__(self, path: Path, entry: Entry, who: str, clock: Clock) -> None:
        self._path = path
        self._entry = entry
        self._who = who
        self._clock = clock
        self._write = _Record(entry, who, clock).write
        self._document, self._probes = _read_document(path, entry)
        learn_experiment(self._document)
        self._configuration: dict[str, Any] = {}
        self._secrets: dict[str, Any] = {}
        self._calls: list[Call] = []
        self._unhealed: list[str] = []

    def all(self, because: str) -> Undone:
        """Undo, look, undo again; until healed, or its time is over. The events say who did it and why."""
        events = self._events()
        under_way = _is_under_way(events)
        self._end_experiment(under_way=under_way)
        self._write(Kind.UNDO_BEGIN, self._who, because=because)
        self._write_end_of_fault(events)
        try:
            self._require_account()
            self._load()
            healed = self._rounds(settle_s=SETTLE_S if under_way else 0.0)
            why = self._why(healed=healed)
        except (ChaosException, WellprovenError, *_DAMAGED) as error:
            healed, why = False, redactor().text(str(error))
        for probe in self._probes:
            if not _is_owner_gone(self._entry):
                self._write(Kind.FAULT_HEALED, probe["name"], healed=probe["name"] not in self._unhealed and healed)
        self._write(Kind.UNDO_END, self._who, healed=healed, because=why)  # first: a run is sealed once none is open
        try:
            if healed:
                ledger.close_entry(self._path)
        except OSError as error:
            healed, why = False, f"{why}, but its entry cannot be taken away ({error.strerror})"
        return Undone(healed=healed, calls=tuple(self._calls), unhealed=tuple(self._unhealed), because=why)

    def _require_account(self) -> None:
        """See that a person who recovers is who the run was: in another account, another thing would be healed.

        The watchdog is not asked: it lives in the run's own environment, and nothing may delay it.
        """
        if self._who != RECOVER or _is_owner_gone(self._entry) or not self._calls_aws():
            return
        from harness.fault.account import account_problem  # loads boto3, for which undoing must not wait

        problem = account_problem(self._entry.environment.get(ACCOUNT_VARIABLE))
        if problem:
            raise RefusedError(problem)

    def _calls_aws(self) -> bool:
        providers = [one.get("provider", {}) for one in [*self._document["method"], *self._probes]]
        return any(is_aws(f"{one.get('module', '')}.") for one in providers)

    def was_undone_well(self) -> bool:
        """Whether what Chaos Toolkit undid is seen to be healed; without probes, whether every rollback came back."""
        events = self._events()
        undone = [event for event in events if event.kind is Kind.FAULT_UNDONE]
        self._load()
        names = {str(one.get("name")) for one in self._document["method"]}
        well = {event.name for event in undone if event.data.get("status") == "succeeded"}
        # Whether the word of the rollbacks would do is asked only where nothing can be looked at.
        return self._is_healed(trusted=names <= well)

    def _why(self, *, healed: bool) -> str:
        if healed and _is_owner_gone(self._entry):
            return "the target is gone, and the fault with it"
        if healed:
            return "seen to be healed" if self._probes else "every rollback succeeded; nothing is named to look at"
        failed = [f"{call.name}: {call.error}" for call in self._last_calls() if call.status != "succeeded"]
        return "; ".join([*(f"not healed: {name}" for name in self._unhealed), *failed])

    def _last_calls(self) -> list[Call]:
        return list({call.name: call for call in self._calls}.values())

    def _load(self) -> None:
        """Configuration and secrets, as Chaos Toolkit reads them: from Vault, or by asking a probe, too."""
        try:
            _within(CALL_S, self._read_settings)
        except RuntimeError as error:
            raise RefusedError(f"its configuration or its secrets cannot be read: {error}") from error

    def _read_settings(self) -> None:
        configuration = load_configuration(self._document.get("configuration", {}))
        self._secrets = load_secrets(self._document.get("secrets", {}), configuration)
        learn(self._secrets, configuration)
        self._configuration = load_dynamic_configuration(configuration, self._secrets)
        learn(self._secrets, self._configuration)

    def _rounds(self, *, settle_s: float) -> bool:
        deadline_s, patience_s = self._now_s() + self._entry.heals_within_s + self._all_pauses_s(), PATIENCE_S
        while True:
            well = self._play()
            until_s = min(deadline_s, self._now_s() + (patience_s if well else AGAIN_S))
            if self._look(until_s, settle_s, trusted=well):
                return True
            if self._now_s() >= deadline_s:
                return False
            patience_s *= 2

    def _play(self) -> bool:
        """Every rollback, in order, whatever became of the one before; whether all came back well."""
        well = True
        for activity in [] if _is_owner_gone(self._entry) else self._document["method"]:
            status, error = self._call(activity)
            well = well and status == "succeeded"
            if activity.get("type") == "action":
                self._calls.append(Call(name=activity["name"], status=status, error=error))
                self._write(Kind.FAULT_UNDONE, activity["name"], status=status, error=error)
        return well

    def _all_pauses_s(self) -> float:
        """Chaos Toolkit pauses within a call: a pause is no healing that is late."""
        return sum(pauses_s(activity, self._configuration) for activity in self._document["method"])

    def _call(self, activity: dict[str, Any]) -> tuple[str, str]:
        """(status, error without secrets) of one rollback."""
        try:
            run = _within(
                CALL_S + pauses_s(activity, self._configuration),
                lambda: execute_activity(self._document, activity, self._configuration, self._secrets, dry=None),
            )
        except Exception as error:  # noqa: BLE001  whatever a rollback raises, the next ones must be played
            return "failed", redactor().text(f"{type(error).__name__}: {error}")[-500:]
        status, said = outcome(activity, run, undoes=True)
        return status, redactor().text(said)[-500:]

    def _look(self, until_s: float, settle_s: float, *, trusted: bool) -> bool:
        """Whether it is healed by then, and stays so for as long as it may be broken late."""
        healed_s: float | None = None
        while True:
            if self._is_healed(trusted=trusted):
                healed_s = healed_s if healed_s is not None else self._now_s()
                if self._now_s() - healed_s >= settle_s or _is_owner_gone(self._entry):
                    return True
            elif healed_s is not None or self._now_s() >= until_s:
                return False
            self._clock.sleep(LOOK_EVERY_S)

    def _is_healed(self, *, trusted: bool) -> bool:
        if _is_owner_gone(self._entry):
            self._unhealed = []
            return True
        self._unhealed = [probe["name"] for probe in self._probes if not self._holds(probe)]
        return not self._unhealed and (bool(self._probes) or trusted)

    def _holds(self, probe: dict[str, Any]) -> bool:
        try:
            return bool(_within(CALL_S, lambda: holds(probe, self._configuration, self._secrets)))
        except Exception:  # noqa: BLE001  a look that fails says no
            return False

    # --- the experiment's process ------------------------------------------------------------------------------------

    def _end_experiment(self, *, under_way: bool) -> None:
        """End the process that broke it; with all it started where a call was under way: that must not break more."""
        chaos = self._entry.chaos
        if chaos.pid == os.getpid():
            return
        lives = chaos.is_alive
        # Subtle: one that was killed keeps its number until it is collected, and its group as long as that has members.
        if under_way and not chaos.is_replaced:
            for process in psutil.process_iter():
                with contextlib.suppress(OSError, psutil.Error):
                    if os.getpgid(process.pid) == chaos.pid:
                        process.kill()
        if lives:
            _signal(chaos.pid, signal.SIGKILL)
        deadline_s = self._now_s() + GRACE_S
        while chaos.is_alive and self._now_s() < deadline_s:
            self._clock.sleep(POLL_S)

    # --- the record --------------------------------------------------------------------------------------------------

    def _events(self) -> list[Event]:
        try:
            return read_events(Path(self._entry.run_dir) / "events.jsonl")[0]
        except FileError:
            return []

    def _write_end_of_fault(self, events: list[Event]) -> None:
        kinds = {event.kind for event in events}
        if Kind.FAULT_BEGIN in kinds and Kind.FAULT_END not in kinds and self._document["method"]:
            self._write(Kind.FAULT_END, str(self._document["method"][0].get("name")))

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / NS_PER_S


def _is_owner_gone(entry: Entry) -> bool:
    return entry.owner is not None and not entry.owner.is_alive


def _is_under_way(events: list[Event]) -> bool:
    """Whether a call of the fault began of which nobody knows that it came back."""
    counts = {kind: sum(event.kind is kind for event in events) for kind in Kind}
    if not events:
        return True
    return counts[Kind.FAULT_BEGIN] > counts[Kind.FAULT_CALLED] or counts[Kind.DOSE_BEGIN] > counts[Kind.DOSE]


def _within[T](longest_s: float, call: Callable[[], T]) -> T:
    """What a call gives. Raises what it raises, TimeoutError where it does not come back in time (it is left then)."""
    found: list[T] = []
    raised: list[BaseException] = []

    def go() -> None:
        try:
            found.append(call())
        except BaseException as error:  # noqa: BLE001  handed on to who waits
            raised.append(error)

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    thread.join(longest_s)
    if found:
        return found[0]
    if raised:
        raise RuntimeError(f"{type(raised[0]).__name__}: {raised[0]}") from raised[0]
    raise TimeoutError(f"did not come back within {longest_s:g} s")


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def silence() -> None:
    """Have Chaos Toolkit log nothing: it knows secrets in the clear. What matters is in the record, redacted."""
    logger = logging.getLogger("chaostoolkit")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False


def main(words: list[str]) -> int:
    """Undo one entry; prints what became of it."""
    silence()
    stay_on_host()
    output = take_output()
    path, who, because = words
    undone = undo(Path(path), who, because, clock=SystemClock())
    with contextlib.suppress(OSError), os.fdopen(output, "wb") as file:
        file.write(undone.model_dump_json().encode())
    return 0 if undone.healed else 1


if __name__ == "__main__":
    # Not sys.exit: a call that did not come back must not keep us.
    os._exit(main(sys.argv[1:]))
