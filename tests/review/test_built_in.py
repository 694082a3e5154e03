"""The built-in lens: what it covers, that AWS's tool takes it, and that its own linter finds nothing odd in it."""

import io
import json
import re
from pathlib import Path

import pytest

from harness.cli import main
from harness.plan import read_experiment
from harness.review import Lens, Risk, aws_json, built_in_lens, lint, read_lens

ROOT = Path(__file__).parents[2]
PILLARS = ("operationalExcellence", "security", "reliability", "performance", "costOptimization", "sustainability")


@pytest.fixture(scope="module")
def ours() -> Lens:
    return built_in_lens()


def test_all_six_pillars_are_asked_about_under_awss_own_ids(ours: Lens) -> None:
    """So that answers count for AWS's pillars after an import."""
    assert tuple(pillar.id for pillar in ours.pillars) == PILLARS


def test_nothing_is_odd_in_its_rules(ours: Lens) -> None:
    """No rule that never counts, no practice that makes things worse, a way to no risk in every question."""
    assert lint(ours) == []


# What teams are asked of, pillar by pillar; a practice may be named more narrowly, none may be left out.
ASKED = {
    "operationalExcellence": """ops_slo_based_alerts ops_alert_tuning ops_simple_automation ops_automation_tested
        ops_infrastructure_as_code ops_runbooks ops_decision_trees ops_cross_training ops_knowledge_transfer""",
    "security": """sec_least_privilege sec_mfa sec_access_review sec_segmentation sec_zero_trust sec_encryption_at_rest
        sec_encryption_in_transit sec_key_management sec_classification sec_loss_prevention sec_static_testing
        sec_dynamic_testing sec_dependency_testing sec_threat_detection sec_siem sec_automated_response
        sec_policy_as_code sec_audit_trails sec_compliance_monitoring sec_insider_threat""",
    "reliability": """rel_multi_zone rel_multi_region rel_failover_automated rel_failover_tested rel_circuit_breakers
        rel_bulkheads rel_graceful_degradation rel_feature_flags rel_predictive_scaling rel_load_distribution
        rel_backup_automated rel_backup_recovery_tested rel_cross_region_replication rel_point_in_time_recovery
        rel_objectives rel_plan_drilled rel_error_budgets rel_canaries rel_automated_rollback
        rel_synthetic_monitoring rel_real_user_monitoring rel_alerting""",
    "performance": """perf_right_sizing perf_autoscaling perf_cache_layers perf_cache_invalidation perf_cache_warming
        perf_indexing perf_replicas perf_sharding perf_service_mesh perf_gateways perf_event_driven perf_serverless
        perf_targets perf_user_perceived perf_load_testing perf_scaling_simplicity""",
    "costOptimization": """cost_seen_daily cost_tagging cost_budgets cost_forecasts cost_commitments
        cost_lifecycle_automation cost_storage_tiers cost_network cost_showback cost_clean_up""",
    "sustainability": """sus_workload_choice sus_region_choice sus_utilisation sus_carbon_measurement sus_sharing
        sus_development_practice sus_goals""",
}


@pytest.mark.parametrize("pillar", ASKED)
def test_no_practice_is_left_out(ours: Lens, pillar: str) -> None:
    """Each by its name: a lens that lost one would ask for less."""
    [found] = [one for one in ours.pillars if one.id == pillar]
    assert set(ASKED[pillar].split()) <= {choice.id for question in found.questions for choice in question.choices}


def test_every_practice_says_why_and_names_pitfall_and_way_out(ours: Lens) -> None:
    """And no two practices are called the same."""
    choices = [choice for question in ours.questions for choice in question.choices]
    assert len(choices) >= 70
    assert len({choice.id for choice in choices}) == len(choices)
    for choice in choices:
        assert choice.help
        assert re.fullmatch(r"Pitfall: .+\. Way out: .+\.", choice.improvement), choice.id


def test_every_drill_it_names_is_an_experiment_here(ours: Lens) -> None:
    """And every experiment here can prove something."""
    named = {drill for question in ours.questions for choice in question.choices for drill in choice.provable.drills}
    there = {path.stem for path in (ROOT / "experiments").glob("*.yaml")} - {"targets"}
    assert named == there


def test_experiments_and_lens_agree_on_what_proves_what(ours: Lens) -> None:
    """An experiment names, as what it proves, exactly the practices that name it."""
    named = {
        (drill, question.id, choice.id)
        for question in ours.questions
        for choice in question.choices
        for drill in choice.provable.drills
    }
    said = {
        (path.stem, one.question, one.choice)
        for path in (ROOT / "experiments").glob("*.yaml")
        if path.stem != "targets"
        for one in read_experiment(path)[0].drill.proves
        if one.lens == "wellproven"
    }
    assert said == named


def test_every_practice_says_what_could_prove_it(ours: Lens) -> None:
    """A drill, a measurement, another tool's findings; else a drill or a figure of the team's own, as it would be made.

    A figure says how often it is measured and where its limit is: it is for a file of kind `figures`.
    """
    for choice in (choice for question in ours.questions for choice in question.choices):
        one = choice.provable
        assert one.drills or one.measures or one.imports or one.own_drill or one.own_figure, choice.id
        assert one.in_words, choice.id
        for said in filter(None, (one.own_drill, one.own_figure)):
            assert re.fullmatch(r"[a-z0-9][^()]{20,140}[^().]", said), choice.id
        if one.own_figure:
            assert re.search(r", each (day|week|month), at (most|least) ", one.own_figure), choice.id


def test_words_of_what_could_be_made_make_nothing_provable(ours: Lens) -> None:
    """Only an experiment or a file that is there and names the practice does."""
    only_words = {
        (question.id, choice.id)
        for question in ours.questions
        for choice in question.choices
        if not (choice.provable.drills or choice.provable.measures or choice.provable.imports)
    }
    assert only_words
    for question in ours.questions:
        for choice in question.choices:
            assert bool(choice.provable) is ((question.id, choice.id) not in only_words)
            assert not choice.provable.wholly or (question.id, choice.id) not in only_words


def test_half_of_it_at_least_could_be_shown(ours: Lens) -> None:
    """In part at least; the rest says openly that only people's words stand for it."""
    provable = [bool(choice.provable) for question in ours.questions for choice in question.choices]
    assert sum(provable) > len(provable) / 2
    assert not all(provable)


def test_a_practice_left_out_costs_its_own_risk(ours: Lens) -> None:
    """Without a high one the question is at high risk, without a medium one at medium."""
    [asked] = [question for question in ours.questions if question.id == "rel_containment"]
    every = {choice.id for choice in asked.choices}
    assert asked.risk(every) is Risk.NONE
    assert asked.risk(every - {"rel_bulkheads"}) is Risk.MEDIUM
    assert asked.risk(every - {"rel_circuit_breakers"}) is Risk.HIGH


def test_what_is_written_for_aws_reads_back_as_it_was_and_keeps_awss_limits(ours: Lens, tmp_path: Path) -> None:
    """Ten pillars, twenty questions each, fifteen choices each, 500 KB; ids, titles, texts as the format has them."""
    out = io.StringIO()
    assert main(["review", "lens"], out, io.StringIO()) == 0
    text = out.getvalue()
    assert text == aws_json(ours)
    assert len(text.encode()) < 500_000
    words = json.loads(text)
    assert words["schemaVersion"] == "2021-11-01"
    for pillar in words["pillars"]:
        assert 1 <= len(pillar["questions"]) <= 20
        for question in pillar["questions"]:
            assert 1 <= len(question["choices"]) <= 15
            for one in (question, *question["choices"]):
                assert re.fullmatch(r"[A-Za-z0-9_]{3,128}", one["id"])
                assert 1 <= len(one["title"]) <= 128
            for choice in question["choices"]:
                for key in ("helpfulResource", "improvementPlan"):
                    # The API's ChoiceContent; AWS does not say what a character is, and no count is above UTF-16's.
                    assert 1 <= len(choice[key]["displayText"].encode("utf-16-le")) / 2 <= 1024
    path = tmp_path / "ours.json"
    path.write_text(text)
    found = read_lens(path)
    assert aws_json(found) == text
    assert lint(found) == []


def test_what_could_prove_a_practice_goes_along_to_aws_in_words(ours: Lens) -> None:
    """Each drill, figure and kind of findings that is named, and what of one's own could."""
    written = {
        choice["id"]: choice["helpfulResource"]["displayText"]
        for pillar in json.loads(aws_json(ours))["pillars"]
        for question in pillar["questions"]
        for choice in question["choices"]
    }
    for choice in (choice for question in ours.questions for choice in question.choices):
        help_, _, proof = written[choice.id].partition(" Could be proven by: ")
        assert help_ == choice.help
        one = choice.provable
        assert set(re.findall(r"[a-z][a-z0-9-]*", proof)) >= {*one.drills, *one.measures, *one.imports}
        assert one.own_drill in proof
        assert one.own_figure in proof
        assert bool(proof) is bool(one.in_words)
    assert written["rel_multi_zone"].endswith("Could be proven by: drill az-failure or zone-blackhole.")
    proof = "Could be proven by: figures rta and rpa of any run (shows part of it only)."
    assert written["rel_objectives"].endswith(proof)
    assert written["rel_backup_recovery_tested"].endswith(
        "Could be proven by: a drill of your own (restore the newest backup into an empty place, read back, compare; "
        "within the RTO); or a figure of your own (hours from the start of a restore to the end of its comparison, "
        "each month, at most the RTO)."
    )
