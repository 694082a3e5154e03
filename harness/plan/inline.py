"""Secrets written out in an experiment: refused, for they would stand in every record and journal of it. Pure.

An experiment refers to its secrets, as Chaos Toolkit lets it: `secrets: {shop: {token: {type: env, key: SHOP_TOKEN}}}`,
or `type: vault`. Elsewhere a field whose name looks like a secret's holds a name such as `${token}`, never the value.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from harness.documents import Document, Where, dotted
from harness.errors import Mistake
from harness.redaction import GUESSED_CHARS_MIN, environment_keys, has_credentials, looks_secret

REFERENCE = "a reference: {type: env, key: NAME}, or {type: vault, path: PATH}"
WRITTEN_OUT = "a secret written out"
_NEEDS = {"env": "key", "vault": "path"}
_VARIABLE = re.compile(r"\$\{([\w-]+)\}")


def inline_secrets(document: Document) -> Iterator[Mistake]:
    """Every secret that stands in the document itself; no message shows one."""
    body = document.value
    if not isinstance(body, dict):
        return
    if "secrets" in body:
        yield from _in_secrets(document, ("secrets",), body["secrets"], 0)
    for name, value in body.items():
        if name != "secrets":
            yield from _anywhere(document, (name,), value)


def _in_secrets(document: Document, at: Where, value: object, depth: int) -> Iterator[Mistake]:
    if isinstance(value, dict) and "type" in value:
        kind = value["type"]
        needed = _NEEDS.get(kind) if isinstance(kind, str) else None
        if needed is None:
            way_out = (
                "Chaos Toolkit reads secrets from the environment and from Vault; put a file's content into a variable"
            )
            yield document.mistake((*at, "type"), "env or vault", way_out)
        elif not isinstance(value.get(needed), str) or not value[needed]:
            yield document.mistake(at, REFERENCE, f"add {needed}:", got=f"a secret of type {kind} without {needed}")
        elif "default" in value:
            yield document.mistake((*at, "default"), "no default for a secret", "take it out", got=WRITTEN_OUT)
    elif isinstance(value, dict) and depth < 2:
        for name, inner in value.items():
            yield from _in_secrets(document, (*at, name), inner, depth + 1)
    else:
        got = "a mapping of mappings" if isinstance(value, dict) else WRITTEN_OUT if depth else None
        expected = REFERENCE if depth else "a mapping of references"
        yield document.mistake(at, expected, "put its value into an environment variable", got=got)


def _anywhere(document: Document, at: Where, value: object) -> Iterator[Mistake]:
    if isinstance(value, dict):
        for name, inner in value.items():
            here = (*at, name)
            if looks_secret(name) and _is_written_out(inner):
                way_out = "refer to one: `${name}` with name in configuration or secrets, of type env"
                yield document.mistake(here, "no secret in this file", way_out, got=WRITTEN_OUT)
            elif looks_secret(name) and isinstance(inner, dict) and _is_written_out(inner.get("default")):
                yield document.mistake((*here, "default"), "no default for a secret", "take it out", got=WRITTEN_OUT)
            else:
                yield from _anywhere(document, here, inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _anywhere(document, (*at, index), inner)
    elif isinstance(value, str) and has_credentials(value):
        expected = "an address without user and password"
        yield document.mistake(at, expected, "take them out", got="one with credentials in it")


def _is_written_out(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "${" not in value


def secrets_on_command_lines(document: Document, names: Collection[str] = ()) -> Iterator[Mistake]:
    """Every `${name}` of a secret in the words of a `process` provider: all of the machine could read its value there.

    `names` are variables that the target calls secret; what the experiment calls so, or what looks it, counts anyway.
    """
    body = document.value
    if not isinstance(body, dict):
        return
    secret, others = _secret_names(body, names)
    for at, provider in _processes((), body):
        for field in ("path", "arguments"):
            for here, text in _texts((*at, field), provider.get(field)):
                for name in _VARIABLE.findall(text):
                    if name in secret or (others is not None and name not in others):
                        way_out = (
                            "let the program read it from its environment, which it shares with the drill, "
                            "or take a provider of type python or http"
                        )
                        expected = "no secret on a command line, where every process list shows it"
                        yield document.mistake(here, expected, way_out, got=f"${{{name}}}, a secret")


def secrets_in_plan(
    file: str, plan: Mapping[str, object], environment: Mapping[str, str], names: Iterable[str]
) -> Iterator[Mistake]:
    """Every secret that came into a plan, which is stored: the value of a variable named, or credentials in an address.

    A value of fewer than eight characters may be an ordinary word, and is not looked for.
    """
    values = {name: environment.get(name, "").strip() for name in sorted(names)}
    values = {name: value for name, value in values.items() if len(value) >= GUESSED_CHARS_MIN}
    found: dict[str, tuple[str, str]] = {}  # each once, at its first place
    for at, text in _texts((), plan):
        for name in (name for name, value in values.items() if value in text):
            way_out = "refer to it by its name, or take another for a secret"
            found.setdefault(f"the value of {name}", (dotted(at), way_out))
        if has_credentials(text):
            way_out = "take them out of the variable that it comes from; what an activity needs belongs into secrets:"
            found.setdefault("an address with a user or a password", (dotted(at), way_out))
    for got, (where, way_out) in found.items():
        yield Mistake(file, 1, "", f"{got} at {where} of the plan", "no secret in what is stored", way_out)


def credentials_in_configuration(document: Document, known: Mapping[str, str]) -> Iterator[Mistake]:
    """Every entry of `configuration` whose value (`known`, by name) is an address with a user or a password.

    Whatever names it would show it: a command line, the plan, what the undo ledger keeps.
    """
    for name, value in known.items():
        if has_credentials(value):
            expected = "an address without user and password"
            way_out = "call its variable a secret: in secrets:, or in the target's secrets"
            yield document.mistake(("configuration", name), expected, way_out, got="one with credentials in it")


def _secret_names(body: dict[str, object], declared: Collection[str]) -> tuple[set[str], set[str] | None]:
    """(names that are secrets, names that are none if all others are): a Vault path without a key may hold any name."""
    variables = {*declared, *environment_keys(body.get("secrets"))}
    configuration = body.get("configuration")
    known = configuration if isinstance(configuration, dict) else {}
    found, opens_all = set[str](), False
    for name, entry in known.items():
        key = str(entry.get("key")) if isinstance(entry, dict) else ""
        if looks_secret(str(name)) or looks_secret(key) or key in variables:
            found.add(str(name))
    for name, entry in _entries(body.get("secrets")):
        found.add(name)
        opens_all = opens_all or (entry.get("type") == "vault" and "key" not in entry)
    return found, {str(name) for name in known} if opens_all else None


def _entries(secrets: object) -> Iterator[tuple[str, dict[str, object]]]:
    for name, inner in secrets.items() if isinstance(secrets, dict) else ():
        if isinstance(inner, dict) and "type" not in inner:
            yield from _entries(inner)
        else:
            yield str(name), inner if isinstance(inner, dict) else {}


def _processes(at: Where, value: object) -> Iterator[tuple[Where, dict[str, object]]]:
    if isinstance(value, dict):
        if value.get("type") == "process" and "path" in value:
            yield at, value
        for name, inner in value.items():
            yield from _processes((*at, name), inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _processes((*at, index), inner)


def _texts(at: Where, value: object) -> Iterator[tuple[Where, str]]:
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts((*at, name), inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts((*at, index), inner)
