"""What a target does not allow: pure tables over a plan, a target and what was asked."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import slo
from harness.errors import FileError
from harness.fault import chaos
from harness.load import supervisor
from harness.plan import (
    Around,
    Plan,
    Reach,
    Resource,
    Survey,
    Target,
    in_words,
    make,
    read_experiment,
    read_targets,
    refusals,
)
from harness.plan.limits import DRAIN_S, READ_BACK_S, STEPS_S, TRY_AGAIN_S, longest_of
from harness.run import parts, readback, undoing
from harness.run.runner import BEGIN_UNDO_S
from harness.run.undoing import BEGIN_FAULT_S

ROOT = Path(__file__).parents[2]
PROMISES = slo.read([ROOT / "slos"])
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # a Wednesday
ACCOUNT = "123456789012"
TAGS = {"team": "shop"}
ALLOW = """\
    allow:
      zones: [eu-central-1a]
      tags: {team: shop}
      share: 40%
"""
STAGING = f"""\
targets:
  - name: staging
    base-url: https://shop.staging.example
    environment: staging
    max-rate: 600/s
    zone-header: x-zone
    fallback-header: x-fallback
    aws: {{account: "{ACCOUNT}", region: eu-central-1}}
    variables: {{DRILL_AZ: eu-central-1a, DRILL_TAG_KEY: team, DRILL_TAG_VALUE: shop}}
{ALLOW}"""


def target_of(tmp_path: Path, *changes: tuple[str, str]) -> Target:
    text = STAGING
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = tmp_path / "targets.yaml"
    path.write_text(text)
    return read_targets(path)["staging"]


def plan_of(target: Target, experiment: str = "az-failure", environment: Mapping[str, str] | None = None) -> Plan:
    read, document = read_experiment(ROOT / f"experiments/{experiment}.yaml")
    return make(read, document, PROMISES, target, environment=environment or {}, quick=True)


def instances(count: int, zone: str = "eu-central-1a", tags: Mapping[str, str] = TAGS) -> tuple[Resource, ...]:
    return tuple(Resource(kind="EC2 instance", id=f"i-{zone}-{n}", zone=zone, tags=dict(tags)) for n in range(count))


def reach(resources: tuple[Resource, ...], capacity: int = 10, **more: Any) -> Reach:
    usual = {"action": "stop", "what": "chaosaws.ec2.actions.stop_instances", "counted": True, "said": "some"}
    return Reach(**usual | {"resources": resources, "hits": len(resources), "capacity": capacity, "aws": True} | more)


def survey(*reaches: Reach, account: str = ACCOUNT) -> Survey:
    return Survey(account=account, region="eu-central-1", reaches=reaches)


def refused(target: Target, found: Survey | None = None, around: Around | None = None, **plan: Any) -> list[str]:
    asked = found or survey(reach(instances(3)))
    return refusals(plan_of(target, **plan), target, asked, around or Around(now=NOON))


def test_what_is_allowed_is_not_refused(tmp_path: Path) -> None:
    """Three of ten instances of the allowed zone, tagged, in the allowed account."""
    assert refused(target_of(tmp_path)) == []


def test_staging_that_says_nothing_of_aws_allows_nothing_of_it(tmp_path: Path) -> None:
    """Every limit that is missing is named, each with what to add."""
    bare = target_of(tmp_path, (ALLOW, ""), (f'    aws: {{account: "{ACCOUNT}", region: eu-central-1}}\n', ""))
    asked = [reason.rpartition("; ")[2] for reason in refused(bare)]
    assert asked == [
        "add aws: {account: ...}",
        "add aws: {region: ...}",
        "add allow: {zones: [...]}",
        "add allow: {tags: {...}}",
        "add allow: {share: ...}",
    ]


def test_development_needs_to_say_nothing(tmp_path: Path) -> None:
    """Where nothing can go wrong that matters, nothing need be allowed; only a drill of nothing is refused."""
    easy = target_of(tmp_path, (ALLOW, ""), ("environment: staging", "environment: development"))
    assert refused(easy, survey(reach(instances(9)))) == []
    assert "hits nothing" in refused(easy, survey(reach(())))[0]


REACHES = {
    "zero resolved targets": (reach(()), "hits nothing: some"),
    "another zone": (reach(instances(1, "eu-central-1b")), "reaches zone eu-central-1b; allowed: eu-central-1a"),
    "instances without the tag": (reach(instances(2, tags={"team": "billing"})), "reaches 2 without the allowed tags"),
    "a filter without the tag": (reach(instances(1), tagged=False), "does not ask for the tags team=shop"),
    "too large a share": (reach(instances(5)), "takes 50 % of the capacity (some), allowed is 40 %"),
    "what cannot be counted": (
        Reach(action="stop", what="my.own.fault", counted=False, said="cannot be counted: nobody knows"),
        "add allow: {uncounted: [my.own.fault]}",
    ),
}


@pytest.mark.parametrize("case", REACHES)
def test_what_would_be_hit_is_held_against_the_limits(tmp_path: Path, case: str) -> None:
    """One reason, which names the action, what was found and what is allowed."""
    found, expected = REACHES[case]
    (reason,) = refused(target_of(tmp_path), survey(found))
    assert expected in reason
    assert reason.startswith("stop (")


def test_actions_that_are_small_alone_can_be_too_large_together(tmp_path: Path) -> None:
    """Twice 30 % of different instances is 60 %; the same instances twice stay 30 %."""
    one, other = reach(instances(6)[:3]), reach(instances(6)[3:])
    assert "together take 60 % of the EC2 instances" in refused(target_of(tmp_path), survey(one, other))[0]
    assert refused(target_of(tmp_path), survey(one, one)) == []


def test_another_account_is_refused(tmp_path: Path) -> None:
    """Credentials that lead elsewhere are found before anything is touched."""
    (reason,) = refused(target_of(tmp_path), survey(reach(instances(1)), account="999999999999"))
    assert reason == f"the credentials are of AWS account 999999999999, allowed is {ACCOUNT}"


def test_another_region_of_the_experiments_own_is_refused(tmp_path: Path) -> None:
    """An experiment whose configuration names a region works there, whatever the target says."""
    own = tmp_path / "own.yaml"
    text = (ROOT / "experiments/az-failure.yaml").read_text()
    own.write_text(
        text.replace("aws_region: {type: env, key: AWS_REGION, default: us-east-1}", "aws_region: us-west-2")
    )
    target = target_of(tmp_path)
    read, document = read_experiment(own)
    plan = make(read, document, PROMISES, target, environment={})
    assert refusals(plan, target, None, Around(now=NOON)) == [
        "the experiment works in region us-west-2, allowed is eu-central-1; drop aws_region"
    ]


def test_a_role_in_another_account_is_refused(tmp_path: Path) -> None:
    """A role to be taken names its account: it must be the target's."""
    own = tmp_path / "own.yaml"
    role = "configuration:\n  aws_assume_role_arn: arn:aws:iam::999999999999:role/chaos\n"
    own.write_text((ROOT / "experiments/az-failure.yaml").read_text().replace("configuration:\n", role, 1))
    target = target_of(tmp_path)
    read, document = read_experiment(own)
    plan = make(read, document, PROMISES, target, environment={})
    (reason,) = refusals(plan, target, None, Around(now=NOON))
    assert "takes a role in AWS account 999999999999" in reason


def test_a_role_that_nobody_can_name_yet_is_refused(tmp_path: Path) -> None:
    """Where the role's ARN comes from a secret, its account is not known: it may be any."""
    written = "configuration:\n  aws_assume_role_arn: {type: env, key: SHOP_ROLE}\n"
    target = target_of(tmp_path, ("    variables:", "    secrets: [SHOP_ROLE]\n    variables:"))
    (reason,) = refusals(own_plan(tmp_path, target, written), target, None, Around(now=NOON))
    assert "takes a role in AWS account unknown" in reason


CREDENTIALS = {
    "configuration.aws_profile_name": "configuration:\n  aws_profile_name: admin\n",
    "secrets.aws.aws_access_key_id": (
        "secrets: {aws: {aws_access_key_id: {type: env, key: OTHER_ID}}}\nconfiguration:\n"
    ),
    "secrets.aws.aws_secret_access_key": (
        "secrets: {aws: {aws_secret_access_key: {type: vault, path: secret/aws, key: secret}}}\nconfiguration:\n"
    ),
    "secrets.aws.aws_session_token": (
        "secrets: {aws: {aws_session_token: {type: env, key: OTHER_SESSION}}}\nconfiguration:\n"
    ),
    "secrets.aws, which may hold any key of Vault's": (
        "secrets: {aws: {type: vault, path: secret/aws}}\nconfiguration:\n"
    ),
    "secrets.shop.all, which may hold any key of Vault's": (
        "secrets: {shop: {all: {type: vault, path: secret/shop}}}\nconfiguration:\n"
    ),
}


@pytest.mark.parametrize("where", CREDENTIALS)
def test_credentials_of_the_experiments_own_are_refused(tmp_path: Path, where: str) -> None:
    """Account and blast radius are asked with the target's credentials: others would act where nobody looked."""
    for environment in ("staging", "development"):
        target = target_of(tmp_path, ("environment: staging", f"environment: {environment}"))
        plan = own_plan(tmp_path, target, CREDENTIALS[where])
        (reason,) = refusals(plan, target, None, Around(now=NOON))
        assert f"credentials of its own ({where})" in reason
        assert "name the profile in the target: aws: {profile: ...}" in reason


def test_one_key_of_vault_s_under_another_name_is_no_credential(tmp_path: Path) -> None:
    """What is taken from Vault by its key has the name that the experiment gives it, and no other."""
    target = target_of(tmp_path)
    written = "secrets: {shop: {signing: {type: vault, path: secret/shop, key: signing}}}\nconfiguration:\n"
    assert refusals(own_plan(tmp_path, target, written), target, survey(reach(instances(3))), Around(now=NOON)) == []


def test_where_no_account_is_named_an_experiment_may_bring_its_credentials(tmp_path: Path) -> None:
    """In development there is nothing to hold them against; staging is refused them all the same."""
    nameless = (f'    aws: {{account: "{ACCOUNT}", region: eu-central-1}}\n', "")
    easy = target_of(tmp_path, nameless, ("environment: staging", "environment: development"))
    written = CREDENTIALS["configuration.aws_profile_name"]
    assert refusals(own_plan(tmp_path, easy, written), easy, None, Around(now=NOON)) == []
    strict = target_of(tmp_path, nameless)
    found = refusals(own_plan(tmp_path, strict, written), strict, None, Around(now=NOON))
    assert any("credentials of its own" in reason for reason in found)


def own_plan(tmp_path: Path, target: Target, configuration: str) -> Plan:
    """The loss of a zone, with another beginning of its configuration."""
    own = tmp_path / "own.yaml"
    own.write_text((ROOT / "experiments/az-failure.yaml").read_text().replace("configuration:\n", configuration, 1))
    read, document = read_experiment(own)
    return make(read, document, PROMISES, target, environment={})


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (None, ["host 127.0.0.1 is not allowed; allowed: shop.staging.example"]),
        ("[shop.staging.example, 127.0.0.1]", []),
        ("['*.staging.example', 127.0.0.1]", []),
        ("[127.0.0.1, staging.example]", ["host shop.staging.example is not allowed"]),
    ],
)
def test_every_host_an_activity_names_must_be_allowed(tmp_path: Path, hosts: str | None, expected: list[str]) -> None:
    """The latency experiment speaks to an Envoy at 127.0.0.1; the target's own host counts as well as activities'."""
    changes = () if hosts is None else (("    allow:\n", f"    allow:\n      hosts: {hosts}\n"),)
    found = refused(target_of(tmp_path, *changes), Survey(), experiment="latency")
    assert [reason.partition(expected[0])[1] for reason in found] == expected


OTHER_HOSTS = {
    "a database": (
        'dsn: "postgresql+psycopg://db.example:5432/shop"',
        "host db.example is not allowed",
    ),
    "brokers": ('bootstrap_servers: ["k1.example:9092"]', "host k1.example is not allowed"),
    "an IP address": ("whom: 10.0.0.7", "host 10.0.0.7 is not allowed"),
    "from a secret": ('dsn: "${db_password}"', "${db_password}, a host that only the run knows, is not allowed"),
}


ELSEWHERE = {"type": "http", "url": "http://db.example/x"}


@pytest.mark.parametrize("place", ["tolerance", "experiment", "hypothesis", "activity"])
def test_hosts_of_tolerances_and_controls_must_be_allowed_too(tmp_path: Path, place: str) -> None:
    """A tolerance may be a probe of its own, and a control is handed an address."""
    body = yaml.safe_load((ROOT / "experiments/latency.yaml").read_text())
    control = {"name": "c", "provider": {"type": "python", "module": "os", "arguments": {"url": ELSEWHERE["url"]}}}
    if place == "tolerance":
        looks: dict[str, Any] = {"name": "looks", "provider": {"type": "http", "url": "http://127.0.0.1/x"}}
        looks["tolerance"] = {"type": "probe", "name": "held against", "provider": ELSEWHERE}
        body["extensions"][0]["healed"].append({"probe": looks})
    else:
        body["steady-state-hypothesis"] = {"title": "t", "probes": []}
        holder = {"experiment": body, "hypothesis": body["steady-state-hypothesis"], "activity": body["method"][0]}
        holder[place]["controls"] = [control]
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump(body))
    target = target_of(tmp_path, ("    allow:\n", "    allow:\n      hosts: [shop.staging.example, 127.0.0.1]\n"))
    read, document = read_experiment(own)
    (reason,) = refusals(make(read, document, PROMISES, target, environment={}), target, None, Around(now=NOON))
    assert reason.startswith("host db.example is not allowed")


@pytest.mark.parametrize("case", OTHER_HOSTS)
def test_hosts_beyond_the_web_must_be_allowed_too(tmp_path: Path, case: str) -> None:
    """Addresses of any scheme, lists of brokers, plain IP addresses; what nobody knows yet is not allowed either."""
    written, expected = OTHER_HOSTS[case]
    text = (ROOT / "experiments/latency.yaml").read_text()
    own = tmp_path / "own.yaml"
    text = text.replace("configuration:\n", "configuration:\n  db_password: {type: env, key: DB_PASSWORD}\n", 1)
    own.write_text(text.replace("_url}\n        delay_ms", f"_url}}\n        {written}\n        delay_ms", 1))
    assert own.read_text() != text
    target = target_of(tmp_path, ("    allow:\n", "    allow:\n      hosts: [shop.staging.example, 127.0.0.1]\n"))
    read, document = read_experiment(own)
    (reason,) = refusals(make(read, document, PROMISES, target, environment={}), target, None, Around(now=NOON))
    assert reason.startswith(expected)


def test_a_fault_that_may_stay_too_long_is_refused(tmp_path: Path) -> None:
    """The longest fault is the target's word; 15 minutes where staging has none."""
    short = target_of(tmp_path, ("    allow:\n", "    allow:\n      fault: 10s\n"))
    (reason,) = refused(short)
    assert "allowed are 10 s; shorten phases: in the experiment" in reason


@pytest.mark.parametrize(
    ("spent", "refused_for"),
    [({}, []), ({"orders-accepted": 0.74}, []), ({"orders-accepted": 0.76}, ["orders-accepted"])],
)
def test_a_budget_that_is_nearly_spent_is_refused(
    tmp_path: Path, spent: dict[str, float], refused_for: list[str]
) -> None:
    """20 % must be left after a drill that may cost 5 %: 75 % may have been spent before."""
    target = target_of(tmp_path, ("    allow:\n", "    allow:\n      budget-left: 20%\n"))
    found = refused(target, around=Around(now=NOON, spent=spent))
    assert [name for name in refused_for if any(f"of {name}'s budget" in reason for reason in found)] == refused_for
    assert len(found) == len(refused_for)


def test_a_run_that_does_not_say_what_it_cost_is_refused(tmp_path: Path) -> None:
    """Nothing is assumed of a record that cannot be read, where a budget must be left."""
    target = target_of(tmp_path, ("    allow:\n", "    allow:\n      budget-left: 20%\n"))
    (reason,) = refused(target, around=Around(now=NOON, spent_unknown=("az-failure/2026",)))
    assert "what run az-failure/2026 cost" in reason


def test_a_held_target_is_refused(tmp_path: Path) -> None:
    """Known before anything starts, and said with everything else."""
    assert "another run holds it" in refused(target_of(tmp_path), around=Around(now=NOON, locked=True))[0]


WINDOW = "    allow:\n      windows: [{days: [%s], from: '%s', to: '%s', time-zone: %s}]\n"
WINDOWS = {
    "inside": ("wed", "11:00", "13:00", "UTC", NOON, True),
    "another day": ("thu", "11:00", "13:00", "UTC", NOON, False),
    "too late to end in it": ("wed", "11:00", "12:01", "UTC", NOON, False),
    "its own time zone": ("wed", "12:30", "14:00", "Europe/Berlin", NOON, True),
    "not yet, in its own time zone": ("wed", "12:00", "13:00", "America/New_York", NOON, False),
    "over midnight, before": ("wed", "23:00", "02:00", "UTC", datetime(2026, 3, 4, 23, 30, tzinfo=UTC), True),
    "over midnight, after": ("wed", "23:00", "02:00", "UTC", datetime(2026, 3, 5, 1, 0, tzinfo=UTC), True),
    "over midnight, a day later": ("wed", "23:00", "02:00", "UTC", datetime(2026, 3, 6, 1, 0, tzinfo=UTC), False),
    # On 29 March 2026 clocks in Berlin go from 02:00 to 03:00: 03:30 there is 01:30 UTC.
    "the day the clock is put forward": (
        "sun", "03:00", "04:00", "Europe/Berlin", datetime(2026, 3, 29, 1, 30, tzinfo=UTC), True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WINDOWS)
def test_a_drill_begins_and_ends_in_a_maintenance_window(tmp_path: Path, case: str) -> None:
    """On the days and between the times of the window's own zone; its longest length must fit."""
    days, begin, end, zone, now, holds = WINDOWS[case]
    target = target_of(tmp_path, ("    allow:\n", WINDOW % (days, begin, end, zone)))
    found = refused(target, around=Around(now=now))
    assert (found == []) is holds, found
    if not holds:
        assert "no maintenance window holds a drill of up to" in found[0]


def test_a_window_holds_what_comes_before_and_after_the_phases_too(tmp_path: Path) -> None:
    """Start-up, healing, the last answers and the read-back take their time: a window that ends before is too short."""
    target = target_of(tmp_path)
    plan = plan_of(target)
    phases_s = sum(phase.longest_s for phase in plan.phases)
    drain_s = max(route.timeout_s for route in plan.profile.routes) + 5
    assert longest_of(plan, target) == phases_s + 190 + (2 * 60 + 60) + drain_s + 60
    body = {
        "configuration": {"settle_s": {"type": "env", "key": "SETTLE_S", "default": 1}},
        "rollbacks": [{"pauses": {"before": "${settle_s}"}}],
    }
    settling = target.model_copy(update={"environment_variables": {"SETTLE_S": "100"}})
    pausing = plan.model_copy(update={"body": body})
    assert longest_of(pausing, settling) - longest_of(plan, target) == 2 * 100
    minutes = math.ceil(phases_s / 60)
    target = target_of(tmp_path, ("    allow:\n", WINDOW % ("wed", "11:00", f"12:{minutes:02}", "UTC")))
    assert "no maintenance window holds" in refused(target)[0]


def test_the_lengths_that_a_plan_counts_with_are_those_of_a_run() -> None:
    """A time-out that is raised there must be raised here."""
    assert STEPS_S == parts.REACH_S + chaos.READY_S + supervisor.READY_DEADLINE_S + BEGIN_FAULT_S + BEGIN_UNDO_S
    assert TRY_AGAIN_S == undoing.TRY_AGAIN_S
    assert DRAIN_S == supervisor.STOP_MARGIN_S
    assert READ_BACK_S == readback.DEADLINE_S


def test_production_needs_a_word_a_name_and_a_window(tmp_path: Path) -> None:
    """With all three it may be drilled; each that is missing is said."""
    live = ("environment: staging", "environment: production")
    bare = refused(target_of(tmp_path, live))
    assert [reason for reason in bare if "production" in reason] == bare
    assert len(bare) == 3
    window = WINDOW % ("wed", "11:00", "13:00", "UTC")
    around = Around(now=NOON, production=True, approver="Kim Lee")
    assert refused(target_of(tmp_path, live, ("    allow:\n", window)), around=around) == []


@pytest.mark.parametrize("name", ["", "  ", "\u200b", "\u2060\ufeff", "-", "..."])
def test_nobody_is_no_approver(tmp_path: Path, name: str) -> None:
    """A name has a letter or a digit that can be read."""
    window = WINDOW % ("wed", "11:00", "13:00", "UTC")
    target = target_of(tmp_path, LIVE, ("    allow:\n", window))
    (reason,) = refused(target, around=Around(now=NOON, production=True, approver=name))
    assert "name them with --approver NAME" in reason


LIVE = ("environment: staging", "environment: production")
APPROVED = {"production": True, "approver": "Kim Lee"}


def test_production_asks_every_experiment_what_it_may_cost(tmp_path: Path) -> None:
    """Without a budget nobody has said how much harm is all right; elsewhere it may go unsaid."""
    window = (
        "    allow:\n",
        WINDOW % ("wed", "11:00", "14:00", "UTC") + "      hosts: [shop.staging.example, 127.0.0.1]\n",
    )
    around = Around(now=NOON, **APPROVED)
    asked = {"found": Survey(), "around": around, "experiment": "latency"}
    assert refused(target_of(tmp_path, LIVE, window), **asked) == [
        "it is production, and nothing says what the drill may cost; add budget: 5% to the experiment"
    ]
    assert refused(target_of(tmp_path, window), **asked) == []


@pytest.mark.parametrize(
    ("left", "spent", "is_refused"),
    [("", 0.44, False), ("", 0.46, True), ("budget-left: 20%", 0.74, False), ("budget-left: 20%", 0.76, True)],
)
def test_drills_leave_half_of_a_budget_alone_in_production(
    tmp_path: Path, left: str, spent: float, *, is_refused: bool
) -> None:
    """Unless the target says otherwise; the drill may cost 5 % itself."""
    window = WINDOW % ("wed", "11:00", "14:00", "UTC") + (f"      {left}\n" if left else "")
    target = target_of(tmp_path, LIVE, ("    allow:\n", window))
    found = refused(target, around=Around(now=NOON, spent={"orders-accepted": spent}, **APPROVED))
    assert bool(found) is is_refused
    assert all("of orders-accepted's budget" in reason for reason in found)
    assert refused(target_of(tmp_path), around=Around(now=NOON, spent={"orders-accepted": 0.99})) == []


def test_a_rollback_may_reach_no_further_than_an_action(tmp_path: Path) -> None:
    """Zones and tags hold for what it starts; but it takes nothing away, and finds nothing broken before the fault."""
    target, fault = target_of(tmp_path), reach(instances(3))
    allowed = reach(instances(9), undoes=True)
    nothing_yet = reach((), undoes=True)
    unknown = Reach(action="stop", what="chaosaws.x", counted=False, said="cannot be counted", undoes=True, aws=True)
    assert refused(target, survey(fault, allowed, nothing_yet, unknown)) == []
    (zone,) = refused(target, survey(fault, reach(instances(1, "eu-central-1b"), undoes=True, action="start")))
    assert zone.startswith("rollback start (chaosaws.ec2.actions.stop_instances): reaches zone eu-central-1b")
    (tags,) = refused(target, survey(fault, reach(instances(1, tags={"team": "billing"}), undoes=True)))
    assert "reaches 1 without the allowed tags" in tags
    (unasked,) = refused(target, survey(fault, reach((), undoes=True, tagged=False)))
    assert "does not ask for the tags" in unasked
    assert in_words(survey(fault, allowed)) == in_words(survey(fault))


def test_what_an_action_names_is_held_against_limits_though_it_does_not_run(tmp_path: Path) -> None:
    """By the time of the drill it may; and nobody's instance is touched for being stopped."""
    target, others = target_of(tmp_path), instances(1, tags={"team": "billing"})
    (foreign,) = refused(target, survey(reach(instances(3), resting=others)))
    assert "reaches 1 without the allowed tags (i-eu-central-1a-0)" in foreign
    (alone,) = refused(target, survey(reach((), resting=others)))
    assert "without the allowed tags" in alone
    (zone,) = refused(target, survey(reach(instances(3), resting=instances(1, "eu-central-1b"))))
    assert "reaches zone eu-central-1b" in zone


def test_all_reasons_come_at_once(tmp_path: Path) -> None:
    """Whoever mends one finds no second behind it."""
    target = target_of(tmp_path, ("    allow:\n", "    allow:\n      fault: 10s\n      hosts: [other.example]\n"))
    found = refused(target, survey(reach(instances(5, "eu-central-1b"))), Around(now=NOON, locked=True))
    assert len(found) == 5


def test_what_would_be_hit_is_said_with_its_share() -> None:
    """Action, count, share, ids, account and region."""
    assert in_words(survey(reach(instances(3), said="3 of 10 EC2 instances"))) == (
        "stop: 3 of 10 EC2 instances (30 %): i-eu-central-1a-0, i-eu-central-1a-1, i-eu-central-1a-2",
        f"asked of AWS account {ACCOUNT}, region eu-central-1",
    )


def test_a_share_is_exact() -> None:
    """One of three is a third, not 0.333."""
    assert reach(instances(1), capacity=3).share == Fraction(1, 3)


@pytest.mark.parametrize(
    ("allow", "expected"),
    [
        ("zone: [a]", "allow.zone: got an unknown field"),
        ("share: 140%", "allow.share: got '140%', expected a share above 0 % and up to 100 %"),
        ("hosts: ['https://x']", "allow.hosts[0]: got 'https://x', expected a host name such as shop.example"),
        ("hosts: ['a.*.b']", "allow.hosts[0]: got 'a.*.b', expected a host name"),
        ("fault: long", "allow.fault: got 'long', expected a duration"),
        ("windows: [{from: 9, to: '10:00', time-zone: UTC}]", "allow.windows[0].from: got 9, expected a time of day"),
        (
            "windows: [{from: '09:00', to: '10:00', time-zone: Berlin}]",
            "allow.windows[0].time-zone: got 'Berlin', expected a time zone such as Europe/Berlin, or UTC",
        ),
        (
            "windows: [{days: [monday], from: '09:00', to: '10:00', time-zone: UTC}]",
            "allow.windows[0].days[0]: got 'monday', expected mon, tue, wed, thu, fri, sat or sun",
        ),
        ("windows: [{from: '09:00', to: '10:00'}]", "allow.windows[0].time-zone: got nothing, expected this field"),
    ],
)
def test_mistakes_in_what_is_allowed(tmp_path: Path, allow: str, expected: str) -> None:
    """Limits are read strictly: one that was misspelt must not be none."""
    with pytest.raises(FileError) as caught:
        target_of(tmp_path, (ALLOW, f"    allow:\n      {allow}\n"))
    assert len(caught.value.mistakes) == 1
    assert expected in str(caught.value)
