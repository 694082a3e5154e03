"""Lines as they leave for a terminal."""

import re

from rich.text import Text

from harness.report.lines import put
from tests.report.consoles import plain, shown


def test_a_number_and_its_unit_stay_on_one_line() -> None:
    """However narrow it is, and however the words fall; what is printed holds plain spaces all the same."""
    said = "lost 0 % of a window's budget in 25.5 s, and 12 ms more; burn 2 of 14, 3 shards"
    for width in range(12, 60):
        console = plain(width)
        put(console, Text(said), width)
        lines = shown(console).splitlines()
        assert " ".join(lines) == said
        assert not [one for one in lines if re.match(r"(%|s|ms)( |,|;|$)", one)]
