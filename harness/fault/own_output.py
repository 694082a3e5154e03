"""Standard output for a process that plays activities and answers on it: what they print is not the answer."""

import os


def take_output() -> int:
    """A descriptor of our standard output for us alone; from now on, what activities print goes nowhere.

    Whoever reads may be gone, and then a rollback that prints would fail before it undoes anything.
    """
    ours = os.dup(1)
    discard_output(1)
    return ours


def discard_output(*descriptors: int) -> None:
    """Let everything written there go nowhere: activities know secrets in the clear, and print what they like."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in descriptors:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
