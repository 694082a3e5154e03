"""The states of CloudWatch alarms, look after look: `python -m harness.fault.alarms '{"names": [...], "every_s": 1}'`.

A process of its own, since boto3 stays out of the supervisor. A line a look: {"states": {"orders-5xx": "OK"}}, or
{"problem": "..."}. It ends when its stdin does: whoever started it is gone. Region, profile and endpoint are boto3's
(AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL). Needs cloudwatch:DescribeAlarms.
"""

import json
import os
import sys
import threading
import time
from typing import Any, Final

TIMEOUT_S: Final = 1  # of one attempt, and there is no second: the next look is the next attempt


def main(question: dict[str, Any]) -> None:
    """Look until stdin ends."""
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    names, every_s = list(question["names"]), float(question["every_s"])
    config = Config(connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"total_max_attempts": 1})
    client = None
    while True:
        begin_s = time.monotonic()
        try:
            client = client or boto3.client("cloudwatch", config=config)
            said: dict[str, Any] = {"states": _states(client, names)}
        except (BotoCoreError, ClientError) as error:
            said = {"problem": str(error)}
        print(json.dumps(said), flush=True)
        time.sleep(max(0.0, every_s - (time.monotonic() - begin_s)))


def _states(client: Any, names: list[str]) -> dict[str, str]:
    """OK, ALARM or INSUFFICIENT_DATA of each alarm there is."""
    kinds = ["MetricAlarm", "CompositeAlarm"]
    answer = client.describe_alarms(AlarmNames=names, AlarmTypes=kinds, MaxRecords=100)
    found = [*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])]
    return {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
