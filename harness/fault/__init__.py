"""TROUBLE: Chaos Toolkit in a child process; its activities become events of the record.

This package itself never imports chaoslib, so the supervisor may import it; only its child process does.
"""

from harness.fault.asked import ask_reach, start_alarms
from harness.fault.chaos import Chaos, start
from harness.fault.compose import ACCOUNT_VARIABLE, RUN_VARIABLE, compose
from harness.fault.entry import in_words as rollbacks_in_words
from harness.fault.entry import kept_environment, secret_names, undo_document
from harness.fault.entry import script as undo_script
from harness.fault.ledger import (
    STATE_VARIABLE,
    Entry,
    Unreadable,
    close_entry,
    is_locked,
    is_open,
    make_state_folder,
    open_entries,
    open_entry,
    read_undo,
    state_folder,
)
from harness.fault.undone import RECOVER, Call, Undone
from harness.fault.watch import UndoProcess, Watch, start_undo, watch

__all__ = [
    "ACCOUNT_VARIABLE",
    "RECOVER",
    "RUN_VARIABLE",
    "STATE_VARIABLE",
    "Call",
    "Chaos",
    "Entry",
    "UndoProcess",
    "Undone",
    "Unreadable",
    "Watch",
    "ask_reach",
    "close_entry",
    "compose",
    "is_locked",
    "is_open",
    "kept_environment",
    "make_state_folder",
    "open_entries",
    "open_entry",
    "read_undo",
    "rollbacks_in_words",
    "secret_names",
    "start",
    "start_alarms",
    "start_undo",
    "state_folder",
    "undo_document",
    "undo_script",
    "watch",
]
