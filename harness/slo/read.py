"""Files into promises: every document checked, every reference followed, every mistake at once."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TypedDict

from harness.documents import Mistakes, Where
from harness.slo import openslo, ours
from harness.slo.alerts import Alerts
from harness.slo.catalogue import Catalogue, Found
from harness.slo.fields import operator_mistakes
from harness.slo.indicators import Indicator, Indicators, composite
from harness.slo.types import BudgetingMethod, Calendar, LoadIndicator, Promises, RecoveryObjective, Slo
from harness.units import format_rate


def read(paths: Iterable[Path]) -> Promises:
    """All that OpenSLO documents and recovery objectives promise, from files and from folders of them.

    Raises FileError with every mistake of every file.
    """
    mistakes = Mistakes()
    promises = _Reader(Catalogue(paths, mistakes), mistakes).promises()
    mistakes.raise_any()
    return promises


class _Reader:
    """Follows the references between checked documents."""

    def __init__(self, catalogue: Catalogue, mistakes: Mistakes) -> None:
        self.catalogue = catalogue
        self.mistakes = mistakes
        self.indicators = Indicators(catalogue, mistakes)
        self.alerts = Alerts(catalogue, mistakes)
        self.rates: dict[tuple[str, str], tuple[Fraction, str]] = {}  # of a request: its rate, where it stands

    def promises(self) -> Promises:
        """Everything that could be read; the rest is in the mistakes."""
        documents = self.catalogue.all("SLO", openslo.SloDocument)
        slos = [slo for _, found in documents for slo in self._slos(found)]
        objectives = self.catalogue.all("RecoveryObjective", ours.RecoveryObjectiveDocument)
        recovery = [self._recovery_objective(found) for _, found in objectives]
        return Promises(slos=tuple(slos), objectives=tuple(recovery), requests=self.indicators.requests)

    def _recovery_objective(self, found: Found[ours.RecoveryObjectiveDocument]) -> RecoveryObjective:
        spec, document = found.value.spec, found.document
        self.catalogue.find("Service", openslo.Service, spec.service, document, ("spec", "service"))
        return RecoveryObjective(
            name=found.value.metadata.name,
            service=spec.service,
            disruption=spec.disruption,
            rto_ns=spec.rto,
            rpo_ns=spec.rpo,
            clock=spec.clock,
            level=spec.level,
            where=document.where(("metadata", "name")),
        )

    def _slos(self, found: Found[openslo.SloDocument]) -> Iterator[Slo]:
        """One Slo for each objective that could be read."""
        spec = found.value.spec
        self.catalogue.find("Service", openslo.Service, spec.service, found.document, ("spec", "service"))
        annotations = self.mistakes.attempt(found.annotations, ours.SloAnnotations)
        alerts = self.alerts.of_slo(found)
        names = self._names(found)
        for index, indicator in enumerate(self._indicators(found)):
            objective = spec.objectives[index]
            self.alerts.check_burns(alerts, names[index], _target(objective))
            if annotations is None or indicator is None:
                continue
            if isinstance(indicator, LoadIndicator):
                self._check_rates(found, indicator.request, annotations)
            where = ("metadata", "name") if len(names) == 1 else ("spec", "objectives", index)
            yield Slo(
                name=names[index],
                title=objective.display_name or found.value.metadata.display_name or names[index],
                service=spec.service,
                target=_target(objective),
                **_budget(spec, objective),
                indicator=indicator,
                traffic_per_s=annotations.traffic,
                peak_per_s=annotations.peak,
                empty_slices=annotations.empty_slices,
                empty_floor=annotations.empty_floor,
                critical=annotations.critical,
                alerts=tuple(placed.alert for placed in alerts),
                where=found.document.where(where),
            )

    def _names(self, found: Found[openslo.SloDocument]) -> list[str]:
        """The SLO's own name for a single objective, else name/objective; two of one name are a mistake."""
        name, objectives = found.value.metadata.name, found.value.spec.objectives
        if len(objectives) == 1:
            return [name]
        names = [f"{name}/{one.display_name or index}" for index, one in enumerate(objectives)]
        for index, one in enumerate(names):
            if one in names[:index]:
                at = ("spec", "objectives", index, "displayName")
                self.mistakes.add(found.document.mistake(at, "another name for each objective"))
        return names

    def _indicators(self, found: Found[openslo.SloDocument]) -> list[Indicator | None]:
        """The indicator of each objective."""
        spec = found.value.spec
        places: list[Where] = [("spec", "objectives", index) for index in range(len(spec.objectives))]
        if not openslo.is_composite(found.document.value["spec"]):
            indicator = self._indicator(found, spec, ("spec",), places)
            return [indicator for _ in spec.objectives]
        for place, objective in zip(places, spec.objectives, strict=True):
            self._indicator(found, objective, place, [place])
        return [composite(objective) for objective in spec.objectives]

    def _indicator(
        self,
        found: Found[openslo.SloDocument],
        holder: openslo.SloSpec | openslo.Objective,
        at: Where,
        objectives: list[Where],
    ) -> Indicator | None:
        """The indicator that an SLO or an objective holds or names."""
        document = found.document
        if holder.indicator is not None:
            return self.indicators.read(Found(document, (*at, "indicator"), holder.indicator))
        assert holder.indicator_ref is not None
        sli = self.catalogue.find("SLI", openslo.Sli, holder.indicator_ref, document, (*at, "indicatorRef"))
        if sli is None:
            return None
        for place in objectives:
            threshold = sli.value.spec.threshold_metric is not None
            for wrong in operator_mistakes(document.at(place), threshold=threshold):
                mistake = document.mistake((*place, wrong.field), wrong.expected, wrong.way_out, wrong.got)
                self.mistakes.add(mistake)
        return self.indicators.of_document(holder.indicator_ref)

    def _check_rates(self, found: Found[openslo.SloDocument], request: str, annotations: ours.SloAnnotations) -> None:
        """Two SLOs of one request cannot tell two stories of its traffic."""
        for field, rate in (("traffic", annotations.traffic), ("peak", annotations.peak)):
            if rate is None:
                continue
            at = ("metadata", "annotations", ours.PREFIX + field)
            first, where = self.rates.setdefault((request, field), (rate, found.document.where(at)))
            if first != rate:
                expected = f"{format_rate(first)}, the {field} of {request} at {where}"
                self.mistakes.add(found.document.mistake(at, expected))


def _target(objective: openslo.Objective) -> Fraction:
    if objective.target is not None:
        return objective.target
    assert objective.target_percent is not None
    return objective.target_percent / 100


class _Budget(TypedDict):
    """The part of an Slo that says how its budget is counted."""

    budgeting: BudgetingMethod
    slice_target: Fraction | None
    slice_window_ns: int | None
    window_ns: int
    rolling: bool
    calendar: Calendar | None


def _budget(spec: openslo.SloSpec, objective: openslo.Objective) -> _Budget:
    method, (window,) = BudgetingMethod(spec.budgeting_method), spec.time_window
    calendar = window.calendar
    return {
        "budgeting": method,
        "slice_target": objective.time_slice_target if method is BudgetingMethod.TIMESLICES else None,
        "slice_window_ns": None if method is BudgetingMethod.OCCURRENCES else objective.time_slice_window,
        "window_ns": window.duration,
        "rolling": window.is_rolling,
        "calendar": Calendar(start=calendar.start_time, time_zone=calendar.time_zone) if calendar else None,
    }
