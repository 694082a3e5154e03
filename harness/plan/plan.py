"""The plan: what a run will do, decided before anything is touched; stored with the run, and all the judge needs."""

from enum import StrEnum

from pydantic import JsonValue, model_validator

from harness.model import Exact, Model, Ns
from harness.plan.allow import Survey
from harness.plan.experiment import Action, Evidence, Ledger, Proves
from harness.plan.guard import Guard
from harness.plan.profile import Profile
from harness.plan.watch import Breaker, Dependency, Sweep
from harness.slo import RecoveryObjective, Slo


class PhaseName(StrEnum):
    """The phases, in order."""

    WARM_UP = "warm-up"
    BASELINE = "baseline"
    FAULT = "fault"
    RECOVERY = "recovery"


class Phase(Model):
    """One phase: it ends when what it is for is decided, between its shortest and its longest length."""

    name: PhaseName
    shortest_s: float
    longest_s: float
    because: str


class RequestPlan(Model):
    """The load of one route and where its rate comes from."""

    route: str
    rate_per_s: Exact
    production_per_s: Exact | None
    because: str


class SampleSize(Model):
    """Answers needed to decide one SLO in one phase with no bad one, and how long they take at the planned rate."""

    slo: str
    target: Exact
    requests_needed: int
    seconds: float


class Plan(Model):
    """Everything a run does and is judged by."""

    experiment: str  # the file's stem
    title: str
    file: str
    body: dict[str, JsonValue]  # Chaos Toolkit's document
    target: str
    environment: str
    quick: bool
    disruption: str
    slos: tuple[Slo, ...]
    objectives: tuple[RecoveryObjective, ...]
    profile: Profile
    requests: tuple[RequestPlan, ...]
    sizes: tuple[SampleSize, ...]
    phases: tuple[Phase, ...]
    sustain_ns: Ns
    guard: Guard
    budget: Exact | None
    actions: tuple[Action, ...]
    rollbacks: tuple[Action, ...] = ()  # those that call AWS by chaosaws: what they name is held against limits, too
    evidence: tuple[Evidence, ...]
    healed: tuple[Evidence, ...]
    heals_within_s: float = 60.0
    ledger: Ledger | None
    dependency: Dependency | None = None
    breaker: Breaker | None = None
    observe_every_ns: Ns = 250_000_000  # between two looks at the dependency and the breaker
    sweep: Sweep | None = None
    proves: tuple[Proves, ...]
    blast_radius: tuple[str, ...]
    hosts: tuple[str, ...] = ()  # every one an activity, the guard or the breaker speaks to
    calls_aws: bool = False
    aws_region: str | None = None
    aws_role_accounts: tuple[str, ...] = ()  # accounts of the roles the experiment takes
    aws_credentials: tuple[str, ...] = ()  # where the experiment names credentials of its own, for AWS
    reach: Survey | None = None  # what the target said would be hit; None where it was not asked

    @model_validator(mode="after")
    def _fits_together(self) -> "Plan":
        routes, slos = [route.name for route in self.profile.routes], [slo.name for slo in self.slos]
        phases = [phase.name for phase in self.phases]
        for what, names in (("route", routes), ("SLO", slos), ("phase", phases)):
            if len(set(names)) < len(names):
                raise ValueError(f"each {what} once")
        if self.ledger is not None and self.ledger.write not in routes:
            raise ValueError("a ledger whose write is one of the routes")
        return self

    def judged_from_ns(self, slo: Slo, phase: PhaseName, begin_ns: int) -> int:
        """From when on a phase that began at `begin_ns` judges an SLO.

        One that is not critical has the sustained length to come back once the fault is taken away: a breaker takes
        its time to close. A critical one has none: what returning costs it must show.
        """
        comes_back = phase is PhaseName.RECOVERY and not slo.critical
        return begin_ns + (self.sustain_ns if comes_back else 0)

    @property
    def unclaimed(self) -> tuple[Slo, ...]:
        """Critical SLOs of which nothing is claimed while the fault is there.

        A recovery objective claims how long one may be broken; the hypothesis made from the SLOs, that it is kept again
        in the end. A hypothesis of the experiment's own may look elsewhere, and hold while no request is answered.
        """
        hypothesis = self.body.get("steady-state-hypothesis")
        if self.sweep is not None or not isinstance(hypothesis, dict) or not hypothesis.get("probes"):
            return ()
        claimed = {objective.service for objective in self.objectives}
        return tuple(slo for slo in self.slos if slo.critical and slo.service not in claimed)

    def phase(self, name: PhaseName) -> Phase:
        """The phase of that name."""
        return next(phase for phase in self.phases if phase.name is name)
