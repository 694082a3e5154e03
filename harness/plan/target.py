"""Targets: where experiments may run, from `experiments/targets.yaml`; `testbed` is built in."""

import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, field_validator

from harness.documents import Mistakes, RatePerS, problem, read_documents, validate
from harness.errors import FileError
from harness.model import Exact, Model
from harness.plan.allow import Allow
from harness.plan.configuration import configuring_files, digest
from harness.plan.written import Written
from harness.redaction import has_credentials, looks_secret

TESTBED = "testbed"
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]*$")]
Environment = Literal["development", "testbed", "staging", "production"]

# What makes a target another one, beside the files it names.
_CONFIGURES = {"base_url", "environment", "zone_header", "fallback_header", "aws", "variables"}


def _secret_name(text: str) -> str:
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", text):
        way_out = "its value stays in the environment"
        raise problem("the name of an environment variable such as SHOP_TOKEN", way_out, got="something else")
    return text


SecretName = Annotated[str, AfterValidator(_secret_name)]


def _no_credentials(text: str, at: tuple[str, ...] = ()) -> str:
    if has_credentials(text):
        way_out = "credentials belong in a header of the SLOs' requests: ${SHOP_TOKEN}"
        raise problem("an address without user and password", way_out, at=at, got="one with credentials in it")
    return text


def _leads_somewhere(text: str) -> str:
    """A host, and a port somebody can listen on. Subtle: port 0 would be none to us, and 80 to who sends requests."""
    try:
        parts = urlsplit(text)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        raise problem("http or https, a host, and a port of 1 to 65535 where it is not the usual one")
    if parts.query or parts.fragment:
        raise problem("an address without query or fragment", "write them into the SLOs' requests")
    return text


Address = Annotated[str, AfterValidator(_no_credentials)]


class WrittenAws(Written):
    """Which account and region the experiment's AWS calls go to."""

    account: str | None = Field(default=None, pattern=r"^\d{12}$")
    region: str
    profile: str | None = None
    endpoint: Address | None = None


class WrittenTarget(Written):
    """One target as a user writes it."""

    name: Name
    base_url: Annotated[Address, Field(pattern=r"^https?://\S+$"), AfterValidator(_leads_somewhere)]
    environment: Environment
    max_rate: RatePerS  # all requests of a drill together never exceed this
    zone_header: str | None = None  # the answer's header that names the zone which served it
    fallback_header: str | None = None  # the answer's header that marks a fallback: an answer of lesser quality
    aws: WrittenAws | None = None
    variables: dict[VariableName, str] = {}  # environment of the experiment: zones, tags, whatever it reads
    secrets: tuple[SecretName, ...] = ()  # names of environment variables the experiment needs; never values
    configuration: tuple[str, ...] = ()  # files that configure it; when they change, old proof is stale
    allow: Allow = Allow()

    @field_validator("variables")
    @classmethod
    def _no_secrets(cls, variables: dict[str, str]) -> dict[str, str]:
        for name, value in variables.items():
            if looks_secret(name):
                way_out = f"name it in secrets: [{name}]; its value stays in the environment"
                raise problem("no secret in this file", way_out, at=(name,), got="a secret written out")
            _no_credentials(value, (name,))
        return variables

    @field_validator("name")
    @classmethod
    def _not_built_in(cls, name: str) -> str:
        if name == TESTBED:
            raise problem(f"another name than {TESTBED}, which is built in")
        return name


class WrittenTargets(Written):
    """The file."""

    targets: tuple[WrittenTarget, ...]


class Target(Model):
    """Where a run goes. `environment_variables` reach the experiment; nobody writes down those that `secrets` names.

    A user's target has no values of secrets: they stay in the environment. The embedded one's are made with it.
    """

    name: str
    base_url: str
    environment: Environment
    rate_max_per_s: Exact
    zone_header: str | None = None
    fallback_header: str | None = None
    aws_account: str | None = None
    aws_region: str | None = None
    allow: Allow = Allow()
    environment_variables: dict[str, str] = {}
    secrets: tuple[str, ...] = ()
    configuration: str = ""  # digest of what it is: its own words, and the files it names


def read_targets(path: Path) -> dict[str, Target]:
    """Every target of the file by name; none where there is no file. Raises FileError with every mistake."""
    try:
        path.stat()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise FileError.single(path, f"'{error.strerror}'", "a file that can be read") from None
    found: dict[str, Target] = {}
    mistakes = Mistakes()
    for document in read_documents(path):
        written = mistakes.attempt(validate, WrittenTargets, document)
        for index, target in enumerate(written.targets if written else ()):
            if target.name in found:
                mistakes.add(document.mistake(("targets", index, "name"), "each name once"))
            files = configuring_files(
                target.configuration, path.parent.parent, document, ("targets", index, "configuration"), mistakes
            )
            found[target.name] = _target(target, files)
    mistakes.raise_any()
    return found


def _target(written: WrittenTarget, files: dict[str, bytes]) -> Target:
    variables = dict(written.variables)
    if written.aws:
        variables["AWS_REGION"] = variables["AWS_DEFAULT_REGION"] = written.aws.region
        if written.aws.profile:
            variables["AWS_PROFILE"] = written.aws.profile
        if written.aws.endpoint:
            variables["AWS_ENDPOINT_URL"] = written.aws.endpoint
    return Target(
        name=written.name,
        base_url=written.base_url.rstrip("/"),
        environment=written.environment,
        rate_max_per_s=written.max_rate,
        zone_header=written.zone_header,
        fallback_header=written.fallback_header,
        aws_account=written.aws.account if written.aws else None,
        aws_region=written.aws.region if written.aws else None,
        allow=written.allow,
        environment_variables=variables,
        secrets=written.secrets,
        configuration=digest(written.model_dump(mode="json", include=_CONFIGURES), files),
    )


def built_in_target(
    base_url: str = "http://127.0.0.1:0",
    environment_variables: dict[str, str] | None = None,
    settings: Mapping[str, JsonValue] | None = None,
) -> Target:
    """The built-in target; its address and variables are known once it is up, `settings` where they are no default."""
    return Target(
        name=TESTBED,
        base_url=base_url,
        environment="testbed",
        rate_max_per_s=Fraction(600),
        zone_header="x-zone",
        fallback_header="x-fallback",
        environment_variables=environment_variables or {},
        secrets=tuple(name for name in environment_variables or {} if looks_secret(name)),
        configuration=digest(settings or {}),
    )
