"""Lines as they leave for a terminal or a file: without the spaces that fill up a table's last column."""

import re
from typing import Final

from rich.console import Console, RenderableType
from rich.text import Text

COLUMNS_MAX: Final = 100  # a line longer than this is hard to read, however wide the terminal

_JOINT: Final = "\ue000"  # of one column, and no white space to whoever wraps a line
_BEFORE_UNIT: Final = re.compile(r"(?<=\d) (?=%|(?:s|ms|min|h|d)\b)")


def whole_figures(text: Text) -> Text:
    """The same text, to be printed by `put`: no line ends between a number and its unit."""
    found = text.copy()
    found.plain = _BEFORE_UNIT.sub(_JOINT, text.plain)
    return found


def put(console: Console, shown: RenderableType, width: int) -> None:
    """Print within a width, and nothing behind the last character of a line."""
    if isinstance(shown, Text):
        shown = whole_figures(shown)
    for segments in console.render_lines(shown, console.options.update(width=width), pad=False):
        line = Text.assemble(*((one.text.replace(_JOINT, " "), one.style or "") for one in segments))
        line.rstrip()
        console.print(line, soft_wrap=True)
