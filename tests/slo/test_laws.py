"""Laws of reading promises."""

import contextlib
import copy
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import slo
from harness.documents import read_documents
from harness.errors import FileError, Mistake

SHOP = Path(__file__).parents[2] / "slos" / "shop.yaml"
CONTENT = SHOP.read_bytes()
LINE_BREAKS = "\n\r\x85\u2028\u2029"  # YAML's

names = st.text('aé/{} \n"', min_size=1, max_size=8)
ns = st.integers(1, 10**18)
positive = st.fractions(min_value=Fraction(1, 10**9), max_value=10**9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("slos")


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """The shop's file with some bytes or lines changed, left out, doubled or put in."""
    content = CONTENT
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(content)))
        length = draw(st.sampled_from([0, 1, 1, 2, 10, 200]))
        middle = draw(
            st.binary(max_size=3)
            | st.sampled_from([b"\n", b"\t", b": ", b"- ", b"&a ", b"*a", b"{", b"---\n", b"1e9", b"~"])
        )
        doubled = content[start : start + length] if draw(st.booleans()) else b""
        content = content[:start] + middle + doubled + content[start + length :]
    return content


@settings(max_examples=300, deadline=None)
@given(mutations())
def test_any_mutation(folder: Path, content: bytes):
    """Whatever happens to a file, it gives promises, or mistakes that name the file and a line of it."""
    path = folder / "shop.yaml"
    path.write_bytes(content)
    mistakes: tuple[Mistake, ...] = ()
    try:
        slo.read([path])
    except FileError as error:
        mistakes = error.mistakes
    lines = 2 + sum(content.count(mark.encode()) for mark in LINE_BREAKS)
    assert all(mistake.file == str(path) and 1 <= mistake.line <= lines for mistake in mistakes)


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 10**30)
    | st.floats(-2, 200)
    | st.sampled_from(["", "GET /{x}", "2xx", "1d"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["spec", "kind", "good", "/", ""]), inner)
    ),
    max_leaves=3,
)
DOCUMENTS = [
    document
    for path in (SHOP, Path(__file__).parent / "base.yaml", Path(__file__).parent / "foreign.yaml")
    for document in read_documents(path)
]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_value_anywhere(folder: Path, data: st.DataObject):
    """Whatever value stands in place of another, the file gives promises or mistakes."""
    documents = [copy.deepcopy(document.value) for document in DOCUMENTS]
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, len(DOCUMENTS) - 1))
        place = data.draw(st.sampled_from(list(DOCUMENTS[index].lines)[1:]))
        with contextlib.suppress(LookupError, TypeError):  # an earlier change took the place away
            *way, last = place
            inside = documents[index]
            for part in way:
                inside = inside[part]
            inside[last] = data.draw(ANYTHING)
    path = folder / "values.json"
    path.write_text("\n---\n".join(json.dumps(document) for document in documents))
    with contextlib.suppress(FileError):
        slo.read([path])


load = st.builds(
    slo.LoadIndicator,
    request=names,
    status=st.lists(st.sampled_from(["2xx", "200", "404"]), min_size=1).map(tuple),
    within_ns=st.none() | ns,
    data_source=st.none() | names,
)
foreign = st.builds(
    slo.ForeignIndicator,
    type=names,
    form=st.sampled_from(["ratio", "raw", "threshold", "composite"]),
    description=names,
    queries=st.dictionaries(names, names, max_size=2),
)
alerts = st.builds(
    slo.BurnAlert,
    policy=names,
    condition=names,
    severity=names,
    threshold=positive,
    long_window_ns=ns,
    short_window_ns=st.none() | ns,
    alert_after_ns=ns,
)
slos = st.builds(
    slo.Slo,
    name=names,
    title=names,
    service=names,
    target=st.fractions(min_value=0, max_value=Fraction(999_999, 1_000_000)),
    budgeting=st.sampled_from(slo.BudgetingMethod),
    slice_target=st.none() | st.fractions(min_value=0, max_value=1),
    slice_window_ns=st.none() | ns,
    window_ns=ns,
    rolling=st.booleans(),
    calendar=st.none() | st.builds(slo.Calendar, start=names, time_zone=names),
    indicator=load | foreign,
    traffic_per_s=st.none() | positive,
    peak_per_s=st.none() | positive,
    empty_slices=st.sampled_from(slo.EmptySlices),
    empty_floor=st.none() | st.integers(1, 100),
    critical=st.booleans(),
    alerts=st.lists(alerts, max_size=2).map(tuple),
    where=names,
)
objectives = st.builds(
    slo.RecoveryObjective,
    name=names,
    service=names,
    disruption=st.sampled_from(slo.Disruption),
    rto_ns=ns,
    rpo_ns=st.none() | ns,
    clock=st.sampled_from(slo.RecoveryClock),
    level=st.sampled_from(slo.RecoveryLevel),
    where=names,
)
requests = st.builds(
    slo.RequestTemplate,
    request=names,
    method=names,
    path=names,
    headers=st.dictionaries(names, names, max_size=2),
    body=st.none() | names,
    parameters=st.dictionaries(names, st.lists(names, min_size=1, max_size=2).map(tuple), max_size=2),
    timeout_ns=st.none() | ns,
)


@settings(max_examples=50, deadline=None)
@given(
    st.builds(
        slo.Promises,
        slos=st.lists(slos, max_size=2).map(tuple),
        objectives=st.lists(objectives, max_size=2).map(tuple),
        requests=st.dictionaries(names, requests, max_size=2),
    )
)
def test_promises_round_trip(promises: slo.Promises):
    """Promises stored with a run come back the same, fractions and all."""
    assert slo.Promises.model_validate_json(promises.model_dump_json()) == promises


def test_the_shop_round_trips():
    """What the shop promises comes back the same."""
    promises = slo.read([SHOP])
    assert slo.Promises.model_validate_json(promises.model_dump_json()) == promises


@given(st.permutations(CONTENT.decode().split("\n---\n")))
@settings(max_examples=30, deadline=None)
def test_order_of_documents(folder: Path, documents: list[str]):
    """The order of the documents changes neither the promises nor what they refer to."""
    path = folder / "permuted.yaml"
    path.write_text("\n---\n".join(documents))
    read, original = slo.read([path]), slo.read([SHOP])
    without_place = {"where": ""}
    assert {one.name: one.model_copy(update=without_place) for one in read.slos} == {
        one.name: one.model_copy(update=without_place) for one in original.slos
    }
    assert read.requests == original.requests
