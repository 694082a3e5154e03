"""A review on a terminal: at most 80 columns where the terminal is not known to be wider."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import Final

from rich.cells import set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.text import Text

from harness.judge import Outcome
from harness.report import words
from harness.report.blocks import STYLES
from harness.report.lines import COLUMNS_MAX, put, whole_figures
from harness.report.review import phrases
from harness.review import (
    FORMULA,
    PHASES,
    Change,
    Gap,
    Measured,
    Milestone,
    PillarScore,
    Practice,
    Review,
    State,
    TradeOff,
    Trend,
)

_LISTED: Final = (State.REFUTED, State.STALE, State.PARTIAL, State.UNPROVEN, State.NOT_TESTABLE)
_STATE_STYLES: Final = {State.REFUTED: "bold red", State.STALE: "yellow", State.PARTIAL: "yellow"}
_GAPS_SHOWN: Final = 5
_TO_DO_CHARS: Final = 160
_NAME: Final = 23  # columns of a pillar's name
_DAY: Final = 11  # columns of one day's score
_HEAD: Final = (
    f"{'pillar':<{_NAME}}{'claimed':>8}{'proven':>8}{'provable':>9}{'high':>9}{'medium':>9}{'unanswered':>12}"
)


def show_review(review: Review, console: Console) -> None:
    """Print the scorecard, what drills measured, and what is refuted, stale, partial, unproven, or only words."""
    width = min(console.width, COLUMNS_MAX)
    state, sentence = phrases.headline(review)
    put(console, Text(sentence, style=f"bold {STYLES[phrases.outcome_of(state)].split()[-1]}"), width)
    console.print()
    for line in _scorecard(review):
        put(console, line, width)
    for title, lines in _blocks(review, console.encoding):
        console.print()
        put(console, Text(title, style="bold"), width)
        for one in lines:
            put(console, _indented(one), width)


@dataclass(frozen=True)
class _Hanging:
    """A text whose further lines begin deeper than the first, so that the next item is seen to begin."""

    text: Text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        first, *rest = whole_figures(self.text).wrap(console, max(1, options.max_width - 2))
        yield first
        for line in rest:
            yield Padding(line, (0, 0, 0, 2), expand=False)


def _indented(line: RenderableType) -> RenderableType:
    return Padding(_Hanging(line) if isinstance(line, Text) else line, (0, 0, 0, 2), expand=False)


def _scorecard(review: Review) -> Iterator[RenderableType]:
    yield Text(f"{'':<{_NAME}}{'score, 0 to 100':^25}{'questions at risk':>20}", style="dim")
    yield Text(_HEAD, style="dim")
    for one in review.pillars:
        yield Text(_line(one.name, one.claimed, one.proven, one.provable) + _risks(one))
        if measured := phrases.worst(review, one.id):
            yield _indented(Text(f"worst measured: {measured}", style="dim"))
    total = review.balance
    yield Text(_line("balanced, each the same", total.claimed, total.proven, total.provable), style="bold")
    for one in review.pillars:
        if known := phrases.not_known(one):
            yield Text(f"{words.visible(one.name)}: {known}, as the lens does not publish its rules", style="yellow")
    yield Text()
    yield Text(f"score: {FORMULA}", style="dim")
    yield Text(
        "risk: by what is claimed / with what is refuted taken out / by what is proven alone; a question nobody "
        "answered is in none of them",
        style="dim",
    )


def _line(name: str, claimed: float | None, proven: float | None, provable: float | None) -> str:
    scores = f"{phrases.score(claimed):>8}{phrases.score(proven):>8}{phrases.score(provable):>9}"
    return f"{_named(name)}{scores}"


def _named(pillar: str) -> str:
    """A pillar's name as wide as its column: a character of some scripts takes two."""
    return set_cell_size(words.visible(pillar), _NAME)


def _risks(one: PillarScore) -> str:
    claimed, unrefuted, proven = one.risks_claimed, one.risks_unrefuted, one.risks_proven
    high = f"{claimed.high}/{unrefuted.high}/{proven.high}"
    medium = f"{claimed.medium}/{unrefuted.medium}/{proven.medium}"
    return f"{high:>9}{medium:>9}{one.unanswered:>12}"


def _blocks(review: Review, encoding: str) -> Iterator[tuple[str, Sequence[RenderableType]]]:
    """Titled lists; empty ones are left out."""
    measured = [_measured(one, encoding) for one in review.measured]
    if measured:
        yield "Measured by the newest run of each experiment that knows the figure", measured
    for state in _LISTED:
        found = [one for one in review.practices if one.state is state]
        if found:
            title = f"{state.capitalize()}: {len(found)} ({phrases.MEANINGS[state]})"
            yield title, list(_practices(review, found))
    excluded = [one for one in review.practices if one.excluded]
    if excluded:
        yield (
            f"Excluded: {len(excluded)}, not looked at now, and still in the denominator",
            [Text(words.visible(f"{review.called(one)}: {one.excluded}")) for one in excluded],
        )
    for one in review.trade_offs:
        title = words.visible(f"Trade-off {one.decision.id}: {one.decision.title}")
        yield title, list(_trade_off(one, encoding))
    if review.improved:
        claims = [_outcome(one.outcome, f"{one.improvement.claim}: {one.because}", encoding) for one in review.improved]
        yield "Improvements claimed", claims
    if review.trend is not None:
        since = review.trend.since
        title = f"Since milestone {words.visible(since.name)} of {since.at:%Y-%m-%d} (all: wellproven review trend)"
        yield title, list(_trend(review.trend, review.pillars, all_better=False))
    if review.gaps:
        first = review.gaps[:_GAPS_SHOWN]
        count = words.plural(len(review.gaps), "gap")
        yield (
            f"Next steps: the first {len(first)} of {count}; all: wellproven review roadmap",
            [Text(words.visible(f"{gap.phase}: {_short(gap.to_do)} ({review.called(gap.practice)})")) for gap in first],
        )


def _short(to_do: str) -> str:
    """As much of it as a list of five takes: ways out of some published lenses are pages long; the roadmap has all."""
    return shorten(to_do, _TO_DO_CHARS, placeholder=" ...")


def _measured(one: Measured, encoding: str) -> Text:
    said = ", ".join(phrases.figures(one)) or "no figure"
    return _outcome(one.outcome, f"{one.run}: {said}", encoding)


def _practices(review: Review, found: Sequence[Practice]) -> Iterator[Text]:
    """Each with its reason; where there is none to tell, by question in as few lines as it takes."""
    reasoned = [one for one in found if one.state in _STATE_STYLES]
    for one in reasoned:
        by = f" ({words.visible(phrases.sources(one))})" if one.shown else ""
        because = f": {words.visible(one.because)}" if one.because else ""
        yield Text.assemble((words.visible(review.called(one)), _STATE_STYLES[one.state]), because, by)
    for one in found:
        if one not in reasoned:
            how = one.choice.provable.in_words
            yield Text.assemble(words.visible(review.called(one)), (f": {words.visible(how)}" if how else "", "dim"))


def _trade_off(one: TradeOff, encoding: str) -> Iterator[RenderableType]:
    """Each pillar's effect with its own evidence below it; then the limits that are about none of them."""
    for effect in one.effects:
        nothing = phrases.unsupported(effect)
        yield Text.assemble(words.visible(phrases.effect(effect)), (f" ({nothing})" if nothing else "", "dim"))
        for check in effect.checked:
            yield _indented(_outcome(check.outcome, check.because, encoding))
        for said in effect.refuted:
            yield _indented(Text(f"contradicted: {words.visible(said)}", style="bold red"))
    for check in one.whole:
        yield _outcome(check.outcome, check.because, encoding)


def _outcome(outcome: Outcome, said: str, encoding: str) -> Text:
    mark = f"{words.symbol(outcome, encoding)} {outcome}"
    return Text.assemble((mark, STYLES[outcome]), f" {words.visible(said)}")


# --- trend -----------------------------------------------------------------------------------------------------------


def show_trend(milestones: Sequence[Milestone], now: Review, console: Console) -> None:
    """Print the proven scores of the newest milestones and today's, and what changed since the newest."""
    width = min(console.width, COLUMNS_MAX)
    if not milestones:
        put(console, Text("no milestone yet: wellproven review milestone NAME keeps the review as it is today"), width)
        return
    shown = milestones[-max(1, (width - _NAME) // _DAY - 1) :]
    days = [*((one.name, f"{one.at:%Y-%m-%d}") for one in shown), ("", "today")]
    for name, row in (("proven score", [name for name, _ in days]), ("", [day for _, day in days])):
        put(console, Text(_row(name, [words.visible(one)[: _DAY - 1] for one in row]), style="dim"), width)
    then = [{pillar.id: pillar.proven for pillar in one.pillars} for one in shown]
    for pillar in now.pillars:
        scores = [*(one.get(pillar.id) for one in then), pillar.proven]
        put(console, Text(_row(pillar.name, [phrases.score(one) for one in scores])), width)
    if len(shown) < len(milestones):
        older = words.plural(len(milestones) - len(shown), "older milestone")
        put(console, Text(f"{older} not shown", style="dim"), width)
    put(console, Text(f"score: {FORMULA}", style="dim"), width)
    if now.trend is not None:
        console.print()
        put(console, Text(f"Since {words.visible(now.trend.since.name)}", style="bold"), width)
        for line in _trend(now.trend, now.pillars, all_better=True):
            put(console, _indented(line), width)


def _row(name: str, cells: Iterable[str]) -> str:
    return _named(name) + "".join(f"{cell:>{_DAY}}" for cell in cells)


def _trend(trend: Trend, pillars: Iterable[PillarScore], *, all_better: bool) -> Iterator[Text]:
    """Scores that moved, then each practice that did; of what got better, perhaps only how many."""
    for pillar in pillars:
        then, now = trend.scores.get(pillar.id, (None, None))
        if then != now:
            yield Text(f"{words.visible(pillar.name)}: proven {phrases.score(then)} -> {phrases.score(now)}")
    grown_old = set(trend.stale)
    for title, changes, style in (
        ("worse", [one for one in trend.worse if one not in grown_old], "bold red"),
        ("stale", trend.stale, "yellow"),
        ("better", trend.better if all_better else (), "green"),
        ("counts now", trend.joined if all_better else (), "bold"),
        ("counts no more", trend.left, "bold"),
    ):
        for one in changes:
            yield Text.assemble((title, style), f" {_change(one)}")
    if not all_better:
        for title, changes, style in (("better", trend.better, "green"), ("counts now", trend.joined, "bold")):
            if changes:
                yield Text.assemble((title, style), f": {words.plural(len(changes), 'practice')}")
    if trend.joined or trend.left:
        yield Text(phrases.JOINED, style="dim")
    if not (trend.better or trend.worse or trend.joined or trend.left):
        yield Text("nothing changed its state")


def _change(one: Change) -> str:
    return f"{words.visible(one.practice)}: {phrases.state_of(one.before)} -> {phrases.state_of(one.now)}"


# --- roadmap ---------------------------------------------------------------------------------------------------------


def show_roadmap(review: Review, console: Console) -> None:
    """Print every gap by phase: when, by whom, what to do, what it buys."""
    width = min(console.width, COLUMNS_MAX)
    if not review.gaps:
        put(console, Text(phrases.no_gap(review)), width)
        return
    for phase in PHASES:
        gaps = [one for one in review.gaps if one.phase == phase]
        if gaps:
            put(console, Text(f"{phase.capitalize()}: {words.plural(len(gaps), 'gap')}", style="bold"), width)
            for gap in gaps:
                for line in _gap(review, gap):
                    put(console, line, width)
            console.print()
    if any(one.assumed for one in review.gaps):
        answers = words.visible(str(review.answers.file))
        put(console, Text(f"(?) nobody said so in {answers}: assumed", style="dim"), width)


def _gap(review: Review, gap: Gap) -> Iterator[RenderableType]:
    due = f"{gap.due}{phrases.unsure(gap, 'due')}"
    effort = f"impact {gap.impact}{phrases.unsure(gap, 'impact')}"
    effort += f", complexity {gap.complexity}{phrases.unsure(gap, 'complexity')}"
    yield _indented(
        Text.assemble(
            (gap.practice.state.value, _STATE_STYLES.get(gap.practice.state, "")),
            f" {words.visible(f'{review.called(gap.practice)}: {gap.to_do}')}",
        )
    )
    details = [gap.quadrant.value, effort, f"due {due}{', overdue' if gap.overdue else ''}"]
    details += [words.visible(gap.owner)] if gap.owner else []
    yield Padding(Text("; ".join(details), style="yellow" if gap.overdue else "dim"), (0, 0, 0, 4), expand=False)
    for said in gap.buys:
        yield Padding(Text(f"buys {words.visible(said)}"), (0, 0, 0, 4), expand=False)
