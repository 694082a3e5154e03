"""THE EMBEDDED TARGET: three zones of real processes. Knows nothing of SLOs, plans or records.

bed         up, attach, down: what the rest of the product calls
keeper      the one process that owns a bed; it dies with its caller, and everything dies with it
parts       all parts of a bed: started together, known by one status, ended together
reconcile   makes the control plane's words true
aws         the AWS control plane (moto); gate stands before it
database    writer, standby, health checks, failover, rejoining; node is one PostgreSQL
zone        the services of one availability zone
edge        Envoy, before the shops and before the pricing services; front stands before its admin interface
shop, pricing   the services themselves: programs of their own that import no harness
process, launch, place, events, settings   children, their start, the state directory, the event log, the types
"""

from harness.testbed.bed import Bed, attach, kept_by, up
from harness.testbed.events import read_log
from harness.testbed.settings import ZONES, BedStatus, Settings

__all__ = ["ZONES", "Bed", "BedStatus", "Settings", "attach", "kept_by", "read_log", "up"]
