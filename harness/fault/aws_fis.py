"""An AWS Fault Injection Service experiment, started from a template of yours and stopped again.

The template says what breaks, and where; how it is undone is FIS's part. It must be able to fail: one that stops for no
alarm, or that goes on with no target, is refused. Region, profile and endpoint are boto3's (AWS_REGION, AWS_PROFILE,
AWS_ENDPOINT_URL). Needs fis:GetExperimentTemplate, StartExperiment, TagResource, GetExperiment, StopExperiment,
ListExperiments and ListExperimentResolvedTargets.
"""

import contextlib
import time
import uuid
from typing import Any, Final

from botocore.exceptions import ClientError
from chaoslib.exceptions import ActivityFailed

from harness.fault.arguments import flag, within
from harness.fault.aws import client, translated

__all__ = ["begin", "end", "is_healed", "targets_resolved"]

# What an experiment of ours is known by, also in another process.
TAG: Final = {"wellproven": "harness.fault.aws_fis"}
STARTING: Final = ("pending", "initiating")
STOPPABLE: Final = (*STARTING, "running")
UNDER_WAY: Final = (*STOPPABLE, "stopping")
LOOK_EVERY_S: Final = 0.5
WITHIN_S_MAX: Final = 3600


def begin(
    template_id: str, within_s: float | str = 60, *, allow_no_stop_condition: bool | str = False
) -> dict[str, str]:
    """Start an experiment from the template and wait until it runs; its id and status.

    Raises ActivityFailed before anything is started where the template has no alarm as its stop condition (unless
    allow_no_stop_condition), where its emptyTargetResolutionMode is not `fail`, or where one of ours from it still
    runs; afterwards where the experiment failed, or does not run in time: then it is told to stop. One so short that it
    is already completed has begun.
    """
    wait_s = within("within_s", within_s, 0, WITHIN_S_MAX)
    may_lack_alarm = flag("allow_no_stop_condition", allow_no_stop_condition)
    fis = client("fis")
    with translated(f"FIS template {template_id}"):
        template = fis.get_experiment_template(id=template_id)["experimentTemplate"]
        wrong = _weaknesses(template, may_lack_alarm=may_lack_alarm)
        wrong += [
            f"experiment {one['id']} of ours still runs: stop it first, with end" for one in _ours(fis, template_id)
        ]
        if wrong:
            raise ActivityFailed(f"FIS template {template_id}, nothing was started: " + "; ".join(wrong))
        token = str(uuid.uuid4())  # the same for every attempt of boto3's, so that none starts a second one
        started = fis.start_experiment(experimentTemplateId=template_id, clientToken=token, tags=TAG)["experiment"]
        try:
            status = _wait_until_it_runs(fis, started, wait_s)
        except Exception:  # whatever was answered: what was started is told to stop
            with contextlib.suppress(Exception):  # it may have ended; the first failure is to be told
                fis.stop_experiment(id=started["id"])
            raise
    return {"experiment_id": started["id"], "status": status}


def end(template_id: str, within_s: float | str = 300) -> list[str]:
    """Stop every experiment of ours from this template and wait until FIS has undone it; their ids.

    Nothing to do where none runs. Raises ActivityFailed where one is still under way at the deadline.
    """
    deadline_s = time.monotonic() + within("within_s", within_s, 0, WITHIN_S_MAX)
    fis, found = client("fis"), dict[str, None]()
    with translated(f"FIS template {template_id}"):
        while running := _ours(fis, template_id):
            for one in running:
                found[one["id"]] = None
                if one["state"]["status"] in STOPPABLE:
                    _stop(fis, one["id"])
            if time.monotonic() > deadline_s:
                left = ", ".join(f"{one['id']} ({one['state']['status']})" for one in running)
                raise ActivityFailed(f"FIS experiments are not stopped in time: {left}; look at them in the console")
            time.sleep(LOOK_EVERY_S)
    return list(found)


def targets_resolved(template_id: str) -> int:
    """How many resources the experiment of ours under way really has as targets; 0 where none is under way.

    Of the latest, where there are several. One that has ended counts no more: what an earlier drill hit is no evidence
    of this one. Raises ActivityFailed.
    """
    fis = client("fis")
    with translated(f"FIS template {template_id}"):
        running = _ours(fis, template_id)
        if not running:
            return 0
        latest = max(running, key=lambda one: one["creationTime"])
        pages = fis.get_paginator("list_experiment_resolved_targets").paginate(experimentId=latest["id"])
        # A resource that several of the template's targets name is one resource.
        return len({frozenset(one["targetInformation"].items()) for page in pages for one in page["resolvedTargets"]})


def is_healed(template_id: str) -> bool:
    """Whether no experiment of ours from this template is under way, or being undone. Raises ActivityFailed."""
    with translated(f"FIS template {template_id}"):
        return not _ours(client("fis"), template_id)


def _weaknesses(template: dict[str, Any], *, may_lack_alarm: bool) -> list[str]:
    """Why a template is refused, each with got, expected and the way out."""
    found = []
    sources = sorted({one["source"] for one in template.get("stopConditions", [])})
    if not set(sources) - {"none"} and not may_lack_alarm:
        found.append(
            f"stopConditions: got {', '.join(sources) or 'no one'}, expected an alarm (aws:cloudwatch:alarm); "
            "give it one, or say allow_no_stop_condition"
        )
    mode = template.get("experimentOptions", {}).get("emptyTargetResolutionMode")
    if mode != "fail":
        found.append(
            f"experimentOptions.emptyTargetResolutionMode: got {mode}, expected fail: "
            "it would complete without having hit anything"
        )
    return found


def _ours(fis: Any, template_id: str) -> list[dict[str, Any]]:
    """Experiments of ours from this template that are under way."""
    pages = fis.get_paginator("list_experiments").paginate(experimentTemplateId=template_id)
    every = [one for page in pages for one in page["experiments"] if TAG.items() <= one.get("tags", {}).items()]
    return [one for one in every if one["state"]["status"] in UNDER_WAY]


def _wait_until_it_runs(fis: Any, started: dict[str, Any], wait_s: float) -> str:
    """Its status: running or completed. Raises ActivityFailed."""
    deadline_s = time.monotonic() + wait_s
    while (state := fis.get_experiment(id=started["id"])["experiment"]["state"])["status"] in STARTING:
        if time.monotonic() > deadline_s:
            raise ActivityFailed(
                f"FIS experiment {started['id']}: got {state['status']} after {wait_s:g} s, expected running; "
                "it was told to stop"
            )
        time.sleep(LOOK_EVERY_S)
    if state["status"] not in ("running", "completed"):
        error = state.get("error", {})
        where = " ".join(str(error[key]) for key in ("code", "location") if key in error)
        said = ": ".join(part for part in (state.get("reason", ""), where) if part)
        raise ActivityFailed(f"FIS experiment {started['id']}: got {state['status']}, expected running: {said}")
    return str(state["status"])


def _stop(fis: Any, experiment_id: str) -> None:
    """Tell it to stop; one that has ended since we looked needs no telling."""
    try:
        fis.stop_experiment(id=experiment_id)
    except ClientError:
        if fis.get_experiment(id=experiment_id)["experiment"]["state"]["status"] in STOPPABLE:
            raise
