"""A review for machines: schema wellproven/review/v1, and its roadmap and its trend alone.

Scores are 0..100 or null, ratios 0..1, times seconds, instants ISO 8601 in UTC.
"""

import json
from collections.abc import Iterable
from typing import Final

from harness.review import (
    FORMULA,
    Answer,
    Backing,
    Change,
    Checked,
    Gap,
    Improved,
    Measure,
    Measured,
    Milestone,
    PillarScore,
    Practice,
    Question,
    Review,
    TradeOff,
    Trend,
)

REVIEW_SCHEMA: Final = "wellproven/review/v1"
ROADMAP_SCHEMA: Final = "wellproven/review-roadmap/v1"
TREND_SCHEMA: Final = "wellproven/review-trend/v1"


def review_json(review: Review) -> str:
    """The whole review, indented."""
    words = {
        "schema": REVIEW_SCHEMA,
        **_head(review),
        "answers": str(review.answers.file),
        "scope": {
            "load": float(review.answers.scope.load),
            "slos": list(review.answers.scope.slos),
            "zones": list(review.answers.scope.zones),
        },
        "stale_after_s": review.answers.stale_after.total_seconds(),
        "formula": FORMULA,
        "balanced": {
            "claimed": review.balance.claimed,
            "proven": review.balance.proven,
            "provable": review.balance.provable,
        },
        "pillars": [_pillar(one, review) for one in review.pillars],
        "measured": [one.model_dump(mode="json") for one in review.measured],
        "roadmap": [_gap(one) for one in review.gaps],
        "trade_offs": [_trade_off(one) for one in review.trade_offs],
        "improvements": [_improved(one) for one in review.improved],
        **_course(review),
    }
    return _text(words)


def roadmap_json(review: Review) -> str:
    """The roadmap alone, indented: the gaps as the whole review has them."""
    return _text({"schema": ROADMAP_SCHEMA, **_head(review), "roadmap": [_gap(one) for one in review.gaps]})


def trend_json(review: Review) -> str:
    """The scores of each milestone and what changed since the newest, as the whole review has them."""
    return _text({"schema": TREND_SCHEMA, **_head(review), **_course(review)})


def _text(words: dict[str, object]) -> str:
    return json.dumps(words, indent=2) + "\n"


def _head(review: Review) -> dict[str, object]:
    at = review.at.isoformat(timespec="seconds")
    return {"at": at, "lens": review.answers.lens_name, "target": review.target}


def _course(review: Review) -> dict[str, object]:
    return {
        "milestones": [_milestone(one) for one in review.milestones],
        "trend": _trend(review.trend) if review.trend else None,
    }


def _milestone(one: Milestone) -> dict[str, object]:
    pillars = [
        {"id": then.id, "name": then.name, "claimed": then.claimed, "proven": then.proven, "provable": then.provable}
        for then in one.pillars
    ]
    return {"name": one.name, "at": one.at.isoformat(timespec="seconds"), "pillars": pillars}


def _pillar(pillar: PillarScore, review: Review) -> dict[str, object]:
    asked = next(one.questions for one in review.answers.lens.pillars if one.id == pillar.id)
    answers = review.answers.questions
    return {
        "id": pillar.id,
        "name": pillar.name,
        "claimed": pillar.claimed,
        "proven": pillar.proven,
        "provable": pillar.provable,
        "high_risk": pillar.risks_claimed.high,
        "high_risk_unrefuted": pillar.risks_unrefuted.high,
        "high_risk_proven": pillar.risks_proven.high,
        "medium_risk": pillar.risks_claimed.medium,
        "medium_risk_unrefuted": pillar.risks_unrefuted.medium,
        "medium_risk_proven": pillar.risks_proven.medium,
        "unknown_risk": pillar.risks_claimed.unknown,
        "unknown_risk_unrefuted": pillar.risks_unrefuted.unknown,
        "unknown_risk_proven": pillar.risks_proven.unknown,
        "unanswered": pillar.unanswered,
        "worst": [_worst(measure, one) for measure, one in review.worst(pillar.id).items()],
        "questions": [_question(one, answers.get(one.id)) for one in asked],
        "practices": [_practice(one, answers.get(one.question)) for one in pillar.practices],
    }


def _worst(measure: Measure, one: Measured) -> dict[str, object]:
    return {
        "measure": measure.value,
        "value": one.value(measure),
        "limit": one.limit(measure),
        "experiment": one.experiment,
        "run": one.run,
    }


def _question(question: Question, answer: Answer | None) -> dict[str, object]:
    return {
        "id": question.id,
        "title": question.title,
        "answered": answer is not None,
        "owner": answer.owner if answer else "",
        "notes": answer.notes if answer else "",
    }


def _practice(practice: Practice, answer: Answer | None) -> dict[str, object]:
    shown, provable = practice.shown, practice.choice.provable
    return {
        "question": practice.question,
        "choice": practice.choice.id,
        "title": practice.choice.title,
        "weight": practice.weight,
        "state": practice.state.value,
        "because": practice.because,
        "source": shown.source if shown else None,
        "at": shown.at.isoformat() if shown else None,
        "rests_on": [
            {"source": one.source, "at": one.at.isoformat(), "zones": sorted(one.zones)} for one in practice.rests_on
        ],
        "excluded": practice.excluded or None,
        "not_applicable": answer.not_applicable.get(practice.choice.id) if answer else None,
        "provable_by": {
            "drills": list(provable.drills),
            "measures": list(provable.measures),
            "imports": list(provable.imports),
            "partly": list(provable.partly),
            "wholly": provable.wholly,
            "own_drill": provable.own_drill or None,
            "own_figure": provable.own_figure or None,
        },
    }


def _gap(gap: Gap) -> dict[str, object]:
    """One gap of the roadmap."""
    return {
        "pillar": gap.pillar,
        "question": gap.practice.question,
        "choice": gap.practice.choice.id,
        "title": gap.practice.choice.title,
        "state": gap.practice.state.value,
        "impact": gap.impact.value,
        "complexity": gap.complexity.value,
        "assumed": list(gap.assumed),
        "quadrant": gap.quadrant.value,
        "phase": gap.phase,
        "due": gap.due.isoformat(),
        "overdue": gap.overdue,
        "owner": gap.owner,
        "to_do": gap.to_do,
        "buys": list(gap.buys),
    }


def _trade_off(one: TradeOff) -> dict[str, object]:
    decision = one.decision
    return {
        "id": decision.id,
        "title": decision.title,
        "decided": decision.decided.isoformat(),
        "by": decision.by,
        "because": decision.because,
        "effects": {pillar: effect.value for pillar, effect in decision.effects.items()},
        "by_pillar": [
            {
                "pillar": effect.pillar,
                "effect": effect.effect.value,
                "outcome": effect.outcome.value,
                "checked": [_checked(check) for check in effect.checked],
                "contradictions": list(effect.contradictions),
            }
            for effect in one.effects
        ],
        "checked": [_checked(check) for check in one.checked],
        "contradictions": list(one.contradictions),
    }


def _checked(one: Checked) -> dict[str, object]:
    expected = one.expectation
    limit = None if isinstance(expected, Backing) else expected
    return {
        "pillar": expected.pillar or None,
        "practice": f"{expected.question}/{expected.choice}" if isinstance(expected, Backing) else None,
        "experiment": limit.experiment if limit else None,
        "measure": limit.measure.value if limit else None,
        "at_most": float(limit.at_most) if limit else None,
        "measured": one.measured,
        "run": one.run or None,
        "outcome": one.outcome.value,
        "because": one.because,
    }


def _improved(one: Improved) -> dict[str, object]:
    return {
        "claim": one.improvement.claim,
        "experiment": one.improvement.experiment,
        "measure": one.improvement.measure.value,
        "since": one.improvement.since.isoformat(),
        "less_by": float(one.improvement.less_by),
        "fell_by": one.fell_by,
        "then": one.then.run if one.then else None,
        "now": one.now.run if one.now else None,
        "outcome": one.outcome.value,
        "because": one.because,
    }


def _trend(trend: Trend) -> dict[str, object]:
    def changes(found: Iterable[Change]) -> list[dict[str, str | None]]:
        return [{"practice": one.practice, "before": one.before, "now": one.now} for one in found]

    return {
        "since": trend.since.name,
        "at": trend.since.at.isoformat(timespec="seconds"),
        "better": changes(trend.better),
        "worse": changes(trend.worse),
        "stale": changes(trend.stale),
        "joined": changes(trend.joined),
        "left": changes(trend.left),
        "proven": {name: {"then": then, "now": now} for name, (then, now) in trend.scores.items()},
    }
