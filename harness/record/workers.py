"""What a load worker says of itself when it ends: `load-<worker>.json`."""

from harness.model import Model


class RouteCount(Model):
    """Arrivals of one route in one worker. Exactly: sent + waiting + expired = planned."""

    planned: int
    sent: int
    waiting: int
    expired: int


class WorkerReport(Model):
    """One worker's account; times in the units their names end with."""

    worker: int
    begin_ns: int  # monotonic: instant 0 of the schedule
    end_ns: int  # monotonic: arrivals planned before this were made; later ones are not part of the plan
    routes: dict[str, RouteCount]
    lateness_ns_p50: int  # sent - planned of sent arrivals, scheduler's share only (an idle connection was at hand)
    lateness_ns_p99: int
    lateness_ns_max: int
    cpu_ratio: float  # CPU time of the process / elapsed
    gc_pause_ns_max: int
    gc_pauses: int
    stall_ns_max: int  # longest time the event loop did not turn
    versions: dict[str, str]
