"""The tests' own Well-Architected Tool: what AWS's model forbids, it refuses."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.review.wa_server import WellArchitected, serve
from tests.review.wa_world import FAILURES, SHOP, world

PLACE = {"WorkloadId": SHOP, "LensAlias": "wellarchitected"}


@pytest.fixture
def tool() -> WellArchitected:
    return world()


@pytest.fixture
def client(tool: WellArchitected) -> Iterator[Any]:
    """A client that sends whatever it is told to."""
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "eu-central-1"}
    with serve(tool) as endpoint:
        yield boto3.Session(**keys).client("wellarchitected", endpoint_url=endpoint, config=config)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"Notes": "x" * 2085}, "size 2085"),
        ({"Notes": "😀" * 1043}, "size 2086"),
        ({"Notes": 5}, "int where string belongs"),
        ({"Reason": "BECAUSE"}, "is none of"),
        ({"SelectedChoices": [""]}, "size 0"),
        ({"ChoiceUpdates": {"a": {"Notes": "x"}}}, "Status: missing"),
        ({"WorkloadId": "0" * 31 + "Z"}, "does not match"),
    ],
)
def test_a_request_the_model_forbids_is_refused(
    tool: WellArchitected, client: Any, asked: dict[str, Any], said: str
) -> None:
    """With what is wrong; the answer stays as it is, and the test that sent it can see so."""
    with pytest.raises(ClientError, match=said) as caught:
        client.update_answer(**{**PLACE, "QuestionId": FAILURES, **asked})
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert len(tool.wrong) == 1
    assert tool.question(FAILURES)["Notes"] == "Ask Ada.\n\nShe knows."


def test_an_answer_of_its_own_that_the_model_forbids_is_noticed(tool: WellArchitected, client: Any) -> None:
    """The server does not lie about the API either."""
    tool.question(FAILURES)["Risk"] = "SOME"
    client.get_answer(**PLACE, QuestionId=FAILURES)
    assert tool.wrong == ["reply GetAnswer.Answer.Risk: 'SOME' is none of " + str(RISKS)]


RISKS = ["UNANSWERED", "HIGH", "MEDIUM", "NONE", "NOT_APPLICABLE"]


def test_an_unsigned_request_is_refused(tool: WellArchitected) -> None:
    """As by any AWS API."""
    assert (tool.handle("GET", f"/workloads/{SHOP}", b"", {}) or (0, {}, b""))[0] == 403
