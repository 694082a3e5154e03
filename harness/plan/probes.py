"""Probes look, and no more: what a target allows is asked of actions, so what changes something must be called one.

And a probe is no setting: Chaos Toolkit would ask it once more when the fault is undone, and undo what it says then.
"""

from collections.abc import Iterator
from typing import Any, Final

from harness.documents import Document, Where
from harness.errors import Mistake

_PROVIDERS: Final = ("provider", "measured-by")  # of an activity, and of a dose
_CHANGES: Final = ("PUT", "PATCH", "DELETE")  # POST may be a query
_OUR_CHANGES: Final = ("begin", "end")


def probes_that_change(document: Document) -> Iterator[Mistake]:
    """Providers that act where something should only be looked at: anywhere but in actions and in rollbacks.

    Of a process nobody can tell.
    """
    for part, value in _looking(document):
        for where, provider in providers_in(value, part):
            if called := _acts(provider):
                way_out = "make it an action of the method, for which limits are asked"
                yield document.mistake(where, "a probe that only looks", way_out, got=called)


def probes_as_settings(document: Document) -> Iterator[Mistake]:
    """Entries of `configuration` that are probes."""
    configuration = document.at(("configuration",))
    for name, entry in configuration.items() if isinstance(configuration, dict) else ():
        if isinstance(entry, dict) and entry.get("type") == "probe":
            expected = "a value, or {type: env, key: NAME}"
            way_out = (
                "ask before the drill, and hand its answer over in a variable: "
                "asked once more when the fault is undone, the probe may answer something else"
            )
            yield document.mistake(("configuration", name, "type"), expected, way_out)


def _looking(document: Document) -> Iterator[tuple[Where, Any]]:
    """What may only look: of the method what says so, and all that others hold, whatever it calls itself."""
    method = document.at(("method",))
    for index, activity in enumerate(method if isinstance(method, list) else []):
        if isinstance(activity, dict) and activity.get("type") == "probe":
            yield ("method", index), activity
    for part in ("steady-state-hypothesis", "extensions"):
        yield (part,), document.at((part,))


def providers_in(value: Any, at: Where = ()) -> Iterator[tuple[Where, dict[str, Any]]]:
    """Each provider in a value with its place, however deep: of activities, tolerances, controls and doses."""
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from providers_in(inner, (*at, index))
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name in _PROVIDERS and isinstance(inner, dict):
                yield (*at, name), inner
            else:
                yield from providers_in(inner, (*at, name))


def _acts(provider: dict[str, Any]) -> str:
    """What is called, where it changes something by its own name; else nothing."""
    if provider.get("type") == "http":
        method = str(provider.get("method", "GET")).upper()
        return f"{method} {provider.get('url')}" if method in _CHANGES else ""
    if provider.get("type") != "python":
        return ""
    module, func = str(provider.get("module")), str(provider.get("func"))
    is_ours = module.startswith("harness.fault.") and func in _OUR_CHANGES
    return f"{module}.{func}" if is_ours or "actions" in module.split(".") else ""
