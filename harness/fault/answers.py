"""Asking over HTTP, within limits of time and size: whoever answers may be anybody. No fault by itself."""

import json
import os
from dataclasses import dataclass
from typing import Any, Final

import requests
from chaoslib.exceptions import ActivityFailed
from urllib3.exceptions import HTTPError

from harness.fault.redact import redactor

ANSWER_BYTES_MAX: Final = 16 << 20
SAID_CHARS_MAX: Final = 200
NO_TOKEN: Final = (401, 403)  # statuses of an answer to whoever has none, or a wrong one


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    url: str
    status: int
    text: str

    @property
    def said(self) -> str:
        """Its beginning, for an error; cut only once it is redacted: half a secret is not known as one."""
        return redactor().text(self.text.strip())[:SAID_CHARS_MAX]

    def json_object(self) -> dict[str, Any]:
        """The JSON object in it. Raises ActivityFailed where there is none."""
        try:
            found = json.loads(self.text)
        except (ValueError, RecursionError) as error:
            raise ActivityFailed(f"{self.url}: no JSON came back") from error
        if not isinstance(found, dict):
            raise ActivityFailed(f"{self.url}: no JSON object came back")
        return found


def bearing(variable: str) -> dict[str, str]:
    """A header that bears the token in an environment variable; none where there is no token.

    The environment, and no argument: arguments stand in records and journals, and in the experiments themselves.
    """
    token = os.environ.get(variable, "").strip()
    return {"Authorization": f"Bearer {token}"} if token else {}


def way_in(variable: str) -> str:
    """What to do where a token is missing, or is not the one."""
    wrong = "is not taken" if os.environ.get(variable) else "is not set"
    return f'{variable} {wrong}; it names the token (on the test bed: eval "$(wellproven testbed env)")'


def ask(who: str, method: str, url: str, timeout_s: float, **words: Any) -> Answer:
    """One call, whatever its status; `who` is named where nobody answers. Raises ActivityFailed."""
    try:
        with requests.Session() as session:
            session.trust_env = False
            # Not followed: an answer could lead to a host that the target does not allow.
            asked = session.request(method, url, timeout=timeout_s, stream=True, allow_redirects=False, **words)
            with asked as answer:
                content = answer.raw.read(ANSWER_BYTES_MAX + 1, decode_content=True)
                status = answer.status_code
    except (requests.RequestException, HTTPError) as error:
        raise ActivityFailed(f"{who} does not answer at {url}: {type(error).__name__}") from error
    if len(content) > ANSWER_BYTES_MAX:
        raise ActivityFailed(f"{who} at {url}: an answer of more than {ANSWER_BYTES_MAX} bytes")
    return Answer(url, status, content.decode("utf-8", errors="replace"))
