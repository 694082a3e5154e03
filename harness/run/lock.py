"""One run a target at a time."""

import fcntl
import os
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from harness.errors import NotAvailableError, RefusedError
from harness.files import own_folder

LOOKED_AT_S = 0.2  # whoever only looks (`is_held`) holds the lock for less, and is not taken for a run


def is_held(base_url: str) -> bool:
    """Whether another run holds the target just now; looks, and makes nothing."""
    try:
        descriptor = os.open(_path(base_url), os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _path(base_url: str) -> Path:
    folder = Path(tempfile.gettempdir()) / f"wellproven-{os.geteuid()}"
    return folder / f"{re.sub(r'[^A-Za-z0-9.-]', '_', address_of(base_url))}.lock"


@contextmanager
def target_lock(name: str, base_url: str) -> Iterator[None]:
    """Hold the target while inside; the lock goes with its process. Raises RefusedError where another run holds it.

    What is held is the address, so that two names for one system are one.
    """
    path = _path(base_url)
    folder = own_folder(path.parent)
    try:
        descriptor = _open_locked(path)
    except OSError as error:
        raise NotAvailableError(f"{folder}: cannot lock the target there ({error.strerror})") from None
    if descriptor is None:
        raise RefusedError(f"another run holds target {name} ({base_url}); one run a target at a time")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def address_of(base_url: str) -> str:
    """Address and port behind a URL; its own words where the name leads nowhere."""
    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM, family=socket.AF_INET)
        return f"{found[0][4][0]}-{port}"
    except OSError:
        return f"{parts.hostname}-{port}"


def _open_locked(path: Path) -> int | None:
    """The file, locked; None where somebody else holds it.

    Subtle: whoever ends removes the file, so one that was locked may be gone by now, and another be in its place.
    """
    deadline_s = time.monotonic() + LOOKED_AT_S
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(path.stat(), os.fstat(descriptor)):
                return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline_s:
                os.close(descriptor)
                return None
            time.sleep(LOOKED_AT_S / 100)
        os.close(descriptor)
