"""A review on a terminal: at most 80 columns where the terminal is not known to be wider."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from harness.judge import Outcome
from harness.report import words
from harness.report.blocks import STYLES
from harness.report.lines import COLUMNS_MAX, put
from harness.review import FORMULA, Change, Measured, Milestone, PillarScore, Practice, Review, State, Trend

_LISTED: Final = (State.REFUTED, State.STALE, State.PARTIAL, State.UNPROVEN, State.NOT_TESTABLE)
_STATE_STYLES: Final = {State.REFUTED: "bold red", State.STALE: "yellow", State.PARTIAL: "yellow"}
_GAPS_SHOWN: Final = 5
_HEAD: Final = f"{'pillar':<23}{'claimed':>8}{'proven':>8}{'provable':>10}   high risk  medium risk"


def show_review(review: Review, console: Console) -> None:
    """Print the scorecard, what drills measured, and what is refuted, stale, partial, unproven, or only words."""
    width = min(console.width, COLUMNS_MAX)
    for line in _scorecard(review):
        console.print(line, soft_wrap=True)
    for title, lines in _blocks(review, console.encoding):
        console.print()
        put(console, Text(title, style="bold"), width)
        for line in lines:
            put(console, Padding(line, (0, 0, 0, 2), expand=False), width)


def _scorecard(review: Review) -> Iterator[Text]:
    yield Text(_HEAD, style="dim")
    for one in review.pillars:
        yield Text(_line(one.name, one.claimed, one.proven, one.provable) + _risks(one))
    total = review.balance
    yield Text(_line("balanced, each the same", total.claimed, total.proven, total.provable), style="bold")
    yield Text()
    for line in (
        f"scores: {FORMULA}",
        "risks: questions, by what is claimed / with what is refuted taken out / by",
        "what is proven alone",
    ):
        yield Text(line, style="dim")


def _line(name: str, claimed: float | None, proven: float | None, provable: float | None) -> str:
    return f"{words.visible(name)[:23]:<23}{_score(claimed):>8}{_score(proven):>8}{_score(provable):>10}"


def _risks(one: PillarScore) -> str:
    claimed, unrefuted, proven = one.risks_claimed, one.risks_unrefuted, one.risks_proven
    high = f"{claimed.high}/{unrefuted.high}/{proven.high}"
    medium = f"{claimed.medium}/{unrefuted.medium}/{proven.medium}"
    unanswered = f"  {one.unanswered} unanswered" if one.unanswered else ""
    not_known = f"  {claimed.unknown} not known" if claimed.unknown else ""
    return f"{high:>12}{medium:>13}{unanswered}{not_known}"


def _score(value: float | None) -> str:
    """A score without decimals, that never reads 0 or 100 where it is neither."""
    if value is None:
        return words.NOT_KNOWN
    return f"{value:.0f}" if value in (0, 100) else f"{min(max(value, 1), 99):.0f}"


def _blocks(review: Review, encoding: str) -> Iterator[tuple[str, list[Text]]]:
    """Titled lists; empty ones are left out."""
    measured = [_measured(one) for _, one in sorted(review.measured.items())]
    if measured:
        yield "Measured by the newest run of each experiment (reliability, performance):", measured
    for state in _LISTED:
        found = [one for one in review.practices if one.state is state]
        if found:
            yield f"{state}: {len(found)}", [_practice(one) for one in found]
    excluded = [one for one in review.practices if one.excluded]
    if excluded:
        yield (
            f"Excluded, and still in the denominator: {len(excluded)}",
            [Text(f"{one.question} / {one.choice.id}: {words.visible(one.excluded)}") for one in excluded],
        )
    for one in review.trade_offs:
        title = f"Trade-off {one.decision.id}: {words.visible(one.decision.title)}"
        lines = [_outcome(check.outcome, check.because, encoding) for check in one.checked]
        yield (
            title,
            lines + [Text(f"contradicted: {words.visible(said)}", style="bold red") for said in one.contradictions],
        )
    if review.improved:
        claims = [_outcome(one.outcome, f"{one.improvement.claim}: {one.because}", encoding) for one in review.improved]
        yield "Improvements claimed", claims
    if review.trend is not None:
        yield (
            f"Since milestone {review.trend.since.name} of {review.trend.since.at:%Y-%m-%d}",
            list(_trend(review.trend)),
        )
    if review.gaps:
        yield (
            f"Roadmap: {len(review.gaps)} gaps, the first of them (all: wellproven review roadmap)",
            [
                Text(f"{gap.phase}: {words.visible(gap.to_do)} ({gap.practice.choice.id}; {gap.quadrant})")
                for gap in review.gaps[:_GAPS_SHOWN]
            ],
        )


def _measured(one: Measured) -> Text:
    parts = [
        ("RTA", one.rta_s, one.rto_s, "RTO", " s"),
        ("RPA", one.rpa_s, one.rpo_s, "RPO", " s"),
    ]
    said = [
        f"{name} {value:.3g}{unit}" + (f" of {limit_name} {limit:.3g}{unit}" if limit is not None else "")
        for name, value, limit, limit_name, unit in parts
        if value is not None
    ]
    if one.lost is not None:
        said.append(f"{one.lost:,} writes lost")
    if one.budget_ratio is not None:
        said.append(f"{words.percent(one.budget_ratio)} of a window's budget")
    if one.burn is not None:
        said.append(f"burn {one.burn:.3g} over the drill")
    return Text.assemble(
        (one.outcome.value, STYLES[one.outcome]), f" {words.visible(one.run)}: {', '.join(said) or 'no figure'}"
    )


def _practice(one: Practice) -> Text:
    by = f" ({words.visible(one.shown.source)})" if one.shown else ""
    because = f": {words.visible(one.because)}" if one.because and one.state in _STATE_STYLES else ""
    return Text.assemble((f"{one.question} / {one.choice.id}", _STATE_STYLES.get(one.state, "")), by, because)


def _outcome(outcome: Outcome, said: str, encoding: str) -> Text:
    mark = f"{words.symbol(outcome, encoding)} {outcome}"
    return Text.assemble((mark, STYLES[outcome]), f" {words.visible(said)}")


def _trend(trend: Trend) -> Iterator[Text]:
    for pillar, (then, now) in trend.scores.items():
        if then != now:
            yield Text(f"{pillar}: proven {_score(then)} -> {_score(now)}")
    grown_old = set(trend.stale)
    for title, changes, style in (
        ("better", trend.better, "green"),
        ("worse", [one for one in trend.worse if one not in grown_old], "bold red"),
        ("stale", trend.stale, "yellow"),
    ):
        for one in changes:
            yield Text.assemble((title, style), f" {_change(one)}")
    if not trend.better and not trend.worse:
        yield Text("nothing changed its state")


def _change(one: Change) -> str:
    return f"{words.visible(one.practice)}: {one.before} -> {one.now}"


def show_trend(milestones: Sequence[Milestone], now: Review, console: Console) -> None:
    """Print each milestone's proven scores, oldest first, and today's."""
    rows = [
        *(
            (f"{one.at:%Y-%m-%d} {one.name}", {pillar.id: pillar.proven for pillar in one.pillars})
            for one in milestones
        ),
        ("today", {pillar.id: pillar.proven for pillar in now.pillars}),
    ]
    names = [pillar.id for pillar in now.pillars]
    for line in _trend_table(rows, names):
        console.print(line, soft_wrap=True)
    if now.trend is not None:
        console.print()
        for line in _trend(now.trend):
            put(console, line, min(console.width, COLUMNS_MAX))


def _trend_table(rows: Iterable[tuple[str, dict[str, float | None]]], names: Sequence[str]) -> Iterator[Text]:
    yield Text(f"{'proven':<26}" + "".join(f"{name[:8]:>9}" for name in names), style="dim")
    for title, scores in rows:
        cells = "".join(f"{_score(scores.get(name)):>9}" for name in names)
        yield Text(f"{words.visible(title)[:26]:<26}{cells}")
