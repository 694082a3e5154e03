"""A review with something of everything, every text from outside under a name of its own."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path

from harness.judge import Outcome
from harness.review import (
    Answer,
    Answers,
    Choice,
    Effect,
    Lens,
    Level,
    Measure,
    Measured,
    Pillar,
    Provable,
    Question,
    Review,
    Risk,
    Rule,
    Scope,
    Shown,
    State,
    make_milestone,
    parse_condition,
    review,
)
from harness.review.answers import Decision, Effort, Expectation, Improvement
from tests.review.figures import measured

NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
EVIL = "</script><script>alert('w')</script>\"'`&<img src=x onerror=alert(1)>{{7*7}}\x1b[31m\u2028"
type Naming = Callable[[str], str]


def tame(name: str) -> str:
    return name


def hostile(name: str) -> str:
    return f"{name} {EVIL}"


def _choice(naming: Naming, name: str, provable: Provable) -> Choice:
    return Choice(
        id=naming(name),
        title=naming(f"Practise {name}"),
        description=naming("described"),
        help=naming("helps"),
        help_url=naming("javascript:alert(1)"),
        improvement=naming("Way out: do it"),
        improvement_url=naming("javascript:alert(2)"),
        provable=provable,
    )


def _question(naming: Naming, name: str, *choices: Choice) -> Question:
    rules = (Rule(parse_condition("default"), Risk.HIGH, naming("default"), "lens.json:1"),)
    return Question(naming(name), naming(f"How {name}?"), naming("why"), choices, rules, "lens.json:1")


def lens(naming: Naming = tame) -> Lens:
    """Three pillars; of the last nothing applies, so it has no score."""
    drill = Provable(drills=(naming("az-failure"), naming("other")))
    scan = Provable(imports=("sarif",), measures=("slo",))
    own = Provable(own_drill=naming("try it"), own_figure=naming("count it, at most 0"))
    return Lens(
        naming("Ours"),
        naming("A lens."),
        (
            Pillar(
                "reliability",
                naming("Reliability"),
                (
                    _question(
                        naming,
                        "zones",
                        _choice(naming, "many", drill),
                        _choice(naming, "spread", drill),
                        _choice(naming, "old", drill),
                        _choice(naming, "part", drill),
                    ),
                    _question(naming, "open", _choice(naming, "nobody", Provable())),
                ),
            ),
            Pillar(
                naming("own"),
                naming("Own pillar"),
                (_question(naming, "code", _choice(naming, "scanned", scan), _choice(naming, "said", own)),),
            ),
            Pillar(
                naming("none"),
                naming("Not ours"),
                (_question(naming, "apart", _choice(naming, "elsewhere", Provable())),),
            ),
        ),
    )


def answers(naming: Naming = tame) -> Answers:
    zones, code, apart = naming("zones"), naming("code"), naming("apart")
    return Answers(
        file=Path(naming("review.yaml")),
        lens_name=naming("ours"),
        lens=lens(naming),
        questions={
            zones: Answer(
                zones,
                frozenset(naming(one) for one in ("many", "spread", "old", "part")),
                owner=naming("team"),
                notes=naming("noted"),
                effort=Effort(Level.HIGH, Level.LOW, date(2026, 11, 1), naming("doer")),
            ),
            code: Answer(code, frozenset({naming("said")}), excluded={naming("scanned"): naming("not this year")}),
            apart: Answer(apart, not_applicable={naming("elsewhere"): naming("not here")}),
        },
        scope=Scope(Fraction(1), (naming("orders"),)),
        decisions=(
            Decision(
                id=naming("async"),
                title=naming("Later is enough"),
                decided=date(2026, 3, 1),
                because=naming("faster"),
                by=naming("decider"),
                effects={"reliability": Effect.BETTER, naming("own"): Effect.WORSE},
                expects=(
                    Expectation(naming("az-failure"), Measure.RPA, Fraction(1), naming("own")),
                    Expectation(naming("never-run"), Measure.RTA, Fraction(5)),
                ),
                where="review.yaml:1",
            ),
        ),
        improvements=(
            Improvement(
                naming("faster now"), naming("az-failure"), Measure.RTA, date(2026, 6, 1), Fraction(1, 2), "r:1"
            ),
        ),
    )


def figures(naming: Naming = tame) -> list[Measured]:
    name = naming("az-failure")
    return [
        measured("2026-05-01", name, run=naming("az-failure/spring"), rta_s=12.0),
        measured(
            "2026-11-20", name, run=naming("az-failure/autumn"), outcome=Outcome.MISSED,
            rta_s=25.5, lost=1_017, rpa_s=3.25, budget_ratio=0.081, burn=31.4, latency_s=0.125,
        ),
        measured(
            "2026-11-21", naming("quiet"), run=naming("quiet/autumn"), rta_s=None, rto_s=None, rpa_s=None, rpo_s=None,
            lost=None, budget_ratio=None, budget_allowed_ratio=None, burn=None,
        ),
    ]  # fmt: skip


def shown(naming: Naming = tame) -> list[Shown]:
    def one(choice: str, days: int, *, holds: bool = True, **more: str | tuple[str, ...]) -> Shown:
        at = NOW - timedelta(days=days)
        blank = Shown(naming("zones"), naming(choice), holds=holds, at=at, source=naming("az-failure/autumn"))
        blank = replace(blank, experiment=naming("az-failure"))
        return replace(blank, because=naming(f"because of {choice}"), **more)  # type: ignore[arg-type]

    return [
        one("many", 2),
        one("spread", 1, holds=False),
        one("old", 200, source=naming("evidence/scan.sarif")),
        one("part", 3, short_of=(naming("less load"),)),
    ]


def whole(naming: Naming = tame) -> Review:
    """Every state, a decision contradicted, an improvement that is none, and a milestone of before.

    Of then one practice applies no more, and the lens did not have another one.
    """
    said, target = answers(naming), naming("staging")
    before = review(said, target, [shown(naming)[2]], figures(naming)[:1], (), NOW - timedelta(days=180))
    kept = make_milestone(naming("spring"), before.at, said.lens_name, target, before.pillars, before.measured)
    states = {**kept.states, f"{naming('apart')}/{naming('elsewhere')}": State.UNPROVEN}
    del states[f"{naming('open')}/{naming('nobody')}"]
    kept = kept.model_copy(update={"states": states})
    return review(said, target, shown(naming), figures(naming), (kept,), NOW)


def bare(naming: Naming = tame) -> Review:
    """Answers, and nothing that anybody ever drilled."""
    return review(answers(naming), naming("staging"), [], [], (), NOW)


def links(naming: Naming = tame) -> dict[str, str]:
    return {naming("az-failure/autumn"): "az-failure/autumn/report.html"}
