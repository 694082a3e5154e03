"""OpenSLO v1 as it stands in files, with the rules of the OpenSLO Go SDK (pkg/openslo/v1) and of the specification.

Stricter than the SDK in what the specification says and the SDK does not check: durations are positive, `op` and
`value` go with a threshold metric and with nothing else, an SLO has an objective.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from harness.documents import ExactNumber, FileModel, Flag, problem
from harness.slo.fields import (
    Description,
    DnsLabel,
    Duration,
    DurationOrZero,
    Metadata,
    ReferenceOrInline,
    SliceTarget,
    Target,
    TargetPercent,
    Text,
    exactly_one,
    given,
    items,
    operator_mistakes,
    positive,
    start_time,
    time_zone,
)


class OpenSloDocument(FileModel):
    """What all documents share."""

    api_version: Literal["openslo/v1"]
    metadata: Metadata


class ServiceSpec(FileModel):
    """A service has only words."""

    description: Description = ""


class Service(OpenSloDocument):
    """What SLOs are about."""

    kind: Literal["Service"]
    spec: ServiceSpec


class DataSourceSpec(FileModel):
    """Where a metric source connects to; the details belong to the type."""

    description: Description = ""
    type: Text
    connection_details: dict[str, Any]


class DataSource(OpenSloDocument):
    """A place metrics come from."""

    kind: Literal["DataSource"]
    spec: DataSourceSpec


class MetricSource(FileModel):
    """What is asked of a data source; the `spec` belongs to its type."""

    metric_source_ref: DnsLabel | None = None
    type: str = ""
    spec: Annotated[dict[str, Any], Field(min_length=1)]


class Metric(FileModel):
    """A metric is its source."""

    metric_source: MetricSource


class RatioMetric(FileModel):
    """good and total, bad and total, or raw."""

    counter: Flag = False
    good: Metric | None = None
    bad: Metric | None = None
    total: Metric | None = None
    raw_type: Literal["success", "failure"] | None = None
    raw: Metric | None = None

    @classmethod
    def rules(cls, raw: dict[str, Any]) -> Iterator[PydanticCustomError]:
        """Good+total, bad+total or raw+rawType."""
        if given(raw, "raw"):
            for name in ("good", "bad", "total"):
                if given(raw, name):
                    yield problem("no other metric beside raw", "remove it, or raw", at=(name,))
            if not given(raw, "rawType"):
                yield problem("success or failure", "add `rawType:`", at=("rawType",), got="nothing")
            return
        if given(raw, "rawType"):
            yield problem("a raw metric beside rawType", "add `raw:`, or remove rawType", at=("rawType",))
        if given(raw, "total"):
            yield from exactly_one(raw, ("good", "bad"), "add `good:`")
        else:
            yield problem("total (with good or bad), or raw", "add `total:`", at=("total",), got="nothing")


class SliSpec(FileModel):
    """A threshold metric or a ratio metric."""

    description: Description = ""
    threshold_metric: Metric | None = None
    ratio_metric: RatioMetric | None = None

    @classmethod
    def rules(cls, raw: dict[str, Any]) -> Iterator[PydanticCustomError]:
        """One metric."""
        yield from exactly_one(raw, ("thresholdMetric", "ratioMetric"))


class Sli(OpenSloDocument):
    """An indicator that SLOs refer to."""

    kind: Literal["SLI"]
    spec: SliSpec


class InlineSli(FileModel):
    """An indicator that stands in its SLO."""

    metadata: Metadata
    spec: SliSpec


class Calendar(FileModel):
    """Where windows that do not roll begin."""

    start_time: Annotated[str, AfterValidator(start_time)]
    time_zone: Annotated[str, AfterValidator(time_zone)]


class TimeWindow(FileModel):
    """The time an error budget is for."""

    duration: Duration
    is_rolling: Flag = False
    calendar: Calendar | None = None

    @classmethod
    def rules(cls, raw: dict[str, Any]) -> Iterator[PydanticCustomError]:
        """A calendar exactly where the window does not roll."""
        rolling = raw.get("isRolling", False)
        if rolling is True and given(raw, "calendar"):
            yield problem("no calendar with isRolling: true", "remove it", at=("calendar",))
        if rolling is False and not given(raw, "calendar"):
            yield problem("a calendar, or isRolling: true", "add `isRolling: true`", at=("calendar",), got="nothing")


class Objective(FileModel):
    """One target."""

    display_name: str = ""
    op: Literal["gt", "lt", "gte", "lte"] | None = None
    value: ExactNumber | None = None
    target: Target | None = None
    target_percent: TargetPercent | None = None
    time_slice_target: SliceTarget | None = None
    time_slice_window: Duration | None = None
    indicator: InlineSli | None = None
    indicator_ref: DnsLabel | None = None
    composite_weight: Annotated[ExactNumber, AfterValidator(positive)] | None = None

    @classmethod
    def rules(cls, raw: dict[str, Any]) -> Iterator[PydanticCustomError]:
        """One target."""
        yield from exactly_one(raw, ("target", "targetPercent"), "add `target: 0.999`")


class ConditionSpec(FileModel):
    """When a burn rate alerts."""

    kind: Literal["burnrate"]
    op: Literal["gt", "gte"]  # the SDK lets lt and lte through; an alert on a low burn means nothing
    threshold: Annotated[ExactNumber, AfterValidator(positive)]
    lookback_window: Duration
    alert_after: DurationOrZero = 0


class AlertConditionSpec(FileModel):
    """A condition and how bad it is."""

    severity: Text
    condition: ConditionSpec
    description: Description = ""


class AlertCondition(OpenSloDocument):
    """A condition that policies refer to."""

    kind: Literal["AlertCondition"]
    spec: AlertConditionSpec


class PolicyCondition(ReferenceOrInline):
    """A condition by name, or inline."""

    condition_ref: DnsLabel | None = None
    kind: Literal["AlertCondition"] | None = None
    metadata: Metadata | None = None
    spec: AlertConditionSpec | None = None

    @classmethod
    def rules(cls, raw: dict[str, Any]) -> Iterator[PydanticCustomError]:
        """One of both."""
        yield from cls.choose(raw, "conditionRef")


class NotificationTargetSpec(FileModel):
    """Whom to tell."""

    description: Description = ""
    target: Text


class AlertNotificationTarget(OpenSloDocument):
    """A target that policies refer to."""

    kind: Literal["AlertNotificationTarget"]
    spec: NotificationTargetSpec


class PolicyTarget(ReferenceOrInline):
    """A notification target by name, or inline."""

    target_ref: DnsLabel | None = None
    kind: Literal["AlertNotificationTarget"] | None = None
    metadata: Metadata | None = None
    spec: NotificationTargetSpec | None = None

    @classmethod
    def rules(cls, raw: dict[str, Any]) -> Iterator[PydanticCustomError]:
        """One of both."""
        yield from cls.choose(raw, "targetRef")


class AlertPolicySpec(FileModel):
    """One condition, and whom to tell."""

    description: Description = ""
    alert_when_no_data: Flag = False
    alert_when_breaching: Flag = False
    alert_when_resolved: Flag = False
    conditions: Annotated[tuple[PolicyCondition, ...], Field(min_length=1, max_length=1)]
    notification_targets: Annotated[tuple[PolicyTarget, ...], Field(min_length=1)]


class AlertPolicy(OpenSloDocument):
    """A policy that SLOs refer to."""

    kind: Literal["AlertPolicy"]
    spec: AlertPolicySpec


class SloPolicy(ReferenceOrInline):
    """An alert policy by name, or inline."""

    alert_policy_ref: DnsLabel | None = None
    kind: Literal["AlertPolicy"] | None = None
    metadata: Metadata | None = None
    spec: AlertPolicySpec | None = None

    @classmethod
    def rules(cls, raw: dict[str, Any]) -> Iterator[PydanticCustomError]:
        """One of both."""
        yield from cls.choose(raw, "alertPolicyRef")


class SloSpec(FileModel):
    """What is promised of a service, measured how, over which time."""

    description: Description = ""
    service: Text
    indicator: InlineSli | None = None
    indicator_ref: DnsLabel | None = None
    budgeting_method: Literal["Occurrences", "Timeslices", "RatioTimeslices"]
    time_window: Annotated[tuple[TimeWindow, ...], Field(min_length=1, max_length=1)]
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1)]
    alert_policies: tuple[SloPolicy, ...] = ()

    @classmethod
    def rules(cls, raw: dict[str, Any]) -> Iterator[PydanticCustomError]:
        """An indicator for the SLO or for each objective; slices where the method counts them."""
        objectives = items(raw.get("objectives"))
        names = ("indicator", "indicatorRef")
        composite = is_composite(raw)
        if not composite:
            yield from exactly_one(raw, names, "add `indicator:`")
        elif any(given(raw, name) for name in names):
            yield problem("indicators in the spec or in its objectives, not both", "remove one", got="both")
        needed = {"Timeslices": ("timeSliceTarget", "timeSliceWindow"), "RatioTimeslices": ("timeSliceWindow",)}
        method = raw.get("budgetingMethod")
        for index, objective in objectives:
            at = ("objectives", index)
            if composite:
                yield from exactly_one(objective, names, "add `indicator:`", at)
            for name in needed.get(method, ()) if isinstance(method, str) else ():
                if not given(objective, name):
                    expected = f"this field with budgetingMethod {method}"
                    yield problem(expected, f"add `{name}:`", at=(*at, name), got="nothing")
            inline = (objective if composite else raw).get("indicator") if isinstance(objective, dict) else None
            if isinstance(inline, dict) and given(inline, "spec"):
                for wrong in operator_mistakes(objective, threshold=given(inline["spec"], "thresholdMetric")):
                    yield problem(wrong.expected, wrong.way_out, at=(*at, wrong.field), got=wrong.got)


class SloDocument(OpenSloDocument):
    """An SLO."""

    kind: Literal["SLO"]
    spec: SloSpec


def is_composite(spec: Any) -> bool:
    """Whether the objectives of an SLO's raw spec carry their own indicators."""
    objectives = items(spec.get("objectives"))
    return any(given(one, name) for _, one in objectives for name in ("indicator", "indicatorRef"))
