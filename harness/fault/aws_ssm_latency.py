"""Latency on the network of EC2 instances: AWS's own document AWSFIS-Run-Network-Latency, sent by Systems Manager.

The instances run Linux and SSM Agent. What leaves by the interface is delayed for duration_s, and no longer, whatever
becomes of us; a command cancelled earlier is undone by the document's own watch on the instance, some seconds later.
That an agent runs the document is SSM's word: name a look from outside beside it (harness.fault.response_time). The
document installs what it lacks (atd, dig, tc), and leaves that there. Region, profile and endpoint are boto3's. Needs
ec2:DescribeInstances, ssm:SendCommand, CancelCommand, ListCommands and ListCommandInvocations.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from chaoslib.exceptions import ActivityFailed

from harness.fault.arguments import flag, within
from harness.fault.aws import client, translated

__all__ = ["begin", "end", "instances_delayed", "is_healed"]

DOCUMENT: Final = "AWSFIS-Run-Network-Latency"
MARK: Final = "wellproven"
MARK_CHARACTERS_MAX: Final = 60  # SSM takes a comment of 100
DELAY_MS_MAX: Final = 60_000
DURATION_S_MAX: Final = 12 * 3600
WITHIN_S_MAX: Final = 3600
DELIVERY_S_MIN: Final = 30  # SSM's own least
INSTANCES_A_COMMAND: Final = 50  # SSM's own limit
UNDER_WAY: Final = ("Pending", "InProgress", "Delayed", "Cancelling")
LOOK_EVERY_S: Final = 0.5


def begin(
    delay_ms: float | str,
    instance_ids: str | Sequence[str] | None = None,
    filters: Sequence[Mapping[str, Any]] | None = None,
    interface: str = "eth0",
    duration_s: float | str = 900,
    az: str | None = None,
    mark: str = MARK,
    within_s: float | str = 120,
    *,
    install_dependencies: bool | str = True,
) -> dict[str, Any]:
    """Delay what leaves the instances by delay_ms; returns when each of them runs the document.

    Which: running ones with these ids ("i-1,i-2"), that EC2's filters ({Name: tag:team, Values: [shop]}) find, in this
    zone; all of what is given holds. Replaces an earlier delay of the same mark. Raises ActivityFailed before anything
    is sent where no instance is found, or one that was named does not run; afterwards where one does not take the
    command, or not in time: then every command is cancelled.
    """
    delay, lasts_s = within("delay_ms", delay_ms, 0, DELAY_MS_MAX), within("duration_s", duration_s, 1, DURATION_S_MAX)
    wait_s = within("within_s", within_s, 0, WITHIN_S_MAX)
    comment = _comment(mark)
    parameters = {
        "Interface": [interface],
        "DelayMilliseconds": [f"{delay:.0f}"],
        "DurationSeconds": [f"{lasts_s:.0f}"],
        "InstallDependencies": [str(flag("install_dependencies", install_dependencies))],
    }
    found = _instances(_ids(instance_ids), filters, az)
    end(mark, max(wait_s, DELIVERY_S_MIN))
    ssm = client("ssm", attempts=1)  # SendCommand knows no client token: a second attempt may be a second command
    sent: list[str] = []
    try:
        with translated(f"SSM document {DOCUMENT}"):
            for at in range(0, len(found), INSTANCES_A_COMMAND):
                command = ssm.send_command(
                    DocumentName=DOCUMENT,
                    InstanceIds=found[at : at + INSTANCES_A_COMMAND],
                    Parameters=parameters,
                    Comment=comment,
                    # An agent that is away must not take up the command when the drill is long over.
                    TimeoutSeconds=max(DELIVERY_S_MIN, round(wait_s)),
                    MaxConcurrency="100%",
                )
                sent.append(command["Command"]["CommandId"])
        _wait_until_they_run(sent, set(found), wait_s)
    except Exception:  # whatever was answered: what was sent is cancelled
        _cancel(client("ssm"), sent)  # the first failure is the one to tell; a rollback tries again
        raise
    return {"command_ids": sent, "instance_ids": found, "delay_ms": delay, "duration_s": lasts_s}


def end(mark: str = MARK, within_s: float | str = 120) -> list[str]:
    """Cancel every command of this mark and wait until no instance runs it; their ids.

    Nothing to do where none runs. Raises ActivityFailed where one is still under way at the deadline; it ends by itself
    after its duration_s.
    """
    deadline_s = time.monotonic() + within("within_s", within_s, 0, WITHIN_S_MAX)
    comment, ssm = _comment(mark), client("ssm")
    found: dict[str, None] = {}
    while running := _commands(ssm, comment):
        found.update(dict.fromkeys(running))
        refused = _cancel(ssm, [one for one, statuses in running.items() if statuses - {"Cancelling"}])
        if time.monotonic() > deadline_s:
            left = ", ".join(f"{one} ({', '.join(sorted(statuses))})" for one, statuses in running.items())
            raise ActivityFailed(
                f"SSM commands are not cancelled in time: {left}; {refused}they end by themselves, after duration_s"
            )
        time.sleep(LOOK_EVERY_S)
    return list(found)


def instances_delayed(mark: str = MARK) -> int:
    """How many instances run the document for us at this moment. Raises ActivityFailed."""
    ssm, comment = client("ssm"), _comment(mark)
    with translated(f"SSM document {DOCUMENT}"):
        return len({one["InstanceId"] for one in _invocations(ssm, comment) if one["Status"] == "InProgress"})


def is_healed(mark: str = MARK) -> bool:
    """Whether no command of this mark is under way, on its way or being cancelled. Raises ActivityFailed."""
    return not _commands(client("ssm"), _comment(mark))


def _instances(ids: list[str], filters: Sequence[Mapping[str, Any]] | None, az: str | None) -> list[str]:
    """The running instances that are meant. Raises ActivityFailed where there is none, or not each that was named."""
    if not ids and not filters and not az:
        raise ActivityFailed("no target: give instance_ids, filters or az; nothing was sent")
    asked = [*(filters or ()), {"Name": "instance-state-name", "Values": ["running"]}]
    if az:
        asked.append({"Name": "availability-zone", "Values": [az]})
    with translated("EC2 instances"):
        pages = (
            client("ec2")
            .get_paginator("describe_instances")
            .paginate(**({"InstanceIds": ids} if ids else {}), Filters=asked)
        )
        found = sorted(
            one["InstanceId"] for page in pages for group in page["Reservations"] for one in group["Instances"]
        )
    missing = sorted(set(ids) - set(found)) if not filters and not az else []
    if missing or not found:
        which = f"{', '.join(missing)} not running" if missing else f"no running instance for {asked}"
        raise ActivityFailed(f"instances: got {which}, expected running ones with SSM Agent; nothing was sent")
    return found


def _wait_until_they_run(sent: list[str], wanted: set[str], wait_s: float) -> None:
    """Until each instance runs the document. Raises ActivityFailed where one does not."""
    deadline_s, ssm = time.monotonic() + wait_s, client("ssm")
    while True:
        states: dict[str, str] = {}
        with translated(f"SSM document {DOCUMENT}"):
            for command_id in sent:
                for page in ssm.get_paginator("list_command_invocations").paginate(CommandId=command_id):
                    states.update({one["InstanceId"]: one["Status"] for one in page["CommandInvocations"]})
        over = [f"{one} {status}" for one, status in sorted(states.items()) if status not in UNDER_WAY]
        if over:
            raise ActivityFailed(
                f"SSM document {DOCUMENT}: got {', '.join(over)}, expected InProgress: is it Linux, with that "
                f"interface? the output of {', '.join(sent)} says more; the rest was cancelled"
            )
        late = sorted(one for one in wanted if states.get(one) != "InProgress")
        if not late:
            return
        if time.monotonic() > deadline_s:
            said = ", ".join(f"{one} {states.get(one, 'unknown')}" for one in late)
            raise ActivityFailed(
                f"SSM document {DOCUMENT}: got {said} after {wait_s:g} s, expected InProgress: does SSM Agent run "
                "there, and may it speak to SSM? every command was cancelled"
            )
        time.sleep(LOOK_EVERY_S)


def _commands(ssm: Any, comment: str) -> dict[str, set[str]]:
    """The commands of ours that are under way, each with what SSM says of it and of its instances.

    Both, because a command may be over as a whole (one instance failed) while others still run it.
    """
    found: dict[str, set[str]] = {}
    with translated(f"SSM document {DOCUMENT}"):
        for one in [*_listed(ssm, "list_commands", "Commands", comment), *_invocations(ssm, comment)]:
            if one["Status"] in UNDER_WAY:
                found.setdefault(one["CommandId"], set()).add(one["Status"])
    return found


def _invocations(ssm: Any, comment: str) -> list[dict[str, Any]]:
    return _listed(ssm, "list_command_invocations", "CommandInvocations", comment)


def _listed(ssm: Any, operation: str, key: str, comment: str) -> list[dict[str, Any]]:
    """Everything of ours sent since one could still run, by its document and comment; its errors are AWS's own."""
    since = datetime.now(UTC) - timedelta(seconds=DURATION_S_MAX + 2 * WITHIN_S_MAX)
    filters = [
        {"key": "DocumentName", "value": DOCUMENT},
        {"key": "InvokedAfter", "value": f"{since:%Y-%m-%dT%H:%M:%SZ}"},
    ]
    pages = ssm.get_paginator(operation).paginate(Filters=filters)
    return [one for page in pages for one in page[key] if one.get("Comment") == comment]


def _cancel(ssm: Any, command_ids: Iterable[str]) -> str:
    """Cancel each, also where another cannot be; why the last of those cannot, as one that has just ended."""
    refused = ""
    for one in command_ids:
        try:
            with translated(f"SSM command {one}"):
                ssm.cancel_command(CommandId=one)
        except ActivityFailed as error:
            refused = f"{error}; "
    return refused


def _comment(mark: str) -> str:
    """What commands of ours are known by, also in another process."""
    if not 1 <= len(mark) <= MARK_CHARACTERS_MAX:
        raise ActivityFailed(f"mark: got {len(mark)} characters, expected 1 to {MARK_CHARACTERS_MAX}")
    return f"{mark}: {__name__}"


def _ids(value: str | Sequence[str] | None) -> list[str]:
    parts = value.split(",") if isinstance(value, str) else value or ()
    return [part.strip() for part in parts if part.strip()]
