"""The watchdog: `python -m harness.fault.watchdog RUN_DIR`, a process and a session of its own beside the run.

It hears from the supervisor on its standard input, a line each: `open ENTRY` just before the fault, `beat` each tick,
`undo WHY` where the run must be undone at once. It answers `ready` once Chaos Toolkit and the rollbacks' modules are
loaded, and `beat` to each beat. While an entry is open, it undoes it when its standard input ends, the beats stay away,
the experiment's process is gone, or the fault's longest time is over. It ends when its standard input does, or with the
code GAVE_UP where it could not undo.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import threading
from pathlib import Path

from harness.clock import SystemClock
from harness.fault import ledger
from harness.fault.ledger import Entry
from harness.fault.own_output import discard_output, take_output
from harness.fault.watch import BEAT_LOST_S, GAVE_UP
from harness.units import NS_PER_S

LOOK_EVERY_S = 0.05


class Watchdog:
    """What it has heard; a thread hears, the main one looks and undoes."""

    def __init__(self, output: int) -> None:
        self._output = output
        self._clock = SystemClock()
        self._path: Path | None = None
        self._entry: Entry | None = None
        self._opened_ns = self._beat_ns = self._clock.monotonic_ns()
        self._asked = ""
        self._alone = False

    def listen(self) -> None:
        """Hear until standard input ends."""
        for line in sys.stdin:
            word, _, rest = line.rstrip("\n").partition(" ")
            self._beat_ns = self._clock.monotonic_ns()
            if word == "open":
                entry = ledger.read_entry(Path(rest))
                self._entry = entry if isinstance(entry, Entry) else None
                self._opened_ns, self._path = self._beat_ns, Path(rest)
            elif word == "undo":
                self._asked = rest
            self._say(word)
        self._alone = True

    def say_ready(self) -> None:
        """Tell the supervisor that we could undo."""
        self._say("ready")

    def _say(self, word: str) -> None:
        with contextlib.suppress(OSError):
            os.write(self._output, word.encode() + b"\n")

    def watch(self) -> int:
        """Look until there is nothing more to watch."""
        from harness.fault.undo import undo

        while True:
            alone, path = self._alone, self._path  # in this order: what was opened before the end is seen after it
            is_open = path is not None and ledger.is_open(path)
            if not is_open and alone:
                return 0
            because = self._because() if is_open else ""
            if because:
                assert path is not None
                # Told to by its supervisor, or gone with it: the experiment's process knows by itself.
                ask = not (alone or self._asked)
                discard_output(2)  # what the rollbacks say there may be secret, and this is the run's folder
                if not undo(path, "watchdog", because, clock=self._clock, ask=ask).healed:
                    return GAVE_UP
                self._asked = ""
            self._clock.sleep(LOOK_EVERY_S)

    def _because(self) -> str:
        """Why it must be undone now; nothing while all is well."""
        entry, now_ns = self._entry, self._clock.monotonic_ns()
        if self._alone:
            return "the run's own process is gone"
        if entry is not None and not entry.chaos.is_alive:
            return "the experiment's process is gone, and the fault not seen to be healed"
        if self._asked:
            return self._asked
        if now_ns - self._beat_ns > BEAT_LOST_S * NS_PER_S:
            return f"the run's own process has not been heard of for {BEAT_LOST_S:g} s"
        if entry is not None and now_ns - self._opened_ns > entry.longest_s * NS_PER_S:
            return f"the fault's longest time is over, {entry.longest_s:.0f} s"
        return ""


def preload(run_dir: Path) -> None:
    """Load Chaos Toolkit, and the modules of the rollbacks and of all that looks: a second that undoing does not have.

    One that cannot be loaded is not our business: the experiment's process says so, or the rollback will.
    """
    importlib.import_module("harness.fault.undo").silence()
    experiment = json.loads((run_dir / "experiment.json").read_bytes())
    hypothesis = experiment.get("steady-state-hypothesis", {}).get("probes", [])
    healed = [
        probe
        for one in experiment["rollbacks"]
        for probe in (one.get("provider", {}).get("arguments") or {}).get("probes", [])
        if isinstance(one["provider"].get("arguments"), dict)
    ]
    for activity in [*experiment["rollbacks"], *hypothesis, *healed]:
        provider = activity.get("provider", {})
        modules = [provider.get("module")] if provider.get("type") == "python" else []
        # What Chaos Toolkit itself loads for the other kinds of activity.
        for module in [*modules, "chaoslib.provider.http", "chaoslib.provider.process", "chaoslib.provider.python"]:
            with contextlib.suppress(Exception):
                importlib.import_module(str(module))


def main(run_dir: Path) -> int:
    """Watch one run."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends when the run does, however many are told to
    watchdog = Watchdog(take_output())
    preload(run_dir)
    watchdog.say_ready()
    threading.Thread(target=watchdog.listen, daemon=True).start()
    return watchdog.watch()


if __name__ == "__main__":
    # Not sys.exit: a rollback that did not come back must not keep us.
    os._exit(main(Path(sys.argv[1])))
