"""The tables of the page, as rows of text: every figure is the judgement's or the plan's, put into words."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.judge import Judgement
from harness.plan import Plan, rules_in_words
from harness.record import Record
from harness.report import words
from harness.report.planned import claim, guard_limits, length
from harness.slo import LoadIndicator, Slo
from harness.units import format_duration, format_percent, format_rate

# Written after the judgement, or made from it: no part of what was judged.
DERIVED: Final = ("verdict.json", "report.html")


@dataclass(frozen=True)
class Table:
    """A titled table; every row has a cell for each column."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    empty: str = "none"  # what stands there when there is no row


def recovery_table(judgement: Judgement) -> Table:
    """Marks and recovery times of each SLO."""
    rows = [
        (
            name,
            words.instant(one.inject_s),
            words.instant(one.effect_s) if one.effect_s is not None else words.unbroken(one),
            words.instant(one.first_ok_s),
            words.between(one.recovered_s),
            words.between(one.rta_inject_s),
            words.between(one.rta_service_s),
            words.count(one.relapses),
            words.duration(one.bad_s),
            words.duration(one.resolution_s),
            "yes: no failover" if one.fault_removed else "no",
        )
        for name, one in judgement.recovery.items()
    ]
    return Table(
        "Recovery",
        (
            "SLO",
            "inject",
            "effect",
            "first ok",
            "recovered",
            "RTA from inject",
            "RTA from effect",
            "relapses",
            "bad in all",
            "resolution",
            "only after the fault was removed",
        ),
        tuple(rows),
        "Instants are seconds since the run's start. RTA, the recovery time actual, is a length: it lies between the "
        "last bad answer and the first good one after which the SLO stayed kept; its upper end is what the RTO limits. "
        "Resolution is the time between two requests: nothing shorter can be told.",
        "No fault was begun, so there is nothing to recover from.",
    )


_DATA_MEANINGS: Final = (
    ("attempted", "writes the load planned"),
    ("acknowledged", "answered with success: the service said that it has them"),
    ("failed", "surely not applied: refused, never sent, or answered with an error that says so"),
    ("unknown", "no telling whether they were applied; never counted as lost"),
    ("survived", "ids read back after recovery"),
    ("lost", "acknowledged, and not among the survivors"),
    ("lost_after_effect", "of the lost: acknowledged after the failure began"),
    ("recovered", "unknown, and yet among the survivors"),
    ("unexpected", "survivors that were never written"),
    ("resurrected", "surely failed, and yet among the survivors"),
    ("duplicates", "survivors read more than once"),
)


def data_table(judgement: Judgement) -> Table:
    """What became of the writes."""
    data = judgement.data
    rows: list[tuple[str, ...]] = []
    if data is not None:
        rows = [(name.replace("_", " "), words.count(getattr(data, name)), said) for name, said in _DATA_MEANINGS]
        rpa = "nothing was lost" if data.lost == 0 else "how far back the oldest lost write lies; the upper end counts"
        rows.append(("RPA", words.between(data.rpa_s) if data.lost else "-", rpa))
    return Table(
        "Data",
        ("writes", "count", "meaning"),
        tuple(rows),
        empty="No survivors were read to the end, or the experiment has no ledger: nothing is known of data loss.",
    )


def budget_table(judgement: Judgement, plan: Plan) -> Table:
    """What the drill cost each SLO's error budget: two figures that are never mixed."""
    windows = {slo.name: format_duration(slo.window_ns) for slo in plan.slos}
    rows = [
        (
            name,
            f"{one.good:,} of {one.total:,}",
            words.percent(one.share_of_seen),
            format_percent(one.coverage),
            words.percent(one.share_of_window),
            windows.get(name, words.NOT_KNOWN),
            f"{one.bad_minutes_at_production:.2f} min",
            ", ".join(f"{window}: {burn:.3g}" for window, burn in one.burn.items()) or words.NOT_KNOWN,
        )
        for name, one in judgement.budget.items()
    ]
    return Table(
        "Error budget",
        (
            "SLO",
            "seen: good",
            "seen: spent of its budget",
            "seen: seconds with data",
            "at production traffic: spent of the window's budget",
            "window",
            "at production traffic: bad",
            "highest burn",
        ),
        tuple(rows),
        "Two figures that are never mixed. Seen: of the budget that the drill's own requests had; more than 100 % is "
        "usual, as a drill is short and mostly outage. At production traffic: what the same outage would cost of the "
        "window's budget. Burn 1 spends the budget exactly at the window's end; over windows longer than the drill "
        "it stands on a clean history.",
        "No answer was seen.",
    )


def alert_table(judgement: Judgement) -> Table:
    """Burn-rate alerts, rehearsed."""
    rows = [
        (
            name,
            alert.policy,
            words.yes(alert.can_fire),
            words.instant(alert.predicted_s),
            words.instant(alert.fired_s),
            words.instant(alert.cleared_s),
        )
        for name, one in judgement.budget.items()
        for alert in one.alerts
    ]
    return Table(
        "Alerts, rehearsed",
        ("SLO", "policy", "could fire", "predicted", "fired", "cleared"),
        tuple(rows),
        "On the measured series, on top of a clean history. Could fire: whether it would, had every answer been bad; "
        'where it could not, "not fired" says nothing. Instants are seconds since the run\'s start.',
        "The SLOs name no burn-rate alert.",
    )


def account_table(judgement: Judgement) -> Table:
    """Whether load and fault were as planned."""
    load, fault = judgement.load, judgement.fault
    evidence = [
        (f"evidence: {name}", "seen" if seen else "not seen", "how we know that the fault took effect")
        for name, seen in fault.evidence.items()
    ]
    return Table(
        "Load and fault",
        ("what", "measured", "meaning"),
        (
            ("planned", words.count(load.planned), "arrivals in the schedule, up to when the load was stopped"),
            ("sent", words.count(load.sent), "of these, sent; sent + waiting + expired = planned"),
            ("waiting", words.count(load.waiting), "still without a connection when the load stopped"),
            ("expired", words.count(load.expired), "waited for a connection until their time-out"),
            ("lateness p99", words.duration(load.late_p99_s), "how late the generator itself was"),
            ("load valid", words.yes(load.valid), "where it is not, no verdict that rests on it is green"),
            ("fault applied", words.yes(fault.applied), "every evidence was seen"),
            *evidence,
            ("inject", words.instant(fault.inject_s), "just before the fault call"),
            ("applied", words.instant(fault.applied_s), "the last of the evidence was seen"),
            ("fault end", words.instant(fault.end_s), "just before the first undo call"),
            ("healed", words.yes(fault.healed), "every undo call succeeded and the target was seen whole again"),
        ),
    )


def plan_tables(plan: Plan) -> Iterable[Table]:
    """What was to be done, and why."""
    yield Table(
        "Phases",
        ("phase", "planned length", "because"),
        tuple((phase.name, length(phase), phase.because) for phase in plan.phases),
    )
    yield Table(
        "Load",
        ("request", "rate", "in production", "because"),
        tuple(
            (
                one.route,
                format_rate(one.rate_per_s),
                words.NOT_KNOWN if one.production_per_s is None else format_rate(one.production_per_s),
                one.because,
            )
            for one in plan.requests
        ),
    )
    yield Table(
        "Limits",
        ("what", "limit"),
        (
            ("guard", guard_limits(plan)),
            *((f"guard: {name}", when) for name, when in rules_in_words(plan.guard, plan.slos)),
            *(("blast radius", line) for line in plan.blast_radius),
            *(("action", f"{action.name}: {action.what}") for action in plan.actions),
            ("stays kept for", format_duration(plan.sustain_ns)),
        ),
    )


def claim_tables(plan: Plan) -> Iterable[Table]:
    """What was promised, as claimed."""
    yield Table(
        "SLOs",
        ("SLO", "target", "window", "what is good", "production", "critical", "from"),
        tuple(
            (
                slo.name if slo.title == slo.name else f"{slo.name}: {slo.title}",
                format_percent(slo.target, 3),
                f"{format_duration(slo.window_ns)}, {slo.budgeting}",
                _good(slo),
                words.NOT_KNOWN if slo.traffic_per_s is None else format_rate(slo.traffic_per_s),
                words.yes(slo.critical),
                slo.where,
            )
            for slo in plan.slos
        ),
    )
    yield Table(
        "Recovery objectives",
        ("objective", "service", "disruption", "claim", "from"),
        tuple((one.name, one.service, one.disruption, claim(one), one.where) for one in plan.objectives),
    )
    if plan.proves:
        yield Table(
            "Evidence for",
            ("lens", "question", "choice"),
            tuple((one.lens, one.question, one.choice) for one in plan.proves),
        )


def _good(slo: Slo) -> str:
    indicator = slo.indicator
    if not isinstance(indicator, LoadIndicator):
        return f"{indicator.description} (not judged)"
    limit = "" if indicator.within_ns is None else f" within {format_duration(indicator.within_ns)}"
    return f"{indicator.request} answered {' or '.join(indicator.status)}{limit}"


def file_table(record: Record) -> Table:
    """Each file of the record with its SHA-256, for auditors."""
    return Table(
        "Files of the record",
        ("file", "bytes", "SHA-256"),
        tuple(_files(record.path)),
        "What the verdicts rest on. The same run judged again, by the same version, gives the same verdicts.",
        "No file was readable.",
    )


def _files(folder: Path) -> Iterable[tuple[str, ...]]:
    for path in sorted(folder.glob("*")):
        if path.name in DERIVED or path.name.startswith(".") or path.is_symlink() or not path.is_file():
            continue
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            yield path.name, words.count(path.stat().st_size), digest
        except OSError as error:
            yield path.name, words.NOT_KNOWN, f"not readable: {error.strerror}"


def head_table(record: Record) -> Iterable[tuple[str, str]]:
    """Who, what, when: the lines under the title."""
    info = record.info
    commit = info.commit or "unknown"
    if info.dirty:
        commit += ", with changes that were not committed"
    yield "run", info.run
    yield "target", f"{info.target} ({record.plan.environment})"
    yield "started", f"{info.started_utc} UTC".replace("Z UTC", " UTC")
    yield "commit", commit
    yield "versions", ", ".join(f"{name} {version}" for name, version in info.versions.items()) or "unknown"
    yield "seed", str(info.seed)
    yield "repeat", info.repeat
    if info.approver:
        yield "approved by", info.approver
