"""`review pull` and `review push`: to and from the AWS Well-Architected Tool."""

import argparse
import difflib
import json
import re
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import track

from harness.aws import AwsSession, Login, Patience
from harness.errors import FileError, UsageError
from harness.plan import TESTBED, Target, read_targets
from harness.review import BUILT_IN, Lens, Shown, built_in_lens
from harness.review.tool import (
    DONE,
    Files,
    LensReview,
    Pulled,
    Pushed,
    Status,
    Tool,
    Workload,
    answers_text,
    files,
    is_built_in,
    lens_of,
    merged,
    push_evidence,
)
from harness.text import visible_lines
from harness.verbs.common import TARGETS_FILE, Streams

EXAMPLES = """\
  wellproven review pull Shop                  to slos/reviews/wellarchitected.yaml, and its lens beside it
  wellproven review pull Shop --lens Wellproven -o slos/review.yaml --force
  wellproven review push Shop --dry-run        the diff of each answer's notes; nothing is written
  wellproven review push Shop --target staging --account 123456789012 --milestone after-game-day
"""
EXIT_CODES = """\
exit codes of pull and push: 0 done, 1 a file differs (--force) or an answer was left as it is, 69 AWS does not answer,
  77 another account than the allowed one, or access denied; a push says of each answer whether it was written
"""
PULL_SCHEMA, PUSH_SCHEMA = "wellproven/review-pull/v1", "wellproven/review-push/v1"
EXIT_LEFT = 1
PATIENCE = Patience()
FOLDER = Path("slos/reviews")
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
MILESTONE_CHARS = range(3, 101)  # AWS's limits

type Evidence = Callable[[Lens, str], list[Shown]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of pull and push."""
    group = parser.add_argument_group("pull and push, NAME being a workload's name or id")
    group.add_argument("--lens", dest="lens_alias", metavar="ALIAS", help="alias, ARN or name; default: AWS's own")
    group.add_argument("--force", action="store_true", help="pull: write what differs into files that are there")
    group.add_argument("--dry-run", action="store_true", help="show what would be written, and write nothing")
    group.add_argument("--milestone", metavar="NAME", help="push: have the tool keep a milestone afterwards")
    group.add_argument("--account", metavar="ID", help="the one AWS account allowed; default: the target's")
    group.add_argument("--profile", metavar="P", help="AWS profile; default: the target's, or AWS_PROFILE")
    group.add_argument("--region", metavar="R", help="AWS region; default: the target's, or AWS_REGION")


# --- pull ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _File:
    """One file of a pull: what is there, what is to be there."""

    path: Path
    old: str | None
    new: str

    @property
    def differs(self) -> bool:
        return self.old is not None and self.old != self.new

    def diff(self) -> list[str]:
        old, new = (self.old or "").splitlines(), self.new.splitlines()
        return list(difflib.unified_diff(old, new, str(self.path), f"{self.path}, pulled", lineterm=""))


def pull(arguments: argparse.Namespace, streams: Streams) -> int:
    """Write what the tool has as an answers file and a lens file; show first what they would change."""
    if arguments.output == "-":
        raise UsageError("review pull writes two files: name one for the answers, and the lens lands beside it")
    tool, account = _tool(arguments, streams)
    workload = tool.workload(_name(arguments))
    review = tool.review(workload, arguments.lens_alias)
    asked = list(tool.questions(workload, review))
    answers = _followed(asked, streams, lambda one: tool.answer(workload, review, one.question))
    exported, why_not = tool.export(review)
    pulled = Pulled(workload, review, tuple(answers), tool.milestones(workload), exported, why_not)
    made = files(pulled)
    found = _files(made, pulled, Path(arguments.output) if arguments.output else FOLDER / f"{review.short}.yaml")
    held = any(one.differs for one in found) and not arguments.force
    written = not arguments.dry_run and not held
    if written:
        for one in found:
            _write(one)
    states = {str(one.path): _state(one, written=written) for one in found}
    if arguments.json:
        streams.out.write(json.dumps(_pull_words(account, pulled, made, states), indent=2) + "\n")
    else:
        streams.out.writelines(f"{visible_lines(line)}\n" for line in _pull_lines(pulled, made, found, states))
    if held:
        streams.progress.print("nothing was written: --force writes what differs")
    return EXIT_LEFT if held else 0


def _files(made: Files, pulled: Pulled, output: Path) -> list[_File]:
    old = _read(output)
    answers = answers_text(made, pulled) if old is None else merged(old, output, made)
    found = [_File(output, old, answers)]
    if made.lens is not None:
        path = output.parent / made.lens_name
        found.append(_File(path, _read(path), made.lens))
    return found


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise FileError.single(path, "no text in UTF-8", "answers or a lens", "name another file with -o") from None
    except OSError as error:
        raise FileError.single(path, f"'{error.strerror}'", "a file that can be read", "see -o") from None


def _write(one: _File) -> None:
    """All of it or nothing; the file keeps its permissions, and a link stays one."""
    if one.old == one.new:
        return
    path = one.path.resolve()
    fresh = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(one.new.encode())
        if one.old is not None:
            shutil.copymode(path, fresh)
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise FileError.single(one.path, f"'{error.strerror}'", "a file that can be written", "see -o") from None


def _state(one: _File, *, written: bool) -> str:
    if one.old == one.new:
        return "unchanged"
    if written:
        return "written"
    return "differs" if one.differs else "not written"


def _pull_lines(pulled: Pulled, made: Files, found: Sequence[_File], states: dict[str, str]) -> Iterable[str]:
    workload, review = pulled.workload, pulled.review
    answered = f"{len(pulled.answers)} questions, {len(made.entries)} answered"
    yield f"workload {workload.name} ({workload.id}), lens {review.name} {review.version}: {answered}"
    for pillar in review.pillars:
        counts = ", ".join(f"{count} {risk.lower().replace('_', ' ')}" for risk, count in pillar.risks.items() if count)
        yield f"  {pillar.name}: {counts or 'nothing counted'}"
    for one in pulled.milestones:
        yield f"milestone {one.number}: {one.name}, {one.at:%Y-%m-%d}"
    if made.rules_unknown:
        yield f"risk rules unknown: {made.rules_unknown}; the lens file has the risks that the tool reported"
    if made.unanswered_notes:
        yield f"notes without an answer stay in the tool: {', '.join(made.unanswered_notes)}"
    for file in found:
        if file.differs:
            yield from file.diff()
    yield from (f"{path}: {state}" for path, state in states.items())
    if "differs" not in states.values():
        yield f"next: wellproven review --answers {found[0].path}"


def _pull_words(account: str, pulled: Pulled, made: Files, states: dict[str, str]) -> dict[str, Any]:
    entries = {one.question for one in made.entries}
    return {
        "schema": PULL_SCHEMA,
        **_place_words(account, pulled.workload, pulled.review),
        "rules": "unknown" if made.rules_unknown else "known",
        "because": made.rules_unknown,
        "pillars": [{"id": one.id, "name": one.name, "risks": one.risks} for one in pulled.review.pillars],
        "questions": [
            {
                "question": one.question,
                "pillar": one.pillar,
                "title": one.title,
                "risk": one.risk.value,
                "answered": one.question in entries,
            }
            for one in pulled.answers
        ],
        "milestones": [
            {"number": one.number, "name": one.name, "at": one.at.isoformat(), "risks": one.risks}
            for one in pulled.milestones
        ],
        "unanswered_notes": list(made.unanswered_notes),
        "files": states,
    }


# --- push ------------------------------------------------------------------------------------------------------------


def push(arguments: argparse.Namespace, streams: Streams, evidence: Evidence) -> int:
    """Write what stored runs show into the answers' notes; `evidence` gives it for a lens and its name."""
    name, milestone = _name(arguments), arguments.milestone
    if milestone is not None and len(milestone) not in MILESTONE_CHARS:
        raise UsageError(f"--milestone: got {len(milestone)} characters, expected 3 to 100")
    tool, account = _tool(arguments, streams)
    workload = tool.workload(name)
    review = tool.review(workload, arguments.lens_alias)
    lens = lens_of(review, tool.questions(workload, review))
    ours = is_built_in(lens)
    shown = evidence(built_in_lens() if ours else lens, BUILT_IN if ours else review.short)
    titles = {one.id: one.title for one in lens.questions}
    pushing = push_evidence(tool, workload, review, shown, titles, dry_run=arguments.dry_run, pause=time.sleep)
    done = _followed(pushing, streams, lambda one: one, total=len({one.question for one in shown}))
    number = None
    if milestone is not None and not arguments.dry_run and all(one.status in DONE for one in done):
        number = tool.make_milestone(workload, milestone)
    if arguments.json:
        words = {
            "schema": PUSH_SCHEMA,
            **_place_words(account, workload, review),
            "target": arguments.target,
            "dry_run": arguments.dry_run,
            "questions": [_pushed_words(one) for one in done],
            "milestone": None if number is None else {"name": milestone, "number": number},
        }
        streams.out.write(json.dumps(words, indent=2) + "\n")
    else:
        streams.out.writelines(f"{visible_lines(line)}\n" for line in _push_lines(done, dry_run=arguments.dry_run))
        if number is not None:
            streams.out.write(f"milestone {number}: {visible_lines(milestone)}\n")
    if milestone is not None and number is None:
        why = "a dry run makes none" if arguments.dry_run else "not every answer was written"
        streams.progress.print(f"no milestone: {why}")
    if not done:
        text = f"nothing to push: no stored run on {arguments.target} says anything of the lens {review.short}"
        streams.progress.print(f"{text}; experiments name it under `proves`", soft_wrap=True)
    return _exit_code(done)


def _exit_code(done: Iterable[Pushed]) -> int:
    """The first error's own, where one stopped the push; 1 where something was left as it is."""
    stopped = next((one.error for one in done if one.stops and one.error is not None), None)
    if stopped is not None:
        return stopped.exit_code
    return EXIT_LEFT if any(one.status not in DONE for one in done) else 0


def _push_lines(done: Sequence[Pushed], *, dry_run: bool) -> Iterable[str]:
    for one in done:
        because = f": {one.because}" if one.because else ""
        counts = f", {one.kept} shown" + (f", {one.left_out} left out" if one.left_out else "") if one.kept else ""
        yield f"{one.question}: {one.status}{counts}{because}"
        if dry_run:
            yield from (f"  {line}" for line in one.diff)
    found = [one.status for one in done]
    if found:
        yield ", ".join(f"{found.count(status)} {status}" for status in Status if status in found)


def _pushed_words(one: Pushed) -> dict[str, Any]:
    return {
        "question": one.question,
        "title": one.title,
        "status": one.status.name.lower(),
        "because": one.because,
        "shown": one.kept,
        "left_out": one.left_out,
        "diff": list(one.diff),
    }


# --- both ------------------------------------------------------------------------------------------------------------


def _name(arguments: argparse.Namespace) -> str:
    if len(arguments.names) != 1 or not arguments.names[0].strip():
        raise UsageError(f"review {arguments.what} takes one workload, by its name or its id")
    return str(arguments.names[0])


def _tool(arguments: argparse.Namespace, streams: Streams) -> tuple[Tool, str]:
    """The tool, and the account it is in: one that is allowed."""
    if arguments.account is not None and not _ACCOUNT.fullmatch(arguments.account):
        raise UsageError(f"--account: got {arguments.account!r}, expected 12 digits")
    target = _target(arguments)
    known = Login.of(target.environment_variables) if target else Login()
    login = Login(arguments.profile or known.profile, arguments.region or known.region, known.endpoint)
    allowed = arguments.account or (target.aws_account if target else None)
    session = AwsSession(login, PATIENCE)
    account = session.require_account(allowed)
    if allowed is None:
        streams.progress.print(f"AWS account {account}; --account would allow no other")
    return Tool(session), account


def _target(arguments: argparse.Namespace) -> Target | None:
    if arguments.target == TESTBED:
        return None
    targets = read_targets(arguments.experiments / TARGETS_FILE)
    if arguments.target not in targets:
        raise UsageError(f"no target {arguments.target!r}; known: {', '.join([TESTBED, *targets])}")
    return targets[arguments.target]


def _place_words(account: str, workload: Workload, review: LensReview) -> dict[str, Any]:
    return {
        "account": account,
        "workload": {"id": workload.id, "name": workload.name},
        "lens": {"alias": review.alias, "name": review.name, "version": review.version, "called": review.short},
    }


def _followed[T, U](every: Iterable[T], streams: Streams, do: Callable[[T], U], total: int | None = None) -> list[U]:
    """Each of them done, with a bar on a terminal."""
    console = streams.progress
    length = total if total is not None else len(every) if isinstance(every, Sequence) else None
    bar = track(every, "answers", total=length, console=console, transient=True, disable=not console.is_terminal)
    return [do(one) for one in bar]
