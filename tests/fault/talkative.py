"""A rollback of a user's that prints before it undoes, as many do."""

import sys
import urllib.request

__all__ = ["take_away"]


def take_away(url: str, secrets: dict[str, str] | None = None) -> None:
    """Take the flag away; fails where nobody can hear it."""
    print(f"taking the flag away with {secrets}", flush=True)
    print(f"taking the flag away with {secrets}", file=sys.stderr, flush=True)
    urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=5).close()
