"""Chaos Toolkit's control that turns what it does into events of the record, on the record's clock.

Subtle: Chaos Toolkit swallows whatever a control raises. So nothing here is taken as having happened unless its event
is in the record: without `fault.begin` there was no fault, without `fault.end` it was never taken away.
"""

import os
import signal
import time
from pathlib import Path
from typing import Any

from chaoslib.run import EventHandlerRegistry, RunEventHandler

from harness.clock import SystemClock
from harness.fault import ledger
from harness.fault.compose import OURS
from harness.fault.outcome import outcome
from harness.fault.redact import learn, redactor
from harness.fault.undo import conclude
from harness.record import EventLog, Kind

LOCK_EVERY_S = 0.05


def configure_control(
    run_dir: str, event_registry: EventHandlerRegistry, secrets: Any = None, configuration: Any = None, **_: Any
) -> None:
    """Chaos Toolkit calls this once, before anything runs, with what it has loaded."""
    learn(secrets, configuration)
    entry = os.environ.get(ledger.ENTRY_VARIABLE)
    log = EventLog(Path(run_dir) / "events.jsonl", SystemClock(), redactor().value)
    event_registry.register(Recorder(log, Path(entry) if entry else None))


class Recorder(RunEventHandler):  # type: ignore[misc]
    """Writes an event for each action's begin and end, each probe of the method, each undo, each look at a hypothesis.

    While it undoes, it holds the lock of the run's entry in the undo ledger; it closes the entry where healing is seen.
    """

    def __init__(self, log: EventLog, entry: Path | None) -> None:
        self._log = log
        self._entry = entry
        self._lock: ledger.Lock | None = None
        self._in_method = False
        self._undoing = False
        self._ended = False

    def start_method(self, experiment: dict[str, Any]) -> None:
        """From here on, probes are the method's own, no longer the hypothesis's."""
        self._in_method = True

    def method_completed(self, experiment: dict[str, Any], state: Any = None) -> None:
        """The hypothesis comes next, or the rollbacks."""
        self._in_method = False

    def start_rollbacks(self, experiment: dict[str, Any]) -> None:
        """From here on, actions undo, and nothing may keep them from it.

        Subtle: a signal while rollbacks are played makes Chaos Toolkit give up those that remain. Their time is limited
        by who started this process, which kills it when it overstays.
        """
        self._undoing = True
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        # Whoever holds it now has given this process up, and is about to end it.
        while self._entry is not None and self._lock is None and ledger.is_open(self._entry):
            self._lock = ledger.try_lock(self._entry)
            time.sleep(0 if self._lock else LOCK_EVERY_S)

    def finish(self, journal: dict[str, Any]) -> None:
        """After everything, the lock still held."""
        if self._entry is not None and self._lock is not None:
            conclude(self._entry, clock=SystemClock())

    def start_activity(self, activity: dict[str, Any]) -> None:
        """Just before the call."""
        name = str(activity.get("name"))
        if activity.get("type") != "action" or name.startswith(OURS):
            return
        if not self._undoing:
            self._log.write(Kind.FAULT_BEGIN, name)
        elif not self._ended:
            self._ended = True
            self._log.write(Kind.FAULT_END, name)

    def activity_completed(self, activity: dict[str, Any], run: dict[str, Any]) -> None:
        """Just after the call; ours count as undoing too: a target that does not heal was not undone."""
        name = str(activity.get("name"))
        if self._undoing:
            kind = Kind.FAULT_UNDONE
        elif activity.get("type") == "probe" and self._in_method:
            kind = Kind.FAULT_PROBED
        elif activity.get("type") == "action" and not name.startswith(OURS):
            kind = Kind.FAULT_CALLED
        else:
            return
        status, error = outcome(activity, run, undoes=self._undoing)
        # Subtle: cut only once it is redacted; half a secret is not known as one.
        self._log.write(kind, name, status=status, error=redactor().text(error)[-500:])

    def hypothesis_before_completed(self, experiment: Any, state: dict[str, Any], journal: dict[str, Any]) -> None:
        """The gate before the method."""
        self._steady("before", state)

    def hypothesis_after_completed(self, experiment: Any, state: dict[str, Any], journal: dict[str, Any]) -> None:
        """After the method, with the fault still there."""
        self._steady("after", state)

    def _steady(self, name: str, state: dict[str, Any] | None) -> None:
        probes = (state or {}).get("probes") or []
        failed = [
            str(probe.get("activity", {}).get("name")) for probe in probes if probe.get("tolerance_met") is not True
        ]
        self._log.write(Kind.STEADY, name, met=bool(state and state.get("steady_state_met")), failed=", ".join(failed))
