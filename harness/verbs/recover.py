"""Undo what a dead run left behind.

What would undo a fault is written down before the fault is begun, in $WELLPROVEN_STATE_DIR, $XDG_STATE_HOME/wellproven
or ~/.local/state/wellproven. When a run, its experiment and its watchdog all died, or the machine did, this plays the
rollbacks, looks whether the fault is gone, and says what is left and how to undo it by hand.
"""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field
from rich.console import Console

from harness.errors import NotAvailableError, UsageError
from harness.fault import (
    RECOVER,
    Call,
    Entry,
    Undone,
    Unreadable,
    close_entry,
    open_entries,
    read_undo,
    start_undo,
    state_folder,
)
from harness.model import Model
from harness.text import visible_json, visible_lines
from harness.units import NS_PER_S, format_duration
from harness.verbs.common import Streams

if TYPE_CHECKING:
    from harness.testbed import Bed

HELP = "undo what a dead run left behind"
EXAMPLES = """\
examples:
  wellproven recover                       everything that is open
  wellproven recover --target staging
  wellproven recover --json                schema wellproven/recover/v1
  wellproven recover --forget ENTRY        it is undone, or its target is no more: somebody has seen to that

exit codes: 0 nothing is left; 1 something is, a run still goes on, or something could not be looked at
"""
RECOVER_SCHEMA = "wellproven/recover/v1"


class Recovered(Model):
    """What became of one entry."""

    entry: str  # the name of its folder
    run: str
    target: str
    state: Literal["healed", "left", "running", "forgotten"]
    because: str
    calls: tuple[Call, ...] = ()
    unhealed: tuple[str, ...] = ()
    rollbacks: tuple[str, ...] = ()
    by_hand: str = ""  # what undoes it without us; empty where that is damaged


class Recovery(Model):
    """What `recover --json` prints."""

    schema_: str = Field(default=RECOVER_SCHEMA, alias="schema")
    healed: bool  # nothing is left, and no run goes on that may leave something
    entries: tuple[Recovered, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--target", metavar="T", help="only what was left on this target")
    parser.add_argument(
        "--forget", metavar="ENTRY", help="close an entry without undoing: you have seen that it is gone"
    )
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")


def do(arguments: argparse.Namespace, streams: Streams) -> int:
    """Undo each open entry; 1 where something is left."""
    found = open_entries()
    if arguments.forget is not None:
        done = [_forget(found, arguments.forget)]
    else:
        mine = {path: one for path, one in found.items() if _concerns(one, arguments.target)}
        done = [_recover(path, one, streams.progress) for path, one in mine.items()]
    recovery = Recovery(healed=all(one.state in ("healed", "forgotten") for one in done), entries=tuple(done))
    if arguments.json:
        streams.out.write(visible_json(recovery.model_dump_json(indent=2, by_alias=True)) + "\n")
    elif not done:
        streams.result.print(f"nothing to recover in {state_folder()}", soft_wrap=True)
    else:
        for one in done:
            _print(one, streams.result)
    return 0 if recovery.healed else 1


@contextmanager
def left_said(streams: Streams) -> Iterator[None]:
    """Say, when a drill ends however it does, what it may have left, and how to undo that by hand."""
    before = set(open_entries())
    try:
        yield
    finally:
        for path, entry in open_entries().items():
            if path in before or not isinstance(entry, Entry) or entry.supervisor.pid != os.getpid():
                continue
            being = entry.watchdog.is_alive or entry.chaos.is_alive
            because = "it is being undone at this moment" if being else "it could not be undone"
            _print(_left(path, entry, because), streams.progress)


def _concerns(entry: Entry | Unreadable, target: str | None) -> bool:
    return target is None or not isinstance(entry, Entry) or entry.target == target


def _forget(found: dict[Path, Entry | Unreadable], name: str) -> Recovered:
    path = next((path for path in found if path.name == name), None)
    if path is None:
        known = ", ".join(path.name for path in found) or "none"
        raise UsageError(f"no open entry {name!r}; open: {known}")
    entry = found[path]
    try:
        close_entry(path)
    except OSError as error:
        raise NotAvailableError(f"{path}: cannot be taken away ({error.strerror})") from None
    run, target = (entry.run, entry.target) if isinstance(entry, Entry) else ("?", "?")
    return Recovered(entry=name, run=run, target=target, state="forgotten", because="closed by hand, not looked at")


def _recover(path: Path, entry: Entry | Unreadable, progress: Console) -> Recovered:
    if not isinstance(entry, Entry):
        return Recovered(
            entry=path.name,
            run="?",
            target="?",
            state="left",
            because=f"the entry cannot be read: {entry.because}; undo by hand what {path}/undo.json says",
        )
    # A supervisor that stands still, without those who would undo in its stead, undoes nothing.
    hangs = entry.supervisor.is_stopped and not entry.watchdog.is_alive and not entry.chaos.is_alive
    if entry.supervisor.is_alive and not hangs:
        because = f"it is still going on (process {entry.supervisor.pid}), and undoes by itself; if it hangs, end it"
        return _left(path, entry, because).model_copy(update={"state": "running"})
    given = _secrets_of_bed(entry)
    is_owner_gone = entry.owner is not None and not entry.owner.is_alive  # and its faults with it: nothing is called
    missing = [name for name in entry.secrets if name not in os.environ and name not in given]
    if missing and not is_owner_gone:
        names = ", ".join(missing)
        bed = _bed_of(entry)
        by_bed = f', with eval "$(wellproven testbed env --name {bed.name})"' if bed is not None else ""
        return _left(path, entry, f"these environment variables must be set first: {names}{by_bed}")
    heals_within = format_duration(entry.heals_within_s * NS_PER_S)
    progress.print(
        visible_lines(f"undo      {entry.run} on {entry.target}; heals within {heals_within}"), soft_wrap=True
    )
    because = "a person asked for it" if not entry.watchdog.is_alive else "a person asked for it, beside the watchdog"
    environment = {**entry.environment, **given}
    process = start_undo(path, RECOVER, because, folder=entry.folder, environment=environment, secrets=entry.secrets)
    try:
        undone = Undone.model_validate_json(process.said())
    except ValueError:
        return _left(path, entry, "the undoing itself did not work; see by hand")
    if undone.healed:
        return Recovered(
            entry=path.name,
            run=entry.run,
            target=entry.target,
            state="healed",
            because=undone.because,
            calls=undone.calls,
        )
    return _left(path, entry, undone.because, undone)


def _bed_of(entry: Entry) -> "Bed | None":
    """The embedded target that the entry's fault is on, where it is up."""
    if entry.owner is None or not entry.owner.is_alive:
        return None
    with suppress(ImportError):  # its parts are an extra
        from harness import testbed

        return testbed.kept_by(entry.owner.pid)
    return None


def _secrets_of_bed(entry: Entry) -> dict[str, str]:
    """The secrets of an embedded target that is still up: it knows them itself, and no entry does."""
    bed = _bed_of(entry)
    if bed is None:
        return {}
    with suppress(NotAvailableError):  # it may go down meanwhile
        there = bed.status().environment
        return {name: there[name] for name in entry.secrets if name in there}
    return {}


def _is_undo_whole(path: Path, entry: Entry) -> bool:
    try:
        return bool(read_undo(path, entry))
    except (OSError, ValueError):
        return False


def _left(path: Path, entry: Entry, because: str, undone: Undone | None = None) -> Recovered:
    return Recovered(
        entry=path.name,
        run=entry.run,
        target=entry.target,
        state="left",
        because=because,
        calls=undone.calls if undone else (),
        unhealed=undone.unhealed if undone else (),
        rollbacks=entry.rollbacks,
        by_hand=f"sh {path / 'undo.sh'}" if _is_undo_whole(path, entry) else "",
    )


def _print(one: Recovered, console: Console) -> None:
    lines = [f"{one.state:<9} {one.run} on {one.target}: {one.because}"]
    if one.state == "left":
        lines += [f"          undo by hand: {words}" for words in one.rollbacks]
        if one.by_hand:
            lines += [f"          or, with Chaos Toolkit: {one.by_hand}"]
            lines += ["          then let it be seen: wellproven recover"]
        else:  # nothing there that could be played or looked at
            lines += [f"          then close it: wellproven recover --forget {one.entry}"]
    for line in lines:
        console.print(visible_lines(line), soft_wrap=True)
