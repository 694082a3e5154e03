"""`review pull` and `review push` against a Well-Architected Tool that checks every request; boto3 is the real one."""

import io
import json
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from harness.aws import Patience
from harness.cli import main
from harness.errors import FileError
from harness.plan import Proves
from harness.record import read_record, write_json
from harness.review import Risk, read_answers
from harness.review.tool.notes import BEGIN, END, NOTES_MAX
from harness.units import NS_PER_S
from tests.report import built_runs
from tests.review.wa_server import ACCOUNT, Trouble, WellArchitected, serve
from tests.review.wa_world import (
    DR_TESTED,
    FAIL_FAST,
    FAILOVER,
    FAILURES,
    INTERACTION,
    OURS,
    RECOVERY,
    SHOP,
    lens_json,
    world,
)

ROOT = Path(__file__).parents[2]
PULLED = Path("slos/reviews/wellarchitected.yaml")
LENS = PULLED.with_suffix(".json")
SECRET = "canary-of-a-secret-key"
QUICK = Patience(connect_s=1, read_s=1, attempts=2, deadline_s=5)


@dataclass
class Shop:
    """A project folder, and the tool its reviews are in."""

    tool: WellArchitected
    folder: Path

    def review(self, *words: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        code = main(["review", *words], out, err)
        assert self.tool.wrong == []
        return code, out.getvalue(), err.getvalue()

    def notes(self, question: str) -> str:
        return str(self.tool.question(question, SHOP).get("Notes", ""))


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.chdir(tmp_path)
    tool = world()
    with serve(tool) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        yield Shop(tool, tmp_path)


def stored(day: int, *choices: str, met: bool = True, lens: str = "wellarchitected") -> str:
    """A run of November in runs/, whose experiment says that it proves these choices; its name."""
    run = f"az-failure/2026-11-{day:02}T10-00-00Z"
    path = Path("runs") / run
    record = built_runs.drilled(path, lost=0)
    rto_ns = (10 if met else 3) * NS_PER_S
    objectives = tuple(one.model_copy(update={"rto_ns": rto_ns}) for one in record.plan.objectives)
    proves = tuple(Proves(lens=lens, question="REL11", choice=one) for one in choices)
    requests = tuple(one.model_copy(update={"production_per_s": Fraction(100)}) for one in record.plan.requests)
    changes = {"objectives": objectives, "proves": proves, "requests": requests}
    known = {name: value for name, value in changes.items() if name in type(record.plan).model_fields}
    write_json(path / "plan.json", record.plan.model_copy(update=known))
    started = {"started_utc": f"2026-11-{day:02}T10-00-00Z", "run": run}
    write_json(path / "run.json", record.info.model_copy(update=started))
    read_record(path)
    return run


# --- pull ------------------------------------------------------------------------------------------------------------


def test_a_pull_writes_answers_and_a_lens_that_wellproven_reads(shop: Shop) -> None:
    """Claims, what does not apply and why, a person's notes; every pillar, every page."""
    code, out, _ = shop.review("pull", "Shop")
    assert code == 0
    answers = read_answers(PULLED)
    assert answers.lens_name == "wellarchitected"
    found = answers.questions
    assert sorted(found) == sorted([FAILURES, INTERACTION, RECOVERY, "priorities", "evolve"])
    assert found[FAILURES].claimed == {FAILOVER}
    assert found[FAILURES].notes == "Ask Ada.\n\nShe knows."
    assert found["priorities"].claimed == frozenset()
    assert found["evolve"].not_applicable == {"ops_evolve_a": "other"}
    slow = "rel_mitigate_interaction_failure_client_timeouts"
    assert found[INTERACTION].not_applicable == {slow: "out of scope: we never wait"}
    assert len(answers.lens.questions) == 12
    assert "milestone 1: spring, 2026-11-01" in out
    assert "12 questions, 5 answered" in out


def test_awss_own_lens_has_its_risks_and_no_rules(shop: Shop) -> None:
    """They cannot be exported, and are not made up; `None of these` is no practice."""
    shop.review("pull", "Shop")
    lens = read_answers(PULLED).lens
    [failures] = [one for one in lens.questions if one.id == FAILURES]
    assert (failures.rules, failures.reported) == ((), Risk.HIGH)
    assert [one.id for one in failures.choices] == [FAILOVER, "rel_withstand_component_failures_monitoring_health"]
    assert failures.choices[0].description == f"Why {FAILOVER}."
    assert "ExportLens" not in {name for name, _ in shop.tool.calls}
    assert shop.review("lint", str(LENS))[0] == 0


def test_what_was_pulled_can_be_scored(shop: Shop) -> None:
    """With evidence for the choices of AWS's lens, found by the choice's id alone."""
    stored(24, FAILOVER)
    shop.review("pull", "Shop")
    code, out, err = shop.review("--answers", str(PULLED), "--json")
    assert code in (0, 2), err
    practices = [one for pillar in json.loads(out)["pillars"] for one in pillar["practices"]]
    [failover] = [one for one in practices if one["choice"] == FAILOVER]
    assert failover["source"] == "az-failure/2026-11-24T10-00-00Z"
    assert failover["weight"] == 3  # as its page has it: a high risk


def test_a_second_pull_changes_nothing(shop: Shop) -> None:
    """Nor does it ask for --force."""
    shop.review("pull", "Shop")
    before = PULLED.read_bytes(), LENS.read_bytes(), PULLED.stat().st_mtime_ns
    code, out, _ = shop.review("pull", SHOP)
    assert code == 0
    assert (PULLED.read_bytes(), LENS.read_bytes(), PULLED.stat().st_mtime_ns) == before
    assert f"{PULLED}: unchanged" in out


def test_a_file_that_differs_is_shown_and_not_written(shop: Shop) -> None:
    """Exit code 1, and the way out."""
    shop.review("pull", "Shop")
    shop.tool.question(FAILURES, SHOP)["SelectedChoices"] = []
    before = PULLED.read_bytes()
    code, out, err = shop.review("pull", "Shop")
    assert (code, PULLED.read_bytes()) == (1, before)
    assert f"-    claimed: [{FAILOVER}]\n+    claimed: []" in out
    assert "--force writes what differs" in err


def test_with_force_the_answers_come_in_and_a_persons_words_stay(shop: Shop) -> None:
    """Comments, owners, dates, exclusions, reasons, decisions, and the file's permissions."""
    shop.review("pull", "Shop")
    slow = "rel_mitigate_interaction_failure_client_timeouts"
    written = PULLED.read_text().replace(
        f"    claimed: [{FAIL_FAST}]\n",
        f"    claimed: [{FAIL_FAST}]  # the pricing service\n    owner: ada\n    impact: high\n    due: 2027-03-31\n",
    )
    written = written.replace("out of scope: we never wait", "callers wait for us")
    PULLED.write_text(f"# by hand\n{written}decisions: []\n")
    PULLED.chmod(0o600)
    shop.tool.question(INTERACTION, SHOP)["Notes"] = "Seen by Bob."
    shop.tool.question("further-1", SHOP).update(SelectedChoices=["sec_1_a"], Risk="MEDIUM")
    assert shop.review("pull", "Shop", "--force")[0] == 0
    text, found = PULLED.read_text(), read_answers(PULLED).questions
    assert text.startswith("# by hand\n")
    assert f"claimed: [{FAIL_FAST}]  # the pricing service\n" in text
    assert (found[INTERACTION].owner, found[INTERACTION].notes) == ("ada", "Seen by Bob.")
    assert found[INTERACTION].not_applicable == {slow: "callers wait for us"}
    assert found["further-1"].claimed == {"sec_1_a"}
    assert stat.S_IMODE(PULLED.stat().st_mode) == 0o600
    assert not list(PULLED.parent.glob(".*"))


def test_a_file_by_another_lens_is_not_touched(shop: Shop) -> None:
    """Not with --force either."""
    path = Path("mine.yaml")
    path.write_text("lens: wellproven\nquestions: {}\n")
    code, _, err = shop.review("pull", "Shop", "-o", str(path), "--force")
    assert code == 65
    assert "mine.yaml:1: lens: got 'wellproven', expected wellarchitected.json; name another file with -o" in err
    assert path.read_text() == "lens: wellproven\nquestions: {}\n"
    assert not Path("wellarchitected.json").exists()


def test_a_dry_pull_writes_nothing(shop: Shop) -> None:
    """It shows what would be."""
    code, out, _ = shop.review("pull", "Shop", "--dry-run")
    assert (code, PULLED.exists()) == (0, False)
    assert f"{PULLED}: not written" in out


def test_our_own_lens_comes_back_as_the_built_in_one(shop: Shop) -> None:
    """With its rules, its pitfalls, and all that could prove it; no second copy is written."""
    Path("slos").mkdir()
    code, _, err = shop.review("pull", "Shop", "--lens", "Wellproven", "-o", "slos/review.yaml")
    assert code == 0, err
    answers = read_answers(Path("slos/review.yaml"))
    assert answers.lens_name == "wellproven"
    assert answers.questions["rel_redundancy"].claimed == {"rel_multi_zone"}
    assert sorted(path.name for path in Path("slos").iterdir()) == ["review.yaml"]


def test_a_custom_lens_is_exported_with_its_rules(shop: Shop) -> None:
    """In the version the review is of."""
    changed = lens_json(shop.tool)
    changed["name"] = "House Lens"
    pillar = changed["pillars"][0]
    pillar["questions"] = pillar["questions"][:1]
    changed["pillars"] = [pillar]
    [kept] = [one["id"] for one in pillar["questions"]]
    shop.tool.lenses[OURS] = json.dumps(changed)
    review = shop.tool.workloads[SHOP].reviews[OURS]
    review.update(LensName="House Lens", questions={kept: review["questions"][kept]})
    assert shop.review("pull", "Shop", "--lens", OURS)[0] == 0
    answers = read_answers(Path("slos/reviews/house-lens.yaml"))
    assert [len(one.rules) > 0 for one in answers.lens.questions] == [True]
    assert ("ExportLens", {"LensAlias": OURS, "LensVersion": "1"}) in shop.tool.calls


def test_a_custom_lens_that_may_not_be_exported_is_pulled_without_rules(shop: Shop) -> None:
    """A lens that was shared, for instance; that it has none is said."""
    shop.tool.troubles.append(Trouble("ExportLens", "deny"))
    code, out, _ = shop.review("pull", "Shop", "--lens", "Wellproven", "--json")
    words = json.loads(out)
    assert (code, words["schema"], words["rules"]) == (0, "wellproven/review-pull/v1", "unknown")
    assert "cannot be exported" in words["because"]
    assert words["milestones"][0]["name"] == "spring"


def test_a_mistake_in_an_answer_of_aws_is_said_where_it_stands_there(shop: Shop) -> None:
    """The call and the field, every one at once: of a lens that was not written yet there are no lines to name."""
    [first, second, *_] = shop.tool.workloads[SHOP].reviews["wellarchitected"]["questions"].values()
    first["Choices"].insert(0, first["Choices"].pop())  # None of these, which is no practice
    first["Choices"].append(first["Choices"][1])
    second["Choices"].append(second["Choices"][0])
    code, _, err = shop.review("pull", "Shop")
    assert code == FileError.exit_code
    twice = "' twice, expected every id once; give each its own"
    lines = [
        f"AWS GetAnswer {one['QuestionId']}: Answer.Choices[{len(one['Choices']) - 1}].ChoiceId: got '"
        for one in (first, second)
    ]
    for line in lines:
        assert any(line in said and said.endswith(twice) for said in err.splitlines()), err
    assert ".json:" not in err
    assert not Path("slos/reviews").exists()


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda text: text[:-3], "AWS ExportLens: LensJSON: Expecting"),
        (
            lambda text: text.replace('"riskRules"', '"rules"', 1),
            "AWS ExportLens: LensJSON.pillars[0].questions[0].riskRules: got nothing, expected this field",
        ),
        (lambda text: text.replace('"Wellproven"', '"\\ud800"', 1), "AWS ExportLens: LensJSON: half of a character"),
        (lambda text: text.replace('"Wellproven"', "9" * 5000, 1), "AWS ExportLens: LensJSON: a number without end"),
    ],
    ids=["no JSON", "no rules", "half of a character", "a number without end"],
)
def test_a_mistake_in_an_exported_lens_is_said_where_it_stands_there(
    shop: Shop, break_it: Callable[[str], str], said: str
) -> None:
    """AWS's answer is one text: it has fields, and no first line."""
    shop.tool.lenses[OURS] = break_it(shop.tool.lenses[OURS])
    code, out, _ = shop.review("pull", "Shop", "--lens", "Wellproven", "--json")
    words = json.loads(out)
    assert (code, words["rules"]) == (0, "unknown")
    assert said in words["because"]
    assert "line 1" not in words["because"]
    assert ":1:" not in words["because"]


def test_evidence_of_an_earlier_push_is_no_note_of_a_persons(shop: Shop) -> None:
    """A pull after a push brings back what a pull before it did."""
    stored(24, FAILOVER)
    shop.review("pull", "Shop")
    before = PULLED.read_bytes()
    assert shop.review("push", "Shop")[0] == 0
    assert BEGIN in shop.notes(FAILURES)
    assert shop.review("pull", "Shop")[0] == 0
    assert PULLED.read_bytes() == before


@pytest.mark.parametrize("words", [("pull", "Shopp"), ("pull", "Sho"), ("push", "ffffffffffffffffffffffffffffffff")])
def test_a_workload_that_is_not_there_is_said(shop: Shop, words: tuple[str, str]) -> None:
    """With those that have such a name."""
    code, _, err = shop.review(*words)
    assert code in (64, 69)
    assert "Shop" in err or "ResourceNotFoundException" in err


def test_a_lens_the_workload_is_not_reviewed_by_is_said(shop: Shop) -> None:
    """With those it is reviewed by."""
    code, _, err = shop.review("pull", "Shop", "--lens", "serverless")
    assert code == 64
    assert "Shop is reviewed by: wellarchitected, Wellproven" in err


def test_check_reads_pulled_answers_and_slos_are_still_read(shop: Shop) -> None:
    """They lie beside the SLOs and are no promise; a mistake in them is said with its line."""
    for folder in ("slos", "experiments", "loadtests"):
        shutil.copytree(ROOT / folder, folder)
    shop.review("pull", "Shop")
    assert check() == (0, "")
    PULLED.write_text(PULLED.read_text().replace(f"claimed: [{FAILOVER}]", "claimed: [nothing]"))
    code, err = check()
    assert code == 65
    assert f"{PULLED}:" in err
    assert "'nothing'" in err


def check() -> tuple[int, str]:
    err = io.StringIO()
    return main(["check"], io.StringIO(), err), err.getvalue()


# --- push ------------------------------------------------------------------------------------------------------------


def test_evidence_is_appended_and_nothing_else_is_changed(shop: Shop) -> None:
    """Choices, applicability and reason are not even sent."""
    run = stored(24, FAILOVER, DR_TESTED)
    code, out, _ = shop.review("push", "Shop")
    assert code == 0, out
    lines = shop.notes(FAILURES).split("\n")
    assert lines[:5] == ["Ask Ada.", "", "She knows.", "", BEGIN]
    assert lines[5].startswith(f"2026-11-24 {FAILOVER}: ")
    assert lines[5].endswith(f"({run})")
    assert lines[6:] == [END]
    assert shop.notes(RECOVERY).startswith(BEGIN)
    assert [sorted(asked) for _, asked in shop.tool.writes] == [["LensAlias", "Notes", "QuestionId", "WorkloadId"]] * 2
    assert shop.tool.question(FAILURES, SHOP)["SelectedChoices"] == [FAILOVER]
    assert "2 written" in out


def test_evidence_that_has_grown_old_is_said_to_be_stale(shop: Shop) -> None:
    """Since when, so that a second push reads the same; a refutation does not grow old."""
    for day, choice, met in ((24, FAILOVER, True), (25, DR_TESTED, False)):
        head = Path("runs") / stored(day, choice, met=met) / "run.json"
        head.write_text(head.read_text().replace('"2026-11-', '"2024-11-'))
    assert shop.review("push", "Shop")[0] == 0
    said = f"2024-11-24 {FAILOVER}: was proven, but is stale since 2025-02-22 (counts for 90 d): "
    assert said in shop.notes(FAILURES)
    assert f"2024-11-25 {DR_TESTED}: refuted: " in shop.notes(RECOVERY)
    assert "2 unchanged" in shop.review("push", "Shop")[1]


def test_evidence_that_is_not_old_is_not_said_to_be(shop: Shop) -> None:
    """Begun this minute."""
    head = Path("runs") / stored(24, FAILOVER) / "run.json"
    head.write_text(head.read_text().replace('"2026-11-24T10-00-00Z"', f'"{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}"'))
    assert shop.review("push", "Shop")[0] == 0
    assert "proven" in shop.notes(FAILURES)
    assert "stale" not in shop.notes(FAILURES)


def test_a_push_says_which_zones_are_still_to_be_lost(shop: Shop) -> None:
    """Its notes call nothing proven that the review beside it calls partial."""
    stored(24, FAILOVER)
    shop.review("pull", "Shop")
    promises = (ROOT / "slos/shop.yaml").read_text()  # looser than the run's: else it is partial for another reason
    Path("slos/shop.yaml").write_text(re.sub(r"target: 0\.\d+", "target: 0.95", promises))
    PULLED.write_text(PULLED.read_text() + "scope: {zones: [zone-a, zone-b]}\n")
    assert shop.review("push", "Shop", "--answers", str(PULLED))[0] == 0
    assert f"{FAILOVER}: partly proven, shown for the loss of zone-a, claimed for that of zone-b too" in shop.notes(
        FAILURES
    )


def test_a_second_push_writes_nothing(shop: Shop) -> None:
    """The same evidence stands there already."""
    stored(24, FAILOVER)
    shop.review("push", "Shop")
    before = shop.notes(FAILURES)
    code, out, _ = shop.review("push", "Shop")
    assert (code, shop.notes(FAILURES), len(shop.tool.writes)) == (0, before, 1)
    assert "1 unchanged" in out


def test_new_evidence_renews_the_block_and_leaves_what_stands_around_it(shop: Shop) -> None:
    """Also what somebody wrote below it."""
    stored(24, FAILOVER)
    shop.review("push", "Shop")
    shop.tool.question(FAILURES, SHOP)["Notes"] += "\nBob agrees.\n"
    stored(25, FAILOVER, met=False)
    assert shop.review("push", "Shop")[0] == 0
    notes = shop.notes(FAILURES)
    assert notes.startswith(f"Ask Ada.\n\nShe knows.\n\n{BEGIN}\n2026-11-25 {FAILOVER}: refuted: ")
    assert notes.endswith(f"{END}\nBob agrees.\n")


def test_a_dry_run_shows_the_diff_and_writes_nothing(shop: Shop) -> None:
    """The server saw no write."""
    stored(24, FAILOVER)
    code, out, err = shop.review("push", "Shop", "--dry-run", "--milestone", "spring")
    assert (code, shop.tool.writes, shop.notes(FAILURES)) == (0, [], "Ask Ada.\n\nShe knows.")
    assert f"  +{BEGIN}" in out
    assert "1 would write" in out
    assert "no milestone: a dry run makes none" in err


def test_where_there_is_no_room_nothing_is_written(shop: Shop) -> None:
    """Said, with exit code 1; other answers get theirs."""
    full = "x" * (NOTES_MAX - 30)
    shop.tool.question(FAILURES, SHOP)["Notes"] = full
    stored(24, FAILOVER, DR_TESTED)
    code, out, err = shop.review("push", "Shop", "--milestone", "spring")
    assert (code, shop.notes(FAILURES)) == (1, full)
    assert f"{FAILURES}: left as it is: no room" in out
    assert BEGIN in shop.notes(RECOVERY)
    assert "no milestone: not every answer was written" in err


def test_notes_are_never_longer_than_the_tool_takes(shop: Shop) -> None:
    """However it counts characters: the most important evidence stays, the rest is counted."""
    shop.tool.question(FAILURES, SHOP)["Notes"] = "😀" * 700
    for day in range(1, 4):
        stored(day, FAILOVER, "rel_withstand_component_failures_monitoring_health")
    code, _, _ = shop.review("push", "Shop")
    assert code == 0
    assert shop.notes(FAILURES).startswith("😀" * 700 + "\n\n" + BEGIN)
    assert "left out" in shop.notes(FAILURES)


def test_what_somebody_else_writes_meanwhile_is_kept(shop: Shop) -> None:
    """A conflict is answered by reading again."""

    def edit() -> None:
        shop.tool.question(FAILURES, SHOP)["Notes"] = "Ask Bob."

    stored(24, FAILOVER)
    shop.tool.troubles.append(Trouble("UpdateAnswer", "conflict", before=edit))
    assert shop.review("push", "Shop")[0] == 0
    assert shop.notes(FAILURES).startswith(f"Ask Bob.\n\n{BEGIN}")
    assert (shop.tool.count("GetAnswer"), shop.tool.count("UpdateAnswer")) == (2, 2)


def test_a_conflict_without_end_is_left_and_said(shop: Shop) -> None:
    """After five tries; the other answers are written."""
    stored(24, FAILOVER, DR_TESTED)
    shop.tool.troubles.append(Trouble("UpdateAnswer", "conflict", times=5))
    code, out, _ = shop.review("push", "Shop")
    assert code == 1
    assert f"{RECOVERY}: not written: somebody else keeps writing there: after 5 tries" in out
    assert BEGIN in shop.notes(FAILURES)


def test_throttling_is_waited_out(shop: Shop) -> None:
    """Reading and writing."""
    stored(24, FAILOVER)
    shop.tool.troubles += [Trouble("GetAnswer", "throttle"), Trouble("UpdateAnswer", "throttle", times=2)]
    assert shop.review("push", "Shop")[0] == 0
    assert BEGIN in shop.notes(FAILURES)


def test_words_written_while_a_push_is_throttled_stay(shop: Shop) -> None:
    """What was read before the wait is not what is written after it."""
    stored(24, FAILOVER)

    def edit() -> None:
        shop.tool.question(FAILURES, SHOP)["Notes"] = "Written while it was throttled."

    shop.tool.troubles.append(Trouble("UpdateAnswer", "throttle", before=edit))
    assert shop.review("push", "Shop")[0] == 0
    assert shop.notes(FAILURES).startswith("Written while it was throttled.")
    assert BEGIN in shop.notes(FAILURES)


def test_a_push_that_is_cut_says_what_was_written_and_what_was_not(shop: Shop) -> None:
    """Access denied at the second answer: the third is not tried, and the exit code is that of a refusal."""
    stored(24, FAILOVER, FAIL_FAST, DR_TESTED)
    shop.tool.troubles.append(Trouble("UpdateAnswer", "deny", times=9, skip=1))
    code, out, _ = shop.review("push", "Shop", "--json")
    words = json.loads(out)
    assert (code, words["schema"], words["milestone"]) == (77, "wellproven/review-push/v1", None)
    statuses = {one["question"]: one["status"] for one in words["questions"]}
    assert statuses == {INTERACTION: "written", RECOVERY: "failed", FAILURES: "not_tried"}
    assert "needs permission for UpdateAnswer" in next(one["because"] for one in words["questions"] if one["because"])


def test_a_write_that_nobody_answered_is_perhaps_written(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither claimed nor denied; 69."""
    monkeypatch.setattr("harness.verbs.review_tool.PATIENCE", QUICK)
    stored(24, FAILOVER)
    shop.tool.troubles.append(Trouble("UpdateAnswer", "vanish", times=99))
    code, out, _ = shop.review("push", "Shop")
    assert code == 69
    assert f"{FAILURES}: perhaps written: no answer came" in out


def test_a_question_that_is_gone_does_not_stop_the_others(shop: Shop) -> None:
    """Since it was listed, somebody upgraded the lens."""
    stored(24, FAILOVER, DR_TESTED)
    questions = shop.tool.workloads[SHOP].reviews["wellarchitected"]["questions"]
    shop.tool.troubles.append(Trouble("GetAnswer", "nothing", before=lambda: questions.pop(RECOVERY)))
    code, out, _ = shop.review("push", "Shop")
    assert code == 1
    assert f"{RECOVERY}: not written" in out
    assert BEGIN in shop.notes(FAILURES)


def test_another_account_than_the_allowed_one_is_refused(shop: Shop) -> None:
    """Before the tool is asked anything: the target's account, or the one on the command line."""
    stored(24, FAILOVER)
    code, _, err = shop.review("push", "Shop", "--account", "999999999999")
    assert (code, shop.tool.calls) == (77, [])
    assert f"are of AWS account {ACCOUNT}, the target allows 999999999999" in err
    Path("experiments").mkdir()
    Path("experiments/targets.yaml").write_text(
        "targets:\n- {name: staging, base-url: 'http://x', environment: staging, max-rate: 1/s,"
        " aws: {account: '111111111111', region: eu-central-1}}\n"
    )
    assert shop.review("push", "Shop", "--target", "staging")[0] == 77
    assert shop.tool.calls == []
    assert shop.review("push", "Shop", "--target", "staging", "--account", ACCOUNT)[0] == 0


def test_the_docs_name_what_pull_and_push_call(shop: Shop) -> None:
    """Whoever writes the IAM policy grants no less, and no more."""
    docs = (Path(__file__).parents[2] / "docs/review.md").read_text(encoding="utf-8")
    [said] = re.findall(r"of `wellarchitected:` (.+?) for `--milestone`", docs)
    common, pulling, pushing = (set(re.findall(r"`([A-Z]\w+)`", one)) for one in re.split("; a pull|, a push", said))
    stored(24, FAILOVER)
    shop.review("pull", SHOP)
    shop.review("pull", "Shop", "--lens", "Wellproven")
    assert {name for name, _ in shop.tool.calls} == common | pulling
    shop.tool.calls.clear()
    shop.review("push", SHOP)
    shop.review("push", "Shop", "--milestone", "after the game day")
    assert {name for name, _ in shop.tool.calls} == common | pushing


def test_a_milestone_is_made_after_the_push(shop: Shop) -> None:
    """Once, with the name asked for."""
    stored(24, FAILOVER)
    code, out, _ = shop.review("push", "Shop", "--milestone", "after the game day")
    assert code == 0
    assert [one["MilestoneName"] for one in shop.tool.workloads[SHOP].milestones] == ["spring", "after the game day"]
    assert "milestone 2: after the game day" in out
    assert [name for name, _ in shop.tool.writes] == ["UpdateAnswer", "CreateMilestone"]


def test_without_evidence_there_is_nothing_to_push(shop: Shop) -> None:
    """Said, and no answer is read."""
    code, _, err = shop.review("push", "Shop")
    assert (code, shop.tool.writes, shop.tool.count("GetAnswer")) == (0, [], 0)
    assert "nothing to push" in err


def test_our_own_lens_gets_evidence_too(shop: Shop) -> None:
    """What experiments prove of the built-in lens goes to the one imported into the tool."""
    run = stored(24, "rel_multi_zone", lens="wellproven")
    plan = json.loads((Path("runs") / run / "plan.json").read_text())
    plan["proves"][0]["question"] = "rel_redundancy"
    (Path("runs") / run / "plan.json").write_text(json.dumps(plan))
    assert shop.review("push", "Shop", "--lens", "Wellproven")[0] == 0
    assert "rel_multi_zone" in shop.tool.workloads[SHOP].reviews[OURS]["questions"]["rel_redundancy"]["Notes"]


def test_what_the_tools_users_wrote_cannot_steer_a_terminal(shop: Shop) -> None:
    """What a terminal would obey is a mark that it does not."""
    shop.tool.question(FAILURES, SHOP)["Notes"] = "\x1b[2Jgone"
    stored(24, FAILOVER)
    _, out, _ = shop.review("push", "Shop", "--dry-run")
    assert "\x1b" not in out
    assert "\N{REPLACEMENT CHARACTER}[2Jgone" in out
    assert shop.review("pull", "Shop")[0] == 0
    assert read_answers(PULLED).questions[FAILURES].notes == "\x1b[2Jgone"


def test_no_credential_reaches_a_file_or_a_message(shop: Shop) -> None:
    """Neither what is written nor what is said has the secret key in it."""
    stored(24, FAILOVER)
    said = [*shop.review("pull", "Shop"), *shop.review("push", "Shop", "--account", "999999999999")]
    assert all(SECRET not in str(one) for one in said)
    files = [path for path in shop.folder.rglob("*") if path.is_file()]
    assert files
    assert all(SECRET.encode() not in path.read_bytes() for path in files)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("pull",), "review pull takes one workload"),
        (("push", "a", "b"), "review push takes one workload"),
        (("push", "Shop", "--account", "12"), "expected 12 digits"),
        (("push", "Shop", "--milestone", "ab"), "expected 3 to 100"),
        (("push", "Shop", "--target", "nowhere"), "no target 'nowhere'"),
    ],
)
def test_words_that_make_no_sense_are_refused(shop: Shop, words: tuple[str, ...], said: str) -> None:
    """Before anything is asked of AWS."""
    code, _, err = shop.review(*words)
    assert (code, shop.tool.calls) == (64, [])
    assert said in err
