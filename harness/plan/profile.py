"""The load of a run: which requests, how often, how each is made."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from harness.documents import variables_in
from harness.model import Exact, Model

SURGE_SEQ: Final = 2**32  # no usual arrival gets there; a surge's number N belongs to worker (N - SURGE_SEQ) % workers


class Arrivals(StrEnum):
    """How arrivals are spaced; both are open: they come whatever the server does."""

    CONSTANT = "constant"
    POISSON = "poisson"


class Stage(Model):
    """A stretch of time with one arrival rate; stages of a route follow each other."""

    duration_s: float = Field(gt=0)
    rate_per_s: Exact = Field(ge=0)


class Route(Model):
    """One kind of request, or one scripted journey, and its arrivals.

    `path`, `headers` and `body` may hold `{id}` (the arrival's own id, see `Profile.id_of`) and `{name}` for each name
    in `parameters`, whose values are taken in turn: value number `seq` modulo their count.
    """

    name: str  # "POST /orders", or a journey's name
    method: str = "GET"
    path: str = "/"
    headers: dict[str, str] = {}
    body: str | None = None
    parameters: dict[str, tuple[str, ...]] = {}
    journey: str | None = None  # "loadtests/shop.py:Browse": the scripted engine; else the lean one
    arrivals: Arrivals = Arrivals.CONSTANT
    stages: tuple[Stage, ...] = Field(min_length=1)
    timeout_s: float = Field(default=5.0, gt=0)
    surge_per_s: Annotated[Exact, Field(ge=0)] | None = (
        None  # the arrival rate while a surge goes on; none: no surge for this route
    )


class Profile(Model):
    """The whole load of a run against one base URL."""

    base_url: str
    routes: tuple[Route, ...] = Field(min_length=1)
    seed: int = 1
    id_prefix: str = "wp"
    zone_header: str | None = None  # the answer's header that names the zone that served it
    fallback_header: str | None = None  # the answer's header that marks a fallback
    connections_max: int = Field(default=256, ge=1)  # a worker's; an arrival beyond it waits, and is counted waiting
    workers: int = Field(default=1, ge=1, le=64)  # arrival `seq` of a route belongs to worker `seq % workers`

    def id_of(self, route_index: int, seq: int) -> str:
        """The id an arrival's write carries, so that the ledger can be rebuilt from the request records."""
        return f"{self.id_prefix}-{route_index}-{seq}"


def header_variables(profile: Profile) -> set[str]:
    """Environment variables that the headers of any route name: what they hold is secret."""
    return variables_in(text for route in profile.routes for text in route.headers.values())
