"""Run experiments for real, judge them, write the reports.

Brings the load up, waits until the baseline keeps its SLOs, breaks what the experiment says, watches the recovery,
undoes the fault, reads back what was written, and judges. Without an EXPERIMENT, all in experiments/ are run, one after
another. On the target `testbed` it uses the one that is up (wellproven testbed up), or brings up its own.
"""

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.table import Table
from rich.text import Text

from harness.clock import SystemClock
from harness.errors import NotAvailableError
from harness.judge import Judgement, judge, worst
from harness.plan import TESTBED, Plan, Target, built_in_target
from harness.record import Progress, Record, RunInfo, read_record, write_parquet
from harness.report import html, json_text, live, terminal
from harness.run import Operator, Parts, run
from harness.verbs.common import (
    EXIT,
    Streams,
    add_plan_arguments,
    add_runs_argument,
    make_plans,
    make_runs_folder,
    read_files,
)

HELP = "run experiments, judge, write the report (the main job)"
EXAMPLES = """\
examples:
  wellproven drill                         all experiments, on the embedded target
  wellproven drill az-failure --quick      phases as short as the verdicts allow
  wellproven drill experiments/az-failure.yaml --target staging
  wellproven drill --json > verdicts.json  schema wellproven/verdict/v1; a list for several experiments

Ctrl-C once stops and undoes; twice leaves at once, and the fault's own process undoes it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("experiment", nargs="*", metavar="EXPERIMENT", help="files, or names in experiments/")
    add_plan_arguments(parser)
    add_runs_argument(parser)
    parser.add_argument("--testbed", default="default", metavar="NAME", help="the test bed to use if it is up")
    parser.add_argument("--json", action="store_true", help="print the verdicts as JSON")


def do(arguments: argparse.Namespace, streams: Streams) -> int:
    """Drill, and return the exit code of the worst outcome."""
    read = read_files(arguments.experiment, arguments.experiments, arguments.slos)
    target = read.target(arguments.target)
    missing = [name for name in target.secrets if name not in os.environ]
    if missing:
        raise NotAvailableError(f"target {target.name} needs these environment variables: {', '.join(missing)}")
    make_plans(read, target, arguments)  # every mistake before anything starts
    make_runs_folder(arguments.runs)
    operator = Operator()
    judgements = []
    with operator.listening(), _reached(target, arguments.testbed, streams) as reached:
        for plan in make_plans(read, reached, arguments):
            judgements.append(_drill_one(plan, reached, arguments, streams, operator))
            if operator.wants_stop:
                break
    if arguments.json:
        texts = [json_text(one) for one in judgements]
        streams.out.write(texts[0] + "\n" if len(read.experiments) == 1 else "[" + ",\n".join(texts) + "]\n")
    return EXIT[worst(one.outcome for one in judgements)]


@contextmanager
def _reached(target: Target, bed_name: str, streams: Streams) -> Iterator[Target]:
    """The target, ready to be drilled: the embedded one is attached to, or brought up for as long as this lasts."""
    if target.name != TESTBED:
        yield target
        return
    from harness import testbed  # only here: a CI image that drills staging has none of its parts

    bed = testbed.attach(bed_name)
    own = bed is None
    if bed is None:
        streams.progress.print("target    bringing up the embedded target")
        bed = testbed.up(
            testbed.Settings(name=f"drill-{os.getpid()}"),
            clock=SystemClock(),
            progress=lambda text: streams.progress.print(f"          {text}", style="dim"),
        )
    try:
        status = bed.status()
        variables = {"DRILL_AZ": next(iter(status.zones)), **status.environment}
        yield built_in_target(status.endpoints["edge"], variables)
    finally:
        if own:
            bed.down()


def _drill_one(
    plan: Plan, target: Target, arguments: argparse.Namespace, streams: Streams, operator: Operator
) -> Judgement:
    clock = SystemClock()
    command = ["drill", plan.file, "--target", target.name, "--seed", str(arguments.seed)]
    command += ["--quick"] if arguments.quick else []
    with ExitStack() as stack:
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
            parts=Parts(),
        )
    record = read_record(path)
    judgement = judge(record)
    if not arguments.json:
        terminal(judgement, streams.result)
    streams.progress.print(f"record    {path}", soft_wrap=True)
    try:
        _write_reports(record, judgement, path)
    except OSError as error:
        raise NotAvailableError(
            f"{path}: the report cannot be written ({error.strerror}); the record is whole, make it again with "
            f"wellproven report {path} -o FILE"
        ) from None
    streams.progress.print(f"report    {path / 'report.html'}", soft_wrap=True)
    return judgement


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
    streams.progress.print(grid)
    streams.progress.print(Text(f"repeat    {info.repeat}"), soft_wrap=True)


def _write_reports(record: Record, judgement: Judgement, path: Path) -> None:
    (path / "verdict.json").write_text(json_text(judgement) + "\n", encoding="utf-8")
    report = path / "report.html"
    try:
        report.write_text(html(record, judgement), encoding="utf-8")
        write_parquet(record, path / "requests.parquet")
    except OSError:
        report.unlink(missing_ok=True)  # half a report is worse than none
        raise
