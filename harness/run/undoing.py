"""What makes a run safe to begin: its entry in the undo ledger, the watchdog beside it, the wait for the healing."""

import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from harness.clock import Clock
from harness.errors import RefusedError
from harness.fault import (
    Entry,
    is_open,
    kept_environment,
    open_entries,
    open_entry,
    rollbacks_in_words,
    secret_names,
    undo_document,
    undo_script,
)
from harness.identity import Identity
from harness.plan import PhaseName, Plan, Target, rollback_pauses_s
from harness.run.parts import ChaosPart, Parts, UndoPart, WatchPart
from harness.units import NS_PER_S

HOLD_MARGIN_S = 70.0  # beyond the phases: the hold ends itself first, 60 s after its phase
BEGIN_FAULT_S = 60.0  # from "go" to the first fault call: Chaos Toolkit's hypothesis, and the look at the evidence
STOP_S = 5.0  # for a watchdog with nothing to undo to end
TRY_AGAIN_S = 60.0  # beyond the healing, before an undoing that others do is given up


def refuse_open(target: Target, addresses: Collection[str]) -> None:
    """Raises RefusedError where an earlier run may have left a fault on the target."""
    for reason in left_on(target, addresses):
        raise RefusedError(reason)


def left_on(target: Target, addresses: Collection[str]) -> Iterator[str]:
    """Why an earlier run may have left a fault on the target. Raises NotAvailableError as `open_entries` does."""
    for path, entry in open_entries().items():
        if not isinstance(entry, Entry):
            yield (
                f"{path}: an entry of the undo ledger cannot be read ({entry.because}): nobody knows what is broken; "
                f"see {path}/undo.json, undo it by hand, then: wellproven recover --forget {path.name}"
            )
        elif set(addresses) & set(entry.addresses):
            yield f"target {target.name}: run {entry.run} may have left its fault there; try: wellproven recover"


class Undoing:
    """The safety of one run: begun before the fault, ended after the healing."""

    def __init__(
        self,
        plan: Plan,
        target: Target,
        addresses: tuple[str, ...],
        run: Path,
        name: str,
        owner: Identity | None,
        clock: Clock,
        parts: Parts,
    ) -> None:
        self._plan, self._target, self._addresses = plan, target, addresses
        self._run, self._name = run, name
        self._owner, self._clock, self._parts = owner, clock, parts
        self._environment: dict[str, str] = {}
        self._pauses_s = rollback_pauses_s(plan.body, {**os.environ, **target.environment_variables})
        self._secrets = secret_names(plan, target.secrets, os.environ)
        self._watch: WatchPart | None = None
        self._entry: Path | None = None
        self._own: UndoPart | None = None

    def start(self, variables: Mapping[str, str]) -> None:
        """Start the watchdog, which loads meanwhile; `variables` is the experiment's environment."""
        self._environment = dict(variables)
        self._watch = self._parts.watch(self._run, variables, clock=self._clock, secrets=self._secrets)

    def open(self, chaos: ChaosPart) -> Path:
        """Write down how to undo, and let the watchdog watch; its path. Nothing may be broken before this returns."""
        assert self._watch is not None
        self._watch.wait_ready()
        environment = kept_environment(self._plan, self._environment, self._secrets, os.environ)
        folder = str(Path.cwd())
        entry = Entry(
            run=self._name,
            experiment=self._plan.experiment,
            target=self._target.name,
            addresses=self._addresses,
            run_dir=str(self._run.resolve()),
            opened_utc=self._run.name,
            longest_s=BEGIN_FAULT_S + self._plan.phase(PhaseName.FAULT).longest_s + HOLD_MARGIN_S,
            heals_within_s=self._plan.heals_within_s,
            pauses_s=self._pauses_s,
            supervisor=Identity.own(),
            chaos=chaos.identity,
            watchdog=self._watch.identity,
            owner=self._owner,
            folder=folder,
            environment=environment,
            secrets=self._secrets,
            rollbacks=rollbacks_in_words(self._plan, environment),
        )
        script = undo_script(folder, environment, self._secrets, sys.executable)
        self._entry = open_entry(entry, undo_document(self._plan), script)
        self._watch.open(self._entry)
        return self._entry

    @property
    def is_open(self) -> bool:
        """Whether something may be broken."""
        return self._entry is not None and is_open(self._entry)

    def beat(self) -> None:
        """Tell the watchdog that the run goes on."""
        if self._watch is not None:
            self._watch.beat()

    def problem(self) -> str | None:
        """Why the run may not go on: nobody would undo. Once healing was seen, nobody needs to."""
        if self._entry is not None and not self.is_open:
            return None
        lost = self._watch.lost() if self._watch is not None else None
        return f"the watchdog is lost: {lost}" if lost else None

    def ask(self, because: str) -> None:
        """Have it undone now, by whoever is there."""
        if self._watch is not None and self.is_open:
            self._watch.ask(because)

    def settle(self, look: Callable[[], None]) -> None:
        """Wait until healing was seen, or nobody can bring it about; `look` lets a little time pass.

        The watchdog undoes what the experiment's own process left; where it is lost, this does.
        """
        longest_s = 2 * (self._plan.heals_within_s + self._pauses_s) + TRY_AGAIN_S
        deadline_ns = self._clock.monotonic_ns() + round(longest_s * NS_PER_S)
        while self.is_open and self._clock.monotonic_ns() < deadline_ns:
            if self._own is not None and self._own.poll() is not None:
                return
            if self._own is None and self._watch is not None and self._watch.lost():
                if self._watch.gave_up:
                    return
                self._undo()
            look()

    def _undo(self) -> None:
        assert self._entry is not None
        self._own = self._parts.undo(
            self._entry,
            "supervisor",
            "the watchdog is lost",
            folder=str(Path.cwd()),
            environment=self._environment,
            secrets=self._secrets,
        )

    def leave(self) -> None:
        """Go away without waiting: the watchdog undoes what is open."""
        if self._watch is not None:
            self._watch.leave()
        self._watch = None

    def stop(self) -> None:
        """Let the watchdog end; idempotent."""
        if self._watch is not None:
            self._watch.stop(STOP_S, kill=not self.is_open)
        self._watch = None
