"""What `chaos discover harness` finds: every fault and probe of the catalogue."""

from importlib.metadata import version

from chaoslib.discovery.discover import discover_activities, initialize_discovery_result
from chaoslib.types import Discovery

FAULTS = (
    "noop",
    "envoy_delay",
    "envoy_abort",
    "toxiproxy_delay",
    "toxiproxy_cut",
    "netem",
    "aws_fis",
    "aws_ssm_latency",
    "process_pause",
    "process_kill",
    "surge",
)
PROBES = ("metric", "response_time")  # modules of probes alone
ACTIONS = ("begin", "end")


def describe() -> Discovery:
    """Chaos Toolkit's discovery of this extension."""
    found = initialize_discovery_result("harness", version("wellproven"), "wellproven")
    for module in (*FAULTS, *PROBES):
        for activity in discover_activities(f"harness.fault.{module}", "action"):
            is_probe = module in PROBES or activity["name"] not in ACTIONS
            found["activities"].append({**activity, "type": "probe" if is_probe else "action"})
    return found
