"""Evidence as a block in an answer's notes, between two marker lines; what stands outside of them is a person's. Pure.

    what a person wrote
                                                        (an empty line)
    --- wellproven: evidence of drills ... ---
    2026-11-24 rel_failover: proven: all 17 promises met (az-failure/2026-11-24T10-00-00Z)
    2 older or lesser ones are left out
    --- wellproven: end ---

A push replaces the block where it stands, and appends it where there is none. Marker lines that are not exactly one
pair were changed by somebody: then nothing is touched.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from harness.review.states import standing
from harness.review.types import Shown

BEGIN: Final = "--- wellproven: evidence of drills, replaced by each push; write outside of these lines ---"
END: Final = "--- wellproven: end ---"
NOTES_MAX: Final = 2084  # of an answer; AWS says characters, counted here as UTF-16 units: never fewer
PER_CHOICE_MAX: Final = 3
BECAUSE_MAX: Final = 200
BECAUSE_SHORT: Final = 60

_BEGIN = re.compile(r"^--- wellproven: evidence[^\n]*$", re.MULTILINE)
_END = re.compile(r"^--- wellproven: end ---[ \t\r]*$", re.MULTILINE)
_GAP = "\n\n"


class Why(StrEnum):
    """Why nothing is written."""

    NO_ROOM = "no room: a person's words fill the notes"
    UNCLEAR = "the marker lines are not one pair any more: take them out, or mend them"


@dataclass(frozen=True, slots=True)
class Fresh:
    """Notes with the evidence in them."""

    notes: str
    kept: int
    left_out: int


def with_evidence(notes: str, shown: Iterable[Shown]) -> Fresh | Why:
    """The notes with this evidence as their block: as much of it as there is room for, the most important first."""
    parts = _split(notes)
    if parts is None:
        return Why.UNCLEAR
    before, old, after = parts
    gap = _GAP if before and not old else ""
    room = NOTES_MAX - _units(before) - _units(after) - _units(gap)
    lines, further = _ranked(shown)
    assert lines, "evidence to push"
    for kept in range(len(lines), 0, -1):
        block = _block([_line(one, BECAUSE_MAX) for one in lines[:kept]], len(lines) - kept + further)
        if _units(block) <= room:
            return Fresh(before + gap + block + after, kept, len(lines) - kept + further)
    left_out = len(lines) - 1 + further
    block = _block([_line(lines[0], BECAUSE_SHORT)], left_out)
    return Fresh(before + gap + block + after, 1, left_out) if _units(block) <= room else Why.NO_ROOM


def words(notes: str) -> str:
    """What a person wrote: the notes without our block; all of them where it is not clear what is ours."""
    parts = _split(notes)
    if parts is None or not parts[1]:
        return notes
    before, _, after = parts
    return before.removesuffix(_GAP) + after


def _split(notes: str) -> tuple[str, str, str] | None:
    """(before, block, after); an empty block where there is none, None where it cannot be told."""
    begins, ends = list(_BEGIN.finditer(notes)), list(_END.finditer(notes))
    if not begins and not ends:
        return notes, "", ""
    if len(begins) != 1 or len(ends) != 1 or begins[0].end() > ends[0].start():
        return None
    begin, end = begins[0].start(), ends[0].end()
    return notes[:begin], notes[begin:end], notes[end:]


def _ranked(shown: Iterable[Shown]) -> tuple[list[Shown], int]:
    """The evidence, most important first, and how much is not even tried.

    What refutes a practice still comes first, all of it: the review says refuted, however much was shown since. Then
    the newest of each practice before any older one; among them what refutes, then the younger.
    """
    every = sorted(set(shown), key=_name)  # an order without ties: a second push must read the same
    every.sort(key=lambda one: (-one.at.timestamp(), one.holds))
    by_choice = defaultdict[str, list[Shown]](list)
    for one in every:
        by_choice[one.choice].append(one)
    first = {one for found in by_choice.values() for one in standing(found)}
    tried: list[tuple[int, Shown]] = []
    for found in by_choice.values():
        found.sort(key=lambda one: one not in first)
        most = max(PER_CHOICE_MAX, sum(one in first for one in found))
        tried += enumerate(found[:most])
    tried.sort(key=lambda pair: (pair[1] not in first, pair[0], pair[1].holds, -pair[1].at.timestamp(), _name(pair[1])))
    return [one for _, one in tried], len(every) - len(tried)


def _name(one: Shown) -> tuple[object, ...]:
    return (one.choice, one.source, one.because, one.short_of, one.outdated)


def _line(one: Shown, because_max: int) -> str:
    because = " ".join(one.because.split())
    if len(because) > because_max:
        because = f"{because[: because_max - 3]}..."
    return f"{one.at:%Y-%m-%d} {one.choice}: {_state(one)}{f': {because}' if because else ''} ({one.source})"


def _state(one: Shown) -> str:
    if not one.holds:
        return "refuted"
    if one.outdated:
        return f"was proven, but {one.outdated}"
    if one.short_of:
        return f"partly proven, {'; '.join(one.short_of)}"
    return f"proven by the loss of {', '.join(sorted(one.zones))}" if one.zones else "proven"


def _block(lines: Sequence[str], left_out: int) -> str:
    more = "one older or lesser one is" if left_out == 1 else f"{left_out} older or lesser ones are"
    return "\n".join([BEGIN, *lines, *([f"{more} left out"] if left_out else []), END])


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
