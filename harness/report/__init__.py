"""SHOW IT: page, terminal, live view, JSON. Computes nothing itself: its numbers are the judge's."""

from harness.report.closing import summary
from harness.report.console import terminal
from harness.report.lines import put
from harness.report.page import html, json_text
from harness.report.planned import show_plan, show_reach
from harness.report.review import (
    review_html,
    review_json,
    roadmap_csv,
    roadmap_github,
    roadmap_json,
    roadmap_markdown,
    show_review,
    show_roadmap,
    show_trend,
    trend_json,
)
from harness.report.watch import Observer, live

__all__ = [
    "Observer",
    "html",
    "json_text",
    "live",
    "put",
    "review_html",
    "review_json",
    "roadmap_csv",
    "roadmap_github",
    "roadmap_json",
    "roadmap_markdown",
    "show_plan",
    "show_reach",
    "show_review",
    "show_roadmap",
    "show_trend",
    "summary",
    "terminal",
    "trend_json",
]
