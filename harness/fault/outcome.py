"""What became of an action, by its answer too: for Chaos Toolkit whatever raised nothing has succeeded."""

from typing import Any, Final

FAILED: Final = "failed"
GONE: Final = (404, 410)  # what a DELETE that is sent again is told


def outcome(activity: dict[str, Any], run: dict[str, Any], *, undoes: bool) -> tuple[str, str]:
    """(status, error, secrets not yet taken out) of one call, from the run that Chaos Toolkit made of it.

    A probe's answer is for its tolerance to judge; among rollbacks (`undoes`) nobody does, and it undoes like the rest.
    """
    lines = "".join(run.get("exception") or []).strip().splitlines()
    judged = activity.get("type") != "action" and not undoes
    status, said = str(run.get("status")), "" if judged else _refusal(activity, run)
    if status == "succeeded" and said:
        return FAILED, said
    return status, lines[-1] if lines else ""


def _refusal(activity: dict[str, Any], run: dict[str, Any]) -> str:
    """What a process or a server said against it; a server that only points elsewhere has done nothing."""
    provider, output = activity.get("provider"), run.get("output")
    if not isinstance(provider, dict) or not isinstance(output, dict):
        return ""
    status = output.get("status")
    if not isinstance(status, int):
        return ""
    if provider.get("type") == "process" and status != 0:
        return f"exit code {status}"
    if provider.get("type") == "http" and status >= 300:
        is_gone = str(provider.get("method", "GET")).upper() == "DELETE" and status in GONE
        return "" if is_gone else f"HTTP status {status}"
    return ""
