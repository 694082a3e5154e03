"""An end to waiting for a database that hangs."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Any

import psycopg


@contextlib.contextmanager
def hang_up_after(connection: psycopg.AsyncConnection[Any], seconds: float) -> Iterator[None]:
    """Whoever waits for this connection longer sees it broken: psycopg.OperationalError.

    Subtle: a time-out that cancels the waiting task would not do. psycopg then asks the server to cancel the query and
    waits for its word, ten seconds where the server hangs.
    """
    timer = asyncio.get_running_loop().call_later(seconds, _hang_up, connection)
    try:
        yield
    finally:
        timer.cancel()


def _hang_up(connection: psycopg.AsyncConnection[Any]) -> None:
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
