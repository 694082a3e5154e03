"""What several verbs need: streams, arguments they share, and the way from files to a plan."""

import argparse
import os
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TextIO

from rich.console import Console

from harness import slo
from harness.documents import Document, Mistakes, variables_in
from harness.errors import FileError, NotAvailableError, UsageError
from harness.judge import Outcome
from harness.plan import (
    TESTBED,
    Experiment,
    Plan,
    Target,
    built_in_target,
    make,
    parse_range,
    read_experiment,
    read_targets,
    secret_variables,
)
from harness.redaction import declare
from harness.slo import Promises

EXIT = {Outcome.MET: 0, Outcome.MISSED: 1, Outcome.UNKNOWN: 2}
TARGETS_FILE = "targets.yaml"


@dataclass(frozen=True)
class Streams:
    """Where a command writes: results to `out`, progress and messages to `err`."""

    out: TextIO
    err: TextIO

    @property
    def result(self) -> Console:
        """A console for results."""
        return _console(self.out)

    @property
    def progress(self) -> Console:
        """A console for progress."""
        return _console(self.err)


def _console(stream: TextIO) -> Console:
    # No markup and no emoji: a path, a name or an error in square brackets is itself.
    return Console(file=stream, highlight=False, soft_wrap=False, markup=False, emoji=False)


def add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that decide what is planned."""
    parser.add_argument(
        "--target", default=TESTBED, metavar="T", help="a target of experiments/targets.yaml; default: testbed"
    )
    parser.add_argument("--quick", action="store_true", help="phases as short as the verdicts allow")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="seed of the load's schedule; default: 1")
    parser.add_argument("--slos", type=Path, default=Path("slos"), metavar="DIR", help="SLO files; default: slos/")
    parser.add_argument(
        "--experiments", type=Path, default=Path("experiments"), metavar="DIR", help="default: experiments/"
    )


def add_sweep_argument(parser: argparse.ArgumentParser) -> None:
    """The range of doses."""
    parser.add_argument(
        "--sweep",
        type=_range,
        metavar="LOW..HIGH",
        help="raise the experiment's dose step by step, such as 50ms..800ms",
    )


def _range(text: str) -> tuple[Fraction, Fraction, str]:
    try:
        return parse_range(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_runs_argument(parser: argparse.ArgumentParser) -> None:
    """Where runs are stored."""
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="stored runs; default: runs/")


@dataclass(frozen=True)
class Read:
    """Everything the user wrote that a drill needs, read and free of mistakes."""

    promises: Promises
    experiments: tuple[tuple[Experiment, Document], ...]
    targets: dict[str, Target]

    def target(self, name: str) -> Target:
        """The target of that name. Raises UsageError where there is none."""
        if name == TESTBED:
            return built_in_target()
        if name not in self.targets:
            known = ", ".join([TESTBED, *self.targets])
            raise UsageError(f"no target {name!r}; known: {known} (experiments/targets.yaml)")
        return self.targets[name]


def read_files(experiments: list[str], folder: Path, slos: Path) -> Read:
    """Read SLOs, experiments and targets; what they call secret is known to this process from then on.

    Raises FileError with every mistake in any of them.
    """
    mistakes = Mistakes()
    promises = mistakes.attempt(slo.read, [slos])
    targets = mistakes.attempt(read_targets, folder / TARGETS_FILE)
    paths = mistakes.attempt(experiment_paths, experiments, folder) or []
    read = [mistakes.attempt(read_experiment, path) for path in paths]
    mistakes.raise_any()
    assert promises is not None
    declare(name for target in (targets or {}).values() for name in target.secrets)
    declare(name for one in read if one for name in secret_variables(one[0]))
    headers = [text for request in promises.requests.values() for text in request.headers.values()]
    declare(variables_in(headers))
    return Read(promises, tuple(one for one in read if one), targets or {})


def experiment_paths(named: list[str], folder: Path) -> list[Path]:
    """The files meant: paths, names of files in the folder, or (none named) every file in it."""
    if named:
        inside = {name: folder / f"{name}.yaml" for name in named}
        return [inside[name] if not Path(name).exists() and inside[name].exists() else Path(name) for name in named]
    found = sorted(
        path for pattern in ("*.yaml", "*.yml", "*.json") for path in folder.glob(pattern) if path.name != TARGETS_FILE
    )
    if not found:
        got = "no such folder" if not folder.exists() else "no experiment in it"
        got = got if os.access(folder, os.R_OK | os.X_OK) or not folder.exists() else "a folder that cannot be read"
        way_out = "see experiments/README.md, or --experiments DIR"
        raise FileError.single(folder, got, "a folder of experiments", way_out)
    return found


def make_runs_folder(runs: Path) -> None:
    """See that runs can be stored, before anything starts. Raises NotAvailableError where they cannot."""
    try:
        runs.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=runs):
            pass
    except OSError as error:
        why = error.strerror
        raise NotAvailableError(f"{runs}: cannot make a run's folder there ({why}); see --runs DIR") from None


def make_plans(
    read: Read, target: Target, arguments: argparse.Namespace, sweep: tuple[Fraction, Fraction, str] | None = None
) -> list[Plan]:
    """A plan an experiment. Raises FileError with every mistake of them all."""
    mistakes = Mistakes()
    plans = [
        mistakes.attempt(
            make,
            experiment,
            document,
            read.promises,
            target,
            environment=dict(os.environ),
            quick=arguments.quick,
            seed=arguments.seed,
            sweep=sweep,
        )
        for experiment, document in read.experiments
    ]
    mistakes.raise_any()
    return [plan for plan in plans if plan]
