"""Latency and circuit breaker on the real test bed: a healthy shop meets them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.judge import Outcome
from harness.record import Kind, read_observations, read_record
from harness.testbed import Bed, read_log
from harness.units import NS_PER_S
from tests.drill.damage import damaged, each_cut
from tests.drill.drills import ROOT, Drilled, drill
from tests.testbed.beds import bed_up

pytestmark = pytest.mark.bed


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with bed_up("dependency") as bed:
        yield bed


@pytest.fixture(scope="module")
def tripped(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Drilled:
    """One drill of a healthy breaker, looked at by several tests."""
    return drill(bed.status().name, tmp_path_factory.mktemp("runs"), "circuit-breaker")


def test_a_shop_that_stops_waiting_meets_the_latency_drill(bed: Bed, tmp_path: Path) -> None:
    """Prices that come 1.5 s late: a time-out, a fallback, no storm of retries, and no SLO notices."""
    assert drill(bed.status().name, tmp_path, "latency").unmet == {}


def test_a_breaker_that_works_meets_the_drill(tripped: Drilled) -> None:
    """It opens, answers at once from the list, leaves the pricing service alone, and closes again."""
    assert tripped.unmet == {}
    assert tripped.exit_code == 0
    breaker = tripped.verdict["breaker"]
    assert breaker["how"] == "metric"
    assert len(breaker["instances"]) == 3
    assert breaker["fallbacks_open"] == breaker["answers_open"] > 100


def test_the_breakers_times_agree_with_the_shops_own_log(bed: Bed, tripped: Drilled) -> None:
    """Opened and closed lie within one look of what each zone's shop wrote down itself."""
    record = read_record(tripped.run)
    inject, ended = record.first(Kind.FAULT_BEGIN), record.first(Kind.FAULT_END)
    assert inject is not None
    assert ended is not None
    log = [one for one in read_log(Path(bed.status().log)) if one["what"] == "breaker" and one["at_ns"] > inject.at_ns]
    every_s = tripped.verdict["breaker"]["every_s"]
    begin = record.first(Kind.RUN_BEGIN)
    assert begin is not None
    opened, closed = [], []
    for zone in bed.status().zones:
        mine = [one for one in log if one["zone"] == zone]
        first = next(one["at_ns"] for one in mine if one["state"] == "opened")
        last = next(one["at_ns"] for one in mine if one["state"] == "closed" and one["at_ns"] > ended.at_ns)
        opened.append((first - inject.at_ns) / NS_PER_S)
        closed.append((last - ended.at_ns) / NS_PER_S)
    for seen, true in (("opened_after_s", max(opened)), ("closed_after_s", max(closed))):
        interval = tripped.verdict["breaker"][seen]
        assert interval["lower"] <= true <= interval["upper"], seen
        assert interval["upper"] - true <= 2 * every_s, seen


# What rests on looks to the fault's end, or to the observation's; what else, where the looks it rests on are left.
TO_THE_END = ("pricing breaker closed", "pricing breaker did not flap")


def test_looks_that_were_cut_off_prove_nothing(tripped: Drilled, tmp_path: Path) -> None:
    """At thirty seeded places, without a seal that would tell: never met, least of all what rests on the last looks."""
    whole = damaged(tripped.run, tmp_path, lambda _: None)
    assert whole is not None
    assert whole.outcome is Outcome.MET
    promises = {one.promise for one in whole.verdicts}
    assert set(TO_THE_END) <= promises
    looks = read_record(tripped.run).observations
    spare_s = looks[-1].done_ns / NS_PER_S - 2  # a cut that leaves all but the last looks leaves what they prove
    for share, found in each_cut(tripped.run, tmp_path, "observations.jsonl"):
        left = read_observations(tmp_path / "copy/observations.jsonl")
        if left and left[-1].done_ns / NS_PER_S > spare_s:
            continue
        assert found
        assert [name for name in TO_THE_END if found[name] == "met"] == [], share
        if not left:
            assert [name for name in found if " breaker " in name and found[name] == "met"] == []


def test_a_breaker_opens_when_calls_hang_too(bed: Bed, tmp_path: Path) -> None:
    """Time-outs count as failures; here the state is read from a health body."""
    found = drill(bed.status().name, tmp_path, "circuit-breaker-hang")
    assert found.unmet == {}
    assert found.verdict["breaker"]["how"] == "health"


def test_a_breaker_nobody_exposes_is_seen_in_the_traffic(bed: Bed, tmp_path: Path) -> None:
    """The state inferred from the requests that reach the pricing service, and labelled so; the drill is met."""
    text = (ROOT / "experiments/circuit-breaker.yaml").read_text()
    begin = text.index("      metric: # an address is one breaker")
    end = text.index("      opened-within: 3s")
    folder = tmp_path / "experiments"
    folder.mkdir()
    (folder / "inferred.yaml").write_text(f"{text[:begin]}      inferred: {{open-below: 20%}}\n{text[end:]}")
    found = drill(bed.status().name, tmp_path, "inferred", "--experiments", str(folder))
    assert found.unmet == {}
    assert found.verdict["breaker"]["how"] == "inferred"
    assert "inferred" in found.because("pricing breaker opened")


def test_a_sweep_finds_the_shops_own_time_out(bed: Bed, tmp_path: Path) -> None:
    """The shop waits 250 ms for a price: between 200 and 300 ms its prices are no longer today's."""
    found = drill(bed.status().name, tmp_path, "latency", "--sweep", "200ms..300ms")
    assert found.outcome("sweep complete") == "met", found.because("sweep complete")
    responses = {one["slo"]: one for one in found.verdict["sweep"]["responses"]}
    assert responses["price-current"]["held"] < 255
    assert 225 < responses["price-current"]["broken"] <= 275
    assert responses["orders-accepted"]["broken"] is None
    assert responses["price-answered"]["held"] == 300
