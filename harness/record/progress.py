"""What a run looks like while it goes on: one frozen value that every observer reads."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SloProgress:
    """One SLO in the phase under way."""

    name: str
    good: int
    total: int
    burn: float  # over the last few seconds; 1 spends the budget exactly at the window's end
    decided: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """A run at one instant; an observer shows it, about four times a second."""

    phase: str  # "warm-up", "baseline", "fault", "recovery"; or a step before and after: "target", "load", "read-back"
    elapsed_s: float  # since the run's start
    phase_elapsed_s: float
    phase_longest_s: float
    rate_per_s: float = 0.0  # requests answered or failed, over the last second seen
    planned_rate_per_s: float = 0.0
    error_ratio: float = 0.0  # not answered with 2xx..4xx, over the same second
    slos: tuple[SloProgress, ...] = ()
    zones: dict[str, float] = field(default_factory=dict)  # answers/s by zone
    broken: tuple[str, ...] = ()  # faults that are there now
    dose: str = ""  # of a sweep: "200 ms"
    breaker: dict[str, str] = field(default_factory=dict)  # address: state at the last look
    surging: bool = False
    message: str = ""
