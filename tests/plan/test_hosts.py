"""Which hosts an experiment's words name: all of them, and nothing that only looks like one."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.plan.hosts import hosts_in, hosts_of_process
from harness.plan.reached import hosts_of

FOUND: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a database": ({"dsn": "postgres://me:x@db.example:5432/shop"}, ["db.example"]),
    "with a driver": ({"anything": "postgresql+psycopg://db.example/shop"}, ["db.example"]),
    "in the query": ({"dsn": "postgresql:///shop?host=db"}, ["db"]),
    "a cache": ({"cache": "rediss://:x@[2001:db8::1]:6379/0"}, ["2001:db8::1"]),
    "several of a replica set": ({"x": "mongodb://u:p@a.example:27017,B,[::1]:1/db?w=1"}, ["a.example", "b", "::1"]),
    "a queue": ({"x": "see amqps://mq.example/v, grpc://rpc:50051"}, ["mq.example", "rpc"]),
    "a list of addresses": ({"x": "http://a.example/m,http://b.example:9090/m"}, ["a.example", "b.example"]),
    "one within another": ({"x": "jdbc:mysql://db/shop?proxy=socks5://p.example:1080"}, ["db", "p.example"]),
    "a password with a slash": ({"x": "postgresql://u:p/w@db.example/shop?options=a@b"}, ["u", "db.example", "b"]),
    "a backslash": ({"x": "http://one.example\\@two.example/"}, ["two.example", "one.example"]),
    "brokers": ({"bootstrap_servers": "k1:9092,k2:9092"}, ["k1", "k2"]),
    "brokers in a list": ({"bootstrap.servers": ["k1.example:9092", "PLAINTEXT://k2:1"]}, ["k1.example", "k2"]),
    "an endpoint": ({"endpoint": "rpc:50051"}, ["rpc"]),
    "a url without scheme": ({"proxyUrl": "Shop.Example/health"}, ["shop.example"]),
    "in camel case": ({"redisHost": "cache"}, ["cache"]),
    "an address anywhere": ({"x": ["10.0.0.7", "2001:db8::7", "10.0.0.8:80", "[::1]:80"]},
                            ["10.0.0.7", "2001:db8::7", "10.0.0.8", "::1"]),
    "a name with dot and port anywhere": ({"x": "db.example:5432"}, ["db.example"]),
    "this machine": ({"x": "localhost:5432"}, ["localhost"]),
    "libpq's words": ({"dsn": "host=a,b port=5432 dbname=shop"}, ["a", "b"]),
    "libpq's words anywhere": ({"x": "hostaddr='10.0.0.7' dbname=shop"}, ["10.0.0.7"]),
    "ADO's words": ({"connection_string": "Server=tcp:sql.example,1433;Database=shop;User Id=me"}, ["sql.example"]),
    "Go's MySQL": ({"dsn": "me:x@tcp(db:3306)/shop"}, ["db"]),
    "a socket": ({"host": "/var/run/postgresql"}, ["localhost"]),
    "a socket in an address": ({"x": "postgresql://%2Fvar%2Frun/shop"}, ["localhost"]),
    "not known yet": ({"dsn": "${db_dsn}", "x": "http://${Later}:80/"}, ["${db_dsn}", "${later}"]),
    "a network": ({"address": "10.0.0.0/24"}, ["10.0.0.0"]),
}  # fmt: skip


@pytest.mark.parametrize("case", FOUND)
def test_a_host_is_found(case: str) -> None:
    """Wherever it stands."""
    arguments, expected = FOUND[case]
    assert list(hosts_in({"arguments": [arguments]})) == expected


NONE: dict[str, Any] = {
    "a time": "12:30", "two": "from 09:00 to 12:30", "an image": "redis:7", "another": "registry/shop:1.2",
    "a tag": "team:4711", "a module": "package.module", "a function": "package.module:function", "a version": "1.25.3",
    "an ARN": "arn:aws:iam::123456789012:role/x", "a query": 'sum(rate(x{host="web-1", job="shop"}[5m])) > 0.5',
    "SQL": "select 1 where host = 'a' and x = 3", "a bucket": "s3://backups/shop", "a file": "file:///etc/hosts",
    "a path": "/orders?next=1:2", "a MAC": "aa:bb:cc:dd:ee:ff", "a label": "app=shop", "a C++ name": "std::vector",
    "everything": "::", "a network": "0.0.0.0/0", "a number": 5, "a port that is none": "a.example:99999",
}  # fmt: skip


@pytest.mark.parametrize("case", NONE)
def test_what_only_looks_like_a_host_is_none(case: str) -> None:
    """A sensible experiment is not refused for it."""
    assert list(hosts_in({"arguments": {"x": NONE[case], "deep": [{"y": NONE[case]}]}})) == []


def test_names_that_hold_no_host_are_left_alone() -> None:
    """A path under `url`, a word under `endpoint`, an e-mail address, a virtual host in a header, an ARN."""
    arguments = {
        "url": "/health", "uri": "GET /orders?prefix=x", "endpoint": "checkout", "email_address": "a@b.example",
        "headers": {"Host": "shop.example", "x-time": "12:30"}, "mac_address": "aa:bb:cc:dd:ee:ff",
        "endpoints": ["arn:aws:rds:eu-central-1:123456789012:db:x"], "connection": "1.5", "proxy": "database",
    }  # fmt: skip
    assert list(hosts_in({"arguments": arguments})) == []
    assert list(hosts_in({"headers": {"Referer": "http://a.example/"}})) == ["a.example"]


COMMANDS: dict[str, tuple[Any, list[str]]] = {
    "psql -h db -p 5432": (["-h", "db", "-p", "5432"], ["db"]),
    "psql": ("host=db dbname=shop", ["db"]),
    "/usr/bin/redis-cli": ("-h cache ping", ["cache"]),
    "kafka-topics": (["--bootstrap-server", "k1:9092", "--list"], ["k1"]),
    "curl": ("-o out.json https://shop.example/x -H 'Host: other.example'", ["shop.example"]),
    "ssh": ("-i key.pem -p 22 shop@db1 systemctl stop postgresql", ["db1"]),
    "sudo": ("-u postgres psql -h db4", ["db4"]),
    "timeout": ("-s KILL 5 env PGOPTIONS=x nice -n 5 ping db5", ["db5"]),
    "bash": (["-c", "sleep 1; psql -h db6 -c 'select 1'"], ["db6"]),
    "systemctl": ("stop postgresql@15-main shop@1.service", []),
    "docker": ("run nginx@sha256:abcd", []),
    "npm": ("exec k6@0.5.1", []),
    "scp": ("a.txt shop@db2:/tmp/", ["db2"]),
    "nc": ("-z db 5432", ["db"]),
    "env": ("PGHOST=db psql", ["db"]),
    "tool": ({"--host": "db", "--verbose": ""}, ["db"]),
    "other": (["--target-host=db", "10.0.0.7"], ["db", "10.0.0.7"]),
    "sh": (["-c", "ssh root@db3 reboot && curl http://shop.example/"], ["db3", "shop.example"]),
    "http://tool.example": (None, ["tool.example"]),
    "du": ("-h data", []),
    "date": ("12:30", []),
    "python": ("-m package.module run --at 12:30 file.py", []),
}


@pytest.mark.parametrize("path", COMMANDS)
def test_a_command_line_names_hosts_too(path: str) -> None:
    """By options, assignments, addresses; for well-known programs by their own ways."""
    arguments, expected = COMMANDS[path]
    found = list(hosts_of_process({"type": "process", "path": path, "arguments": arguments}))
    assert list(dict.fromkeys(found)) == expected


LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
HOST = st.one_of(
    st.lists(LABEL, min_size=1, max_size=4).map(".".join).filter(lambda name: "@" not in name),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda ip: f"[{ip}]"),
)
SCHEME = st.from_regex(r"[a-z][a-z0-9]{0,8}(\+[a-z][a-z0-9]{0,8})?", fullmatch=True).filter(
    lambda scheme: not {"file", "s3", "s3a", "s3n", "gs", "sqlite", "unix", "urn", "data"} & set(scheme.split("+"))
)
TEXT = st.text(st.sampled_from("abcXYZ019._~!$&*()+;=%-"), max_size=12)
USER = st.one_of(st.just(""), TEXT.map(lambda user: f"{user}@"), st.tuples(TEXT, TEXT).map(lambda p: f"{p[0]}:{p[1]}@"))
PORT = st.one_of(st.just(""), st.integers(1, 65_535).map(lambda port: f":{port}"))
PATH = st.one_of(st.just(""), TEXT.map(lambda path: f"/{path}"), TEXT.map(lambda query: f"?{query}"))
NAMES = st.one_of(st.sampled_from(["x", "url", "hosts", "dsn", "email_address", "label", "proxy"]), st.text(max_size=8))


@settings(deadline=None)  # the machine may be busy
@given(SCHEME, USER, st.lists(st.tuples(HOST, PORT), min_size=1, max_size=3), PATH, NAMES, st.integers(0, 3))
def test_whatever_host_is_put_into_an_address_is_found(
    scheme: str, user: str, hosts: list[tuple[str, str]], path: str, name: str, way: int
) -> None:
    """Of any scheme, with any user, port and path, in any argument, in any list and text."""
    url = f"{scheme}://{user}{','.join(host + port for host, port in hosts)}{path}"
    value: Any = (url, [url], {"deep": [url]}, f"go to {url} now")[way]
    activity = {"provider": {"type": "python", "module": "m", "arguments": {name: value}}}
    assert {host.strip("[]") for host, _ in hosts} <= set(hosts_of([activity]))
    process = {"provider": {"type": "process", "path": "tool", "arguments": [name or "-", str(value)]}}
    assert {host.strip("[]") for host, _ in hosts} <= set(hosts_of([process]))


@settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=200), st.sampled_from(["x", "url", "host", "dsn"]))
def test_any_text_is_read(text: str, name: str) -> None:
    """Whatever stands in an argument, reading it ends with an answer."""
    list(hosts_in({name: text}))
    list(hosts_of_process({"path": text, "arguments": text}))


@pytest.mark.parametrize(
    "text", ["a" * 200_000, "a://" * 50_000, "a b" * 60_000, "a=" * 90_000, "@" * 200_000, "1:" * 90_000]
)
def test_a_long_text_is_read_in_time(text: str) -> None:
    """No text makes reading it take longer than it is."""
    begin_s = time.process_time()
    list(hosts_in({"x": text, "dsn": text, "host": text}))
    assert time.process_time() - begin_s < 20
