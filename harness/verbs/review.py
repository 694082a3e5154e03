"""What is claimed of the six pillars of the Well-Architected Framework, and what of it is proven by stored runs.

`review` holds the answers in slos/review.yaml against the runs of one target, and against other tools' findings, and
prints both scores side by side. `review roadmap` says what to do next; `review milestone` keeps the review as it is;
`review trend` shows what became of it. `review lens` writes the built-in lens in the format that the AWS
Well-Architected Tool imports; `review lint` tries every selection of a custom lens and says what is odd in its rules.
`review pull` writes what that tool has as an answers file and a lens file; `review push` writes what stored runs show
into the notes of its answers, in a block of our own, and leaves what people wrote there as it is.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from harness import slo
from harness.errors import FileError, UsageError
from harness.judge import Judgement, judge
from harness.plan import TESTBED, Proves, built_in_target, read_experiment, read_targets
from harness.record import Record, read_record
from harness.report import review_json, roadmap_csv, roadmap_github, roadmap_markdown, show_review, show_trend
from harness.review import (
    MILESTONE_NAME,
    Answers,
    Lens,
    Measured,
    Now,
    Review,
    Shown,
    State,
    aws_json,
    built_in_lens,
    lint,
    make_milestone,
    measured_by,
    read_answers,
    read_evidence,
    read_lens,
    read_milestones,
    review,
    shown_by,
    with_drills,
    with_findings,
    write_milestone,
)
from harness.verbs import review_tool
from harness.verbs.common import TARGETS_FILE, Streams, add_runs_argument, experiment_paths

HELP = "claimed and proven scores of the six pillars; roadmap, milestones, lenses"
EXAMPLES = f"""\
examples:
  wellproven review                            slos/review.yaml against the runs on the embedded target
  wellproven review --target staging --json
  wellproven review roadmap --as markdown      or csv, or github: issues as its API takes them
  wellproven review milestone spring           kept in slos/milestones/
  wellproven review trend                      what got better, worse, stale
  wellproven review lens > wellproven.json     to import into the AWS Well-Architected Tool
  wellproven review lint my-lens.json          exit 1 where something is odd
{review_tool.EXAMPLES}
exit codes of review: 1 a claim is refuted, 2 a claim that could be proven is not, 0 neither
{review_tool.EXIT_CODES}"""
EXIT_REFUTED, EXIT_UNPROVEN, EXIT_ODD = 1, 2, 1
ROADMAPS = ("markdown", "csv", "github")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    verbs = ("score", "roadmap", "milestone", "trend", "lens", "lint", "pull", "push")
    parser.add_argument("what", nargs="?", choices=verbs, default="score")
    parser.add_argument("names", nargs="*", metavar="NAME", help="milestone: its name; lint: custom lenses, AWS's JSON")
    parser.add_argument("--answers", type=Path, default=Path("slos/review.yaml"), metavar="FILE", help="the answers")
    parser.add_argument("--target", default=TESTBED, metavar="T", help="whose runs count; default: testbed")
    parser.add_argument("--as", dest="form", choices=ROADMAPS, default="markdown", help="roadmap: its format")
    parser.add_argument("--json", action="store_true", help="as JSON, schema wellproven/review/v1")
    parser.add_argument(
        "--experiments", type=Path, default=Path("experiments"), metavar="DIR", help="default: experiments/"
    )
    add_runs_argument(parser)
    review_tool.add_arguments(parser)


def do(arguments: argparse.Namespace, streams: Streams) -> int:
    """Do it."""
    if arguments.names and arguments.what not in ("milestone", "lint", "pull", "push"):
        raise UsageError(f"review {arguments.what} takes no NAME")
    match arguments.what:
        case "lens":
            streams.out.write(aws_json(built_in_lens()))
            return 0
        case "lint":
            return _lint([Path(name) for name in arguments.names], streams, as_json=arguments.json)
        case "pull":
            return review_tool.pull(arguments, streams)
        case "push":
            return review_tool.push(arguments, streams, lambda lens, name: _shown(arguments, lens, name, streams))
        case "roadmap":
            return _roadmap(_reviewed(arguments, streams), arguments.form, streams)
        case "milestone":
            return _milestone(arguments, streams)
        case "trend":
            found = _reviewed(arguments, streams)
            show_trend(found.milestones, found, streams.result)
            return 0
        case _:
            return _score(_reviewed(arguments, streams), streams, as_json=arguments.json)


def _score(found: Review, streams: Streams, *, as_json: bool) -> int:
    if as_json:
        streams.out.write(review_json(found))
    else:
        show_review(found, streams.result)
    states = {one.state for one in found.practices}
    if State.REFUTED in states:
        return EXIT_REFUTED
    return EXIT_UNPROVEN if states & {State.UNPROVEN, State.STALE, State.PARTIAL} else 0


def _roadmap(found: Review, form: str, streams: Streams) -> int:
    match form:
        case "csv":
            streams.out.write(roadmap_csv(found.gaps))
        case "github":
            streams.out.write(roadmap_github(found.gaps))
        case _:
            streams.out.write(roadmap_markdown(found))
    return 0


def _milestone(arguments: argparse.Namespace, streams: Streams) -> int:
    if len(arguments.names) != 1 or not MILESTONE_NAME.fullmatch(arguments.names[0]):
        raise UsageError("review milestone takes one name of small letters, digits and hyphens, such as spring-2027")
    found = _reviewed(arguments, streams)
    kept = make_milestone(
        arguments.names[0], found.at, found.answers.lens_name, found.target, found.pillars, found.measured
    )
    streams.progress.print(f"milestone {write_milestone(arguments.answers, kept)}", soft_wrap=True, markup=False)
    return 0


def _reviewed(arguments: argparse.Namespace, streams: Streams) -> Review:
    """Everything read, and held against each other."""
    answers = read_answers(arguments.answers)
    now = _now(arguments, answers, streams)
    runs = list(_judged(arguments.runs, arguments.target, streams))
    proves = [
        *_proves(arguments.experiments),
        *((record.info.experiment, one) for record, _ in runs for one in record.plan.proves),
    ]
    lens = with_findings(with_drills(answers.lens, answers.lens_name, proves), answers.evidence)
    answers = replace(answers, lens=lens)
    shown: list[Shown] = _found(answers, streams)
    measured: list[Measured] = []
    for record, judgement in runs:
        shown += shown_by(record, judgement, answers.lens, answers.lens_name, now)
        measured += [one for one in [measured_by(record, judgement)] if one]
    milestones = read_milestones(arguments.answers, answers.lens_name, arguments.target)
    return review(answers, arguments.target, shown, measured, milestones, datetime.now(UTC))


def _found(answers: Answers, streams: Streams) -> list[Shown]:
    """What other tools' files show; what they do not is said."""
    found = read_evidence(answers, datetime.now(UTC))
    for note in found.notes:
        streams.progress.print(note, markup=False)
    return found.shown


def _shown(arguments: argparse.Namespace, lens: Lens, lens_name: str, streams: Streams) -> list[Shown]:
    """What the stored runs show of a lens that is answered elsewhere."""
    answers = Answers(arguments.answers, lens_name, lens)
    if arguments.answers.exists() and (found := read_answers(arguments.answers)).lens_name == lens_name:
        answers = replace(answers, scope=found.scope)
    now = _now(arguments, answers, streams)
    runs = _judged(arguments.runs, arguments.target, streams)
    return [one for record, judgement in runs for one in shown_by(record, judgement, lens, lens_name, now)]


def _now(arguments: argparse.Namespace, answers: Answers, streams: Streams) -> Now:
    """How things are today: what is promised, and what the target is."""
    folder = arguments.answers.parent
    folder = (
        folder.parent if folder.name == review_tool.FOLDER.name else folder
    )  # pulled answers lie in a folder beside the SLOs
    promises = None
    try:
        promises = slo.read([folder])
    except FileError as error:
        streams.progress.print(f"{folder}: promises not compared: {_first(error)}", markup=False)
    target = built_in_target() if arguments.target == TESTBED else None
    if target is None:
        target = read_targets(arguments.experiments / TARGETS_FILE).get(arguments.target)
    return Now(answers.scope, promises, target.configuration if target else None)


def _proves(folder: Path) -> Iterator[tuple[str, Proves]]:
    """What the experiments say they prove; `check` says what is wrong in one, here it is left out."""
    try:
        paths = experiment_paths([], folder)
    except FileError:
        return
    for path in paths:
        try:
            experiment, _ = read_experiment(path)
        except FileError:
            continue
        yield from ((experiment.name, one) for one in experiment.drill.proves)


def _judged(runs: Path, target: str, streams: Streams) -> Iterator[tuple[Record, Judgement]]:
    """The stored runs of a target, judged; a folder that is no whole run shows nothing, and that is said."""
    for head in sorted(runs.glob("*/*/run.json")):
        if head.parent.is_symlink() or head.parent.parent.is_symlink():
            continue
        try:
            record = read_record(head.parent)
        except FileError as error:
            streams.progress.print(f"{head.parent}: left out: {_first(error)}", markup=False)
            continue
        if record.info.target == target:
            yield record, judge(record)


def _first(error: FileError) -> str:
    return str(error).splitlines()[0]


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
