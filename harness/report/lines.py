"""Lines as they leave for a terminal or a file: without the spaces that fill up a table's last column."""

from typing import Final

from rich.console import Console, RenderableType
from rich.text import Text

COLUMNS_MAX: Final = 100  # a line longer than this is hard to read, however wide the terminal


def put(console: Console, shown: RenderableType, width: int) -> None:
    """Print within a width, and nothing behind the last character of a line."""
    for segments in console.render_lines(shown, console.options.update(width=width), pad=False):
        line = Text.assemble(*((one.text, one.style or "") for one in segments))
        line.rstrip()
        console.print(line, soft_wrap=True)
