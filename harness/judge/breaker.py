"""Whether a circuit breaker opened in time, failed fast, shed load, and closed again.

A look at a breaker says its state at some instant in [at, done]. What changed between two looks is known to lie in
(at of the look before, done of the look after]; the upper bound counts. With several instances the slowest counts.

    opened    first look not closed at or after inject         opened_after = opened - inject
    open      from when every instance was seen open until the fault was taken away, or one was seen closed
    closed    first look closed after the last one that was not, after the fault's end; for good
    share reached = ratio(open) / ratio(baseline)              shed = 1 - share reached; ratios as in judge/watched.py
    unseen    what nobody looked at: a stretch without a look, or from the last one to the end of the observation
    opening   a look that is not closed right after a look that is, from inject on; more than one is flapping
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from harness.judge.account import mark, phase_of
from harness.judge.case import Case, unknown
from harness.judge.verdict import BreakerAccount, BreakerInstance, Interval, Kind, Outcome, Verdict
from harness.judge.watched import Answers, answers_of, gap_limit_ns, looks_at, ratio, within_limit
from harness.plan import Breaker, BreakerState, PhaseName
from harness.record import Kind as EventKind
from harness.record import Observation, Seen
from harness.units import NS_PER_S, format_duration, format_percent

INTERVALS_MIN: Final = 3  # a time shorter than so many looks cannot be told
WINDOW_LOOKS: Final = 4  # an inferred state is that of so many looks together
CLOSED: Final = BreakerState.CLOSED.value
HALF_OPEN: Final = BreakerState.HALF_OPEN.value


@dataclass(frozen=True)
class _Instance:
    """One breaker's looks that said something, and the instants between which it changed (ns)."""

    source: str
    looks: tuple[Observation, ...]
    opened: tuple[int, int] | None
    closed: tuple[int, int] | None
    openings: int
    half_open: bool
    gap_ns: int


@dataclass(frozen=True)
class _Story:
    """Everything seen of a breaker; `doubt` is why nothing can be said."""

    plan: Breaker
    instances: tuple[_Instance, ...]
    answers: Answers
    open_ns: tuple[int, int] | None
    share: float | str
    doubt: str | None


def breaker_account(case: Case) -> BreakerAccount | None:
    """What the breaker did; None where the plan names none."""
    story = _story(case)
    if story is None:
        return None
    account = case.account
    seen = story.answers.between(*story.open_ns) if story.open_ns else None
    return BreakerAccount(
        name=story.plan.name,
        how=story.plan.how,
        instances=tuple(_shown(case, one) for one in story.instances),
        opened_after_s=_since(account.inject_ns, [one.opened for one in story.instances]),
        closed_after_s=_since(account.fault_end_ns, [one.closed for one in story.instances]),
        answers_open=seen.total if seen else 0,
        fallbacks_open=int(seen.fallback.sum()) if seen else 0,
        fallback_p99_s=seen.p99_s if seen else None,
        share_reached=story.share if isinstance(story.share, float) else None,
        every_s=case.record.plan.observe_every_ns / NS_PER_S,
    )


def breaker_verdicts(case: Case) -> Iterator[Verdict]:
    """One verdict for each thing a breaker promises."""
    story = _story(case)
    if story is None:
        return
    for promise, claimed, unit, decide in (
        ("closed in the baseline", CLOSED, "", _in_baseline),
        ("opened", story.plan.opened_within_ns / NS_PER_S, "s", _opened),
        ("failed fast", story.plan.fails_fast_within_ns / NS_PER_S, "s", _failed_fast),
        ("shed load", float(story.plan.sheds), "ratio", _shed),
        ("probed half-open", "a try", "", _probed),
        ("closed", story.plan.closed_within_ns / NS_PER_S, "s", _closed),
        ("did not flap", 1, "", _steady),
    ):
        name = f"{story.plan.name} breaker {promise}"
        if story.doubt:
            yield unknown(name, Kind.BREAKER, story.doubt, claimed, unit)
            continue
        outcome, measured, because = decide(case, story)
        because += " (its state is inferred from the traffic that reaches it)" if story.plan.how == "inferred" else ""
        yield Verdict(
            promise=name,
            kind=Kind.BREAKER,
            outcome=outcome,
            claimed=claimed,
            measured=measured,
            unit=unit,
            because=because,
            events=(
                *mark(case.account, case.record.first(EventKind.FAULT_BEGIN)),
                *mark(case.account, case.record.first(EventKind.FAULT_END)),
            ),
        )


# --- what was seen ---------------------------------------------------------------------------------------------------


def _story(case: Case) -> _Story | None:
    record, account = case.record, case.account
    plan, dependency = record.plan.breaker, record.plan.dependency
    if plan is None or dependency is None:
        return None
    answers = answers_of(record, dependency.route)
    looks = _inferred(case, plan, answers) if plan.how == "inferred" else looks_at(record, Seen.BREAKER)
    doubt = account.fault_doubt or account.load_doubt
    if account.inject_ns is None or account.fault_end_ns is None:
        doubt = doubt or "the fault was not begun, or never taken away"
        return _Story(plan, (), answers, None, "not known", doubt)
    told = {source: tuple(one for one in seen if one.value is not None) for source, seen in looks.items()}
    silent = [source for source, seen in told.items() if not seen]
    if silent or not told:
        doubt = doubt or f"its state could not be read at {', '.join(silent) or 'any address'}"
    instances = tuple(_instance(source, seen, case) for source, seen in told.items() if seen)
    open_ns = _open_stretch(instances, len(told), account.fault_end_ns)
    return _Story(plan, instances, answers, open_ns, _share(case, answers, open_ns), doubt)


def _instance(source: str, looks: tuple[Observation, ...], case: Case) -> _Instance:
    account = case.account
    assert account.inject_ns is not None
    assert account.fault_end_ns is not None
    after = [(before, now) for before, now in pairwise(looks) if now.done_ns > account.inject_ns]
    openings = [(before, now) for before, now in after if before.value == CLOSED and now.value != CLOSED]
    opened = next((one for one in openings if one[1].at_ns <= account.fault_end_ns), None)
    later = [(before, now) for before, now in pairwise(looks) if now.done_ns > account.fault_end_ns]
    closings = [(before, now) for before, now in later if before.value != CLOSED and now.value == CLOSED]
    closed: tuple[int, int] | None = None
    if later and looks[-1].value == CLOSED:
        # Closed all the while: it closed before the fault's end, if it ever opened.
        last = closings[-1] if closings else later[0]
        closed = (max(last[0].at_ns, account.fault_end_ns), max(last[1].done_ns, account.fault_end_ns))
    watched = [look for look in looks if look.done_ns >= account.inject_ns]
    return _Instance(
        source=source,
        looks=looks,
        opened=(max(opened[0].at_ns, account.inject_ns), opened[1].done_ns) if opened else None,
        closed=closed,
        openings=len(openings),
        half_open=any(look.value == HALF_OPEN for look in watched),
        gap_ns=max([account.end_ns - looks[-1].done_ns, *(now.at_ns - was.done_ns for was, now in pairwise(looks))]),
    )


def _open_stretch(instances: tuple[_Instance, ...], wanted: int, fault_end_ns: int) -> tuple[int, int] | None:
    """From when every instance was seen open until the fault's end, or one was seen closed, or no longer seen."""
    if not instances or len(instances) < wanted or any(one.opened is None for one in instances):
        return None
    begin_ns = max(one.opened[1] for one in instances if one.opened)
    shut_ns = [look.at_ns for one in instances for look in one.looks if look.at_ns > begin_ns and look.value == CLOSED]
    seen_ns = min(one.looks[-1].done_ns for one in instances)
    end_ns = min([*shut_ns, fault_end_ns, seen_ns])
    return (begin_ns, end_ns) if begin_ns < end_ns else None


def _share(case: Case, answers: Answers, open_ns: tuple[int, int] | None) -> float | str:
    baseline = phase_of(case.record, PhaseName.BASELINE)
    if open_ns is None or baseline is None:
        return "it was never seen open in every instance"
    usual, now = ratio(case.record, answers, *baseline), ratio(case.record, answers, *open_ns)
    if isinstance(usual, str) or isinstance(now, str):
        return str(usual if isinstance(usual, str) else now)
    return now / usual if usual else "no request reached it in the baseline"


def _inferred(case: Case, plan: Breaker, answers: Answers) -> dict[str, list[Observation]]:
    """Looks made from traffic: over WINDOW_LOOKS looks at a counter, open where few of the usual requests came."""
    baseline = phase_of(case.record, PhaseName.BASELINE)
    if baseline is None or plan.open_below is None:
        return {"inferred": []}
    usual = ratio(case.record, answers, *baseline)
    found: list[Observation] = []
    for looks in list(looks_at(case.record, Seen.DEPENDENCY).values())[:1]:
        for first, last in zip(looks, looks[WINDOW_LOOKS:], strict=False):
            now = ratio(case.record, answers, first.at_ns, last.done_ns)
            if isinstance(now, str) or isinstance(usual, str) or not usual:
                continue
            state = BreakerState.OPEN if now < float(plan.open_below) * usual else BreakerState.CLOSED
            found.append(
                Observation(
                    at_ns=first.at_ns, done_ns=last.done_ns, what=Seen.BREAKER, source="inferred", value=state.value
                )
            )
    return {"inferred": found}


def _since(from_ns: int | None, spans: list[tuple[int, int] | None]) -> Interval | None:
    known = [span for span in spans if span is not None]
    if from_ns is None or not known or len(known) < len(spans):
        return None
    lower, upper = (max(span[index] for span in known) for index in (0, 1))
    return Interval(lower=(lower - from_ns) / NS_PER_S, upper=(upper - from_ns) / NS_PER_S)


def _shown(case: Case, one: _Instance) -> BreakerInstance:
    account = case.account
    changes = [one.looks[0], *(now for before, now in pairwise(one.looks) if before.value != now.value)]

    def interval(span: tuple[int, int] | None) -> Interval | None:
        return Interval(lower=account.seconds(span[0]), upper=account.seconds(span[1])) if span else None

    return BreakerInstance(
        source=one.source,
        changes=tuple((account.seconds(look.done_ns), str(look.value)) for look in changes),
        opened_s=interval(one.opened),
        closed_s=interval(one.closed),
        half_open_seen=one.half_open,
        openings=one.openings,
    )


# --- what it means ---------------------------------------------------------------------------------------------------

type _Found = tuple[Outcome, float | str | None, str]


def _in_baseline(case: Case, story: _Story) -> _Found:
    bounds = phase_of(case.record, PhaseName.BASELINE)
    assert case.account.inject_ns is not None
    if bounds is None:
        return Outcome.UNKNOWN, None, "the baseline did not run to its end"
    # Subtle: looks that lie in the baseline from begin to end. An inferred state is that of a second, in which the
    # fault may have begun, or the load.
    before = {
        one.source: [look for look in one.looks if bounds[0] <= look.at_ns and look.done_ns <= case.account.inject_ns]
        for one in story.instances
    }
    tripped = [source for source, looks in before.items() if any(look.value != CLOSED for look in looks)]
    if tripped:
        return Outcome.MISSED, "tripped", f"it tripped in the baseline, with nothing broken, at {', '.join(tripped)}"
    unseen = [source for source, looks in before.items() if not looks]
    if unseen:
        return Outcome.UNKNOWN, None, f"it was not looked at in the baseline at {', '.join(unseen)}"
    return Outcome.MET, CLOSED, f"closed at every look, in {len(before)} instances"


def _opened(case: Case, story: _Story) -> _Found:
    account, limit_ns = case.account, story.plan.opened_within_ns
    assert account.inject_ns is not None
    assert account.fault_end_ns is not None
    too_short = _too_short(case, limit_ns)
    if too_short:
        return Outcome.UNKNOWN, None, too_short
    never = [one for one in story.instances if one.opened is None]
    if never:
        names = ", ".join(one.source for one in never)
        if max(one.gap_ns for one in never) > _gap_limit_ns(case):
            return Outcome.UNKNOWN, None, f"it was not seen to open at {names}, but it was not looked at all the time"
        if account.fault_end_ns - account.inject_ns < limit_ns:
            return Outcome.UNKNOWN, None, "the fault was taken away before it had to open"
        return Outcome.MISSED, None, f"it never opened at {names}"
    taken = _since(account.inject_ns, [one.opened for one in story.instances])
    assert taken is not None
    outcome = Outcome.MET if taken.upper * NS_PER_S <= limit_ns else Outcome.MISSED
    because = f"open in every instance {_span(taken)} after inject"
    if outcome is Outcome.MISSED and taken.lower * NS_PER_S <= limit_ns:
        outcome, because = Outcome.UNKNOWN, f"{because}: the looks were too far apart to tell"
    return outcome, taken.upper, because


def _failed_fast(case: Case, story: _Story) -> _Found:
    del case
    if story.open_ns is None:
        return Outcome.UNKNOWN, None, "it was never seen open in every instance"
    seen = story.answers.between(*story.open_ns)
    outcome, because = within_limit(seen, story.plan.fails_fast_within_ns)
    return outcome, seen.p99_s, f"while open, {because}; {int(seen.fallback.sum()):,} were fallbacks"


def _shed(case: Case, story: _Story) -> _Found:
    del case
    if isinstance(story.share, str):
        return Outcome.UNKNOWN, None, story.share
    shed = 1 - story.share
    said = f"while open, {format_percent(story.share)} of the usual requests still reached it"
    if shed < float(story.plan.sheds):
        return Outcome.MISSED, shed, f"it opened, but did not shed: {said}"
    return Outcome.MET, shed, said


def _probed(case: Case, story: _Story) -> _Found:
    del case
    seen = [one.source for one in story.instances if one.half_open]
    if seen:
        return Outcome.MET, "seen", f"seen half-open at {', '.join(seen)}"
    if all(one.opened is not None for one in story.instances):
        if isinstance(story.share, float) and 0 < story.share <= 1 - float(story.plan.sheds):
            return Outcome.MET, "tried", "a request now and then reached it while it was open: it was tried"
        if all(one.closed is not None for one in story.instances):
            return Outcome.MET, "tried", "it closed again, which it only does after a try"
    return Outcome.UNKNOWN, None, "no try was seen, neither its state nor a request of it"


def _closed(case: Case, story: _Story) -> _Found:
    account, limit_ns = case.account, story.plan.closed_within_ns
    assert account.fault_end_ns is not None
    if any(one.opened is None for one in story.instances):
        return Outcome.UNKNOWN, None, "it never opened in every instance, so it had nothing to close"
    too_short = _too_short(case, limit_ns)
    if too_short:
        return Outcome.UNKNOWN, None, too_short
    open_still = [one for one in story.instances if one.closed is None]
    if open_still:
        names = ", ".join(one.source for one in open_still)
        watched_ns = min(one.looks[-1].at_ns for one in open_still) - account.fault_end_ns
        if watched_ns < limit_ns:
            return Outcome.UNKNOWN, None, f"it was not watched for {format_duration(limit_ns)} after the fault's end"
        return Outcome.MISSED, None, f"it never closed at {names}, watched for {format_duration(watched_ns)}"
    taken = _since(account.fault_end_ns, [one.closed for one in story.instances])
    assert taken is not None
    outcome = Outcome.MET if taken.upper * NS_PER_S <= limit_ns else Outcome.MISSED
    because = f"closed for good in every instance {_span(taken)} after the fault was taken away"
    if outcome is Outcome.MISSED and taken.lower * NS_PER_S <= limit_ns:
        outcome, because = Outcome.UNKNOWN, f"{because}: the looks were too far apart to tell"
    unseen = [one.source for one in story.instances if account.end_ns - one.looks[-1].done_ns > _gap_limit_ns(case)]
    if outcome is Outcome.MET and unseen:
        return (
            Outcome.UNKNOWN,
            None,
            f"it closed, but nobody looked to the end whether it stayed so: {', '.join(unseen)}",
        )
    return outcome, taken.upper, because


def _steady(case: Case, story: _Story) -> _Found:
    most = max(story.instances, key=lambda one: one.openings)
    if most.openings > 1:
        return Outcome.MISSED, most.openings, f"it opened {most.openings} times at {most.source}"
    gapped = [one.source for one in story.instances if one.gap_ns > _gap_limit_ns(case)]
    if gapped:
        return Outcome.UNKNOWN, None, f"it was not looked at all the time at {', '.join(gapped)}"
    return Outcome.MET, most.openings, "it opened once at most in every instance"


def _too_short(case: Case, limit_ns: int) -> str | None:
    every_ns = case.record.plan.observe_every_ns
    if limit_ns >= INTERVALS_MIN * every_ns:
        return None
    return f"{format_duration(limit_ns)} cannot be told by looks every {format_duration(every_ns)}"


def _gap_limit_ns(case: Case) -> int:
    return gap_limit_ns(case.record)


def _span(taken: Interval) -> str:
    return f"within {format_duration(taken.upper * NS_PER_S)}"
