"""TROUBLE: Chaos Toolkit in a child process; its activities become events of the record.

This package itself never imports chaoslib, so the supervisor may import it; only its child process does.
"""

from harness.fault.asked import ask_reach, start_alarms
from harness.fault.chaos import Chaos, start
from harness.fault.compose import ACCOUNT_VARIABLE, RUN_VARIABLE, compose

__all__ = ["ACCOUNT_VARIABLE", "RUN_VARIABLE", "Chaos", "ask_reach", "compose", "start", "start_alarms"]
