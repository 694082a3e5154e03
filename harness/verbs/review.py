"""Well-Architected lenses: `lens` writes the built-in one, `lint` says what is odd in a custom one.

`lens` writes the built-in lens (six pillars; for each practice the pitfall and the way out) in the format that the AWS
Well-Architected Tool imports. `lint` tries every selection of a custom lens.

Found: rules that never count, selections that no rule matches, worse rules before better ones, practices that make the
risk worse, questions that no selection can answer without a risk.
"""

import argparse
import json
from pathlib import Path

from harness.errors import UsageError
from harness.review import aws_json, built_in_lens, lint, read_lens
from harness.verbs.common import Streams

HELP = "Well-Architected lenses: the built-in one, and what is odd in a custom one"
EXAMPLES = """\
examples:
  wellproven review lens > wellproven.json     to import into the AWS Well-Architected Tool
  wellproven review lint my-lens.json          exit 1 where something is odd
  wellproven review lint my-lens.json --json
"""
EXIT_ODD = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("what", choices=("lens", "lint"))
    parser.add_argument("lens", nargs="*", type=Path, metavar="LENS", help="lint: custom lenses, AWS's JSON format")
    parser.add_argument("--json", action="store_true", help="the findings as JSON")


def do(arguments: argparse.Namespace, streams: Streams) -> int:
    """Do it."""
    if arguments.what == "lens":
        streams.out.write(aws_json(built_in_lens()))
        return 0
    if not arguments.lens:
        raise UsageError("review lint: name a lens, such as: wellproven review lint my-lens.json")
    read = [(path, read_lens(path)) for path in arguments.lens]
    found = [(path, finding) for path, lens in read for finding in lint(lens)]
    if arguments.json:
        words = [
            {
                "lens": str(path),
                "question": one.question,
                "what": one.what.name.lower(),
                "because": one.because,
                "where": one.where,
            }
            for path, one in found
        ]
        streams.out.write(json.dumps(words, indent=2) + "\n")
        return EXIT_ODD if found else 0
    for _, one in found:
        streams.out.write(f"{one.where}: {one.question}: {one.what}: {one.because}\n")
    questions = sum(len(lens.questions) for _, lens in read)
    streams.out.write(f"{len(found) or 'nothing'} odd in {questions} questions\n")
    return EXIT_ODD if found else 0
