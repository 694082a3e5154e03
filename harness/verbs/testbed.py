"""The embedded target by itself: real Envoy, PostgreSQL and shop processes in three zones, on loopback.

`up` leaves one running on its own; `wellproven drill` then uses it, and so may you: chaos run, curl, psql.
"""

import argparse
import json
import shlex
from typing import Any

from pydantic import ValidationError

from harness.clock import SystemClock
from harness.errors import NotAvailableError, UsageError
from harness.redaction import MASK, looks_secret
from harness.text import visible_json, visible_lines
from harness.verbs.common import Streams

HELP = "the embedded target by itself: up, status, env, down"
EXAMPLES = """\
examples:
  wellproven testbed up
  wellproven testbed status --json
  eval "$(wellproven testbed env)"                     points AWS's tools and chaos run at it, with the bed's key
  wellproven testbed up --name weak --no-failover      a known weakness, to see it found
  wellproven testbed up --name weak --set cache=required --set pricing_timeout=false
  wellproven testbed down
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("what", choices=("up", "status", "env", "down"))
    parser.add_argument("--name", default="default", help="several can run side by side; drill uses `default`")
    parser.add_argument("--json", action="store_true", help="status as JSON")
    parser.add_argument("--synchronous", action="store_true", help="up: replicate orders synchronously")
    parser.add_argument("--no-failover", action="store_true", help="up: never promote the standby")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="up: another setting, such as health_checks=false; `status --json` lists them all",
    )
    parser.add_argument("--no-reconcile", action="store_true", help="up: AWS calls change words, not processes")


def do(arguments: argparse.Namespace, streams: Streams) -> int:
    """Do it."""
    from harness import testbed  # only here: its parts are an extra

    if arguments.what == "up":
        settings = _settings(arguments)
        testbed.up(settings, clock=SystemClock(), progress=streams.progress.print, parent_lifeline=False)
    bed = testbed.attach(arguments.name)
    if arguments.what == "down":
        if bed is not None:
            bed.down()
        streams.progress.print(f"test bed {arguments.name!r} is down")
        return 0
    if bed is None:
        raise NotAvailableError(f"no test bed {arguments.name!r} is up; start it: wellproven testbed up")
    status = bed.status()
    if arguments.what == "env":
        variables = {"DRILL_AZ": next(iter(status.zones)), **status.environment}
        streams.out.writelines(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
        return 0
    if arguments.json:
        shown = {name: MASK if looks_secret(name) else value for name, value in status.environment.items()}
        shown_status = status.model_copy(update={"environment": shown})  # the key is for `env` alone
        streams.out.write(visible_json(shown_status.model_dump_json(indent=2)) + "\n")
        return 0
    for name, zone in status.zones.items():
        streams.result.print(visible_lines(f"{name}  {zone.state}  {', '.join(one.name for one in zone.processes)}"))
    database = status.database
    nodes = f"primary {database.primary or '-'}, standby {database.standby or '-'}"
    streams.result.print(visible_lines(f"database    {nodes}, lag {_bytes(database.lag_bytes)}"))
    for name, endpoint in status.endpoints.items():
        streams.result.print(visible_lines(f"{name:<11} {endpoint}"), soft_wrap=True)
    named = "" if arguments.name == "default" else f" --name {arguments.name}"
    # What changes something of a bed needs its key, which these variables hold.
    streams.result.print(f'{"by hand":<11} eval "$(wellproven testbed env{named})"', soft_wrap=True)
    return 0


def _settings(arguments: argparse.Namespace) -> Any:
    """What the bed is to be; UsageError names every setting that is not to be had."""
    from harness import testbed

    words: dict[str, object] = {
        "failover": not arguments.no_failover,
        "replication": "synchronous" if arguments.synchronous else "asynchronous",
        "reconcile": not arguments.no_reconcile,
    }
    for one in arguments.set:
        name, _, value = one.partition("=")
        try:
            words[name] = json.loads(value)
        except ValueError:
            words[name] = value
    try:
        return testbed.Settings.model_validate({"name": arguments.name, **words})
    except ValidationError as error:
        said = [f"{'.'.join(map(str, one['loc']))}: got {one['input']!r}: {one['msg']}" for one in error.errors()]
        known = ", ".join(sorted(set(testbed.Settings.model_fields) - {"name"}))
        raise UsageError("testbed up: " + "; ".join(said) + f"; settings: {known}") from error


def _bytes(count: int | None) -> str:
    return "-" if count is None else f"{count} B"
