"""Every reader against files with something wrong in them: a value, or an error of ours; never anything else.

A few of each kind here; `make fuzz` reads 10,000 of each (WELLPROVEN_FUZZ says how many). A file that fails is made
again from its number: `kind.mutate(Random(f"{kind.name}-{number}"))`.
"""

import faulthandler
import os
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.kind import Kind
from tests.fuzz.limits import WALL_S_MAX, TooSlow, limited
from tests.fuzz.readers import kinds

COUNT = int(os.environ.get("WELLPROVEN_FUZZ", "30"))
FIRST = int(os.environ.get("WELLPROVEN_FUZZ_FIRST", "0"))


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.name)
def test_a_damaged_file_is_read_or_refused(kind: Kind, tmp_path: Path) -> None:
    """Whatever stands in a file, its reader ends in time, within its memory, and raises nothing but its own errors."""
    failed: dict[str, list[int]] = {}
    read = 0
    for number in range(FIRST, FIRST + COUNT):
        content = kind.mutate(Random(f"{kind.name}-{number}"))
        # Where the limit cannot end it (one long call into C), the process says where it stands, and ends.
        faulthandler.dump_traceback_later(WALL_S_MAX, exit=True)
        try:
            with limited():
                kind.read(tmp_path, content, number)
            read += 1
        except kind.raises:
            pass
        except (Exception, TooSlow) as error:  # noqa: BLE001  what must not happen
            failed.setdefault(f"{type(error).__name__}: {error}"[:300], []).append(number)
        finally:
            faulthandler.cancel_dump_traceback_later()
    assert failed == {}
    assert read, "nothing was left whole enough to be read: such a fuzzer finds nothing"


def test_the_engine_makes_the_same_file_of_the_same_number() -> None:
    """A failure can be made again, from the kind's name and the number it prints."""
    for kind in kinds():
        assert kind.mutate(Random(f"{kind.name}-7")) == kind.mutate(Random(f"{kind.name}-7")), kind.name


def test_the_engine_damages() -> None:
    """Nearly every file it makes is another one."""
    for kind in kinds():
        assert len({kind.mutate(Random(number)) for number in range(40)}) > 20, kind.name
