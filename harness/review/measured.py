"""What one judged run measured, in the few figures that reviews compare: recovery, data, budget."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from fractions import Fraction
from types import MappingProxyType
from typing import Annotated

from pydantic import AwareDatetime, Field

from harness.judge import Judgement, Kind, Outcome, answers_of, phase_of
from harness.model import Model
from harness.plan import PhaseName
from harness.record import Record
from harness.review.answers import Measure
from harness.slo import LoadIndicator, Slo
from harness.units import NS_PER_S

Figure = Annotated[float, Field(ge=0)]
UTC_FORMAT = "%Y-%m-%dT%H-%M-%SZ"  # how a run's folder is called


class Measured(Model):
    """One run's figures; None where it does not know one. Seconds, counts, ratios."""

    experiment: str
    run: str
    at: AwareDatetime  # UTC
    outcome: Outcome
    rta_s: Figure | None  # upper bound, the slowest critical SLO, from inject
    recovered: bool | None = None  # whether every critical SLO came back by itself; None: not known
    rto_s: Figure | None  # the tightest claim
    rpa_s: Figure | None  # upper bound
    rpo_s: Figure | None
    lost: Annotated[int, Field(ge=0)] | None  # acknowledged writes
    budget_ratio: Figure | None  # of a window's budget, at production traffic, the worst SLO
    budget_allowed_ratio: Figure | None
    burn: Figure | None  # of what was seen, the worst SLO
    less: tuple[str, ...] = ()  # in what it was an easier trial than is claimed, or of a target that is another now
    latency_s: Figure | None = None  # p99 of the slowest route an SLO is of, from the planned send, in the baseline

    @property
    def counts(self) -> bool:
        """Whether its figures may stand before those of older runs: an easier trial shows nothing that is good.

        Nor does a run that is unknown; milestones of earlier builds hold figures of such.
        """
        return self.outcome is Outcome.MISSED or (self.outcome is Outcome.MET and not self.less)

    def is_beyond(self, measure: Measure) -> bool:
        """Whether the figure is larger than anything that was seen: there was no recovery to be timed."""
        return measure is Measure.RTA and self.recovered is False

    def knows(self, measure: Measure) -> bool:
        """Whether it says anything of that figure."""
        return self.value(measure) is not None or self.is_beyond(measure)

    def size(self, measure: Measure) -> tuple[bool, float]:
        """How large the figure is, to be compared; no recovery at all is larger than any recovery time."""
        return self.is_beyond(measure), self.value(measure) or 0.0

    def only(self, measures: AbstractSet[Measure]) -> "Measured":
        """The same with these figures and their limits alone."""
        gone = [name for measure, names in _FIELDS.items() if measure not in measures for name in names]
        return self.model_copy(update=dict.fromkeys(gone))

    def value(self, measure: Measure) -> float | None:
        """The figure of that name."""
        match measure:
            case Measure.RTA:
                return self.rta_s
            case Measure.RPA:
                return self.rpa_s
            case Measure.LOST:
                return None if self.lost is None else float(self.lost)
            case Measure.BUDGET:
                return self.budget_ratio
            case Measure.BURN:
                return self.burn
            case Measure.LATENCY:
                return self.latency_s

    def limit(self, measure: Measure) -> float | None:
        """What was promised of the figure of that name; None where nothing was."""
        limits = {Measure.RTA: self.rto_s, Measure.RPA: self.rpo_s, Measure.BUDGET: self.budget_allowed_ratio}
        return limits.get(measure)


_FIELDS = {
    Measure.RTA: ("rta_s", "recovered", "rto_s"),
    Measure.RPA: ("rpa_s", "rpo_s"),
    Measure.LOST: ("lost",),
    Measure.BUDGET: ("budget_ratio", "budget_allowed_ratio"),
    Measure.BURN: ("burn",),
    Measure.LATENCY: ("latency_s",),
}


def started(record: Record) -> datetime | None:
    """When a run began, in UTC; None where its record does not say so."""
    try:
        return datetime.strptime(record.info.started_utc[:20], UTC_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def measured_by(record: Record, judgement: Judgement, less: Iterable[str] = ()) -> Measured | None:
    """The figures of one run; one that is unknown, a load that is void, a fault not seen and a sweep measure nothing.

    `less`: in what the run was an easier trial than what is claimed.
    """
    at = started(record)
    if at is None or record.plan.sweep is not None or not judgement.load.valid or not judgement.fault.applied:
        return None
    if judgement.outcome is Outcome.UNKNOWN:  # cut short, damaged: the bad part may be the one that is missing
        return None
    critical = [slo for slo in record.plan.slos if slo.critical]
    objectives = record.plan.objectives
    rpos = [one.rpo_ns / NS_PER_S for one in objectives if one.rpo_ns is not None]
    data = None if _is_unknown(judgement, Kind.RPO) else judgement.data
    recovered, spent = not _is_unknown(judgement, Kind.RTO), not _is_unknown(judgement, Kind.BUDGET)
    return Measured(
        experiment=record.info.experiment,
        run=record.info.run,
        at=at,
        outcome=judgement.outcome,
        rta_s=_rta_s(judgement, critical) if recovered else None,
        recovered=_recovered(judgement, critical) if recovered else None,
        rto_s=min((one.rto_ns / NS_PER_S for one in objectives), default=None),
        rpa_s=None if data is None else data.rpa_s.upper if data.lost else 0.0,
        rpo_s=min(rpos, default=None),
        lost=None if data is None else data.lost,
        budget_ratio=_largest(one.share_of_window for one in judgement.budget.values()) if spent else None,
        budget_allowed_ratio=None if record.plan.budget is None else float(record.plan.budget),
        burn=_largest(one.burn.get("drill") for one in judgement.budget.values()) if spent else None,
        less=tuple(less),
        latency_s=_latency_s(record),
    )


def _latency_s(record: Record) -> float | None:
    """None where the baseline did not run to its end, or a route had no p99: too many of its requests no answer."""
    bounds = phase_of(record, PhaseName.BASELINE)
    routes = {slo.indicator.request for slo in record.plan.slos if isinstance(slo.indicator, LoadIndicator)}
    if bounds is None or not routes:
        return None
    found = [answers_of(record, route).between(*bounds).p99_s for route in sorted(routes)]
    known = [one for one in found if one is not None]
    return max(known) if len(known) == len(found) else None


def _is_unknown(judgement: Judgement, kind: Kind) -> bool:
    """Whether a promise of that kind could not be judged: its figure may then be anything."""
    return any(one.kind is kind and one.outcome is Outcome.UNKNOWN for one in judgement.verdicts)


def _rta_s(judgement: Judgement, critical: Sequence[Slo]) -> float | None:
    """The slowest critical SLO's; None where one of them is not known to have come back by itself."""
    found = []
    for slo in critical:
        one = judgement.recovery.get(slo.name)
        if one is None or one.rta_inject_s is None or one.fault_removed:
            return None
        found.append(one.rta_inject_s.upper)
    return max(found, default=None)


def _recovered(judgement: Judgement, critical: Sequence[Slo]) -> bool | None:
    found = [judgement.recovery.get(slo.name) for slo in critical]
    if any(
        one is not None and one.effect_s is not None and (one.recovered_s is None or one.fault_removed) for one in found
    ):
        return False
    return None if _rta_s(judgement, critical) is None else True


def _largest(values: Iterable[float | None]) -> float | None:
    return max((one for one in values if one is not None), default=None)


def newest(measured: Iterable[Measured]) -> tuple[Measured, ...]:
    """The newest of each figure of each experiment: its runs, newest first, with what no newer run knows.

    A run that does not know a figure, or was an easier trial, hides no older run (`newest_of`). Of those that know none
    before any is known, only the newest is among them.
    """
    by_experiment: dict[str, list[Measured]] = {}
    for one in measured:
        by_experiment.setdefault(one.experiment, []).append(one)
    return tuple(one for name in sorted(by_experiment) for one in _newest(by_experiment[name]))


def _newest(measured: Sequence[Measured]) -> Iterator[Measured]:
    """Of one experiment: its newest run, then each other that a figure is of."""
    ranked = sorted(measured, key=lambda one: (one.counts, one.at), reverse=True)
    chosen = {measure: newest_of(measure, ranked) for measure in Measure}
    for one in ranked:
        mine = {measure for measure, run in chosen.items() if run is one}
        if one is ranked[0]:  # what was promised of a figure that it does not know stays
            yield one.only(mine | {measure for measure in Measure if not one.knows(measure)})
        elif mine:
            yield one.only(mine)


def newest_of(measure: Measure, measured: Iterable[Measured]) -> Measured | None:
    """The run of one experiment whose figure stands; None where none knows it.

    The newest; but what an easier trial measured is the least that it would have been, so that a smaller figure of one
    hides no larger one from before. Nor does any of a trial that is easier and missed nothing, or came to nothing.
    """
    known = sorted((one for one in measured if one.knows(measure)), key=lambda one: one.at, reverse=True)
    whole = next((one for one in known if one.counts and not one.less), None)
    for one in known:
        if whole is None or one.at <= whole.at:
            break
        if one.counts and one.size(measure) > whole.size(measure):
            return one
    return whole or next((one for one in known if one.counts), known[0] if known else None)


def worst(measured: Sequence[Measured]) -> dict[Measure, Measured]:
    """The largest of each figure that any of them knows."""
    found: dict[Measure, Measured] = {}
    for measure in Measure:
        known = [one for one in measured if one.knows(measure)]
        if known:
            found[measure] = max(known, key=lambda one: one.size(measure))
    return found


def load_ratio(record: Record, today: Mapping[str, Fraction] = MappingProxyType({})) -> Fraction | None:
    """The smallest share of production's rate that a request was sent at; None where production's is unknown.

    `today`: production's rates by route as they are now; the larger one counts, of then and of now.
    """
    known = [(one, one.production_per_s) for one in record.plan.requests if one.production_per_s]
    return min((one.rate_per_s / max(then, today.get(one.route, then)) for one, then in known), default=None)


def kept(judgement: Judgement, kind: Kind) -> bool | None:
    """Whether all promises of a kind were met, or one was missed; None where that is not known."""
    outcomes = [one.outcome for one in judgement.verdicts if one.kind is kind]
    if Outcome.MISSED in outcomes:
        return False
    return True if outcomes and all(one is Outcome.MET for one in outcomes) else None
