"""WHAT WILL BE DONE: SLOs, an experiment and a target become a plan. Pure."""

from harness.plan.doses import next_dose
from harness.plan.experiment import Evidence, Experiment, Proves, read_experiment
from harness.plan.maker import make
from harness.plan.plan import Guard, Phase, PhaseName, Plan, RequestPlan, SampleSize
from harness.plan.profile import SURGE_SEQ, Arrivals, Profile, Route, Stage
from harness.plan.sequential import (
    ALPHA,
    LOG_DECIDED,
    is_decided,
    log_evidence_broken,
    log_evidence_kept,
    requests_needed,
)
from harness.plan.target import TESTBED, Target, built_in_target, read_targets
from harness.plan.watch import (
    DOSE_MEASURED_MIN,
    DOSE_SETTLE_NS,
    Breaker,
    BreakerState,
    Dependency,
    Metric,
    Sweep,
    parse_range,
)

__all__ = [
    "ALPHA",
    "DOSE_MEASURED_MIN",
    "DOSE_SETTLE_NS",
    "LOG_DECIDED",
    "SURGE_SEQ",
    "TESTBED",
    "Arrivals",
    "Breaker",
    "BreakerState",
    "Dependency",
    "Evidence",
    "Experiment",
    "Guard",
    "Metric",
    "Phase",
    "PhaseName",
    "Plan",
    "Profile",
    "Proves",
    "RequestPlan",
    "Route",
    "SampleSize",
    "Stage",
    "Sweep",
    "Target",
    "built_in_target",
    "is_decided",
    "log_evidence_broken",
    "log_evidence_kept",
    "make",
    "next_dose",
    "parse_range",
    "read_experiment",
    "read_targets",
    "requests_needed",
]
