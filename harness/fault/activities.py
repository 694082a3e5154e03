"""What the harness adds to an experiment's own activities; runs inside the Chaos Toolkit child.

These names stand in stored experiments: they are public interface.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chaoslib.activity import run_activity
from chaoslib.exceptions import ActivityFailed, ChaosException, ExperimentExitedException, InterruptExecution
from chaoslib.hypothesis import within_tolerance

from harness.clock import SystemClock
from harness.fault.compose import DOSE_FILE, LOOK_AGAIN, RELEASE_FILE, STEADY_FILE, dosed
from harness.fault.redact import redactor
from harness.record import EventLog, Kind

__all__ = ["healed", "hold", "look", "slo_kept"]

POLL_S = 0.2  # between two looks at the release file
_STOPS = (InterruptExecution, ExperimentExitedException)  # how Chaos Toolkit hands signals to the main thread
LAST_LOOK_S = 3.0  # how long evidence may keep us waiting just before the fault is taken away
PROBE_S = 0.5  # between two looks at the evidence: its calls go to the target's control plane

type Probe = dict[str, Any]
type Settings = dict[str, Any] | None


def slo_kept(run_dir: str, slo: str) -> bool:
    """Whether the live record says that the SLO was kept over the last seconds."""
    try:
        return json.loads((Path(run_dir) / STEADY_FILE).read_text())[slo] is True
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise ActivityFailed(f"the run does not say how {slo} stands: {error}") from error


def look(run_dir: str, probes: list[Probe], configuration: Settings = None, secrets: Settings = None) -> None:
    """Note which evidence is there before the fault: such evidence proves nothing later."""
    with _Log(run_dir) as log:
        for probe in probes:
            seen = holds(probe, configuration, secrets)
            log.write(Kind.FAULT_EVIDENCE, probe["name"], seen=seen, before=True)


def hold(
    run_dir: str,
    probes: list[Probe],
    longest_s: float,
    dose: dict[str, Any] | None = None,
    lasting: Sequence[str] = (),
    configuration: Settings = None,
    secrets: Settings = None,
) -> None:
    """Keep the fault until the run says so; meanwhile look for the evidence that it took effect.

    At its orderly end it looks again for what should have lasted: a fault that ended by itself proves no recovery.

    In a sweep the run also says which dose it wants: the actions that name its variable are called again with it.
    """
    with _Log(run_dir) as log:
        waiting, dose_number = list(probes), 0
        deadline, next_probe = time.monotonic() + longest_s, 0.0
        while not (Path(run_dir) / RELEASE_FILE).exists():
            if time.monotonic() > deadline:
                raise ActivityFailed(f"nobody ended the fault within {longest_s:.0f} s: it is undone now")
            if dose is not None:
                dose_number = _follow_dose(Path(run_dir), dose, dose_number, log, configuration, secrets)
            if waiting and time.monotonic() >= next_probe:
                for probe in [one for one in waiting if holds(one, configuration, secrets)]:
                    log.write(Kind.FAULT_EVIDENCE, probe["name"], seen=True, before=False)
                    waiting.remove(probe)
                next_probe = time.monotonic() + PROBE_S
            time.sleep(POLL_S)
        if (Path(run_dir) / RELEASE_FILE).read_text() == LOOK_AGAIN:
            seen = [one for one in probes if one["name"] in lasting and one not in waiting]
            _look_again(seen, log, configuration, secrets)


def _look_again(probes: list[Probe], log: EventLog, configuration: Settings, secrets: Settings) -> None:
    """Note which evidence is still there; one that counts what happens while we look has a while for it."""
    waiting, deadline = list(probes), time.monotonic() + LAST_LOOK_S
    while waiting:
        for probe in [one for one in waiting if holds(one, configuration, secrets)]:
            log.write(Kind.FAULT_EVIDENCE, probe["name"], seen=True, before=False)
            waiting.remove(probe)
        if waiting and time.monotonic() > deadline:
            for probe in waiting:
                log.write(Kind.FAULT_EVIDENCE, probe["name"], seen=False, before=False)
            return
        if waiting:
            time.sleep(POLL_S)


def _follow_dose(
    run_dir: Path, dose: dict[str, Any], last: int, log: EventLog, configuration: Settings, secrets: Settings
) -> int:
    """Set the dose that is wanted now, if it is another; the number of the one that is set."""
    try:
        wanted = json.loads((run_dir / DOSE_FILE).read_text())
    except (OSError, ValueError):
        return last
    if wanted["number"] == last:
        return last
    variable, value, error, measured = dose["variable"], wanted["value"], "", None
    log.write(Kind.DOSE_BEGIN, variable, value=value)
    # Subtle: read from the file. What Chaos Toolkit hands over has its variables replaced already, by the first dose.
    actions = dosed(json.loads((run_dir / "experiment.json").read_text()), variable)
    probe = {"type": "probe", "name": f"{variable} measured", "provider": dose["measured_by"]}
    try:
        for action in actions:
            run_activity(action, {**(configuration or {}), variable: value}, secrets or {})
        measured = float(run_activity(probe, configuration or {}, secrets or {}))
    except _STOPS:
        raise
    except (ChaosException, TypeError, ValueError) as failed:
        error = redactor().text(str(failed))[-500:]  # cut only once it is redacted
    status = "failed" if error or not actions else "succeeded"
    log.write(Kind.DOSE, variable, value=value, measured=measured, status=status, error=error)
    return int(wanted["number"])


def healed(
    run_dir: str, probes: list[Probe], longest_s: float, configuration: Settings = None, secrets: Settings = None
) -> None:
    """Wait until every probe says that the fault is gone; fail where one never does."""
    with _Log(run_dir) as log:
        waiting, deadline = list(probes), time.monotonic() + longest_s
        while waiting:
            for probe in [one for one in waiting if holds(one, configuration, secrets)]:
                log.write(Kind.FAULT_HEALED, probe["name"], healed=True)
                waiting.remove(probe)
            if waiting and time.monotonic() > deadline:
                for probe in waiting:
                    log.write(Kind.FAULT_HEALED, probe["name"], healed=False)
                names = ", ".join(probe["name"] for probe in waiting)
                raise ActivityFailed(f"not healed within {longest_s:.0f} s: {names}")
            if waiting:
                time.sleep(PROBE_S)


class _Log:
    """The run's event log, opened for one activity."""

    def __init__(self, run_dir: str) -> None:
        self._log = EventLog(Path(run_dir) / "events.jsonl", SystemClock(), redactor().value)

    def __enter__(self) -> EventLog:
        return self._log

    def __exit__(self, *exception: object) -> None:
        self._log.close()


def holds(probe: Probe, configuration: Settings = None, secrets: Settings = None) -> bool:
    """Whether a probe's tolerance is met now; a probe that fails says no."""
    try:
        value = run_activity({"type": "probe", **probe}, configuration or {}, secrets or {})
        return bool(within_tolerance(probe["tolerance"], value, configuration=configuration, secrets=secrets))
    except _STOPS:
        raise  # a signal that came while we looked is no answer: swallowed, the fault would stay
    except (ActivityFailed, ChaosException):
        return False
