"""Probes look, and no more: what a target allows is asked of actions, so what changes something must be called one."""

from collections.abc import Iterator
from typing import Any, Final

from harness.documents import Document, Where
from harness.errors import Mistake

_CHANGES: Final = ("PUT", "PATCH", "DELETE")  # POST may be a query
_OUR_CHANGES: Final = ("begin", "end")


def probes_that_change(document: Document) -> Iterator[Mistake]:
    """Probes of the method, the hypothesis and the extension that call what acts. Of a process nobody can tell."""
    for where, probe in _probes(document.value):
        provider = probe.get("provider")
        called = _acts(provider) if isinstance(provider, dict) else ""
        if called:
            way_out = "make it an action of the method, for which limits are asked"
            yield document.mistake((*where, "provider"), "a probe that only looks", way_out, got=called)


def _acts(provider: dict[str, Any]) -> str:
    """What is called, where it changes something by its own name."""
    if provider.get("type") == "http":
        method = str(provider.get("method", "GET")).upper()
        return f"{method} {provider.get('url')}" if method in _CHANGES else ""
    module, func = str(provider.get("module")), str(provider.get("func"))
    if provider.get("type") != "python":
        return ""
    ours = module.startswith("harness.fault.") and func in _OUR_CHANGES
    return f"{module}.{func}" if ours or module.rpartition(".")[2] == "actions" else ""


def _probes(body: Any) -> Iterator[tuple[Where, dict[str, Any]]]:
    """Each with its place; what has another shape is others' to say."""
    if not isinstance(body, dict):
        return
    hypothesis = body.get("steady-state-hypothesis")
    places: list[tuple[Where, Any, str | None]] = [(("method",), body.get("method"), None)]
    if isinstance(hypothesis, dict):
        places.append((("steady-state-hypothesis", "probes"), hypothesis.get("probes"), None))
    extensions = body.get("extensions")
    for index, one in enumerate(extensions if isinstance(extensions, list) else []):
        if isinstance(one, dict) and one.get("name") == "wellproven":
            places += [(("extensions", index, part), one.get(part), "probe") for part in ("evidence", "healed")]
    for where, listed, inside in places:
        for index, one in enumerate(listed if isinstance(listed, list) else []):
            probe = one.get(inside) if inside and isinstance(one, dict) else one
            if isinstance(probe, dict) and (inside or where[0] != "method" or probe.get("type") == "probe"):
                yield (*where, index, *([inside] if inside else [])), probe
