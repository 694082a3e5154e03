"""What a run is made of, as arguments: the real parts, or others of the same shape."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import requests

from harness import fault, load
from harness.clock import Clock
from harness.errors import NotAvailableError
from harness.identity import Identity
from harness.plan import Plan, Profile
from harness.run.guard import Look
from harness.run.looks import look_at
from harness.run.observer import observe
from harness.run.readback import read_survivors

REACH_S = 10.0


class LoadPart(Protocol):
    """A load that is running (harness.load.Load)."""

    begin_ns: int

    def poll(self) -> list[str]:
        """Problems so far."""

    def surge(self, on: bool) -> int:  # noqa: FBT001  the load's own signature
        """Raise the arrivals to the surge's, or end that; the instant from which on, in monotonic ns."""

    def stop(self) -> None:
        """Plan no more arrivals, drain, account."""

    def kill(self) -> None:
        """End at once."""


class ChaosPart(Protocol):
    """An experiment that is loaded (harness.fault.Chaos)."""

    identity: Identity

    def wait_ready(self) -> None:
        """Wait until it was found valid."""

    def go(self, entry: Path) -> None:
        """Start it; how it is undone stands in that entry of the undo ledger."""

    def say_steady(self, kept: Mapping[str, bool]) -> None:
        """Tell its hypothesis how the SLOs stand."""

    def set_dose(self, number: int, value: float) -> None:
        """Ask for a dose of a sweep."""

    def release(self, *, look_again: bool = False) -> None:
        """End the hold."""

    def poll(self) -> int | None:
        """Exit code once ended."""

    def status(self) -> str:
        """Chaos Toolkit's own status."""

    def stop(self) -> None:
        """Undo and end."""

    def leave(self) -> None:
        """Let it undo by itself."""


class StartLoad(Protocol):
    """harness.load.start."""

    def __call__(self, profile: Profile, run_dir: Path, *, clock: Clock) -> LoadPart:
        """Start the load."""


class StartChaos(Protocol):
    """harness.fault.start."""

    def __call__(self, plan: Plan, run_dir: Path, environment: Mapping[str, str], *, clock: Clock) -> ChaosPart:
        """Load the experiment."""


class WatchPart(Protocol):
    """A watchdog (harness.fault.Watch)."""

    identity: Identity

    def wait_ready(self) -> None:
        """Wait until it could undo at once."""

    def open(self, entry: Path) -> None:
        """Let it watch an entry of the undo ledger."""

    def beat(self) -> None:
        """Tell it that we live."""

    def ask(self, because: str) -> None:
        """Have it undo at once."""

    def lost(self) -> str | None:
        """Why it can be relied on no longer."""

    @property
    def gave_up(self) -> bool:
        """Whether it could not undo."""

    def leave(self) -> None:
        """Let it undo by itself."""

    def stop(self, longest_s: float, *, kill: bool) -> None:
        """Let it end."""


class StartWatch(Protocol):
    """harness.fault.watch."""

    def __call__(
        self, run_dir: Path, environment: Mapping[str, str], *, clock: Clock, secrets: tuple[str, ...]
    ) -> WatchPart:
        """Start the watchdog."""


class UndoPart(Protocol):
    """An undoing at work (harness.fault.UndoProcess)."""

    def poll(self) -> int | None:
        """Exit code once ended."""


class StartUndo(Protocol):
    """harness.fault.start_undo."""

    def __call__(
        self,
        entry: Path,
        who: str,
        because: str,
        *,
        folder: str,
        environment: Mapping[str, str],
        secrets: tuple[str, ...],
    ) -> UndoPart:
        """Undo one entry."""


class ObserverPart(Protocol):
    """Something that looks at the target beside the load (harness.run.observer.Observer)."""

    states: dict[str, str]

    def stop(self) -> None:
        """Look no more."""


class Observe(Protocol):
    """harness.run.observer.observe."""

    def __call__(self, plan: Plan, run_dir: Path, *, clock: Clock) -> ObserverPart:
        """Begin to look."""


class LooksPart(Protocol):
    """Something that looks at the metrics the guard goes by (harness.run.looks.Looks)."""

    def latest(self) -> Mapping[str, Look]:
        """The last look at each, by the rule's name."""

    def stop(self) -> None:
        """Look no more."""


class LookAt(Protocol):
    """harness.run.looks.look_at."""

    def __call__(self, plan: Plan, run_dir: Path, environment: Mapping[str, str], *, clock: Clock) -> LooksPart:
        """Begin to look."""


class ReadSurvivors(Protocol):
    """harness.run.readback.read_survivors."""

    def __call__(self, plan: Plan, run_dir: Path, *, clock: Clock) -> int:
        """Write survivors.txt; how many."""


def reach(plan: Plan) -> None:
    """See that the target answers at all. Raises NotAvailableError where it does not."""
    url = plan.profile.base_url
    try:
        with requests.Session() as session:
            session.trust_env = False
            session.get(url, timeout=REACH_S, allow_redirects=False)
    except requests.RequestException as error:
        raise NotAvailableError(
            f"target {plan.target} does not answer at {url} ({type(error).__name__}); is it up, is base-url right?"
        ) from None


@dataclass(frozen=True)
class Parts:
    """Everything of a run that touches the world."""

    reach: Callable[[Plan], None] = reach
    start_load: StartLoad = load.start
    start_chaos: StartChaos = fault.start
    watch: StartWatch = fault.watch
    undo: StartUndo = fault.start_undo
    observe: Observe = observe
    look_at: LookAt = look_at
    read_survivors: ReadSurvivors = read_survivors
