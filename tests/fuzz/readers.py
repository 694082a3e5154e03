"""Every reader of the product, with valid files for it: what the engine damages, and who must stand it."""

import atexit
import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import yaml
from rich.console import Console

from harness import slo
from harness.exposition import metric_sum
from harness.fault import compose
from harness.fault.chaos import Chaos
from harness.judge import judge
from harness.plan import Around, built_in_target, make, read_experiment, read_targets, refusals
from harness.record import read_record
from harness.report import (
    html,
    json_text,
    review_json,
    roadmap_csv,
    roadmap_github,
    roadmap_markdown,
    show_plan,
    show_review,
    show_trend,
    terminal,
)
from harness.review import (
    BUILT_IN,
    Now,
    Scope,
    aws_json,
    built_in_lens,
    lint,
    make_milestone,
    measured_by,
    read_answers,
    read_evidence,
    read_lens,
    read_milestones,
    review,
    shown_by,
)
from tests.fuzz import answers, aws, aws_faults, kept, seeds
from tests.fuzz.kind import ROOT, Kind, json_tree, of_contents, of_texts, texts_of, written
from tests.fuzz.mutate import of_bytes, of_lines
from tests.review.findings.test_cost import focus_rows
from tests.review.lenses import published

TARGET = built_in_target("http://127.0.0.1:1", {"DRILL_AZ": "us-east-1a"})
EVIDENCE = ROOT / "tests/review/findings/files"
NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)
REVIEW_EVERY = 10
# One damaged run in so many is shown on a terminal, and as a page, too: drawing takes longer than judging.
TERMINAL_EVERY, HTML_EVERY = 5, 100

STATIC = "proves: {question: sec_build, choice: sec_static_testing}"
PAGED = "proves: {question: ops_alerting, choice: ops_alert_tuning}"
ENTRIES = {
    "sarif": f"{{file: FILE, kind: sarif, {STATIC}}}",
    "asff": "{file: FILE, kind: asff}",
    "prowler": "{file: FILE, kind: prowler}",
    "cost": "{file: FILE, kind: cost, tags: [team, service], team: team, budgets: {all: 12000}}",
    "carbon": "{file: FILE, kind: carbon, goal: {baseline: 2026-01, due: 2026-12, less-by: 10%, owner: platform}}",
    "budget": "{file: FILE, kind: budget, objectives: shop.yaml, slos: [orders-accepted]}",
    "figures": f"{{file: FILE, kind: figures, {PAGED}, column: pages, at-most: 5%, over: 8d, every: 2d}}",
}

PAGES = "".join(f"2026-09-{day:02},{day % 6}%\n" for day in range(10, 30))
FIGURES = f"day,pages\n{PAGES}2026-09-30T12:00:00Z,0.04\n".encode()


def evidence_files() -> Iterator[tuple[str, str, bytes]]:
    """Name, kind and content of files that other tools write."""
    for name, kind in (("semgrep.sarif", "sarif"), ("securityhub.json", "asff"), ("prowler.ocsf.json", "prowler"),
                       ("prowler.csv", "prowler")):  # fmt: skip
        yield name, kind, (EVIDENCE / name).read_bytes()
    bill = io.StringIO()
    rows = list(focus_rows())[:60]
    writer = csv.DictWriter(bill, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    yield "bill.csv", "cost", bill.getvalue().encode()
    months = "".join(f"2026-{month:02},shop,{100 - month}.5\n" for month in range(1, 10))
    yield "carbon.csv", "carbon", f"month,service,kg_co2e\n{months}".encode()
    hours = "".join(f"2026-10-01T{hour:02}:00:00Z,orders-accepted,{990 + hour % 10},1000\n" for hour in range(24))
    yield "budget.csv", "budget", f"at,slo,good,total\n{hours}".encode()
    yield "figures.csv", "figures", FIGURES


# --- how they are made -----------------------------------------------------------------------------------------------


TARGETS = """\
targets:
  - name: staging
    base-url: https://shop.staging.example
    environment: staging
    max-rate: 300/s
    zone-header: x-zone
    fallback-header: x-fallback
    aws: {account: "123456789012", region: eu-central-1, profile: drills}
    variables: {DRILL_AZ: eu-central-1a, DRILL_TAG_KEY: team, DRILL_TAG_VALUE: shop}
    secrets: [SHOP_TOKEN]
"""
ALLOW = """\
    allow:
      hosts: [shop.staging.example, "*.example", 127.0.0.1]
      zones: [eu-central-1a, eu-central-1b]
      tags: {team: shop}
      share: 40%
      fault: 15m
      budget-left: 20%
      windows:
        - {days: [mon, wed], from: "09:00", to: "17:30", time-zone: Europe/Berlin}
        - {from: "22:00", to: "04:00", time-zone: UTC}
      uncounted: [my.own.fault]
"""
GUARD = """\
    guard:
      error-ratio: 50%
      for: 30s
      no-data: 10s
      burn: {rate: 14.4, over: 10s}
      latency: {above: 800ms, percentile: 99, over: 10s}
      metrics:
        - name: payment errors
          prometheus: {url: "http://127.0.0.1:9090", query: "sum(rate(errors_total[30s]))", op: gt, value: 5}
        - {name: orders alarm, alarm: orders-5xx, every: 1s, looks: 3}
"""
JOURNAL = {
    "chaoslib-version": "1.45.1",
    "experiment": {"title": "x", "method": []},
    "status": "completed",
    "deviated": False,
    "steady_states": {"before": {"steady_state_met": True, "probes": []}, "after": None, "during": []},
    "run": [{"activity": {"name": "stop"}, "status": "succeeded", "output": {"a": 1}}],
    "rollbacks": [],
}
EXPOSITION = b"""\
# HELP rq_total requests
# TYPE rq_total counter
rq_total{zone="a",code="200"} 1027 1395066363000
rq_total{zone="b",code="500"} 3
# TYPE lat histogram
lat_bucket{le="0.05"} 24054
lat_bucket{le="+Inf"} 144320
lat_sum 53423
lat_count 144320
rq_total{zone="\\"q\\\\n"} NaN
"""
ANSWERS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Zone: a\r\n\r\nhi",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Zone: a\r\n\r\n2\r\nhi\r\n0\r\nTrailer: x\r\n\r\n",
    b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\nX-Fallback: true\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nX-Zone: a\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\x81\x00",
    b"HTTP/1.0 200 OK\r\n\r\nsome",
]


# --- who reads them --------------------------------------------------------------------------------------------------


@cache
def _experiments() -> list[str]:
    """The repository's, and one with a guard of its own."""
    texts = texts_of("experiments/*.yaml")
    written = (ROOT / "experiments/az-failure.yaml").read_text()
    guarded = re.sub(r"(?m)^    disruption: az.*\n", lambda found: found[0] + GUARD, written)
    assert "payment errors" in guarded
    return [*texts, guarded, guarded]


@cache
def _promises() -> Any:
    return slo.read([ROOT / "slos/shop.yaml"])


def _read_slos(folder: Path, content: bytes, _number: int) -> None:
    slo.read([written(folder, "slo.yaml", content)])


def _read_experiment(folder: Path, content: bytes, _number: int) -> None:
    experiment, document = read_experiment(written(folder, "experiment.yaml", content))
    plan = make(experiment, document, _promises(), TARGET, environment=TARGET.environment_variables, quick=True)
    show_plan(plan, _console())
    json.dumps(compose(plan, folder))
    plan.model_dump_json()


def _read_targets(folder: Path, content: bytes, _number: int) -> None:
    """Read, and held against a plan: what each of them allows of it, and why not."""
    plan = seeds.allowed().plan
    for target in read_targets(written(folder, "targets.yaml", content)).values():
        spent = {"orders": 0.5}
        around = Around(now=NOW, production=False, approver="x", locked=False, left=(), spent=spent, spent_unknown=())
        "\n".join(refusals(plan, target, plan.reach, around)).encode()


@cache
def _answers() -> list[str]:
    """The repository's, and some whose only evidence are figures."""
    figures = (
        ENTRIES["figures"].replace("FILE", "evidence/figures.csv").replace("at-most: 5%", "at-least: 0, at-most: 5%")
    )
    return [*texts_of("slos/review.yaml"), f"lens: wellproven\nquestions: {{}}\nevidence:\n  - {figures}\n"]


def _read_answers(folder: Path, content: bytes, number: int) -> None:
    (folder / "evidence").mkdir(exist_ok=True)
    written(folder, "evidence/figures.csv", FIGURES)
    (folder / "evidence/ruff.sarif").write_bytes((EVIDENCE / "semgrep.sarif").read_bytes())
    _reviewed(folder, content, number)


def _reviewed(folder: Path, content: bytes, number: int) -> None:
    """What `review` does with answers, and with what stands beside them."""
    answers = read_answers(written(folder, "review.yaml", content))
    found = read_evidence(answers, NOW)
    milestones = read_milestones(answers.file, answers.lens_name, "testbed")
    if number % REVIEW_EVERY == 0:
        whole = review(answers, "testbed", found.shown, [], milestones, NOW)
        show_review(whole, _console())
        show_trend(whole.milestones, whole, _console())
        review_json(whole).encode()
        roadmap_markdown(whole).encode()
        roadmap_csv(whole.gaps).encode()
        roadmap_github(whole.gaps).encode()


def _beside(name: str, kind: str, content: bytes) -> Kind:
    """A file of another tool that the answers name."""
    entry = ENTRIES[kind].replace("FILE", name)
    answers = f"lens: wellproven\nquestions: {{}}\nevidence:\n  - {entry}\n".encode()
    how = of_bytes if name.endswith("csv") else json_tree

    def read(folder: Path, damaged: bytes, number: int) -> None:
        written(folder, "shop.yaml", (ROOT / "slos/shop.yaml").read_bytes())
        written(folder, name, damaged)
        _reviewed(folder, answers, number)

    return Kind(name, of_contents([content], how), read)


def _read_milestone(folder: Path, content: bytes, number: int) -> None:
    (folder / "milestones").mkdir(exist_ok=True)
    written(folder, "milestones/2026-01-01-b.json", content)
    written(folder, "milestones/2026-01-02-a.json", _milestone())
    _reviewed(folder, b"lens: wellproven\nquestions: {}\n", number)


@cache
def _milestone() -> bytes:
    answers = read_answers(ROOT / "slos/review.yaml")
    whole = review(answers, "testbed", [], [], (), NOW)
    kept = make_milestone("a", NOW, answers.lens_name, "testbed", whole.pillars, whole.measured)
    return kept.model_dump_json(by_alias=True).encode()


def _read_lens(folder: Path, content: bytes, _number: int) -> None:
    lint(read_lens(written(folder, "lens.json", content)))


def _console() -> Console:
    return Console(file=io.StringIO(), width=80)


def _judged(folder: Path, number: int) -> None:
    """What `judge`, `report` and `review` do with a stored run."""
    record = read_record(folder)
    judgement = judge(record)
    crashed = [one.because for one in judgement.verdicts if "our own mistake" in one.because]
    assert not crashed, crashed
    json_text(judgement).encode()
    if number % TERMINAL_EVERY == 0:
        terminal(judgement, _console())
    shown_by(record, judgement, built_in_lens(), BUILT_IN, Now(Scope()))
    measured_by(record, judgement)
    if number % HTML_EVERY == 0:
        html(record, judgement).encode()


def _read_run(name: str, how: Callable[[bytes, Random], bytes], only: Iterable[str] = tuple(seeds.RUNS)) -> Kind:
    """One file of a stored run is damaged, the others are whole."""

    def mutate(random: Random) -> bytes:
        run = random.choice(list(only))
        return run.encode() + b"\0" + how((_runs() / run / name).read_bytes(), random)

    def read(folder: Path, content: bytes, number: int) -> None:
        del folder
        run, _, damaged = content.partition(b"\0")
        path = _runs() / run.decode() / name
        whole = path.read_bytes()
        try:
            path.write_bytes(damaged)
            _judged(path.parent, number)
        finally:
            path.write_bytes(whole)

    return Kind(name, mutate, read)


@cache
def _runs() -> Path:
    folder = Path(mkdtemp(prefix="fuzz-runs-"))
    atexit.register(rmtree, folder, ignore_errors=True)
    for name, made in seeds.RUNS.items():
        seeds.store(made(), folder / name)
    return folder


def _read_journal(folder: Path, content: bytes, _number: int) -> None:
    written(folder, "journal.json", content)
    chaos = Chaos.__new__(Chaos)  # no child is needed to read what one left
    chaos._run_dir = folder
    assert isinstance(chaos.status(), str)


def _read_exposition(_folder: Path, content: bytes, _number: int) -> None:
    metric_sum(content.decode("utf-8", "replace"), "rq_total", {"zone": "a"})


def _read_answer(_folder: Path, content: bytes, number: int) -> None:
    from harness.load.wire import Answer

    answer = Answer(b"x-zone", b"x-fallback")
    step = (1, 3, 7, len(content) or 1)[number % 4]
    for at in range(0, len(content), step):
        answer.feed(memoryview(content[at : at + step]))
        if answer.is_complete:
            break
    else:
        answer.end()
    assert 0 <= answer.status <= 65_535, answer.status  # what the record has room for
    assert answer.flags in (0, 1)


def _broken_answer() -> type[Exception]:
    from harness.load.wire import BrokenAnswerError

    return BrokenAnswerError


def kinds() -> list[Kind]:
    """Every kind of file there is."""
    lens = aws_json(built_in_lens())
    small = {"name": "x", "schemaVersion": "2021-11-01", "pillars": [json.loads(lens)["pillars"][0]]}
    return [
        Kind("slo", of_texts(texts_of("slos/shop.yaml")), _read_slos),
        Kind("experiment", of_texts(_experiments()), _read_experiment),
        Kind("targets", of_texts([TARGETS, TARGETS + ALLOW, TARGETS + ALLOW]), _read_targets),
        Kind("answers", of_texts(_answers()), _read_answers),
        Kind("lens", of_texts([json.dumps(small), json.dumps(published())], is_json=True), _read_lens),
        _read_run("run.json", json_tree, ("met",)),
        _read_run("plan.json", json_tree),
        _read_run("events.jsonl", of_lines),
        _read_run("requests-0.bin", of_bytes),
        _read_run("zones-0.txt", of_bytes, ("met", "missed")),
        _read_run("load-0.json", json_tree, ("met", "missed")),
        _read_run("observations.jsonl", of_lines, ("watched", "inferred", "allowed")),
        _read_run("survivors.txt", of_lines, ("met", "missed")),
        _read_run("seal.json", json_tree, ("met", "missed")),
        *(_beside(name, kind, content) for name, kind, content in evidence_files()),
        Kind("milestone", of_contents([_milestone()], json_tree), _read_milestone),
        Kind("journal", lambda random: json_tree(json.dumps(JOURNAL).encode(), random), _read_journal),
        Kind("exposition", of_contents([EXPOSITION], of_bytes), _read_exposition, (ValueError,)),
        Kind("answer", of_contents(ANSWERS, of_bytes), _read_answer, (_broken_answer(),)),
        *answers.kinds(),
        *kept.kinds(),
        *aws.kinds(),
        *aws_faults.kinds(),
    ]


__all__ = ["Kind", "kinds", "yaml"]
