"""Every host that an experiment's words name: in addresses of any scheme, in arguments that name one, as `host:port`.

What could be a host is taken for one where it stands in an address, in an argument named like a host, or after an
option named like one; elsewhere only what hardly is anything else: an IP address, and a name with a dot and a port. So
"12:30", "redis:7" (an image) and an ARN are none. Names with nothing around them (`ping db`) are read for a few
well-known programs only: what a process or a function does beside its words, no words say.
"""

import ipaddress
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

THIS_MACHINE: Final = "localhost"
PORT_MAX: Final = 65_535

# The authority ends where a path, query or fragment begins, or the next address of a list. What may be long is bounded:
# a text of any kind is read in time.
_URL: Final = re.compile(
    r"([a-z][a-z0-9+.-]{0,40})://((?:(?!,[a-z][a-z0-9+.-]{0,40}://)[^\s\"'<>/?#])*)", re.IGNORECASE
)
_REST: Final = re.compile(r"[^\s\"'<>]{0,1000}")  # of an address, behind its authority
_WHOLE: Final = re.compile(_URL.pattern + r"[^\s\"'<>,]*", re.IGNORECASE)
_NO_HOST: Final = frozenset({"file", "s3", "s3a", "s3n", "gs", "sqlite", "unix", "urn", "data"})
_WEB: Final = frozenset({"http", "https", "ws", "wss"})  # their paths may hold an @, their passwords no /
_CAMEL: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")
# Arguments and options by the last word of their name. In the first kind whatever stands there is a host; in the
# second, what has a dot, a port or brackets, or is an IP address: `url: /orders` and `endpoint: checkout` name none.
_HOST_NAMES: Final = frozenset(
    "host hosts hostname hostnames hostaddr pghost pghostaddr address addresses addr addrs server servers broker "  # noqa: SIM905  read as a line of words
    "brokers nameserver nameservers".split()
)
_ADDRESS_NAMES: Final = frozenset("url urls uri uris endpoint endpoints dsn conninfo connstr connection".split())  # noqa: SIM905
_TWO_WORDS: Final = {
    ("connection", "string"): _ADDRESS_NAMES, ("data", "source"): _HOST_NAMES,
    ("broker", "list"): _HOST_NAMES, ("contact", "points"): _HOST_NAMES,
}  # fmt: skip
_NOT_ADDRESSES: Final = frozenset({"email", "mail", "mac", "from", "to", "reply"})  # before `address`
_PAIR: Final = re.compile(r"(?:^|[\s;?&])([\w.-]{1,40}(?: [\w.-]{1,40})?)\s{0,4}=\s{0,4}('[^']*'|\"[^\"]*\"|[^\s;&]*)")
_NAME: Final = re.compile(r"(?:[\w-]+\.)*[\w-]+\.?", re.ASCII)
_NAMED_PORT: Final = re.compile(r"((?:[a-z0-9_-]+\.)*[a-z0-9_-]+\.?):(\d{1,5})", re.IGNORECASE)
_BRACKETS: Final = re.compile(r"\[([0-9a-f:.%]+[^\]]*)\](?::\d+)?", re.IGNORECASE)
_ASSIGNED: Final = re.compile(r"--?[\w-]+|\w+")
_LOGIN: Final = re.compile(r"[\w.-]+@([\w.-]+)(?::\S*)?")  # shop@db1, as ssh and scp take it
_SPLIT: Final = re.compile(r"[\s,;]+")

# Programs whose `-h`, or first word, is a host.
_DASH_H: Final = frozenset(
    "psql pg_isready pg_dump pg_basebackup pgbench createdb dropdb mysql mysqladmin mariadb redis-cli "  # noqa: SIM905
    "valkey-cli".split()
)
_FIRST_WORD: Final = frozenset("ping ping6 nc ncat netcat telnet ssh dig traceroute mongosh".split())  # noqa: SIM905
# Programs that take `shop@db1`; elsewhere an @ is in names of units, images and packages.
_LOGINS: Final = frozenset("ssh scp sftp rsync mosh autossh".split())  # noqa: SIM905
# Programs that start the one their words name, and shells, whose `-c` is a command line.
_STARTERS: Final = frozenset("sudo doas env nice nohup timeout stdbuf setsid".split())  # noqa: SIM905
_STARTERS_VALUES: Final = frozenset("-u -g -s -k -C -U".split())  # noqa: SIM905
_SHELLS: Final = frozenset("sh bash dash zsh ash ksh".split())  # noqa: SIM905
_COMMANDS: Final = re.compile(r"[;&|\n]+|\$\(|`|\)")
_SSH_TAKES_A_VALUE: Final = re.compile(r"-\w*[bcDEeFIiJLlmOopQRSWw]")


def host_of(url: str) -> str:
    """The host of an address, in lower case; the address itself where it has none."""
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


def hosts_in(value: object, name: str = "") -> Iterator[str]:
    """Every host in a value and all that is in it; `name` is that of the argument."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _of_headers(part) if str(key).lower() == "headers" else hosts_in(part, str(key))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from hosts_in(part, name)
    elif isinstance(value, str):
        yield from _in_text(value, name)


def hosts_of_process(provider: Mapping[str, Any]) -> Iterator[str]:
    """Every host on the command line of a `process` activity."""
    path, given = str(provider.get("path", "")), provider.get("arguments")
    words = _split(path)
    if isinstance(given, Mapping):
        for option, value in given.items():
            words += [str(option)] if value in (None, "") else [str(option), str(value)]
    elif isinstance(given, Sequence) and not isinstance(given, str):
        words += [str(one) for one in given]
    elif given is not None:
        words += _split(str(given))
    yield from _on_command_line(words)
    yield from hosts_in({key: part for key, part in provider.items() if key not in ("path", "arguments")})


# --- in a text -------------------------------------------------------------------------------------------------------


def _in_text(text: str, name: str) -> Iterator[str]:
    yield from _in_addresses(text)
    rest = _WHOLE.sub(" ", text)
    kind = _kind(name)
    if _pairs(rest) >= (1 if kind else 2):
        yield from _in_pairs(rest)
    elif kind is not None:
        yield from _listed(rest, any_name=kind is _HOST_NAMES)
    else:
        yield from _unmistakable(rest)


def _of_headers(headers: object) -> Iterator[str]:
    """`Host:` and its like name a virtual host, and are no place that is spoken to; an address in one may be."""
    if isinstance(headers, Mapping | list | tuple):
        for value in headers.values() if isinstance(headers, Mapping) else headers:
            yield from _of_headers(value)
    elif isinstance(headers, str):
        yield from _in_addresses(headers)


def _in_addresses(text: str) -> Iterator[str]:
    """The hosts of all addresses in a text, of one within another too."""
    for match in _URL.finditer(text):
        schemes, authority = match[1].lower().split("+"), match[2]
        if _NO_HOST & {schemes[0], schemes[-1]}:
            continue
        found = _REST.match(text, match.end())
        rest, web = found[0] if found else "", schemes[-1] in _WEB
        yield from _of_authority(match[0] + rest, authority, rest, web=web)
        if not web:
            yield from _in_pairs("?" + rest.partition("?")[2])  # postgresql:///shop?host=db


def _of_authority(url: str, authority: str, rest: str, *, web: bool) -> Iterator[str]:
    if not authority:
        if web:
            yield url  # no address that anybody could allow
        return
    wholes = [authority.rpartition("@")[2]]
    if "@" not in authority and not web and not _has_port(authority):  # a password with a / in it: what follows an @
        wholes += [re.split(r"[/?#]", part)[0] for part in rest.split("@")[1:]]
    if "\\" in authority:  # some readers end the host there, others do not
        wholes.append(authority.partition("\\")[0].rpartition("@")[2])
    for whole in wholes:
        for one in whole.split(","):
            if one:
                yield _host(one)
            elif web:
                yield url


def _has_port(authority: str) -> bool:
    """Whether an authority without a user is a plain host, or one with a port."""
    _, colon, port = authority.rpartition("]")[2].rpartition(":")
    return not colon or port.isdigit() or not port


def _host(one: str) -> str:
    """The host of `host`, `host:port`, `[v6]:port`, of an address of any kind; a socket's path is this machine."""
    if unquote(one).startswith("/"):
        return THIS_MACHINE
    if "%" in one or _is_ip(one):
        return one.partition("%")[0].lower() if _is_ip(one) else host_of(f"//{one}")
    return host_of(f"//{one}").lower()


def _listed(text: str, *, any_name: bool) -> Iterator[str]:
    """The hosts of a list in an argument that holds addresses without scheme."""
    for word in _SPLIT.split(text):
        one = word.strip("\"'")
        if one.lower().startswith("arn:") or not one or (not any_name and one.startswith("/")):
            continue
        one = one.removeprefix("//").rpartition("@")[2]
        inside = re.match(r"(?:tcp|udp|unix)?[:(]([^)]*)", one, re.IGNORECASE)  # tcp(db:3306)/shop, tcp:db
        one = inside[1] if inside and not _is_ip(one) else one
        if any_name and one.startswith("/"):
            yield THIS_MACHINE
            continue
        address = one if _is_ip(one) else one.partition("/")[0]
        if address and (any_name or _looks_like_one(address)):
            yield _host(address)


def _looks_like_one(word: str) -> bool:
    """Whether a word is an address by its own look: a dot or a port, brackets, an IP address, this machine, unknown."""
    if _is_ip(word) or _BRACKETS.fullmatch(word) or word.lower() == THIS_MACHINE or word.startswith("${"):
        return True
    dotted = "." in word and _NAME.fullmatch(word) is not None and not word.replace(".", "").isdigit()
    return dotted or _named_port(word) is not None


def _unmistakable(text: str) -> Iterator[str]:
    """IP addresses, and names with a dot and a port, anywhere."""
    for word in _SPLIT.split(text):
        one = word.strip("\"'()")
        named = _named_port(one)
        if _is_ip(one) or _BRACKETS.fullmatch(one):
            yield _host(one)
        elif named is not None and (named == THIS_MACHINE or _is_ip(named) or re.search(r"\.[a-z]", named)):
            yield named


def _named_port(word: str) -> str | None:
    """The name of `name:port`; a number is no name, as in 12:30."""
    match = _NAMED_PORT.fullmatch(word)
    if match is None or match[1].isdigit() or not 0 < int(match[2]) <= PORT_MAX:
        return None
    return match[1].lower()


def _is_ip(word: str) -> bool:
    if word in ("::", ""):
        return False
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return False
    return True


# --- word=value ------------------------------------------------------------------------------------------------------


def _pairs(text: str) -> int:
    """How many `word=value` a text has, with blanks or semicolons between; 0 where it has anything else."""
    return 0 if _PAIR.sub(" ", text).strip(" ;\t\n") else len(_PAIR.findall(text))


def _in_pairs(text: str) -> Iterator[str]:
    for match in _PAIR.finditer(text):
        value = match[2].strip("\"'")
        if _kind(match[1]) is not None:
            yield from (one for one in _listed(_without_port(value), any_name=True) if not one.isdigit())


def _without_port(value: str) -> str:
    """SQL Server writes `name,port`."""
    return re.sub(r",\d+$", "", value)


def _kind(name: str) -> frozenset[str] | None:
    """What an argument of this name holds: hosts, addresses, or neither."""
    words = [word.lower() for word in _CAMEL.findall(name)]
    if not words or (len(words) > 1 and words[-2] in _NOT_ADDRESSES):
        return None
    if tuple(words[-2:]) in _TWO_WORDS:
        return _TWO_WORDS[words[-2], words[-1]]
    return next((kind for kind in (_HOST_NAMES, _ADDRESS_NAMES) if words[-1] in kind), None)


# --- a command line --------------------------------------------------------------------------------------------------


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _on_command_line(words: Sequence[str]) -> Iterator[str]:
    program = PurePosixPath(words[0]).name if words else ""
    if program in _STARTERS:
        started = next((at for at in range(1, len(words)) if _starts(words, at)), len(words))
        yield from _in_command(words[:started])
        yield from _on_command_line(words[started:])
        return
    if program in _SHELLS and "-c" in words:
        for command in _COMMANDS.split(" ".join(words[words.index("-c") + 1 :])):
            yield from _on_command_line(_split(command))
    yield from _in_command(words)


def _starts(words: Sequence[str], at: int) -> bool:
    """Whether a word may be the program: no option or its value, no setting, no number such as `timeout 5`."""
    before, word = words[at - 1], words[at]
    return before not in _STARTERS_VALUES and not word.startswith("-") and "=" not in word and not word[0:1].isdigit()


def _in_command(words: Sequence[str]) -> Iterator[str]:
    program = PurePosixPath(words[0]).name if words else ""
    yield from hosts_in(" ".join(words[:1]))
    waits = program in _FIRST_WORD  # for its first word
    before = ""
    for word in words[1:]:
        option, before = before, word
        name, equals, value = word.partition("=")
        if equals and _ASSIGNED.fullmatch(name):  # --host=db, PGHOST=db
            yield from hosts_in(value, name.lstrip("-"))
        elif word.startswith("-"):
            continue
        elif option.startswith("--") and "=" not in option:
            yield from hosts_in(word, option.lstrip("-"))
        elif option in ("-h", "-H") and program in _DASH_H:
            yield from _listed(word, any_name=True)
        elif waits and not word.isdigit() and not (program == "ssh" and _SSH_TAKES_A_VALUE.fullmatch(option)):
            waits = False
            yield from _listed(word, any_name=True)
            yield from _in_addresses(word)
        else:
            yield from hosts_in(word)
            if program in _LOGINS:
                yield from (login[1].lower() for part in _SPLIT.split(word) if (login := _LOGIN.fullmatch(part)))
