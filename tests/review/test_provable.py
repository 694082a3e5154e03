"""What counts as provable can be proven by the best evidence there could be, and what shows a part only cannot."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from harness.documents import parse_documents, validate
from harness.judge import judge
from harness.plan import Proves, RequestPlan
from harness.record import Record
from harness.review import (
    BUILT_IN,
    Answer,
    Lens,
    Now,
    Scope,
    Shown,
    State,
    balance,
    score,
    shown_by,
    with_drills,
    with_findings,
)
from harness.review.findings.checks import table
from harness.review.findings.reading import WrittenEvidence
from tests.judge.records import alert, drill, outage, slo
from tests.review.findings import test_budget, test_cost
from tests.review.findings.helpers import NOW, OURS, Part, read, write
from tests.review.findings.test_checks import prowlers

AT = "2026-10-03T04:00:00Z"
CLEAN_SCAN = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {"driver": {"name": "scanner", "rules": [{"id": "R1"}]}},
            "invocations": [{"executionSuccessful": True, "endTimeUtc": AT}],
            "results": [],
        }
    ],
}


def run(record: Record, *proves: Proves) -> Record:
    """At production's load."""
    rate = Fraction(100)
    request = RequestPlan(route="POST /orders", rate_per_s=rate, production_per_s=rate, because="")
    head = record.info.model_copy(update={"started_utc": "2026-10-04T10-00-00Z"})
    return replace(record, info=head, plan=record.plan.model_copy(update={"proves": proves, "requests": (request,)}))


def called(experiment: str, record: Record) -> Record:
    return replace(record, info=record.info.model_copy(update={"experiment": experiment}))


def from_runs() -> Iterator[Shown]:
    """Each drill that is named, with all it could show; one that names nothing, one that pages. All is kept."""
    named: dict[str, list[Proves]] = {}
    for question in OURS.questions:
        for choice in question.choices:
            for name in choice.provable.drills:
                named.setdefault(name, []).append(Proves(lens=BUILT_IN, question=question.id, choice=choice.id))
    whole = drill(slos=(slo(within_s=0.1),), rpo_s=1, ledger=True)
    paging = drill(outage(10, 16), slos=(slo(alerts=(alert(2, 10, 2),)),), rpo_s=1, ledger=True)
    drills = (called(name, run(whole, *proves)) for name, proves in named.items())
    for record in (*drills, run(whole), run(paging)):
        yield from shown_by(record, judge(record), OURS, BUILT_IN, Now(Scope()))


def from_files(folder: Path) -> Iterator[Shown]:
    """Of each kind a file with which nothing is wrong."""
    passed = {"Compliance": {"Status": "PASSED"}, "UpdatedAt": AT}
    hub = [
        {"GeneratorId": f"security-control/{pattern.replace('*', 'x')}", **passed}
        for row in table("asff")
        for pattern in row.patterns
    ]
    checks = [pattern.replace("*", "x") for row in table("prowler") for pattern in row.patterns]
    write(folder, "hub.json", [*hub, *(prowlers(one, "PASSED") for one in checks)])
    rows = "".join(f"{one};PASS;{AT}\n" for one in checks)
    write(folder, "prowler.csv", f"CHECK_ID;STATUS;TIMESTAMP\n{rows}")
    write(folder, "scan.sarif", CLEAN_SCAN)
    bill = list(test_cost.focus_rows())
    for index, row in enumerate(bill):
        storage = "Standard" if index % 4 == 1 else "Cold"
        row |= {"Forecast": row["EffectiveCost"], "Class": storage if index % 2 else ""}
    test_cost.bill(folder, bill)
    write(
        folder,
        "carbon.csv",
        "month,service,kg_co2e_location,utilisation\n"
        + "".join(f"2026-0{month},shop,{100 - 10 * month},{40 + month}%\n" for month in range(1, 10)),
    )
    (folder / "shop.yaml").write_text(test_budget.SHOP.read_text())
    test_budget.history(folder, 28 * 24)
    kinds = ("static", "dynamic", "dependency")
    tests = ", ".join(f"{{question: sec_build, choice: sec_{one}_testing}}" for one in kinds)
    found = read(
        folder,
        "{file: hub.json, kind: asff}",
        "{file: prowler.csv, kind: prowler}",
        f"{{file: scan.sarif, kind: sarif, proves: [{tests}]}}",
        "{file: bill.csv, kind: cost, tags: [team], team: team, budgets: {all: 100000}, "
        "columns: {ForecastCost: Forecast, StorageClass: Class}}",
        "{file: carbon.csv, kind: carbon, months: 1, utilisation: 40%, "
        "goal: {baseline: 2026-01, due: 2026-12, less-by: 10%, owner: platform}}",
        test_budget.ENTRY,
    )
    assert all(one.holds for one in found.shown), [one.because for one in found.shown if not one.holds]
    yield from found.shown


def entries(text: str) -> list[WrittenEvidence]:
    [document] = parse_documents(f"evidence: [{text}]".encode(), "review.yaml")
    return validate(Part, document).evidence


def all_claimed(lens: Lens) -> dict[str, Answer]:
    return {one.id: Answer(one.id, frozenset(choice.id for choice in one.choices)) for one in lens.questions}


@pytest.fixture(scope="module")
def best(tmp_path_factory: pytest.TempPathFactory) -> list[Shown]:
    return [*from_runs(), *from_files(tmp_path_factory.mktemp("best"))]


def test_the_best_evidence_proves_exactly_what_is_provable(best: list[Shown]) -> None:
    """What is named as showing a part only stays partial, what nothing is named for stays words."""
    pillars = score(OURS, all_claimed(OURS), best, NOW)
    practices = [one for pillar in pillars for one in pillar.practices]
    for one in practices:
        provable = one.choice.provable
        expected = State.PROVEN if provable.wholly else State.PARTIAL if provable else State.NOT_TESTABLE
        assert (one.choice.id, one.state) == (one.choice.id, expected), one.because
    assert [one.proven for one in pillars] == [one.provable for one in pillars]
    assert balance(pillars).proven == balance(pillars).provable
    assert sum(one.state is State.PARTIAL for one in practices) == 23


def test_a_drill_that_shows_a_part_never_shows_all_of_it() -> None:
    """The peak was served: that is no headroom for a lost zone. An experiment of one's own may show it whole."""
    place = Proves(lens=BUILT_IN, question="rel_capacity", choice="rel_predictive_scaling")
    record = run(drill(), place)
    states = {}
    for name in ("traffic-surge", "our-surge"):
        found = shown_by(called(name, record), judge(record), OURS, BUILT_IN, Now(Scope()))
        known = with_drills(OURS, BUILT_IN, [(name, place)])
        states[name] = next(
            (one.state, one.choice.provable.wholly, one.because)
            for pillar in score(known, all_claimed(OURS), found, NOW)
            for one in pillar.practices
            if one.choice.id == place.choice
        )
    assert states["traffic-surge"] == (State.PARTIAL, False, "headroom for a lost zone was not drilled")
    assert states["our-surge"][:2] == (State.PROVEN, True)


def test_a_drill_that_shows_a_part_says_what_it_leaves_unseen() -> None:
    """And what is said to show a part is something that shows it at all."""
    for question in OURS.questions:
        for choice in question.choices:
            provable = choice.provable
            assert set(provable.partly) <= {*provable.drills, *provable.measures, *provable.imports}, choice.id
            assert bool(provable.unseen) is bool(set(provable.partly) & set(provable.drills)), choice.id


@pytest.mark.parametrize("kind", ["asff", "prowler", "cost", "budget", "error-budget-alerts", "rta"])
def test_what_one_kind_shows_in_part_is_marked_in_the_lens(best: list[Shown], kind: str) -> None:
    """Each mark is true by itself, also where another kind would show all of it."""
    marked = {choice.id for question in OURS.questions for choice in question.choices if kind in choice.provable.partly}
    assert marked
    assert {one.choice for one in best if one.choice in marked and not one.short_of} == set()


def test_an_entry_that_names_the_practice_itself_makes_it_provable() -> None:
    """Whoever says which checks speak for a practice answers for the fit."""
    for entry, question, choice, wholly in (
        ("{file: x, kind: asff}", "sec_identity", "sec_least_privilege", False),
        (
            "{file: x, kind: asff, checks: {sec_identity/sec_least_privilege: [IAM.1]}}",
            "sec_identity",
            "sec_least_privilege",
            True,
        ),
        ("{file: x, kind: budget, objectives: shop.yaml}", "rel_change", "rel_error_budgets", False),
        (
            "{file: x, kind: budget, objectives: shop.yaml, proves: {question: rel_change, choice: rel_error_budgets}}",
            "rel_change",
            "rel_error_budgets",
            False,  # named or not: it is the kind's own, of which the figures see a part
        ),
        ("{file: x, kind: cost, budgets: {all: 1}}", "cost_plan", "cost_budgets", False),
        (
            "{file: x, kind: cost, proves: {budgets: {question: cost_waste, choice: cost_network}}}",
            "cost_waste",
            "cost_network",
            False,
        ),
    ):
        lens = with_findings(OURS, entries(entry))
        [found] = [one for asked in lens.questions if asked.id == question for one in asked.choices if one.id == choice]
        assert found.provable
        assert found.provable.wholly is wholly, entry


def test_a_practice_that_an_entry_leaves_out_is_no_more_provable() -> None:
    """An empty list of checks says that nothing is looked at."""
    lens = with_findings(OURS, entries("{file: x, kind: asff, checks: {ops_people/ops_cross_training: []}}"))
    [found] = [one for asked in lens.questions for one in asked.choices if one.id == "ops_cross_training"]
    assert not found.provable
    lens = with_findings(OURS, entries("{file: x, kind: asff, checks: {sec_network/sec_segmentation: []}}"))
    [found] = [one for asked in lens.questions for one in asked.choices if one.id == "sec_segmentation"]
    assert not found.provable.wholly
