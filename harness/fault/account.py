"""Whose AWS the calls of an experiment would go to."""

from harness.aws import AwsSession, Patience
from harness.errors import RefusedError, WellprovenError


def account_problem(allowed: str | None) -> str | None:
    """Why the AWS calls of the experiment must not be made; None where they may."""
    if allowed is None:
        return None
    try:
        AwsSession(patience=Patience(read_s=5, attempts=2, deadline_s=10)).require_account(allowed)
    except RefusedError as error:
        return str(error)
    except WellprovenError as error:
        return f"the target allows AWS account {allowed}, and who we are there cannot be asked: {error}"
    return None
