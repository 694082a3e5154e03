"""The door of the Chaos Toolkit child: everything it writes into the run's folder leaves its secrets here.

Chaos Toolkit knows its secrets in the clear, and puts what activities return and raise into its log, its events and its
journal. So none of these is opened by it: it is given pipes, and behind each a thread of ours redacts and writes. What
is not whole when the process is killed is lost, and never there in the clear.
"""

import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Final

from harness.redaction import DECLARED_CHARS_MIN, GUESSED_CHARS_MIN, MASK, Redactor, environment_keys, looks_secret

LINE_BYTES_MAX: Final = 1 << 20
JOURNAL_BYTES_MAX: Final = 256 << 20
DRAIN_S: Final = 5.0  # from the experiment's end until all is written: a process left over may hold a pipe open


@cache
def redactor() -> Redactor:
    """The one of this process. Chaos Toolkit calls our functions by name: there is nobody to hand it over."""
    return Redactor.of_process()


def learn_experiment(experiment: Mapping[str, Any]) -> None:
    """Know the variables that an experiment calls secret, before anything is loaded."""
    redactor().learn(os.environ[key] for key in environment_keys(experiment.get("secrets")) if key in os.environ)


def learn(secrets: object, configuration: object) -> None:
    """Know what Chaos Toolkit has loaded: its secrets, wherever from, and configuration that looks like one."""
    redactor().learn(_texts(secrets), DECLARED_CHARS_MIN)
    for name, value in configuration.items() if isinstance(configuration, dict) else ():
        if looks_secret(str(name)):
            redactor().learn(_texts(value), GUESSED_CHARS_MIN)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)


@contextlib.contextmanager
def door(lines: Path, journal: Path) -> Iterator[tuple[str, str]]:
    """Inside, standard output and error go through us; two paths to write: lines of JSON, and one JSON document.

    Standard output leads nowhere afterwards: what comes later could say a secret.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    log = os.fdopen(os.dup(1), "wb", buffering=0)
    threads = [_Behind(log, _write_lines, (1, 2))]
    to_lines, to_journal = (_Behind(path.open("wb", buffering=0), write) for path, write in (
        (lines, _write_lines), (journal, _write_document)))  # fmt: skip
    threads += [to_lines, to_journal]
    try:
        yield to_lines.path, to_journal.path
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            os.dup2(nowhere, descriptor)
        os.close(nowhere)
        for thread in threads:
            thread.close()


class _Behind:
    """A pipe, and the thread that reads it into a file."""

    def __init__(self, file: BinaryIO | Any, write: Any, instead_of: Iterable[int] = ()) -> None:
        read_fd, self._write_fd = os.pipe()
        for descriptor in instead_of:
            os.dup2(self._write_fd, descriptor)
        self.path = f"/dev/fd/{self._write_fd}"
        self._thread = threading.Thread(target=self._follow, args=(read_fd, file, write), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it once everybody who writes has closed it, or the time is over."""
        os.close(self._write_fd)
        self._thread.join(DRAIN_S)

    @staticmethod
    def _follow(read_fd: int, file: BinaryIO, write: Any) -> None:
        with os.fdopen(read_fd, "rb") as pipe, file:
            try:
                write(pipe, file)
            except OSError:  # a full disk: whoever writes must not be held up by it
                while pipe.read(LINE_BYTES_MAX):
                    pass


def _write_lines(pipe: BinaryIO, file: BinaryIO) -> None:
    while line := pipe.readline(LINE_BYTES_MAX):
        if len(line) == LINE_BYTES_MAX and not line.endswith(b"\n"):
            # Cut in two, a secret would be known in neither half, and JSON would be none.
            while line and not line.endswith(b"\n"):
                line = pipe.readline(LINE_BYTES_MAX)
            file.write(json.dumps({"left out": f"a line of more than {LINE_BYTES_MAX} bytes"}).encode() + b"\n")
            continue
        text = line.decode("utf-8", errors="replace")
        end = "\n" if text.endswith("\n") else ""
        file.write((redactor().line(text.removesuffix("\n")) + end).encode("utf-8", errors="replace"))


def _write_document(pipe: BinaryIO, file: BinaryIO) -> None:
    content = pipe.read(JOURNAL_BYTES_MAX)
    if not content:
        return
    try:
        redacted = json.dumps(redactor().value(json.loads(content)), indent=2)
    except (ValueError, RecursionError):
        redacted = json.dumps({"status": "nothing", "because": f"what was written is no JSON, so all of it is {MASK}"})
    file.write(redacted.encode())
    while pipe.read(LINE_BYTES_MAX):  # what is more than is read
        pass
