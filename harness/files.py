"""Files and folders that somebody else may have laid: what is read is a file, and what is trusted is ours.

A FIFO would keep a reader waiting for ever, a device would never end, a link could lead anywhere, and a folder in a
shared one (`/tmp`) may belong to whoever was there first.
"""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import Final

from harness.errors import NotAvailableError

_PIECE_BYTES: Final = 1 << 20


def open_regular(path: Path, *, follow_links: bool = True) -> BufferedReader:
    """Open a file to read. Raises OSError, also where it is a folder, a FIFO, a device or (if so told) a link."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow_links else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except ValueError:
        raise OSError(errno.EINVAL, "a null byte in its name", str(path)) from None
    except OSError as error:
        if error.errno == errno.ELOOP and not follow_links:
            raise OSError(errno.ELOOP, "a link, not a file", str(path)) from None
        raise
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path, bytes_max: int, *, follow_links: bool = True) -> bytes:
    """A file's bytes. Raises OSError, also where `open_regular` does, and where there are more than `bytes_max`."""
    with open_regular(path, follow_links=follow_links) as file:
        # Asked first: room for `bytes_max` would be taken at once. Files of /proc say 0, and are read in pieces.
        if os.fstat(file.fileno()).st_size <= bytes_max:
            data = bytearray()
            while len(data) <= bytes_max and (piece := file.read(min(bytes_max + 1 - len(data), _PIECE_BYTES))):
                data += piece
            if len(data) <= bytes_max:
                return bytes(data)
    raise OSError(errno.EFBIG, f"more than {bytes_max} bytes", str(path))


def is_folder(path: str) -> bool:
    """Whether there is a folder of that name; a name that can be none (too long, a null byte in it) is none's."""
    try:
        return stat.S_ISDIR(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return False


def replace_file(path: Path, text: str) -> None:
    """Write a file whole: a reader sees the old one or the new one. What stood there is replaced, never followed.

    Raises OSError.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def own_folder(path: Path, mode: int = 0o700, *, way_out: str = "set TMPDIR") -> Path:
    """A folder for this user alone, made where there is none. Raises NotAvailableError where it cannot be trusted."""
    try:
        path.mkdir(mode=mode, exist_ok=True)
        found = path.lstat()
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        if ours and stat.S_IMODE(found.st_mode) & 0o022:
            path.chmod(mode)
    except OSError as error:
        raise NotAvailableError(f"{path}: cannot make a folder there ({error.strerror}); {way_out}") from None
    if not ours:
        raise NotAvailableError(f"{path} is no folder of ours: somebody else may have put it there; {way_out}")
    return path
