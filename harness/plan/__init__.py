"""WHAT WILL BE DONE: SLOs, an experiment and a target become a plan. Pure."""

from harness.plan.allow import Allow, MaintenanceWindow, Reach, Resource, Survey
from harness.plan.doses import next_dose
from harness.plan.experiment import (
    EXTENSION,
    Action,
    Evidence,
    Experiment,
    Proves,
    asking_variables,
    read_experiment,
    secret_variables,
)
from harness.plan.guard import BurnRule, Guard, LatencyRule, MetricRule, goes_by, rules_in_words
from harness.plan.limits import Around, budget_left, in_words, needs_asking, refusals
from harness.plan.maker import make
from harness.plan.pauses import pauses_s, rollback_pauses_s
from harness.plan.plan import Phase, PhaseName, Plan, RequestPlan, SampleSize
from harness.plan.profile import SURGE_SEQ, Arrivals, Profile, Route, Stage, header_variables
from harness.plan.reached import OURS, in_its_words, is_asked, is_aws, known_reach
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
    "EXTENSION",
    "LOG_DECIDED",
    "OURS",
    "SURGE_SEQ",
    "TESTBED",
    "Action",
    "Allow",
    "Around",
    "Arrivals",
    "Breaker",
    "BreakerState",
    "BurnRule",
    "Dependency",
    "Evidence",
    "Experiment",
    "Guard",
    "LatencyRule",
    "MaintenanceWindow",
    "Metric",
    "MetricRule",
    "Phase",
    "PhaseName",
    "Plan",
    "Profile",
    "Proves",
    "Reach",
    "RequestPlan",
    "Resource",
    "Route",
    "SampleSize",
    "Stage",
    "Survey",
    "Sweep",
    "Target",
    "asking_variables",
    "budget_left",
    "built_in_target",
    "goes_by",
    "header_variables",
    "in_its_words",
    "in_words",
    "is_asked",
    "is_aws",
    "is_decided",
    "known_reach",
    "log_evidence_broken",
    "log_evidence_kept",
    "make",
    "needs_asking",
    "next_dose",
    "parse_range",
    "pauses_s",
    "read_experiment",
    "read_targets",
    "refusals",
    "requests_needed",
    "rollback_pauses_s",
    "rules_in_words",
    "secret_variables",
]
