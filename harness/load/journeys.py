"""Finds the journeys a profile names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from locust.util.load_locustfile import load_locustfile

from harness.errors import FileError
from harness.load.lanes import Visitor
from harness.load.users import Journey, JourneyVisitor
from harness.plan import Profile


def load_visitors(profile: Profile, environment: Any) -> Mapping[str, Visitor]:
    """A visitor for each scripted route, by the route's name. Raises FileError where a journey is not to be had."""
    visitors: dict[str, Visitor] = {}
    for index, route in enumerate(profile.routes):
        if route.journey is not None:
            visitors[route.name] = JourneyVisitor(
                _load(route.journey),
                environment,
                lambda seq, index=index: profile.id_of(index, seq),  # type: ignore[misc]
                zone_header=profile.zone_header,
                fallback_header=profile.fallback_header,
                connections_max=profile.connections_max,
            )
    return visitors


def _load(name: str) -> type[Journey]:
    file, _, class_name = name.rpartition(":")
    try:
        # Locust's own loader, so that a file that works under `locust -f` works here.
        classes, _ = load_locustfile(str(Path(file).resolve()))
    except Exception as error:
        raise FileError.single(
            file, f"{type(error).__name__}: {error}", "a locustfile", "try `locust -f` on it"
        ) from error
    journey = classes.get(class_name)
    if journey is None or not issubclass(journey, Journey):
        have = ", ".join(key for key, value in classes.items() if issubclass(value, Journey)) or "none"
        raise FileError.single(
            file, f"no journey {class_name!r}", f"one of: {have}", "subclass harness.load.users.Journey"
        )
    return journey
