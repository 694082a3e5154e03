"""AWS clients that give up in time. No fault by itself."""

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from chaoslib.exceptions import ActivityFailed

CONNECT_S: Final = 5
READ_S: Final = 20
ATTEMPTS: Final = 4


def client(service: str, attempts: int = ATTEMPTS) -> Any:
    """A client of boto3's that gives up in time. Raises ActivityFailed, such as where no region is set."""
    retries = {"mode": "standard", "total_max_attempts": attempts}
    with translated(f"AWS {service}"):
        return boto3.client(service, config=Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries=retries))


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """What boto3 raises here becomes ActivityFailed, with what it was about."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise ActivityFailed(f"{what}: {error}") from error
