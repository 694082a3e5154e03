"""The process that owns a bed: it starts every part, makes AWS calls real, and takes everything down with it.

`python -m harness.testbed.keeper SETTINGS_JSON [PARENT_PID]`. Progress and readiness go to standard output as JSON
lines (`{"progress": ...}`, then `{"ready": true}` or `{"failed": ...}`). With a parent, end of file on standard input
or the parent's death ends the bed. SIGTERM and SIGINT end it in good order.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path

from pydantic import JsonValue

from harness.clock import SystemClock
from harness.errors import NotAvailableError, WellprovenError
from harness.testbed.events import BedLog
from harness.testbed.parts import Parts
from harness.testbed.place import Place
from harness.testbed.process import adopt_orphans, reap
from harness.testbed.reconcile import Reconciler
from harness.testbed.settings import Settings

NICENESS = 5  # beside a load generator, the generator keeps its schedule
LOOP_INTERVAL_S = 0.05


def say(**words: JsonValue) -> None:
    """One line to whoever started the bed; they may be gone."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(words).encode() + b"\n")


async def keep(settings: Settings, place: Place, parent_pid: int | None) -> None:
    """Bring a bed up, keep it until told to stop, take it down."""
    stop = _stop_event(parent_pid)
    parts = Parts(settings, place, BedLog(place.events, SystemClock()), lambda text: say(progress=text))
    try:
        if await _bring_up(parts, stop):
            say(ready=True)
            _leave_terminal()
            await _stay_up(parts, stop, parent_pid)
    finally:
        await parts.down()


async def _stay_up(parts: Parts, stop: asyncio.Event, parent_pid: int | None) -> None:
    reconciler = Reconciler(parts)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(task) for task in reconciler.tasks()]
        while not (stop.is_set() or _orphaned(parent_pid)):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOP_INTERVAL_S)
            reap({child.pid for child in parts.children()})
        for task in tasks:
            task.cancel()


async def _bring_up(parts: Parts, stop: asyncio.Event) -> bool:
    """Start all parts; False if told to stop meanwhile."""
    up, stopping = asyncio.create_task(parts.up()), asyncio.create_task(stop.wait())
    await asyncio.wait({up, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not up.done():
        up.cancel()
        await asyncio.wait({up})
        return False
    up.result()
    return True


def _stop_event(parent_pid: int | None) -> asyncio.Event:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if parent_pid is not None:
        # Nothing is ever written to the lifeline: it becomes readable at its end.
        loop.add_reader(0, _lifeline_ended, loop, stop)
    return stop


def _lifeline_ended(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    loop.remove_reader(0)
    stop.set()


def _orphaned(parent_pid: int | None) -> bool:
    """Subtle: a child that the parent forked may hold the lifeline open; the parent's death shows here then."""
    return parent_pid is not None and os.getppid() != parent_pid


def _leave_terminal() -> None:
    """Nobody reads standard output from now on: writing must not fail."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)


def main(words: list[str]) -> int:
    """Keep one bed; returns the exit code."""
    settings = Settings.model_validate_json(words[0])
    parent_pid = int(words[1]) if len(words) > 1 else None
    os.nice(NICENESS)
    adopt_orphans()
    place = Place(settings.name)
    lock = place.lock()
    if lock is None:
        say(failed=f"a test bed named {settings.name!r} is already up")
        return NotAvailableError.exit_code
    try:
        place.create()
        asyncio.run(keep(settings, place, parent_pid))
        place.keeper_log.unlink(missing_ok=True)
    except WellprovenError as error:
        say(failed=str(error))
        return error.exit_code
    except Exception:  # noqa: BLE001  # whatever it was: everything goes down, and the log says why
        traceback.print_exc()
        return WellprovenError.exit_code
    finally:
        place.remove()
        place.unlock(lock)
    return 0


if __name__ == "__main__":
    # Not sys.exit: every process is gone and every file closed, and taking moto's modules apart would take seconds.
    os._exit(main(sys.argv[1:]))
