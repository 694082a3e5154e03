"""The experiment as Chaos Toolkit is given it: the user's own, with what the record needs around it. Pure.

Added: our control (events), a hypothesis made from the SLOs where there is none, a look at the evidence before the
fault, a last activity that holds the fault until the run says so, and a last rollback that waits for healing.
"""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

from harness.plan import PhaseName, Plan

OURS: Final = "wellproven: "
RELEASE_FILE: Final = "release"  # its existence ends the hold ...
LOOK_AGAIN: Final = "look again"  # ... and this in it asks for a last look at the evidence before that
DOSE_FILE: Final = "dose.json"  # the dose a sweep wants now: {"number": 3, "value": 200.0}
STEADY_FILE: Final = "steady.json"  # whether each SLO is kept just now: {"orders-accepted": true}
HOLD_GRACE_S: Final = 60.0  # a hold that nobody ends, ends itself this long after its phase
INVALID: Final = 65  # exit codes of the child before anything was touched
REFUSED: Final = 77
ACCOUNT_VARIABLE: Final = "WELLPROVEN_AWS_ACCOUNT"  # the account the target allows, if it names one

RUN_VARIABLE: Final = "WELLPROVEN_RUN_DIR"  # set where a run of ours goes on; unset for `chaos run` by hand


def compose(plan: Plan, run_dir: Path) -> dict[str, Any]:
    """Chaos Toolkit's document for one run."""
    experiment: dict[str, Any] = deepcopy(dict(plan.body))
    where = {"run_dir": str(run_dir.resolve())}
    experiment["controls"] = [
        *experiment.get("controls", []),
        {
            "name": f"{OURS}record",
            "provider": {"type": "python", "module": "harness.fault.control", "arguments": where},
        },
    ]
    if not experiment.get("steady-state-hypothesis", {}).get("probes"):
        experiment["steady-state-hypothesis"] = {
            "title": "The SLOs are kept",
            "probes": [
                _activity("probe", f"{slo.name} kept", "slo_kept", {**where, "slo": slo.name}) | {"tolerance": True}
                for slo in plan.slos
                if slo.critical
            ],
        }
    probes = [item.probe for item in plan.evidence if item.probe]
    method = experiment["method"]
    last = method[-1]
    # By hand, a pause after the last activity is how long the fault stays; here the run decides that.
    last.get("pauses", {}).pop("after", None)
    look = _activity("action", f"{OURS}evidence before", "look", {**where, "probes": probes})
    longest_s = plan.phase(PhaseName.FAULT).longest_s + HOLD_GRACE_S
    lasting = [item.name for item in plan.evidence if item.probe and item.lasts]
    holding = {**where, "probes": probes, "longest_s": longest_s, "dose": _dose(plan), "lasting": lasting}
    hold = _activity("action", f"{OURS}hold", "hold", holding)
    experiment["method"] = [look, *method, hold]
    healed = [item.probe for item in plan.healed if item.probe]
    experiment["rollbacks"] = [
        *experiment.get("rollbacks", []),
        _activity("action", f"{OURS}healed", "healed", {**where, "probes": healed, "longest_s": plan.heals_within_s}),
    ]
    return experiment


def _dose(plan: Plan) -> dict[str, Any] | None:
    """What a sweep varies, and how the dose that is there is measured."""
    if plan.sweep is None:
        return None
    return {"variable": plan.sweep.variable, "measured_by": plan.sweep.measured_by}


def dosed(experiment: dict[str, Any], variable: str) -> list[dict[str, Any]]:
    """The actions of a method that a sweep calls again for each dose: those that name its variable."""
    named = f"${{{variable}}}"
    return [one for one in experiment["method"] if one.get("type") == "action" and named in json.dumps(one)]


def _activity(kind: str, name: str, func: str, arguments: dict[str, Any]) -> dict[str, Any]:
    provider = {"type": "python", "module": "harness.fault.activities", "func": func, "arguments": arguments}
    return {"type": kind, "name": name, "provider": provider}
