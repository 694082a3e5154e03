"""One healthy bed for the whole session; beds with a weakness are brought up where they are needed."""

from collections.abc import Iterator

import httpx
import pytest

from harness.testbed import Bed
from tests.testbed.beds import bed_up, edge_of


@pytest.fixture(scope="session")
def bed() -> Iterator[Bed]:
    with bed_up("default") as bed:
        yield bed


@pytest.fixture
def edge(bed: Bed) -> Iterator[httpx.Client]:
    with edge_of(bed) as client:
        yield client
