"""Latency, jitter and loss on a network interface of this host: Linux's `tc netem` holds back what leaves by it.

Only outgoing packets are delayed, all of them or those to one port or address; so an answer is late by the delay once.
Works where the experiment runs on the same host, in the same network namespace, with CAP_NET_ADMIN. Jitter reorders
packets, as netem does. What is held back when the delay changes stays held back; at `end` it is lost, as on a cable
pulled out, and TCP sends it again.
"""

import contextlib
import ipaddress
import json
import os
import re
import shutil
import subprocess
import time
from typing import Any, Final

from chaoslib.exceptions import ActivityFailed

from harness.fault.arguments import number, within
from harness.fault.redact import redactor

__all__ = ["begin", "end", "is_applied", "is_healed", "packets_delayed_per_s", "packets_lost_per_s"]

# Ours is a root qdisc of four bands, three as the kernel's default has them, netem on the fourth. Its handle is the
# mark that another process knows it by. A handle of 0 is the kernel's own default; any other is somebody else's.
ROOT: Final = "1a9e:"
NETEM: Final = "1a9f:"
BAND: Final = f"{ROOT}4"
EVERYTHING: Final = ["3"] * 16  # every priority to the fourth band
ONLY_FILTERED: Final = [
    "1",
    "2",
    "2",
    "2",
    "1",
    "2",
    "0",
    "0",
    "1",
    "1",
    "1",
    "1",
    "1",
    "1",
    "1",
    "1",
]  # what the kernel's pfifo_fast does
DELAY_MS_MAX: Final = 60_000
# netem drops what it cannot hold, and its own limit of 1,000 packets would be a loss nobody asked for.
LIMIT_PACKETS: Final = 100_000
TIMEOUT_S: Final = 10.0
COUNT_MAX: Final = 2**64  # the kernel's counters are no longer
INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:-]{0,14}")
# What tc says, and the way out. In this order: the first that matches.
WAYS_OUT: Final = {
    "Operation not permitted": "run it as root, or with CAP_NET_ADMIN",
    "qdisc kind is unknown": "this kernel has no prio or no netem: modprobe sch_prio sch_netem cls_u32, "
    "or install the modules (Debian: linux-image, Fedora: kernel-modules-extra)",
    "Cannot find device": "name one that `ip link` shows",
    "Exclusivity flag on": "somebody else's root qdisc is there",
}


def begin(
    interface: str,
    delay_ms: float | str,
    jitter_ms: float | str = 0,
    loss_percent: float | str = 0,
    port: int | str | None = None,
    address: str | None = None,
) -> dict[str, Any]:
    """Hold back what leaves by this interface by delay_ms, give or take jitter_ms (uniform), and lose a share of it.

    Only TCP and UDP to this destination port, and only what goes to this address or network ("10.0.0.0/24"), where one
    is given. Replaces an earlier delay of ours. Raises ActivityFailed where the interface has
    somebody else's root qdisc, which is left as it is, or where tc is missing or refuses; then nothing is delayed.
    """
    delay, jitter = within("delay_ms", delay_ms, 0, DELAY_MS_MAX), within("jitter_ms", jitter_ms, 0, DELAY_MS_MAX)
    loss = within("loss_percent", loss_percent, 0, 100)
    filters = _filters(_port(port), _network(address))
    if foreign := somebody_elses(interface):
        raise ActivityFailed(foreign)
    root = _root(interface)
    try:
        # `add` and not `replace`: where another came first meanwhile, the kernel refuses.
        bands = ONLY_FILTERED if filters else EVERYTHING
        shape = ["root", "handle", ROOT, "prio", "bands", "4", "priomap", *bands]
        _qdisc("change" if root else "add", interface, *shape)
        held = ["delay", f"{delay * 1e3:.0f}us", f"{jitter * 1e3:.0f}us", "loss", f"{loss:.4f}%"]
        _qdisc("replace", interface, "parent", BAND, "handle", NETEM, "netem", "limit", str(LIMIT_PACKETS), *held)
        _tc("filter", "del", "dev", interface, "parent", ROOT)
        for one in filters:
            _tc("filter", "add", "dev", interface, "parent", ROOT, *one, "flowid", BAND)
    except BaseException:
        with contextlib.suppress(ActivityFailed):  # the first failure is the one to tell; a rollback tries again
            end(interface)
        raise
    return {"interface": interface, "delay_ms": delay, "jitter_ms": jitter, "loss_percent": loss}


def end(interface: str) -> str:
    """Take our qdisc away, and with it what a begin half done left; the kernel puts its default back.

    Nothing to do where ours is not there: somebody else's stays. Raises ActivityFailed where tc refuses, or there is no
    such interface.
    """
    if not _is_ours(_root(interface)):
        return f"nothing of ours delays {interface}"
    _qdisc("del", interface, "root", "handle", ROOT)
    return f"nothing is delayed on {interface}"


def is_applied(interface: str) -> bool:
    """Whether our netem is there. Raises ActivityFailed."""
    return _netem(interface) is not None


def is_healed(interface: str) -> bool:
    """Whether no qdisc of ours is there any more. Raises ActivityFailed."""
    return not _is_ours(_root(interface))


def packets_delayed_per_s(interface: str, over_s: float | str = 0.5) -> float:
    """Packets that left late in a second, counted by netem while we look; 0 where it is not there."""
    return _per_s(interface, "packets", over_s)


def packets_lost_per_s(interface: str, over_s: float | str = 0.5) -> float:
    """Packets that netem dropped in a second, counted while we look; 0 where it is not there."""
    return _per_s(interface, "drops", over_s)


def somebody_elses(interface: str) -> str:
    """What is said of a root qdisc that somebody else put there; empty where nobody did. Raises ActivityFailed."""
    root = _root(interface)
    if root is None or _is_ours(root):
        return ""
    return (
        f"{interface} has a root qdisc that is not ours: got {root['kind']} {root['handle']}, expected the "
        f"kernel's default; take it away (tc qdisc del dev {interface} root), or choose another interface"
    )


def _per_s(interface: str, counter: str, over_s: float | str) -> float:
    """How fast a counter of netem's grows, looked at twice: what it counted before proves nothing."""
    wait_s = within("over_s", over_s, 0.05, 60)
    begin_s, before = time.monotonic(), _netem(interface)
    time.sleep(wait_s)
    after = _netem(interface)
    if before is None or after is None:
        return 0.0
    return max(0.0, _count(after, counter) - _count(before, counter)) / (time.monotonic() - begin_s)


def _count(qdisc: dict[str, Any], counter: str) -> float:
    found = qdisc.get(counter)
    if not isinstance(found, int) or not 0 <= found < COUNT_MAX:
        raise ActivityFailed(f"tc -s qdisc show: {counter}: got {str(found)[:80]!r}, expected a count")
    return float(found)


def _netem(interface: str) -> dict[str, Any] | None:
    """Our netem with its counters, where it is."""
    found = _qdiscs(interface)
    if not any(_is_ours(one) for one in found):
        return None
    return next((one for one in found if one["handle"] == NETEM and one["kind"] == "netem"), None)


def _root(interface: str) -> dict[str, Any] | None:
    """The root qdisc that somebody put there, where somebody did."""
    return next((one for one in _qdiscs(interface) if one.get("root") and one["handle"] != "0:"), None)


def _is_ours(qdisc: dict[str, Any] | None) -> bool:
    return qdisc is not None and bool(qdisc.get("root")) and (qdisc["handle"], qdisc["kind"]) == (ROOT, "prio")


def _qdiscs(interface: str) -> list[dict[str, Any]]:
    if not INTERFACE.fullmatch(interface):
        raise ActivityFailed(f"interface: got {interface!r}, expected a name such as eth0")
    said = _tc("-s", "-j", "qdisc", "show", "dev", interface)
    try:
        found: Any = json.loads(said)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ActivityFailed(f"tc -j qdisc show: got {said[:80]!r}, expected JSON; needs iproute2 4.16 or later")
    qdiscs = [one for one in found if one]
    for one in qdiscs:
        if not isinstance(one.get("kind"), str) or not isinstance(one.get("handle"), str):
            raise ActivityFailed(f"tc -j qdisc show: got {str(one)[:80]!r}, expected a qdisc with kind and handle")
    return qdiscs


def _qdisc(verb: str, interface: str, *arguments: str) -> None:
    _tc("qdisc", verb, "dev", interface, *arguments)


def _tc(*arguments: str) -> str:
    """What tc says. Raises ActivityFailed where it is missing, refuses or hangs."""
    # A user's PATH often lacks the folders where Debian keeps it.
    program = shutil.which("tc", path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin")))
    if program is None:
        raise ActivityFailed("tc is not installed: install iproute2 (Debian: apt-get install iproute2)")
    try:
        done = subprocess.run(
            [program, *arguments], capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ActivityFailed(f"tc {' '.join(arguments)}: no answer within {TIMEOUT_S:g} s") from error
    if done.returncode != 0:
        said = redactor().text(" ".join(done.stderr.split()))[:200] or f"exit code {done.returncode}"
        way_out = next((f"; {way}" for text, way in WAYS_OUT.items() if text in said), "")
        raise ActivityFailed(f"tc {' '.join(arguments)}: {said}{way_out}")
    return done.stdout


def _filters(port: int | None, network: ipaddress.IPv4Network | ipaddress.IPv6Network | None) -> list[list[str]]:
    """What sends packets to the band that netem is on, one filter a line; none where everything goes there."""
    if port is None and network is None:
        return []
    found = []
    # Filters of two protocols may not share a preference.
    for preference, version, protocol, ip in (("1", 4, "ip", "ip"), ("2", 6, "ipv6", "ip6")):
        if network is not None and network.version != version:
            continue
        start = ["protocol", protocol, "prio", preference, "u32"]
        to = [] if network is None else ["match", ip, "dst", str(network)]
        if port is None:
            found.append([*start, *to])
        else:
            for transport in ("6", "17"):  # TCP, UDP: of anything else these bytes are no port
                at = ["match", ip, "protocol", transport, "0xff", "match", ip, "dport", str(port), "0xffff"]
                found.append([*start, *to, *at])
    return found


def _port(value: int | str | None) -> int | None:
    if value is None or value == "":
        return None
    found = within("port", value, 1, 65535)
    if found != int(found):
        raise ActivityFailed(f"port: got {number('port', value):g}, expected a whole number")
    return int(found)


def _network(value: str | None) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if value is None or value == "":
        return None
    try:
        return ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        raise ActivityFailed(f"address: got {value!r}, expected one such as 10.0.0.7 or 10.0.0.0/24") from error
