"""Secrets written out in an experiment: refused, for they would stand in every record and journal of it. Pure.

An experiment refers to its secrets, as Chaos Toolkit lets it: `secrets: {shop: {token: {type: env, key: SHOP_TOKEN}}}`,
or `type: vault`. Elsewhere a field whose name looks like a secret's holds a name such as `${token}`, never the value.
"""

from collections.abc import Iterator

from harness.documents import Document, Where
from harness.errors import Mistake
from harness.redaction import has_credentials, looks_secret

REFERENCE = "a reference: {type: env, key: NAME}, or {type: vault, path: PATH}"
WRITTEN_OUT = "a secret written out"
_NEEDS = {"env": "key", "vault": "path"}


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
