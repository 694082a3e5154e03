"""Become another program that cannot outlive the keeper: `python -I -S launch.py KEEPER_PID UID GID PROGRAM ARGS...`.

Linux forgets the parent-death signal when the user changes, so it is asked for after that, and a keeper that died
meanwhile is noticed by the changed parent. Elsewhere than on Linux the program outlives a killed keeper until the next
`up`, `attach` or `down` of that bed cleans up. Needs nothing but the standard library, so that it starts in 20 ms.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _main(keeper_pid: int, uid: int, gid: int, program: list[str]) -> None:
    if os.geteuid() != uid:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != keeper_pid:
        sys.exit("the keeper is gone")
    os.execv(program[0], program)  # noqa: S606  # becoming the program is the point


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
