"""From a drill to a proven practice: the real commands, in a project of their own, on a small real target.

Nothing is stored by hand: what the review says follows from the run that the drill has just left on the disk.
"""

import csv
import io
import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.judge import judge
from harness.record import read_record
from tests.drill.drills import ATTEMPTS_MAX, ROOT, WELLPROVEN, store_in_time
from tests.fault.flagged import Target, flagged

pytestmark = pytest.mark.bed

COMMAND_S = 120
QUESTION, CHOICE = "rel_failover", "rel_failover_automated"
OBJECTIVE = """
---
apiVersion: wellproven.dev/v1
kind: RecoveryObjective
metadata:
  name: back
spec:
  service: flagged
  disruption: software
  rto: 3s
"""
ANSWERS = {"lens": "wellproven", "questions": {QUESTION: {"claimed": [CHOICE], "owner": "shop"}}}
EXTENSION = {
    "phases": {"baseline": "4s", "fault": "6s", "recovery": "4s"},
    "sustain": "1s",
    "proves": [{"lens": "wellproven", "question": QUESTION, "choice": CHOICE}],
}


@dataclass
class Project:
    """A folder as a user has it, and the commands in it."""

    folder: Path
    target: Target

    def wellproven(self, *words: str) -> tuple[int, str, str]:
        """(exit code, stdout, stderr) of the command."""
        done = subprocess.run(
            [WELLPROVEN, *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    def drill(self, outcome: str, *, fails_s: float) -> str:
        """The name of a run with that outcome, on a target that takes orders again so long after the fault."""
        for _ in range(ATTEMPTS_MAX):
            self.target.how(fails_s=fails_s)
            _, out, err = self.wellproven("drill", "flag", "--target", "flagged", "--quick", "--json")
            verdict = json.loads(out)
            run = self.folder / "runs" / verdict["run"]
            if verdict["load"]["valid"]:
                break
            store_in_time(run)
            if judge(read_record(run)).outcome.value == outcome:
                break
        assert judge(read_record(run)).outcome.value == outcome, out + err
        return str(verdict["run"])

    def review(self) -> tuple[int, dict[str, Any]]:
        """(exit code, what it says)."""
        code, out, _ = self.wellproven("review", "--target", "flagged", "--json")
        return code, json.loads(out)

    def roadmap(self, form: str) -> str:
        """The roadmap in a form."""
        code, out, err = self.wellproven("review", "roadmap", "--target", "flagged", "--as", form)
        assert code == 0, err
        return out

    def page(self) -> Path:
        """The review's page."""
        self.wellproven("review", "--target", "flagged", "-o", "page.html")
        return self.folder / "page.html"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with flagged() as target:
        for name in ("slos", "experiments"):
            (tmp_path / name).mkdir()
        (tmp_path / "slos/flag.yaml").write_text((ROOT / "tests/fault/flag.yaml").read_text() + OBJECTIVE)
        (tmp_path / "slos/review.yaml").write_text(yaml.safe_dump(ANSWERS))
        experiment = target.experiment(heals_within="2s", extension=EXTENSION)
        (tmp_path / "experiments/flag.yaml").write_text(yaml.safe_dump(experiment))
        there = {"name": "flagged", "base-url": target.url, "environment": "development", "max-rate": "200/s"}
        (tmp_path / "experiments/targets.yaml").write_text(yaml.safe_dump({"targets": [there]}))
        yield Project(tmp_path, target)


def reliability(review: dict[str, Any]) -> dict[str, Any]:
    return next(one for one in review["pillars"] if one["id"] == "reliability")


def practice(review: dict[str, Any]) -> dict[str, Any]:
    return next(one for one in reliability(review)["practices"] if one["choice"] == CHOICE)


def row(page: Path) -> str:
    """The practice's row of the table, without the marks around its words."""
    text = page.read_text(encoding="utf-8")
    [found] = [one for one in re.findall(r"<tr id=\"practice-.*?</tr>", text, re.DOTALL) if CHOICE in one]
    return found


def linked(page: Path, found: str) -> list[Path]:
    """The files that a part of a page leads to."""
    return [(page.parent / link).resolve() for link in re.findall(r'<a href="([^"#]+)"', found)]


def test_a_drill_proves_a_claim_and_a_weak_target_refutes_it(project: Project) -> None:
    """Unproven, then proven by a run that is named and linked, then refuted by a newer one: in every form."""
    code, before = project.review()
    assert (code, practice(before)["state"], practice(before)["source"]) == (2, "unproven", None)
    assert reliability(before)["proven"] == 0

    held = project.drill("met", fails_s=0.5)
    code, proven = project.review()
    found = practice(proven)
    assert (code, found["state"], found["source"]) == (0, "proven", held), found
    assert reliability(proven)["proven"] == reliability(before)["claimed"] > 0
    assert proven["balanced"]["proven"] > before["balanced"]["proven"]
    shown = row(project.page())
    assert held in shown
    assert 'class="state proven"' in shown
    assert linked(project.page(), shown) == [project.folder / "runs" / held / "report.html"]
    assert linked(project.page(), shown)[0].is_file()
    for form in ("markdown", "csv", "github"):
        assert CHOICE not in project.roadmap(form).replace("\\", ""), f"{form}: what is proven is no gap"

    fell = project.drill("missed", fails_s=1e9)
    code, refuted = project.review()
    found = practice(refuted)
    assert (code, found["state"], found["source"]) == (1, "refuted", fell), found
    assert reliability(refuted)["proven"] == 0
    assert reliability(refuted)["claimed"] == reliability(proven)["claimed"]
    shown = row(project.page())
    assert 'class="state refuted"' in shown
    assert linked(project.page(), shown) == [project.folder / "runs" / fell / "report.html"]
    [gap] = [one for one in csv.DictReader(io.StringIO(project.roadmap("csv"))) if one["practice"] == CHOICE]
    assert (gap["state"], gap["phase"], gap["evidence"]) == ("refuted", "now", fell)
    [line] = [one for one in project.roadmap("markdown").splitlines() if CHOICE in one.replace("\\", "")]
    assert f"refuted ({fell})" in line.replace("\\", "")
    [issue] = [one for one in json.loads(project.roadmap("github")) if one["title"].startswith("refuted")]
    assert f"is **refuted** ({fell})." in issue["body"].replace("\\", "")
