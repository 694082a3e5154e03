"""Envoy: the edge before the shops, and the proxy before the pricing services, as one process with two listeners."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.errors import NotAvailableError
from harness.testbed.process import http_get
from harness.testbed.settings import Settings

HEALTH_INTERVAL_S = 0.5
HEALTH_TIMEOUT_S = 1.0
EJECTION_S = 3.0
SOCKET_PATH_BYTES_MAX = 103  # macOS; Linux takes 107
PRICING_DELAY_KEYS = ("fault.http.delay.fixed_delay_percent", "fault.http.delay.fixed_duration_ms")
PRICING_ABORT_KEYS = ("fault.http.abort.abort_percent", "fault.http.abort.http_status")

# Only what surely never reached an application is sent again: an order must not be placed twice by the edge, and what
# an application refuses is the caller's to repeat.
_RETRY = {
    "retry_on": "connect-failure,refused-stream",
    "num_retries": 2,
    "retry_host_predicate": [
        {
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
            },
        }
    ],
    "host_selection_retry_max_attempts": 3,
}
_NETWORK = "type.googleapis.com/envoy.extensions.filters.network"
_ROUTER = {
    "name": "envoy.filters.http.router",
    "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
}
# Does nothing until somebody sets PRICING_DELAY_KEYS or PRICING_ABORT_KEYS: POST /runtime_modify, with the key.
_FAULT = {
    "name": "envoy.filters.http.fault",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
        "delay": {"fixed_delay": "0.1s", "percentage": {"numerator": 0, "denominator": "HUNDRED"}},
        "abort": {"http_status": 503, "percentage": {"numerator": 0, "denominator": "HUNDRED"}},
    },
}


def configuration(
    *,
    edge_port: int,
    pricing_port: int,
    admin: Path,
    shops: Sequence[int],
    pricings: Sequence[int],
    settings: Settings,
) -> str:
    """Envoy's bootstrap, as JSON. `shops` and `pricings` are ports of the zones' services, `admin` a socket file."""
    limit = [_limit(settings.requests_per_s_max)] if settings.requests_per_s_max else []
    retry = _RETRY if settings.health_checks else {}
    return json.dumps(
        {
            "admin": {"address": {"pipe": {"path": _socket_path(admin), "mode": 0o600}}},
            "layered_runtime": {
                "layers": [{"name": "admin", "admin_layer": {}}],
            },
            "static_resources": {
                "listeners": [
                    _listener("edge", edge_port, "shop", retry, timeout="5s", filters=[*limit, _ROUTER]),
                    _listener("pricing", pricing_port, "pricing", _RETRY, timeout="2s", filters=[_FAULT, _ROUTER]),
                ],
                "clusters": [
                    _cluster("shop", shops) if settings.health_checks else _blind(_cluster("shop", shops)),
                    _cluster("pricing", pricings),
                ],
            },
        },
        indent=1,
    )


def command(binary: Path, config: Path) -> list[str]:
    """The command line of the proxy."""
    return [str(binary), "-c", str(config), "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]


async def healthy_ports(admin_port: int, cluster: str) -> set[int]:
    """Ports of a cluster's endpoints that the proxy sends requests to."""
    status, body = await http_get(admin_port, "/clusters?format=json")
    if status != 200:
        return set()
    hosts = [
        host
        for found in json.loads(body).get("cluster_statuses", [])
        if found["name"] == cluster
        for host in found.get("host_statuses", [])
    ]
    return {
        host["address"]["socket_address"]["port_value"]
        for host in hosts
        if host["health_status"] == {"eds_health_status": "HEALTHY"}
    }


def _socket_path(path: Path) -> str:
    """Raises NotAvailableError where no socket file can have this name."""
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES_MAX:
        raise NotAvailableError(
            f"test bed: {path}: too long for a socket file ({SOCKET_PATH_BYTES_MAX} bytes); take a shorter --name, or "
            "a shorter TMPDIR"
        )
    return str(path)


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _limit(per_s: int) -> dict[str, Any]:
    """At most so many requests a second, and 429 for the others."""
    share = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    return {
        "name": "envoy.filters.http.local_ratelimit",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
            "stat_prefix": "requests",
            "token_bucket": {"max_tokens": per_s, "tokens_per_fill": per_s, "fill_interval": "1s"},
            "filter_enabled": {"runtime_key": "requests_limited", **share},
            "filter_enforced": {"runtime_key": "requests_limit_enforced", **share},
        },
    }


def _blind(cluster: dict[str, Any]) -> dict[str, Any]:
    """A cluster whose dead endpoints nobody notices."""
    return {name: value for name, value in cluster.items() if name not in {"health_checks", "outlier_detection"}}


def _listener(
    name: str, port: int, cluster: str, retry: dict[str, Any], *, timeout: str, filters: list[dict[str, Any]]
) -> dict[str, Any]:
    route = {"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": timeout, "retry_policy": retry}}
    manager = {
        "@type": f"{_NETWORK}.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "generate_request_id": False,
        "http_filters": filters,
        "route_config": {"virtual_hosts": [{"name": name, "domains": ["*"], "routes": [route]}]},
    }
    return {
        "name": name,
        "address": _address(port),
        # A second process on the same port must fail to start, not share its connections.
        "enable_reuse_port": False,
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def _cluster(name: str, ports: Sequence[int]) -> dict[str, Any]:
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "0.25s",
        # Never send to endpoints known to be dead, however few are left.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(port)}} for port in ports]}],
        },
        "health_checks": [
            {
                # A dead process refuses at once; this is for one that is only busy, and must not be taken for dead.
                "timeout": f"{HEALTH_TIMEOUT_S}s",
                "interval": f"{HEALTH_INTERVAL_S}s",
                "no_traffic_interval": f"{HEALTH_INTERVAL_S}s",
                "unhealthy_interval": f"{HEALTH_INTERVAL_S / 2}s",
                "unhealthy_threshold": 2,
                "healthy_threshold": 1,
                "http_health_check": {"path": "/healthz"},
            }
        ],
        # Only what the proxy itself fails to do counts (connecting, a connection reset): a 503 because there is no
        # database writer comes from every zone alike, and must not eject them all.
        "outlier_detection": {
            "split_external_local_origin_errors": True,
            "consecutive_local_origin_failure": 3,
            "enforcing_consecutive_local_origin_failure": 100,
            "enforcing_consecutive_5xx": 0,
            "enforcing_consecutive_gateway_failure": 0,
            "enforcing_success_rate": 0,
            "enforcing_local_origin_success_rate": 0,
            "interval": "0.5s",
            "base_ejection_time": f"{EJECTION_S}s",
            "max_ejection_percent": 67,
        },
    }
