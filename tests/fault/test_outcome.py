"""What became of an action: also what its process or its server says of it counts."""

import pytest

from harness.fault.outcome import outcome

REFUSED = ("failed", "HTTP status 403")
OUTCOMES = {
    "a process that ends well": ("action", {"type": "process"}, {"status": 0}, "succeeded", ""),
    "a process that does not": ("action", {"type": "process"}, {"status": 1}, "failed", "exit code 1"),
    "a process that was killed": ("action", {"type": "process"}, {"status": -9}, "failed", "exit code -9"),
    "a server that does it": ("action", {"type": "http", "method": "PUT"}, {"status": 204}, "succeeded", ""),
    "a server that cannot": ("action", {"type": "http", "method": "PUT"}, {"status": 503}, "failed", "HTTP status 503"),
    "a server that points elsewhere": (
        "action", {"type": "http", "method": "PUT"}, {"status": 307}, "failed", "HTTP status 307"
    ),
    "a server that has none": ("action", {"type": "http"}, {"status": 404}, "failed", "HTTP status 404"),
    "what is deleted again": ("action", {"type": "http", "method": "delete"}, {"status": 404}, "succeeded", ""),
    "a deletion refused": ("action", {"type": "http", "method": "DELETE"}, {"status": 403}, *REFUSED),
    "a probe has a tolerance": ("probe", {"type": "process"}, {"status": 1}, "succeeded", ""),
    "a function returns what it likes": ("action", {"type": "python"}, {"status": 1}, "succeeded", ""),
    "an answer of another shape": ("action", {"type": "http"}, "none", "succeeded", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", OUTCOMES)
def test_an_action_that_its_process_or_server_refuses_has_failed(case: str) -> None:
    """Chaos Toolkit says of each that it succeeded."""
    kind, provider, output, status, error = OUTCOMES[case]
    activity = {"type": kind, "name": "one", "provider": provider}
    assert outcome(activity, {"status": "succeeded", "output": output}, undoes=False) == (status, error)


@pytest.mark.parametrize("case", [case for case in OUTCOMES if case != "a probe has a tolerance"])
@pytest.mark.parametrize("kind", ["action", "probe"])
def test_a_rollback_is_held_to_it_whatever_it_calls_itself(case: str, kind: str) -> None:
    """Nobody looks at the tolerance of a rollback that is a probe."""
    _, provider, output, status, error = OUTCOMES[case]
    activity = {"type": kind, "name": "one", "provider": provider}
    assert outcome(activity, {"status": "succeeded", "output": output}, undoes=True) == (status, error)


def test_what_raised_says_so_in_its_last_line() -> None:
    """The traceback is Chaos Toolkit's log's."""
    run = {"status": "failed", "output": {"status": 0}, "exception": ["Traceback\n", "  line\n", "OSError: gone\n"]}
    activity = {"type": "action", "provider": {"type": "process"}}
    assert outcome(activity, run, undoes=False) == ("failed", "OSError: gone")
