"""AWS clients for faults: harness.aws, its errors as Chaos Toolkit wants them. No fault by itself."""

import contextlib
from collections.abc import Iterator
from typing import Any, Final

from chaoslib.exceptions import ActivityFailed

from harness import aws
from harness.errors import WellprovenError

ATTEMPTS: Final = 4


def client(service: str, attempts: int = ATTEMPTS) -> Any:
    """A client of boto3's that gives up in time. Raises ActivityFailed, such as where no region is set.

    Each has a session of its own: chaosaws keeps the first profile of a process for all further ones.
    """
    with translated(f"AWS {service}"):
        return aws.AwsSession(patience=aws.Patience(attempts=attempts)).client(service)


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """What AWS refuses here, or does not answer, becomes ActivityFailed, with what it was about."""
    try:
        with aws.translated(what):
            yield
    except WellprovenError as error:
        raise ActivityFailed(str(error)) from error
