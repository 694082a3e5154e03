"""Verdicts: what a judgement says, as `judge --json` prints it (schema wellproven/verdict/v1).

Times are seconds since the run's start, durations seconds, unless a name says otherwise.
"""

from collections.abc import Iterable
from enum import StrEnum

from pydantic import Field

from harness.model import Model

VERDICT_SCHEMA = "wellproven/verdict/v1"


class Outcome(StrEnum):
    """Whether a promise was kept."""

    MET = "met"
    MISSED = "missed"
    UNKNOWN = "unknown"


_WORST_FIRST = (Outcome.MISSED, Outcome.UNKNOWN, Outcome.MET)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst wins: missed over unknown over met; of none, unknown."""
    return min(outcomes, key=_WORST_FIRST.index, default=Outcome.UNKNOWN)


class Kind(StrEnum):
    """What kind of promise."""

    SLO = "slo"
    RTO = "rto"
    RPO = "rpo"
    BUDGET = "budget"
    STEADY = "steady"
    BREAKER = "breaker"
    DEPENDENCY = "dependency"
    DOSE = "dose"
    ALERT = "alert"
    FAULT = "fault"
    LOAD = "load"


class Verdict(Model):
    """One promise, what became of it, and why; `events` are the marks of the record it rests on."""

    promise: str
    kind: Kind
    outcome: Outcome
    claimed: float | str | None
    measured: float | str | None
    unit: str
    because: str
    events: tuple[str, ...] = ()
    slo: str | None = None  # of kind slo: which, and in which phase
    phase: str | None = None


class Interval(Model):
    """A time known to lie in (lower, upper]."""

    lower: float
    upper: float


class Recovery(Model):
    """How one SLO came through the fault."""

    inject_s: float
    effect_s: float | None
    first_ok_s: float | None
    recovered_s: Interval | None
    rta_inject_s: Interval | None
    rta_service_s: Interval | None  # from effect
    relapses: int
    bad_s: float
    resolution_s: float
    fault_removed: bool  # it recovered only after the fault was taken away


class Data(Model):
    """What became of the writes; counts of ids."""

    attempted: int
    acknowledged: int
    failed: int
    unknown: int
    survived: int
    lost: int
    recovered: int
    unexpected: int
    resurrected: int
    duplicates: int
    lost_after_effect: int
    rpa_s: Interval


class Alert(Model):
    """A burn-rate alert rehearsed on the drill, on top of a clean history at the drill's own rate."""

    policy: str
    can_fire: bool  # whether it could, were every answer of the drill bad
    predicted_s: float | None
    fired_s: float | None
    cleared_s: float | None


class Spend(Model):
    """What the drill cost one SLO's error budget."""

    good: int
    total: int
    coverage: float  # share of one-second slices with data, by the SLO's own floor
    burn: dict[str, float]  # window: highest burn over it, on top of a clean history; "drill": of what was seen
    share_of_seen: float | None  # bad / (allowed bad of what was seen)
    share_of_window: float | None  # share of the window's budget, at production traffic
    bad_minutes_at_production: float
    alerts: tuple[Alert, ...]


class LoadAccount(Model):
    """Whether the load kept its schedule; counts of arrivals."""

    planned: int
    sent: int
    waiting: int
    expired: int
    late_p99_s: float | None
    valid: bool


class FaultAccount(Model):
    """Whether the fault was there, and how we know."""

    applied: bool
    evidence: dict[str, bool]
    inject_s: float | None
    applied_s: float | None
    end_s: float | None
    healed: bool


class BreakerInstance(Model):
    """One breaker as it was seen; instants in seconds since the run's start, each within one look."""

    source: str  # host:port
    changes: tuple[tuple[float, str], ...]  # (seen at, state), the first state included
    opened_s: Interval | None  # first seen open after inject
    closed_s: Interval | None  # last seen to become closed after the fault was taken away
    half_open_seen: bool
    openings: int  # closed to open, from inject to the end


class BreakerAccount(Model):
    """What a circuit breaker did; the slowest instance counts."""

    name: str
    how: str  # metric, health, inferred: where its state was read
    instances: tuple[BreakerInstance, ...]
    opened_after_s: Interval | None  # from inject until every instance was open
    closed_after_s: Interval | None  # from the fault's end until every instance was closed for good
    answers_open: int  # our answers while every instance was open
    fallbacks_open: int  # of them: marked as fallbacks
    fallback_p99_s: float | None  # latency of answers while open, from the planned send time
    share_reached: float | None  # while open: requests that reached the dependency per request of ours, of the usual
    every_s: float  # between two looks: no time is known better


class DependencyAccount(Model):
    """Requests that reached a dependency, per request of ours."""

    name: str
    route: str
    baseline_ratio: float | None
    fault_ratio: float | None
    amplification: float | None  # fault_ratio / baseline_ratio
    answers_p99_s: float | None  # of the route, while the fault was there
    fallbacks: int
    answers: int


class Dose(Model):
    """One step of a sweep, and what one SLO did at it."""

    dose: float
    begin_s: float
    good: int
    total: int
    outcome: Outcome


class DoseResponse(Model):
    """One SLO against the dose."""

    slo: str
    held: float | None  # the largest dose at which it held, below the first that broke it
    broken: float | None  # the smallest dose that broke it
    steps: tuple[Dose, ...]  # in order of dose


class SweepAccount(Model):
    """A dose raised step by step."""

    variable: str
    unit: str
    lowest: float
    highest: float
    responses: tuple[DoseResponse, ...]


class Judgement(Model):
    """All verdicts of one run."""

    schema_: str = Field(default=VERDICT_SCHEMA, alias="schema")
    run: str
    experiment: str
    target: str
    outcome: Outcome
    verdicts: tuple[Verdict, ...]
    recovery: dict[str, Recovery]
    data: Data | None
    budget: dict[str, Spend]
    breaker: BreakerAccount | None = None
    dependency: DependencyAccount | None = None
    sweep: SweepAccount | None = None
    load: LoadAccount
    fault: FaultAccount
