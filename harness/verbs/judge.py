"""Judge a stored run again, from its record alone.

Gives the same verdicts as the drill did; nothing of the target is needed. RUN is a run's folder, such as runs/latest.
"""

import argparse
from pathlib import Path

from harness.judge import judge
from harness.record import read_record
from harness.report import json_text, terminal
from harness.verbs.common import EXIT, Streams

HELP = "judge a stored run again"
EXAMPLES = """\
examples:
  wellproven judge runs/latest
  wellproven judge runs/az-failure/2026-05-04T09-00-00Z --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run's folder")
    parser.add_argument("--json", action="store_true", help="print JSON, schema wellproven/verdict/v1")


def do(arguments: argparse.Namespace, streams: Streams) -> int:
    """Print the verdicts; the exit code is their outcome's."""
    judgement = judge(read_record(arguments.run))
    if arguments.json:
        streams.out.write(json_text(judgement) + "\n")
    else:
        terminal(judgement, streams.result)
    return EXIT[judgement.outcome]
