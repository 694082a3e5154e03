"""What users write, read from YAML (and JSON, its subset): plain values, the line of each, every mistake at once.

Values follow the core schema of YAML 1.2 and not PyYAML's 1.1: only `true` and `false` are booleans (`yes`, `no`, `on`,
`off` are text), dates are text, `012` is text (an account number more often than an octal), and keys are always text.
A number with a fraction is delivered as `Number`, a float that remembers how it was written, so that 0.999 can be read
exactly.
"""

from harness.documents.check import (
    DurationNs,
    ExactNumber,
    FileModel,
    Flag,
    RatePerS,
    Whole,
    problem,
    share,
    validate,
)
from harness.documents.edit import Set, block, edited, flow
from harness.documents.headers import VARIABLE, filled, header_problems, is_sendable, variables_in
from harness.documents.parse import parse_documents, read_content, read_documents
from harness.documents.values import Document, Mistakes, Number, Where, dotted, exact, nearest, one_of, shown

__all__ = [
    "VARIABLE",
    "Document",
    "DurationNs",
    "ExactNumber",
    "FileModel",
    "Flag",
    "Mistakes",
    "Number",
    "RatePerS",
    "Set",
    "Where",
    "Whole",
    "block",
    "dotted",
    "edited",
    "exact",
    "filled",
    "flow",
    "header_problems",
    "is_sendable",
    "nearest",
    "one_of",
    "parse_documents",
    "problem",
    "read_content",
    "read_documents",
    "share",
    "shown",
    "validate",
    "variables_in",
]
