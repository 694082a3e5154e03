"""Arguments of faults: Chaos Toolkit hands over text wherever a value came from the environment."""

import math

from chaoslib.exceptions import ActivityFailed


def number(name: str, value: float | str) -> float:
    """A finite number, also from text. Raises ActivityFailed."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found) or isinstance(value, bool):
        raise ActivityFailed(f"{name}: got {value!r}, expected a number")
    return found


def within(name: str, value: float | str, least: float, most: float) -> float:
    """A number in [least, most]. Raises ActivityFailed."""
    found = number(name, value)
    if not least <= found <= most:
        raise ActivityFailed(f"{name}: got {found:g}, expected {least:g} to {most:g}")
    return found


def ports(value: str | int) -> list[int]:
    """TCP ports, from "8080,8081". Raises ActivityFailed where there is none."""
    found = [int(within("ports", part, 1, 65535)) for part in str(value).split(",") if part.strip()]
    if not found:
        raise ActivityFailed(f"ports: got {value!r}, expected one or several such as 8080,8081")
    return found


def flag(name: str, value: bool | str) -> bool:  # noqa: FBT001 (the value is what it reads)
    """Yes or no, also from text. Raises ActivityFailed."""
    found = {"true": True, "false": False}.get(str(value).strip().lower())
    if found is None:
        raise ActivityFailed(f"{name}: got {value!r}, expected true or false")
    return found
