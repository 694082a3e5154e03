"""What closes a command that ran several drills: a line a drill, and those that were not run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from harness.judge import Judgement, Outcome
from harness.report import words
from harness.report.blocks import STYLES
from harness.report.lines import COLUMNS_MAX, put

_HEAD: Final = f"{'outcome':<10}{'met':>3}{'missed':>8}{'unknown':>9}  run"


def summary(drills: Sequence[tuple[Judgement, Path]], not_run: Sequence[str], console: Console) -> None:
    """Print each drill's outcome, its promises by outcome and its run's folder, in the order they were run.

    A folder is never broken over two lines: it is there to be copied.
    """
    console.print()
    console.print(Text(_HEAD, style="dim"), soft_wrap=True)
    for judgement, path in drills:
        met, missed, unknown = (
            sum(one.outcome is outcome for one in judgement.verdicts)
            for outcome in (Outcome.MET, Outcome.MISSED, Outcome.UNKNOWN)
        )
        mark = f"{words.symbol(judgement.outcome, console.encoding)} {judgement.outcome}"
        counts = f"{met:>3}{missed:>8}{unknown:>9}  {words.visible(str(path))}"
        console.print(Text.assemble((f"{mark:<10}", STYLES[judgement.outcome]), counts), soft_wrap=True)
    if not_run:
        names = ", ".join(words.visible(name) for name in not_run)
        put(console, Text(f"not run: {names}", style="yellow"), min(console.width, COLUMNS_MAX))
