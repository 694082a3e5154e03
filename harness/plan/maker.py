"""From SLOs, an experiment and a target to a plan."""

import json
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Final

from pydantic import JsonValue

from harness.documents import Document, Mistakes
from harness.errors import Mistake, RefusedError, UsageError
from harness.plan.doses import STEPS_MAX
from harness.plan.experiment import (
    Evidence,
    Experiment,
    Ledger,
    WrittenEvidence,
    WrittenHealed,
    WrittenPhases,
    configuration_of,
    resolve,
    secret_variables,
)
from harness.plan.guard import guard_mistakes, plan_guard
from harness.plan.inline import credentials_in_configuration, secrets_in_plan, secrets_on_command_lines
from harness.plan.plan import Phase, PhaseName, Plan, RequestPlan, SampleSize
from harness.plan.profile import Arrivals, Profile, Route, Stage, header_variables
from harness.plan.reached import CHAOSAWS, speaks_to
from harness.plan.sequential import requests_needed
from harness.plan.target import Target
from harness.plan.watch import DOSE_SETTLE_NS, OBSERVE_EVERY_NS, Sweep, plan_breaker, plan_dependency
from harness.slo import LoadIndicator, Promises, RecoveryObjective, RequestTemplate, Slo
from harness.units import NS_PER_S, format_duration, format_rate

WARM_UP_S: Final = 2.0
QUICK_STEADY_S: Final = 6.5  # aimed length of baseline and recovery with --quick
STEADY_S: Final = 20.0
STEADY_LONGEST_S: Final = 600.0  # a phase that would need longer cannot decide its SLOs
FAULT_WITHOUT_RTO_S: Final = 20.0
OBSERVE_MARGIN_S: Final = 1.0
EVIDENCE_S: Final = 30.0  # a fault that has not shown by then is not waited for any longer
BREAKER_OPEN_S: Final = 5.0  # a breaker is watched that long once it may be expected to be open
TIMEOUT_DEFAULT_NS: Final = 5 * NS_PER_S
FAILURES_ALLOWED_FOR: Final = 2  # a phase is planned so that this many failures still leave it decided
# Evenly spaced arrivals of several requests fall into step with a load balancer that takes turns: measured, each zone
# of the test bed then served one kind of request only. Poisson arrivals see what every visitor would see.
ARRIVALS: Final = Arrivals.POISSON

type Resolve = Callable[[JsonValue], JsonValue]  # its variables replaced


def make(
    experiment: Experiment,
    document: Document,
    promises: Promises,
    target: Target,
    *,
    environment: Mapping[str, str],
    quick: bool = False,
    seed: int = 1,
    sweep: tuple[Fraction, Fraction, str] | None = None,
) -> Plan:
    """Plan one run; `sweep` is the lowest and the highest dose and their unit.

    Raises FileError with every reference that leads nowhere and every secret that a plan would store, RefusedError
    where the target says no, UsageError where the experiment has no such dose.
    """
    environment = {**environment, **target.environment_variables}
    slos, objectives = _judged_by(experiment, document, promises, target)
    surges = _surges(experiment, slos)
    routes = _rates(slos, target, surges, quick=quick)
    sizes = tuple(_size(slo, routes) for slo in slos if isinstance(slo.indicator, LoadIndicator))
    swept = _sweep(experiment, sweep, sizes)
    phases = _phases(experiment, objectives, sizes, quick=quick, sweep=swept)
    drill = experiment.drill

    def resolved(value: JsonValue) -> JsonValue:
        return resolve(value, experiment, environment, target.secrets)

    guard = plan_guard(drill.guard, objectives, resolved)
    dependency = plan_dependency(drill.dependency, resolved) if drill.dependency else None
    breaker = plan_breaker(drill.breaker, resolved) if drill.breaker else None
    urls = [rule.url for rule in guard.metrics] + list(breaker.urls if breaker else ())
    urls += dependency.requests.urls if dependency else ()
    plan = Plan(
        experiment=experiment.name,
        title=experiment.title,
        file=experiment.file,
        body=_body(experiment, swept),
        target=target.name,
        environment=target.environment,
        quick=quick,
        disruption=experiment.drill.disruption.value,
        slos=slos,
        objectives=objectives,
        profile=_profile(experiment, routes, surges, promises, target, phases, seed),
        requests=tuple(routes.values()),
        sizes=sizes,
        phases=phases,
        sustain_ns=experiment.drill.sustain,
        guard=guard,
        budget=experiment.drill.budget,
        actions=tuple(
            action.model_copy(update={"arguments": resolved(action.arguments)}) for action in experiment.actions
        ),
        rollbacks=tuple(
            action.model_copy(update={"arguments": resolved(action.arguments)})
            for action in experiment.rollbacks
            if action.what.startswith(CHAOSAWS)
        ),
        evidence=tuple(_evidence(item, resolved) for item in experiment.drill.evidence),
        healed=tuple(_evidence(item, resolved) for item in experiment.drill.healed),
        heals_within_s=experiment.drill.heals_within / NS_PER_S,
        ledger=_ledger(experiment),
        dependency=dependency,
        breaker=breaker,
        observe_every_ns=drill.breaker.every if drill.breaker else OBSERVE_EVERY_NS,
        sweep=swept,
        proves=experiment.drill.proves,
        blast_radius=_blast_radius(experiment, target, environment, resolved),
        **speaks_to(experiment, environment, target.secrets, urls),
    )
    secret = {*target.secrets, *secret_variables(experiment), *header_variables(plan.profile)}
    mistakes = Mistakes()
    known = configuration_of(experiment, environment, target.secrets)
    mistakes.add(*credentials_in_configuration(document, known))
    mistakes.add(*secrets_in_plan(experiment.file, plan.model_dump(mode="json"), environment, secret))
    mistakes.raise_any()
    return plan


# --- what it is judged by --------------------------------------------------------------------------------------------


def _judged_by(
    experiment: Experiment, document: Document, promises: Promises, target: Target
) -> tuple[tuple[Slo, ...], tuple[RecoveryObjective, ...]]:
    drill = experiment.drill
    mistakes = Mistakes()
    by_name = {slo.name: slo for slo in promises.slos}
    objectives = {objective.name: objective for objective in promises.objectives}
    prefix = ("extensions", document.value["extensions"].index(_written_extension(document)))
    for field, named, known in (("slos", drill.slos, by_name), ("claims", drill.claims, objectives)):
        for index, name in enumerate(named):
            if name not in known:
                way_out = f"known: {', '.join(sorted(known)) or 'none'}"
                mistakes.add(document.mistake((*prefix, field, index), f"a name from {_FILES[field]}", way_out))
    slos = tuple(by_name[name] for name in drill.slos if name in by_name) or promises.slos
    requests = {slo.indicator.request for slo in slos if isinstance(slo.indicator, LoadIndicator)}
    if drill.ledger and drill.ledger.write not in requests:
        mistakes.add(
            document.mistake((*prefix, "ledger", "write"), f"a request of the SLOs: {', '.join(sorted(requests))}")
        )
    if not requests:
        mistakes.add(
            document.mistake(
                (*prefix, "slos"), "at least one SLO whose indicator is type: load", got="none", way_out="see slos/"
            )
        )
    if drill.dependency and drill.dependency.route not in requests:
        expected = f"a request of the SLOs: {', '.join(sorted(requests))}"
        mistakes.add(document.mistake((*prefix, "dependency", "route"), expected))
    if drill.breaker and not drill.dependency:
        way_out = "a breaker is judged by the requests that reach what it protects: add dependency:"
        mistakes.add(document.mistake((*prefix, "breaker"), "a dependency beside it", way_out, got="none"))
    mistakes.add(
        *_variation_mistakes(
            experiment, document, prefix, [by_name[n] for n in drill.slos if n in by_name] or list(promises.slos)
        )
    )
    mistakes.add(*secrets_on_command_lines(document, target.secrets))
    for index, item in enumerate(drill.evidence):
        if item.zone_silent is not None and target.zone_header is None:
            way_out = f"add zone-header: to target {target.name}, or take other evidence"
            place = (*prefix, "evidence", index, "zone-silent")
            mistakes.add(document.mistake(place, "a target whose answers name their zone", way_out))
    mistakes.raise_any()
    services = {slo.service for slo in slos}
    claimed = tuple(objectives[name] for name in drill.claims) or tuple(
        objective
        for objective in promises.objectives
        if objective.disruption is drill.disruption and objective.service in services
    )
    return slos, claimed


def _variation_mistakes(
    experiment: Experiment, document: Document, prefix: tuple[str | int, ...], slos: list[Slo]
) -> list[Mistake]:
    """What is wrong with the surge, the dose and the guard."""
    drill = experiment.drill
    found = list(guard_mistakes(drill.guard, tuple(slos), document, prefix))
    if drill.surge is not None and not _surges(experiment, tuple(slos)):
        way_out = "annotate the SLOs with wellproven.dev/traffic and wellproven.dev/peak"
        found.append(document.mistake((*prefix, "surge"), "SLOs that state their traffic and its peak", way_out))
    if any(item.traffic_above is not None for item in drill.evidence) and drill.surge is None:
        found.append(document.mistake((*prefix, "evidence"), "a surge: beside traffic-above", "add surge: peak"))
    if drill.dose is None:
        return found
    configuration = experiment.body.get("configuration")
    known = list(configuration) if isinstance(configuration, dict) else []
    if drill.dose.variable not in known:
        expected = f"a name from configuration: {', '.join(known) or 'none there'}"
        found.append(document.mistake((*prefix, "dose", "variable"), expected))
    names = [slo.name for slo in slos]
    found += [
        document.mistake((*prefix, "dose", "tolerates", name), f"an SLO that judges the drill: {', '.join(names)}")
        for name in drill.dose.tolerates
        if name not in names
    ]
    return found


_FILES: Final = {"slos": "the SLO files", "claims": "the RecoveryObjective documents"}


def _written_extension(document: Document) -> object:
    return next(entry for entry in document.value["extensions"] if entry.get("name") == "wellproven")


# --- how much load ---------------------------------------------------------------------------------------------------


def _surges(experiment: Experiment, slos: tuple[Slo, ...]) -> dict[str, Fraction]:
    """Arrival rate of each request while the fault is there, where the experiment raises it."""
    surge, found = experiment.drill.surge, dict[str, Fraction]()
    for slo in slos if surge is not None else ():
        if not isinstance(slo.indicator, LoadIndicator) or slo.traffic_per_s is None:
            continue
        peak = slo.peak_per_s if surge == "peak" else slo.traffic_per_s * Fraction(surge or 1)
        if peak is not None and peak > slo.traffic_per_s:
            found[slo.indicator.request] = max(peak, found.get(slo.indicator.request, Fraction(0)))
    return found


def _rates(
    slos: tuple[Slo, ...], target: Target, surges: Mapping[str, Fraction], *, quick: bool
) -> dict[str, RequestPlan]:
    """Arrival rate of each request: production's, raised until the phases are short enough, within the target's limit.

    The length of a steady phase is stretched, never the target's maximum. A request that is to surge begins at its
    production rate: raised first, its peak would be none.
    """
    length_s = QUICK_STEADY_S if quick else STEADY_S
    while True:
        plans = {
            name: _at_production(plan) if name in surges else plan
            for name, plan in _rates_for(slos, length_s, quick=quick).items()
        }
        total = sum((max(plan.rate_per_s, surges.get(name, Fraction(0))) for name, plan in plans.items()), Fraction(0))
        if total <= target.rate_max_per_s:
            return plans
        floor = sum(
            (surges.get(name) or plan.production_per_s or Fraction(0) for name, plan in plans.items()), Fraction(0)
        )
        if floor > target.rate_max_per_s or length_s > STEADY_LONGEST_S:
            raise RefusedError(
                f"target {target.name} allows {format_rate(target.rate_max_per_s)} in all, the SLOs need "
                f"{format_rate(floor)} (their production traffic) and enough to be decided within "
                f"{format_duration(STEADY_LONGEST_S * NS_PER_S)}; raise max-rate, or judge fewer SLOs"
            )
        length_s *= 1.1


def _at_production(plan: RequestPlan) -> RequestPlan:
    assert plan.production_per_s is not None, "only what has a production rate surges"
    because = "production traffic; it surges while the fault is there"
    return plan.model_copy(update={"rate_per_s": plan.production_per_s, "because": because})


def _rates_for(slos: tuple[Slo, ...], length_s: float, *, quick: bool) -> dict[str, RequestPlan]:
    plans: dict[str, RequestPlan] = {}
    for slo in slos:
        if not isinstance(slo.indicator, LoadIndicator):
            continue
        needed = requests_needed(slo.target, 0 if quick else FAILURES_ALLOWED_FOR)
        deciding = Fraction(math.ceil(needed / Fraction(length_s)))
        production = slo.traffic_per_s
        if production is not None and production >= deciding:
            rate, because = production, f"production traffic of {slo.name}"
        else:
            rate = deciding
            usual = f"production {format_rate(production)}" if production else "no production traffic is stated"
            because = f"{usual}; raised: {slo.name} needs {needed:,} answers in {length_s:.3g} s to be decided"
        known = plans.get(slo.indicator.request)
        if known is None or rate > known.rate_per_s:
            seen = [p for p in (production, known.production_per_s if known else None) if p is not None]
            plans[slo.indicator.request] = RequestPlan(
                route=slo.indicator.request,
                rate_per_s=rate,
                production_per_s=max(seen) if seen else None,
                because=because,
            )
        elif production is not None and (known.production_per_s is None or production > known.production_per_s):
            plans[known.route] = known.model_copy(update={"production_per_s": production})
    return plans


def _size(slo: Slo, routes: dict[str, RequestPlan]) -> SampleSize:
    assert isinstance(slo.indicator, LoadIndicator)
    needed = requests_needed(slo.target)
    return SampleSize(
        slo=slo.name,
        target=slo.target,
        requests_needed=needed,
        seconds=round(needed / float(routes[slo.indicator.request].rate_per_s), 2),
    )


def _profile(
    experiment: Experiment,
    routes: dict[str, RequestPlan],
    surges: Mapping[str, Fraction],
    promises: Promises,
    target: Target,
    phases: tuple[Phase, ...],
    seed: int,
) -> Profile:
    longest_s = sum(phase.longest_s for phase in phases) + 2 * EVIDENCE_S + 60
    made = [
        _route(
            promises.requests.get(plan.route), plan.route, Stage(duration_s=longest_s, rate_per_s=plan.rate_per_s)
        ).model_copy(update={"surge_per_s": surges.get(plan.route)})
        for plan in routes.values()
    ]
    made += [
        Route(
            name=journey.journey,
            journey=journey.journey,
            arrivals=ARRIVALS,
            stages=(Stage(duration_s=longest_s, rate_per_s=journey.rate),),
        )
        for journey in experiment.drill.journeys
    ]
    in_flight = sum(float(route.surge_per_s or route.stages[0].rate_per_s) * route.timeout_s for route in made)
    return Profile(
        base_url=target.base_url,
        routes=tuple(made),
        seed=seed,
        zone_header=target.zone_header,
        fallback_header=target.fallback_header,
        # Enough for every request of a time-out's length to hang at once: then none waits for another.
        connections_max=math.ceil(in_flight * 1.2) + 16,
    )


def _route(template: RequestTemplate | None, request: str, stage: Stage) -> Route:
    method, _, path = request.partition(" ")
    if template is None:
        return Route(name=request, method=method, path=path, arrivals=ARRIVALS, stages=(stage,))
    return Route(
        name=request,
        method=template.method,
        path=template.path,
        headers=template.headers,
        body=template.body,
        parameters=template.parameters,
        arrivals=ARRIVALS,
        stages=(stage,),
        timeout_s=(template.timeout_ns or TIMEOUT_DEFAULT_NS) / NS_PER_S,
    )


# --- how long --------------------------------------------------------------------------------------------------------


def _phases(
    experiment: Experiment,
    objectives: tuple[RecoveryObjective, ...],
    sizes: tuple[SampleSize, ...],
    *,
    quick: bool,
    sweep: Sweep | None,
) -> tuple[Phase, ...]:
    written = experiment.drill.phases
    sustain_s = experiment.drill.sustain / NS_PER_S
    slowest = max(sizes, key=lambda size: size.seconds)
    decided = f"until every SLO is decided; {slowest.slo} takes longest ({slowest.requests_needed:,} answers)"
    steady_s = sustain_s if quick else max(sustain_s, STEADY_S)
    longest_s = max(3 * slowest.seconds, steady_s) + 5
    fault_s, because = _fault_length(objectives, sustain_s, quick=quick)
    lengths = {
        PhaseName.WARM_UP: (WARM_UP_S, WARM_UP_S, "connections and caches; not judged"),
        PhaseName.BASELINE: (steady_s, longest_s, decided),
        PhaseName.FAULT: (fault_s, fault_s, because),
        PhaseName.RECOVERY: (steady_s, longest_s + EVIDENCE_S, f"until the fault is healed, and {decided}"),
    }
    if experiment.drill.breaker is not None:
        opened_s = experiment.drill.breaker.opened_within / NS_PER_S
        closed_s = experiment.drill.breaker.closed_within / NS_PER_S
        shortest_s = max(fault_s, opened_s + BREAKER_OPEN_S)
        lengths[PhaseName.FAULT] = (shortest_s, shortest_s, f"{because}, and long enough to watch the breaker open")
        shortest_s, longest_s, because = lengths[PhaseName.RECOVERY]
        after_s = closed_s + sustain_s
        lengths[PhaseName.RECOVERY] = (max(shortest_s, after_s), max(longest_s, after_s + EVIDENCE_S), because)
    if isinstance(written, WrittenPhases):
        for name in (PhaseName.BASELINE, PhaseName.FAULT, PhaseName.RECOVERY):
            stated_s = getattr(written, name) / NS_PER_S
            lengths[name] = (stated_s, stated_s, "as the experiment says")
    if sweep is not None:
        because = f"{sweep.variable} raised from {_dose(sweep.lowest, sweep)} to {_dose(sweep.highest, sweep)} at most"
        lengths[PhaseName.FAULT] = (
            0.0,
            sweep.step_longest_s * STEPS_MAX,
            f"{because}, each step until every SLO is decided",
        )
    if experiment.drill.probes_evidence:
        shortest_s, longest_s, because = lengths[PhaseName.FAULT]
        lengths[PhaseName.FAULT] = (shortest_s, longest_s + EVIDENCE_S, f"{because}, from when the evidence is seen")
    return tuple(
        Phase(name=name, shortest_s=shortest_s, longest_s=longest_s, because=because)
        for name, (shortest_s, longest_s, because) in lengths.items()
    )


def _sweep(
    experiment: Experiment, asked: tuple[Fraction, Fraction, str] | None, sizes: tuple[SampleSize, ...]
) -> Sweep | None:
    if asked is None:
        return None
    dose, (lowest, highest, unit) = experiment.drill.dose, asked
    if dose is None:
        raise UsageError(
            f"{experiment.file} has no dose to sweep; name one in its extension: dose: {{variable: delay_ms, unit: ms}}"
        )
    if unit not in ("", dose.unit):
        raise UsageError(f"--sweep: got doses in {unit}, expected {dose.unit}, the unit of {dose.variable}")
    return Sweep(
        variable=dose.variable,
        unit=dose.unit,
        lowest=lowest,
        highest=highest,
        measured_by=dose.measured_by,
        step_longest_s=DOSE_SETTLE_NS / NS_PER_S + 3 * max(size.seconds for size in sizes),
        tolerates=dict(dose.tolerates),
    )


def _dose(value: Fraction, sweep: Sweep) -> str:
    return f"{float(value):g} {sweep.unit}".rstrip()


def _body(experiment: Experiment, sweep: Sweep | None) -> dict[str, JsonValue]:
    """Chaos Toolkit's document; a sweep begins at its lowest dose."""
    if sweep is None:
        return experiment.body
    configuration: Any = experiment.body["configuration"]
    return {**experiment.body, "configuration": {**configuration, sweep.variable: float(sweep.lowest)}}


def _fault_length(objectives: tuple[RecoveryObjective, ...], sustain_s: float, *, quick: bool) -> tuple[float, str]:
    """(seconds, because): a recovery at the last moment of the longest RTO must still be seen to hold."""
    longest_rto_ns = max((objective.rto_ns for objective in objectives), default=0)
    if not longest_rto_ns:
        return FAULT_WITHOUT_RTO_S, "no RTO is claimed"
    margin_s = OBSERVE_MARGIN_S if quick else max(OBSERVE_MARGIN_S, longest_rto_ns / NS_PER_S / 2)
    because = (
        f"RTO {format_duration(longest_rto_ns)} + {sustain_s:.3g} s in which the SLOs must stay kept + {margin_s:.3g} s"
    )
    return longest_rto_ns / NS_PER_S + sustain_s + margin_s, because


# --- what breaks, and how we know ------------------------------------------------------------------------------------


def _evidence(item: WrittenEvidence | WrittenHealed, resolved: Resolve) -> Evidence:
    if isinstance(item, WrittenEvidence) and item.zone_silent is not None:
        zone = resolved(item.zone_silent)
        return Evidence(name=f"zone {zone} silent", zone_silent=str(zone))
    if isinstance(item, WrittenEvidence) and item.traffic_above is not None:
        return Evidence(name=f"traffic above {float(item.traffic_above):g}x", traffic_above=item.traffic_above)
    assert item.probe is not None
    lasts = isinstance(item, WrittenEvidence) and item.lasts
    return Evidence(name=str(item.probe["name"]), probe=item.probe, lasts=lasts)


def _ledger(experiment: Experiment) -> Ledger | None:
    written = experiment.drill.ledger
    if written is None:
        return None
    survivors = written.survivors
    return Ledger(write=written.write, survivors=survivors.request, ids=survivors.ids, headers=survivors.headers)


def _blast_radius(
    experiment: Experiment, target: Target, environment: Mapping[str, str], resolved: Resolve
) -> tuple[str, ...]:
    lines = [f"{action.what} {json.dumps(resolved(action.arguments), sort_keys=True)}" for action in experiment.actions]
    where = f"target {target.name} ({target.environment})"
    if target.aws_account:
        where += f", AWS account {target.aws_account}"
    endpoint = environment.get("AWS_ENDPOINT_URL")
    where += f", AWS endpoint {endpoint}" if endpoint else ""
    return (*lines, where)
