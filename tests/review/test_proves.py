"""What an experiment says it proves must be asked for by the lens that it names, built in or in use here."""

import io
import json
from pathlib import Path

import pytest

from harness.cli import main
from tests.review import lenses

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("{lens: ours, question: q1, choice: retries}", ""),
        ("{lens: ours, question: REL 1, choice: retries}", ""),  # as AWS's own lenses: by the choice alone
        ("{lens: ours, question: q1, choice: retrys}", "].choice: got 'retrys', expected a practice of q1"),
        (
            "{lens: ours, question: REL 1, choice: retrys}",
            "].choice: got 'retrys', expected a practice of the lens ours",
        ),
        ("{lens: ours, question: REL 1, choice: both}", "].question: got 'REL 1', expected a question of the lens"),
        ("{lens: theirs, question: q1, choice: retrys}", ""),  # nobody here answers it
        ("{lens: wellproven, question: rel_redundanzy, choice: x}", "did you mean rel_redundancy?"),
    ],
)
def test_a_practice_that_no_lens_in_use_asks_for_is_a_mistake(named: str, said: str, tmp_path: Path) -> None:
    """Of a lens of one's own as of the built-in one; a run would show nothing of it, and nobody would be told."""
    slos = tmp_path / "slos"
    (slos / "lenses").mkdir(parents=True)
    rules = (("default", "NO_RISK"),)
    questions = (lenses.question(["retries", "both"], *rules), lenses.question(["both"], *rules, name="q2"))
    (slos / "lenses/ours.json").write_text(json.dumps(lenses.words(*questions)))
    (slos / "review.yaml").write_text("lens: lenses/ours.json\nquestions: {}\n")
    text = (ROOT / "experiments/latency.yaml").read_text()
    path = tmp_path / "latency.yaml"
    path.write_text(text.replace("    proves:", f"    proves:\n      - {named}\n    #", 1))
    err = io.StringIO()
    code = main(["check", str(path), "--slos", str(slos)], io.StringIO(), err)
    assert (code, said in " ".join(err.getvalue().split())) == (65 if said else 0, True), err.getvalue()
