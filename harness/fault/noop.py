"""Nothing: the template of every fault. Copy this file, and its test, to write one (experiments/README.md).

A fault is three things. `begin` breaks, and returns when it is done; it may be called again with other arguments, which
then hold. `end` undoes; it may be called when nothing was begun, and twice. Probes say, from outside, whether the fault
is there and whether it is gone: they are what an experiment names under `evidence` and `healed`.
"""

from chaoslib.exceptions import ActivityFailed

from harness.fault.arguments import number

__all__ = ["begin", "end", "is_applied", "is_healed"]


def begin(dose_ms: float | str = 0) -> str:
    """Break nothing, by so many milliseconds; what was done is returned, for the journal.

    Raises ActivityFailed where the dose is no number of at least 0.
    """
    dose = number("dose_ms", dose_ms)
    if dose < 0:
        raise ActivityFailed(f"dose_ms: got {dose:g}, expected at least 0")
    return f"nothing is broken by {dose:g} ms"


def end() -> str:
    """Undo nothing."""
    return "nothing was broken"


def is_applied() -> bool:
    """Whether nothing is broken: never seen, so a drill of it is unknown."""
    return False


def is_healed() -> bool:
    """Whether nothing is broken any more: always."""
    return True
