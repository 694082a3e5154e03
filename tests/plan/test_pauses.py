"""How long rollbacks pause: counted in wherever somebody waits for them."""

import pytest

from harness.plan import pauses_s, rollback_pauses_s


@pytest.mark.parametrize(
    ("pauses", "expected"),
    [
        (None, 0),
        ({}, 0),
        ({"before": 70, "after": 1.5}, 71.5),
        ({"before": "${settle_s}"}, 12),
        ({"after": "${nobody}"}, 0),
        ({"after": "soon", "before": -3}, 0),
        ({"after": float("inf"), "before": float("nan")}, 0),
        ({"after": [1]}, 0),
        ("long", 0),
    ],
)
def test_a_pause_is_read_as_chaos_toolkit_reads_it(pauses: object, expected: float) -> None:
    """Numbers, and names of the configuration; what cannot be read is no pause."""
    assert pauses_s({"pauses": pauses}, {"settle_s": 12}) == expected


def test_all_rollbacks_are_added_up() -> None:
    """Those that only name an activity of the method, and pauses that the environment tells, too."""
    body = {
        "configuration": {"wait_s": {"type": "env", "key": "WAIT_S", "default": 4}, "rest_s": 2},
        "method": [{"name": "reset", "pauses": {"after": 100}}, {"name": "break", "pauses": {"after": 1000}}],
        "rollbacks": [{"ref": "reset"}, {"pauses": {"before": "${wait_s}", "after": "${rest_s}"}}],
    }
    assert rollback_pauses_s(body, {}) == 106
    assert rollback_pauses_s(body, {"WAIT_S": "40"}) == 142
    assert rollback_pauses_s({"rollbacks": None, "configuration": []}, {}) == 0
