"""Prowler's findings: its OCSF JSON (versions 4 and 5) and its CSV (versions 3 to 5)."""

from collections.abc import Iterator
from typing import Literal

from harness.errors import FileError
from harness.review.findings.checks import Check, ChecksEvidence, Result, judged
from harness.review.findings.source import Node, Source, clean, read_json, read_table
from harness.review.findings.written import Place
from harness.review.types import Lens, Shown

_RESULTS = {"PASS": Result.PASS, "FAIL": Result.FAIL}  # MANUAL, INFO: nothing is known
_MUTED_STATUS = {"MUTED", "WARNING"}  # as versions before 4.2 wrote a failure that somebody muted
_SUPPRESSED_ID = 3  # status_id of an OCSF finding
# Our name of a column -> the names it has had.
_COLUMNS = {
    "CHECK_ID": (),
    "STATUS": (),
    "TIMESTAMP": ("ASSESSMENT_START_TIME",),
    "MUTED": (),
    "ACCOUNT_UID": ("ACCOUNT_ID",),
    "REGION": (),
    "RESOURCE_UID": ("RESOURCE_ARN", "RESOURCE_ID"),
}


class ProwlerEvidence(ChecksEvidence):
    """Findings of Prowler."""

    kind: Literal["prowler"]

    def places(self, lens: Lens) -> Iterator[Place]:
        """Those of the table, and those under `checks`."""
        yield from self._places(lens, "prowler")

    def shown(self, source: Source, lens: Lens) -> Iterator[Shown]:
        """What the findings show."""
        is_json = source.content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"[", b"{")
        checks = list(_from_json(read_json(source)) if is_json else _from_table(source))
        yield from judged(checks, list(self.rows(lens, "prowler")), source)


def _from_json(root: Node) -> Iterator[Check]:
    for node in root.items():
        name = node.at("metadata", "event_code").text()
        if not name:
            way_out = "write it with --output-formats json-ocsf"
            node.source.mistake(1, f"[{node.path[-1]}].metadata.event_code", "nothing", "the check's id", way_out)
            continue
        resource = next(node.at("resources").items(), Node(node.source, None))
        muted = node.at("status").text() == "Suppressed" or node.at("status_id").number() == _SUPPRESSED_ID
        status = node.at("status_code").text()
        times = (node.at("time"), node.at("time_dt"), node.at("event_time"), node.at("finding_info", "created_time"))
        yield Check(
            name=name,
            names=(name,),
            result=Result.FAIL if status in _MUTED_STATUS else _RESULTS.get(status, Result.UNKNOWN),
            muted=muted or status in _MUTED_STATUS,
            at=next((at for at in (one.instant() for one in times) if at), None),
            resource=resource.at("uid").text(),
            account=node.at("cloud", "account", "uid").text(),
            region=node.at("cloud", "region").text() or resource.at("region").text(),
        )


def _from_table(source: Source) -> Iterator[Check]:
    table = read_table(source, _COLUMNS, {})
    table.need("CHECK_ID", "STATUS")
    for row in table.rows():
        status = row.get("STATUS").strip().upper()
        name = clean(row.get("CHECK_ID"))
        if not name:
            source.mistake(row.line, "CHECK_ID", "nothing", "the check's id")
            continue
        yield Check(
            name=name,
            names=(name,),
            result=Result.FAIL if status in _MUTED_STATUS else _RESULTS.get(status, Result.UNKNOWN),
            muted=row.get("MUTED").strip().casefold() == "true" or status in _MUTED_STATUS,
            at=source.instant(row.get("TIMESTAMP").strip(), row.line, "TIMESTAMP"),
            resource=clean(row.get("RESOURCE_UID")),
            account=clean(row.get("ACCOUNT_UID")),
            region=clean(row.get("REGION")),
        )
    if source.mistakes:
        raise FileError(source.mistakes)
