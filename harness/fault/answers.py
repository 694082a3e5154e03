"""Asking over HTTP, within limits of time and size: whoever answers may be anybody. No fault by itself."""

import json
from dataclasses import dataclass
from typing import Any, Final

import requests
from chaoslib.exceptions import ActivityFailed
from urllib3.exceptions import HTTPError

ANSWER_BYTES_MAX: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    url: str
    status: int
    text: str

    def json_object(self) -> dict[str, Any]:
        """The JSON object in it. Raises ActivityFailed where there is none."""
        try:
            found = json.loads(self.text)
        except (ValueError, RecursionError) as error:
            raise ActivityFailed(f"{self.url}: no JSON came back") from error
        if not isinstance(found, dict):
            raise ActivityFailed(f"{self.url}: no JSON object came back")
        return found


def ask(who: str, method: str, url: str, timeout_s: float, **words: Any) -> Answer:
    """One call, whatever its status; `who` is named where nobody answers. Raises ActivityFailed."""
    try:
        with requests.Session() as session:
            session.trust_env = False
            with session.request(method, url, timeout=timeout_s, stream=True, **words) as answer:
                content = answer.raw.read(ANSWER_BYTES_MAX + 1, decode_content=True)
                status = answer.status_code
    except (requests.RequestException, HTTPError) as error:
        raise ActivityFailed(f"{who} does not answer at {url}: {type(error).__name__}") from error
    if len(content) > ANSWER_BYTES_MAX:
        raise ActivityFailed(f"{who} at {url}: an answer of more than {ANSWER_BYTES_MAX} bytes")
    return Answer(url, status, content.decode("utf-8", errors="replace"))
