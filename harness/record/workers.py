"""What a load worker says of itself when it ends: `load-<worker>.json`."""

from typing import Annotated

from pydantic import Field

from harness.model import Count, Model, Ns


class RouteCount(Model):
    """Arrivals of one route in one worker. Exactly: sent + waiting + expired = planned."""

    planned: Count
    sent: Count
    waiting: Count
    expired: Count


class WorkerReport(Model):
    """One worker's account; times in the units their names end with."""

    worker: Annotated[int, Field(ge=0, le=255)]
    begin_ns: Ns  # monotonic: instant 0 of the schedule
    end_ns: Ns  # monotonic: arrivals planned before this were made; later ones are not part of the plan
    routes: dict[str, RouteCount]
    lateness_ns_p50: Ns  # sent - planned of sent arrivals, scheduler's share only (an idle connection was at hand)
    lateness_ns_p99: Ns
    lateness_ns_max: Ns
    cpu_ratio: float  # CPU time of the process / elapsed
    gc_pause_ns_max: Ns
    gc_pauses: Count
    stall_ns_max: Ns  # longest time the event loop did not turn
    versions: dict[str, str]
