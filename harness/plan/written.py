"""The base of what a user writes in an experiment's extension and in targets.yaml."""

from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict
from pydantic.alias_generators import to_snake

from harness.documents import problem, share
from harness.model import Model


def _kebab(name: str) -> str:
    return to_snake(name).replace("_", "-")


class Written(Model):
    """A value as a user writes it: names with hyphens."""

    model_config = ConfigDict(alias_generator=_kebab)


def _share(value: Any) -> Fraction:
    try:
        found = share(value)
    except ValueError:
        raise problem("a share such as 5% or 0.05") from None
    if not 0 < found <= 1:
        raise problem("a share above 0 % and up to 100 %")
    return found


Share = Annotated[Fraction, BeforeValidator(_share)]
