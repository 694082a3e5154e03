"""The guard: looks at the live record each tick and says why the run must stop, if it must. It fails closed."""

from harness.plan import Guard, Plan
from harness.run.live import Live
from harness.units import NS_PER_S, format_percent


class GuardWatch:
    """Remembers since when each critical SLO has been as bad as the guard allows."""

    def __init__(self, plan: Plan) -> None:
        self._guard: Guard = plan.guard
        self._slos = [slo for slo in plan.slos if slo.critical]
        self._bad_since_ns: dict[str, int] = {}

    def trip(self, live: Live, now_ns: int) -> str | None:
        """Why the run must stop now; None while it may go on."""
        silent_s = (now_ns - live.last_done_ns) / NS_PER_S
        if live.last_done_ns and silent_s > self._guard.no_data_s:
            return f"no request has ended for {silent_s:.1f} s"
        for slo in self._slos:
            ratio = live.error_ratio(slo, now_ns)
            if ratio is None or ratio < self._guard.error_ratio:
                self._bad_since_ns.pop(slo.name, None)
                continue
            since_ns = self._bad_since_ns.setdefault(slo.name, now_ns)
            if now_ns - since_ns > self._guard.for_s * NS_PER_S:
                return (
                    f"{slo.name} has been at least {format_percent(self._guard.error_ratio)} bad "
                    f"for more than {self._guard.for_s:.3g} s"
                )
        return None
