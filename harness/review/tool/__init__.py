"""To and from the AWS Well-Architected Tool: answers pulled into our format, evidence pushed as notes.

door.py alone touches AWS; what is read, merged and to be written is decided by pure modules.
"""

from harness.review.tool.door import AWS_LENS, Tool
from harness.review.tool.merge import merged
from harness.review.tool.notes import NOTES_MAX, Fresh, Why, with_evidence, words
from harness.review.tool.pulled import Entry, Files, answers_text, described, files, is_built_in, lens_of
from harness.review.tool.push import DONE, Pushed, Status, push_evidence
from harness.review.tool.remote import LensReview, Pulled, ToolAnswer, ToolChoice, ToolMilestone, Workload

__all__ = [
    "AWS_LENS",
    "DONE",
    "NOTES_MAX",
    "Entry",
    "Files",
    "Fresh",
    "LensReview",
    "Pulled",
    "Pushed",
    "Status",
    "Tool",
    "ToolAnswer",
    "ToolChoice",
    "ToolMilestone",
    "Why",
    "Workload",
    "answers_text",
    "described",
    "files",
    "is_built_in",
    "lens_of",
    "merged",
    "push_evidence",
    "with_evidence",
    "words",
]
