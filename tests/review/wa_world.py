"""A workload in the tool, as a team would have it: AWS's own lens, and ours imported as a custom one."""

import json
from typing import Any

from harness.review import aws_json, built_in_lens
from tests.review.wa_server import ACCOUNT, STARTED, WellArchitected, Workload

SHOP = "0123456789abcdef0123456789abcdef"
ARN = "arn:aws:wellarchitected::aws:lens/wellarchitected"
OURS = f"arn:aws:wellarchitected:eu-central-1:{ACCOUNT}:lens/fedcba9876543210fedcba9876543210"
FAILURES = "withstand-component-failures"
INTERACTION = "mitigate-interaction-failure"
RECOVERY = "planning-for-recovery"
FAILOVER = "rel_withstand_component_failures_failover2good"
FAIL_FAST = "rel_mitigate_interaction_failure_fail_fast"
DR_TESTED = "rel_planning_for_recovery_dr_tested"


def choice(name: str, title: str = "") -> dict[str, Any]:
    """One choice as the API gives it."""
    url = f"https://docs.aws.amazon.com/wellarchitected/latest/framework/{name}.html"
    return {
        "ChoiceId": name,
        "Title": title or name.replace("_", " "),
        "Description": f"Why {name}.",
        "HelpfulResource": {"DisplayText": "Read on", "Url": url},
    }


def question(
    name: str, pillar: str, choices: list[str], selected: list[str], risk: str, notes: str | None = None, **more: Any
) -> dict[str, Any]:
    """One answer as the API gives it; `None of these` is a choice of every question."""
    none = f"{choices[0].rsplit('_', 1)[0]}_no"
    said: dict[str, dict[str, Any]] = more.pop("said", {})
    answers = [
        {"ChoiceId": one, "Status": "SELECTED" if one in selected else "UNSELECTED", **said.get(one, {})}
        for one in choices
    ]
    return {
        "QuestionId": name,
        "PillarId": pillar,
        "QuestionTitle": f"How do you do {name}?",
        "QuestionDescription": f"What {name} is about.",
        "Choices": [*(choice(one) for one in choices), choice(none, "None of these")],
        "SelectedChoices": selected,
        "ChoiceAnswers": answers,
        "IsApplicable": True,
        "Risk": risk,
        **({} if notes is None else {"Notes": notes}),
        **more,
    }


def world(page: int = 3) -> WellArchitected:
    """The tool with one workload, `Shop`."""
    tool = WellArchitected(page)
    rest = [
        question(f"further-{index}", "security", [f"sec_{index}_a", f"sec_{index}_b"], [], "UNANSWERED")
        for index in range(7)
    ]
    withstand = [FAILOVER, "rel_withstand_component_failures_monitoring_health"]
    excepted = {"Status": "NOT_APPLICABLE", "Reason": "OUT_OF_SCOPE", "Notes": "we never wait"}
    never = {"IsApplicable": False, "Reason": "OTHER"}
    slow = [FAIL_FAST, "rel_mitigate_interaction_failure_client_timeouts"]
    questions = [
        question("priorities", "operationalExcellence", ["ops_a", "ops_b"], ["ops_no"], "HIGH", "nobody has time"),
        question("evolve", "operationalExcellence", ["ops_evolve_a"], [], "NOT_APPLICABLE", **never),
        question(FAILURES, "reliability", withstand, [FAILOVER], "HIGH", "Ask Ada.\n\nShe knows."),
        question(INTERACTION, "reliability", slow, [FAIL_FAST], "MEDIUM", said={slow[1]: excepted}),
        question(RECOVERY, "reliability", [DR_TESTED, "rel_planning_for_recovery_config_drift"], [], "HIGH"),
        *rest,
    ]
    pillars = {"operationalExcellence": "Operational Excellence", "security": "Security", "reliability": "Reliability"}
    aws = {"LensAlias": "wellarchitected", "LensArn": ARN, "LensName": "AWS Well-Architected Framework"}
    shop = Workload(SHOP, "Shop")
    shop.reviews["wellarchitected"] = {
        **aws,
        "LensVersion": "2025-02-25",
        "pillars": pillars,
        "questions": {one["QuestionId"]: one for one in questions},
    }
    shop.reviews[OURS] = ours()
    tool.lenses[OURS] = aws_json(built_in_lens())
    tool.workloads[SHOP] = shop
    for index in range(4):
        other = f"{index:032x}"
        tool.workloads[other] = Workload(other, f"Shop {index}")
    shop.milestones += [
        {"MilestoneNumber": 1, "MilestoneName": "spring", "RecordedAt": STARTED, "WorkloadSummary": {}},
    ]
    return tool


def ours() -> dict[str, Any]:
    """Our own lens, imported; AWS gives a custom lens no alias."""
    lens = built_in_lens()
    claimed = {"rel_redundancy": ["rel_multi_zone"], "rel_failover": ["rel_failover_automated"]}
    questions = {
        one.id: question(
            one.id,
            pillar.id,
            [each.id for each in one.choices],
            claimed.get(one.id, []),
            "MEDIUM" if one.id in claimed else "UNANSWERED",
        )
        for pillar in lens.pillars
        for one in pillar.questions
    }
    pillars = {pillar.id: pillar.name for pillar in lens.pillars}
    return {"LensArn": OURS, "LensName": "Wellproven", "LensVersion": "1", "pillars": pillars, "questions": questions}


def lens_json(tool: WellArchitected) -> dict[str, Any]:
    """The custom lens, to change."""
    found: dict[str, Any] = json.loads(tool.lenses[OURS])
    return found
