"""What a target allows, as `plan` and `drill` find out: what would be hit, what was spent, who approved."""

import argparse
import contextlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from harness.clock import Clock
from harness.errors import FileError, NotAvailableError, RefusedError
from harness.fault import ask_reach
from harness.files import read_regular
from harness.judge import Judgement, judge
from harness.plan import (
    TESTBED,
    Around,
    Plan,
    Target,
    budget_left,
    built_in_target,
    in_its_words,
    in_words,
    is_aws,
    needs_asking,
    refusals,
)
from harness.record import RunInfo, read_record
from harness.run import addresses_of, is_held, left_on
from harness.slo import Slo

if TYPE_CHECKING:
    from harness.testbed import BedStatus

VERDICT_FILE = "verdict.json"
JSON_BYTES_MAX = 64 << 20
NOT_ASKED = "what that hits is asked of the test bed, once it is up"


def add_limit_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that limits ask for."""
    parser.add_argument("--production", action="store_true", help="yes, this target is production")
    parser.add_argument("--approver", default="", metavar="NAME", help="who approved it; production needs one")
    parser.add_argument("--testbed", default="default", metavar="NAME", help="the test bed to use if it is up")


def target_as_it_is(target: Target, bed_name: str) -> Target:
    """The target; the embedded one with its addresses and settings, where it is up."""
    if target.name != TESTBED:
        return target
    with contextlib.suppress(ImportError, NotAvailableError):  # its parts are an extra; it may be down
        from harness import testbed

        bed = testbed.attach(bed_name)
        if bed is not None:
            return embedded(bed.status())
    return target


def embedded(status: "BedStatus") -> Target:
    """The embedded target as a bed that is up says it is: another one with each setting that is not at its default."""
    return built_in_target(status.endpoints["edge"], status.environment, status.settings.weaknesses)


def ask(plan: Plan, target: Target) -> Plan:
    """The plan with what its actions would hit.

    The embedded target is asked only where it is up: its AWS calls must never go anywhere else, and what it has is not
    there yet.
    """
    if target.name == TESTBED and "AWS_ENDPOINT_URL" not in target.environment_variables and needs_asking(plan):
        words = [f"{one.name}: {in_its_words(one)}" for one in plan.actions if not is_aws(one.what)]
        return plan.model_copy(update={"blast_radius": (*plan.blast_radius, *words, NOT_ASKED)})
    environment = dict(target.environment_variables)
    if plan.aws_region is not None:
        environment["AWS_DEFAULT_REGION"] = plan.aws_region
    found = ask_reach(plan.actions, target.allow.tags, environment, plan.rollbacks)
    return plan.model_copy(update={"reach": found, "blast_radius": (*plan.blast_radius, *in_words(found))})


def checked(plans: Sequence[Plan], target: Target, arguments: argparse.Namespace, clock: Clock) -> list[Plan]:
    """The plans with what their actions would hit.

    Raises RefusedError with all that the target does not allow; where that is nothing, NotAvailableError where somebody
    could not be asked.
    """
    asked = [ask(plan, target) for plan in plans]
    refuse(asked, target, arguments, clock)
    return asked


def refuse(plans: Sequence[Plan], target: Target, arguments: argparse.Namespace, clock: Clock) -> None:
    """Raise one RefusedError with all that the target does not allow of any of the plans, if there is something.

    Raises NotAvailableError where that is nothing, and somebody could not be asked what an action would hit.
    """
    now = datetime.fromtimestamp(clock.utc_ns() / 1e9, UTC)
    addresses = addresses_of(target.base_url)
    spent: dict[str, float] = {}
    unknown: tuple[str, ...] = ()
    if budget_left(target) is not None:
        slos = {slo.name: slo for plan in plans for slo in plan.slos}
        spent, unknown = spent_on(target, addresses, arguments.runs, slos.values(), clock.utc_ns())
    locked = is_held(target.base_url)
    around = Around(
        now=now,
        production=arguments.production,
        approver=arguments.approver,
        locked=locked,
        left=() if locked else tuple(left_on(target, addresses)),  # what runs there now has its own entry: it will undo
        spent=spent,
        spent_unknown=unknown,
    )
    found = {plan.experiment: refusals(plan, target, plan.reach, around) for plan in plans}
    every = [reason for reasons in found.values() for reason in reasons]
    shared = [reason for reason in dict.fromkeys(every) if every.count(reason) == len(plans)]
    lines = [f"  {reason}" for reason in shared]
    for name, reasons in found.items():
        lines += [f"  {name}: {reason}" for reason in reasons if reason not in shared]
    unasked = [f"  {line}" for line in dict.fromkeys(line for plan in plans for line in _problems(plan))]
    if lines:
        lines += unasked
        what = ", ".join(name for name, reasons in found.items() if reasons)
        raise RefusedError("\n".join((f"target {target.name} does not allow {what}; nothing was started", *lines)))
    if unasked:
        raise NotAvailableError("\n".join(("what would be hit is not known; nothing was started", *unasked)))


def _problems(plan: Plan) -> Iterator[str]:
    """Why somebody could not be asked; once where it is the same for several actions."""
    reasons: dict[str, list[str]] = {}
    for reach in plan.reach.reaches if plan.reach is not None else ():
        if reach.problem:
            reasons.setdefault(reach.problem, []).append(reach.action)
    for problem, names in reasons.items():
        yield f"{plan.experiment}: {', '.join(names)}: {problem}"


def spent_on(
    target: Target, addresses: Collection[str], runs: Path, slos: Iterable[Slo], utc_ns: int
) -> tuple[dict[str, float], tuple[str, ...]]:
    """(share of each SLO's window that stored runs on the target have cost, runs that do not say).

    A run whose head cannot be read may be one of this target, and of this window.
    """
    slos = tuple(slos)
    spent: dict[str, float] = {}
    unknown = []
    for path, info in _runs_on(target, addresses, runs):
        if info is None:
            unknown.append(str(path.relative_to(runs)))
            continue
        recent = [slo.name for slo in slos if utc_ns - info.clock_utc_ns < slo.window_ns]
        if not recent:
            continue
        try:
            shares = _shares(path)
        except (FileError, OSError, ValueError):
            unknown.append(str(path.relative_to(runs)))
            continue
        for name in recent:
            spent[name] = spent.get(name, 0.0) + shares.get(name, 0.0)
    return spent, tuple(unknown)


def _runs_on(target: Target, addresses: Collection[str], runs: Path) -> Iterable[tuple[Path, RunInfo | None]]:
    """The stored runs on the target with their heads; None is a head that cannot be read.

    A target is known by its name and by its addresses: under another name it has spent what it has spent.
    """
    for file in sorted(runs.glob("*/*/run.json")):
        try:
            info = RunInfo.model_validate_json(read_regular(file, JSON_BYTES_MAX, follow_links=False))
        except (OSError, ValidationError):
            yield file.parent, None
            continue
        if info.target == target.name or set(addresses) & set(info.addresses):
            yield file.parent, info


def _shares(path: Path) -> dict[str, float]:
    """What a stored run cost: as it was judged, or judged now where nobody has. Raises ValueError if it is unknown."""
    try:
        text = read_regular(path / VERDICT_FILE, JSON_BYTES_MAX, follow_links=False)
    except FileNotFoundError:
        judgement = judge(read_record(path))
    else:
        judgement = Judgement.model_validate_json(text)
    if not judgement.budget:  # the judge broke off
        raise ValueError("no budget was judged")
    # A run that ended before its first request cost nothing; without answers, of any other nothing is known.
    idle = judgement.load.sent == 0 and judgement.fault.inject_s is None
    shares = {}
    for name, spend in judgement.budget.items():
        share = 0.0 if idle and spend.total == 0 else spend.share_of_window
        if share is None or share < 0:  # what is not finite was refused by the model
            raise ValueError(f"no share of {name}'s window")
        shares[name] = share
    return shares
