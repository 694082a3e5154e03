"""What OpenSLO has no words for: recovery objectives, annotations under wellproven.dev/, sources of type `load`."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from harness.documents import (
    VARIABLE,
    DurationNs,
    FileModel,
    Flag,
    RatePerS,
    header_problems,
    nearest,
    one_of,
    problem,
    shown,
)
from harness.slo.fields import DnsLabel, Metadata, given
from harness.slo.types import Disruption, EmptySlices, RecoveryClock, RecoveryLevel
from harness.units import parse_rate_per_s

API_VERSION = "wellproven.dev/v1"
PREFIX = "wellproven.dev/"
ID = "id"  # the placeholder every template knows: the arrival's own id

_REQUEST = re.compile(r"(?P<method>GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (?P<path>/[!-~]*)")
_PATH = re.compile(r"/[!-~]*")
_STATUS = re.compile(r"[1-5](xx|[0-9][0-9])")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LINE = re.compile(r"[^\x00-\x1f\x7f]*")


def split_request(request: str) -> tuple[str, str]:
    """("POST", "/orders") of "POST /orders"."""
    method, _, path = request.partition(" ")
    return method, path


def placeholders(text: str) -> list[str]:
    """The names in braces: ["id", "sku"] of '{"id": "{id}", "sku": "{sku}"}'."""
    return list(dict.fromkeys(_PLACEHOLDER.findall(text)))


# --- values ----------------------------------------------------------------------------------------------------------


def _positive_ns(duration_ns: int) -> int:
    if duration_ns <= 0:
        raise problem("a duration longer than 0")
    return duration_ns


def _request(text: str) -> str:
    if not _REQUEST.fullmatch(text):
        raise problem("a method and a path such as POST /orders")
    return text


def _path(text: str) -> str:
    if not _PATH.fullmatch(text):
        raise problem("a path that begins with / and has no spaces")
    return text


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _status(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or not _STATUS.fullmatch(str(value)):
        raise problem("2xx, 200 or a list of them")
    return str(value)


def _one_line(text: str) -> str:
    if not _LINE.fullmatch(text):
        raise problem("one line of text")
    return text


def _parameter(value: Any) -> str:
    """Text or a whole number, as text."""
    text = isinstance(value, str) and value and _LINE.fullmatch(value)
    if not text and (isinstance(value, bool) or not isinstance(value, int)):
        raise problem("one line of text or a whole number")
    return str(value)


def _positive_rate(rate: Any) -> Any:
    if rate <= 0:
        raise problem("a rate above 0")
    return rate


def _count(value: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", value):
        raise problem("a whole number above 0")
    return int(value)


def _true_or_false(value: str) -> bool:
    if value not in ("true", "false"):
        raise problem("true or false")
    return value == "true"


PositiveNs = Annotated[DurationNs, AfterValidator(_positive_ns)]
RequestName = Annotated[str, AfterValidator(_request)]
Status = Annotated[str, BeforeValidator(_status)]
Parameter = Annotated[str, BeforeValidator(_parameter)]
PositiveRate = Annotated[RatePerS, AfterValidator(_positive_rate)]


# --- documents -------------------------------------------------------------------------------------------------------


class RecoveryObjectiveSpec(FileModel):
    """How soon a service is back after a disruption, and how much it may lose."""

    service: DnsLabel
    disruption: Disruption
    rto: PositiveNs
    rpo: DurationNs | None = None
    clock: RecoveryClock = RecoveryClock.INJECT
    level: RecoveryLevel = RecoveryLevel.IN_SLO


class RecoveryObjectiveDocument(FileModel):
    """A document of ours beside OpenSLO's."""

    api_version: Literal["wellproven.dev/v1"]
    kind: Literal["RecoveryObjective"]
    metadata: Metadata
    spec: RecoveryObjectiveSpec


# --- annotations -----------------------------------------------------------------------------------------------------


class Annotations(FileModel):
    """Ours among the annotations of a document; those of others are not ours to judge."""

    model_config = ConfigDict(extra="ignore", alias_generator=lambda name: PREFIX + name.replace("_", "-"))

    @classmethod
    def rules(cls, raw: dict[str, Any]) -> Iterator[PydanticCustomError]:
        """No unknown annotation under our prefix."""
        known = [str(info.alias) for info in cls.model_fields.values()]
        for name in raw:
            if name.startswith(PREFIX) and name not in known:
                near = nearest(name, known)
                expected = one_of(known) or f"no annotation under {PREFIX} here"
                way_out = f"did you mean {near}?" if near else ""
                yield problem(expected, way_out, at=(name,), got="an unknown annotation")

    @model_validator(mode="before")
    @classmethod
    def _only_text(cls, raw: Any) -> Any:
        """Leave out what is no text: the document's own check says so."""
        return {name: value for name, value in raw.items() if isinstance(value, str)} if isinstance(raw, dict) else raw


class SloAnnotations(Annotations):
    """What we need to know of an SLO beyond OpenSLO."""

    traffic: PositiveRate | None = None
    peak: PositiveRate | None = None
    empty_slices: EmptySlices = EmptySlices.EXCLUDE
    empty_floor: Annotated[int, BeforeValidator(_count)] | None = None
    critical: Annotated[bool, BeforeValidator(_true_or_false)] = True

    @classmethod
    def rules(cls, raw: dict[str, Any]) -> Iterator[PydanticCustomError]:
        """The peak is not below the ordinary traffic."""
        yield from super().rules(raw)
        traffic, peak = raw.get(PREFIX + "traffic"), raw.get(PREFIX + "peak")
        try:
            below = parse_rate_per_s(str(peak)) < parse_rate_per_s(str(traffic))
        except ValueError:
            return
        if below:
            yield problem(f"a peak of at least the traffic, {traffic}", at=(PREFIX + "peak",))


class ConditionAnnotations(Annotations):
    """The second window of a multi-window burn-rate alert."""

    short_window: PositiveNs | None = None


# --- sources of type load --------------------------------------------------------------------------------------------


def _mapping(raw: dict[str, Any], name: str) -> dict[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


class LoadTotal(FileModel):
    """Which requests count."""

    request: RequestName


class LoadGood(FileModel):
    """Which of them are good."""

    request: RequestName
    status: Annotated[tuple[Status, ...], BeforeValidator(_as_list), Field(min_length=1)]
    within: PositiveNs | None = None
    fallback: Flag = True  # whether an answer marked as a fallback is good too


class LoadRequest(FileModel):
    """How a request is made."""

    request: RequestName
    path: Annotated[str, AfterValidator(_path)] | None = None
    headers: dict[str, Annotated[str, AfterValidator(_one_line)]] = {}
    body: str | None = None
    parameters: dict[str, Annotated[tuple[Parameter, ...], Field(min_length=1)]] = {}
    timeout: PositiveNs | None = None

    @classmethod
    def rules(cls, raw: dict[str, Any]) -> Iterator[PydanticCustomError]:
        """Every placeholder has a parameter, every parameter a placeholder; names are what they should be."""
        yield from header_problems(_mapping(raw, "headers"), ("headers",))
        parameters = _mapping(raw, "parameters")
        for name in parameters:
            if name == ID or not _NAME.fullmatch(name):
                expected = "a name of letters, digits and _, other than id (the arrival's own)"
                yield problem(expected, at=("parameters", name), got=shown(name))
        known = [ID, *parameters]
        used: set[str] = set()
        for at, text in cls._templates(raw):
            for name in placeholders(text):
                used.add(name)
                if name not in known:
                    expected = f"one of {', '.join('{' + one + '}' for one in known)}"
                    yield problem(expected, f"add `{name}:` to parameters", at=at, got="{" + name + "}")
        for name in parameters:
            if name not in used and name != ID and _NAME.fullmatch(name):
                expected = f"{{{name}}} in the path, a header or the body"
                yield problem(expected, "remove it", at=("parameters", name), got="a parameter used nowhere")

    @staticmethod
    def _templates(raw: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
        path = "path" if given(raw, "path") else "request"
        texts: list[tuple[tuple[str, ...], Any]] = [((path,), raw.get(path)), (("body",), raw.get("body"))]
        headers = _mapping(raw, "headers").items()
        texts += [(("headers", name), VARIABLE.sub("", value)) for name, value in headers if isinstance(value, str)]
        yield from ((at, text) for at, text in texts if isinstance(text, str))


class LoadDetails(FileModel):
    """The connection details of a data source of type load."""

    requests: Annotated[tuple[LoadRequest, ...], Field(max_length=1000)] = ()
