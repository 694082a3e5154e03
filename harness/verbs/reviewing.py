"""A review out of files: answers, stored runs and milestones read, and held against each other."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from harness import slo
from harness.errors import FileError
from harness.files import replace_file
from harness.judge import Judgement, Outcome, judge
from harness.plan import TESTBED, Experiment, Target, built_in_target, read_experiment, read_targets
from harness.record import Record, read_record
from harness.report import review_html
from harness.review import (
    Answers,
    Lens,
    Measured,
    Now,
    Review,
    Shown,
    aged,
    check_scope,
    less,
    measured_by,
    read_answers,
    read_evidence,
    read_milestones,
    review,
    scoped,
    shown_by,
    with_drills,
    with_findings,
)
from harness.slo import Disruption
from harness.verbs.common import TARGETS_FILE, experiment_paths
from harness.verbs.limits import target_as_it_is
from harness.verbs.review_tool import FOLDER

type Say = Callable[[str], None]  # a line for whoever watches

ANSWERS_FILE = "review.yaml"  # among the SLOs
REPORT = "report.html"  # a run's own
PAGE = "review"


@dataclass(frozen=True)
class Sources:
    """Where a review's parts lie."""

    answers: Path
    runs: Path
    experiments: Path
    target: str
    testbed: str = "default"  # the bed that is asked how it is set, if it is up


@dataclass(frozen=True)
class Reviewed:
    """A review, and the folders of the runs it rests on, by the runs' names."""

    review: Review
    folders: Mapping[str, Path]


def reviewed(sources: Sources, say: Say) -> Reviewed:
    """Everything read, and held against each other."""
    answers = read_answers(sources.answers)
    now = _now(sources, answers, say)
    slos = None if now.promises is None else [one.name for one in now.promises.slos]
    check_scope(answers, slos=slos, zones=known_zones(_other_targets(sources)))
    runs = list(_judged(sources, say))
    records = [record for record, _ in runs]
    _say_zones(answers, sources.target, records, say)
    answers = _of_all_zones(answers, records)
    now = replace(now, scope=answers.scope)
    experiments = list(_experiments(sources.experiments))
    lens = with_findings(_with_drills(answers, experiments, runs), answers.evidence)
    answers = replace(answers, lens=lens)
    shown: list[Shown] = _found(answers, say)
    measured: list[Measured] = []
    for record, judgement in runs:
        shown += shown_by(record, judgement, answers.lens, answers.lens_name, now)
        measured += [one for one in [measured_by(record, judgement, less(record, now))] if one]
    milestones = read_milestones(sources.answers, answers.lens_name, sources.target)
    there = {one.name for one in experiments if one.drill.proves}
    at = datetime.now(UTC)
    for run in dict.fromkeys(one.run for one in measured if one.at > at):
        say(f"run {run}: dated ahead of now: what it shows is left out until then, what it refutes is not")
    for one in milestones:
        if one.at > at:
            say(f"milestone {one.name}: left out: it is of {one.at:%Y-%m-%d}, which is to come")
    found = review(answers, sources.target, shown, measured, milestones, at, there)
    return Reviewed(found, {record.info.run: record.path for record, _ in runs})


def shown_elsewhere(sources: Sources, lens: Lens, lens_name: str, say: Say) -> list[Shown]:
    """What runs and files show of a lens whose answers lie in AWS's tool; ours, where they are by it, say for what."""
    answers = Answers(sources.answers, lens_name, lens)
    if sources.answers.exists() and (found := read_answers(sources.answers)).lens_name == lens_name:
        answers = replace(found, lens=lens)
    now = _now(sources, answers, say)
    runs = list(_judged(sources, say))
    answers = _of_all_zones(answers, [record for record, _ in runs])
    now = replace(now, scope=answers.scope)
    shown = [one for record, judgement in runs for one in shown_by(record, judgement, lens, lens_name, now)]
    shown += _found(answers, say) if answers.evidence else []
    known = _with_drills(answers, list(_experiments(sources.experiments)), runs)
    at = datetime.now(UTC)
    return aged(scoped(shown, known, at, answers.stale_after, answers.scope.zones), at, answers.stale_after)


def _found(answers: Answers, say: Say) -> list[Shown]:
    """What other tools' files show; what they do not is said."""
    found = read_evidence(answers, datetime.now(UTC))
    for note in found.notes:
        say(note)
    return found.shown


def _now(sources: Sources, answers: Answers, say: Say) -> Now:
    """How things are today: what is promised, and what the target is."""
    folder = sources.answers.parent
    if folder.name == FOLDER.name:  # answers that were pulled lie in a folder beside the SLOs
        folder = folder.parent
    promises, problem = None, ""
    try:
        promises = slo.read([folder])
    except FileError as error:
        say(f"{folder}: promises not compared: {_first(error)}")
        problem = "today's promises cannot be read, so whether they are kept is unknown"
    target = _target(sources, say)
    return Now(answers.scope, promises, target.configuration if target else None, problem)


def _target(sources: Sources, say: Say) -> Target | None:
    if sources.target == TESTBED:
        return target_as_it_is(built_in_target(), sources.testbed)  # down: as a drill would bring it up
    found = read_targets(sources.experiments / TARGETS_FILE).get(sources.target)
    if found is None:
        say(f"target {sources.target} is not in {sources.experiments / TARGETS_FILE}: whether it changed is unknown")
    return found


def embedded_zones() -> tuple[str, ...] | None:
    """The embedded target's zones; None where its parts are not installed."""
    try:
        from harness.testbed import ZONES
    except ImportError:
        return None
    return ZONES


def known_zones(others: Collection[str] | None) -> tuple[str, ...] | None:
    """All zones that there are, of which a scope may name some; None where they are not known.

    Those of other targets than the embedded one are theirs to name. `others`: their names; None: not known.
    """
    return embedded_zones() if others is not None and not others else None


def _other_targets(sources: Sources) -> set[str] | None:
    """Targets beside the embedded one; None where the file cannot be read."""
    try:
        return set(read_targets(sources.experiments / TARGETS_FILE))
    except FileError:
        return None


def _say_zones(answers: Answers, target: str, records: Sequence[Record], say: Say) -> None:
    """Zones that are claimed to be dispensable, and that this target was never seen to have."""
    seen = {zone for record in records for zone in record.zones if zone}
    if target == TESTBED:
        seen |= set(embedded_zones() or ())
    missing = [zone for zone in answers.scope.zones if zone not in seen]
    if seen and missing:
        known = ", ".join(sorted(seen))
        say(f"scope.zones: {', '.join(missing)}: no zone that target {target} was seen to have ({known})")


def _of_all_zones(answers: Answers, records: Sequence[Record]) -> Answers:
    """Where nobody says which zones may be lost, it is each that the target was seen to have."""
    seen = tuple(sorted({zone for record in records for zone in record.zones if zone}))
    return answers if answers.scope.zones else replace(answers, scope=replace(answers.scope, zones=seen))


def _with_drills(answers: Answers, experiments: Sequence[Experiment], runs: Sequence[tuple[Record, Judgement]]) -> Lens:
    """The lens of the answers, and what the experiments that are there, and those of stored runs, could prove of it.

    A run that came to nothing shows nothing, and so makes nothing provable either.
    """
    conclusive = (record for record, judgement in runs if judgement.outcome is not Outcome.UNKNOWN)
    plans = [(record.info.experiment, record.plan) for record in conclusive]
    proves = [(one.name, place) for one in experiments for place in one.drill.proves]
    proves += [(name, place) for name, plan in plans for place in plan.proves]
    of_zones = {one.name for one in experiments if one.drill.disruption == Disruption.AZ}
    of_zones |= {name for name, plan in plans if plan.disruption == Disruption.AZ}
    return with_drills(answers.lens, answers.lens_name, proves, of_zones)


def _experiments(folder: Path) -> Iterator[Experiment]:
    """The experiments of a folder; `check` says what is wrong in one, here it is left out."""
    try:
        paths = experiment_paths([], folder)
    except FileError:
        return
    for path in paths:
        try:
            experiment, _ = read_experiment(path)
        except FileError:
            continue
        yield experiment


def _judged(sources: Sources, say: Say) -> Iterator[tuple[Record, Judgement]]:
    """The stored runs of a target, judged; a folder that is no whole run shows nothing, and that is said."""
    if not sources.runs.is_dir():
        say(f"{sources.runs} is not there: no stored run shows anything")
    for head in sorted(sources.runs.glob("*/*/run.json")):
        if head.parent.is_symlink() or head.parent.parent.is_symlink():
            continue
        try:
            record = read_record(head.parent)
        except FileError as error:
            say(f"{head.parent}: left out: {_first(error)}")
            continue
        if record.info.target == sources.target:
            yield record, judge(record)


def _first(error: FileError) -> str:
    return str(error).splitlines()[0]


# --- the page --------------------------------------------------------------------------------------------------------


def write_page(found: Reviewed, path: Path, to_come: Path | None = None) -> None:
    """The review's page, whole or not at all, with links to the reports of the runs it rests on.

    `to_come`: the folder of a run whose report is written next. Raises OSError where the page cannot be written.
    """
    replace_file(path, review_html(found.review, _links(found.folders, path.parent, to_come)))


def page_text(found: Reviewed) -> str:
    """The page as text; its links lead on from the folder that the command was called in."""
    return review_html(found.review, _links(found.folders, Path(), None))


def _links(folders: Mapping[str, Path], start: Path, to_come: Path | None) -> dict[str, str]:
    """The address of each run's report, seen from a folder; a run without one has no link."""
    found = {}
    for run, folder in folders.items():
        report = folder / REPORT
        if folder == to_come or report.is_file():
            found[run] = _address(report, start)
    return found


def _address(path: Path, start: Path) -> str:
    """From where the one really lies to the other: a symbolic link on the way is one folder, wherever it leads.

    Percent-encoded: a folder with a colon in its name is no other address scheme.
    """
    return quote(os.fsencode(os.path.relpath(os.path.realpath(path), os.path.realpath(start))))


def link_to(page: Path | None, folder: Path) -> str:
    """The address of a review's page, seen from a folder; "" where there is no such page."""
    return _address(page, folder) if page is not None and page.is_file() else ""


def without_links(path: Path) -> Path:
    """A file's path to open it by: one without symbolic links among its folders, since pages lead on from there.

    A browser reads `..` off the path that it was given.
    """
    real = os.path.realpath(path.parent)
    return path if real == str(path.parent.absolute()) else Path(os.path.relpath(real)) / path.name


def page_of(runs: Path, target: str) -> Path:
    """Where the page of a target's review lies: beside its runs."""
    return runs / (f"{PAGE}.html" if target == TESTBED else f"{PAGE}-{target}.html")


def page_beside(sources: Sources, to_come: Path, say: Say) -> Path | None:
    """Write the page after a drill; None without answers, and where it fails, which spoils nothing and is said."""
    if not sources.answers.is_file():
        return None
    path = page_of(sources.runs, sources.target)
    try:
        write_page(reviewed(sources, lambda _: None), path, to_come)
    except FileError as error:
        say(f"review    not written: {_first(error)}")
    except OSError as error:
        say(f"review    not written: {path}: {error.strerror}")
    except Exception as error:  # noqa: BLE001  a drill is never lost by a mistake in what is said of it afterwards
        say(f"review    not written, by a mistake of ours: {type(error).__name__}: {error}")
    else:
        return path
    return None
