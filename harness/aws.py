"""AWS clients that give up in time: one session an account, never shared, and what AWS answers in our own words.

boto3 is imported when a session is made and not before: it must not come before Locust in one process, and no
supervisor needs it. Credentials stay where boto3 finds them; none is read, kept or printed here.
"""

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from harness.errors import NotAvailableError, RefusedError, UsageError, WellprovenError

# For boto3 clients that others make in our processes, chaosaws's: without it they repeat calls in boto3's legacy mode,
# which gives up on some throttling. What the user's environment says goes first.
OTHERS_RETRY: Final = {"AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": "5"}
PAGES_MAX: Final = 200
SAID_CHARS_MAX: Final = 300
_STARTED: Final = "wellproven_started_s"  # in the context that botocore keeps for all attempts of one call
_UNHANDLED: Final = "An HTTP Client raised an unhandled exception: "

# What code that takes an answer or a file apart raises where it is another than it thought.
_ODD: Final = (LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError)
# What boto3 gives for each type of AWS's models, to the letter: a bool is no number. What is not here is not looked at.
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "structure": (dict,),
    "list": (list,),
    "map": (dict,),
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (datetime,),
}
_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"})
THROTTLED: Final = frozenset(
    {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown"}
)
# What AWS says of credentials it does not take. Its sentence is left out: for a wrong signature it repeats the request.
_LOGIN: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)


class AwsError(NotAvailableError):
    """AWS answered, and said no; `code` is its own name for why."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class UnansweredError(NotAvailableError):
    """AWS did not answer in time, or with nonsense: whether a call that writes was carried out is not known."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one call may take: each attempt, how many of them, and all of them together."""

    connect_s: float = 5
    read_s: float = 20
    attempts: int = 6
    deadline_s: float = 40  # no attempt is begun later than this after the first one


@dataclass(frozen=True, slots=True)
class Login:
    """Whose account, and where; what is empty is boto3's to find (AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL)."""

    profile: str = ""
    region: str = ""
    endpoint: str = ""

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> "Login":
        """What a target's variables say of it."""
        region = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION", "")
        return cls(variables.get("AWS_PROFILE", ""), region, variables.get("AWS_ENDPOINT_URL", ""))


class AwsSession:
    """One login; its clients are made as they are needed, and have the same limits."""

    def __init__(self, login: Login = Login(), patience: Patience = Patience()) -> None:
        import boto3

        self._login = login
        self._patience = patience
        self._clients: dict[str, Any] = {}
        with translated("AWS", login):
            self._session = boto3.Session(profile_name=login.profile or None, region_name=_region(login))

    def client(self, service: str, *, once: bool = False) -> Any:
        """boto3's client of a service; what its calls raise is to be `translated`. `once`: it tries nothing again."""
        key = f"{service} once" if once else service
        if key not in self._clients:
            self._clients[key] = self._make(service, 1 if once else self._patience.attempts)
        return self._clients[key]

    def call(self, service: str, operation: str, *, once: bool = False, **arguments: Any) -> dict[str, Any]:
        """One call, such as ("sts", "GetCallerIdentity"). Raises as `translated` does.

        `once`: a call whose arguments were read from the answer before, and must be read anew for a second try.
        """
        from botocore import xform_name

        with translated(f"AWS {service} {operation}", self._login):
            answer: dict[str, Any] = getattr(self.client(service, once=once), xform_name(operation))(**arguments)
            return answer

    def pages(
        self, service: str, operation: str, items: str, *, pages_max: int = PAGES_MAX, **arguments: Any
    ) -> Iterator[dict[str, Any]]:
        """What a call lists, page by page (NextToken), of APIs for which boto3 has no paginator."""
        token: dict[str, Any] = {}
        for _ in range(pages_max):
            page = self.call(service, operation, **arguments, **token)
            yield from page.get(items, [])
            if not page.get("NextToken"):
                return
            following = {"NextToken": page["NextToken"]}
            if token == following:
                raise NotAvailableError(f"AWS {service} {operation}: the same page again and again")
            token = following
        raise NotAvailableError(f"AWS {service} {operation}: more than {pages_max} pages, and that is our limit")

    def account(self) -> str:
        """The account that the credentials are of."""
        answer = self.call("sts", "GetCallerIdentity")
        with translated("AWS sts GetCallerIdentity"):
            return str(answer["Account"])

    def require_account(self, allowed: str | None) -> str:
        """The account, where it is the allowed one or any is. Raises RefusedError where it is another."""
        found = self.account()
        if allowed is not None and found != allowed:
            raise RefusedError(
                f"the credentials are of AWS account {found}, the target allows {allowed}; "
                "name another profile, or log in to that account"
            )
        return found

    def _make(self, service: str, attempts: int) -> Any:
        from botocore.config import Config

        limits = self._patience
        config = Config(
            connect_timeout=limits.connect_s,
            read_timeout=limits.read_s,
            retries={"mode": "standard", "total_max_attempts": attempts},
        )
        with translated(f"AWS {service}", self._login):
            client = self._session.client(service, config=config, endpoint_url=self._login.endpoint or None)
            client.meta.events.register("request-created", self._begin_attempt)
            client.meta.events.register("after-call", _require_model)
            return client

    def _begin_attempt(self, request: Any, operation_name: str, **_: Any) -> None:
        """Note when a call began, and refuse an attempt that would begin past the deadline."""
        from botocore.exceptions import HTTPClientError

        now_s = time.monotonic()
        waited_s = now_s - request.context.setdefault(_STARTED, now_s)
        if waited_s > self._patience.deadline_s:
            # One of botocore's own, so that whoever handles its errors handles this one.
            raise HTTPClientError(error=f"{operation_name}: no answer that counts within {waited_s:.0f} s")


def _require_model(parsed: dict[str, Any], model: Any, **_: Any) -> None:
    """Raise ValueError where an answer has another shape than AWS's own model of it: boto3 does not look."""
    if "Error" not in parsed and model.output_shape is not None:
        _require_shape(parsed, model.output_shape, model.name)


def _require_shape(value: Any, shape: Any, at: str) -> None:
    if shape.type_name not in _TYPES:
        return
    if type(value) not in _TYPES[shape.type_name]:
        raise ValueError(f"{at}: got {type(value).__name__}, expected {shape.type_name}")
    match shape.type_name:
        case "structure":
            for name in shape.members.keys() & value.keys():
                _require_shape(value[name], shape.members[name], f"{at}.{name}")
        case "list":
            for one in value:
                _require_shape(one, shape.member, at)
        case "map":
            for name, one in value.items():
                _require_shape(name, shape.key, at)
                _require_shape(one, shape.value, f"{at}.{name}")


def _region(login: Login) -> str | None:
    """The login's, else AWS_REGION, which boto3 alone of AWS's tools does not read; None is for boto3 to find."""
    if login.region or os.environ.get("AWS_DEFAULT_REGION"):
        return login.region or None
    return os.environ.get("AWS_REGION") or None


@contextlib.contextmanager
def translated(what: str, login: Login = Login()) -> Iterator[None]:
    """What boto3 raises here in our own words.

    RefusedError where access is denied, UsageError for an address that is none, AwsError for the rest of what AWS says,
    NotAvailableError where there is no login. UnansweredError where nothing answers, and where an answer or a
    configuration file is another than it must be: boto3 takes either apart without looking, wherever it is needed.
    """
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ParamValidationError as error:
        raise WellprovenError(f"{what}: {_short(error)}") from None  # of arguments that were to be checked before
    except ClientError as error:
        raise _answered(what, error, login) from None
    except BotoCoreError as error:
        raise _not_answered(what, error, login) from None
    except (ResponseParserError, ValueError, *_ODD) as error:
        if str(error).startswith("Invalid endpoint"):
            raise UsageError(f"{what}: {_short(error)}") from None
        got = f"{type(error).__name__}: {_short(error)}"
        way_out = "what answers there may not be AWS; or see AWS's configuration file (~/.aws/config)"
        raise UnansweredError(f"{what}: cannot be made sense of ({got}); {way_out}") from None


def _answered(what: str, error: Any, login: Login) -> WellprovenError:
    code = code_of(error)
    said = _short(_error_of(error).get("Message", "")) or "no reason given"
    if code in _DENIED:
        return RefusedError(f"{what}: {code}: {said}; whoever is logged in needs permission for {error.operation_name}")
    if code in _LOGIN:
        return AwsError(f"{what}: the credentials are not accepted ({code}); {_log_in(login)}", code)
    if code in THROTTLED:
        return AwsError(f"{what}: {code}: throttled, after several attempts; try again later", code)
    return AwsError(f"{what}: {code}: {said}", code)


def code_of(error: Any) -> str:
    """AWS's own name for why, of a ClientError; "unknown" where the answer has none."""
    return str(_error_of(error).get("Code", "unknown"))


def _error_of(error: Any) -> dict[str, Any]:
    found = error.response.get("Error") if isinstance(error.response, dict) else None
    return found if isinstance(found, dict) else {}


def _not_answered(what: str, error: Any, login: Login) -> WellprovenError:
    from botocore import exceptions

    no_answer = (exceptions.HTTPClientError, exceptions.ConnectionError)
    if isinstance(error, exceptions.ProfileNotFound):
        return UsageError(f"{what}: there is no profile {login.profile or 'of that name'} in AWS's configuration file")
    if isinstance(error, exceptions.NoRegionError):
        return UsageError(f"{what}: no region; say --region, AWS_REGION or the target's `aws: {{region: ...}}`")
    if isinstance(error, no_answer) and not isinstance(error, exceptions.ProxyConnectionError):
        text = _short(error).removeprefix(_UNHANDLED)
        return UnansweredError(f"{what}: {text}; is the network there, the region right, the endpoint up?")
    logins = (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.SSOError,
        exceptions.TokenRetrievalError,
    )
    if isinstance(error, logins):
        return NotAvailableError(f"{what}: no login: {_short(error)}; {_log_in(login)}")
    return NotAvailableError(f"{what}: {_short(error)}")


def _log_in(login: Login) -> str:
    return f"log in again, such as: aws sso login{f' --profile {login.profile}' if login.profile else ''}"


def _short(said: object) -> str:
    text = " ".join(str(said).split()).rstrip(".")
    return text if len(text) <= SAID_CHARS_MAX else f"{text[: SAID_CHARS_MAX - 3]}..."
