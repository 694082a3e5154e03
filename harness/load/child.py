"""A load process: a Locust environment with one user that keeps the worker's timetable.

Every worker is a Locust LocalRunner of its own; there is no Locust master. A master spreads users and gathers
statistics; here the arrivals are fixed in advance, each worker knows its share from its number alone, and the truth is
in the record, so a master would add a port on all interfaces without authentication, a 60 s blindness for its death
and nothing else.

Locust is used as a library, not through its command: that would read ~/.locust.conf, locust.conf, pyproject.toml and
LOCUST_* of whoever runs the drill, and a `run-time` there would end the load.

The supervisor speaks on standard input: "begin NS" once, then perhaps "surge NS", "calm NS", "stop"; its end, that of
the supervisor, cuts the load. SIGTERM and SIGINT stop it in order; a second one cuts it.
"""

import locust  # isort: skip  # Subtle: first of all, it replaces parts of the standard library

import argparse
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

import gevent
import gevent.os
from gevent.event import AsyncResult
from locust.env import Environment
from locust.exception import StopUser

from harness.errors import WellprovenError
from harness.load.journeys import load_visitors
from harness.load.worker import Worker
from harness.plan import Profile
from harness.redaction import RedactedStream, Redactor

CUT_GRACE_S: Final = 1.0  # after the supervisor's death what is under way has this long
CUT_LIMIT_S: Final = 2.5  # then the kernel ends the process, whatever it hangs in
_LINE_BYTES: Final = 256


class Control:
    """What the supervisor and the signals say, turned into calls of the worker."""

    def __init__(self, worker: Worker) -> None:
        self.begin: AsyncResult = AsyncResult()
        self._worker = worker
        self._is_stopping = False

    def listen(self) -> None:
        """Follow standard input until it ends. Runs in a greenlet of its own."""
        gevent.os.make_nonblocking(0)
        pending = b""
        while data := gevent.os.nb_read(0, _LINE_BYTES):
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                self._obey(line)
        self._abandoned()

    def stop_or_cut(self) -> None:
        """Stop in order when called first, at once when called again."""
        if not self.begin.ready():
            self.begin.set(None)
        elif self._is_stopping:
            self._worker.cut()
        else:
            self._is_stopping = True
            self._worker.stop()

    def _obey(self, line: bytes) -> None:
        word, _, argument = line.partition(b" ")
        if word == b"begin":
            self.begin.set(int(argument))
        elif word == b"surge":
            self._worker.surge(int(argument))
        elif word == b"calm":
            self._worker.calm(int(argument))
        elif word == b"stop":
            self._is_stopping = True
            self._worker.stop()

    def _abandoned(self) -> None:
        # A journey that never lets the loop turn could outlive this greenlet's plan, but not the kernel's timer.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, CUT_LIMIT_S)
        if not self.begin.ready():
            self.begin.set(None)
            return
        self._worker.stop()
        gevent.sleep(CUT_GRACE_S)
        self._worker.cut()


def main(arguments: list[str]) -> int:
    """Run one worker; the exit code is 0 when its report is written."""
    options = _parse(arguments)
    redactor = Redactor.of_process()
    sys.stdout, sys.stderr = RedactedStream(sys.stdout, redactor), RedactedStream(sys.stderr, redactor)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        _serve(options)
    except WellprovenError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _serve(options: argparse.Namespace) -> None:
    profile = Profile.model_validate_json(options.profile.read_text())
    environment = Environment(events=locust.events, host=profile.base_url, stop_timeout=CUT_GRACE_S)
    worker = Worker(profile, options.index, options.profile.parent, load_visitors(profile, environment))
    control = Control(worker)
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, control.stop_or_cut)
    finished: AsyncResult = AsyncResult()
    environment.user_classes = [_user_class(worker, control, finished)]
    runner: Any = environment.create_local_runner()
    gevent.spawn(control.listen)
    runner.start(1, spawn_rate=1)
    worker.warm_up()
    os.write(options.ready_fd, b"ready\n")
    os.close(options.ready_fd)
    try:
        finished.get()
    finally:
        runner.quit()


def _user_class(worker: Worker, control: Control, finished: AsyncResult) -> type[locust.User]:
    class Load(locust.User):
        """The one user of this process: its task is the whole timetable."""

        @locust.task
        def keep_timetable(self) -> None:
            begin_ns = control.begin.get()
            try:
                if begin_ns is not None:
                    worker.run(begin_ns)
                finished.set(None)
            except Exception as error:  # noqa: BLE001 - Locust would log it and run the task again
                finished.set_exception(error)
            raise StopUser

    return Load


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="One worker of the load; started by `wellproven drill`.")
    parser.add_argument("profile", type=Path, help="the run's profile.json; the records go beside it")
    parser.add_argument("index", type=int, help="which worker this is, from 0")
    parser.add_argument("--ready-fd", type=int, required=True, help='where to write "ready"')
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
