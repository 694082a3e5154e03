"""When a run must be stopped and its fault undone: the guard as written in an experiment, and as planned.

Every rule is looked at ten times a second, over the traffic that is our own: it goes by the critical SLOs that our load
sees, and where there is none, a metric of the target's own must stand in for them. A rule over a window divides by what
was planned for the whole of it, so that the first seconds of a run count as a clean history:

    burn = bad / (planned * (1 - T))       share = slow / planned        planned = rate [1/s] * window [s]
"""

import math
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, model_validator

from harness.documents import Document, DurationNs, ExactNumber, Where, Whole, exact, problem
from harness.errors import Mistake, RefusedError
from harness.model import Exact, Model
from harness.plan.written import Headers, Share, Written
from harness.slo import ForeignIndicator, LoadIndicator, RecoveryObjective, Slo
from harness.units import NS_PER_S, format_duration, format_percent

NO_DATA_NS: Final = 10 * NS_PER_S
WINDOW_NS_MAX: Final = 60 * NS_PER_S  # the live record remembers no more
EVERY_NS: Final = NS_PER_S
EVERY_NS_MIN: Final = NS_PER_S // 4
LOOKS: Final = 3  # in a row that told nothing, until a metric's rule trips
LOOKS_MAX: Final = 10
ERROR_RATIO: Final = Fraction(1, 2)
RTOS: Final = 3  # without a length in the experiment: so many times the longest RTO

Op = Literal["gt", "gte", "lt", "lte"]  # OpenSLO's words
SIGNS: Final[dict[str, str]] = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


# --- as written ------------------------------------------------------------------------------------------------------


def _window_ns(value: int) -> int:
    if not NS_PER_S <= value <= WINDOW_NS_MAX:
        raise problem("a duration of 1s to 60s")
    return value


def _every_ns(value: int) -> int:
    if not EVERY_NS_MIN <= value <= WINDOW_NS_MAX:
        raise problem("a duration of 250ms to 60s")
    return value


def _positive(expected: str, below: float = math.inf) -> Callable[[Any], Fraction]:
    """Read an exact number above 0."""

    def read(value: Any) -> Fraction:
        try:
            number = exact(value)
        except ValueError:
            raise problem(expected) from None
        if not 0 < number < below:
            raise problem(expected)
        return number

    return read


Window = Annotated[DurationNs, AfterValidator(_window_ns)]
Every = Annotated[DurationNs, AfterValidator(_every_ns)]


class WrittenBurn(Written):
    """A burn rate of a critical SLO, over a window."""

    rate: Annotated[Fraction, BeforeValidator(_positive("a burn rate above 0, such as 14.4"))]
    over: Window


class WrittenLatency(Written):
    """Answers of the critical SLOs' requests that take too long, over a window; exactly one of share, percentile."""

    above: DurationNs
    share: Share | None = None
    percentile: (
        Annotated[Fraction, BeforeValidator(_positive("a percentile between 0 and 100, such as 99", 100))] | None
    ) = None
    over: Window

    @model_validator(mode="after")
    def _one(self) -> "WrittenLatency":
        if (self.share is None) is (self.percentile is None):
            raise problem("exactly one of share, percentile")
        return self


class WrittenPrometheus(Written):
    """A query of Prometheus's HTTP API; it trips where any series of the answer compares so."""

    url: str
    query: str = Field(min_length=1)
    op: Op
    value: ExactNumber
    headers: Headers = {}


class WrittenGuardMetric(Written):
    """A metric of the target's own; exactly one of prometheus, alarm."""

    name: str = Field(min_length=1)
    prometheus: WrittenPrometheus | None = None
    alarm: str | None = None  # the name of a CloudWatch alarm, or of a composite one
    every: Every = EVERY_NS
    looks: Whole = Field(default=LOOKS, ge=1, le=LOOKS_MAX)

    @model_validator(mode="after")
    def _one(self) -> "WrittenGuardMetric":
        if (self.prometheus is None) is (self.alarm is None):
            raise problem("exactly one of prometheus, alarm")
        return self


class WrittenGuard(Written):
    """What stops the run; whatever is not written keeps its default."""

    error_ratio: Share | None = None
    for_ns: DurationNs | None = Field(default=None, alias="for")
    no_data: Window = NO_DATA_NS
    burn: WrittenBurn | None = None
    latency: WrittenLatency | None = None
    metrics: tuple[WrittenGuardMetric, ...] = ()

    @model_validator(mode="after")
    def _sane(self) -> "WrittenGuard":
        if self.error_ratio is not None and self.for_ns is None:
            raise problem("for: beside error-ratio", "how long it must last, such as for: 30s", got="error-ratio alone")
        names = [metric.name for metric in self.metrics]
        if len(set(names)) < len(names):
            raise problem("a name of its own for each metric", at=("metrics",))
        return self


# --- as planned ------------------------------------------------------------------------------------------------------


class BurnRule(Model):
    """Trips where a critical SLO's burn rate over the window is at least `rate`."""

    rate: Exact
    over_s: float


class LatencyRule(Model):
    """Trips where more than `share` of a critical SLO's requests take longer than `above_ns`, over the window."""

    above_ns: int
    share: Exact
    over_s: float


class MetricRule(Model):
    """Trips where the target's own metric says so, or says nothing `looks` times in a row."""

    name: str
    how: Literal["prometheus", "alarm"]
    url: str = ""
    query: str = ""
    op: Op = "gt"
    value: Exact = Fraction(0)
    headers: dict[str, str] = {}
    alarm: str = ""
    every_s: float = EVERY_NS / NS_PER_S
    looks: int = LOOKS

    def trips_at(self, value: float) -> bool:
        """Whether a value of the query is one to stop at."""
        limit = float(self.value)
        return {"gt": value > limit, "gte": value >= limit, "lt": value < limit, "lte": value <= limit}[self.op]

    @property
    def condition(self) -> str:
        """What trips it, in words."""
        if self.how == "alarm":
            return f"CloudWatch alarm {self.alarm} is in ALARM"
        return f"{self.query} {SIGNS[self.op]} {float(self.value):g}"


class Guard(Model):
    """Stops the run when a critical SLO's bad ratio stays at or above `error_ratio` longer than `for_s`, and so on."""

    error_ratio: float
    for_s: float
    no_data_s: float
    because: str
    burn: BurnRule | None = None
    latency: LatencyRule | None = None
    metrics: tuple[MetricRule, ...] = ()

    @property
    def window_s(self) -> float:
        """The longest window of the traffic that some rule looks at."""
        return max([1.0, *(rule.over_s for rule in (self.burn, self.latency) if rule is not None)])


def plan_guard(
    written: WrittenGuard | None,
    objectives: tuple[RecoveryObjective, ...],
    resolve: Callable[[JsonValue], JsonValue],
) -> Guard:
    """The guard of a run; without words of the experiment: half of an SLO's requests bad for three longest RTOs."""
    longest_rto_s = max((objective.rto_ns for objective in objectives), default=0) / NS_PER_S
    because = f"three times the longest RTO ({longest_rto_s:.3g} s)" if longest_rto_s else "no RTO is claimed"
    usual = Guard(
        error_ratio=float(ERROR_RATIO),
        for_s=RTOS * longest_rto_s or 60.0,
        no_data_s=NO_DATA_NS / NS_PER_S,
        because=because,
    )
    if written is None:
        return usual
    stated = written.for_ns is not None
    return Guard(
        error_ratio=float(written.error_ratio or ERROR_RATIO),
        for_s=(written.for_ns or 0) / NS_PER_S if stated else usual.for_s,
        no_data_s=written.no_data / NS_PER_S,
        because="as the experiment says" if stated else because,
        burn=BurnRule(rate=written.burn.rate, over_s=written.burn.over / NS_PER_S) if written.burn else None,
        latency=_latency(written.latency) if written.latency else None,
        metrics=tuple(_metric(metric, resolve) for metric in written.metrics),
    )


def _latency(written: WrittenLatency) -> LatencyRule:
    share = written.share if written.percentile is None else 1 - written.percentile / 100
    assert share is not None
    return LatencyRule(above_ns=written.above, share=share, over_s=written.over / NS_PER_S)


def _metric(written: WrittenGuardMetric, resolve: Callable[[JsonValue], JsonValue]) -> MetricRule:
    often: dict[str, Any] = {"name": written.name, "every_s": written.every / NS_PER_S, "looks": written.looks}
    if written.prometheus is None:
        return MetricRule(**often, how="alarm", alarm=str(resolve(written.alarm)))
    asked = written.prometheus
    url = str(resolve(asked.url)).rstrip("/")
    if "${" in url:  # what is secret stays a name in a plan
        why = "its address comes from a secret, which no plan holds; let a name that is none lead there"
        raise RefusedError(f"guard metric {written.name}: {why}")
    return MetricRule(
        **often,
        how="prometheus",
        url=url,
        query=str(resolve(asked.query)),
        op=asked.op,
        value=asked.value,
        headers=asked.headers,
    )


def goes_by(slos: Iterable[Slo]) -> tuple[Slo, ...]:
    """The SLOs that the rules on our own traffic look at: critical, and seen by our load."""
    return tuple(slo for slo in slos if slo.critical and isinstance(slo.indicator, LoadIndicator))


def unseen(slos: Iterable[Slo]) -> tuple[Slo, ...]:
    """Critical SLOs that only somebody else's metrics show: no rule on our own traffic looks at them."""
    return tuple(slo for slo in slos if slo.critical and not isinstance(slo.indicator, LoadIndicator))


def guard_mistakes(
    written: WrittenGuard | None, slos: tuple[Slo, ...], document: Document, at: Where
) -> Iterator[Mistake]:
    """What is wrong with the guard of an experiment that these SLOs judge: a rule that could never trip.

    Where our load sees no SLO at all, critical or not, nothing can be planned, and that is said elsewhere.
    """
    seen = goes_by(slos)
    if not seen and any(isinstance(slo.indicator, LoadIndicator) for slo in slos):
        yield from _blind(written, slos, document, at)
    elif seen and written and written.burn:
        highest = max(1 / (1 - slo.target) for slo in seen)
        if written.burn.rate > highest:
            reachable = f"a rate a critical SLO can reach: at most {float(highest):g}, when every answer is bad"
            yield document.mistake((*at, "guard", "burn", "rate"), reachable)


def _blind(written: WrittenGuard | None, slos: tuple[Slo, ...], document: Document, at: Where) -> Iterator[Mistake]:
    foreign = ", ".join(f"{slo.name} ({_source(slo)})" for slo in unseen(slos))
    got = f"none that our load sees, only {foreign}" if foreign else "no critical SLO at all"
    if written is None or not written.metrics:
        expected = "a critical SLO whose indicator is type: load, or a metric of the target's own"
        way_out = "add guard: {metrics: [...]} with prometheus: or alarm:, see experiments/README.md"
        yield document.mistake(
            (*at, "guard" if written else "slos"), expected, f"else nothing stops the run: {way_out}", got=got
        )
        return
    rules = {"error-ratio": written.error_ratio, "burn": written.burn, "latency": written.latency}
    for name in (name for name, rule in rules.items() if rule is not None):
        expected = "a critical SLO whose indicator is type: load"
        yield document.mistake((*at, "guard", name), expected, "take the rule out: the metrics stop the run", got=got)


def _source(slo: Slo) -> str:
    return slo.indicator.type if isinstance(slo.indicator, ForeignIndicator) else "load"


def rules_in_words(guard: Guard, slos: Iterable[Slo] = ()) -> list[tuple[str, str]]:
    """(what, when) of every rule beside the error ratio and no data; of `slos`, which they go by if not all."""
    found = []
    if blind := unseen(slos):
        seen = ", ".join(slo.name for slo in goes_by(slos)) or "the metrics alone"
        away = ", ".join(f"{slo.name} ({_source(slo)})" for slo in blind)
        found.append(("goes by", f"{seen}; our load cannot see {away}, and no rule on our own traffic stops for it"))
    if guard.burn is not None:
        over = format_duration(guard.burn.over_s * NS_PER_S)
        found.append(("burn rate", f"a critical SLO burns its budget {float(guard.burn.rate):g} times over {over}"))
    if guard.latency is not None:
        rule = guard.latency
        slow = f"longer than {format_duration(rule.above_ns)} over {format_duration(rule.over_s * NS_PER_S)}"
        found.append(("latency", f"more than {format_percent(rule.share)} of a critical SLO's requests take {slow}"))
    for metric in guard.metrics:
        every = format_duration(metric.every_s * NS_PER_S)
        nothing = f"or {metric.looks} looks in a row tell nothing (one every {every})"
        found.append((metric.name, f"{metric.condition}, {nothing}"))
    return found
