"""What stored runs show of practices: those that their experiments say they prove, and those that a figure proves.

A run that is met shows them, one that is missed refutes them; an unknown one and a sweep show nothing.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from harness.judge import Judgement, Kind, Outcome
from harness.plan import PhaseName, Plan, Proves
from harness.record import Record
from harness.review.answers import BUILT_IN, Scope
from harness.review.measured import kept, load_ratio, started
from harness.review.types import Choice, Lens, Shown
from harness.slo import (
    Disruption,
    LoadIndicator,
    Promises,
    RecoveryClock,
    RecoveryLevel,
    RecoveryObjective,
    Slo,
)
from harness.units import format_duration, format_percent


@dataclass(frozen=True)
class Now:
    """How things are today, where it can be known: what a run is held against."""

    scope: Scope
    promises: Promises | None = None
    configuration: str | None = None  # of the target (harness.plan.Target.configuration)
    promises_problem: str = ""  # why today's promises are not known, though there are some


def shown_by(record: Record, judgement: Judgement, lens: Lens, lens_name: str, now: Now) -> list[Shown]:
    """Everything one run shows of a lens's practices."""
    at = started(record)
    if at is None or judgement.outcome is Outcome.UNKNOWN or record.plan.sweep is not None:
        return []
    holds = judgement.outcome is Outcome.MET
    blank = Shown(
        question="",
        choice="",
        holds=holds,
        at=at,
        source=record.info.run,
        because=_because(judgement),
        short_of=short_of(record, now),
        outdated=_outdated(record, now),
        load=load_ratio(record, _traffic(now.promises)),
        load_short=_load_short(record, now),
        is_of_today=not _outdated(record, now),
        zones=frozenset(zones_taken(record.plan)),
        experiment=record.info.experiment,
    )
    named = {place for one in record.plan.proves if (place := place_in(lens, lens_name, one)) is not None}
    unseen = {(question.id, one.id): _unseen(record, one) for question in lens.questions for one in question.choices}
    drilled = [
        replace(blank, question=question, choice=choice, short_of=(*blank.short_of, *unseen[question, choice]))
        for question, choice in sorted(named)
    ]
    return [*drilled, *_figures(record, judgement, lens, blank, named)]


def _unseen(record: Record, choice: Choice) -> tuple[str, ...]:
    """What a run's experiment leaves unseen of a practice, come what may."""
    return (choice.provable.unseen,) if record.info.experiment in choice.provable.partly else ()


def with_drills(
    lens: Lens, lens_name: str, proves: Iterable[tuple[str, Proves]], of_zones: Collection[str] = ()
) -> Lens:
    """A lens that knows which experiments (name, what it proves) could prove what, beside what it says itself.

    `of_zones`: those experiments that take a zone away.
    """
    drills: dict[tuple[str, str], set[str]] = {}
    for experiment, one in proves:
        place = place_in(lens, lens_name, one)
        if place is not None:
            drills.setdefault(place, set()).add(experiment)

    def known(question: str, choice: Choice) -> Choice:
        old, new = choice.provable, drills.get((question, choice.id))
        if not new:
            return choice
        every = tuple(sorted({*old.drills, *new}))
        return replace(choice, provable=replace(old, drills=every, of_zones=not new.isdisjoint(of_zones)))

    return lens.changed(known)


def place_in(lens: Lens, lens_name: str, proves: Proves) -> tuple[str, str] | None:
    """(question, choice) of the lens that is meant; AWS's own lenses are known by their choice alone.

    AWS calls a question `REL 11` on its pages and by a slug in its tool; its choices have one name everywhere.
    """
    if proves.lens != lens_name:
        return None
    holders = [question.id for question in lens.questions if any(one.id == proves.choice for one in question.choices)]
    if proves.question in holders:
        return proves.question, proves.choice
    return (holders[0], proves.choice) if len(holders) == 1 and lens_name != BUILT_IN else None


def _because(judgement: Judgement) -> str:
    missed = [one for one in judgement.verdicts if one.outcome is Outcome.MISSED]
    if missed:
        return "; ".join(f"{one.promise}: {one.because}" for one in missed[:2])
    return f"all {len(judgement.verdicts)} promises met"


# --- figures ---------------------------------------------------------------------------------------------------------


_KEPT = {True: "kept", False: "not kept", None: "not known"}
# What a figure cannot say of its practice, come what may.
_ONE_LOSS = "measured for one kind of loss; that each kind has objectives, and who agreed to them, no figure shows"
_ONLY_PART = {
    "load": "kept at production's rate, and not seen above it",
    "error-budget-alerts": "alerts were rehearsed on the drill's own figures, and not seen to ring",
    "rta": _ONE_LOSS,
    "rpa": _ONE_LOSS,
}


def _figures(
    record: Record, judgement: Judgement, lens: Lens, blank: Shown, named: set[tuple[str, str]]
) -> Iterator[Shown]:
    """Practices that figures of any run prove or refute: all that a practice asks for, or one that was not kept.

    What the experiment itself names is decided by it.
    """
    known = {
        "rta": kept(judgement, Kind.RTO),
        "rpa": kept(judgement, Kind.RPO),
        "latency-slo": _latency(record, judgement),
        "load": _load(judgement),
        "error-budget-alerts": _alerts(judgement),
    }
    for question in lens.questions:
        for choice in question.choices:
            figures = {name: known[name] for name in choice.provable.measures}
            if not figures or (question.id, choice.id) in named:
                continue
            if (refuted := False in figures.values()) or None not in figures.values():
                said = ", ".join(f"{name} {_KEPT[holds]}" for name, holds in figures.items())
                yield replace(
                    blank,
                    # The baseline, in which no zone was lost.
                    zones=frozenset() if set(figures) == {"load"} else blank.zones,
                    question=question.id,
                    choice=choice.id,
                    holds=not refuted,
                    because=f"measured: {said}",
                    short_of=(*blank.short_of, *dict.fromkeys(_ONLY_PART[one] for one in figures if one in _ONLY_PART)),
                )


def _latency(record: Record, judgement: Judgement) -> bool | None:
    """Whether an SLO with a latency limit was judged and kept. One that was not kept is a target all the same."""
    fast = {
        slo.name
        for slo in record.plan.slos
        if isinstance(slo.indicator, LoadIndicator) and slo.indicator.within_ns is not None
    }
    outcomes = [one.outcome for one in judgement.verdicts if one.slo in fast]
    return True if outcomes and all(one is Outcome.MET for one in outcomes) else None


def _load(judgement: Judgement) -> bool | None:
    """Whether the SLOs are kept under load while nothing is broken: a load test."""
    outcomes = [one.outcome for one in judgement.verdicts if one.slo is not None and one.phase == PhaseName.BASELINE]
    if not outcomes or Outcome.UNKNOWN in outcomes:
        return None
    return Outcome.MISSED not in outcomes


def _alerts(judgement: Judgement) -> bool | None:
    """Whether every burn-rate alert that had to fire did; None where none had to."""
    due = [one for spend in judgement.budget.values() for one in spend.alerts if one.predicted_s is not None]
    return all(one.fired_s is not None for one in due) if due else None


# --- how far it counts -----------------------------------------------------------------------------------------------


def less(record: Record, now: Now) -> tuple[str, ...]:
    """In what a run's good figures say less than is claimed: of an easier trial, or of a target that is another now."""
    return tuple(one for one in (*short_of(record, now), _outdated(record, now)) if one)


def short_of(record: Record, now: Now) -> tuple[str, ...]:
    """In what a run shows less than is claimed."""
    return tuple(_short_of(record, now))


def _load_short(record: Record, now: Now) -> str:
    ratio = load_ratio(record, _traffic(now.promises))
    if ratio is None or ratio >= now.scope.load:
        return ""
    return f"drilled at {_percent(ratio)} of production's load, claimed for {_percent(now.scope.load)}"


def _short_of(record: Record, now: Now) -> Iterator[str]:
    if now.promises_problem:
        yield now.promises_problem
    if now.scope.zones and record.plan.disruption == Disruption.AZ and not any(zones_taken(record.plan)):
        yield "does not say which zone was lost"
    unstated = [one.route for one in record.plan.requests if not one.production_per_s]
    if unstated:
        yield f"production's arrival rate of {', '.join(unstated)} is not stated, so the load's share of it is unknown"
    if said := _load_short(record, now):
        yield said
    judged = {slo.name for slo in record.plan.slos}
    missing = [name for name in now.scope.slos if name not in judged]
    if missing:
        yield f"did not judge {', '.join(missing)}"
    if now.promises is not None:
        for slo in now.promises.slos:
            yield from _looser_slo(record, slo)
        for objective in now.promises.objectives:
            yield from _looser_objective(record, objective)


def _looser_slo(record: Record, slo: Slo) -> Iterator[str]:
    """In what an SLO of a run promised less than it does today, or something else."""
    old = next((one for one in record.plan.slos if one.name == slo.name), None)
    if old is None:
        return
    if old.target < slo.target:
        yield f"{slo.name} was held against {_percent(old.target)}, now {_percent(slo.target)} are promised"
    if isinstance(old.indicator, LoadIndicator) and isinstance(slo.indicator, LoadIndicator):
        yield from (f"{slo.name} {said}" for said in _looser_indicator(old.indicator, slo.indicator))
    elif old.indicator.type != slo.indicator.type:
        yield f"{slo.name} was seen by {old.indicator.type}, now by {slo.indicator.type}"
    if old.budgeting != slo.budgeting:
        yield f"{slo.name} was counted by {old.budgeting}, now by {slo.budgeting}"
    elif old.slice_target is not None and slo.slice_target is not None and old.slice_target < slo.slice_target:
        was, promised = _percent(old.slice_target), _percent(slo.slice_target)
        yield f"{slo.name} had good slices from {was} on, now from {promised} on"
    if old.empty_slices != slo.empty_slices:
        yield f"{slo.name} counted empty slices by {old.empty_slices}, now by {slo.empty_slices}"
    if slo.critical and not old.critical:
        yield f"{slo.name} was not critical to recovery, now it is"


def _looser_indicator(old: LoadIndicator, now: LoadIndicator) -> Iterator[str]:
    if old.request != now.request:
        yield f"was about {old.request}, now it is about {now.request}"
    if now.within_ns is not None and (old.within_ns is None or old.within_ns > now.within_ns):
        was = "no latency" if old.within_ns is None else format_duration(old.within_ns)
        yield f"was held against {was}, now {format_duration(now.within_ns)} are promised"
    if any(old.matches_status(code) and not now.matches_status(code) for code in range(100, 600)):
        yield f"took {' or '.join(old.status)} for good, now {' or '.join(now.status)}"
    if old.fallback_is_good and not now.fallback_is_good:
        yield "took fallbacks for good, now they are not"


# Of what is promised, from the strictest.
_CLOCKS = (RecoveryClock.INJECT, RecoveryClock.EFFECT, RecoveryClock.DECLARE)
_LEVELS = (RecoveryLevel.REDUNDANT, RecoveryLevel.CAUGHT_UP, RecoveryLevel.IN_SLO, RecoveryLevel.RESPONDING)


def _looser_objective(record: Record, objective: RecoveryObjective) -> Iterator[str]:
    before = next((one for one in record.plan.objectives if one.name == objective.name), None)
    if before is None:
        return
    if before.rto_ns > objective.rto_ns:
        was, promised = format_duration(before.rto_ns), format_duration(objective.rto_ns)
        yield f"{objective.name} was held against an RTO of {was}, now {promised} are promised"
    if objective.rpo_ns is not None and (before.rpo_ns is None or before.rpo_ns > objective.rpo_ns):
        was = "no RPO" if before.rpo_ns is None else f"an RPO of {format_duration(before.rpo_ns)}"
        yield f"{objective.name} was held against {was}, now {format_duration(objective.rpo_ns)} are promised"
    if _CLOCKS.index(before.clock) > _CLOCKS.index(objective.clock):
        yield f"{objective.name} was timed from {before.clock}, now from {objective.clock}"
    if _LEVELS.index(before.level) > _LEVELS.index(objective.level):
        yield f"{objective.name} was timed until {before.level}, now until {objective.level}"


def _traffic(promises: Promises | None) -> dict[str, Fraction]:
    """Production's arrivals a second of each route, as today's SLOs state them."""
    found: dict[str, Fraction] = {}
    for slo in promises.slos if promises is not None else ():
        if isinstance(slo.indicator, LoadIndicator) and slo.traffic_per_s is not None:
            route = slo.indicator.request
            found[route] = max(slo.traffic_per_s, found.get(route, Fraction(0)))
    return found


def zones_taken(plan: Plan) -> Iterator[str]:
    """The zones that a drill of a lost zone took away: as its evidence names them, else as the target was asked.

    Only where no evidence names one: that some of a zone's instances were hit is not yet a zone that fell silent.
    """
    if plan.disruption != Disruption.AZ:
        return
    silent = [one.zone_silent for one in plan.evidence if one.zone_silent is not None]
    yield from silent
    if silent:
        return
    for reach in plan.reach.reaches if plan.reach is not None else ():
        if reach.hits == len(reach.resources):
            yield from (one.zone for one in reach.resources)


def _outdated(record: Record, now: Now) -> str:
    """What has changed since, so that the run says nothing any more of how things are."""
    then = record.info.configuration
    if now.configuration is None or not then or then == now.configuration:
        return ""
    return f"target {record.info.target} was configured otherwise then"


def _percent(ratio: Fraction) -> str:
    return format_percent(ratio, 3)
