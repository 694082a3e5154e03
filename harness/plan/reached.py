"""What an experiment speaks to and acts on, as far as its words say it. Pure; the rest is asked of the target."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import JsonValue

from harness.plan.allow import Reach
from harness.plan.experiment import Action, Experiment, configuration_of, resolve_known
from harness.plan.hosts import THIS_MACHINE, hosts_in, hosts_of_process
from harness.plan.probes import providers_in

OURS: Final = "harness.fault."
CHAOSAWS: Final = "chaosaws."
AWS: Final = (CHAOSAWS, "harness.fault.aws_")
HARMLESS: Final = ("noop", "surge")  # they break nothing of the target's
# What the fault stage asks for, read only, before they are begun.
ASKED: Final = (
    "process_kill", "process_pause", "netem", "toxiproxy_cut", "toxiproxy_delay", "envoy_delay", "envoy_abort",
)  # fmt: skip
HERE: Final = ("process_kill", "process_pause", "netem")  # they act on the machine the drill runs on
_ROLE: Final = re.compile(r"arn:[\w-]+:iam::(\d{12}):role/\S+")
# Where chaosaws takes credentials from, before it looks at the environment the target gives.
_AWS_PROFILE: Final = "aws_profile_name"
_AWS_KEYS: Final = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_AWS_ROLE: Final = "aws_assume_role_arn"


def is_aws(what: str) -> bool:
    """Whether an activity calls AWS."""
    return what.startswith(AWS)


def is_asked(what: str) -> bool:
    """Whether somebody can be asked what an action would hit; of the others only their words are known."""
    return is_aws(what) or (what.startswith(OURS) and what.removeprefix(OURS).rpartition(".")[0] in ASKED)


def speaks_to(
    experiment: Experiment, environment: Mapping[str, str], secrets: Collection[str], urls: Iterable[str]
) -> dict[str, Any]:
    """The fields of a plan that say which hosts, and which of AWS, an experiment speaks to."""
    known = configuration_of(experiment, environment, secrets)
    body: Any = experiment.body
    hypothesis = body.get("steady-state-hypothesis")
    probes = hypothesis.get("probes", []) if isinstance(hypothesis, dict) else []
    written = [*body["method"], *body["rollbacks"], *probes]
    written += [{"controls": one.get("controls")} for one in (body, hypothesis) if isinstance(one, dict)]
    written += [item.probe for item in experiment.drill.evidence if item.probe]
    written += [item.probe for item in experiment.drill.healed]
    if experiment.drill.dose is not None:
        written.append({"provider": experiment.drill.dose.measured_by})
    activities = [one for one in resolve_known(written, known) if isinstance(one, dict)]
    modules = [str(provider.get("module", "")) for _, provider in providers_in(activities)]
    region = known.get("aws_region") or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    return {
        "hosts": hosts_of(activities, urls),
        "calls_aws": any(is_aws(f"{module}.") for module in modules),
        "aws_region": region,
        "aws_role_accounts": tuple(_role_accounts(body.get("configuration"), known)),
        "aws_credentials": tuple(_own_credentials(body)),
    }


def _role_accounts(configuration: object, known: Mapping[str, str]) -> Iterator[str]:
    """The account of the role that an experiment takes; one whose ARN is not known yet could be of any."""
    if not isinstance(configuration, dict) or _AWS_ROLE not in configuration:
        return
    arn = known.get(_AWS_ROLE)
    role = _ROLE.fullmatch(arn or "")
    if role is not None:
        yield role[1]
    elif arn != "":
        yield "unknown"


def _own_credentials(body: Mapping[str, Any]) -> Iterator[str]:
    """Where an experiment names a profile or keys of its own: what AWS is asked, it is asked with the target's."""
    configuration = body.get("configuration")
    if isinstance(configuration, dict) and _AWS_PROFILE in configuration:
        yield f"configuration.{_AWS_PROFILE}"
    yield from _keys_in("secrets", body.get("secrets"))


def _keys_in(where: str, secrets: object) -> Iterator[str]:
    for name, inner in secrets.items() if isinstance(secrets, dict) else ():
        here = f"{where}.{name}"
        if name in _AWS_KEYS:
            yield here
        elif isinstance(inner, dict) and inner.get("type") == "vault" and ("key" not in inner or where == "secrets"):
            yield f"{here}, which may hold any key of Vault's"  # Chaos Toolkit takes all that stands at the path
        else:
            yield from _keys_in(here, inner)


def hosts_of(activities: Iterable[Mapping[str, JsonValue]], urls: Iterable[str] = ()) -> tuple[str, ...]:
    """Every host that activities (resolved) and addresses name, once each, in order.

    Their tolerances may be probes, and their controls call Python, too.
    """
    found: dict[str, None] = {}
    for _, provider in providers_in(list(activities)):
        is_process = provider.get("type") == "process"
        found.update(dict.fromkeys(hosts_of_process(provider) if is_process else hosts_in(provider)))
        name = str(provider.get("module", "")).removeprefix(OURS)
        if is_process or name in HERE:
            found[THIS_MACHINE] = None
    for url in urls:
        found.update(dict.fromkeys(hosts_in(url)))
    return tuple(found)


def known_reach(action: Action) -> Reach:
    """What an action would hit that nobody can be asked about."""
    assert not is_asked(action.what)
    if action.what.startswith(OURS) and action.what.removeprefix(OURS).rpartition(".")[0] in HARMLESS:
        return Reach(action=action.name, what=action.what, counted=True, said="nothing of the target's breaks")
    said = "cannot be counted: nothing is known of this action"
    return Reach(action=action.name, what=action.what, counted=False, said=said)


def in_its_words(action: Action) -> str:
    """What an action that calls no AWS would hit, as far as its own words say it: nobody was asked."""
    assert not is_aws(action.what)
    module, arguments = action.what.removeprefix(OURS).rpartition(".")[0], action.arguments
    if not is_asked(action.what):
        return known_reach(action).said
    if "ports" in arguments:
        return f"what listens on port {arguments['ports']} of this machine"
    if module == "netem":
        return f"what leaves this machine by {arguments.get('interface')}"
    where = ", ".join(dict.fromkeys(hosts_in(arguments)))
    proxy = f" {arguments['proxy']}" if "proxy" in arguments else ""
    return f"one proxy{proxy} at {where}" if where else "one setting of one proxy"
