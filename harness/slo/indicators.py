"""SLIs: which requests count and which are good, where our load can see it; kept as written where it cannot."""

import json
from typing import Any, Literal

from harness.documents import Mistakes, validate
from harness.slo import openslo, ours
from harness.slo.catalogue import Catalogue, Found
from harness.slo.types import ForeignIndicator, LoadIndicator, RequestTemplate

type Form = Literal["ratio", "raw", "threshold"]
type Source = tuple[openslo.MetricSource, str]  # and the field it stands under, "ratioMetric.good"
type Indicator = LoadIndicator | ForeignIndicator

LOAD = "load"
ROLES = ("good", "bad", "total", "raw")


class Indicators:
    """Turns SLIs into indicators; knows the request templates of the load sources, and gathers the requests named."""

    def __init__(self, catalogue: Catalogue, mistakes: Mistakes) -> None:
        self._catalogue = catalogue
        self._mistakes = mistakes
        self.requests: dict[str, RequestTemplate] = {}
        self._named: dict[str, str] = {}  # where each request's template stands
        for _, source in catalogue.all("DataSource", openslo.DataSource):
            if source.value.spec.type == LOAD:
                self._take_templates(source)
        self._of_documents = {name: self.read(sli) for name, sli in catalogue.all("SLI", openslo.Sli)}

    def of_document(self, name: str) -> Indicator | None:
        """The indicator of an SLI document."""
        return self._of_documents.get(name)

    def read(self, sli: Found[openslo.Sli] | Found[openslo.InlineSli]) -> Indicator | None:
        """An indicator, or None and its mistakes."""
        spec = sli.value.spec
        if spec.threshold_metric is not None:
            sources: dict[str, Source] = {"threshold": (spec.threshold_metric.metric_source, "thresholdMetric")}
            form: Form = "threshold"
        else:
            assert spec.ratio_metric is not None
            metrics = {role: getattr(spec.ratio_metric, role) for role in ROLES}
            sources = {role: (one.metric_source, f"ratioMetric.{role}") for role, one in metrics.items() if one}
            form = "raw" if "raw" in sources else "ratio"
        types = {role: self._type(sli, source, field) for role, (source, field) in sources.items()}
        if None in types.values():
            return None
        if LOAD in types.values():
            return self._load_indicator(sli, {role: str(one) for role, one in types.items()})
        return _foreign_indicator(form, sources, sorted({str(one) for one in types.values()}))

    def _type(self, sli: Found[Any], source: openslo.MetricSource, field: str) -> str | None:
        """The type of a metric source, its own or its data source's; None and a mistake where it cannot be told."""
        at = (*sli.at, "spec", *field.split("."), "metricSource")
        if source.metric_source_ref is None:
            return source.type or "unspecified"
        found = self._catalogue.find(
            "DataSource", openslo.DataSource, source.metric_source_ref, sli.document, (*at, "metricSourceRef")
        )
        if found is None:
            return None
        kind = found.value.spec.type
        if source.type and source.type != kind:
            expected = f"{kind}, the type of {source.metric_source_ref}"
            self._mistakes.add(sli.document.mistake((*at, "type"), expected))
            return None
        return kind

    def _load_indicator(self, sli: Found[Any], types: dict[str, str]) -> LoadIndicator | None:
        spec_at = (*sli.at, "spec")
        if set(types) != {"good", "total"} or set(types.values()) != {LOAD}:
            expected = "a ratioMetric of good and total, both of type load"
            got = ", ".join(f"{role} of type {kind}" for role, kind in types.items())
            self._mistakes.add(sli.document.mistake(spec_at, expected, got=got))
            return None
        good_at, total_at = ((*spec_at, "ratioMetric", role, "metricSource", "spec") for role in ("good", "total"))
        good = self._mistakes.attempt(validate, ours.LoadGood, sli.document, good_at)
        total = self._mistakes.attempt(validate, ours.LoadTotal, sli.document, total_at)
        if good is None or total is None:
            return None
        if good.request != total.request:
            expected = f"'{total.request}', the request of total"
            self._mistakes.add(sli.document.mistake((*good_at, "request"), expected, "name the same request in both"))
            return None
        self._name_request(sli, good.request, (*good_at, "request"))
        reference = sli.value.spec.ratio_metric.good.metric_source.metric_source_ref
        return LoadIndicator(
            request=good.request,
            status=good.status,
            within_ns=good.within,
            fallback_is_good=good.fallback,
            data_source=reference,
        )

    def _name_request(self, sli: Found[Any], request: str, at: tuple[str | int, ...]) -> None:
        """A request without a template is made as it is named, if that says all there is to say."""
        if request in self._named:
            return
        method, path = ours.split_request(request)
        open_names = [name for name in ours.placeholders(path) if name != ours.ID]
        if open_names:
            expected = f"a data source of type load that gives {', '.join('{' + name + '}' for name in open_names)}"
            way_out = f"add `- request: {request}` with its parameters there"
            self._mistakes.add(sli.document.mistake(at, expected, way_out))
            return
        self.requests.setdefault(request, RequestTemplate(request=request, method=method, path=path))

    def _take_templates(self, source: Found[openslo.DataSource]) -> None:
        at = ("spec", "connectionDetails")
        details = self._mistakes.attempt(validate, ours.LoadDetails, source.document, at)
        written = source.document.at((*at, "requests"))
        for index, one in enumerate(written if isinstance(written, list) else []):
            # Names of templates that are wrong count as known: one mistake should not call up another.
            if isinstance(one, dict) and isinstance(one.get("request"), str):
                self._declare(source, one["request"], (*at, "requests", index, "request"))
        for template in details.requests if details else ():
            method, path = ours.split_request(template.request)
            self.requests[template.request] = RequestTemplate(
                request=template.request,
                method=method,
                path=template.path or path,
                headers=template.headers,
                body=template.body,
                parameters=template.parameters,
                timeout_ns=template.timeout,
            )

    def _declare(self, source: Found[openslo.DataSource], request: str, at: tuple[str | int, ...]) -> None:
        first = self._named.setdefault(request, source.document.where(at))
        if first != source.document.where(at):
            got, way_out = f"{request} a second time", f"it stands at {first}"
            self._mistakes.add(source.document.mistake(at, "each request once", way_out, got))


def _foreign_indicator(form: Form, sources: dict[str, Source], types: list[str]) -> ForeignIndicator:
    queries = {role: _query(source.spec) for role, (source, _) in sources.items()}
    reference = next((source.metric_source_ref for source, _ in sources.values()), None)
    kind = " and ".join(types)
    description = f"{form} metric of type {kind} ({', '.join(queries)}): our load cannot see it"
    return ForeignIndicator(type=kind, form=form, description=description, queries=queries, data_source=reference)


def composite(objective: openslo.Objective) -> ForeignIndicator:
    """The indicator of an objective of a composite SLO: part of a whole that one request cannot tell."""
    words = f"a part of a composite SLO, weight {objective.composite_weight or 1}: our load cannot see the whole"
    return ForeignIndicator(type="composite", form="composite", description=words)


def _query(spec: dict[str, Any]) -> str:
    """The query as text: what stands under `query`, else all of the source's spec as JSON."""
    query = spec.get("query")
    return query if isinstance(query, str) else json.dumps(spec, ensure_ascii=False)
