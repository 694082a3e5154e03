"""WHAT WAS PROMISED: OpenSLO documents and recovery objectives, read strictly. Pure."""

from harness.slo.read import read
from harness.slo.types import (
    BudgetingMethod,
    BurnAlert,
    Calendar,
    Disruption,
    EmptySlices,
    ForeignIndicator,
    LoadIndicator,
    Promises,
    RecoveryClock,
    RecoveryLevel,
    RecoveryObjective,
    RequestTemplate,
    Slo,
)

__all__ = [
    "BudgetingMethod",
    "BurnAlert",
    "Calendar",
    "Disruption",
    "EmptySlices",
    "ForeignIndicator",
    "LoadIndicator",
    "Promises",
    "RecoveryClock",
    "RecoveryLevel",
    "RecoveryObjective",
    "RequestTemplate",
    "Slo",
    "read",
]
