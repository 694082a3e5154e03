"""Experiments: Chaos Toolkit's own format, with what the harness needs in its `extensions:` list.

The document stays as it is for Chaos Toolkit; only the extension named `wellproven` becomes a type of ours. Names
such as `${az}` in it are resolved as Chaos Toolkit resolves them: from `configuration`, whose `env` entries the
target fills.
"""

import re
from collections.abc import Collection, Mapping
from pathlib import Path, PurePath
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, JsonValue, model_validator

from harness.documents import Document, DurationNs, Mistakes, RatePerS, problem, read_documents, validate, variables_in
from harness.errors import FileError, Mistake
from harness.model import Exact, Model
from harness.plan.guard import WrittenGuard
from harness.plan.inline import inline_secrets, secrets_on_command_lines
from harness.plan.probes import probes_as_settings, probes_that_change
from harness.plan.watch import Factor, Surge, WrittenBreaker, WrittenDependency, WrittenDose
from harness.plan.written import Headers, Share, Written
from harness.redaction import environment_keys, looks_secret
from harness.slo import Disruption

EXTENSION = "wellproven"
_SHAPES: Final = (
    ("controls", "a list of controls", list),
    ("configuration", "a mapping of names", dict),
    ("steady-state-hypothesis", "a mapping with title and probes", dict),
)
_VARIABLE = re.compile(r"\$\{([\w-]+)\}")


class WrittenPhases(Written):
    """Longest length of each phase, where the plan shall not choose."""

    baseline: DurationNs
    fault: DurationNs
    recovery: DurationNs


class WrittenEvidence(Written):
    """One way to know that the fault took effect; exactly one field is given."""

    zone_silent: str | None = None  # no answer comes from this zone any more, though it answered in the baseline
    traffic_above: Factor | None = None  # we sent at least this many times as many requests as in the baseline
    probe: dict[str, JsonValue] | None = None  # a Chaos Toolkit probe whose tolerance is met
    lasts: bool = True  # it is still seen just before the fault is taken away; a process that was killed may be back

    @model_validator(mode="after")
    def _one(self) -> "WrittenEvidence":
        if sum(field is not None for field in (self.zone_silent, self.traffic_above, self.probe)) != 1:
            raise problem("exactly one of zone-silent, traffic-above, probe")
        if self.probe is not None:
            _require_probe(self.probe)
        return self


PROVIDERS: Final = ("python", "process", "http")  # Chaos Toolkit's


class WrittenHealed(Written):
    """A Chaos Toolkit probe that says the fault is gone."""

    probe: dict[str, JsonValue]

    @model_validator(mode="after")
    def _tolerance(self) -> "WrittenHealed":
        _require_probe(self.probe)
        return self


def _require_probe(probe: dict[str, JsonValue]) -> None:
    for field in ("name", "provider", "tolerance"):
        if field not in probe:
            raise problem(f"a Chaos Toolkit probe with a {field}", f"add {field}:", at=("probe",))
    if not isinstance(probe["name"], str):
        raise problem("text", at=("probe", "name"))
    provider = probe["provider"]
    if not isinstance(provider, dict) or provider.get("type") not in PROVIDERS:
        raise problem("a provider of type python, process or http", at=("probe", "provider"))


class Survivors(Written):
    """How the writes that survived are read: pages of ids, until one is empty.

    `{prefix}` in the request stands for the run's id prefix, `{after}` for the last id read ("" at first).
    """

    request: str = Field(pattern=r"^GET /\S*$")
    headers: Headers = {}
    ids: str = Field(pattern=r"^(/[^/]+)*$")  # JSON pointer to the list of ids in the answer


class WrittenLedger(Written):
    """Which request writes, and how survivors are read back; RPO rests on this."""

    write: str
    survivors: Survivors


def _in_folder(journey: str) -> str:
    path = PurePath(journey.rpartition(":")[0])
    if path.is_absolute() or ".." in path.parts:
        raise problem("a locustfile below this folder", "name it as seen from here: loadtests/shop.py:Shop")
    return journey


class WrittenJourney(Written):
    """A locustfile's journey run beside the SLOs' requests."""

    journey: Annotated[str, Field(pattern=r"^[^:]+\.py:\w+$"), AfterValidator(_in_folder)]
    rate: RatePerS


class Proves(Written):
    """The practice of a Well-Architected lens this experiment is evidence for."""

    lens: str
    question: str
    choice: str


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise problem("each name once", f"{twice!r} stands there twice")
    return names


def _named_once[T: WrittenEvidence | WrittenHealed](looks: tuple[T, ...]) -> tuple[T, ...]:
    """What is seen is looked up by a probe's name: two of one name would count as one."""
    _each_once(tuple(str(look.probe["name"]) for look in looks if look.probe is not None))
    return looks


class Extension(Written):
    """What the experiment says to the harness."""

    name: Literal["wellproven"]
    slos: Annotated[tuple[str, ...], AfterValidator(_each_once)] = ()  # none named: every SLO
    disruption: Disruption
    claims: Annotated[
        tuple[str, ...], AfterValidator(_each_once)
    ] = ()  # none named: every recovery objective for this disruption
    phases: Literal["auto"] | WrittenPhases = "auto"
    sustain: DurationNs = 3_000_000_000
    budget: Share | None = None
    guard: WrittenGuard | None = None
    evidence: Annotated[tuple[WrittenEvidence, ...], Field(min_length=1), AfterValidator(_named_once)]
    healed: Annotated[tuple[WrittenHealed, ...], AfterValidator(_named_once)] = ()
    heals_within: DurationNs = 60_000_000_000  # from the rollbacks until each `healed` probe says so
    ledger: WrittenLedger | None = None
    journeys: tuple[WrittenJourney, ...] = ()
    dependency: WrittenDependency | None = None
    breaker: WrittenBreaker | None = None
    surge: Surge | None = None  # traffic while the fault is there: each SLO's peak, or so many times the usual
    dose: WrittenDose | None = None
    proves: tuple[Proves, ...] = ()

    @property
    def probes_evidence(self) -> bool:
        """Whether some of the evidence comes from a probe, and so may take its time."""
        return any(item.probe is not None for item in self.evidence)


class Action(Model):
    """One fault of the method, as the plan shows it."""

    name: str
    what: str  # chaosaws.ec2.actions.stop_instances
    arguments: dict[str, JsonValue]


class Experiment(Model):
    """An experiment, read: `body` is Chaos Toolkit's document, untouched."""

    name: str  # the file's stem
    title: str
    file: str
    body: dict[str, JsonValue]
    drill: Extension
    actions: tuple[Action, ...]
    rollbacks: tuple[Action, ...] = ()


def read_experiment(path: Path) -> tuple[Experiment, Document]:
    """Read one experiment. Raises FileError with every mistake."""
    documents = read_documents(path)
    document = documents[0]
    mistakes = Mistakes()
    if len(documents) > 1:
        mistakes.add(Mistake(str(path), documents[1].line(), "", "a second document", "one experiment a file"))
    mistakes.add(*_skeleton_mistakes(document), *probes_that_change(document), *probes_as_settings(document))
    mistakes.add(*inline_secrets(document), *secrets_on_command_lines(document))
    extension = _read_extension(document, mistakes)
    mistakes.raise_any()
    assert extension is not None
    body = document.value
    return Experiment(
        name=path.stem,
        title=body["title"],
        file=str(path),
        body=body,
        drill=extension,
        actions=tuple(_actions(body["method"])),
        rollbacks=tuple(_actions(body["rollbacks"])),
    ), document


def _skeleton_mistakes(document: Document) -> list[Mistake]:
    """What Chaos Toolkit itself would refuse, with a line; `chaos validate` looks deeper."""
    body = document.value
    if not isinstance(body, dict):
        return [document.mistake((), "a Chaos Toolkit experiment (title, description, method)")]
    found = [
        document.mistake((key,), "text", f"add {key}:", got="nothing" if key not in body else None)
        for key in ("title", "description")
        if not isinstance(body.get(key), str) or not body[key].strip()
    ]
    known = _referred_to(body)
    for part in ("method", "rollbacks"):
        activities = body.get(part)
        if not isinstance(activities, list) or not activities:
            way_out = "add the actions that undo the fault" if part == "rollbacks" else "add the fault's actions"
            found.append(
                document.mistake((part,), "a list of activities", way_out, got=None if part in body else "nothing")
            )
            continue
        wrong = [
            mistake
            for index, activity in enumerate(activities)
            for mistake in _activity_mistakes(document, (part, index), activity, known)
        ]
        if part == "method" and not wrong and not any(activity.get("type") == "action" for activity in activities):
            # Nothing would break, and no limit would have anything to refuse.
            way_out = "add the fault's actions; noop and surge are some that break nothing"
            wrong = [document.mistake((part,), "at least one activity of type action", way_out, got="only probes")]
        if part == "rollbacks" and not wrong:
            wrong = _same_names(document, activities)
        found.extend(wrong)
    found.extend(
        document.mistake((part,), kind)
        for part, kind, shape in _SHAPES
        if part in body and not isinstance(body[part], shape)
    )
    return found


def _same_names(document: Document, rollbacks: list[dict[str, Any]]) -> list[Mistake]:
    """Rollbacks that the record could not tell apart: one that failed would pass for the other."""
    names = [str(one.get("name", one.get("ref"))) for one in rollbacks]
    return [
        document.mistake(("rollbacks", index), "a name of its own", "call it something else", got=f"another {name!r}")
        for index, name in enumerate(names)
        if name in names[:index]
    ]


def _referred_to(body: dict[str, Any]) -> set[str]:
    """Names that Chaos Toolkit finds a `ref` by: of the method and of the hypothesis, not of the rollbacks."""
    hypothesis = body.get("steady-state-hypothesis")
    probes = hypothesis.get("probes") if isinstance(hypothesis, dict) else []
    method = body.get("method")
    every = [*(method if isinstance(method, list) else []), *(probes if isinstance(probes, list) else [])]
    return {str(one["name"]) for one in every if isinstance(one, dict) and "name" in one}


def _activity_mistakes(
    document: Document, path: tuple[str | int, ...], activity: object, known: Collection[str]
) -> list[Mistake]:
    if not isinstance(activity, dict):
        return [document.mistake(path, "an activity (type, name, provider)")]
    if "ref" in activity:
        if activity["ref"] in known:
            return []
        way_out = "write the activity itself here; Chaos Toolkit finds no others"
        return [document.mistake((*path, "ref"), "the name of an activity of method or hypothesis", way_out)]
    found = []
    if not isinstance(activity.get("pauses", {}), dict):
        found.append(document.mistake((*path, "pauses"), "a mapping such as {after: 5}"))
    if activity.get("type") not in ("action", "probe"):
        found.append(document.mistake((*path, "type"), "action or probe"))
    if not isinstance(activity.get("name"), str):
        found.append(document.mistake((*path, "name"), "text"))
    provider = activity.get("provider")
    if not isinstance(provider, dict) or provider.get("type") not in PROVIDERS:
        found.append(document.mistake((*path, "provider"), "a provider of type python, process or http"))
    return found


def _read_extension(document: Document, mistakes: Mistakes) -> Extension | None:
    extensions = document.at(("extensions",))
    if not isinstance(document.value, dict):
        return None
    places = [
        index
        for index, extension in enumerate(extensions if isinstance(extensions, list) else [])
        if isinstance(extension, dict) and extension.get("name") == EXTENSION
    ]
    if len(places) != 1:
        mistakes.add(
            document.mistake(
                ("extensions",),
                f"one extension named {EXTENSION}",
                "it says which SLOs and claims judge the drill, see experiments/README.md",
                got=f"{len(places)} of that name",
            )
        )
        return None
    return mistakes.attempt(validate, Extension, document, ("extensions", places[0]))


def _actions(activities: list[dict[str, Any]]) -> list[Action]:
    found = []
    for activity in activities:
        if activity.get("type") != "action":
            continue
        provider = activity["provider"]
        match provider["type"]:
            case "python":
                what = f"{provider.get('module')}.{provider.get('func')}"
            case "process":
                what = str(provider.get("path"))
            case _:
                what = f"{provider.get('method', 'GET')} {provider.get('url')}"
        arguments = provider.get("arguments")
        found.append(
            Action(name=activity["name"], what=what, arguments=arguments if isinstance(arguments, dict) else {})
        )
    return found


def resolve(
    value: JsonValue, experiment: Experiment, environment: Mapping[str, str], secrets: Collection[str]
) -> JsonValue:
    """`value` with each `${name}` replaced from the experiment's configuration. Raises FileError on an unknown name.

    What comes from a variable named in `secrets`, which are the target's, stays as it is.
    """
    if isinstance(value, str):
        known = configuration_of(experiment, environment, secrets)
        missing = [name for name in _VARIABLE.findall(value) if name not in known]
        if missing:
            raise FileError.single(
                experiment.file,
                f"${{{missing[0]}}}",
                "a name from configuration:, with a value",
                f"add it, or set its environment variable in the target's variables ({', '.join(known) or 'none set'})",
            )
        return _VARIABLE.sub(lambda match: known[match[1]], value)
    if isinstance(value, list):
        return [resolve(part, experiment, environment, secrets) for part in value]
    if isinstance(value, dict):
        return {key: resolve(part, experiment, environment, secrets) for key, part in value.items()}
    return value


def resolve_known(value: Any, known: Mapping[str, str]) -> Any:
    """`value` with each `${name}` that is known replaced; others stay as they are."""
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: known.get(match[1], match[0]), value)
    if isinstance(value, list):
        return [resolve_known(part, known) for part in value]
    if isinstance(value, dict):
        return {key: resolve_known(part, known) for key, part in value.items()}
    return value


def configuration_of(
    experiment: Experiment, environment: Mapping[str, str], secrets: Collection[str]
) -> dict[str, str]:
    """The experiment's configuration, as Chaos Toolkit will read it in this environment.

    `secrets` are the variables that the target calls secret; the experiment's own are known here.
    """
    configuration = experiment.body.get("configuration")
    secret = {*secrets, *environment_keys(experiment.body.get("secrets"))}
    found: dict[str, str] = {}
    for name, entry in (configuration if isinstance(configuration, dict) else {}).items():
        key = str(entry.get("key")) if isinstance(entry, dict) else ""
        if looks_secret(name) or looks_secret(key) or key in secret:
            found[name] = f"${{{name}}}"  # Chaos Toolkit alone replaces it: its value stands in no plan
        elif isinstance(entry, dict) and entry.get("type") == "env":
            value = environment.get(key, entry.get("default"))
            if value is not None:
                found[name] = str(value)
        elif isinstance(entry, str | int | float):
            found[name] = str(entry)
    return found


def secret_variables(experiment: Experiment) -> set[str]:
    """Environment variables that an experiment takes secrets from, by its own words or by their names."""
    configuration = experiment.body.get("configuration")
    entries = configuration.items() if isinstance(configuration, dict) else ()
    keys = {name: str(entry.get("key")) for name, entry in entries if isinstance(entry, dict)}
    named = {key for name, key in keys.items() if looks_secret(name) or looks_secret(key)}
    return {*named, *environment_keys(experiment.body.get("secrets")), *asking_variables(experiment)}


def asking_variables(experiment: Experiment) -> set[str]:
    """Environment variables in headers of what the run asks beside the load: survivors, metrics, a breaker's state."""
    drill = experiment.drill
    asked = [drill.ledger.survivors.headers] if drill.ledger else []
    asked += [one.prometheus.headers for one in (drill.guard.metrics if drill.guard else ()) if one.prometheus]
    asked += [drill.dependency.requests.headers] if drill.dependency else []
    breaker = drill.breaker
    asked += [said.headers for said in ((breaker.metric, breaker.health) if breaker else ()) if said]
    return variables_in(text for headers in asked for text in headers.values())


class Evidence(Model):
    """Evidence with its variables resolved."""

    name: str
    zone_silent: str | None = None
    traffic_above: Exact | None = None
    probe: dict[str, JsonValue] | None = None
    lasts: bool = False  # whether it must be seen again at the end; a plan of an earlier build does not ask for that


class Ledger(Model):
    """The route that writes, and how survivors are read."""

    write: str
    survivors: str
    ids: str
    headers: dict[str, str] = {}


class Journey(Model):
    """A locustfile's journey and its rate."""

    journey: str
    rate_per_s: Exact
