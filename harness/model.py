"""The base of every frozen value that crosses a file.

pydantic, because it finds every mistake of a document at once, with the path to each; msgspec stops at the first.
"""

import re
from fractions import Fraction
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

NS_MAX: Final = 2**62  # 146 years: two of these can be added in 64 bits
Ns = Annotated[int, Field(ge=-NS_MAX, le=NS_MAX)]  # an instant or a length of time, in nanoseconds
Count = Annotated[int, Field(ge=0, le=2**53)]


class Model(BaseModel):
    """Frozen, strict about unknown fields; its numbers are finite."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, ser_json_inf_nan="null", allow_inf_nan=False
    )


# No exponent: "1e1000000000" is twelve characters long, and its numerator fills the memory.
_EXACT: Final = re.compile(r"[-+]?[0-9]{1,100}(\.[0-9]{1,100}|/0*[1-9][0-9]{0,99})?", re.ASCII)

_TOO_LARGE: Final = 10**100


def parse_exact(text: str) -> Fraction:
    """The number of "199/200", "0.995" or "40". Raises ValueError for any other text."""
    if not _EXACT.fullmatch(text):
        raise ValueError("expected a ratio such as 199/200, or a decimal number")
    return Fraction(text)


def _fraction(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < _TOO_LARGE else ""
    return parse_exact(value) if isinstance(value, str) else value


# An exact ratio or rate; in a file the text "199/200" or "0.995", so that nothing is rounded on the way.
Exact = Annotated[
    Fraction,
    BeforeValidator(_fraction),
    PlainSerializer(str, return_type=str),
]
