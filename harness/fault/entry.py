"""What stands in a run's entry of the undo ledger: everything it takes to undo without the run's folder. Pure."""

import json
import shlex
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, Final

from harness.plan import Plan
from harness.redaction import environment_keys, has_credentials, looks_secret

# Beside what the target and the experiment name: where AWS's libraries, Python and our faults look. None is a secret.
_PASSED_ON: Final = (
    "AWS_CONFIG_FILE",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_SHARED_CREDENTIALS_FILE",
    "PYTHONPATH",
    "WELLPROVEN_STATE_DIR",
    "XDG_STATE_HOME",
)


def undo_document(plan: Plan) -> dict[str, Any]:
    """A Chaos Toolkit experiment that undoes a plan's fault: its rollbacks, then a look at whether it is healed."""
    body: dict[str, Any] = deepcopy(dict(plan.body))
    document = {
        "title": f"Undo: {plan.title}"[:250],
        "description": f"Undoes what a drill of {plan.file} on {plan.target} may have broken.",
        "configuration": body.get("configuration", {}),
        "secrets": body.get("secrets", {}),
        "method": [_resolved(activity, body) for activity in body.get("rollbacks", [])],
        "rollbacks": [],
    }
    probes = [{"type": "probe", **item.probe} for item in plan.healed if item.probe]
    if probes:
        document["steady-state-hypothesis"] = {"title": "The fault is gone", "probes": probes}
    return document


def _resolved(activity: dict[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """An activity itself where one is only named."""
    named = activity.get("ref")
    if named is None:
        return activity
    known = [*body.get("method", []), *body.get("steady-state-hypothesis", {}).get("probes", [])]
    return next((one for one in known if one.get("name") == named), activity)


def secret_names(plan: Plan, target_secrets: tuple[str, ...], environment: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the environment variables with secrets that the rollbacks need: the target's, and the experiment's.

    The experiment's are those under its `secrets`, and those under its `configuration` whose names or values say so.
    """
    own = list(environment_keys(plan.body.get("secrets")))
    read = [*_PASSED_ON, *_read_names(plan.body.get("configuration"))]
    own += [name for name in read if looks_secret(name) or has_credentials(environment.get(name, ""))]
    return tuple(sorted({*target_secrets, *(name for name in own if name in environment)}))


def kept_environment(
    plan: Plan, given: Mapping[str, str], secrets: tuple[str, ...], environment: Mapping[str, str]
) -> dict[str, str]:
    """The environment variables that rollbacks need: those a run gives, and those the experiment reads. No secret."""
    names = [*_PASSED_ON, *_read_names(plan.body.get("configuration"))]
    found = {name: environment[name] for name in names if name in environment} | dict(given)
    return {name: value for name, value in sorted(found.items()) if name not in secrets}


def _read_names(settings: object) -> Iterator[str]:
    """Environment variables that a `configuration` is read from: its first level alone, as Chaos Toolkit has it."""
    for setting in settings.values() if isinstance(settings, dict) else []:
        if isinstance(setting, dict) and setting.get("type") == "env" and setting.get("key"):
            yield str(setting["key"])


def in_words(plan: Plan, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Each rollback as a person would do it."""
    settings = {name: _value(setting, environment) for name, setting in (_mapping(plan.body, "configuration")).items()}
    return tuple(
        _said(f"{activity['name']}: {_call(activity['provider'])}", settings)
        for activity in undo_document(plan)["method"]
        if "provider" in activity
    )


def _call(provider: Mapping[str, Any]) -> str:
    arguments = provider.get("arguments") or {}
    match provider.get("type"):
        case "http":
            data = f" with {json.dumps(arguments)}" if arguments else ""
            return f"{provider.get('method', 'GET')} {provider.get('url')}{data}"
        case "process":
            if isinstance(arguments, dict):
                arguments = " ".join(f"{name} {value}" for name, value in arguments.items())
            words = " ".join(map(str, arguments)) if isinstance(arguments, list) else str(arguments)
            return f"run {provider.get('path')} {words}".rstrip()
        case _:
            said = ", ".join(f"{name}={json.dumps(value)}" for name, value in arguments.items())
            return f"{provider.get('module')}.{provider.get('func')}({said})"


def _said(text: str, settings: Mapping[str, str]) -> str:
    for name, value in settings.items():
        text = text.replace(f"${{{name}}}", value)
    return text


def _value(setting: object, environment: Mapping[str, str]) -> str:
    if not isinstance(setting, dict):
        return str(setting)
    return environment.get(str(setting.get("key")), str(setting.get("default", "?")))


def _mapping(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def script(folder: str, environment: Mapping[str, str], secrets: tuple[str, ...], python: str) -> str:
    """A shell script beside undo.json that undoes with plain Chaos Toolkit."""
    lines = [
        "#!/bin/sh",
        "# Undoes the fault with plain Chaos Toolkit; then let `wellproven recover` see that it is gone.",
    ]
    lines += [f": ${{{name}:?is a secret this needs: set it first}}" for name in secrets]
    lines += ['here=$(cd "$(dirname "$0")" && pwd)', f"cd {shlex.quote(folder)} || cd /"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    chaos = f"{shlex.quote(python)} -m chaostoolkit --no-version-check --no-log-file"
    lines += [f'exec {chaos} run --journal-path /dev/null --hypothesis-strategy after-method-only "$here/undo.json"']
    return "\n".join(lines) + "\n"
