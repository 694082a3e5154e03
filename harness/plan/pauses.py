"""How long an experiment's activities pause: Chaos Toolkit's `pauses: {before: 5, after: "${settle_s}"}`. Pure."""

import math
from collections.abc import Iterable, Mapping
from typing import Any


def pauses_s(activity: Mapping[str, Any], settings: Mapping[str, object]) -> float:
    """Seconds an activity takes beside its call; `settings` are the configuration's values, by name."""
    pauses = activity.get("pauses")
    if not isinstance(pauses, dict):
        return 0.0
    return sum(_seconds(pauses.get(when), settings) for when in ("before", "after"))


def rollback_pauses_s(body: Mapping[str, Any], environment: Mapping[str, str]) -> float:
    """Seconds that all rollbacks of an experiment pause, one after the other."""
    written = body.get("configuration")
    settings = {name: _value(one, environment) for name, one in (written if isinstance(written, dict) else {}).items()}
    method, rollbacks = body.get("method") or [], body.get("rollbacks") or []
    named = {one.get("name"): one for one in method if isinstance(one, dict)}
    return sum(pauses_s(one, settings) for one in _resolved(rollbacks, named))


def _resolved(activities: Iterable[Any], named: Mapping[Any, Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    return [named.get(one.get("ref"), one) for one in activities if isinstance(one, dict)]


def _value(setting: object, environment: Mapping[str, str]) -> object:
    if not isinstance(setting, dict):
        return setting
    return environment.get(str(setting.get("key")), setting.get("default"))


def _seconds(pause: object, settings: Mapping[str, object]) -> float:
    """What cannot be read counts as nothing: Chaos Toolkit fails such an activity at once."""
    if isinstance(pause, str) and pause.startswith("${") and pause.endswith("}"):
        pause = settings.get(pause[2:-1])
    try:
        seconds = float(pause)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0
