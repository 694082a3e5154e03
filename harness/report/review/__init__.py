"""A review, shown: terminal, page, JSON, and its roadmap as Markdown, CSV and GitHub issues."""

from harness.report.review.exports import roadmap_csv, roadmap_github, roadmap_markdown
from harness.report.review.json import review_json, roadmap_json, trend_json
from harness.report.review.page import review_html
from harness.report.review.terminal import show_review, show_roadmap, show_trend

__all__ = [
    "review_html",
    "review_json",
    "roadmap_csv",
    "roadmap_github",
    "roadmap_json",
    "roadmap_markdown",
    "show_review",
    "show_roadmap",
    "show_trend",
    "trend_json",
]
