"""Secrets: which names hold one, and their values taken out of whatever is written.

Known by value: what the variables hold that a target or an experiment calls secret, and variables whose names look like
it; each also as it stands in JSON, in Python's repr, in a URL, in HTML and in base64. Known by form: credentials in
URLs, Authorization headers and their like, AWS access keys, private keys in PEM.
"""

import base64
import configparser
import html
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TextIO
from urllib.parse import quote, quote_plus

from pydantic import JsonValue

MASK: Final = "***"
DECLARED_CHARS_MIN: Final = 4  # of what is shorter, everything would be full
GUESSED_CHARS_MIN: Final = 8  # where only the name says that it is a secret: the value may be `testing`, or `true`

_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LAST: Final = frozenset(
    "TOKEN TOKENS PASSWORD PASSWD PASSPHRASE SECRET SECRETS CREDENTIAL CREDENTIALS APIKEY AUTHORIZATION COOKIE".split()  # noqa: SIM905  read as a line of words
)
_LAST_OF_SEVERAL: Final = frozenset({"KEY", "KEYS", "PASS", "PWD"})
# A key of this kind names or finds something; it opens nothing.
_NO_SECRET_KEY: Final = frozenset(
    "TAG TAGS PUBLIC PARTITION SORT PRIMARY FOREIGN CACHE ROUTING SHARD OBJECT LABEL METRIC".split()  # noqa: SIM905
)
_CREDENTIALS_IN_URL: Final = re.compile(r"(?<=://)[^\s/?#@\"'\\<>]+@")
_FORMS: Final = (
    (_CREDENTIALS_IN_URL, f"{MASK}@"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), MASK),
    (
        re.compile(
            r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie|x-[a-z0-9-]*(?:key|token|secret))"
            r"(\\?[\"']?\s{0,4}[:=,]\s{0,4}b?\\?[\"']?)(?:(?:basic|bearer|digest|token|negotiate) )?[^\s\"',}\\]+"
        ),
        rf"\1\2{MASK}",
    ),
    (re.compile(r"(?i)\b(basic|bearer) (?=[a-z+/_.~-]{0,200}[0-9=])[a-z0-9+/_=.~-]{8,}"), rf"\1 {MASK}"),
    (
        re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]{0,20000}(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?"),
        MASK,
    ),
)


def looks_secret(name: str) -> bool:
    """Whether a variable, field or header of this name holds a secret: SHOP_TOKEN, dbPassword, X-Api-Key."""
    words = [word.upper() for word in _WORDS.findall(name)]
    if not words:
        return False
    if words[-3:] == ["ACCESS", "KEY", "ID"] or words[-1] in _LAST:
        return True
    return len(words) > 1 and words[-1] in _LAST_OF_SEVERAL and words[-2] not in _NO_SECRET_KEY


def environment_keys(secrets: object) -> Iterator[str]:
    """Environment variables that an experiment's `secrets` are read from, however deep they stand."""
    if isinstance(secrets, dict):
        if secrets.get("type") == "env":
            yield str(secrets.get("key"))
        for inner in secrets.values():
            yield from environment_keys(inner)


def has_credentials(text: str) -> bool:
    """Whether an address in the text names a user, or a user and a password."""
    return _CREDENTIALS_IN_URL.search(text) is not None


def without_secrets(
    environment: Mapping[str, str], named: Iterable[str] = (), keep: Iterable[str] = ()
) -> dict[str, str]:
    """An environment for a process that needs no secret but those in `keep`."""
    gone = set(named)
    kept = set(keep)
    return {
        name: value
        for name, value in environment.items()
        if name in kept or (name not in gone and not looks_secret(name))
    }


NAMES_VARIABLE: Final = "WELLPROVEN_SECRET_NAMES"  # the variables that the target calls secret, with commas between
_DECLARED: Final = set[str]()


def declare(names: Iterable[str]) -> None:
    """Have `Redactor.of_process` know these variables as secrets from now on: a file that was read calls them so."""
    _DECLARED.update(names)


def told_to_child() -> dict[str, str]:
    """What a child process needs in its environment to know the secrets that this process knows by name."""
    return {NAMES_VARIABLE: ",".join(sorted(_names_known()))}


def _names_known() -> set[str]:
    return {*filter(None, os.environ.get(NAMES_VARIABLE, "").split(",")), *_DECLARED}


class Redactor:
    """Takes the secrets it knows out of what it is given; it may learn more at any time."""

    def __init__(self, environment: Mapping[str, str], declared: Iterable[str] = ()) -> None:
        """`declared` are the variables that somebody calls secret."""
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        declared = set(declared)
        self.learn(environment[name] for name in declared & environment.keys())
        guessed = {name for name in environment.keys() - declared if looks_secret(name)}
        self.learn((environment[name] for name in guessed), GUESSED_CHARS_MIN)
        self.learn(_aws_secrets(environment), GUESSED_CHARS_MIN)

    @classmethod
    def of_process(cls) -> "Redactor":
        """One that knows the secrets of this process's environment."""
        return cls(os.environ, _names_known())

    def learn(self, values: Iterable[str], chars_min: int = DECLARED_CHARS_MIN) -> None:
        """Know these values as secrets from now on, and each of their longer lines: a log breaks them."""
        for value in values:
            parts = {value, value.strip(), *(line.strip() for line in value.splitlines() if len(line) > chars_min * 2)}
            for part in parts:
                if len(part) >= chars_min:
                    self._known.update(_forms_of(part))
        longest_first = sorted(self._known, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def text(self, text: str) -> str:
        """The text without secrets."""
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        for pattern, instead in _FORMS:
            text = pattern.sub(instead, text)
        return text

    def value(self, value: JsonValue) -> JsonValue:
        """A JSON value without secrets: in its texts, its keys, its numbers, and under names that look like one."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(name): self._field(name, inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner) for inner in value]
        if isinstance(value, int | float) and not isinstance(value, bool) and str(value) in self._known:
            return MASK
        return value

    def line(self, text: str) -> str:
        """A line that may be JSON; it is JSON afterwards, too."""
        try:
            value = json.loads(text) if text.lstrip()[:1] in ("{", "[") else None
        except (ValueError, RecursionError):
            value = None
        return self.text(text) if value is None else json.dumps(self.value(value))

    def _field(self, name: str, value: JsonValue) -> JsonValue:
        is_literal = isinstance(value, str) and value and "${" not in value
        return MASK if is_literal and looks_secret(name) else self.value(value)


class RedactedStream(io.TextIOBase):
    """A text stream that leaves secrets out; it writes whole lines, so that none is cut in two."""

    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        self._stream, self._redactor, self._pending = stream, redactor, ""

    def write(self, text: str) -> int:
        """Take some text."""
        *lines, self._pending = (self._pending + text).split("\n")
        if lines:
            self._stream.write(self._redactor.text("\n".join(lines)) + "\n")
            self._stream.flush()
        return len(text)

    def flush(self) -> None:
        """Write what is there of a line."""
        self._stream.write(self._redactor.text(self._pending))
        self._pending = ""
        self._stream.flush()


def _forms_of(value: str) -> Iterator[str]:
    yield from (value, repr(value)[1:-1], quote(value, safe=""), quote(value), quote_plus(value), html.escape(value))
    for plain in (True, False):
        once = json.dumps(value, ensure_ascii=plain)[1:-1]
        yield from (once, json.dumps(once)[1:-1])  # JSON in JSON
    raw = value.encode("utf-8", "surrogateescape")
    for coded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
        if len(raw) >= GUESSED_CHARS_MIN:
            yield coded.decode().rstrip("=")


def _aws_secrets(environment: Mapping[str, str]) -> Iterator[str]:
    """What AWS's own files hold for any profile: botocore reads them, whatever the environment says."""
    home = environment.get("HOME", "")
    names = (("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_CONFIG_FILE", "config"))
    for variable, name in names:
        parser = configparser.RawConfigParser()
        path = Path(environment.get(variable) or f"{home}/.aws/{name}")
        try:
            parser.read_string(path.expanduser().read_text())
        except (OSError, ValueError, RuntimeError, configparser.Error):
            continue
        for section in parser.sections():
            yield from (value for key, value in parser.items(section) if looks_secret(key))
