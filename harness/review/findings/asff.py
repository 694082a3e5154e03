"""AWS Security Finding Format: what `aws securityhub get-findings` writes, a list of findings, or an event with them.

A control's id is `Compliance.SecurityControlId`, or what stands in its place while findings are not consolidated.
Prowler's findings (`prowler -M json-asff`, or through Security Hub) are known by their generator, `prowler-CHECK`, or
their id, `prowler-CHECK-ACCOUNT-...`, and are held against Prowler's rows of the table. Findings without a compliance
status (GuardDuty's, say) are no checks. Archived findings do not count; suppressed ones are muted.
"""

import re
from collections.abc import Iterator
from typing import Final, Literal

from harness.review.findings.checks import Check, ChecksEvidence, Result, Tool, judged
from harness.review.findings.source import Node, Source, counted, read_json
from harness.review.findings.written import Place
from harness.review.types import Lens, Shown

_RESULTS = {"PASSED": Result.PASS, "FAILED": Result.FAIL}  # WARNING, NOT_AVAILABLE: nothing is known
_STANDARD = "aws-foundational-security-best-practices/v/1.0.0/"
# prowler/lib/outputs/asff/asff.py in github.com/prowler-cloud/prowler: GeneratorId, and Id with the account behind it.
_PROWLERS_GENERATOR: Final = re.compile(r"prowler-(.+)")
_PROWLERS_ID: Final = re.compile(r"prowler-(.+?)-\d{12}-.*")


class AsffEvidence(ChecksEvidence):
    """Findings of AWS Security Hub, and of Prowler in its format."""

    kind: Literal["asff"]

    def places(self, lens: Lens) -> Iterator[Place]:
        """Those of the table, for either tool, and those under `checks`."""
        yield from self._places(lens, "asff", "prowler")

    def shown(self, source: Source, lens: Lens) -> Iterator[Shown]:
        """What the findings show."""
        findings = list(_findings(read_json(source)))
        found = [one for node in findings if (one := _check(node)) is not None]
        if len(found) < len(findings):
            source.note(f"{counted(len(findings) - len(found), 'finding')} archived, or of no check: left out")
        # A row of a tool that the file has nothing of would only be said to be empty.
        tools: list[Tool] = sorted({tool for tool, _ in found}) or ["asff"]
        yield from judged((check for _, check in found), list(self.rows(lens, *tools)), source)


def _findings(root: Node) -> Iterator[Node]:
    if isinstance(root.value, list):
        yield from root.items()
        return
    fields = root.fields()
    if "Findings" in fields:
        yield from root.at("Findings").items()
    elif "detail" in fields:
        yield from root.at("detail", "findings").items()
    else:
        root.source.mistake(1, "", "no findings", "a list of findings, or a mapping with Findings")


def _check(node: Node) -> tuple[Tool, Check] | None:
    status = node.at("Compliance", "Status").text()
    if not status or node.at("RecordState").text() == "ARCHIVED":
        return None
    generator = node.at("GeneratorId").text()
    prowlers = _prowlers(generator, node.at("Id").text())
    control = prowlers or node.at("Compliance", "SecurityControlId").text() or _control(node, generator)
    name = control or generator or node.at("Title").text()
    resource = next(node.at("Resources").items(), Node(node.source, None))
    times = [node.at(key).instant() for key in ("LastObservedAt", "UpdatedAt")]
    return "prowler" if prowlers else "asff", Check(
        name=name,
        names=tuple(dict.fromkeys(one for one in (control, generator, node.at("Title").text()) if one)),
        result=_RESULTS.get(status, Result.UNKNOWN),
        muted=node.at("Workflow", "Status").text() == "SUPPRESSED",
        at=max((one for one in times if one), default=None),
        resource=resource.at("Id").text(),
        account=node.at("AwsAccountId").text(),
        region=node.at("Region").text() or resource.at("Region").text(),
    )


def _prowlers(generator: str, identity: str) -> str:
    """The check's id where a finding is Prowler's, else ""."""
    found = _PROWLERS_GENERATOR.fullmatch(generator) or _PROWLERS_ID.fullmatch(identity)
    return found[1] if found else ""


def _control(node: Node, generator: str) -> str:
    """The control's id where Security Hub does not say it apart."""
    for prefix in ("security-control/", _STANDARD):
        if generator.startswith(prefix):
            return generator.removeprefix(prefix)
    return node.at("ProductFields", "ControlId").text()
