"""The guard: looks at the live record each tick and says why the run must stop, if it must. It fails closed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.plan import Guard, MetricRule, Plan, goes_by
from harness.run.live import Live
from harness.units import NS_PER_S, format_duration, format_percent

LOOK_S = 1.0  # one look at a metric takes no longer, or tells nothing


@dataclass(frozen=True, slots=True)
class Trip:
    """Why the run must stop now; `since_ns` is where the first bad thing that the rule saw lies, in monotonic ns."""

    rule: str
    because: str
    since_ns: int


@dataclass(frozen=True, slots=True)
class Look:
    """What the looks at one metric of the target's have told so far."""

    at_ns: int  # the last look that ended, just before it was asked
    value: str  # what it said, for people
    trips: bool = False
    failures: int = 0  # looks in a row that told nothing, this one among them
    failing_since_ns: int = 0
    problem: str = ""  # why the last one told nothing


@dataclass
class GuardWatch:
    """Remembers since when each rule has been broken."""

    plan: Plan
    _bad_since_ns: dict[str, int] = field(default_factory=dict)
    _started_ns: int | None = None

    def trip(self, live: Live, now_ns: int, looks: Mapping[str, Look]) -> Trip | None:
        """Why the run must stop now; None while it may go on. `looks` are those at the target's metrics, by name."""
        if self._started_ns is None:
            self._started_ns = now_ns
        found = self._blind() or self._no_data(live, now_ns) or self._error_ratio(live, now_ns)
        found = found or self._burn(live, now_ns) or self._latency(live, now_ns)
        tripped = (self._metric(rule, looks.get(rule.name), now_ns) for rule in self._guard.metrics)
        return found or next((one for one in tripped if one), None)

    def is_informed(self, looks: Mapping[str, Look]) -> bool:
        """Whether every metric of the target's has told something; nothing may be broken before."""
        return all(rule.name in looks and not looks[rule.name].failures for rule in self._guard.metrics)

    @property
    def _guard(self) -> Guard:
        return self.plan.guard

    def _blind(self) -> Trip | None:
        """A rule on our own traffic that no SLO could ever trip; planning refuses it, this is the second look."""
        guard, started_ns = self._guard, self._started_ns
        assert started_ns is not None
        if goes_by(self.plan.slos):
            return None
        rule = "burn" if guard.burn else "latency" if guard.latency else "" if guard.metrics else "error-ratio"
        because = f"{rule} cannot be evaluated: our load sees no critical SLO"
        return Trip(rule, because, started_ns) if rule else None

    def _no_data(self, live: Live, now_ns: int) -> Trip | None:
        assert self._started_ns is not None
        since_ns = live.last_done_ns or self._started_ns
        silent_s = (now_ns - since_ns) / NS_PER_S
        if silent_s <= self._guard.no_data_s:
            return None
        return Trip("no-data", f"no request has ended for {silent_s:.1f} s", since_ns)

    def _error_ratio(self, live: Live, now_ns: int) -> Trip | None:
        for slo in (slo for slo in self.plan.slos if slo.critical):
            seen = live.bad_lately(slo, NS_PER_S, now_ns, whole=False)
            if seen is None or not seen.of:
                continue  # nothing is known: what was known stays
            if seen.ratio < self._guard.error_ratio:
                self._bad_since_ns.pop(slo.name, None)
                continue
            since_ns = self._bad_since_ns.setdefault(slo.name, seen.first_bad_ns)
            if seen.last_bad_ns - since_ns > self._guard.for_s * NS_PER_S:
                said = f"at least {format_percent(self._guard.error_ratio)} bad for more than {self._guard.for_s:.3g} s"
                return Trip("error-ratio", f"{slo.name} has been {said}", since_ns)
        return None

    def _burn(self, live: Live, now_ns: int) -> Trip | None:
        rule = self._guard.burn
        for slo in (slo for slo in self.plan.slos if slo.critical and rule):
            assert rule is not None
            seen = live.bad_lately(slo, round(rule.over_s * NS_PER_S), now_ns, whole=True)
            if seen is None or not seen.bad:
                continue
            burn = seen.ratio / (1 - slo.target)
            if burn >= rule.rate:
                over = format_duration(rule.over_s * NS_PER_S)
                because = (
                    f"{slo.name} burned its budget {float(burn):.3g} times over {over}, {float(rule.rate):g} trips"
                )
                return Trip("burn", because, seen.first_bad_ns)
        return None

    def _latency(self, live: Live, now_ns: int) -> Trip | None:
        rule = self._guard.latency
        for slo in (slo for slo in self.plan.slos if slo.critical and rule):
            assert rule is not None
            seen = live.slow_lately(slo, rule.above_ns, round(rule.over_s * NS_PER_S), now_ns)
            if seen is None or seen.ratio <= rule.share:
                continue
            slow = f"took longer than {format_duration(rule.above_ns)} over {format_duration(rule.over_s * NS_PER_S)}"
            shares = f"{format_percent(seen.ratio)} of {slo.name}'s requests"
            because = f"{shares} {slow}, more than {format_percent(rule.share)} trips"
            return Trip("latency", because, seen.first_bad_ns)
        return None

    def _metric(self, rule: MetricRule, look: Look | None, now_ns: int) -> Trip | None:
        assert self._started_ns is not None
        if look is not None and look.trips:
            return Trip(rule.name, f"{rule.name}: {rule.condition}: {look.value}", look.at_ns)
        if look is not None and look.failures >= rule.looks:
            because = f"{rule.name} cannot be evaluated, {look.failures} looks in a row: {look.problem}"
            return Trip(rule.name, because, look.failing_since_ns)
        since_ns = look.at_ns if look is not None else self._started_ns
        longest_s = rule.looks * (rule.every_s + LOOK_S) + LOOK_S
        if now_ns - since_ns > longest_s * NS_PER_S:
            because = f"{rule.name} cannot be evaluated: no look at it has ended for {longest_s:.3g} s"
            return Trip(rule.name, because, since_ns)
        return None
