"""A review's roadmap for other tools: Markdown, CSV, and issues as GitHub's API takes them."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Final

from harness.report import words
from harness.report.review import phrases
from harness.review import CLAIMED, PHASES, Gap, Review

_COLUMNS: Final = (
    "phase",
    "due",
    "owner",
    "state",
    "quadrant",
    "impact",
    "complexity",
    "pillar",
    "question",
    "practice",
    "title",
    "to do",
    "buys",
    "assumed",
    "because",
    "evidence",
)
# Markup as text, and a name after an @ is nobody's: U+200B keeps GitHub from telling them.
_ESCAPED: Final = str.maketrans(
    {one: f"\\{one}" for one in "\\`|*_[]#"} | {one: f"&#{ord(one)};" for one in "<>&"} | {"@": "@\u200b"}
)
_TITLE_MAX, _LABEL_MAX = 256, 50  # GitHub's
_FORMULA_BEGINS: Final = "=+-@\t\r"


def roadmap_markdown(review: Review) -> str:
    """The roadmap by phase, a table each."""
    lines = [f"# Roadmap: {_cell(review.target)}, {review.at:%Y-%m-%d}", ""]
    for phase in PHASES:
        gaps = [one for one in review.gaps if one.phase == phase]
        if not gaps:
            continue
        lines += [
            f"## {phase.capitalize()}",
            "",
            "| due | owner | practice | state | quadrant | to do | buys |",
            "|" + " --- |" * 7,
        ]
        lines += [_row(one) for one in gaps]
        lines.append("")
    if not review.gaps:
        lines += [f"{phrases.no_gap(review).capitalize()}.", ""]
    assumed = sum(bool(one.assumed) for one in review.gaps)
    if assumed:
        lines += [f"Marked (?): nobody said so in {_cell(str(review.answers.file))}; assumed.", ""]
    return "\n".join(lines)


def _row(gap: Gap) -> str:
    due = f"{gap.due}{' (?)' if 'due' in gap.assumed else ''}{' **overdue**' if gap.overdue else ''}"
    unsure = " (?)" if {"impact", "complexity"} & set(gap.assumed) else ""
    cells = (
        due,
        _cell(gap.owner) or "-",
        f"{_cell(gap.practice.choice.title)} ({_cell(gap.practice.choice.id)})",
        f"{gap.practice.state}{_by(gap)}",
        f"{gap.quadrant}{unsure}",
        _cell(gap.to_do),
        _cell("; ".join(gap.buys)) or "-",
    )
    return "| " + " | ".join(cells) + " |"


def _by(gap: Gap) -> str:
    """The runs, or the file, that the state of a claim rests on."""
    practice = gap.practice
    return f" ({_cell(phrases.sources(practice))})" if practice.shown and practice.state in CLAIMED else ""


def _cell(text: str) -> str:
    """Text from outside in a Markdown table: one line, no markup."""
    return words.visible(text).translate(_ESCAPED)


def roadmap_csv(gaps: Sequence[Gap]) -> str:
    """The roadmap as RFC 4180; no cell begins as a spreadsheet's formula does."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for gap in gaps:
        practice = gap.practice
        cells = (
            gap.phase,
            gap.due.isoformat(),
            gap.owner,
            practice.state.value,
            gap.quadrant.value,
            gap.impact.value,
            gap.complexity.value,
            gap.pillar,
            practice.question,
            practice.choice.id,
            practice.choice.title,
            gap.to_do,
            "; ".join(gap.buys),
            " ".join(gap.assumed),
            practice.because,
            phrases.sources(practice),
        )
        writer.writerow([_harmless(words.visible(one)) for one in cells])
    return out.getvalue()


def _harmless(text: str) -> str:
    return f"'{text}" if text[:1] in _FORMULA_BEGINS and text else text


def roadmap_github(gaps: Sequence[Gap]) -> str:
    """A list of what `POST /repos/{owner}/{repo}/issues` takes: title, body, labels.

    https://docs.github.com/en/rest/issues/issues#create-an-issue
    """
    return json.dumps([_issue(one) for one in gaps], indent=2) + "\n"


def _issue(gap: Gap) -> dict[str, object]:
    practice = gap.practice
    state = f"**{practice.state}**{_by(gap)}"
    body = [
        f"{_cell(practice.choice.id)} of {_cell(practice.question)} ({_cell(gap.pillar)}) is {state}.",
        "",
        f"To do: {_cell(gap.to_do)}",
    ]
    if practice.because:
        body += ["", f"Because: {_cell(practice.because)}"]
    if gap.buys:
        body += ["", "What the drills say it would buy:", *(f"* {_cell(one)}" for one in gap.buys)]
    assumed = f" (assumed: {', '.join(gap.assumed)})" if gap.assumed else ""
    body += ["", f"Impact {gap.impact}, complexity {gap.complexity}: {gap.quadrant}{assumed}. Due {gap.due}."]
    if gap.owner:
        body.append(f"Owner: {_cell(gap.owner)}.")
    return {
        "title": _short(f"{practice.state}: {practice.choice.title}", _TITLE_MAX),
        "body": "\n".join(body),
        "labels": [
            "well-architected",
            _short(gap.pillar.lower(), _LABEL_MAX),
            gap.quadrant.value,
            f"phase: {gap.phase}",
        ],
    }


def _short(text: str, length: int) -> str:
    plain = words.visible(text)
    return plain if len(plain) <= length else f"{plain[: length - 3]}..."
