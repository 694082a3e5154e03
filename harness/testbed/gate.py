"""What stands before the AWS control plane, which takes any key: whoever calls it names the bed's.

Reads need it, too. AWS names a call in many places (a form, the query, headers, the path), moto takes what it finds,
and has calls of its own that change something on a GET: no reading of a call could be trusted to see them all. The
signature itself is not checked: the access key id is as long and as secret as the bed's key, which it is.
"""

import io
import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import parse_qs

from harness.testbed.services.wire.guard import is_bearer, is_key, is_loopback

BODY_BYTES_MAX: Final = 1 << 20
QUIET: Final = ("Describe", "List", "Get")
_SIGNER = re.compile(r"Credential=([^/\s,]+)/")
_FORM = "application/x-www-form-urlencoded"
_NO_KEY = "this is not signed with the test bed's key; point AWS's tools at the bed: eval \"$(wellproven testbed env)\""
_NO_HOST = "Host: expected 127.0.0.1, localhost or [::1]: this is for this machine alone"

# Called with the name of an API action and its parameters when somebody has called it; from a thread of the server.
Called = Callable[[str, dict[str, str]], None]
StartResponse = Callable[..., Any]


class Gate:
    """WSGI middleware. It tells of each call that is meant to change something, after it was answered."""

    def __init__(self, application: Any, key: str, called: Called) -> None:
        self._application = application
        self._key = key
        self._called = called

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """One call."""
        # What is beyond the limit nobody sees, the application neither.
        length = min(int(environ.get("CONTENT_LENGTH") or 0), BODY_BYTES_MAX)
        body = environ["wsgi.input"].read(length) if length else b""
        environ["wsgi.input"] = io.BytesIO(body)
        if not is_loopback(environ.get("HTTP_HOST", "")):
            return _refuse(environ, start_response, _NO_HOST)
        if not self._is_ours(environ.get("HTTP_AUTHORIZATION", "")):
            return _refuse(environ, start_response, _NO_KEY)
        answer: Iterable[bytes] = self._application(environ, start_response)
        words = {key: values[0] for key, values in _form(body).items()}
        action = words.pop("Action", "")
        if action and not action.startswith(QUIET):
            self._called(action, words)
        return answer

    def _is_ours(self, authorization: str) -> bool:
        """Signed with the bed's key, or bearing it: moto's own calls are not signed."""
        signer = _SIGNER.search(authorization)
        return is_key(self._key, signer[1]) if signer else is_bearer(self._key, authorization)


def _form(body: bytes) -> dict[str, list[str]]:
    return parse_qs(body.decode(errors="replace"), keep_blank_values=True)


def _refuse(environ: dict[str, Any], start_response: StartResponse, because: str) -> Iterable[bytes]:
    """403 as AWS says it: JSON, the XML that EC2 and the query services share, or that of the others (S3)."""
    if "json" in environ.get("CONTENT_TYPE", "") or "HTTP_X_AMZ_TARGET" in environ:
        kind, text = "application/json", json.dumps({"__type": "AccessDeniedException", "message": because})
    else:
        inner = f"<Code>AccessDenied</Code><Message>{because}</Message>"
        error = f"<Error>{inner}</Error>"
        by_form = environ.get("CONTENT_TYPE", "").startswith(_FORM)
        kind, text = "text/xml", f"<Response><Errors>{error}</Errors></Response>" if by_form else error
    headers = [("Content-Type", kind), ("x-amzn-errortype", "AccessDeniedException")]
    start_response("403 FORBIDDEN", [*headers, ("Content-Length", str(len(text.encode())))])
    return [text.encode()]
