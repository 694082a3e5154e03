"""Chaos Toolkit's `http` activities follow wherever an answer points; here they stay on the host that was allowed."""

from types import ModuleType
from urllib.parse import urljoin, urlsplit

import requests
from chaoslib.provider import http


class _StayingSession(requests.Session):
    """Follows no answer to another host: the answer itself is what the call gives."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Where an answer points, if that is the same host."""
        target = super().get_redirect_target(resp)
        if target is None:
            return None
        here, there = urlsplit(resp.url).hostname, urlsplit(urljoin(resp.url, target)).hostname
        return target if here == there else None


def stay_on_host() -> None:
    """Have it so in this process, for Chaos Toolkit alone: what else uses requests here is an extension's own."""
    staying = ModuleType(requests.__name__)
    staying.__dict__.update(vars(requests), Session=_StayingSession)
    http.requests = staying
