"""AWS Security Finding Format: what `aws securityhub get-findings` writes, a list of findings, or an event with them.

A control's id is `Compliance.SecurityControlId`, or what stands in its place while findings are not consolidated, or
the check of a tool that reports to Security Hub. Findings without a compliance status (GuardDuty's, say) are no checks.
Archived findings do not count; suppressed ones are muted.
"""

from collections.abc import Iterator
from typing import Literal

from harness.review.findings.checks import Check, ChecksEvidence, Result, judged
from harness.review.findings.source import Node, Source, counted, read_json
from harness.review.findings.written import Place
from harness.review.types import Lens, Shown

_RESULTS = {"PASSED": Result.PASS, "FAILED": Result.FAIL}  # WARNING, NOT_AVAILABLE: nothing is known
_STANDARD = "aws-foundational-security-best-practices/v/1.0.0/"


class AsffEvidence(ChecksEvidence):
    """Findings of AWS Security Hub."""

    kind: Literal["asff"]

    def places(self, lens: Lens) -> Iterator[Place]:
        """Those of the table, and those under `checks`."""
        yield from self._places(lens, "asff")

    def shown(self, source: Source, lens: Lens) -> Iterator[Shown]:
        """What the findings show."""
        findings = list(_findings(read_json(source)))
        checks = [check for one in findings if (check := _check(one)) is not None]
        if len(checks) < len(findings):
            source.note(f"{counted(len(findings) - len(checks), 'finding')} archived, or of no check: left out")
        yield from judged(checks, list(self.rows(lens, "asff")), source)


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


def _check(node: Node) -> Check | None:
    status = node.at("Compliance", "Status").text()
    if not status or node.at("RecordState").text() == "ARCHIVED":
        return None
    generator = node.at("GeneratorId").text()
    control = node.at("Compliance", "SecurityControlId").text() or _control(node, generator)
    name = control or generator or node.at("Title").text()
    resource = next(node.at("Resources").items(), Node(node.source, None))
    times = [node.at(key).instant() for key in ("LastObservedAt", "UpdatedAt")]
    return Check(
        name=name,
        names=tuple(dict.fromkeys(one for one in (control, generator, node.at("Title").text()) if one)),
        result=_RESULTS.get(status, Result.UNKNOWN),
        muted=node.at("Workflow", "Status").text() == "SUPPRESSED",
        at=max((one for one in times if one), default=None),
        resource=resource.at("Id").text(),
        account=node.at("AwsAccountId").text(),
        region=node.at("Region").text() or resource.at("Region").text(),
    )


def _control(node: Node, generator: str) -> str:
    """The control's id where Security Hub does not say it apart, or the check of another tool."""
    for prefix in ("security-control/", _STANDARD, "prowler-"):
        if generator.startswith(prefix):
            return generator.removeprefix(prefix)
    return node.at("ProductFields", "ControlId").text()
