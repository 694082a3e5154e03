"""Text from outside on its way to a terminal, or into a file."""

import json
from typing import Final

_HIDDEN: Final = "\N{REPLACEMENT CHARACTER}"


def visible(text: str) -> str:
    """Text from outside on one line, with nothing in it that a terminal would obey."""
    return "".join(one if one.isprintable() else _HIDDEN for one in " ".join(text.split()))


def savable(text: str) -> str:
    """Text that a file can hold: half of a pair, which JSON may carry, becomes a replacement character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def visible_json(text: str) -> str:
    """JSON that may end on a terminal: what one would obey stands in it as JSON's escapes."""
    return "".join(one if one == "\n" or one.isprintable() else json.dumps(one)[1:-1] for one in text)


def visible_lines(text: str) -> str:
    """The same for text that has lines of its own, and keeps its indentation."""
    return "".join(one if one == "\n" or one.isprintable() else _HIDDEN for one in text)
