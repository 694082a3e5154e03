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
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from harness.errors import NotAvailableError, UsageError
from harness.plan import TESTBED
from harness.report import (
    review_json,
    roadmap_csv,
    roadmap_github,
    roadmap_json,
    roadmap_markdown,
    show_review,
    show_roadmap,
    show_trend,
    trend_json,
)
from harness.review import (
    MILESTONE_NAME,
    Lens,
    Review,
    Shown,
    State,
    aws_json,
    built_in_lens,
    lint,
    make_milestone,
    read_lens,
    tried_in_part,
    write_milestone,
)
from harness.text import visible
from harness.verbs import review_tool
from harness.verbs.common import Streams, add_runs_argument
from harness.verbs.reviewing import Reviewed, Sources, page_text, reviewed, shown_elsewhere, without_links, write_page

HELP = "claimed and proven scores of the six pillars; roadmap, milestones, lenses"
EXAMPLES = f"""\
examples:
  wellproven review                            slos/review.yaml against the runs on the embedded target
  wellproven review --target staging --json
  wellproven review -o review.html             as a page: self-contained, works offline
  wellproven review roadmap                    what to do next
  wellproven review roadmap --as markdown      or csv, or github: issues as its API takes them
  wellproven review milestone spring           kept in slos/milestones/
  wellproven review trend                      what got better, worse, stale
  wellproven review lens > wellproven.json     to import into the AWS Well-Architected Tool
  wellproven review lint my-lens.json          exit 1 where something is odd
{review_tool.EXAMPLES}
exit codes of review: 1 a claim is refuted, 2 a claim that could be proven is not, 0 neither
{review_tool.EXIT_CODES}"""
EXIT_REFUTED, EXIT_UNPROVEN, EXIT_ODD = 1, 2, 1
ROADMAPS = ("text", "markdown", "csv", "github")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    verbs = ("score", "roadmap", "milestone", "trend", "lens", "lint", "pull", "push")
    parser.add_argument("what", nargs="?", choices=verbs, default="score")
    parser.add_argument("names", nargs="*", metavar="NAME", help="milestone: its name; lint: custom lenses, AWS's JSON")
    parser.add_argument("--answers", type=Path, default=Path("slos/review.yaml"), metavar="FILE", help="the answers")
    parser.add_argument("--target", default=TESTBED, metavar="T", help="whose runs count; default: testbed")
    parser.add_argument("--as", dest="form", choices=ROADMAPS, default="text", help="roadmap: its format")
    parser.add_argument("--json", action="store_true", help="as JSON, schemas wellproven/review...")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="the review as a page, HTML, - for the terminal; pull: the answers"
    )
    parser.add_argument(
        "--experiments", type=Path, default=Path("experiments"), metavar="DIR", help="default: experiments/"
    )
    parser.add_argument(
        "--testbed", default="default", metavar="NAME", help="the test bed to compare with, if it is up"
    )
    add_runs_argument(parser)
    review_tool.add_arguments(parser)


def do(arguments: argparse.Namespace, streams: Streams) -> int:
    """Do it."""
    _refuse_what_has_no_use(arguments)
    match arguments.what:
        case "lens":
            streams.out.write(aws_json(built_in_lens()))
            return 0
        case "lint":
            return _lint([Path(name) for name in arguments.names], streams, as_json=arguments.json)
        case "pull":
            return review_tool.pull(arguments, streams)
        case "push":
            return review_tool.push(arguments, streams, partial(_elsewhere, arguments, streams))
        case "roadmap":
            return _roadmap(arguments, streams)
        case "milestone":
            return _milestone(arguments, streams)
        case "trend":
            return _trend(_reviewed(arguments, streams).review, streams, as_json=arguments.json)
        case _:
            return _score(_reviewed(arguments, streams), arguments, streams)


def _refuse_what_has_no_use(arguments: argparse.Namespace) -> None:
    """Options of another verb: whoever wrote them expects something of them. Raises UsageError."""
    if arguments.names and arguments.what not in ("milestone", "lint", "pull", "push"):
        raise UsageError(f"review {arguments.what} takes no NAME")
    if arguments.output and arguments.what != "pull" and (arguments.json or arguments.what != "score"):
        raise UsageError("-o FILE writes the review's page; redirect everything else, such as --json > review.json")
    for option, of, given in (
        ("--as", ("roadmap",), arguments.form != "text"),
        ("--lens", ("pull", "push"), arguments.lens_alias),
        ("--force", ("pull",), arguments.force),
        ("--dry-run", ("pull", "push"), arguments.dry_run),
        ("--milestone", ("push",), arguments.milestone),
        ("--account", ("pull", "push"), arguments.account),
        ("--profile", ("pull", "push"), arguments.profile),
        ("--region", ("pull", "push"), arguments.region),
    ):
        if given and arguments.what not in of:
            raise UsageError(
                f"{option} is of review {' and review '.join(of)}; review {arguments.what} has no use for it"
            )


def _reviewed(arguments: argparse.Namespace, streams: Streams) -> Reviewed:
    return reviewed(_sources(arguments), lambda line: streams.progress.print(visible(line)))


def _elsewhere(arguments: argparse.Namespace, streams: Streams, lens: Lens, lens_name: str) -> list[Shown]:
    """What the stored runs show of a lens that is answered elsewhere."""
    return shown_elsewhere(_sources(arguments), lens, lens_name, lambda line: streams.progress.print(visible(line)))


def _sources(arguments: argparse.Namespace) -> Sources:
    return Sources(arguments.answers, arguments.runs, arguments.experiments, arguments.target, arguments.testbed)


def _score(found: Reviewed, arguments: argparse.Namespace, streams: Streams) -> int:
    if arguments.json:
        streams.out.write(review_json(found.review))
    elif arguments.output == "-":
        streams.out.write(page_text(found))
    elif arguments.output:
        _write(found, Path(arguments.output), streams)
    else:
        show_review(found.review, streams.result)
    if any(one.state is State.REFUTED for one in found.review.practices):
        return EXIT_REFUTED
    return EXIT_UNPROVEN if any(one.lacks_proof for one in found.review.practices) else 0


def _write(found: Reviewed, path: Path, streams: Streams) -> None:
    path = without_links(path)
    try:
        write_page(found, path)
    except OSError as error:
        raise NotAvailableError(f"{path}: cannot be written ({error.strerror}); try another -o FILE") from None
    streams.out.write(f"{path}\n")


def _roadmap(arguments: argparse.Namespace, streams: Streams) -> int:
    if arguments.json and arguments.form != "text":
        raise UsageError(f"--json and --as {arguments.form}: take one of them")
    found = _reviewed(arguments, streams).review
    match "json" if arguments.json else arguments.form:
        case "json":
            streams.out.write(roadmap_json(found))
        case "csv":
            streams.out.write(roadmap_csv(found.gaps))
        case "github":
            streams.out.write(roadmap_github(found.gaps))
        case "markdown":
            streams.out.write(roadmap_markdown(found))
        case _:
            show_roadmap(found, streams.result)
    return 0


def _trend(found: Review, streams: Streams, *, as_json: bool) -> int:
    if as_json:
        streams.out.write(trend_json(found))
    else:
        show_trend(found.milestones, found, streams.result)
    return 0


def _milestone(arguments: argparse.Namespace, streams: Streams) -> int:
    if len(arguments.names) != 1 or not MILESTONE_NAME.fullmatch(arguments.names[0]):
        raise UsageError("review milestone takes one name of small letters, digits and hyphens, such as spring-2027")
    found = _reviewed(arguments, streams).review
    kept = make_milestone(
        arguments.names[0], found.at, found.answers.lens_name, found.target, found.pillars, found.measured
    )
    streams.progress.print(f"milestone {write_milestone(arguments.answers, kept)}", soft_wrap=True)
    if arguments.json:
        streams.out.write(kept.model_dump_json(indent=2, by_alias=True) + "\n")
    return 0


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
        streams.out.write(visible(f"{one.where}: {one.question}: {one.what}: {one.because}") + "\n")
    questions = sum(len(lens.questions) for _, lens in read)
    streams.out.write(f"{len(found) or 'nothing'} odd in {questions} question{'' if questions == 1 else 's'}\n")
    if in_part := sum(tried_in_part(question) for _, lens in read for question in lens.questions):
        streams.out.write(f"{in_part} with too many choices to try every selection: a sample was tried\n")
    return EXIT_ODD if found else 0
