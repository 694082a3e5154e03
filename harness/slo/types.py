"""What was promised, as the other stages see it: SLOs, recovery objectives, and how their requests are made."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from harness.model import Count, Exact, Model, Ns


class BudgetingMethod(StrEnum):
    """How an error budget is counted (OpenSLO's words)."""

    OCCURRENCES = "Occurrences"  # good requests / all requests
    TIMESLICES = "Timeslices"  # good slices / all slices; a slice is good from `slice_target` on
    RATIO_TIMESLICES = "RatioTimeslices"  # the mean of the slices' own ratios


class EmptySlices(StrEnum):
    """What a slice of time without requests counts as; OpenSLO is silent on it."""

    EXCLUDE = "exclude"
    GOOD = "good"
    BAD = "bad"


class LoadIndicator(Model):
    """An SLI seen by our own load: which requests count, and which of them are good."""

    type: Literal["load"] = "load"
    request: str  # "POST /orders"
    status: tuple[Annotated[str, Field(pattern=r"^[1-5](xx|[0-9][0-9])$")], ...] = Field(min_length=1)  # "2xx" or "200"
    within_ns: Ns | None = None  # latency limit, counted from the planned send time
    fallback_is_good: bool = True  # whether an answer marked as a fallback may be good
    data_source: str | None = None

    def matches_status(self, code: int) -> bool:
        """Whether an answer with this HTTP status may count as good."""
        return any(code == int(one) if one.isdigit() else code // 100 == int(one[0]) for one in self.status)


class ForeignIndicator(Model):
    """An SLI that our load cannot see: kept as written, not evaluated from request records."""

    type: str  # "prometheus", "cloudwatch", "composite", or whatever the file calls its source
    form: Literal["ratio", "raw", "threshold", "composite"]
    description: str
    queries: dict[str, str] = {}  # "good", "bad", "total", "raw", "threshold": the query, or its source's spec as JSON
    data_source: str | None = None


WindowNs = Annotated[Ns, Field(gt=0)]  # of one that has no length nothing can be a share


class BurnAlert(Model):
    """An alert on the burn rate: over the long window, and over the short one too where there is one."""

    policy: str
    condition: str
    severity: str
    threshold: Exact  # a burn of 1 spends the budget exactly at the window's end
    inclusive: bool = True  # whether a burn equal to the threshold alerts (`gte`) or not (`gt`)
    long_window_ns: WindowNs
    short_window_ns: WindowNs | None = None
    alert_after_ns: Ns = 0  # how long the condition must hold


class Calendar(Model):
    """Where windows that do not roll begin."""

    start: str  # "2026-01-01 00:00:00"
    time_zone: str  # "Europe/Berlin"


class Slo(Model):
    """One objective of an SLO document, with all that is needed to plan load for it and to judge it."""

    name: str  # the document's name, or name/objective where it has several
    title: str
    service: str
    target: Exact = Field(ge=0, lt=1)
    budgeting: BudgetingMethod
    slice_target: Exact | None = None  # Timeslices: the share of good requests from which a slice is good
    slice_window_ns: WindowNs | None = None
    window_ns: WindowNs
    rolling: bool = True
    calendar: Calendar | None = None  # where `rolling` is false
    indicator: Annotated[LoadIndicator | ForeignIndicator, Field(union_mode="left_to_right")]
    traffic_per_s: Exact | None = None  # arrivals of this request in production
    peak_per_s: Exact | None = None
    empty_slices: EmptySlices = EmptySlices.EXCLUDE
    empty_floor: Count | None = None  # a slice with fewer requests counts as empty
    critical: bool = True  # whether the service's RTA counts it
    alerts: tuple[BurnAlert, ...] = ()
    where: str  # "slos/shop.yaml:23"


class Disruption(StrEnum):
    """What breaks (the types of an AWS Resilience Hub policy)."""

    SOFTWARE = "software"
    HARDWARE = "hardware"
    AZ = "az"
    REGION = "region"


class RecoveryClock(StrEnum):
    """The mark from which the recovery time counts."""

    INJECT = "inject"
    EFFECT = "effect"
    DECLARE = "declare"


class RecoveryLevel(StrEnum):
    """How far things must be back to count as recovered."""

    RESPONDING = "responding"
    IN_SLO = "in-slo"
    CAUGHT_UP = "caught-up"
    REDUNDANT = "redundant"


class RecoveryObjective(Model):
    """How soon a service promises to be back after a kind of disruption, and how much it may lose."""

    name: str
    service: str
    disruption: Disruption
    rto_ns: Ns
    rpo_ns: Ns | None = None
    clock: RecoveryClock = RecoveryClock.INJECT
    level: RecoveryLevel = RecoveryLevel.IN_SLO
    where: str


class RequestTemplate(Model):
    """How a request that an SLI names is made; `{id}` and `{parameter}` are filled in anew for each arrival."""

    request: str  # "POST /orders"
    method: str
    path: str
    headers: dict[str, str] = {}
    body: str | None = None
    parameters: dict[str, tuple[str, ...]] = {}
    timeout_ns: Ns | None = None


class Promises(Model):
    """All that the given files promise."""

    slos: tuple[Slo, ...] = ()
    objectives: tuple[RecoveryObjective, ...] = ()
    requests: dict[str, RequestTemplate] = {}  # by name, "POST /orders": every one that an SLI or a template names
