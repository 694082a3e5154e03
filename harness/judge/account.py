"""What the record says about itself: was the load as planned, was the fault there, how far did the run get.

Everything that keeps a verdict from being green is decided here, once.
"""

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np

from harness.judge.verdict import FaultAccount, LoadAccount
from harness.plan import Evidence, PhaseName
from harness.record import NEVER_SENT, Event, Kind, Outcome, Record, Requests
from harness.units import NS_PER_S, format_duration, format_percent

SENT_RATIO_MIN: Final = 0.99  # design, section 7: validity
LATE_P99_NS_MAX: Final = 2_000_000
_SURGE: Final = (Kind.SURGE_BEGIN, Kind.SURGE_END)
CLOCK_MOVED_S_MAX: Final = 2.0  # further than a daemon that keeps the time ever has to step
CLOCK_DRIFT_MAX: Final = 0.001  # and what it may slew: 500 ppm are usual at most
ZONE_ANSWERS_MIN: Final = 10  # a zone that gave fewer answers in the baseline cannot be seen to fall silent


@dataclass(frozen=True)
class Account:
    """The frame of a run; instants in monotonic ns, None where they never came."""

    begin_ns: int
    end_ns: int
    inject_ns: int | None
    fault_end_ns: int | None
    applied_ns: int | None
    load: LoadAccount
    load_doubt: str | None  # why the load is void, if it is
    fault: FaultAccount
    fault_doubt: str | None  # why the fault does not count as applied
    healed_doubt: str | None
    run_doubt: str | None  # why the run is not whole
    clock_doubt: str | None  # why its times cannot be laid beside those of others

    def seconds(self, at_ns: int) -> float:
        """Seconds since the run's start."""
        return (at_ns - self.begin_ns) / NS_PER_S


def phase_of(record: Record, name: PhaseName) -> tuple[int, int] | None:
    """Begin and end (monotonic ns) of a phase that ended; None where it never did."""
    begin, end = record.first(Kind.PHASE_BEGIN, name), record.first(Kind.PHASE_END, name)
    return (begin.at_ns, end.at_ns) if begin and end else None


def account_of(record: Record) -> Account:
    """Read the frame off the record."""
    run_begin = record.first(Kind.RUN_BEGIN)
    begin_ns = run_begin.at_ns if run_begin else record.info.clock_monotonic_ns
    end_ns = _end_ns(record, begin_ns)
    inject, fault_end = record.first(Kind.FAULT_BEGIN), record.first(Kind.FAULT_END)
    load, load_doubt = _load(record)
    inject_ns = inject.at_ns if inject else None
    until_ns = fault_end.at_ns if fault_end else end_ns
    evidence, applied_ns, fault_doubt = _evidence(record, inject_ns, until_ns)
    healed_doubt = _healed_doubt(record, inject_ns, fault_end.at_ns if fault_end else None, end_ns)
    return Account(
        begin_ns=begin_ns,
        end_ns=end_ns,
        inject_ns=inject_ns,
        fault_end_ns=fault_end.at_ns if fault_end else None,
        applied_ns=applied_ns,
        load=load,
        load_doubt=load_doubt,
        fault=FaultAccount(
            applied=fault_doubt is None,
            evidence=evidence,
            inject_s=(inject_ns - begin_ns) / NS_PER_S if inject_ns is not None else None,
            applied_s=(applied_ns - begin_ns) / NS_PER_S if applied_ns is not None else None,
            end_s=(fault_end.at_ns - begin_ns) / NS_PER_S if fault_end else None,
            healed=healed_doubt is None or (_was_healed_by_others(record) and _not_looked(record) is None),
        ),
        fault_doubt=fault_doubt,
        healed_doubt=healed_doubt,
        run_doubt=_run_doubt(record),
        clock_doubt=_clock_doubt(record, end_ns - begin_ns),
    )


def _end_ns(record: Record, begin_ns: int) -> int:
    """The end of observation: when the load was told to stop, or ended; else the last thing the record knows."""
    load_end = record.first(Kind.LOAD_END)
    ends_ns = [worker.end_ns for worker in record.workers] + ([load_end.at_ns] if load_end else [])
    if ends_ns:
        return min(ends_ns)
    last_event = record.events[-1].at_ns if record.events else begin_ns
    last_request = int(record.requests["planned_ns"][-1]) if len(record.requests) else begin_ns
    return max(last_event, last_request)


def _run_doubt(record: Record) -> str | None:
    """Every reason, why it ended first: a lost file may be why it seems not to have."""
    end = record.first(Kind.RUN_END)
    how = end.data.get("how") if end is not None else None
    doubts = []
    if end is None:
        doubts.append("the run did not end: its record breaks off")
    elif how != "completed":
        doubts.append(f"the run was cut short ({how}: {end.data.get('because', '')})")
    if record.damage:
        doubts.append(f"the record is not as it was written: {', '.join(record.damage)}")
    return "; ".join(doubts) or None


def _clock_doubt(record: Record, length_ns: int) -> str | None:
    """Why the wall clock was no clock, if so; a run of an earlier build does not say, and is not doubted.

    Our intervals are of the monotonic clock. But what else was asked while it stepped went by the wall clock: ranges of
    Prometheus's and CloudWatch's, certificates, leases, the target's own time-outs on this machine.
    """
    end = record.first(Kind.RUN_END)
    moved_s = end.data.get("wall_clock_moved_s") if end is not None else None
    if not isinstance(moved_s, int | float):
        return None
    if abs(moved_s) <= CLOCK_MOVED_S_MAX + CLOCK_DRIFT_MAX * length_ns / NS_PER_S:
        return None
    way = "forward" if moved_s > 0 else "back"
    return (
        f"the wall clock moved {way} by {format_duration(abs(moved_s) * NS_PER_S)} while the run went on: it was set, "
        "or the machine slept; no interval of ours goes by it, but what the target and its metrics did meanwhile may"
    )


# --- load ------------------------------------------------------------------------------------------------------------


def _load(record: Record) -> tuple[LoadAccount, str | None]:
    counts: Counter[str] = Counter()
    for worker in record.workers:
        for route in worker.routes.values():
            counts.update(planned=route.planned, sent=route.sent, waiting=route.waiting, expired=route.expired)
    late_ns = max((worker.lateness_ns_p99 for worker in record.workers), default=None)
    doubt = _load_doubt(record, counts, late_ns)
    return LoadAccount(
        planned=counts["planned"],
        sent=counts["sent"],
        waiting=counts["waiting"],
        expired=counts["expired"],
        late_p99_s=late_ns / NS_PER_S if late_ns is not None else None,
        valid=doubt is None,
    ), doubt


def _load_doubt(record: Record, counts: Counter[str], late_ns: int | None) -> str | None:
    lost = record.first(Kind.LOAD_LOST)
    if lost:
        return f"a load process was lost: {lost.data.get('because', lost.name)}"
    if len(record.workers) < record.workers_planned or late_ns is None:
        return (
            f"{record.workers_planned - len(record.workers)} of {record.workers_planned} load workers left no account"
        )
    planned, sent = counts["planned"], counts["sent"]
    if planned == 0:
        return "no request was planned"
    held = _arrivals_held(record)
    if sent + counts["waiting"] + counts["expired"] != planned or held != planned:
        return f"{planned:,} arrivals were planned, but {held:,} are in the record"
    uncovered = _uncovered(record)
    if uncovered:
        return uncovered
    if sent < SENT_RATIO_MIN * planned:
        return (
            f"only {format_percent(sent / planned)} of the planned requests were sent, "
            f"{format_percent(SENT_RATIO_MIN)} are needed"
        )
    if late_ns >= LATE_P99_NS_MAX:
        return (
            f"the generator fell behind: lateness p99 {format_duration(late_ns)}, "
            f"below {format_duration(LATE_P99_NS_MAX)} is needed; drill when this machine is less busy, or from another"
        )
    return None


def _arrivals_held(record: Record) -> int:
    """Arrivals in the record; one that stands in it twice counts once."""
    requests = record.requests
    return len(np.unique((requests["route"].astype(np.int64) << 48) | requests["seq"]))


def _uncovered(record: Record) -> str | None:
    """Which part of the phases had no load, if any: nothing planned is not the same as nothing bad."""
    begin = record.first(Kind.PHASE_BEGIN, PhaseName.BASELINE)
    first_ns = max(worker.begin_ns for worker in record.workers)
    if begin and first_ns > begin.at_ns:
        return f"the load began {format_duration(first_ns - begin.at_ns)} after the baseline did"
    ends = [*record.all(Kind.PHASE_END), *record.all(Kind.LOAD_END)]
    last_ns = min(worker.end_ns for worker in record.workers)
    early = [end for end in ends if last_ns < end.at_ns]
    if early:
        what = f"the {early[0].name} phase did" if early[0].kind is Kind.PHASE_END else "it was told to"
        return f"the load ended {format_duration(early[0].at_ns - last_ns)} before {what}"
    return None


# --- fault -----------------------------------------------------------------------------------------------------------


def _evidence(record: Record, inject_ns: int | None, until_ns: int) -> tuple[dict[str, bool], int | None, str | None]:
    """Each evidence and whether it was seen, when the last of it was seen, and why the fault does not count."""
    if inject_ns is None:
        return {item.name: False for item in record.plan.evidence}, None, "no fault was begun"
    found = {
        item.name: _rose(record, item.traffic_above, inject_ns, until_ns)
        if item.traffic_above is not None
        else _probed(record, item, inject_ns, until_ns)
        if item.zone_silent is None
        else _fell_silent(record, item.zone_silent, inject_ns, until_ns)
        for item in record.plan.evidence
    }
    instants = [at_ns for at_ns in found.values() if isinstance(at_ns, int)]
    applied_ns = max(instants) if found and len(instants) == len(found) else None
    return {name: isinstance(at_ns, int) for name, at_ns in found.items()}, applied_ns, _fault_doubt(record, found)


def _fault_doubt(record: Record, found: dict[str, int | str]) -> str | None:
    names = [action.name for action in record.plan.actions]
    doubt = _not_succeeded(record, Kind.FAULT_CALLED, names)
    if doubt:
        return f"the fault's action {doubt}"
    doubt = _not_succeeded(record, Kind.FAULT_PROBED, _named(record, "method", "probe"))
    if doubt:  # for Chaos Toolkit, too, a method of which anything failed is inconclusive
        return f"the method's probe {doubt}"
    unbegun = set(names) - {event.name for event in record.all(Kind.FAULT_BEGIN)}
    if unbegun:
        return f"it is not known when the fault's action began: {', '.join(sorted(unbegun))}"
    if not found:
        return "the experiment names no evidence"
    if len(found) < len(record.plan.evidence):
        return "two pieces of evidence have one name: it is not known that both were seen"
    missing = [why for why in found.values() if isinstance(why, str)]
    return f"no evidence that the fault took effect: {'; '.join(missing)}" if missing else None


def _not_succeeded(record: Record, kind: Kind, names: list[str]) -> str | None:
    """Why not every call of these names came back well, if so. A call of which nothing is known did not."""
    calls = list(record.all(kind))
    failed = next((call for call in calls if call.data.get("status") != "succeeded"), None)
    if failed:
        return f"failed: {failed.name}: {failed.data.get('error', '')}"
    missing = set(names) - {call.name for call in calls}
    return f"did not come back: {', '.join(sorted(missing))}" if missing else None


def _probed(record: Record, item: Evidence, inject_ns: int, until_ns: int) -> int | str:
    """When a probe first saw its evidence with the fault there, or why that does not count.

    What was there before the fault proves nothing, and nobody knows that it was not unless it was looked for. What was
    not there at the last look did not last, and of what should last somebody must have looked twice.
    """
    name = item.name
    looks = list(record.all(Kind.FAULT_EVIDENCE, name))
    before = [look for look in looks if _is_before(look, inject_ns)]
    during = [look for look in looks if not _is_before(look, inject_ns) and look.at_ns <= until_ns]
    if any(look.data.get("seen") is True for look in before):
        return f"{name}: seen already before the fault"
    seen = [look.at_ns for look in during if look.data.get("seen") is True]
    if not seen:
        return f"{name} not seen"
    if not before:
        return f"{name}: not looked for before the fault"
    if during[-1].data.get("seen") is not True:
        return f"{name}: no longer seen at the last look"
    if item.lasts and len(during) < 2:
        return f"{name}: nobody looked again before it was taken away"
    return seen[0]


def _is_before(look: Event, inject_ns: int) -> bool:
    return look.data.get("before") is True or look.at_ns < inject_ns


def _fell_silent(record: Record, zone: str, inject_ns: int, until_ns: int) -> int | str:
    """When the zone gave its last answer before it fell silent until `until_ns`, or why that does not count.

    A silence of s ns counts when it lasted the plan's sustained length at least, and the zone, at its pace before the
    fault (n answers in t ns), would have given n * s / t >= ZONE_ANSWERS_MIN answers in it: one that answers seldom is
    silent most of the time. One that was silent in that sense already when the fault began proves nothing.
    """
    done_ns = np.sort(_answers_of(record, zone)["done_ns"])
    before, within = np.searchsorted(done_ns, [inject_ns, until_ns])
    if before < ZONE_ANSWERS_MIN:
        return f"zone {zone} gave {before} answers before the fault, too few to see it fall silent"
    length_ns = inject_ns - int(done_ns[0])

    def is_silence(silence_ns: int) -> bool:
        return int(before) * silence_ns >= ZONE_ANSWERS_MIN * length_ns

    if is_silence(inject_ns - int(done_ns[before - 1])):
        return f"zone {zone} was silent already before the fault"
    silence_ns = until_ns - int(done_ns[within - 1])
    if silence_ns < record.plan.sustain_ns or not is_silence(silence_ns):
        return f"zone {zone} silent not seen: it answered until {format_duration(silence_ns)} before the end"
    return max(inject_ns, int(done_ns[within - 1]))


def _rose(record: Record, factor: Fraction, inject_ns: int, until_ns: int) -> int | str:
    """When the surge began, or why it does not count: requests sent per second, in the surge and in the baseline.

    Counted over the routes that are to surge.
    """
    bounds, begin, end = phase_of(record, PhaseName.BASELINE), *(record.first(kind) for kind in _SURGE)
    if bounds is None or begin is None:
        return f"traffic above {float(factor):g}x: no surge was begun"
    stretch = (max(begin.at_ns, inject_ns), min(end.at_ns if end else until_ns, until_ns))
    usual, surged = (_sent_per_s(record, *one) for one in (bounds, stretch))
    if not usual or surged < factor * usual:
        return f"traffic above {float(factor):g}x not seen: {surged:.0f}/s were sent, {usual:.0f}/s in the baseline"
    return begin.at_ns


def _sent_per_s(record: Record, begin_ns: int, end_ns: int) -> float:
    surging = [index for index, route in enumerate(record.plan.profile.routes) if route.surge_per_s is not None]
    requests = record.requests
    mine = np.isin(requests["route"], surging) & ~np.isin(requests["outcome"], NEVER_SENT)
    inside = mine & (requests["planned_ns"] >= begin_ns) & (requests["planned_ns"] < end_ns)
    return float(np.count_nonzero(inside)) * NS_PER_S / max(1, end_ns - begin_ns)


def _answers_of(record: Record, zone: str) -> Requests:
    requests = record.requests
    if zone not in record.zones:
        return requests[:0]
    answers: Requests = requests[
        (requests["zone"] == record.zones.index(zone)) & (requests["outcome"] == Outcome.ANSWERED)
    ]
    return answers


def _healed_doubt(record: Record, inject_ns: int | None, fault_end_ns: int | None, end_ns: int) -> str | None:
    if inject_ns is None:
        return None
    if not record.plan.evidence:
        return "the experiment names no evidence, so nothing can show that it is gone"
    doubt = _undone_doubt(record)
    if doubt or fault_end_ns is None:
        return doubt or "the fault was never taken away"
    doubt = _not_looked(record)
    if doubt:
        return doubt
    for item in record.plan.healed:
        looks = [look for look in record.all(Kind.FAULT_HEALED, item.name) if look.at_ns >= fault_end_ns]
        if not looks or looks[-1].data.get("healed") is not True:
            return f"not seen to be healed: {item.name}"
    for zone in (item.zone_silent for item in record.plan.evidence if item.zone_silent is not None):
        planned_ns = _answers_of(record, zone)["planned_ns"]
        if not np.any((planned_ns >= fault_end_ns) & (planned_ns < end_ns)):
            return f"zone {zone} gave no answer after the fault was taken away"
    return None


def _not_looked(record: Record) -> str | None:
    """Why nobody can have seen it healed, if so: that the calls came back is no look at the target.

    A zone is seen to answer again, and a surge is our own load, whose end we know.
    """
    evidence = record.plan.evidence
    if record.plan.healed or any(item.zone_silent is not None for item in evidence):
        return None
    if all(item.traffic_above is not None for item in evidence):
        return None if record.first(Kind.SURGE_END) else "the surge was never ended"
    return "nobody looked whether it is healed: add healed: to the experiment"


def _undone_doubt(record: Record) -> str | None:
    """Why the experiment's own undoing is not what took the fault away, if so."""
    by_others = record.first(Kind.UNDO_BEGIN)
    if by_others is not None:
        return _undone_by_others(record, by_others)
    if record.first(Kind.FAULT_END) is None:
        return "the fault was never taken away"
    rollbacks = [*_named(record, "rollbacks", "action"), *_named(record, "rollbacks", "probe")]
    doubt = _not_succeeded(record, Kind.FAULT_UNDONE, rollbacks)
    if doubt:
        return f"undoing {doubt}"
    return "no undoing came to an end" if record.first(Kind.FAULT_UNDONE) is None else None


def _was_healed_by_others(record: Record) -> bool:
    ends = list(record.all(Kind.UNDO_END))
    return bool(ends) and ends[-1].data.get("healed") is True


def _undone_by_others(record: Record, begun: Event) -> str:
    """Why a fault that the experiment's own process did not undo is in doubt, also where it was undone in the end."""
    ends = list(record.all(Kind.UNDO_END))
    if not ends:
        became = "and did not come to an end"
    elif not _was_healed_by_others(record):
        became = f"and something is left: {ends[-1].data.get('because', '')}; see wellproven recover"
    else:
        became = f"and had done so {format_duration(ends[-1].at_ns - begun.at_ns)} later"
    return f"the run did not undo its fault; the {begun.name} had to ({begun.data.get('because', '')}), {became}"


def _named(record: Record, part: str, kind: str) -> list[str]:
    """Names of the experiment's own activities of a kind (action, probe) in its method or rollbacks."""
    activities = record.plan.body.get(part)
    return [
        str(activity["name"])
        for activity in (activities if isinstance(activities, list) else [])
        if isinstance(activity, dict) and activity.get("type") == kind and "name" in activity
    ]


def mark(account: Account, event: Event | None) -> tuple[str, ...]:
    """How a verdict names an event: `fault.begin stop-zone @ 12.345 s`."""
    if event is None:
        return ()
    name = f" {event.name}" if event.name else ""
    return (f"{event.kind}{name} @ {account.seconds(event.at_ns):.3f} s",)
