"""Show what a drill would do, and why; touch nothing.

Per request the arrival rate and where it comes from, the answers needed to decide each SLO, the phases with their
lengths and reasons, the guard, the evidence, the blast radius: what would be hit is asked for, read only: of AWS, of
the proxies, of this machine. What the target does not allow is said last, all of it, with exit code 77.
"""

import argparse

from harness.clock import SystemClock
from harness.report import show_plan
from harness.text import visible_json
from harness.verbs.common import (
    Streams,
    add_plan_arguments,
    add_runs_argument,
    add_sweep_argument,
    make_plans,
    read_files,
)
from harness.verbs.limits import add_limit_arguments, ask, refuse, target_as_it_is

HELP = "show what a drill would do, and why; touches nothing"
EXAMPLES = """\
examples:
  wellproven plan az-failure
  wellproven plan experiments/az-failure.yaml --target staging --quick
  wellproven plan latency --sweep 50ms..800ms
  wellproven plan az-failure --json
  wellproven plan az-failure --target live --production --approver "Kim Lee"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("experiment", metavar="EXPERIMENT", help="a file, or a name in experiments/")
    add_plan_arguments(parser)
    add_sweep_argument(parser)
    add_runs_argument(parser)
    add_limit_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the plan as JSON, as it is stored with a run")


def do(arguments: argparse.Namespace, streams: Streams) -> int:
    """Print the plan."""
    read = read_files([arguments.experiment], arguments.experiments, arguments.slos)
    target = target_as_it_is(read.target(arguments.target), arguments.testbed)
    (plan,) = make_plans(read, target, arguments, arguments.sweep)
    plan = ask(plan, target)
    if arguments.json:
        streams.out.write(visible_json(plan.model_dump_json(indent=2)) + "\n")
    else:
        show_plan(plan, streams.result)
    refuse([plan], target, arguments, SystemClock())
    return 0
