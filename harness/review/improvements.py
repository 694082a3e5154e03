"""Claims of improvement against baselines that were measured: "DR time down 60 % since March"."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

from harness.judge import Outcome
from harness.review.answers import Improvement
from harness.review.decisions import amount, called, doubt
from harness.review.measured import Measured, newest_of
from harness.units import format_percent


@dataclass(frozen=True, slots=True)
class Improved:
    """One claim, with the figure then and the figure now."""

    improvement: Improvement
    outcome: Outcome
    then: Measured | None
    now: Measured | None
    fell_by: float | None  # 0.6: by 60 %; negative where it rose
    because: str


def improved(
    claims: Iterable[Improvement], measured: Iterable[Measured], fresh_from: datetime | None = None
) -> tuple[Improved, ...]:
    """Each claim against figures of stored runs and milestones.

    Then: the last figure up to that day, else the first after it. Now: the newest figure (`newest_of`), which must be
    another one. Runs that do not know the figure, and easier trials than what is claimed that missed nothing, are as if
    they were not there.
    `fresh_from`: a good figure from before then is too old to be one of now.
    """
    figures = list(measured)
    return tuple(_improved(one, figures, fresh_from) for one in claims)


def _unmeasured(claim: Improvement, measured: Sequence[Measured]) -> str:
    """Why there is nothing to compare."""
    if len(measured) > 1:
        return f"no run has measured it since {claim.since}"
    return "one run measured it, and it takes two" if measured else "no run measured it"


def _improved(claim: Improvement, measured: Sequence[Measured], fresh_from: datetime | None) -> Improved:
    # One run may stand in several milestones, with other figures in each.
    known = {one.run: one for one in measured if one.experiment == claim.experiment and one.knows(claim.measure)}
    easier = [one for one in known.values() if not one.counts]
    every = sorted((one for one in known.values() if one.counts), key=lambda one: one.at)
    mine = [one for one in every if one.value(claim.measure) is not None]
    since = datetime.combine(claim.since, time.max, UTC)
    before = [one for one in mine if one.at <= since]
    then = before[-1] if before else mine[0] if mine else None
    last = newest_of(claim.measure, every)
    if last is not None and last.is_beyond(claim.measure):
        said = f"{claim.experiment} {called(claim.measure)}: {last.run} saw no recovery"
        return Improved(claim, Outcome.MISSED, then, last, None, said)
    now = newest_of(claim.measure, (one for one in every if then is not None and one.at > then.at))
    if then is None or now is None:
        why = _unmeasured(claim, mine)
        why += f"; {doubt(max(easier, key=lambda one: one.at), None)}" if easier else ""
        return Improved(claim, Outcome.UNKNOWN, then, None, None, f"{claim.experiment} {called(claim.measure)}: {why}")
    was, is_now = then.value(claim.measure), now.value(claim.measure)
    assert was is not None
    assert is_now is not None
    said = (
        f"{claim.experiment} {called(claim.measure)}: {amount(claim.measure, was)} on {then.at:%Y-%m-%d}, "
        f"{amount(claim.measure, is_now)} on {now.at:%Y-%m-%d}"
    )
    if was <= 0:
        return Improved(claim, Outcome.UNKNOWN, then, now, None, f"{said}: nothing can fall from there")
    fell_by = 1 - is_now / was
    outcome = Outcome.MET if is_now <= was * float(1 - claim.less_by) else Outcome.MISSED
    why = doubt(now, fresh_from)
    if outcome is Outcome.MET and why:
        return Improved(claim, Outcome.UNKNOWN, then, now, fell_by, f"{said}: {why}")
    moved = f"down {format_percent(fell_by, 1)}" if fell_by >= 0 else f"up {format_percent(-fell_by, 1)}"
    return Improved(claim, outcome, then, now, fell_by, f"{said}: {moved}, {format_percent(claim.less_by, 1)} claimed")
