"""One run a target at a time."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from harness.errors import NotAvailableError, RefusedError
from harness.fault import STATE_VARIABLE, make_state_folder, state_folder
from harness.files import own_folder
from harness.run.addresses import addresses_of

LOOKED_AT_S = 0.2  # whoever only looks (`is_held`) holds the lock for less, and is not taken for a run


def is_held(base_url: str) -> bool:
    """Whether another run holds the target just now; looks, and makes nothing."""
    return any(_is_locked(_path(address)) for address in addresses_of(base_url))


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _path(address: str) -> Path:
    return state_folder() / "locks" / f"{address}.lock"


@contextmanager
def target_lock(name: str, base_url: str) -> Iterator[tuple[str, ...]]:
    """Hold the target while inside; the lock goes with its process. Raises RefusedError where another run holds it.

    What is held, and given to who holds it, is the host's name and each of its addresses, so that two names for one
    system are one. Everybody takes them in one order: of several who want the same ones, somebody gets them.
    """
    with ExitStack() as held:
        addresses = addresses_of(base_url)
        make_state_folder()
        for address in addresses:
            path = _path(address)
            try:
                own_folder(path.parent, way_out=f"set {STATE_VARIABLE}")
                descriptor = _open_locked(path)
            except OSError as error:
                raise NotAvailableError(
                    f"{path}: cannot lock the target there ({error.strerror}); set {STATE_VARIABLE}"
                ) from None
            if descriptor is None:
                raise RefusedError(
                    f"another run holds target {name} ({base_url}, by {address}); one run a target at a time"
                )
            held.callback(os.close, descriptor)
            held.callback(path.unlink, missing_ok=True)
        yield addresses


def _open_locked(path: Path) -> int | None:
    """The file, locked; None where somebody else holds it.

    Subtle: whoever ends removes the file, so one that was locked may be gone by now, and another be in its place.
    """
    deadline_s = time.monotonic() + LOOKED_AT_S
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(path.stat(), os.fstat(descriptor)):
                    return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline_s:
                os.close(descriptor)
                return None
            time.sleep(LOOKED_AT_S / 100)
        os.close(descriptor)
