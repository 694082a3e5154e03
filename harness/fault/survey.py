"""What actions would hit: `python -m harness.fault.survey`, a question on stdin, a Survey on stdout.

A process of its own, since boto3 and requests stay out of the supervisor; boto3 is imported only where an action calls
AWS. It only reads. What could not be asked is said in the `problem` of each action it was about.
"""

import sys
from collections.abc import Sequence

from harness.aws import AwsSession
from harness.errors import WellprovenError
from harness.fault import survey_here
from harness.model import Model
from harness.plan import Action, Reach, Survey, is_aws
from harness.redaction import RedactedStream, Redactor


class Question(Model):
    """What the supervisor asks."""

    actions: tuple[Action, ...]
    tags: dict[str, str]  # the target's: what bears them is the capacity


def main() -> int:
    """Answer; nothing that is said holds a secret's value, a traceback of ours included."""
    redactor = Redactor.of_process()
    sys.stderr = RedactedStream(sys.stderr, redactor)
    question = Question.model_validate_json(sys.stdin.read())
    print(without_secrets(survey(question), redactor).model_dump_json())
    return 0


def without_secrets(found: Survey, redactor: Redactor) -> Survey:
    """What is for people goes without secrets; ids, zones and tags stay, since limits are held against them."""
    reaches = (
        one.model_copy(update={"said": redactor.text(one.said), "problem": redactor.text(one.problem)})
        for one in found.reaches
    )
    return found.model_copy(update={"reaches": tuple(reaches)})


def survey(question: Question) -> Survey:
    """Ask whom each action is about what it would hit."""
    theirs = [action for action in question.actions if is_aws(action.what)]
    answered = _of_aws(theirs, question.tags) if theirs else Survey()
    of_aws = iter(answered.reaches)
    reaches = tuple(next(of_aws) if is_aws(one.what) else survey_here.reach(one) for one in question.actions)
    return answered.model_copy(update={"reaches": reaches})


def _of_aws(actions: Sequence[Action], tags: dict[str, str]) -> Survey:
    from harness.fault import survey_aws  # only here: botocore takes longer than all the rest

    try:
        return survey_aws.survey(actions, tags, AwsSession(patience=survey_aws.PATIENCE))
    except WellprovenError as error:
        problem = f"AWS cannot be asked what the experiment would hit: {error}"
        return Survey(reaches=tuple(unasked(action, problem) for action in actions))


def unasked(action: Action, problem: str) -> Reach:
    """The reach of an action that nobody could be asked about."""
    return Reach(action=action.name, what=action.what, counted=False, said=problem, problem=problem)


if __name__ == "__main__":
    sys.exit(main())
