"""Write the report of a stored run again: HTML (self-contained, works offline) or JSON."""

import argparse
from pathlib import Path

from harness.errors import NotAvailableError
from harness.files import replace_file
from harness.judge import judge
from harness.record import read_record
from harness.report import html, json_text
from harness.verbs.common import Streams
from harness.verbs.reviewing import link_to, page_of, without_links

HELP = "write the report of a stored run again"
EXAMPLES = """\
examples:
  wellproven report runs/latest                         writes report.html into the run's folder
  wellproven report runs/latest --format json -o -      to the terminal
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run's folder")
    parser.add_argument("--format", choices=("html", "json"), default="html", help="default: html")
    parser.add_argument("-o", "--output", metavar="FILE", help="default: in the run's folder; - for the terminal")


def do(arguments: argparse.Namespace, streams: Streams) -> int:
    """Write it."""
    record = read_record(arguments.run)
    judgement = judge(record)
    name = "report.html" if arguments.format == "html" else "verdict.json"
    path = without_links(
        Path(arguments.output) if arguments.output and arguments.output != "-" else arguments.run / name
    )
    if arguments.format == "html":
        review_page = page_of(arguments.run.resolve().parent.parent, record.info.target)
        text = html(record, judgement, link_to(review_page, path.parent))
    else:
        text = json_text(judgement) + "\n"
    if arguments.output == "-":
        streams.out.write(text)
        return 0
    try:
        replace_file(path, text)
    except OSError as error:
        raise NotAvailableError(f"{path}: cannot be written ({error.strerror}); try -o FILE") from None
    streams.out.write(f"{path}\n")
    return 0
