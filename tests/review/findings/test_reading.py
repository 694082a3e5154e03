"""Entries and files together: what may be read, what is a mistake, and that nothing else ever comes of it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import FileError, Mistake
from harness.review import Lens, Shown
from harness.review.findings import Findings, budget, carbon, cost, with_findings
from harness.review.findings.checks import practices_shown_by
from harness.review.findings.sarif import SarifEvidence
from harness.review.findings.source import BYTES_MAX, MISTAKES_MAX, ROWS_MAX
from harness.review.findings.written import Named
from tests.review.findings import test_cost
from tests.review.findings.helpers import FILES, NOW, OURS, STATIC, read, write

SHOP = Path(__file__).parents[3] / "slos" / "shop.yaml"


def test_a_file_outside_of_the_folder_is_refused(tmp_path: Path) -> None:
    """By its name, or by a link that leads there."""
    inside = tmp_path / "slos"
    inside.mkdir()
    (tmp_path / "secret.json").write_text("[]")
    (inside / "link.json").symlink_to(tmp_path / "secret.json")
    for name in ("../secret.json", str(tmp_path / "secret.json"), "link.json"):
        with pytest.raises(FileError, match=r"review.yaml:2: evidence\[0\]\.file: got a file outside of this folder"):
            read(inside, f"{{file: {name}, kind: asff}}")


def test_a_file_that_is_not_there_is_a_mistake_of_the_entry(tmp_path: Path) -> None:
    """Every entry's at once, beside those of the files."""
    write(tmp_path, "x.json", "{")
    with pytest.raises(FileError) as caught:
        read(tmp_path, "{file: a.json, kind: asff}", "{file: x.json, kind: prowler}", "{file: ., kind: cost}")
    assert [str(one) for one in caught.value.mistakes] == [
        "review.yaml:2: evidence[0].file: got no such file, expected a file that exists",
        "review.yaml:4: evidence[2].file: got no such file, expected a file that exists",
        "x.json:1: got 'the end of the file', expected JSON (Expecting property name enclosed in double quotes)",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "JSON"),
        (b"\xff\xfe\x00", "text in UTF-8"),
        (b"\xc3\x28", "text in UTF-8"),
        (b"[NaN]", "JSON with plain numbers"),
        (b"[-Infinity]", "JSON with plain numbers"),
        (b"[1" + b"0" * 5000 + b"]", "JSON with plain numbers"),
        (b"[" * 201 + b"]" * 201, "at most 200 levels"),
        (b"[" * 1_000_000, "at most 200 levels"),
        (b'[{"Id": 1, "Id": 2}]', "each key once"),
        (b'"text"', "a mapping"),
        (b"{}", "a list of findings, or a mapping with Findings"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_plain_json_is_a_mistake(tmp_path: Path, content: bytes, expected: str) -> None:
    """Numbers that are none, keys that stand twice, a nest without an end."""
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(FileError) as caught:
        read(tmp_path, "{file: x.json, kind: asff}")
    assert expected in {one.expected for one in caught.value.mistakes}


def test_brackets_in_text_are_no_nesting(tmp_path: Path) -> None:
    """Whatever stands in a message."""
    write(tmp_path, "x.json", [{"Title": '["\\' * 300}])
    assert read(tmp_path, "{file: x.json, kind: asff}").shown == []


def test_a_file_has_a_largest_size(tmp_path: Path) -> None:
    """So that a wrong one does not fill the memory."""
    with (tmp_path / "x.json").open("wb") as stream:
        stream.truncate(BYTES_MAX + 1)
    with pytest.raises(FileError, match="got more than 64 MiB"):
        read(tmp_path, "{file: x.json, kind: asff}")


def test_a_table_has_a_largest_number_of_rows(tmp_path: Path) -> None:
    """With the way out."""
    write(tmp_path, "x.csv", "month,kg_co2e\n" + "2026-01,1\n" * (ROWS_MAX + 1))
    with pytest.raises(FileError, match="more than 300,000 rows, expected fewer; sum it up by day"):
        read(tmp_path, "{file: x.csv, kind: carbon}")


def test_a_file_has_a_largest_number_of_mistakes(tmp_path: Path) -> None:
    """Who makes a hundred of them has made one."""
    write(tmp_path, "x.csv", "month,kg_co2e\n" + "2026-01,x\n" * 100)
    with pytest.raises(FileError) as caught:
        read(tmp_path, "{file: x.csv, kind: carbon}")
    assert len(caught.value.mistakes) == MISTAKES_MAX


def test_the_lens_names_exactly_what_each_kind_can_show() -> None:
    """Of the built-in lens: the tables of checks, the criteria of bills and emissions, the tests before deployment."""
    can: dict[str, set[tuple[str, str]]] = {
        "asff": practices_shown_by(OURS, "asff", "prowler"),
        "prowler": practices_shown_by(OURS, "prowler"),
        "cost": set(cost.PRACTICES.values()),
        "carbon": set(carbon.PRACTICES.values()),
        "budget": {budget.OWN},
        "sarif": {("sec_build", f"sec_{kind}_testing") for kind in ("static", "dynamic", "dependency")},
    }
    said: dict[str, set[tuple[str, str]]] = {kind: set() for kind in can}
    for question in OURS.questions:
        for choice in question.choices:
            for kind in choice.provable.imports:
                said[kind].add((question.id, choice.id))
    assert said == can


def test_a_lens_learns_what_entries_can_speak_for() -> None:
    """So that nothing is proven that could not have been."""
    entry = SarifEvidence(
        file="x", kind="sarif", proves=[Named(question="ops_automation", choice="ops_infrastructure_as_code")]
    )
    [before] = _imports(OURS, "ops_infrastructure_as_code")
    [after] = _imports(with_findings(OURS, [entry]), "ops_infrastructure_as_code")
    assert (before, after) == ((), ("sarif",))
    assert _imports(with_findings(OURS, [entry]), "sec_static_testing") == [("sarif",)]


def _imports(lens: Lens, choice: str) -> list[tuple[str, ...]]:
    return [one.provable.imports for asked in lens.questions for one in asked.choices if one.id == choice]


# --- whatever happens to a file ---------------------------------------------------------------------------------------

KINDS: dict[str, tuple[str, Callable[[Path], None]]] = {}


def kind(entry: str) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    def register(make: Callable[[Path], None]) -> Callable[[Path], None]:
        KINDS[make.__name__] = (entry, make)
        return make

    return register


@kind("{file: x, kind: sarif, proves: " + STATIC + "}")
def sarif(folder: Path) -> None:
    (folder / "x").write_bytes((FILES / "semgrep.sarif").read_bytes())


@kind("{file: x, kind: asff, checks: {ops_automation/ops_automation_tested: ['*']}}")
def asff(folder: Path) -> None:
    write(folder, "x", json.loads((FILES / "securityhub.json").read_text())["Findings"][:2])


@kind("{file: x, kind: prowler}")
def prowler_json(folder: Path) -> None:
    write(folder, "x", json.loads((FILES / "prowler.ocsf.json").read_text())[:2])


@kind("{file: x, kind: prowler}")
def prowler_csv(folder: Path) -> None:
    (folder / "x").write_bytes((FILES / "prowler.csv").read_bytes())


@kind("{file: x, kind: cost, tags: [team], team: team, days: 3, months: 1, budgets: {all: 1000, shop: 900}}")
def bill(folder: Path) -> None:
    test_cost.bill(folder, test_cost.focus_rows(last=test_cost.FIRST.replace(day=4)))
    (folder / "bill.csv").rename(folder / "x")


@kind(
    "{file: x, kind: carbon, months: 1, utilisation: 40%, "
    "goal: {baseline: 2026-01, due: 2026-06, less-by: 10%, owner: a}}"
)
def emissions(folder: Path) -> None:
    write(folder, "x", "month,service,kg_co2e,utilisation\n2026-01,shop,10.5,41%\n2026-02,shop,9,0.43\n")


@kind("{file: x, kind: budget, objectives: shop.yaml, covered: 1%}")
def history(folder: Path) -> None:
    (folder / "shop.yaml").write_text(SHOP.read_text())
    rows = "".join(f"2026-09-0{day}T00:00:00Z,orders-accepted,998,1000\n" for day in range(1, 5))
    write(folder, "x", f"at,slo,good,total\n{rows}")


SNIPPETS = [
    *(b"\n", b'"', b",", b";", b"[", b"{", b"}", b"]", b"\\", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"null"),
    *(
        b"true",
        b"-1",
        b"1e99",
        b"1e400",
        b"9" * 400,
        b"NaN",
        b"Infinity",
        b"{}",
        b"[]",
        b'""',
        b"0001-01-01",
        b"9999-12-31",
    ),
    *(b"9999-12-31T23:59:59-23:59", b"0001-01-01T00:00:00+23:59", b"FAIL", b"100%", b"\xe2\x80\xae", b"\r", b'{"a":1}'),
]


@st.composite
def mutations(draw: st.DrawFn, content: bytes) -> bytes:
    """A file with some bytes changed, left out, doubled or put in."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        length = draw(st.sampled_from([0, 1, 1, 4, 20, 300]))
        middle = draw(st.binary(max_size=3) | st.sampled_from(SNIPPETS))
        doubled = content[start : start + length] if draw(st.booleans()) else b""
        content = content[:start] + middle + doubled + content[start + length :]
    return content


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evidence")


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_mutation_of_a_file_gives_evidence_or_mistakes(folder: Path, name: str, data: st.DataObject) -> None:
    """And nothing else: no traceback, no time to come, no line that is not there, no control character."""
    entry, make = KINDS[name]
    make(folder)
    path = folder / "x"
    path.write_bytes(data.draw(mutations(path.read_bytes())))
    check(folder, entry)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)


@pytest.mark.parametrize("name", ["sarif", "asff", "prowler_json"])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_value_in_any_place_gives_evidence_or_mistakes(folder: Path, name: str, data: st.DataObject) -> None:
    """JSON of the right shape with some values of another type."""
    entry, make = KINDS[name]
    make(folder)
    path = folder / "x"
    value = json.loads(path.read_text())
    for _ in range(data.draw(st.integers(1, 3))):
        value = _replaced(data, value)
    path.write_text(json.dumps(value))
    check(folder, entry)


def _replaced(data: st.DataObject, value: object) -> object:
    """The value with one of its parts, however deep, in exchange for another."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if not keys or data.draw(st.integers(0, 5)) == 0:
        return data.draw(VALUES)
    key = data.draw(st.sampled_from(keys))
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[key] = _replaced(data, copy[key])
    return copy


def check(folder: Path, entry: str) -> None:
    mistakes: tuple[Mistake, ...] = ()
    found = Findings()
    try:
        found = read(folder, entry)
    except FileError as error:
        mistakes = error.mistakes
    lines = (folder / "x").read_bytes().count(b"\n") + (folder / "x").read_bytes().count(b"\r") + 2
    assert all(1 <= one.line <= lines for one in mistakes)
    assert all(str(one).isprintable() for one in mistakes)
    for shown in found.shown:
        assert isinstance(shown, Shown)
        assert shown.at <= NOW
        assert shown.because.isprintable()
        assert all(one.isprintable() for one in shown.short_of)
    assert all(note.isprintable() for note in found.notes)
