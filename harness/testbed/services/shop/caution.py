"""How the shop deals with what it depends on and that fails; a bed may be built with less than this."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caution:
    """The defaults are a careful shop's."""

    timeout: bool = True  # gives up on the pricing service in time
    retries: int = 0
    fallback: bool = True  # answers with the list price
    breaker: str = "trips"  # never-trips, never-closes, does-not-shed
    needs_cache: bool = False  # shows no catalogue without the cache
