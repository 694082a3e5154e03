"""What a target does not allow of a plan: every reason at once, each with the way out. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from harness.plan.allow import BUDGET_LEFT, FAULT_NS, LOOPBACK, Reach, Survey, is_allowed_host
from harness.plan.hosts import THIS_MACHINE, host_of
from harness.plan.pauses import rollback_pauses_s
from harness.plan.plan import PhaseName, Plan
from harness.plan.reached import is_asked
from harness.plan.target import Target
from harness.units import NS_PER_S, format_duration, format_percent

IDS_MAX = 8
STRICT = ("staging", "production")
# What a run may take beside its phases, by the time-outs of each step (harness/run, harness/load, harness/fault): the
# target reached (10 s), experiment and load started (30 s each), the fault begun (60 s), its undoing begun (60 s).
STEPS_S = 190.0
TRY_AGAIN_S = 60.0  # a healing that fails is tried a second time, so much later
DRAIN_S = 5.0  # beyond the longest time-out of a request
READ_BACK_S = 60.0  # the survivors, where there is a ledger


@dataclass(frozen=True)
class Around:
    """What a run's limits depend on beside its plan."""

    now: datetime  # knows its zone
    production: bool = False  # --production was given
    approver: str = ""
    locked: bool = False  # another run holds the target
    left: tuple[str, ...] = ()  # why an earlier run may have left its fault there
    spent: Mapping[str, float] = field(default_factory=dict)  # SLO: share of its window that stored runs have cost
    spent_unknown: tuple[str, ...] = ()  # stored runs of the window that do not say what they cost


def refusals(plan: Plan, target: Target, survey: Survey | None, around: Around) -> list[str]:
    """Why this plan must not be run on this target now; none where it may. `survey`: None where nobody was asked."""
    found = [
        *_production(target, around),
        *_time(plan, target, around),
        *_hosts(plan, target),
        *_fault(plan, target),
        *_budget(plan, target, around),
        *_aws_words(plan, target),
    ]
    if around.locked:
        found.append("another run holds it; one run a target at a time: wait until that one has ended")
    found += around.left
    return found if survey is None else [*found, *_survey(target, survey)]


def _production(target: Target, around: Around) -> Iterator[str]:
    if target.environment != "production":
        return
    if not around.production:
        yield "it is production; say that you know with --production"
    if not any(sign.isalnum() for sign in around.approver):  # a space of no width is nobody's name
        yield "a drill in production needs somebody who approved it; name them with --approver NAME"
    if not target.allow.windows:
        yield "it is production and names no maintenance window; add allow: {windows: [...]} to the target"


def _time(plan: Plan, target: Target, around: Around) -> Iterator[str]:
    longest_s = longest_of(plan, target)
    end = around.now + timedelta(seconds=longest_s)
    if target.allow.windows and not any(window.holds(around.now, end) for window in target.allow.windows):
        windows = "; ".join(map(str, target.allow.windows))
        now = f"{around.now.astimezone(UTC):%a %Y-%m-%d %H:%M} UTC"
        yield (
            f"no maintenance window holds a drill of up to {format_duration(longest_s * NS_PER_S)} that begins now "
            f"({now}); windows: {windows}; wait for one, or add one"
        )


def longest_of(plan: Plan, target: Target) -> float:
    """Seconds from the start of a run until nothing of it is left on the target, whatever happens on the way."""
    drain_s = max((route.timeout_s for route in plan.profile.routes), default=0.0) + DRAIN_S
    healing_s = 2 * plan.heals_within_s + TRY_AGAIN_S
    read_back_s = READ_BACK_S if plan.ledger is not None else 0.0
    # Of what reads a pause from the environment, the target's variables and defaults are known here.
    healing_s += 2 * rollback_pauses_s(plan.body, target.environment_variables)
    return sum(phase.longest_s for phase in plan.phases) + STEPS_S + healing_s + drain_s + read_back_s


def _hosts(plan: Plan, target: Target) -> Iterator[str]:
    own = host_of(target.base_url)
    usual = (own,) if target.environment in STRICT else (own, *LOOPBACK)
    allowed = usual if target.allow.hosts is None else target.allow.hosts
    for host in dict.fromkeys((own, *plan.hosts)):
        if not is_allowed_host(host, allowed):
            what = "this machine, as an activity's place" if host == THIS_MACHINE else f"host {host}"
            if host.startswith("${"):
                what = f"{host}, a host that only the run knows,"
            yield f"{what} is not allowed; allowed: {', '.join(allowed)}; add it to allow: {{hosts: [...]}}"


def _fault(plan: Plan, target: Target) -> Iterator[str]:
    longest_ns = target.allow.fault or (FAULT_NS if target.environment in STRICT else None)
    planned_ns = round(plan.phase(PhaseName.FAULT).longest_s * NS_PER_S)
    if longest_ns is not None and planned_ns > longest_ns:
        yield (
            f"the fault may stay for {format_duration(planned_ns)}, allowed are {format_duration(longest_ns)}; "
            "shorten phases: in the experiment, or raise allow: {fault: ...}"
        )


def budget_left(target: Target) -> Fraction | None:
    """The share of each SLO's budget that drills leave alone; None where they may spend all of it."""
    if target.allow.budget_left is None and target.environment == "production":
        return BUDGET_LEFT
    return target.allow.budget_left


def _budget(plan: Plan, target: Target, around: Around) -> Iterator[str]:
    if plan.budget is None and target.environment == "production":
        yield "it is production, and nothing says what the drill may cost; add budget: 5% to the experiment"
    least = budget_left(target)
    if least is None:
        return
    for name in around.spent_unknown:
        yield f"what run {name} cost of the budget cannot be read; judge it again, or move its folder away"
    costs = plan.budget or Fraction(0)
    for slo in plan.slos:
        spent = around.spent.get(slo.name, 0.0)
        left = 1 - spent - float(costs)
        if left < float(least):
            may = f" and this one may cost {format_percent(costs)}" if costs else ""
            window = format_duration(slo.window_ns)
            yield (
                f"drills have cost {format_percent(spent)} of {slo.name}'s budget of {window}{may}; "
                f"{format_percent(least)} must be left: wait, or lower allow: {{budget-left: ...}}"
            )


def _aws_words(plan: Plan, target: Target) -> Iterator[str]:
    """What must be named before AWS is called at all."""
    if not plan.calls_aws:
        return
    if target.aws_region and plan.aws_region and plan.aws_region != target.aws_region:
        yield f"the experiment works in region {plan.aws_region}, allowed is {target.aws_region}; drop aws_region"
    for account in plan.aws_role_accounts:
        if account != target.aws_account:
            yield f"the experiment takes a role in AWS account {account}, allowed is {target.aws_account or 'none'}"
    if plan.aws_credentials and (target.aws_account or target.environment in STRICT):
        yield (
            f"the experiment brings credentials of its own ({', '.join(plan.aws_credentials)}), which nobody has asked "
            "whose account they are of; take them out, and name the profile in the target: aws: {profile: ...}"
        )
    if target.environment not in STRICT:
        return
    allow = target.allow
    missing = {
        "aws: {account: ...}": target.aws_account,
        "aws: {region: ...}": target.aws_region,
        "allow: {zones: [...]}": allow.zones,
        "allow: {tags: {...}}": allow.tags,
        "allow: {share: ...}": allow.share,
    }
    for what in (what for what, value in missing.items() if not value):
        yield f"the experiment calls AWS, and the target does not say what of it is allowed; add {what}"


def _survey(target: Target, survey: Survey) -> Iterator[str]:
    if target.aws_account and survey.account and survey.account != target.aws_account:
        yield f"the credentials are of AWS account {survey.account}, allowed is {target.aws_account}"
    for reach in survey.reaches:
        for reason in _reach(target, reach):
            yield f"{'rollback ' if reach.undoes else ''}{reach.action} ({reach.what}): {reason}"
    yield from _together(target, survey)


def _together(target: Target, survey: Survey) -> Iterator[str]:
    """Actions that are small enough each, and too large together."""
    most = target.allow.share
    faults = [reach for reach in survey.reaches if not reach.undoes]
    for kind in sorted({one.kind for reach in faults for one in reach.resources}):
        mine = [reach for reach in faults if reach.resources and reach.hits and reach.resources[0].kind == kind]
        capacity = max((reach.capacity or 0 for reach in mine), default=0)
        if most is None or len(mine) < 2 or not capacity or any(one.share and one.share > most for one in mine):
            continue
        all_of = {one.id for reach in mine if reach.hits == len(reach.resources) for one in reach.resources}
        some_of = sum(reach.hits or 0 for reach in mine if reach.hits != len(reach.resources))
        share = Fraction(min(capacity, len(all_of) + some_of), capacity)
        if share > most:
            shown = format_percent(share)
            yield f"the actions together take {shown} of the {kind}s, allowed is {format_percent(most)}; hit fewer"


def _reach(target: Target, reach: Reach) -> Iterator[str]:
    allow = target.allow
    if reach.problem:
        return  # nothing is known of it yet: no limit is broken, and no drill begins either
    if not reach.counted:
        if not reach.undoes and target.environment in STRICT and reach.what not in allow.uncounted:
            yield f"{reach.said}; where that is all right, add allow: {{uncounted: [{reach.what}]}}"
        return
    if reach.hits == 0 and not reach.undoes and not _foreign(target, reach):
        look = "look at its filters, zone and names" if reach.aws else "look at its arguments"
        yield f"hits nothing: {reach.said}; {look}: a drill of nothing proves nothing"
        return
    if reach.aws and not reach.tagged:
        tags = ", ".join(f"{key}={value}" for key, value in allow.tags.items())
        yield f"does not ask for the tags {tags}; add them to its filters"
    zones = sorted({one.zone for one in (*reach.resources, *reach.resting)})
    if allow.zones is not None and (other := [zone for zone in zones if zone not in allow.zones]):
        yield f"reaches zone {', '.join(other)}; allowed: {', '.join(allow.zones)}; add it to allow: {{zones: [...]}}"
    if foreign := _foreign(target, reach):
        shown = ", ".join(foreign[:5]) + (" ..." if len(foreign) > 5 else "")
        yield f"reaches {len(foreign)} without the allowed tags ({shown}); narrow its filters"
    if allow.share is not None and not reach.undoes and reach.share is not None and reach.share > allow.share:
        most = format_percent(allow.share)
        yield f"takes {format_percent(reach.share)} of the capacity ({reach.said}), allowed is {most}; hit fewer"


def _foreign(target: Target, reach: Reach) -> list[str]:
    tags = target.allow.tags.items()
    return [one.id for one in (*reach.resources, *reach.resting) if not tags <= one.tags.items()]


def in_words(survey: Survey) -> tuple[str, ...]:
    """What would be hit, a line an action; rollbacks hit nothing."""
    lines = []
    for reach in (one for one in survey.reaches if not one.undoes):
        share = "" if reach.share is None else f" ({format_percent(reach.share)})"
        ids = [one.id for one in reach.resources]
        shown = f": {', '.join(ids[:IDS_MAX])}{' ...' if len(ids) > IDS_MAX else ''}" if ids else ""
        lines.append(f"{reach.action}: {reach.said}{share}{shown}")
    if survey.account is not None:
        lines.append(f"asked of AWS account {survey.account}, region {survey.region}")
    return tuple(lines)


def needs_asking(plan: Plan) -> bool:
    """Whether somebody must be asked what the actions would hit."""
    return any(is_asked(action.what) for action in (*plan.actions, *plan.rollbacks))
