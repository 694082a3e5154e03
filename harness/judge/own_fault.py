"""Answers that may be bad by the load's own doing: nobody is judged `missed` by them.

Of an arrival that the load never sent (waiting, expired) nothing is known of the service. One that the load sent late
is bad perhaps only for that: `sent - planned` (ns) may be taken off its latency where it is no more than the worker's
scheduler admits to have been late at its worst. What was sent later than that, the service kept waiting.

Both stay bad where a promise is to be met; where it would be missed, it must be missed without them too.
"""

import numpy as np

from harness.record import Outcome, Record, Requests


def without_own_fault(record: Record) -> Requests:
    """The requests as they would count if all that may be the load's own fault were so."""
    requests = record.requests
    sent: Requests = requests[
        (requests["outcome"] != Outcome.WAITING) & (requests["outcome"] != Outcome.EXPIRED)
    ].copy()
    worst_ns = np.zeros(1 + max((worker.worker for worker in record.workers), default=0), dtype=np.int64)
    for worker in record.workers:
        worst_ns[worker.worker] = worker.lateness_ns_max
    late_ns = sent["sent_ns"] - sent["planned_ns"]
    known = sent["worker"] < len(worst_ns)
    own = known & (late_ns > 0) & (late_ns <= worst_ns[np.where(known, sent["worker"], 0)])
    sent["done_ns"] -= np.where(own, late_ns, 0)
    return sent
