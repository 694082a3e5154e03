"""The base of every frozen value that crosses a file.

pydantic, because it finds every mistake of a document at once, with the path to each; msgspec stops at the first.
"""

from fractions import Fraction
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer


class Model(BaseModel):
    """Frozen, strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, ser_json_inf_nan="null")


def _fraction(value: Any) -> Any:
    return Fraction(value) if isinstance(value, str | int) else value


# An exact ratio or rate; in a file the text "199/200" or "0.995", so that nothing is rounded on the way.
Exact = Annotated[
    Fraction,
    BeforeValidator(_fraction),
    PlainSerializer(str, return_type=str),
]
