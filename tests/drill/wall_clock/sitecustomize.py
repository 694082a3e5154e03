"""The host's wall clock, stepped for every Python process that has this folder in its PYTHONPATH.

From when $WALL_CLOCK_STEP is a link on, whose target is a number of seconds, the wall clock is that much later: in
time.time, time_ns, gmtime, localtime, clock_gettime and datetime's now, utcnow and today; and with it the time of boot
that psutil adds to a process's begin, as the kernel does. The monotonic clock is not touched, nor programs in C.
"""

import datetime as dt
import os
import time

import psutil._pslinux

LINK = os.environ.get("WALL_CLOCK_STEP", "")
SYSTEM = {name: getattr(time, name) for name in ("time", "time_ns", "clock_gettime", "clock_gettime_ns")}
SYSTEM |= {name: getattr(time, name) for name in ("gmtime", "localtime")}


def step_s():
    try:
        return int(os.readlink(LINK))  # noqa: PTH115  pathlib would be imported into every process
    except OSError:
        return 0


def clock_gettime(clock):
    return SYSTEM["clock_gettime"](clock) + (step_s() if clock == time.CLOCK_REALTIME else 0)


def clock_gettime_ns(clock):
    return SYSTEM["clock_gettime_ns"](clock) + (step_s() * 10**9 if clock == time.CLOCK_REALTIME else 0)


class Like(type):
    """What the interpreter made of the class that is replaced counts as one of it."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, System)

    def __subclasscheck__(cls, subclass):
        return issubclass(subclass, System)


System = dt.datetime


class Stepped(System, metaclass=Like):
    @classmethod
    def now(cls, tz=None):
        return System.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls):
        return System.fromtimestamp(time.time(), dt.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls):
        return cls.now()


boot_time = psutil._pslinux.boot_time
psutil._pslinux.boot_time = lambda: boot_time() + step_s()
time.time = lambda: SYSTEM["time"]() + step_s()
time.time_ns = lambda: SYSTEM["time_ns"]() + step_s() * 10**9
time.clock_gettime, time.clock_gettime_ns = clock_gettime, clock_gettime_ns
time.gmtime = lambda seconds=None: SYSTEM["gmtime"](time.time() if seconds is None else seconds)
time.localtime = lambda seconds=None: SYSTEM["localtime"](time.time() if seconds is None else seconds)
dt.datetime = Stepped
