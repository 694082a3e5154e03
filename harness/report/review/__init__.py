"""A review, shown: terminal, JSON, and its roadmap as Markdown, CSV and GitHub issues."""

from harness.report.review.exports import roadmap_csv, roadmap_github, roadmap_markdown
from harness.report.review.json import review_json
from harness.report.review.terminal import show_review, show_trend

__all__ = ["review_json", "roadmap_csv", "roadmap_github", "roadmap_markdown", "show_review", "show_trend"]
