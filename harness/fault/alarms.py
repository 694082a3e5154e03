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

from harness.aws import AwsSession, Patience, translated
from harness.errors import WellprovenError
from harness.redaction import Redactor

# There is no second attempt: the next look is the next one.
PATIENCE: Final = Patience(connect_s=1, read_s=1, attempts=1, deadline_s=2)


def main(question: dict[str, Any]) -> None:
    """Look until stdin ends."""
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    names, every_s = list(question["names"]), float(question["every_s"])
    session: AwsSession | None = None
    redactor = Redactor.of_process()
    while True:
        begin_s = time.monotonic()
        try:
            session = session or AwsSession(patience=PATIENCE)
            said: dict[str, Any] = {"states": _states(session, names)}
        except WellprovenError as error:
            said = {"problem": redactor.text(str(error))}
        print(json.dumps(said), flush=True)
        time.sleep(max(0.0, every_s - (time.monotonic() - begin_s)))


def _states(session: AwsSession, names: list[str]) -> dict[str, str]:
    """OK, ALARM or INSUFFICIENT_DATA of each alarm there is."""
    kinds = ["MetricAlarm", "CompositeAlarm"]
    answer = session.call("cloudwatch", "DescribeAlarms", AlarmNames=names, AlarmTypes=kinds, MaxRecords=100)
    found = [*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])]
    with translated("AWS cloudwatch DescribeAlarms"):
        return {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
