"""Find every mistake in SLO, experiment, target and review files, all at once; touch nothing.

Without a PATH: slos/ and experiments/. Each mistake is one line: file, line, path, what stands there, what was
expected, the way out.
"""

import argparse
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from harness import slo
from harness.documents import Document, Mistakes, read_documents
from harness.errors import FileError, Mistake
from harness.plan import EXTENSION, Experiment, read_experiment, read_targets
from harness.review import Lens, check_proves, check_scope, read_answers, read_evidence, read_milestones
from harness.verbs.common import Read, Streams, add_plan_arguments, make_plans, read_files
from harness.verbs.review_tool import FOLDER as PULLED
from harness.verbs.reviewing import ANSWERS_FILE, known_zones

HELP = "every mistake in the files, at once"
EXAMPLES = """\
examples:
  wellproven check
  wellproven check slos/shop.yaml experiments/az-failure.yaml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("path", nargs="*", type=Path, metavar="PATH", help="files or folders; default: all")
    add_plan_arguments(parser)


def do(arguments: argparse.Namespace, streams: Streams) -> int:
    """Check; FileError carries what was found."""
    lenses = dict(_lenses(arguments.slos))
    if not arguments.path:
        mistakes = Mistakes()
        read = mistakes.attempt(read_files, [], arguments.experiments, arguments.slos)
        if read is not None:
            mistakes.attempt(make_plans, read, read.target(arguments.target), arguments)
            for experiment, document in read.experiments:
                mistakes.add(*_unknown_practices(experiment, document, lenses))
        for answers in _answers(arguments.slos):
            mistakes.attempt(_check_answers, answers)
            if read is not None:
                mistakes.attempt(_check_scope, answers, read)
        mistakes.raise_any()
        streams.out.write(f"{arguments.slos}/, {arguments.experiments}/: no mistakes\n")
        return 0
    mistakes = Mistakes()
    for path in arguments.path:
        mistakes.attempt(_check, path, lenses)
    mistakes.raise_any()
    streams.out.write(f"{', '.join(map(str, arguments.path))}: no mistakes\n")
    return 0


def _answers(slos: Path) -> Iterator[Path]:
    """The answers that are there: those that people wrote, and those that were pulled."""
    yield from (one for one in (slos / ANSWERS_FILE, *sorted((slos / PULLED.name).glob("*.yaml"))) if one.exists())


def _lenses(slos: Path) -> Iterator[tuple[str, Lens]]:
    """The custom lenses in use, by their names; what is wrong in the answers is said elsewhere.

    AWS's own, whose rules are not published, are AWS's to change: a choice of another version is no mistake.
    """
    for path in _answers(slos):
        with suppress(FileError):
            answers = read_answers(path)
            if any(question.rules for question in answers.lens.questions):
                yield answers.lens_name, answers.lens


def _check_answers(path: Path) -> None:
    """The answers, the files of other tools that they name as evidence, and the milestones beside them."""
    mistakes = Mistakes()
    if (answers := mistakes.attempt(read_answers, path)) is not None:
        mistakes.attempt(read_evidence, answers, datetime.now(UTC))
        mistakes.attempt(read_milestones, path, answers.lens_name, "")
    mistakes.raise_any()


def _check_scope(path: Path, read: Read) -> None:
    """The names in the answers' scope; zones only where all of them are known."""
    try:
        answers = read_answers(path)
    except FileError:
        return  # said already
    check_scope(answers, slos=[one.name for one in read.promises.slos], zones=known_zones(read.targets))


def _unknown_practices(experiment: Experiment, document: Document, lenses: Mapping[str, Lens]) -> list[Mistake]:
    """Practices that an experiment says it proves, and that their lens, if it is known, does not ask for."""
    names = [one.get("name") if isinstance(one, dict) else None for one in document.at(("extensions",))]
    return check_proves(document, ("extensions", names.index(EXTENSION), "proves"), experiment.drill.proves, lenses)


def _check(path: Path, lenses: Mapping[str, Lens]) -> None:
    """Read one file or folder as what it looks like: experiments have a method, targets have targets."""
    files = sorted(file for file in path.rglob("*.y*ml")) if path.is_dir() else [path]
    mistakes = Mistakes()
    promises = []
    for file in files:
        documents = mistakes.attempt(read_documents, file) or []
        first = documents[0].value if documents else None
        if isinstance(first, dict) and "targets" in first:
            mistakes.attempt(read_targets, file)
        elif isinstance(first, dict) and "questions" in first:
            mistakes.attempt(_check_answers, file)
        elif isinstance(first, dict) and ("method" in first or "steady-state-hypothesis" in first):
            if (found := mistakes.attempt(read_experiment, file)) is not None:
                mistakes.add(*_unknown_practices(*found, lenses))
        elif documents:
            promises.append(file)
    if promises:
        mistakes.attempt(slo.read, promises)
    mistakes.raise_any()
