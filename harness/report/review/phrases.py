"""A review's scores, states and figures in words, the same in every form of it."""

from collections import Counter
from typing import Final

from harness.judge import Outcome
from harness.report import words
from harness.review import (
    CLAIMED,
    UNSHOWN,
    Effect,
    Gap,
    Measure,
    Measured,
    OnPillar,
    PillarScore,
    Practice,
    Review,
    Shown,
    State,
)

_SYMBOLS: Final = {
    State.REFUTED: "✗",
    State.UNPROVEN: "?",
    State.STALE: "~",
    State.PARTIAL: "½",
    State.PROVEN: "✓",
    State.NOT_TESTABLE: "”",
    State.NOT_CLAIMED: "○",
    State.NOT_APPLICABLE: "-",
}
MEANINGS: Final = {
    State.REFUTED: "claimed, and evidence says otherwise",
    State.UNPROVEN: "claimed; a drill, a measurement or a finding could show it, and none has",
    State.STALE: "shown, but too long ago, or on a target that has changed since",
    State.PARTIAL: "shown in part: of less load or scope than is claimed, or by what cannot see all of it",
    State.PROVEN: "claimed, and shown by evidence that still counts",
    State.NOT_TESTABLE: (
        "claimed, and only words stand for it: no drill, figure or file that is named could show it; "
        "what of your own could is said, where the lens knows"
    ),
    State.NOT_CLAIMED: "nobody claims it",
    State.NOT_APPLICABLE: "out of the score, for a reason that is given",
}


_NO_GAPS: Final = {
    State.PROVEN: "proven",
    State.NOT_TESTABLE: "only words",
    State.NOT_CLAIMED: "no practice, and not claimed",
    "excluded": "excluded",
}


def score(value: float | None) -> str:
    """A score without decimals, that never reads 0 or 100 where it is neither."""
    if value is None:
        return words.NOT_KNOWN
    return f"{value:.0f}" if value in (0, 100) else f"{min(max(value, 1), 99):.0f}"


def symbol(state: State) -> str:
    """One character for a state; never shown without its word."""
    return _SYMBOLS[state]


def state_of(state: State | None) -> str:
    """A state in a word; None is that of a practice which the lens does not have."""
    return "not in the lens" if state is None else state.value


# Of practices that joined or left what the scores are out of.
JOINED: Final = (
    "what applies, or what the lens has, is not what it was: the scores then and now are out of other practices"
)


def risks(claimed: int, unrefuted: int, proven: int) -> str:
    """Questions at risk: by what is claimed, with what is refuted taken out, by what is proven alone."""
    return f"{claimed} / {unrefuted} / {proven}"


def not_known(pillar: PillarScore) -> str:
    """How many questions come to a risk that the lens's rules do not tell, of each count; "" where none does."""
    unknown = [one.unknown for one in (pillar.risks_claimed, pillar.risks_unrefuted, pillar.risks_proven)]
    return f"{'/'.join(map(str, unknown))} risks not known" if any(unknown) else ""


def no_gap(review: Review) -> str:
    """Why there is nothing to do, where there is nothing: not all of it is proven for that."""
    if all(one.state in (State.PROVEN, State.NOT_APPLICABLE) for one in review.practices):
        return "no gap: everything that applies is proven"
    found = Counter("excluded" if one.excluded else one.state for one in review.practices)
    left = [f"{found[state]} {said}" for state, said in _NO_GAPS.items() if found[state]]
    return f"no gap that anything named could close: {', '.join(left) or 'nothing applies'}"


def headline(review: Review) -> tuple[State, str]:
    """The whole review in a sentence, and the state it is in: the worst of what could be shown."""
    found = Counter(one.state for one in review.practices)
    claims = sum(count for state, count in found.items() if state in CLAIMED)
    unshown = sum(one.lacks_proof for one in review.practices)
    in_part = sum(found[state] for state in UNSHOWN) - unshown
    partly = f"{in_part} in part, as far as anything named could" if in_part else ""
    rest = ", ".join(
        one for one in (f"{found[State.PROVEN]} proven", partly, f"{found[State.NOT_TESTABLE]} only words") if one
    )
    if found[State.REFUTED]:
        return State.REFUTED, f"REFUTED: {found[State.REFUTED]} of {claims} claims; {unshown} not proven, {rest}"
    if unshown:
        return State.UNPROVEN, f"NOT PROVEN: {unshown} of {claims} claims; none refuted, {rest}"
    others = f"{partly}; the others are only words" if partly else "the others are only words"
    if found[State.PROVEN]:
        return State.PROVEN, f"PROVEN: {found[State.PROVEN]} of {claims} claims; {others}"
    if in_part:
        return (
            State.PARTIAL,
            f"SHOWN IN PART: {in_part} of {claims} claims, as far as anything named could; the others are only words",
        )
    if claims:
        return State.NOT_TESTABLE, f"ONLY WORDS: {claims} of {claims} claims; nothing that is named could prove them"
    return State.NOT_CLAIMED, "Nothing is claimed"


def limited(name: str, value: float | None, limit_name: str, limit: float | None) -> str:
    """`RTA 1.11 s of RTO 10 s`; "" where nothing was measured."""
    if value is None:
        return ""
    return f"{name} {seconds(value)}" + (f" of {limit_name} {seconds(limit)}" if limit is not None else "")


def seconds(value: float | None) -> str:
    """A measured time, to three digits."""
    return words.NOT_KNOWN if value is None else f"{value:.3g} s"


def recovery(one: Measured) -> str:
    """How soon it came back; "" where that is not known."""
    if one.recovered is False:
        return "no recovery seen" + (f", RTO {seconds(one.rto_s)}" if one.rto_s is not None else "")
    return limited("RTA", one.rta_s, "RTO", one.rto_s)


def limited_loss(one: Measured) -> str:
    """How far back what was lost lies; "" where nothing was: that proves no RPO of 0 s."""
    return limited("RPA", one.rpa_s, "RPO", one.rpo_s) if one.rpa_s else ""


def figures(one: Measured) -> list[str]:
    """What a run measured, each figure with its limit."""
    found = [recovery(one), limited_loss(one)]
    if one.lost is not None:
        found.append(f"{words.plural(one.lost, 'write')} lost")
    if one.budget_ratio is not None:
        allowed = one.budget_allowed_ratio
        limit = f", {words.percent(allowed)} allowed" if allowed is not None else ""
        found.append(f"{words.percent(one.budget_ratio)} of a window's budget{limit}")
    if one.burn is not None:
        found.append(f"burn {one.burn:.3g} over the drill")
    if one.latency_s is not None:
        found.append(f"p99 {seconds(one.latency_s)} with nothing broken")
    found += [f"an easier trial: {said}" for said in one.less[:1]]
    return [said for said in found if said]


def worst(review: Review, pillar: str) -> str:
    """The worst of each figure beside a pillar's score, with its limit; "" where there is none."""
    return ", ".join(said for measure, one in review.worst(pillar).items() for said in _figure(one, measure))


def _figure(one: Measured, measure: Measure) -> list[str]:
    said = figures(one.only({measure}).model_copy(update={"less": ()}))
    return [f"{text} (an easier trial)" for text in said] if one.less else said


def effect(one: OnPillar) -> str:
    """`Reliability: worse`."""
    return f"{one.name}: {'no effect' if one.effect is Effect.NONE else one.effect}"


def unsupported(one: OnPillar) -> str:
    """That an effect is only said; "" where something was measured, or was to be."""
    return "" if one.checked or one.refuted else "no evidence"


def unsure(gap: Gap, *names: str) -> str:
    """` (?)` where one of these was assumed, as nobody said so."""
    return " (?)" if set(names) & set(gap.assumed) else ""


def evidence(shown: Shown) -> str:
    """When evidence was seen, and without which zone."""
    lost = f", without {', '.join(sorted(shown.zones))}" if shown.zones else ""
    return f"{shown.at:%Y-%m-%d}{words.visible(lost)}"


def sources(practice: Practice) -> str:
    """The runs and files that a state rests on."""
    return ", ".join(one.source for one in practice.rests_on)


def outcome_of(state: State) -> Outcome:
    """How a state is coloured, where outcomes are."""
    if state is State.REFUTED:
        return Outcome.MISSED
    return Outcome.MET if state is State.PROVEN else Outcome.UNKNOWN
