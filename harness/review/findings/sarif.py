"""SARIF 2.1.0 (OASIS): static and dynamic analysis, tests of dependencies.

A practice holds where every run of the file succeeded and none found anything at the asked level. Levels are those of
the results, or of their rules; a result that is suppressed, gone since the baseline, or of another kind than `fail`
does not refute. The time is the run's own (`invocations[].endTimeUtc`, else the time of the versions it looked at).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydantic import Field

from harness.review.findings.source import Node, Source, counted, few, read_json
from harness.review.findings.written import Place, Proves, Written
from harness.review.types import Lens, Shown

VERSION = "2.1.0"
LEVELS = ("none", "note", "warning", "error")
KINDS = ("fail", "pass", "open", "informational", "notApplicable", "review")
UNDECIDED = ("open", "review")
SUPPRESSED = ("", "accepted")  # the states in which a suppression counts; the others are underReview and rejected


class SarifEvidence(Written):
    """`proves` is needed: a SARIF file does not say which practice it was made for."""

    kind: Literal["sarif"]
    proves: Proves = Field(min_length=1)
    level: Literal["note", "warning", "error"] = "error"  # from which on a finding refutes
    tool: str = ""  # of the file's runs only those of this tool

    def places(self, lens: Lens) -> Iterator[Place]:  # noqa: ARG002 (one signature for every kind)
        """What the entry names."""
        for index, one in enumerate(self.proves):
            yield one.place("proves", index)

    def shown(self, source: Source, lens: Lens) -> Iterator[Shown]:
        """The runs of the file, together."""
        root = read_json(source)
        version = root.at("version").text()
        if version != VERSION:
            source.mistake(1, "version", repr(version), VERSION, "let the tool write SARIF 2.1.0")
        runs = [_run(node, LEVELS.index(self.level)) for node in root.at("runs").items()]
        mine = [one for one in runs if not self.tool or one.tool.casefold() == self.tool.casefold()]
        verdict = _Verdict(self.level, mine, source)
        if not mine:
            source.note(f"no run of {self.tool or 'any tool'} in it: it shows nothing")
            return
        for place in self.places(lens):
            yield from verdict.shown(place)


@dataclass
class _Run:
    tool: str
    version: str
    at: datetime | None = None
    succeeded: bool | None = None  # nothing: it does not say
    scanned: bool = False
    total: int = 0
    failing: Counter[str] = field(default_factory=Counter)  # rule -> findings at the level or above
    suppressed: int = 0
    undecided: int = 0
    troubles: int = 0  # errors of the tool itself
    rules: int = 0
    files: int = 0
    revision: str = ""

    @property
    def name(self) -> str:
        return f"{self.tool} {self.version}".strip()

    @property
    def counts(self) -> bool:
        """Whether finding nothing means anything."""
        return self.scanned and self.succeeded is True and self.at is not None


def _run(node: Node, level: int) -> _Run:
    driver = node.at("tool", "driver")
    version = driver.at("semanticVersion").text() or driver.at("version").text()
    run = _Run(driver.at("name").text() or "a tool without a name", version)
    rules = _Rules(node)
    run.rules = len(rules.levels)
    run.files = sum(1 for _ in node.at("artifacts").items())
    _invoked(run, node)
    results = node.at("results")
    run.scanned = results.value is not None
    for result in results.items():
        _count(run, result, rules, level)
    return run


def _invoked(run: _Run, node: Node) -> None:
    """Whether it succeeded, and when it was."""
    invocations = list(node.at("invocations").items())
    flags = [one.at("executionSuccessful").flag() for one in invocations]
    if flags:
        run.succeeded = False if False in flags else True if all(flags) else None
    times = [one.at("endTimeUtc").instant() or one.at("startTimeUtc").instant() for one in invocations]
    versions = list(node.at("versionControlProvenance").items())
    if not any(times):
        times = [one.at("asOfTimeUtc").instant() for one in versions]
    run.at = max((one for one in times if one), default=None)
    run.revision = next((one.at("revisionId").text()[:12] for one in versions), "")
    for one in invocations:
        for told in one.at("toolExecutionNotifications").items():
            run.troubles += told.at("level").choice(*LEVELS) == "error"


class _Rules:
    """The levels of a run's rules, by place and by id."""

    def __init__(self, node: Node) -> None:
        tool = node.at("tool")
        self.driver = [_rule(one) for one in tool.at("driver", "rules").items()]
        extensions = [_rule(rule) for one in tool.at("extensions").items() for rule in one.at("rules").items()]
        self.levels = dict([*extensions, *self.driver])

    def level(self, result: Node, rule_id: str) -> str:
        index = result.at("ruleIndex").number()
        in_driver = result.at("rule", "toolComponent").value is None
        if index is not None and in_driver and 0 <= index < len(self.driver):
            return self.driver[index][1]
        return self.levels.get(rule_id, "") or self.levels.get(rule_id.rsplit("/", 1)[0], "") or "warning"


def _rule(node: Node) -> tuple[str, str]:
    level = node.at("defaultConfiguration", "level").choice(*LEVELS)
    return node.at("id").text(), level or "warning"


def _count(run: _Run, result: Node, rules: _Rules, level: int) -> None:
    run.total += 1
    if result.at("baselineState").text() == "absent":
        return
    rule_id = result.at("ruleId").text() or result.at("rule", "id").text() or "a rule without an id"
    kind = result.at("kind").choice(*KINDS) or "fail"
    if kind != "fail":
        run.undecided += kind in UNDECIDED
        return
    found = result.at("level").choice(*LEVELS) or rules.level(result, rule_id)
    if LEVELS.index(found) < level:
        return
    states = [one.at("status").text() or one.at("state").text() for one in result.at("suppressions").items()]
    if states and all(state in SUPPRESSED for state in states):
        run.suppressed += 1
        return
    run.failing[rule_id] += 1


@dataclass(frozen=True)
class _Verdict:
    level: str
    runs: list[_Run]
    source: Source

    def shown(self, place: Place) -> Iterator[Shown]:
        refuting = [one for one in self.runs if one.failing and one.at and one.succeeded is not False]
        holding = [one for one in self.runs if one.counts]
        left_out = [one for one in self.runs if one not in refuting and not one.counts]
        for one in left_out:
            self.source.note(f"{place.choice}: {one.name} {_why_not(one)}: it shows nothing")
        if refuting:
            at = max(one.at for one in refuting if one.at)
            yield self._one(place, at, holds=False, because=self._found(refuting))
        elif holding and not any(one.failing for one in left_out):
            at = min(one.at for one in holding if one.at)
            short_of = tuple(self._short_of(holding, len(left_out)))
            yield self._one(place, at, holds=True, because=self._clean(holding), short_of=short_of)

    def _one(self, place: Place, at: datetime, *, holds: bool, because: str, short_of: tuple[str, ...] = ()) -> Shown:
        return Shown(place.question, place.choice, holds, at, self.source.name, because, short_of)

    def _found(self, runs: list[_Run]) -> str:
        failing: Counter[str] = sum((one.failing for one in runs), Counter())
        names = [f"{rule} ({count:,})" if count > 1 else rule for rule, count in failing.most_common()]
        total = counted(failing.total(), "finding")
        return f"{_tools(runs)}: {total} at {self.level} or above: {few(names)}; looked at {_scope(runs)}"

    def _clean(self, runs: list[_Run]) -> str:
        total = sum(one.total for one in runs)
        none_of = f"none of {counted(total, 'result')}" if total else "no result"
        return f"{_tools(runs)}: {none_of} at {self.level} or above; looked at {_scope(runs)}"

    def _short_of(self, runs: list[_Run], left_out: int) -> Iterator[str]:
        suppressed = sum(one.suppressed for one in runs)
        if suppressed:
            yield f"{counted(suppressed, 'finding')} at {self.level} or above suppressed"
        undecided = sum(one.undecided for one in runs)
        if undecided:
            yield f"{counted(undecided, 'result')} open or to be reviewed"
        troubles = sum(one.troubles for one in runs)
        if troubles:
            yield f"the tool met {counted(troubles, 'error')} of its own"
        if left_out:
            yield f"{counted(left_out, 'run')} of the file counted for nothing"
        silent = [one.name for one in runs if not one.rules and not one.files]
        if silent:
            yield f"{few(silent)} names neither rules nor files it looked at"


def _why_not(run: _Run) -> str:
    if run.succeeded is False:
        return "says that it did not succeed"
    if not run.scanned:
        return "has no results, not even none"
    if run.at is None:
        return "says no time (invocations[].endTimeUtc)"
    return "does not say that it succeeded (invocations[].executionSuccessful)"


def _tools(runs: list[_Run]) -> str:
    return few(list(dict.fromkeys(one.name for one in runs)))


def _scope(runs: list[_Run]) -> str:
    rules, files = sum(one.rules for one in runs), sum(one.files for one in runs)
    parts = [counted(files, "file")] if files else []
    parts += [f"with {counted(rules, 'rule')}"] if rules else []
    parts += [f"at revision {revision}" for revision in dict.fromkeys(one.revision for one in runs) if revision]
    return " ".join(parts) or "what it does not say"
