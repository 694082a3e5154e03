"""Headers of a request as users write them: a secret stands there as the name of an environment variable."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from pydantic_core import PydanticCustomError

from harness.documents.check import problem
from harness.documents.values import Where, shown
from harness.errors import NotAvailableError
from harness.redaction import looks_secret

VARIABLE: Final = re.compile(r"\$\{([A-Z_][A-Z0-9_]*)\}")  # of the environment; read when a request is made
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_WRITTEN_OUT: Final = "a secret written out"


def header_problems(headers: Mapping[str, object], at: Where = ()) -> Iterator[PydanticCustomError]:
    """What is wrong with the names, and with secrets among the values; `at` leads to the headers."""
    for name, value in headers.items():
        if looks_secret(name) and not VARIABLE.search(str(value)):
            way_out = "write ${SHOP_TOKEN}, or Bearer ${SHOP_TOKEN}, and set that variable"
            yield problem("an environment variable that holds it", way_out, at=(*at, name), got=_WRITTEN_OUT)
    for name in headers:
        if not _NAME.fullmatch(name):
            yield problem("the name of an HTTP header", at=(*at, name), got=shown(name))


def variables_in(texts: Iterable[str]) -> set[str]:
    """The environment variables that headers name: what they hold is secret."""
    return {name for text in texts for name in VARIABLE.findall(text)}


def is_sendable(value: str | None) -> bool:
    """Whether what a variable holds can stand in a header."""
    return value is not None and value.isascii() and value.isprintable()


def filled(headers: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Headers as they are sent. Raises NotAvailableError where a variable is not set, or holds more than a line."""

    def value_of(found: re.Match[str]) -> str:
        value = environment.get(found[1])
        if not is_sendable(value):
            raise NotAvailableError(f"a header needs the environment variable {found[1]}, one line of ASCII; set it")
        return str(value)

    return {name: VARIABLE.sub(value_of, text) for name, text in headers.items()}
