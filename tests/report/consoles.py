"""Consoles that remember what was printed, and judgements to print on them."""

import io
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.judge import Judgement, Kind, Outcome, Verdict


def fixed() -> Judgement:
    """The judgement of the golden files."""
    return Judgement.model_validate_json((Path(__file__).parent / "judgement.json").read_text(encoding="utf-8"))


def plain(width: int = 80) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=False, color_system=None, highlight=False)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def verdict(**changes: Any) -> Verdict:
    usual: dict[str, Any] = {
        "promise": "shop RTO", "kind": Kind.RTO, "outcome": Outcome.MET, "claimed": 3.0, "measured": 2.0, "unit": "s",
        "because": "it was",
    }  # fmt: skip
    return Verdict(**usual | changes)
