"""Burn-rate alerts: policies and their conditions, by reference or inline."""

from dataclasses import dataclass
from fractions import Fraction

from harness.documents import Mistakes
from harness.slo import openslo, ours
from harness.slo.catalogue import Catalogue, Found
from harness.slo.types import BurnAlert

type Policy = openslo.AlertPolicy | openslo.SloPolicy
type Condition = openslo.AlertCondition | openslo.PolicyCondition


@dataclass(frozen=True)
class PlacedAlert:
    """An alert, and where its threshold stands."""

    alert: BurnAlert
    condition: Found[Condition]


class Alerts:
    """Every policy of the files, with its condition."""

    def __init__(self, catalogue: Catalogue, mistakes: Mistakes) -> None:
        self._catalogue = catalogue
        self._mistakes = mistakes
        for _, condition in catalogue.all("AlertCondition", openslo.AlertCondition):
            self._short_window_ns(condition, condition.value.spec.condition)
        policies = catalogue.all("AlertPolicy", openslo.AlertPolicy)
        self._of_documents = {name: self._read(name, policy, policy.value.spec) for name, policy in policies}

    def of_slo(self, slo: Found[openslo.SloDocument]) -> list[PlacedAlert]:
        """The alerts an SLO names or holds; what is wrong is left out, and its mistake kept."""
        alerts = []
        for index, policy in enumerate(slo.value.spec.alert_policies):
            at = ("spec", "alertPolicies", index)
            if policy.alert_policy_ref is not None:
                reference = (*at, "alertPolicyRef")
                self._catalogue.find(
                    "AlertPolicy", openslo.AlertPolicy, policy.alert_policy_ref, slo.document, reference
                )
                alerts.append(self._of_documents.get(policy.alert_policy_ref))
            else:
                assert policy.metadata is not None
                assert policy.spec is not None
                alerts.append(self._read(policy.metadata.name, Found(slo.document, at, policy), policy.spec))
        return [alert for alert in alerts if alert is not None]

    def check_burns(self, alerts: list[PlacedAlert], slo: str, target: Fraction) -> None:
        """Refuse thresholds that no burn reaches: with every request bad it is 1 / (1 - target)."""
        largest = 1 / (1 - target)
        for placed in alerts:
            if placed.alert.threshold > largest:
                at = (*placed.condition.at, "spec", "condition", "threshold")
                expected = f"at most {float(largest):.6g}, the largest possible burn of the SLO {slo}, 1 / (1 - target)"
                way_out = "lower the threshold, or raise the target"
                self._mistakes.add(placed.condition.document.mistake(at, expected, way_out))

    def _read(self, name: str, policy: Found[Policy], spec: openslo.AlertPolicySpec) -> PlacedAlert | None:
        for index, target in enumerate(spec.notification_targets):
            if target.target_ref is not None:
                at = (*policy.at, "spec", "notificationTargets", index, "targetRef")
                kind = openslo.AlertNotificationTarget
                self._catalogue.find("AlertNotificationTarget", kind, target.target_ref, policy.document, at)
        condition = self._condition(policy, spec.conditions[0])
        if condition is None:
            return None
        metadata, its_spec = condition.value.metadata, condition.value.spec
        assert metadata is not None
        assert its_spec is not None
        burn = its_spec.condition
        alert = BurnAlert(
            policy=name,
            condition=metadata.name,
            severity=its_spec.severity,
            threshold=burn.threshold,
            inclusive=burn.op == "gte",
            long_window_ns=burn.lookback_window,
            short_window_ns=self._short_window_ns(condition, burn),
            alert_after_ns=burn.alert_after,
        )
        return PlacedAlert(alert, condition)

    def _condition(self, policy: Found[Policy], item: openslo.PolicyCondition) -> Found[Condition] | None:
        at = (*policy.at, "spec", "conditions", 0)
        if item.condition_ref is None:
            return Found(policy.document, at, item)
        kind, reference = openslo.AlertCondition, (*at, "conditionRef")
        found = self._catalogue.find("AlertCondition", kind, item.condition_ref, policy.document, reference)
        return Found(found.document, found.at, found.value) if found else None

    def _short_window_ns(
        self, condition: Found[Condition] | Found[openslo.AlertCondition], burn: openslo.ConditionSpec
    ) -> int | None:
        annotations = self._mistakes.attempt(condition.annotations, ours.ConditionAnnotations)
        short_ns = annotations.short_window if annotations else None
        if short_ns is not None and short_ns >= burn.lookback_window:
            at = (*condition.at, "metadata", "annotations", ours.PREFIX + "short-window")
            written = condition.document.at((*condition.at, "spec", "condition", "lookbackWindow"))
            self._mistakes.add(condition.document.mistake(at, f"a window shorter than lookbackWindow, {written}"))
        return short_ns
