"""Documents into models: pydantic finds every mistake, and this says each in plain words, with place and way out."""

import contextlib
import re
from collections.abc import Iterable, Iterator
from enum import Enum
from fractions import Fraction
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from harness.documents.values import Document, Where, exact, nearest, one_of
from harness.errors import FileError, Mistake
from harness.model import Model
from harness.units import parse_duration_ns, parse_rate_per_s

PROBLEM = "wellproven"


def problem(expected: str, way_out: str = "", *, at: Where = (), got: str | None = None) -> PydanticCustomError:
    """An error for a validator to raise: what was expected and the way out; `at` points further inside the value."""
    context = {"expected": expected, "way_out": way_out, "at": at, "got": got}
    return PydanticCustomError(PROBLEM, "expected {expected}", context)


class FileModel(Model):
    """The base of what a file is read into: camelCase names only, and rules across fields beside those of each.

    Subclasses yield the broken rules from `rules`, which sees the plain mapping, so that one wrong field never hides
    a mistake between others.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=False)

    @classmethod
    def rules(cls, raw: dict[str, Any]) -> Iterator[PydanticCustomError]:  # noqa: ARG003 (the base has no rules)
        """Yield a `problem` for each broken rule; `raw` is checked field by field elsewhere: trust no type in it."""
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, raw: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        errors: list[InitErrorDetails] = []
        value = None
        try:
            value = handler(raw)
        except ValidationError as error:
            errors = [_again(detail) for detail in error.errors(include_url=False)]
        if isinstance(raw, dict):
            errors += [{"type": broken, "loc": (), "input": raw} for broken in cls.rules(raw)]
        if errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        assert value is not None
        return value


def _again(detail: ErrorDetails) -> InitErrorDetails:
    context: dict[str, Any] = detail.get("ctx", {})
    kind: str | PydanticCustomError = detail["type"]
    if kind == PROBLEM:
        kind = PydanticCustomError(PROBLEM, "expected {expected}", context)
    return {"type": kind, "loc": detail["loc"], "input": detail["input"], "ctx": context}


_PERCENT = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*%", re.ASCII)


def share(value: Any) -> Fraction:
    """The ratio written as `5%` or as 0.05, exactly. Raises ValueError for what is neither."""
    percent = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    return Fraction(percent[1]) / 100 if percent else exact(value)


def validate[M: BaseModel](model: type[M], document: Document, at: Where = ()) -> M:
    """The document (or the part of it at a path) as a model. Raises FileError with every mistake in it."""
    try:
        return model.model_validate(document.at(at))
    except ValidationError as error:
        details = [detail for detail in error.errors(include_url=False) if not _is_echo(detail)]
        raise FileError(_merged(_translate(model, document, at, detail) for detail in details)) from None


def _is_echo(detail: ErrorDetails) -> bool:
    """Whether pydantic calls a list too short only because items in it are wrong, which it says as well."""
    return detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]


def _merged(mistakes: Iterable[Mistake]) -> Iterator[Mistake]:
    """One mistake a place: a value that may be text or a list is expected to be `text or a list`."""
    places: dict[tuple[Any, ...], Mistake] = {}
    for new in mistakes:
        key = (new.line, new.path, new.got)
        old = places.get(key, new)
        expected = f"{old.expected} or {new.expected}"
        if old.expected in new.expected or new.expected in old.expected:
            expected = max(old.expected, new.expected, key=len)
        places[key] = Mistake(old.file, old.line, old.path, old.got, expected, old.way_out or new.way_out)
    yield from places.values()


def _translate(model: type[BaseModel], document: Document, at: Where, detail: ErrorDetails) -> Mistake:
    path, kind = _real_path(document, at, detail), detail["type"]
    context: dict[str, Any] = detail.get("ctx", {})
    if kind == PROBLEM:
        way_out = str(context["way_out"])
        return document.mistake((*path, *context["at"]), str(context["expected"]), way_out, context["got"])
    if kind == "missing":
        return document.mistake(path, "this field", f"add `{path[-1]}:`", "nothing")
    if kind == "extra_forbidden":
        known = _known_fields(model, document, at, path[len(at) : -1])
        near = nearest(path[-1], known)
        way_out = f"did you mean {near}?" if near else ""
        return document.mistake(path, one_of(known) or "no field", way_out, "an unknown field")
    if kind == "union_tag_not_found":
        field = context["discriminator"].strip("'")
        return document.mistake((*path, field), "this field", f"add `{field}:`", "nothing")
    if kind == "union_tag_invalid":
        path = (*path, context["discriminator"].strip("'"))
    return document.mistake(path, _expected(kind, context, detail["msg"]), _way_out(kind, detail["input"]))


def _real_path(document: Document, at: Where, detail: ErrorDetails) -> Where:
    """The part of pydantic's location that is a place in the file: names of union members and validators are not."""
    path, loc = at, detail["loc"]
    for index, part in enumerate(loc):
        value = document.at(path)
        exists = part in value if isinstance(value, dict) else isinstance(value, list) and isinstance(part, int)
        if exists or (detail["type"] == "missing" and index == len(loc) - 1):
            path = (*path, part)
    return path


_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "none_required": "nothing",
}
_LIMITS = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "string_too_short": "text of at least {min_length} characters",
    "string_too_long": "text of at most {max_length} characters",
    "string_pattern_mismatch": "text that matches {pattern}",
    "too_short": "a size of at least {min_length}",
    "too_long": "a size of at most {max_length}",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "union_tag_invalid": "one of {expected_tags}",
}


def _expected(kind: str, context: dict[str, Any], message: str) -> str:
    """What pydantic wanted, in plain words; its own sentence only for kinds no reader of ours uses."""
    if kind in _KINDS:
        return _KINDS[kind]
    if kind in _LIMITS:
        words = {name: _member_names(value) for name, value in context.items()}
        return _LIMITS[kind].format(**words).replace("'", "")
    if "error" in context:  # a ValueError out of a validator
        return str(context["error"])
    return message


def _member_names(value: object) -> object:
    return value.value if isinstance(value, Enum) else value


def _way_out(kind: str, value: object) -> str:
    if kind == "string_type" and isinstance(value, bool | int | float):
        return "put it in quotes"
    return ""


def _known_fields(model: type[BaseModel], document: Document, at: Where, path: Where) -> list[str]:
    """The names a model (found by following the path through the types) allows, as a file writes them."""
    models = [model]
    for part in path:
        if isinstance(part, int):
            continue
        fields = [(name, info) for owner in models for name, info in owner.model_fields.items()]
        inside = [found for name, info in fields if part in (name, info.alias) for found in _models_in(info.annotation)]
        models = inside or models  # a key of a mapping is no field
    written = document.at((*at, *path))
    models = [one for one in models if _fits(one, written)] or models
    return list(dict.fromkeys(info.alias or name for owner in models for name, info in owner.model_fields.items()))


def _fits(model: type[BaseModel], written: Any) -> bool:
    """Whether what is written is of this member of a union: it does not say another word where this one has its own."""
    fields = ((info.alias or name, info) for name, info in model.model_fields.items())
    fixed = {name: get_args(info.annotation) for name, info in fields if _is_word(info)}
    return not isinstance(written, dict) or all(written.get(name, words[0]) in words for name, words in fixed.items())


def _is_word(info: FieldInfo) -> bool:
    return get_origin(info.annotation) is Literal and len(get_args(info.annotation)) == 1 and info.is_required()


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not get_args(annotation):
        with contextlib.suppress(TypeError):
            if issubclass(annotation, BaseModel):
                yield annotation
        return
    for inner in get_args(annotation):
        yield from _models_in(inner)


# --- fields of files, strict in what they take ----------------------------------------------------------------------


def _exact_number(value: Any) -> Fraction:
    try:
        return exact(value)
    except ValueError:
        raise problem("a number") from None


def _duration_ns(value: Any) -> int:
    try:
        return parse_duration_ns(value if isinstance(value, str) else "")
    except ValueError:
        raise problem("a duration such as 300ms, 10s, 5m or 28d") from None


def _rate_per_s(value: Any) -> Fraction:
    try:
        return parse_rate_per_s(value if isinstance(value, str) else "")
    except ValueError:
        raise problem("a rate such as 40/s or 90/m") from None


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise problem("true or false")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise problem("a whole number")
    return value


ExactNumber = Annotated[Fraction, BeforeValidator(_exact_number)]  # 0.999, read exactly
DurationNs = Annotated[int, BeforeValidator(_duration_ns)]  # 300ms
RatePerS = Annotated[Fraction, BeforeValidator(_rate_per_s)]  # 40/s
Flag = Annotated[bool, BeforeValidator(_flag)]
Whole = Annotated[int, BeforeValidator(_whole)]
