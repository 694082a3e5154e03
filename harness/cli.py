"""The command line: `wellproven VERB ...`."""

import argparse
import contextlib
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import NoReturn, TextIO

from harness import __version__
from harness.errors import FileError, UsageError, WellprovenError
from harness.redaction import Redactor
from harness.text import visible_lines
from harness.verbs import check, drill, judge, plan, recover, report, review, testbed
from harness.verbs.common import Streams

READER_GONE = 141  # what a shell shows for a command ended by SIGPIPE
VERBS = (drill, plan, check, judge, recover, report, review, testbed)

EXIT_CODES = """\
exit codes:
  0   met: every promise was kept, with evidence
  1   missed: at least one promise was not kept
  2   unknown: at least one promise could be neither shown to be kept nor broken
  64  the command line is wrong          65  a file is wrong
  69  the target, or a part, is not there  70  a mistake of ours
  77  refused: the target does not allow it  130 left at once (Ctrl-C twice)
"""
DESCRIPTION = """\
Drills a system against its own SLOs and recovery objectives, for real, and says for
each claim: met, missed or unknown. Never green without evidence.

  slo -> plan -> load + fault -> record -> judge -> report
"""
EXAMPLES = """\
examples:
  wellproven drill                              every experiment in experiments/, on the embedded target
  wellproven drill experiments/az-failure.yaml --target staging
  wellproven plan experiments/az-failure.yaml   what it would do, and why
  wellproven judge runs/latest                  the verdicts again, from the stored record

"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n{self.format_usage().strip()}\ntry: {self.prog} --help")


def make_parser() -> argparse.ArgumentParser:
    """The whole command line, for `main` and for the test that every verb is documented."""
    parser = _Parser(
        prog="wellproven",
        description=DESCRIPTION,
        epilog=EXAMPLES + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"wellproven {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=_Parser)
    for verb in VERBS:
        name = verb.__name__.rsplit(".", 1)[-1]
        one = verbs.add_parser(
            name,
            help=verb.HELP,
            description=verb.__doc__,
            epilog=verb.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        verb.add_arguments(one)
        one.set_defaults(do=verb.do)
    return parser


def main(argv: Sequence[str], out: TextIO, err: TextIO) -> int:
    """Run one command; results go to `out`, everything else to `err`. Returns the exit code."""
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            arguments = make_parser().parse_args(argv)
        return int(arguments.do(arguments, Streams(out, err)))
    except FileError as error:
        err.writelines(f"{_said(str(mistake))}\n" for mistake in error.mistakes)
        count = len(error.mistakes)
        err.write(f"wellproven: {count} mistake{'s' if count > 1 else ''}; nothing was started\n")
        return error.exit_code
    except WellprovenError as error:
        err.write(f"wellproven: {_said(str(error))}\n")
        return error.exit_code
    except KeyboardInterrupt:
        err.write("wellproven: left at once; what was broken is being undone: wellproven recover\n")
        err.write("  what was recorded can be judged: wellproven judge runs/latest\n")
        return 130
    except BrokenPipeError:
        return READER_GONE
    except SystemExit as done:  # --help and --version; rich's answer to a reader that went away
        if isinstance(done.__context__, BrokenPipeError):
            return READER_GONE
        return done.code if isinstance(done.code, int) else 0
    except Exception as error:  # noqa: BLE001  the last door: never a traceback on the terminal
        with tempfile.NamedTemporaryFile("w", prefix="wellproven-bug-", suffix=".txt", delete=False) as file:
            file.write(Redactor.of_process().text(traceback.format_exc()))
        what = _said(f"{type(error).__name__}: {error}")
        err.write(f"wellproven: a mistake of ours: {what}\n  please report it with {file.name}\n")
        return WellprovenError.exit_code


def _said(text: str) -> str:
    """A message as it may be shown: it quotes files, answers and addresses of others."""
    return visible_lines(Redactor.of_process().text(text))


def entry() -> NoReturn:
    """The console script."""
    os.umask(os.umask(0o022) | 0o002)  # whatever the user's own: nobody else may write into our files
    sys.exit(main(sys.argv[1:], sys.stdout, sys.stderr))
