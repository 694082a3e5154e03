"""Reading experiments and targets: every mistake at once, with its line."""

from pathlib import Path

import pytest

from harness.errors import FileError
from harness.plan import read_experiment, read_targets

WHOLE = """\
title: A zone is lost
description: All of it
method:
  - type: action
    name: stop
    provider: {type: python, module: chaosaws.ec2.actions, func: stop_instances, arguments: {az: "${az}"}}
rollbacks:
  - type: action
    name: start
    provider: {type: python, module: chaosaws.ec2.actions, func: start_instances}
extensions:
  - name: somebody-elses
    anything: goes
  - name: wellproven
    disruption: az
    evidence: [{zone-silent: a}]
"""


def mistakes_of(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(FileError) as caught:
        read_experiment(path)
    return [str(mistake).replace(f"{path}:", "") for mistake in caught.value.mistakes]


def test_what_the_harness_does_not_know_stays_chaos_toolkits(tmp_path: Path) -> None:
    """The document is kept as written; defaults of the extension are the documented ones."""
    path = tmp_path / "zone.yaml"
    path.write_text(WHOLE)
    experiment, _ = read_experiment(path)
    assert experiment.name == "zone"
    assert experiment.body["extensions"][0] == {"name": "somebody-elses", "anything": "goes"}  # type: ignore[index]
    assert (experiment.drill.slos, experiment.drill.claims, experiment.drill.phases) == ((), (), "auto")
    assert experiment.drill.sustain == 3_000_000_000
    assert [action.what for action in experiment.actions] == ["chaosaws.ec2.actions.stop_instances"]


ONE_LOOK = "{probe: {name: x, tolerance: 0, provider: {type: process, path: ls}}}"
CHANGES = (
    "{probe: {name: y, tolerance: 0, "
    "provider: {type: python, module: chaosaws.ec2.actions, func: terminate_instances}}}"
)
MISTAKES = {
    "an experiment is a mapping": ("[1, 2]\n", ["1: got a list of 2, expected a Chaos Toolkit experiment"]),
    "a title is needed": (WHOLE.replace("title: A zone is lost\n", ""), ["1: title: got nothing, expected text; add"]),
    "rollbacks are needed": (
        WHOLE.replace("rollbacks:", "x-rollbacks:"),
        ["1: rollbacks: got nothing, expected a list of activities; add the actions that undo the fault"],
    ),
    "an empty method breaks nothing": (
        WHOLE.replace("method:\n", "method: []\nx-method:\n"),
        ["3: method: got an empty list, expected a list of activities; add the fault's actions"],
    ),
    "a method of probes breaks nothing": (
        WHOLE.replace("type: action\n    name: stop", "type: probe\n    name: stop"),
        [
            "3: method: got only probes, expected at least one activity of type action; add the fault's actions",
            "6: method[0].provider: got chaosaws.ec2.actions.stop_instances, expected a probe that only looks",
        ],
    ),
    "an activity is an action or a probe": (
        WHOLE.replace("type: action\n    name: stop", "type: fault\n    name: stop"),
        ["4: method[0].type: got 'fault', expected action or probe"],
    ),
    "a provider is python, process or http": (
        WHOLE.replace("{type: python, module: chaosaws.ec2.actions, func: start_instances}", "{type: ruby}"),
        ["10: rollbacks[0].provider: got a mapping, expected a provider of type python, process or http"],
    ),
    "a rollback refers to what Chaos Toolkit finds": (
        WHOLE.replace("extensions:\n", "  - {ref: start}\n  - {ref: stop}\nextensions:\n", 1),
        [
            (
                "11: rollbacks[1].ref: got 'start', expected the name of an activity of method or hypothesis; "
                "write the activity itself here; Chaos Toolkit finds no others"
            )
        ],
    ),
    "a rollback has a name of its own": (
        WHOLE.replace(
            "extensions:\n", "  - {type: action, name: start, provider: {type: process, path: ls}}\nextensions:\n", 1
        ),
        ["11: rollbacks[1]: got another 'start', expected a name of its own; call it something else"],
    ),
    "a setting is no probe": (
        "configuration: {who: {type: probe, name: who, provider: {type: process, path: ls}}}\n" + WHOLE,
        ["1: configuration.who.type: got 'probe', expected a value, or {type: env, key: NAME}; ask before the drill"],
    ),
    "the extension is needed": (
        WHOLE.replace("name: wellproven", "name: wellprovem"),
        ["11: extensions: got 0 of that name, expected one extension named wellproven"],
    ),
    "the disruption is one of four": (
        WHOLE.replace("disruption: az", "disruption: zone"),
        ["15: extensions[1].disruption: got 'zone', expected software, hardware, az or region"],
    ),
    "a budget is a share": (
        WHOLE + "    budget: 150%\n",
        ["17: extensions[1].budget: got '150%', expected a share above 0 % and up to 100 %"],
    ),
    "without evidence nothing can be proven": (
        WHOLE.replace("[{zone-silent: a}]", "[]"),
        ["16: extensions[1].evidence: got an empty list, expected a size of at least 1"],
    ),
    "one evidence is one kind": (
        WHOLE.replace("[{zone-silent: a}]", "[{}]"),
        [
            (
                "16: extensions[1].evidence[0]: got an empty mapping, "
                "expected exactly one of zone-silent, traffic-above, probe"
            )
        ],
    ),
    "a probe has a tolerance": (
        WHOLE.replace("[{zone-silent: a}]", "[{probe: {name: x, provider: {}}}]"),
        ["16: extensions[1].evidence[0].probe: got a mapping, expected a Chaos Toolkit probe with a tolerance"],
    ),
    "two looks of one name would count as one": (
        WHOLE.replace("[{zone-silent: a}]", f"[{ONE_LOOK}, {ONE_LOOK}]\n    healed: [{ONE_LOOK}, {ONE_LOOK}]"),
        [
            "16: extensions[1].evidence: got a list of 2, expected each name once; 'x' stands there twice",
            "17: extensions[1].healed: got a list of 2, expected each name once; 'x' stands there twice",
        ],
    ),
    "a probe that changes something would be asked of no limit": (
        WHOLE.replace("[{zone-silent: a}]", f"[{CHANGES}]\n    healed: [{ONE_LOOK}]"),
        ["16: extensions[1].evidence[0].probe.provider: got chaosaws.ec2.actions.terminate_instances, "],
    ),
    "unknown fields come with the nearest name": (
        WHOLE + "    ledgers: {}\n",
        ["17: extensions[1].ledgers: "],
    ),
    "every mistake comes at once": (
        WHOLE.replace("title: A zone is lost\n", "")
        .replace("disruption: az", "disruption: zone")
        .replace("type: action\n    name: stop", "type: fault\n    name: stop"),
        ["1: title: ", "3: method[0].type: ", "14: extensions[1].disruption: "],
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_of_experiments(tmp_path: Path, case: str) -> None:
    """Each mistake is named with its line, what stands there, what was expected, and the way out."""
    text, expected = MISTAKES[case]
    found = mistakes_of(tmp_path / "zone.yaml", text)
    assert len(found) == len(expected), found
    for one, start in zip(found, expected, strict=True):
        assert one.startswith(start)


TARGETS = """\
targets:
  - name: staging
    base-url: https://shop.staging.example/
    environment: staging
    max-rate: 200/s
    zone-header: x-zone
    aws: {account: "123456789012", region: eu-central-1, profile: drills}
    variables: {DRILL_AZ: eu-central-1a}
    secrets: [SHOP_TOKEN]
"""


def test_a_target_says_where_and_how_much(tmp_path: Path) -> None:
    """Region and profile reach the experiment as the variables AWS's own tools read; secrets are names only."""
    path = tmp_path / "targets.yaml"
    path.write_text(TARGETS)
    target = read_targets(path)["staging"]
    assert target.base_url == "https://shop.staging.example"
    assert target.rate_max_per_s == 200
    assert target.environment_variables == {
        "DRILL_AZ": "eu-central-1a",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_PROFILE": "drills",
    }
    assert target.secrets == ("SHOP_TOKEN",)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("max-rate: 200/s", "max-rate: 200"), "targets[0].max-rate: got 200, expected a rate such as 40/s or 90/m"),
        (
            ("environment: staging", "environment: stage"),
            "targets[0].environment: got 'stage', expected development, testbed",
        ),
        (("name: staging", "name: testbed"), "targets[0].name: got 'testbed', expected another name than testbed"),
        (('account: "123456789012"', "account: 1234"), "targets[0].aws.account: "),
        (("https://shop", "ftp://shop"), "targets[0].base-url: "),
        (
            ("shop.staging.example/", "shop:99999"),
            "targets[0].base-url: got 'https://shop:99999', expected http or https",
        ),
        (
            ("shop.staging.example/", "shop:0"),
            "targets[0].base-url: got 'https://shop:0', expected http or https, a host",
        ),
        (("shop.staging.example/", ":80"), "targets[0].base-url: got 'https://:80', expected http or https, a host"),
        (
            ("shop.staging.example/", "[shop"),
            "targets[0].base-url: got 'https://[shop', expected http or https, a host",
        ),
        (
            ("shop.staging.example/", "shop?a=b"),
            "targets[0].base-url: got 'https://shop?a=b', expected an address without query or fragment",
        ),
        (
            ("shop.staging.example/", "shop#a"),
            "targets[0].base-url: got 'https://shop#a', expected an address without query or fragment",
        ),
        (("zone-header", "zone-heder"), "targets[0].zone-heder: "),
    ],
)
def test_mistakes_of_targets(tmp_path: Path, change: tuple[str, str], expected: str) -> None:
    """A target file that is wrong is refused with the line."""
    path = tmp_path / "targets.yaml"
    path.write_text(TARGETS.replace(*change))
    with pytest.raises(FileError) as caught:
        read_targets(path)
    assert len(caught.value.mistakes) == 1
    assert f": {expected}" in str(caught.value)


def test_no_targets_file_is_no_mistake(tmp_path: Path) -> None:
    """The embedded target needs none."""
    assert read_targets(tmp_path / "targets.yaml") == {}


SECRETS = """\
configuration:
  shop_url: {type: env, key: SHOP_URL}
  login: {type: env, key: SHOP_LOGIN}
  db: {type: env, key: DB_PASSWORD}
secrets:
  shop:
    token: {type: env, key: SHOP_TOKEN}
    signing: {type: vault, path: secret/shop, key: signing}
"""
VAULT = "configuration: {shop_url: {type: env, key: SHOP_URL}}\nsecrets: {shop: {type: vault, path: secret/shop}}\n"
AT = "method[0].provider.arguments"
COMMAND_LINES = {
    "one of the experiment's": (SECRETS, "[--token, '${token}']", "${token}", f"{AT}[1]"),
    "one of Vault's": (SECRETS, "{--key: '${signing}'}", "${signing}", f"{AT}.--key"),
    "within a text": (SECRETS, "'-H \"Authorization: Bearer ${token}\"'", "${token}", AT),
    "one whose variable looks it": (SECRETS, "['${db}']", "${db}", f"{AT}[0]"),
    "one of all that stands in Vault": (VAULT, "['${password}']", "${password}", f"{AT}[0]"),
}


def process(folder: Path, before: str, arguments: str) -> Path:
    path = folder / "zone.yaml"
    provider = f"{{type: process, path: curl, arguments: {arguments}}}"
    asked = '{type: python, module: chaosaws.ec2.actions, func: stop_instances, arguments: {az: "${az}"}}'
    assert asked in WHOLE
    path.write_text(before + WHOLE.replace(asked, provider))
    return path


@pytest.mark.parametrize("case", COMMAND_LINES)
def test_no_secret_stands_on_a_command_line(tmp_path: Path, case: str) -> None:
    """Every user of the machine may list them: a `process` that is handed a secret is a mistake, with a way out."""
    before, arguments, got, at = COMMAND_LINES[case]
    path = process(tmp_path, before, arguments)
    (said,) = mistakes_of(path, path.read_text())
    assert f" {at}: got {got}, a secret, expected no secret on a command line" in said
    assert "let the program read it from its environment" in said


@pytest.mark.parametrize("before", [SECRETS, VAULT])
def test_what_is_no_secret_may_stand_there(tmp_path: Path, before: str) -> None:
    """An address is none, nor is what a shell reads from its own environment."""
    read_experiment(process(tmp_path, before, "['${shop_url}', '$SHOP_TOKEN']"))


def test_one_that_evidence_or_healing_hands_over_is_found_too(tmp_path: Path) -> None:
    """Wherever an activity may stand."""
    path = process(tmp_path, SECRETS, "[]")
    probe = "{name: x, tolerance: 0, provider: {type: process, path: curl, arguments: ['${token}']}}"
    text = path.read_text().replace("evidence: [{", f"healed: [{{probe: {probe}}}]\n    evidence: [{{")
    (said,) = mistakes_of(path, text)
    assert "extensions[1].healed[0].probe.provider.arguments[0]: got ${token}, a secret" in said
