"""The values of OpenSLO v1 files, and the rules between fields that several documents share."""

import re
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from harness.documents import FileModel, exact, problem, shown
from harness.units import parse_duration_ns

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL_KEY = re.compile(r"[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")
_ANNOTATION_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*")
_DURATION = re.compile(r"[0-9]{1,6}[mhdwMQY]")
_START_TIME = "%Y-%m-%d %H:%M:%S"


# --- values ----------------------------------------------------------------------------------------------------------


def _dns_label(text: str) -> str:
    if not _DNS_LABEL.fullmatch(text):
        near = re.sub(r"[^a-z0-9]+", "-", text.lower())[:63].strip("-")
        expected = "a DNS label (lower-case letters, digits and -, at most 63)"
        raise problem(expected, f"write {near}" if near else "")
    return text


def _duration_ns(value: Any) -> int:
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        raise problem("an OpenSLO duration such as 5m, 1h or 28d", "units: m h d w M Q Y (m a minute, M 30 days)")
    return parse_duration_ns(value)


def _positive_duration_ns(value: Any) -> int:
    duration_ns = _duration_ns(value)
    if duration_ns == 0:
        raise problem("a duration longer than 0")
    return duration_ns


def _ratio_below(limit: int, name: str, value: Any) -> Fraction:
    try:
        number = exact(value)
    except ValueError:
        raise problem("a number") from None
    if not 0 <= number < limit:
        raise problem(f"0 <= {name} < {limit}", _target_way_out(number, shown(value), limit))
    return number


def _target_way_out(number: Fraction, text: str, limit: int) -> str:
    if number == limit:
        return "a target of 100 % leaves no error budget"
    if limit == 1 and 1 < number < 100:
        return f"write {Decimal(text).scaleb(-2):f}, or targetPercent: {text}"
    return ""


def _slice_target(value: Any) -> Fraction:
    try:
        number = exact(value)
    except ValueError:
        raise problem("a number") from None
    if not 0 < number <= 1:
        raise problem("0 < timeSliceTarget <= 1")
    return number


def positive(value: Fraction) -> Fraction:
    """The number, if it is above 0."""
    if value <= 0:
        raise problem("a number above 0")
    return value


def start_time(text: str) -> str:
    """The text, if it is a time as the Go SDK reads it."""
    try:
        datetime.strptime(text, _START_TIME)  # noqa: DTZ007 (its zone is the next field)
    except ValueError:
        raise problem("a time such as 2026-01-01 00:00:00") from None
    return text


def time_zone(text: str) -> str:
    """The text, if it names a zone."""
    try:
        zoneinfo.ZoneInfo(text)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        if _has_zones():
            raise problem("a time zone of the IANA database such as Europe/Berlin") from None
    return text


def _has_zones() -> bool:
    """Whether this machine has the database at all; without it no name can be called wrong."""
    try:
        zoneinfo.ZoneInfo("Etc/UTC")
    except zoneinfo.ZoneInfoNotFoundError:
        return False
    return True


DnsLabel = Annotated[str, AfterValidator(_dns_label)]
Description = Annotated[str, Field(max_length=1050)]
Text = Annotated[str, Field(min_length=1)]
Duration = Annotated[int, BeforeValidator(_positive_duration_ns)]  # ns
DurationOrZero = Annotated[int, BeforeValidator(_duration_ns)]  # ns
Target = Annotated[Fraction, BeforeValidator(lambda value: _ratio_below(1, "target", value))]
TargetPercent = Annotated[Fraction, BeforeValidator(lambda value: _ratio_below(100, "targetPercent", value))]
SliceTarget = Annotated[Fraction, BeforeValidator(_slice_target)]


# --- rules between fields --------------------------------------------------------------------------------------------


def given(raw: Any, name: str) -> bool:
    """Whether a mapping of a file has a value under that name."""
    return isinstance(raw, dict) and raw.get(name) is not None


def items(raw: Any) -> list[tuple[int, Any]]:
    """The items of what should be a list."""
    return list(enumerate(raw)) if isinstance(raw, list) else []


def exactly_one(
    raw: Any, names: tuple[str, ...], way_out: str = "", at: tuple[str | int, ...] = ()
) -> Iterator[PydanticCustomError]:
    """A problem where none or more than one of the fields is there."""
    there = [name for name in names if given(raw, name)]
    choice = " or ".join(names)
    if not there:
        yield problem(choice, way_out, at=at, got="neither")
    elif len(there) > 1:
        yield problem(f"{choice}, not both", "remove one", at=(*at, there[-1]), got=" and ".join(there))


@dataclass(frozen=True)
class OperatorMistake:
    """An `op` or `value` that is missing or too much."""

    field: str
    expected: str
    way_out: str
    got: str


def operator_mistakes(objective: Any, *, threshold: bool) -> Iterator[OperatorMistake]:
    """`op` and `value` are required with a threshold metric, and forbidden with a ratio metric."""
    for name in ("op", "value"):
        if threshold and not given(objective, name):
            yield OperatorMistake(name, "this field with a thresholdMetric", f"add `{name}:`", "nothing")
        elif not threshold and given(objective, name):
            yield OperatorMistake(name, "no such field with a ratioMetric", "remove it", shown(objective[name]))


class ReferenceOrInline(FileModel):
    """A list item that names another document, or holds it inline."""

    @classmethod
    def choose(cls, raw: dict[str, Any], reference: str) -> Iterator[PydanticCustomError]:
        """Problems where the item is neither of both, both, or an incomplete inline document."""
        inline = [name for name in ("kind", "metadata", "spec") if given(raw, name)]
        if given(raw, reference) and inline:
            yield problem(f"{reference} or an inline document, not both", "remove one", at=(reference,))
        elif not given(raw, reference):
            if not inline:
                yield problem(f"{reference}, or kind, metadata and spec of an inline document", got="neither")
                return
            for name in ("kind", "metadata", "spec"):
                if name not in inline:
                    yield problem("this field of an inline document", f"add `{name}:`", at=(name,), got="nothing")


class Metadata(FileModel):
    """What every document is known by."""

    name: DnsLabel
    display_name: Annotated[str, Field(max_length=63)] = ""
    labels: dict[str, str | tuple[str, ...]] = {}
    annotations: dict[str, str] = {}

    @classmethod
    def rules(cls, raw: dict[str, Any]) -> Iterator[PydanticCustomError]:
        """Keys are of the SDK's form."""
        for key in raw["labels"] if isinstance(raw.get("labels"), dict) else ():
            if not _LABEL_KEY.fullmatch(key):
                expected = "letters, digits and - . _ inside, at most 63"
                yield problem(expected, at=("labels", key), got=f"the label {shown(key)}")
        for key in raw["annotations"] if isinstance(raw.get("annotations"), dict) else ():
            prefix, slash, name = key.rpartition("/")
            prefixed = not slash or (len(prefix) <= 253 and _ANNOTATION_PREFIX.fullmatch(prefix))
            if not prefixed or not _LABEL_KEY.fullmatch(name):
                got = f"the annotation {shown(key)}"
                yield problem("a key such as my-domain.org/my-key", at=("annotations", key), got=got)
