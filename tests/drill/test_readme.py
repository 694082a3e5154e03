"""README's own commands, run as they stand there, against a target of the user's: a bed that plays staging."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from harness.redaction import looks_secret
from tests.drill.drills import ROOT, WELLPROVEN
from tests.test_docs import commands
from tests.testbed.beds import bed_up

pytestmark = pytest.mark.bed
# What only differs in how long it takes, or would meet a bed of somebody else's.
ADDED = {"drill": ["--quick"], "testbed": ["--name", f"readme-{os.getpid()}"]}


def run(words: list[str], folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A command as README has it; what it redirects goes where README says."""
    more = ADDED.get(words[1], [])
    plain = words[1 : words.index(">")] if ">" in words else words[1:]
    done = subprocess.run(
        [WELLPROVEN, *plain, *more],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    if ">" in words:
        (folder / words[-1]).write_text(done.stdout)
    return done


def test_readmes_commands_do_what_readme_says(tmp_path: Path) -> None:
    """Check, plan, drill a target called staging, judge again, report: in README's order, each with a good end.

    Another AWS account than the target's is refused before anything is touched.
    """
    for folder in ("slos", "experiments", "loadtests"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shown = [shlex.split(one) for one in commands(ROOT / "README.md") if one.startswith("wellproven")]
    shown = [words for words in shown if words[2:3] not in (["pull"], ["push"])]  # tests/review has a server for these
    verbs = ["check", "plan", *["drill"] * 2, "judge", "report", "testbed", *["review"] * 7, *["recover"] * 2]
    assert [words[1] for words in shown] == verbs
    with bed_up("staging") as bed:
        status = bed.status()
        # A target names its secrets, their values stay in the environment.
        secrets = {name: value for name, value in status.environment.items() if looks_secret(name)}
        variables = {name: value for name, value in status.environment.items() if name not in secrets}
        staging = {
            "name": "staging",
            "base-url": status.endpoints["edge"],
            "environment": "staging",
            "max-rate": "500/s",
            "zone-header": "x-zone",
            "aws": {"account": "123456789012", "region": status.region, "endpoint": status.endpoints["aws"]},
            "variables": {"DRILL_AZ": next(iter(status.zones)), **variables},
            "secrets": list(secrets),
            "allow": {"zones": [next(iter(status.zones))], "tags": {"wellproven": "drill"}, "share": "40%"},
        }
        wrong = {**staging, "name": "elsewhere", "aws": {**staging["aws"], "account": "999999999999"}}
        (tmp_path / "experiments/targets.yaml").write_text(yaml.safe_dump({"targets": [staging, wrong]}))
        refused = run(["wellproven", "drill", "az-failure", "--target", "elsewhere"], tmp_path, secrets)
        assert refused.returncode == 77
        assert "are of AWS account 123456789012, allowed is 999999999999" in " ".join(refused.stderr.split())
        for words in shown:
            done = run(words, tmp_path, secrets)
            may_be_void = words[1] in ("drill", "judge")
            if words[1:] == ["review"]:  # no run on the embedded target is stored here: every claim is unproven
                assert (done.returncode, done.stdout.startswith("NOT PROVEN: ")) == (2, True)
                continue
            if words[1:3] == ["review", "-o"]:
                assert (done.returncode, done.stdout) == (2, f"{words[3]}\n")
                assert "NOT PROVEN: " in (tmp_path / words[3]).read_text()
                continue
            assert done.returncode in ({0, 2} if may_be_void else {0}), (words, done.stdout, done.stderr)
            if done.returncode == 2:  # a drill on a busy machine may be void: see drills.py
                assert "the generator fell behind" in done.stdout
            assert "Traceback" not in done.stdout + done.stderr
    subprocess.run([WELLPROVEN, "testbed", "down", *ADDED["testbed"]], check=True, timeout=60)
