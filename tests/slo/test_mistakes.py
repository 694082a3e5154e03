"""Every mistake of every file is named at once: where, got, expected, way out."""

from pathlib import Path

import pytest

from harness import slo
from harness.documents import read_documents
from harness.errors import FileError

HERE = Path(__file__).parent
BASE = (HERE / "base.yaml").read_text()
(CASES,) = read_documents(HERE / "mistakes.yaml")


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def said(files: dict[str, str]) -> list[str]:
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    with pytest.raises(FileError) as caught:
        slo.read([Path(name) for name in files])
    return str(caught.value).splitlines()


def test_base_is_right():
    """The file all cases start from has no mistake: it is read."""
    Path("shop.yaml").write_text(BASE)
    assert [one.name for one in slo.read([Path("shop.yaml")]).slos] == ["buying"]


@pytest.mark.parametrize("case", CASES.value, ids=lambda case: f"{case['replace'][:30]} -> {case['by'][:40]}")
def test_each_mistake(case: dict[str, object]):
    """Each mistake is said in one line, with its place and the way out, and calls up no other."""
    old, new = str(case["replace"]), str(case["by"])
    assert old in BASE
    assert said({"shop.yaml": BASE.replace(old, new)}) == [f"shop.yaml:{line}" for line in case["says"]]


def test_mistakes_of_one_file_at_once():
    """A wrong target, an unknown field, a wrong duration and a dangling name are named together."""
    text = BASE.replace("target: 0.995", "target: 99.9").replace("rto: 10s", "rto: ten")
    text = text.replace("  severity: page", "  severity: page\n  urgency: high").replace(
        "targetRef: pager", "targetRef: p"
    )
    assert said({"shop.yaml": text}) == [
        "shop.yaml:31: spec.urgency: got an unknown field, expected one of severity, condition, description",
        (
            "shop.yaml:39: spec.notificationTargets[0].targetRef: got 'p', expected the name of a document of kind"
            " AlertNotificationTarget; add a document of kind AlertNotificationTarget"
        ),
        (
            "shop.yaml:71: spec.objectives[0].target: got 99.9, expected 0 <= target < 1; write 0.999,"
            " or targetPercent: 99.9"
        ),
        "shop.yaml:77: spec.rto: got 'ten', expected a duration such as 300ms, 10s, 5m or 28d",
    ]


def test_mistakes_across_files_at_once():
    """Two files that are no YAML and one with a wrong value are named together."""
    lines = said({"a.yaml": BASE.replace("target: 0.995", "target: 2"), "b.yaml": "a: b: c", "c.yml": "a:\n\tx: 1"})
    assert lines[0] == (
        "a.yaml:70: spec.objectives[0].target: got 2, expected 0 <= target < 1; write 0.02, or targetPercent: 2"
    )
    assert [line.split(": got ")[0] for line in lines[1:]] == ["b.yaml:1", "c.yml:2"]
    assert lines[1].endswith(", expected valid YAML")
    assert lines[2].endswith(", expected valid YAML; indent with spaces, not with tabs")


def test_a_wrong_document_is_not_called_missing():
    """What refers to a document that stands there with a mistake in it gets no second mistake."""
    text = BASE.replace("severity: page", "severity: ''").replace("type: load\n  connectionDetails", "kind: load\n  x")
    assert [line.split(": got")[0] for line in said({"shop.yaml": text})] == [
        "shop.yaml:9: spec.connectionDetails",
        "shop.yaml:9: spec.type",
        "shop.yaml:10: spec.kind",
        "shop.yaml:11: spec.x",
        "shop.yaml:30: spec.severity",
    ]


def test_two_slos_of_one_request_agree_on_its_traffic():
    """Traffic is a fact of a request: two SLOs that tell it differently are a mistake of the second."""
    documents = BASE.split("---\n")
    second = documents[6].replace("name: buying", "name: buying-fast").replace("traffic: 40/s", "traffic: 2400/m")
    assert "kind: SLO" in second
    Path("fine.yaml").write_text("---\n".join([*documents, second]))
    assert len(slo.read([Path("fine.yaml")]).slos) == 2
    assert said({"shop.yaml": "---\n".join([*documents, second.replace("2400/m", "41/s")])}) == [
        (
            "shop.yaml:83: metadata.annotations.wellproven.dev/traffic: got '41/s', expected 40/s, the traffic of"
            " POST /buy at shop.yaml:60"
        )
    ]


def test_duplicate_names_across_files():
    """A name may stand once for each kind, in whatever file."""
    service = "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: web}\nspec: {}\n"
    assert said(
        {
            "a/one.yaml": service,
            "b/two.json": '{"apiVersion": "openslo/v1", "kind": "Service",\n"metadata": {"name": "web"}, "spec": {}}',
        }
    ) == ["b/two.json:2: metadata.name: got web a second time, expected each Service once; it stands at a/one.yaml:3"]


def test_folders():
    """A folder is searched for YAML and JSON in all its folders; an empty one is a mistake."""
    Path("slos/deep").mkdir(parents=True)
    with pytest.raises(FileError, match=r"slos:1: got a folder without such files, expected at least one of \*.yaml"):
        slo.read([Path("slos")])
    Path("slos/deep/shop.yml").write_text(BASE)
    Path("slos/notes.md").write_text("not: [ours")
    assert len(slo.read([Path("slos"), Path("slos/deep/shop.yml")]).slos) == 1


def test_what_a_review_keeps_beside_the_slos_is_no_slo():
    """Its answers, and whatever lies in the folders of its evidence and milestones."""
    Path("slos/evidence/deep").mkdir(parents=True)
    Path("slos/milestones").mkdir()
    Path("slos/shop.yml").write_text(BASE)
    for name in ("review.yaml", "evidence/hub.json", "evidence/deep/x.json", "milestones/spring.json"):
        Path("slos", name).write_text('{"Findings": []}')
    assert len(slo.read([Path("slos")]).slos) == 1


def test_missing_file():
    """A path that is not there is a mistake like any other."""
    with pytest.raises(FileError, match=r"nowhere\.yaml:1: got no such file, expected a file that exists"):
        slo.read([Path("nowhere.yaml")])


def test_documents_of_other_readers():
    """Review answers may stand in the same files, and are left to their own reader."""
    text = BASE + "---\napiVersion: wellproven.dev/v1\nkind: ReviewAnswers\nanything: {goes: here}\n"
    Path("shop.yaml").write_text(text)
    assert len(slo.read([Path("shop.yaml")]).slos) == 1
