"""The door to the AWS Well-Architected Tool: the one module of the review that touches AWS.

Needs wellarchitected:ListWorkloads, GetWorkload, ListLensReviews, GetLensReview, ListAnswers, GetAnswer; to pull also
ListMilestones and ExportLens; to push also UpdateAnswer and CreateMilestone.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from harness.aws import THROTTLED, AwsError, AwsSession, UnansweredError, translated
from harness.errors import NotAvailableError, RefusedError, UsageError, WellprovenError
from harness.review.tool.remote import LensReview, Pillar, ToolAnswer, ToolChoice, ToolMilestone, Workload
from harness.review.types import Risk
from harness.text import savable

SERVICE: Final = "wellarchitected"
_NOT_NOW: Final = frozenset({"InternalServerException", "ServiceUnavailable", "500", "502", "503", "504"})
AWS_LENS: Final = "wellarchitected"  # the alias of AWS's own six pillars
_WORKLOAD_ID = re.compile(r"[0-9a-f]{32}")
_RISKS: Final = {
    "NONE": Risk.NONE,
    "MEDIUM": Risk.MEDIUM,
    "HIGH": Risk.HIGH,
    "UNANSWERED": Risk.UNANSWERED,
    "NOT_APPLICABLE": Risk.NOT_APPLICABLE,
}


class Tool:
    """The calls a pull and a push make; all raise as harness.aws says."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    @translated(f"AWS {SERVICE}")
    def workload(self, name: str) -> Workload:
        """The workload of that id or name. Raises UsageError where there is none, or more than one."""
        if _WORKLOAD_ID.fullmatch(name):
            found = self._call("GetWorkload", WorkloadId=name)["Workload"]
            return Workload(found["WorkloadId"], _text(found.get("WorkloadName")))
        every = [
            Workload(one["WorkloadId"], _text(one.get("WorkloadName")))
            for one in self._pages("ListWorkloads", "WorkloadSummaries", WorkloadNamePrefix=name[:100])
        ]
        exact = [one for one in every if one.name == name]
        if len(exact) != 1:
            near = ", ".join(f"{one.name} ({one.id})" for one in (exact or every)[:5])
            what = "no workload" if not exact else f"{len(exact)} workloads"
            hint = f"there is {near}; take the id" if near else "see the tool's console, and its region"
            raise UsageError(f"{what} called {name!r}: {hint}")
        return exact[0]

    @translated(f"AWS {SERVICE}")
    def review(self, workload: Workload, lens: str | None) -> LensReview:
        """The review by a lens, which is meant by its alias, its ARN or its name; by AWS's own where none is said."""
        every = [_review(one) for one in self._pages("ListLensReviews", "LensReviewSummaries", WorkloadId=workload.id)]
        wanted = [one for one in every if (lens or AWS_LENS) in (one.alias, one.arn, one.name)]
        if lens is None and not wanted:
            wanted = every
        if len(wanted) != 1:
            known = ", ".join(one.name if one.is_custom else one.alias for one in every) or "none"
            raise UsageError(f"--lens {lens or '(none named)'}: {workload.name} is reviewed by: {known}")
        return _review(self._call("GetLensReview", WorkloadId=workload.id, LensAlias=wanted[0].alias)["LensReview"])

    def questions(self, workload: Workload, review: LensReview) -> Iterator[ToolAnswer]:
        """Every question with its choices and what is selected, pillar by pillar; without notes."""
        with translated(f"AWS {SERVICE} ListAnswers"):
            for pillar in review.pillars:
                pages = self._pages(
                    "ListAnswers", "AnswerSummaries", WorkloadId=workload.id, LensAlias=review.alias, PillarId=pillar.id
                )
                yield from (_answer(one) for one in pages)

    @translated(f"AWS {SERVICE}")
    def answer(self, workload: Workload, review: LensReview, question: str) -> ToolAnswer:
        """One question's answer as it is now, notes and all."""
        return _answer(
            self._call("GetAnswer", WorkloadId=workload.id, LensAlias=review.alias, QuestionId=question)["Answer"]
        )

    @translated(f"AWS {SERVICE}")
    def write_notes(self, workload: Workload, review: LensReview, question: str, notes: str) -> ToolAnswer:
        """Set an answer's notes, and nothing else of it; what the tool has afterwards.

        It is sent once. Raises AgainError where it was not taken for now, and ConflictError where somebody else writes
        there at the moment: the answer is to be read anew before it is written again.
        """
        try:
            place = {"WorkloadId": workload.id, "LensAlias": review.alias, "QuestionId": question}
            return _answer(self._call("UpdateAnswer", once=True, **place, Notes=notes)["Answer"])
        except AwsError as error:
            if error.code == "ConflictException":
                raise ConflictError(str(error), error.code) from None
            if error.code in THROTTLED | _NOT_NOW:
                raise AgainError(str(error), error.code) from None
            raise

    @translated(f"AWS {SERVICE}")
    def milestones(self, workload: Workload) -> tuple[ToolMilestone, ...]:
        """The workload's milestones, oldest first."""
        found = self._pages("ListMilestones", "MilestoneSummaries", WorkloadId=workload.id)
        every = [
            ToolMilestone(
                one["MilestoneNumber"],
                _text(one.get("MilestoneName")),
                one["RecordedAt"],
                _counts(one.get("WorkloadSummary", {})),
            )
            for one in found
        ]
        return tuple(sorted(every, key=lambda one: one.number))

    @translated(f"AWS {SERVICE}")
    def make_milestone(self, workload: Workload, name: str) -> int:
        """Have the tool keep the workload as it is; the number it gives. boto3 makes the token that forbids two."""
        made = self._call("CreateMilestone", WorkloadId=workload.id, MilestoneName=name)
        return int(made["MilestoneNumber"])

    @translated(f"AWS {SERVICE}")
    def export(self, review: LensReview) -> tuple[str, str]:
        """(the lens's JSON, "") of a custom lens, in the version the review is of; ("", why not) else."""
        if not review.is_custom:
            return "", "AWS does not publish the risk rules of its own lenses"
        version = {"LensVersion": review.version} if review.version else {}
        try:
            return str(self._call("ExportLens", LensAlias=review.alias, **version)["LensJSON"]), ""
        except (AwsError, RefusedError) as error:
            return "", f"the lens cannot be exported: {error}"

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        return self._session.call(SERVICE, operation, **arguments)

    def _pages(self, operation: str, items: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        return self._session.pages(SERVICE, operation, items, MaxResults=50, **arguments)


class AgainError(AwsError):
    """Not taken for now."""


class ConflictError(AgainError):
    """Somebody else is writing there."""


def is_unanswered(error: WellprovenError) -> bool:
    """Whether it is not known if the call was carried out."""
    return isinstance(error, UnansweredError)


def concerns_one(error: WellprovenError) -> bool:
    """Whether it says something of one question, and nothing of the others."""
    return isinstance(error, AwsError) and error.code in ("ResourceNotFoundException", "ValidationException")


def _review(raw: dict[str, Any]) -> LensReview:
    arn = str(raw.get("LensArn", ""))
    alias = str(raw.get("LensAlias") or arn)  # a custom lens has no alias but its ARN
    if not alias:
        raise NotAvailableError("AWS wellarchitected: a lens without alias and ARN")
    pillars = tuple(
        Pillar(one["PillarId"], _text(one.get("PillarName")) or one["PillarId"], _counts(one))
        for one in raw.get("PillarReviewSummaries", [])
    )
    return LensReview(alias, arn, _text(raw.get("LensName")) or alias, str(raw.get("LensVersion", "")), pillars)


def _answer(raw: dict[str, Any]) -> ToolAnswer:
    said = {one["ChoiceId"]: one for one in raw.get("ChoiceAnswers", raw.get("ChoiceAnswerSummaries", []))}
    return ToolAnswer(
        question=raw["QuestionId"],
        pillar=raw.get("PillarId", ""),
        title=_text(raw.get("QuestionTitle")),
        description=_text(raw.get("QuestionDescription")),
        choices=tuple(_choice(one, said.get(one["ChoiceId"], {})) for one in raw.get("Choices", [])),
        selected=tuple(raw.get("SelectedChoices", [])),
        applicable=raw.get("IsApplicable", True),
        reason=_words(raw.get("Reason")),
        risk=_RISKS.get(raw.get("Risk", ""), Risk.UNKNOWN),
        notes=str(raw.get("Notes") or ""),  # to the letter: a push gives them back
    )


def _choice(raw: dict[str, Any], said: dict[str, Any]) -> ToolChoice:
    helpful, plan = raw.get("HelpfulResource", {}), raw.get("ImprovementPlan", {})
    notes = _text(said.get("Notes"))
    why = None
    if said.get("Status") == "NOT_APPLICABLE":
        why = ": ".join(part for part in (_words(said.get("Reason")), notes.strip()) if part) or "no reason given"
    return ToolChoice(
        id=raw["ChoiceId"],
        title=_text(raw.get("Title")),
        description=_text(raw.get("Description")),
        help=_text(helpful.get("DisplayText")),
        help_url=_text(helpful.get("Url")),
        improvement=_text(plan.get("DisplayText")),
        improvement_url=_text(plan.get("Url")),
        not_applicable=why,
        notes="" if why else notes,
    )


def _counts(raw: dict[str, Any]) -> dict[str, int]:
    return {_RISKS.get(name, Risk.UNKNOWN).value: count for name, count in sorted(raw.get("RiskCounts", {}).items())}


def _words(reason: str | None) -> str:
    """`out of scope` of OUT_OF_SCOPE."""
    return "" if reason in (None, "NONE") else str(reason).replace("_", " ").lower()


def _text(value: object) -> str:
    return savable(str(value or ""))
