"""Wellproven: claims of reliability, turned into measured evidence.

slo -> plan -> load + fault -> record -> judge -> report
"""

from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "discover"]


def discover(discover_system: bool = True) -> Any:  # noqa: FBT001, FBT002  Chaos Toolkit calls it so
    """What `chaos discover harness` lists: our faults and probes."""
    from harness.fault import catalogue  # only here: it imports Chaos Toolkit

    del discover_system
    return catalogue.describe()
