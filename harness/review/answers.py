"""What a team says of itself (`slos/review.yaml`): what it claims, for what, what it decided and what it says improved.

lens: wellproven                      # the built-in one, or a lens file beside this one
scope: {load: 100%}                   # what the claims are made for
stale-after: 90d
questions:
  rel_redundancy:
    claimed: [rel_multi_zone, rel_load_distribution]
    owner: shop
    impact: high                      # of a gap on the business; complexity: of closing it
    due: 2027-03-31
    not-applicable: {rel_multi_region: one region by contract}
evidence:                             # other tools' findings, bills, emissions: docs/evidence.md
  - {file: evidence/semgrep.sarif, kind: sarif, proves: {question: sec_build, choice: sec_static_testing}}
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from harness.review.findings import WrittenEvidence
from harness.review.types import Lens

BUILT_IN = "wellproven"
STALE_AFTER = timedelta(days=90)


class Level(StrEnum):
    """How much: of business impact, of technical complexity."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """0, 1, 2."""
        return list(Level).index(self)


@dataclass(frozen=True, slots=True)
class Effort:
    """What closing a gap is worth and takes, as far as somebody said so."""

    impact: Level | None = None
    complexity: Level | None = None
    due: date | None = None
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One question's answer; a question without one is unanswered, not `none of these`."""

    question: str
    claimed: frozenset[str] = frozenset()
    not_applicable: dict[str, str] = field(default_factory=dict)  # choice -> why; leaves the denominator
    excluded: dict[str, str] = field(default_factory=dict)  # choice -> why it is not looked at now; stays in it
    owner: str = ""
    notes: str = ""
    effort: Effort = Effort()
    practices: dict[str, Effort] = field(default_factory=dict)  # choice -> what differs from `effort`

    def effort_of(self, choice: str) -> Effort:
        """What one practice takes: its own words before the question's."""
        own, rest = self.practices.get(choice, Effort()), self.effort
        return Effort(
            own.impact or rest.impact,
            own.complexity or rest.complexity,
            own.due or rest.due,
            own.owner or rest.owner or self.owner,
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """What the claims are made for: evidence that shows less is partial."""

    load: Fraction = Fraction(1)  # share of production traffic
    slos: tuple[str, ...] = ()  # that a drill must have judged; none named: those of its experiment
    zones: tuple[str, ...] = ()  # each of which drills must have taken away; none named: each that runs saw


class Effect(StrEnum):
    """What a decision does to a pillar."""

    BETTER = "better"
    WORSE = "worse"
    NONE = "none"


class Measure(StrEnum):
    """A figure of a stored run."""

    RTA = "rta"  # s, the slowest critical SLO
    RPA = "rpa"  # s, upper bound
    LOST = "lost"  # acknowledged writes
    BUDGET = "budget"  # share of a window's error budget at production traffic, the worst SLO
    BURN = "burn"  # over the drill, the worst SLO
    LATENCY = "latency"  # s, p99 of the slowest route that an SLO is of, in the baseline: with nothing broken


@dataclass(frozen=True, slots=True)
class Expectation:
    """A limit that a decision accepted; what was measured may contradict it."""

    experiment: str
    measure: Measure
    at_most: Fraction  # in the measure's unit
    pillar: str = ""  # whose effect it is evidence of; "": the decision as a whole


@dataclass(frozen=True, slots=True)
class Backing:
    """A practice whose state is evidence of an effect, where no figure is."""

    question: str
    choice: str
    pillar: str = ""  # as of an Expectation


@dataclass(frozen=True, slots=True)
class Decision:
    """A trade-off: what was decided, what it does to each pillar, and what was accepted for it."""

    id: str
    title: str
    decided: date
    because: str
    by: str
    effects: dict[str, Effect]  # pillar -> effect
    expects: tuple[Expectation | Backing, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Improvement:
    """A claim that a figure fell since a day: by at least `less_by` of what it was."""

    claim: str
    experiment: str
    measure: Measure
    since: date
    less_by: Fraction
    where: str


@dataclass(frozen=True, slots=True)
class Answers:
    """The whole file."""

    file: Path
    lens_name: str  # how experiments name it under `proves`
    lens: Lens
    questions: dict[str, Answer] = field(default_factory=dict)
    scope: Scope = Scope()
    stale_after: timedelta = STALE_AFTER
    decisions: tuple[Decision, ...] = ()
    improvements: tuple[Improvement, ...] = ()
    evidence: tuple[WrittenEvidence, ...] = ()  # files of other tools, not read yet
