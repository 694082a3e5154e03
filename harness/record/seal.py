"""The seal of a run: SHA-256 of each of its files, written when the run is over (`seal.json`).

What was changed, cut or lost since is seen by whoever judges the run, and nothing in it is met any more. It is no
signature: who can write the files can write the seal.
"""

import hashlib
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from harness.files import open_regular, read_regular
from harness.model import Model

SEAL_FILE: Final = "seal.json"
# What a judge reads; experiment.json, logs and reports prove nothing.
SEALED: Final = (
    "run.json",
    "plan.json",
    "events.jsonl",
    "requests-*.bin",
    "zones-*.txt",
    "load-*.json",
    "observations.jsonl",
    "survivors.txt",
)
BYTES_MAX: Final = 1 << 20


class Seal(Model):
    """Names of a run's files, and the SHA-256 of each."""

    files: dict[str, str]


def make_seal(run: Path) -> Seal:
    """Hash the files of a run. Raises OSError."""
    return Seal(files={path.name: _hash(path) for pattern in SEALED for path in sorted(run.glob(pattern))})


def broken_seal(run: Path) -> list[str]:
    """What is not as it was sealed, a few words each; empty where all is, raises FileNotFoundError without a seal."""
    try:
        sealed = Seal.model_validate_json(read_regular(run / SEAL_FILE, BYTES_MAX, follow_links=False)).files
    except FileNotFoundError:
        raise
    except (OSError, ValidationError):
        return [f"{SEAL_FILE} cannot be read"]
    try:
        found = make_seal(run).files
    except OSError as error:
        return [f"{Path(error.filename or run).name} cannot be read"]
    return [
        f"{name} {'is gone' if name not in found else 'was added' if name not in sealed else 'was changed'}"
        for name in sorted(sealed | found)
        if sealed.get(name) != found.get(name)
    ]


def _hash(path: Path) -> str:
    with open_regular(path, follow_links=False) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
