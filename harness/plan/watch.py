"""What a run watches beside its own requests: a dependency, a circuit breaker; and what it varies: traffic, dose.

The `Written...` types are what a user writes in an experiment's extension; the others are the same, resolved, as the
plan stores them and the judge reads them.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from harness.documents import DurationNs, ExactNumber, exact, problem
from harness.errors import RefusedError
from harness.model import Exact, Model, Ns, parse_exact
from harness.plan.written import Headers, Share, Written
from harness.redaction import has_credentials

OBSERVE_EVERY_NS: Final = 250_000_000
DOSE_MEASURED_MIN: Final = Fraction(4, 5)  # a dose of which less than this share was measured was not there
DOSE_SETTLE_NS: Final = 1_000_000_000  # after a dose is set, what was under way before it does not count
_DOSE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z%]*)\s*")
_URLS = re.compile(r"\s*,\s*")


class BreakerState(StrEnum):
    """The states of a circuit breaker."""

    CLOSED = "closed"
    HALF_OPEN = "half-open"
    OPEN = "open"


# --- as written ------------------------------------------------------------------------------------------------------


def _at_least_one(value: Any) -> Fraction:
    try:
        number = exact(value)
    except ValueError:
        raise problem("a number such as 1.5") from None
    if number < 1:
        raise problem("a number of at least 1")
    return number


def _factor(value: Any) -> Fraction | str:
    if value == "peak":
        return "peak"
    text = str(value).removesuffix("x")
    try:
        factor = parse_exact(text)
    except ValueError:
        factor = Fraction(0)
    if factor <= 1:
        raise problem("peak, or a factor above 1 such as 3x")
    return factor


class WrittenMetric(Written):
    """A Prometheus metric, summed over its series with these labels, on every one of the addresses."""

    urls: str  # one, or several with commas between them
    metric: str
    labels: dict[str, str] = {}
    headers: Headers = {}


class WrittenStateMetric(WrittenMetric):
    """A metric whose value is the breaker's state. An address is one breaker."""

    states: dict[str, BreakerState] = Field(min_length=1)  # "2": open


class WrittenHealth(Written):
    """A JSON document that says the breaker's state, such as Spring's health endpoint. An address is one breaker."""

    urls: str
    headers: Headers = {}
    pointer: str = Field(pattern=r"^(/[^/]+)+$")  # JSON pointer to the state
    states: dict[str, BreakerState] = Field(min_length=1)


class WrittenInferred(Written):
    """Nothing is exposed: open is when fewer than this share of the usual requests reach the dependency."""

    open_below: Share = Fraction(1, 5)


class WrittenDependency(Written):
    """What the service depends on, and how many requests reach it."""

    name: str
    route: str  # the SLOs' request that asks it: GET /price/{sku}
    requests: WrittenMetric  # a counter of the requests that reach it
    amplification: Annotated[Fraction, BeforeValidator(_at_least_one)] | None = None  # most of them per request of ours
    answers_within: DurationNs | None = None  # 99 % of our answers, while the fault is there: a time-out honoured


class WrittenBreaker(Written):
    """Where a breaker's state is read, and what it promises."""

    name: str
    metric: WrittenStateMetric | None = None
    health: WrittenHealth | None = None
    inferred: WrittenInferred | None = None
    opened_within: DurationNs
    fails_fast_within: DurationNs
    sheds: Share = Fraction(9, 10)
    closed_within: DurationNs
    every: DurationNs = OBSERVE_EVERY_NS

    @model_validator(mode="after")
    def _one(self) -> "WrittenBreaker":
        if sum(source is not None for source in (self.metric, self.health, self.inferred)) != 1:
            raise problem("exactly one of metric, health, inferred")
        return self


class WrittenDose(Written):
    """What `--sweep` varies: an entry of `configuration`, raised step by step while the fault is there."""

    variable: str
    unit: Literal["ms", "s", "%", "/s", ""] = "ms"
    measured_by: dict[str, JsonValue]  # provider of a probe that measures, from outside, the dose that is there
    tolerates: dict[str, ExactNumber] = {}  # SLO: the dose at which it must still hold, in the unit


def _only_factor(value: Any) -> Fraction:
    factor = _factor(value)
    if isinstance(factor, str):
        raise problem("a factor above 1 such as 1.5x")
    return factor


Factor = Annotated[Fraction, BeforeValidator(_only_factor)]
Surge = Annotated[Fraction | Literal["peak"], BeforeValidator(_factor)]


# --- as planned ------------------------------------------------------------------------------------------------------


class Metric(Model):
    """WrittenMetric, resolved."""

    urls: tuple[str, ...]
    metric: str
    labels: dict[str, str] = {}
    headers: dict[str, str] = {}


class Dependency(Model):
    """WrittenDependency, resolved."""

    name: str
    route: str
    requests: Metric
    amplification: Exact | None
    answers_within_ns: Ns | None


class Breaker(Model):
    """WrittenBreaker, resolved. `how` says where the state comes from; only its own fields are filled."""

    name: str
    how: Literal["metric", "health", "inferred"]
    urls: tuple[str, ...] = ()
    headers: dict[str, str] = {}
    metric: str = ""
    labels: dict[str, str] = {}
    pointer: str = ""
    states: dict[str, BreakerState] = {}
    open_below: Exact | None = None
    opened_within_ns: Ns
    fails_fast_within_ns: Ns
    sheds: Exact
    closed_within_ns: Ns


class Sweep(Model):
    """A dose raised from `lowest` to `highest`; what is sought is known to `resolution` (a share of the dose)."""

    variable: str
    unit: str
    lowest: Exact
    highest: Exact
    measured_by: dict[str, JsonValue] = {}
    resolution: Exact = Fraction(1, 10)
    step_longest_s: float = 60.0  # a dose that does not decide every SLO within that is left undecided
    tolerates: dict[str, Exact] = {}


def split_urls(text: str) -> tuple[str, ...]:
    """Addresses with commas between them. Raises RefusedError where one has credentials: the plan is stored."""
    if has_credentials(text):
        raise RefusedError("an address of what is watched has a user or a password in it: it would be stored")
    return tuple(url for url in _URLS.split(text.strip()) if url)


def plan_dependency(written: WrittenDependency, resolve: Callable[[JsonValue], JsonValue]) -> Dependency:
    """Resolve a dependency."""
    return Dependency(
        name=written.name,
        route=written.route,
        requests=_metric(written.requests, resolve),
        amplification=written.amplification,
        answers_within_ns=written.answers_within,
    )


def plan_breaker(written: WrittenBreaker, resolve: Callable[[JsonValue], JsonValue]) -> Breaker:
    """Resolve a breaker."""
    promised: dict[str, Any] = {
        "name": written.name,
        "opened_within_ns": written.opened_within,
        "fails_fast_within_ns": written.fails_fast_within,
        "sheds": written.sheds,
        "closed_within_ns": written.closed_within,
    }
    if written.metric:
        metric = _metric(written.metric, resolve)
        return Breaker(**promised, how="metric", **dict(metric), states=written.metric.states)
    if written.health:
        health = written.health
        asked: dict[str, Any] = {"urls": split_urls(str(resolve(health.urls))), "headers": health.headers}
        return Breaker(**promised, how="health", **asked, pointer=health.pointer, states=health.states)
    assert written.inferred is not None
    return Breaker(**promised, how="inferred", open_below=written.inferred.open_below)


def _metric(written: WrittenMetric, resolve: Callable[[JsonValue], JsonValue]) -> Metric:
    labels = {name: str(resolve(value)) for name, value in written.labels.items()}
    urls = split_urls(str(resolve(written.urls)))
    return Metric(urls=urls, metric=written.metric, labels=labels, headers=written.headers)


def parse_range(text: str) -> tuple[Fraction, Fraction, str]:
    """(lowest, highest, unit) of "50ms..800ms". Raises ValueError with the way out."""
    ends = [_DOSE.fullmatch(end) for end in text.split("..")]
    found = [(Fraction(end[1]), end[2]) for end in ends if end]
    if len(ends) != 2 or len(found) != 2:
        raise ValueError(f"got {text!r}, expected two doses such as 50ms..800ms")
    (lowest, unit), (highest, other) = found
    if unit and unit != other:
        raise ValueError(f"got {text!r}, expected one unit, such as 50ms..800ms")
    if not 0 < lowest < highest:
        raise ValueError(f"got {text!r}, expected a lower dose first, above 0")
    return lowest, highest, other
