"""What it is worth: Well-Architected lenses, answers and evidence -> claimed and proven scores, roadmap, trade-offs.

Pure, but for reading and writing files.
"""

from harness.review.answers import BUILT_IN, Answer, Answers, Backing, Effect, Level, Measure, Scope
from harness.review.built_in import aws_json, built_in_lens
from harness.review.conditions import Condition, ConditionError, parse_condition
from harness.review.decisions import Checked, OnPillar, TradeOff, amount
from harness.review.evidence import Now, less, shown_by, with_drills
from harness.review.findings import Findings, WrittenEvidence, with_findings
from harness.review.improvements import Improved
from harness.review.lens import read_lens
from harness.review.measured import Measured, measured_by
from harness.review.milestones import NAME as MILESTONE_NAME
from harness.review.milestones import Change, Milestone, Trend, make_milestone, read_milestones, write_milestone
from harness.review.oddities import Finding, Oddity, lint
from harness.review.reading import check_proves, check_scope, read_answers, read_evidence
from harness.review.roadmap import PHASE_DAYS, PHASES, Gap, Quadrant, quadrant_of
from harness.review.scores import FORMULA, Balance, PillarScore, Risks, balance, score
from harness.review.states import CLAIMED, UNSHOWN, Practice, State, aged, scoped, weight
from harness.review.truth import tried_in_part
from harness.review.types import Choice, Lens, Pillar, Provable, Question, Risk, Rule, Shown
from harness.review.whole import MEASURED_PILLARS, Review, review

__all__ = [
    "BUILT_IN",
    "CLAIMED",
    "FORMULA",
    "MEASURED_PILLARS",
    "MILESTONE_NAME",
    "PHASES",
    "PHASE_DAYS",
    "UNSHOWN",
    "Answer",
    "Answers",
    "Backing",
    "Balance",
    "Change",
    "Checked",
    "Choice",
    "Condition",
    "ConditionError",
    "Effect",
    "Finding",
    "Findings",
    "Gap",
    "Improved",
    "Lens",
    "Level",
    "Measure",
    "Measured",
    "Milestone",
    "Now",
    "Oddity",
    "OnPillar",
    "Pillar",
    "PillarScore",
    "Practice",
    "Provable",
    "Quadrant",
    "Question",
    "Review",
    "Risk",
    "Risks",
    "Rule",
    "Scope",
    "Shown",
    "State",
    "TradeOff",
    "Trend",
    "WrittenEvidence",
    "aged",
    "amount",
    "aws_json",
    "balance",
    "built_in_lens",
    "check_proves",
    "check_scope",
    "less",
    "lint",
    "make_milestone",
    "measured_by",
    "parse_condition",
    "quadrant_of",
    "read_answers",
    "read_evidence",
    "read_lens",
    "read_milestones",
    "review",
    "scoped",
    "score",
    "shown_by",
    "tried_in_part",
    "weight",
    "with_drills",
    "with_findings",
    "write_milestone",
]
