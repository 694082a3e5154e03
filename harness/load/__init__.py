"""TRAFFIC: open arrivals on Locust, in child processes; writes request records.

This package itself never imports locust, so the supervisor may import it; only its child processes do. Journeys import
`harness.load.users`, in a process where locust came first.
"""

from harness.load.supervisor import Load, start

__all__ = ["Load", "start"]
