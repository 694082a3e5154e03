"""The base of what a user writes in an experiment's extension and in targets.yaml."""

from fractions import Fraction
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_snake

from harness.documents import header_problems, problem, share
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


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise problem("one line of ASCII text", at=(name,))
    for found in header_problems(headers):
        raise found
    return headers


# Of a request beside the load; a secret stands there as `${NAME}`, and is read from the environment when it is sent.
Headers = Annotated[dict[str, str], AfterValidator(_headers)]
