"""What is claimed of the six pillars of the Well-Architected Framework, and what of it is proven by stored runs.

`review` holds the answers in slos/review.yaml against the runs of one target and prints both scores side by side.
`review lens` writes the built-in lens in the format that the AWS Well-Architected Tool imports; `review lint` tries
every selection of a custom lens and says what is odd in its rules.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from harness.errors import FileError, UsageError
from harness.judge import judge
from harness.plan import TESTBED
from harness.record import read_record
from harness.review import (
    FORMULA,
    PillarScore,
    Practice,
    Shown,
    State,
    aws_json,
    built_in_lens,
    lint,
    read_answers,
    read_lens,
    score,
    shown_by,
)
from harness.verbs.common import Streams, add_runs_argument

HELP = "claimed and proven scores of the six pillars; lenses"
EXAMPLES = """\
examples:
  wellproven review                            slos/review.yaml against the runs on the embedded target
  wellproven review --target staging --json
  wellproven review lens > wellproven.json     to import into the AWS Well-Architected Tool
  wellproven review lint my-lens.json          exit 1 where something is odd

exit codes of review: 1 a claim is refuted, 2 a claim that could be proven is not, 0 neither
"""
EXIT_REFUTED, EXIT_UNPROVEN, EXIT_ODD = 1, 2, 1
SCHEMA = "wellproven/review/v1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("what", nargs="?", choices=("score", "lens", "lint"), default="score")
    parser.add_argument("lens", nargs="*", type=Path, metavar="LENS", help="lint: custom lenses, AWS's JSON format")
    parser.add_argument("--answers", type=Path, default=Path("slos/review.yaml"), metavar="FILE", help="the answers")
    parser.add_argument("--target", default=TESTBED, metavar="T", help="whose runs count; default: testbed")
    parser.add_argument("--json", action="store_true", help=f"as JSON, schema {SCHEMA}")
    add_runs_argument(parser)


def do(arguments: argparse.Namespace, streams: Streams) -> int:
    """Do it."""
    if arguments.what == "lens":
        streams.out.write(aws_json(built_in_lens()))
        return 0
    if arguments.what == "lint":
        return _lint(arguments.lens, streams, as_json=arguments.json)
    return _score(arguments, streams)


def _score(arguments: argparse.Namespace, streams: Streams) -> int:
    lens = built_in_lens()
    answers = read_answers(arguments.answers, lens)
    shown = list(_shown(arguments.runs, arguments.target, streams))
    pillars = score(lens, answers, shown, datetime.now().astimezone())
    if arguments.json:
        words = {"schema": SCHEMA, "formula": FORMULA, "pillars": [_words(pillar) for pillar in pillars]}
        streams.out.write(json.dumps(words, indent=2) + "\n")
    else:
        streams.out.writelines(line + "\n" for line in _lines(pillars))
    states = {one.state for pillar in pillars for one in pillar.practices}
    if State.REFUTED in states:
        return EXIT_REFUTED
    return EXIT_UNPROVEN if states & {State.UNPROVEN, State.STALE} else 0


def _shown(runs: Path, target: str, streams: Streams) -> Iterator[Shown]:
    """What the stored runs of a target show; a folder that is no whole run shows nothing, and that is said."""
    for head in sorted(runs.glob("*/*/run.json")):
        if head.parent.is_symlink() or head.parent.parent.is_symlink():
            continue
        try:
            record = read_record(head.parent)
        except FileError as error:
            streams.progress.print(f"{head.parent}: left out: {str(error).splitlines()[0]}", markup=False)
            continue
        if record.info.target == target:
            yield from shown_by(record, judge(record))


def _lines(pillars: Sequence[PillarScore]) -> Iterator[str]:
    yield f"{'pillar':<23}{'claimed':>8}{'proven':>8}{'provable':>10}{'high risk':>12}{'medium risk':>14}"
    for one in pillars:
        risks = f"{_both(one.high_risk, one.high_risk_proven):>12}{_both(one.medium_risk, one.medium_risk_proven):>14}"
        unanswered = f"  {one.unanswered} unanswered" if one.unanswered else ""
        shares = f"{_share(one.claimed):>8}{_share(one.proven):>8}{_share(one.provable):>10}"
        yield f"{one.name:<23}{shares}{risks}{unanswered}".rstrip()
    yield ""
    yield "risks: by what is claimed -> by what is proven of it"
    yield f"scores: {FORMULA}"
    for state in (State.REFUTED, State.STALE, State.UNPROVEN, State.NOT_TESTABLE):
        found = [one for pillar in pillars for one in pillar.practices if one.state is state]
        if found:
            yield ""
            yield f"{state}: {len(found)}"
            yield from (f"  {_said(one)}" for one in found)


def _said(one: Practice) -> str:
    by = f" ({one.shown.source})" if one.shown else ""
    return f"{one.question} / {one.choice.id}{by}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _both(claimed: int, proven: int) -> str:
    return f"{claimed} -> {proven}"


def _words(pillar: PillarScore) -> dict[str, object]:
    return {
        "id": pillar.id,
        "name": pillar.name,
        "claimed": pillar.claimed,
        "proven": pillar.proven,
        "provable": pillar.provable,
        "high_risk": pillar.high_risk,
        "high_risk_proven": pillar.high_risk_proven,
        "medium_risk": pillar.medium_risk,
        "medium_risk_proven": pillar.medium_risk_proven,
        "unanswered": pillar.unanswered,
        "practices": [
            {
                "question": one.question,
                "choice": one.choice.id,
                "title": one.choice.title,
                "weight": one.weight,
                "state": one.state.value,
                "source": one.shown.source if one.shown else None,
                "at": one.shown.at.isoformat() if one.shown else None,
            }
            for one in pillar.practices
        ],
    }


def _lint(paths: Sequence[Path], streams: Streams, *, as_json: bool) -> int:
    if not paths:
        raise UsageError("review lint: name a lens, such as: wellproven review lint my-lens.json")
    read = [(path, read_lens(path)) for path in paths]
    found = [(path, finding) for path, lens in read for finding in lint(lens)]
    if as_json:
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
