"""A port that somebody else took in the meantime is said, by whoever wanted it."""

import socket
from types import SimpleNamespace
from typing import Any

import pytest

from harness.errors import NotAvailableError
from harness.testbed import front, meter


@pytest.mark.parametrize(
    "serve",
    [lambda port: meter.serve(port, SimpleNamespace()), lambda port: front.serve(port, None, "key")],
    ids=["meter", "front"],
)
def test_a_port_that_is_taken_is_said(serve: Any) -> None:
    """In the words by which the bed knows that it should start over with others."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NotAvailableError, match=f"Address already in use: {port}"):
            serve(port)
