"""What a database service tells its users' monitoring: who is there, and how far the standby is behind."""

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from harness.errors import NotAvailableError
from harness.testbed.database import Database


def serve(port: int, database: Database) -> None:
    """Prometheus metrics at /metrics on loopback, until this process ends."""
    registry = CollectorRegistry()

    def gauge(name: str, said: str) -> Gauge:
        return Gauge(name, said, registry=registry)

    gauge("database_writable", "1 where a primary takes writes.").set_function(
        lambda: float(database.status().primary is not None)
    )
    gauge("database_standbys", "Standbys that stream from the primary.").set_function(
        lambda: float(database.status().standby is not None)
    )
    gauge("database_replication_lag_seconds", "From a commit to its being seen on the standby; -1: none.").set_function(
        lambda: -1.0 if database.lag_s is None else database.lag_s
    )
    gauge("database_replication_lag_bytes", "Log the standby has not replayed; -1: no standby.").set_function(
        lambda: -1.0 if database.lag_bytes is None else float(database.lag_bytes)
    )
    try:
        start_http_server(port, "127.0.0.1", registry)
    except OSError as error:
        raise NotAvailableError(f"test bed: database metrics: Address already in use: {port}") from error
