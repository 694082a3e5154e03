"""Run experiments for real, judge them, write the reports.

Brings the load up, waits until the baseline keeps its SLOs, breaks what the experiment says, watches the recovery,
undoes the fault, reads back what was written, and judges. Without an EXPERIMENT, all in experiments/ are run, one after
another, and summed up in a line each. On the target `testbed` it uses the one that is up (wellproven testbed up), or
brings up its own.
"""

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from harness import fault, load
from harness.clock import Clock, SystemClock
from harness.documents import is_sendable
from harness.errors import NotAvailableError
from harness.files import replace_file
from harness.identity import Identity
from harness.judge import Judgement, judge, worst
from harness.plan import TESTBED, Plan, Target, asking_variables
from harness.record import Progress, Record, RunInfo, read_record, write_parquet
from harness.report import html, json_text, live, put, show_reach, summary, terminal
from harness.run import Operator, Parts, run
from harness.units import NS_PER_S
from harness.verbs.common import (
    EXIT,
    Read,
    Streams,
    add_plan_arguments,
    add_runs_argument,
    add_sweep_argument,
    make_plans,
    make_runs_folder,
    read_files,
)
from harness.verbs.limits import add_limit_arguments, ask, checked, embedded, refuse, target_as_it_is
from harness.verbs.recover import left_said
from harness.verbs.reviewing import ANSWERS_FILE, Sources, link_to, page_beside

if TYPE_CHECKING:
    from harness.testbed import Bed

type Reached = tuple[Target, Identity | None]

WHOLE_S = 20.0  # an embedded target that was drilled before has this long to become whole again
HELP = "run experiments, judge, write the report (the main job)"
EXAMPLES = """\
examples:
  wellproven drill                         all experiments, on the embedded target
  wellproven drill az-failure --quick      phases as short as the verdicts allow
  wellproven drill experiments/az-failure.yaml --target staging
  wellproven drill latency --sweep 50ms..800ms   the delay at which each SLO breaks
  wellproven drill az-failure --target staging --dry-run   what would be hit, and whether it is allowed
  wellproven drill --json > verdicts.json  schema wellproven/verdict/v1; a list for several experiments

Ctrl-C once stops and undoes; twice leaves at once, and the watchdog sees to it that the fault is undone. A drill that
could not undo says what is left; the next one on that target is refused until wellproven recover has seen it healed.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("experiment", nargs="*", metavar="EXPERIMENT", help="files, or names in experiments/")
    add_plan_arguments(parser)
    add_sweep_argument(parser)
    add_runs_argument(parser)
    add_limit_arguments(parser)
    parser.add_argument("--dry-run", action="store_true", help="ask what would be hit, check all limits, touch nothing")
    parser.add_argument("--json", action="store_true", help="print the verdicts as JSON")


def do(arguments: argparse.Namespace, streams: Streams) -> int:
    """Drill, and return the exit code of the worst outcome."""
    read = read_files(arguments.experiment, arguments.experiments, arguments.slos)
    target = read.target(arguments.target)
    _require_secrets(read, target)
    planned = make_plans(read, target, arguments, arguments.sweep)  # every mistake before anything starts
    if arguments.dry_run:
        return _dry_run(read, target, arguments, streams)
    if target.name != TESTBED:
        planned = checked(planned, target, arguments, SystemClock())
    make_runs_folder(arguments.runs)
    operator = Operator()
    drills: list[tuple[Judgement, Path]] = []
    try:
        with operator.listening(), _reached(target, arguments.testbed, streams) as reached:
            for index in range(len(planned)):
                # Anew for each: on the embedded target, an earlier drill may have moved the database's primary.
                now, owner = reached()
                plan = make_plans(read, now, arguments, arguments.sweep)[index]
                (plan,) = checked([plan], now, arguments, SystemClock())  # anew: time and budget have moved on
                drills.append(_drill_one(plan, now, owner, arguments, streams, operator))
                if operator.wants_stop:
                    break
    finally:  # also when a later one could not be run: what was found before is not lost
        if len(planned) > 1 and drills:
            not_run = [plan.experiment for plan in planned[len(drills) :]]
            summary(drills, not_run, streams.progress if arguments.json else streams.result)
    judgements = [judgement for judgement, _ in drills]
    if arguments.json:
        texts = [json_text(one) for one in judgements]
        streams.out.write(texts[0] + "\n" if len(read.experiments) == 1 else "[" + ",\n".join(texts) + "]\n")
    return EXIT[worst(one.outcome for one in judgements)]


def _require_secrets(read: Read, target: Target) -> None:
    """Raises NotAvailableError where a variable is not set that the target, or a header of an experiment's, names."""
    missing = [f"{name} (target {target.name})" for name in target.secrets if name not in os.environ]
    missing += [
        f"{name} ({experiment.file}, one line of ASCII)"
        for experiment, _ in read.experiments
        for name in sorted(asking_variables(experiment))
        if not is_sendable(os.environ.get(name))
    ]
    if missing:
        raise NotAvailableError(f"these environment variables must be set first: {', '.join(missing)}")


def _dry_run(read: Read, target: Target, arguments: argparse.Namespace, streams: Streams) -> int:
    """Say what would be hit, and all that is not allowed of it; touch nothing."""
    now = target_as_it_is(target, arguments.testbed)
    plans = make_plans(read, now, arguments, arguments.sweep)
    if now.name == TESTBED and not now.environment_variables:
        raise NotAvailableError("the test bed is not up, so nobody can be asked: wellproven testbed up")
    asked = [ask(plan, now) for plan in plans]
    for plan in asked:
        show_reach(plan, streams.result)
    refuse(asked, now, arguments, SystemClock())
    streams.progress.print("dry run   all of it is allowed; nothing was touched")
    return 0


@contextmanager
def _reached(target: Target, bed_name: str, streams: Streams) -> Iterator[Callable[[], Reached]]:
    """Asked before each drill: the target, ready for it, and the process it goes with, if any.

    The embedded one is attached to, or brought up for as long as this lasts.
    """
    if target.name != TESTBED:
        yield lambda: (target, None)
        return
    from harness import testbed  # only here: a CI image that drills staging has none of its parts

    bed, clock = testbed.attach(bed_name), SystemClock()
    own = bed is None
    if bed is None:
        streams.progress.print("target    bringing up the embedded target")
        bed = testbed.up(
            testbed.Settings(name=f"drill-{os.getpid()}"),
            clock=clock,
            progress=lambda text: streams.progress.print(f"          {text}", style="dim"),
        )
    try:
        yield lambda: _whole_bed(bed, clock)
    finally:
        if own:
            bed.down()


def _whole_bed(bed: "Bed", clock: Clock) -> Reached:
    """The embedded target, once it has recovered from whatever was done to it before.

    One that stays broken is drilled as it is: its baseline says what is wrong.
    """
    deadline_ns = clock.monotonic_ns() + round(WHOLE_S * NS_PER_S)
    while not (status := bed.status()).is_whole and clock.monotonic_ns() < deadline_ns:
        clock.sleep(0.1)
    return embedded(status), Identity.of(status.pid)


def _drill_one(
    plan: Plan,
    target: Target,
    owner: Identity | None,
    arguments: argparse.Namespace,
    streams: Streams,
    operator: Operator,
) -> tuple[Judgement, Path]:
    clock = SystemClock()
    command = ["drill", plan.file, "--target", target.name, "--seed", str(arguments.seed)]
    command += ["--quick"] if arguments.quick else []
    command += ["--production"] if arguments.production else []
    command += ["--approver", arguments.approver] if arguments.approver else []
    if plan.sweep is not None:
        lowest, highest = (f"{float(dose):g}{plan.sweep.unit}" for dose in (plan.sweep.lowest, plan.sweep.highest))
        command += ["--sweep", f"{lowest}..{highest}"]
    with left_said(streams), ExitStack() as stack:
        path = run(
            plan,
            target,
            runs=arguments.runs,
            command=command,
            clock=clock,
            announce=lambda info: _announce(info, streams),
            # The live view opens with the first progress, after what was announced.
            observe=_opened_when_used(lambda: stack.enter_context(live(streams.progress))),
            operator=operator,
            parts=Parts(
                start_chaos=partial(fault.start, secrets=target.secrets),
                start_load=partial(load.start, withheld=target.secrets),
            ),
            owner=owner,
            approver=arguments.approver,
        )
    record = read_record(path)
    judgement = judge(record)
    if not arguments.json:
        terminal(judgement, streams.result)
    streams.progress.print(f"record    {path}", soft_wrap=True)
    sources = Sources(
        arguments.slos / ANSWERS_FILE, arguments.runs, arguments.experiments, target.name, arguments.testbed
    )
    # Before the report, which says where the review is; the review knows that the report is to come.
    review_page = page_beside(sources, path, lambda line: streams.progress.print(line, soft_wrap=True))
    try:
        _write_reports(record, judgement, path, review_page)
    except OSError as error:
        raise NotAvailableError(
            f"{path}: the report cannot be written ({error.strerror}); the record is whole, make it again with "
            f"wellproven report {path} -o FILE"
        ) from None
    streams.progress.print(f"report    {path / 'report.html'}", soft_wrap=True)
    if review_page is not None:
        streams.progress.print(f"review    {review_page}", soft_wrap=True)
    return judgement, path


def _opened_when_used(open_view: Callable[[], Callable[[Progress], None]]) -> Callable[[Progress], None]:
    view: list[Callable[[Progress], None]] = []

    def observe(progress: Progress) -> None:
        if not view:
            view.append(open_view())
        view[0](progress)

    return observe


def _announce(info: RunInfo, streams: Streams) -> None:
    """What runs, and the line that repeats it."""
    commit = f"{info.commit}{' with changes' if info.dirty else ''}" if info.commit else "not in a repository"
    versions = ", ".join(f"{part} {version}" for part, version in info.versions.items())
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=9)
    grid.add_column()
    for name, text in (("run", info.run), ("commit", commit), ("versions", versions), ("seed", str(info.seed))):
        grid.add_row(name, Text(text))
    put(streams.progress, grid, streams.progress.width)
    streams.progress.print(Text(f"repeat    {info.repeat}"), soft_wrap=True)


def _write_reports(record: Record, judgement: Judgement, path: Path, review_page: Path | None) -> None:
    replace_file(path / "verdict.json", json_text(judgement) + "\n")
    report = path / "report.html"
    try:
        replace_file(report, html(record, judgement, link_to(review_page, path)))
        write_parquet(record, path / "requests.parquet")
    except OSError:
        report.unlink(missing_ok=True)  # half a report is worse than none
        raise
