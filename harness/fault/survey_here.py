"""What actions would hit on this machine, on a Toxiproxy and on an Envoy. Only reads; asked by the survey's process.

What would make the action fail before it has done anything is zero: a drill of it would be one of nothing. Who does not
answer is a problem, and what this user may not see cannot be counted: neither is zero.
"""

import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

import psutil
from chaoslib.exceptions import ActivityFailed

from harness.fault import arguments, envoy, netem, processes, toxiproxy
from harness.plan import OURS, Action, Reach
from harness.redaction import Redactor
from harness.text import visible

NAMES_MAX: Final = 8
FILTER: Final = "fault.delays_injected"  # what every Envoy fault filter counts, whatever it does
# How a filter is named in Envoy's configuration, where its counters are switched off.
FILTER_NAMES: Final = ("envoy.filters.http.fault", "envoy.extensions.filters.http.fault.v3")


def reach(action: Action) -> Reach:
    """What one of our own actions would hit."""
    module, _, function = action.what.removeprefix(OURS).rpartition(".")
    words = _Words(action, begins=function == "begin")
    try:
        return _FINDERS[module](words)
    except _UnknownError as error:
        return words.uncounted(f"its {error} is known only in the run")
    except ActivityFailed as error:
        return words.unasked(f"{error}{_WAYS_OUT.get(module, '')}")


class _UnknownError(Exception):
    """An argument that is read from somewhere the plan does not look into."""


class _Words:
    """An action's arguments, and the answers that can be given about it."""

    def __init__(self, action: Action, *, begins: bool) -> None:
        self._action = action
        self.begins = begins
        self._redactor = Redactor.of_process()

    def text(self, name: str) -> str:
        """An argument as text; empty where it is not given. Raises _UnknownError."""
        found = self._action.arguments.get(name)
        said = "" if found is None else str(found)
        if "${" in said:
            raise _UnknownError(name)
        return said

    def counted(self, hits: int, said: str) -> Reach:
        """So many; none is said as the reason why."""
        return self._reach(counted=True, hits=hits, said=said)

    def uncounted(self, because: str) -> Reach:
        """Nobody knows."""
        return self._reach(counted=False, hits=None, said=f"cannot be counted: {because}")

    def unasked(self, problem: str) -> Reach:
        """Who would know does not answer."""
        found = self._reach(counted=False, hits=None, said=f"cannot be asked what it would hit: {problem}")
        return found.model_copy(update={"problem": found.said})

    def _reach(self, *, counted: bool, hits: int | None, said: str) -> Reach:
        said = visible(self._redactor.text(said))
        return Reach(action=self._action.name, what=self._action.what, counted=counted, hits=hits, said=said)


# --- one family of actions each --------------------------------------------------------------------------------------


def _processes(words: _Words) -> Reach:
    """Who listens on the ports now, and all they started."""
    text = words.text("ports")
    try:
        ports = arguments.ports(text)
    except ActivityFailed as error:
        return words.counted(0, str(error))
    found = processes.listeners(ports)
    missing = {port for port in ports if port not in found}
    nobody = missing - _hidden(missing)
    if nobody:
        return words.counted(0, f"nobody listens on port {_listed(sorted(nobody))} of this machine")
    if missing:
        return words.uncounted(
            f"who listens on port {_listed(sorted(missing))} is another user's; run it as that user, or as root"
        )
    try:
        family = processes.with_descendants(found.values())
    except ActivityFailed as error:
        return words.counted(0, str(error))
    named = _listed(f"{_name(process)} ({process.pid}) on port {port}" for port, process in sorted(found.items()))
    owners = len({process.pid for process in found.values()})
    started = f", and {len(family) - owners} they started" if len(family) > owners else ""
    return words.counted(len(family), f"{_many(len(family), 'process', 'es')} of this machine: {named}{started}")


def _hidden(ports: Iterable[int]) -> set[int]:
    """Those of the ports that somebody listens on whom we may not see; all of them where not even that is told."""
    wanted = set(ports)
    if not wanted:
        return set()
    try:
        there = psutil.net_connections("tcp")
    except (psutil.AccessDenied, OSError):
        return wanted
    return wanted & {one.laddr.port for one in there if one.status == psutil.CONN_LISTEN and one.laddr}


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return "a process"


def _interface(words: _Words) -> Reach:
    """Whether the interface is there, and free of a root qdisc that somebody else put there."""
    name = words.text("interface")
    try:
        if not netem.INTERFACE.fullmatch(name):
            raise ValueError("no name that tc takes")
        socket.if_nametoindex(name)
    except (OSError, ValueError):
        there = _listed(one for _, one in socket.if_nameindex())
        return words.counted(0, f"this machine has no network interface {name!r}; there are: {there}")
    foreign = netem.somebody_elses(name)
    if foreign and words.begins:
        return words.counted(0, foreign)
    return words.counted(1, f"what leaves this machine by {name}")


def _proxy(words: _Words) -> Reach:
    """Whether Toxiproxy has a proxy of that name; one that is cut already cannot be cut."""
    api_url, name = words.text("api_url"), words.text("proxy")
    where = _host(api_url)
    every = toxiproxy.ask("GET", api_url, "/proxies").json_object()
    about = every.get(name)
    if not isinstance(about, Mapping):
        return words.counted(0, f"Toxiproxy at {where} has no proxy {name!r}; there are: {_listed(sorted(every))}")
    if words.begins and about.get("enabled") is False:
        return words.counted(0, f"proxy {name} of Toxiproxy at {where} is cut already; enable it first")
    return words.counted(1, f"one proxy {name} at {where}, before {str(about.get('upstream'))[:100]}")


def _filters(words: _Words) -> Reach:
    """How many fault filters an Envoy has: each is driven by the same runtime keys."""
    admin_url = words.text("admin_url")
    where = _host(admin_url)
    envoy.runtime(admin_url, FILTER)  # that it answers, and as an Envoy does
    pattern = FILTER.replace(".", r"\.") + "$"
    stats = envoy.ask("GET", admin_url, "/stats", {"format": "json", "filter": pattern}).json_object().get("stats")
    names = {str(one.get("name")) for one in stats if isinstance(one, dict)} if isinstance(stats, list) else set()
    filters = sorted(name.removesuffix(FILTER).rstrip(".") or "one" for name in names if name.endswith(FILTER))
    if filters:
        return words.counted(
            len(filters), f"{_many(len(filters), 'fault filter')} of the Envoy at {where}: {_listed(filters)}"
        )
    dump = envoy.ask("GET", admin_url, "/config_dump", {}).text
    if any(name in dump for name in FILTER_NAMES):
        return words.counted(1, f"the fault filter of the Envoy at {where}")
    return words.counted(0, f"no listener of the Envoy at {where} has the filter {FILTER_NAMES[0]}")


def _host(url: str) -> str:
    """Host and port of an address: credentials stay where they are."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or url
    except ValueError:
        return url


def _many(count: int, one: str, more: str = "s") -> str:
    return f"{count} {one}{'' if count == 1 else more}"


def _listed(names: Iterable[object]) -> str:
    every = [str(one)[:100] for one in names]
    return ", ".join(every[:NAMES_MAX]) + (" ..." if len(every) > NAMES_MAX else "") if every else "none"


_HTTP: Final = "; is it up, and is its address right?"
_WAYS_OUT: Final = {"toxiproxy_cut": _HTTP, "toxiproxy_delay": _HTTP, "envoy_delay": _HTTP, "envoy_abort": _HTTP}
_FINDERS: Final[dict[str, Callable[[_Words], Reach]]] = {
    "process_kill": _processes,
    "process_pause": _processes,
    "netem": _interface,
    "toxiproxy_cut": _proxy,
    "toxiproxy_delay": _proxy,
    "envoy_delay": _filters,
    "envoy_abort": _filters,
}
