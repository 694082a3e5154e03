"""Show what a drill would do, and why; touch nothing.

Per request the arrival rate and where it comes from, the answers needed to decide each SLO, the phases with their
lengths and reasons, the guard, the evidence, the blast radius.
"""

import argparse

from harness.report import show_plan
from harness.verbs.common import Streams, add_plan_arguments, add_sweep_argument, make_plans, read_files

HELP = "show what a drill would do, and why; touches nothing"
EXAMPLES = """\
examples:
  wellproven plan az-failure
  wellproven plan experiments/az-failure.yaml --target staging --quick
  wellproven plan latency --sweep 50ms..800ms
  wellproven plan az-failure --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("experiment", metavar="EXPERIMENT", help="a file, or a name in experiments/")
    add_plan_arguments(parser)
    add_sweep_argument(parser)
    parser.add_argument("--json", action="store_true", help="print the plan as JSON, as it is stored with a run")


def do(arguments: argparse.Namespace, streams: Streams) -> int:
    """Print the plan."""
    read = read_files([arguments.experiment], arguments.experiments, arguments.slos)
    (plan,) = make_plans(read, read.target(arguments.target), arguments, arguments.sweep)
    if arguments.json:
        streams.out.write(plan.model_dump_json(indent=2) + "\n")
    else:
        show_plan(plan, streams.result)
    return 0
