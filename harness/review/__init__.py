"""What it is worth: Well-Architected lenses, and what their rules make of an answer (pure, but for reading files)."""

from harness.review.answers import Answer, read_answers
from harness.review.built_in import aws_json, built_in_lens
from harness.review.conditions import Condition, ConditionError, parse_condition
from harness.review.evidence import shown_by
from harness.review.lens import read_lens
from harness.review.oddities import Finding, Oddity, lint
from harness.review.scores import FORMULA, PillarScore, Practice, State, score, weight
from harness.review.types import Choice, Lens, Pillar, Provable, Question, Risk, Rule, Shown

__all__ = [
    "FORMULA",
    "Answer",
    "Choice",
    "Condition",
    "ConditionError",
    "Finding",
    "Lens",
    "Oddity",
    "Pillar",
    "PillarScore",
    "Practice",
    "Provable",
    "Question",
    "Risk",
    "Rule",
    "Shown",
    "State",
    "aws_json",
    "built_in_lens",
    "lint",
    "parse_condition",
    "read_answers",
    "read_lens",
    "score",
    "shown_by",
    "weight",
]
