"""AWS clients: one session an account, limits on every call, errors in our words. boto3 is real, the API is ours."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.aws import AwsError, AwsSession, Login, Patience, UnansweredError
from harness.errors import NotAvailableError, RefusedError, UsageError
from tests.review.wa_server import ACCOUNT, Trouble, WellArchitected, serve
from tests.review.wa_world import SHOP, world

QUICK = Patience(connect_s=1, read_s=0.5, attempts=3, deadline_s=20)
TOOL = "wellarchitected"


@pytest.fixture(autouse=True)
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dummy credentials; nothing of whoever runs the tests is used."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def tool() -> WellArchitected:
    return world()


@pytest.fixture
def endpoint(tool: WellArchitected) -> Iterator[str]:
    with serve(tool) as address:
        yield address


def session(endpoint: str, patience: Patience = QUICK) -> AwsSession:
    return AwsSession(Login(endpoint=endpoint, region="eu-central-1"), patience)


def test_the_account_is_asked_for_and_another_is_refused(endpoint: str) -> None:
    """Before anything else is."""
    one = session(endpoint)
    assert one.account() == ACCOUNT
    assert one.require_account(ACCOUNT) == one.require_account(None) == ACCOUNT
    with pytest.raises(RefusedError, match=f"are of AWS account {ACCOUNT}, the target allows 999999999999"):
        one.require_account("999999999999")


def test_the_endpoint_may_come_from_the_environment(
    tool: WellArchitected, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS_ENDPOINT_URL, as for every tool that is built on boto3."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    assert AwsSession(Login(), QUICK).call(TOOL, "GetWorkload", WorkloadId=SHOP)["Workload"]["WorkloadName"] == "Shop"
    assert tool.calls == [("GetWorkload", {"WorkloadId": SHOP})]


def test_two_sessions_of_one_process_keep_their_own_login(
    tool: WellArchitected, endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first profile used is not the one of all further sessions."""
    file = tmp_path / "credentials"
    of = "[{0}]\naws_access_key_id=testing-{0}\naws_secret_access_key=testing\n"
    file.write_text(of.format("one") + of.format("two"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for profile in ("one", "two"):
        AwsSession(Login(profile, "eu-central-1", endpoint), QUICK).account()
    assert ["testing-one" in tool.headers[0], "testing-two" in tool.headers[1]] == [True, True]


def test_pages_are_followed_to_the_last(endpoint: str) -> None:
    """However few a page holds."""
    found = session(endpoint).pages(TOOL, "ListAnswers", "AnswerSummaries", WorkloadId=SHOP, LensAlias=TOOL)
    assert len(list(found)) == 12


def test_more_pages_than_the_limit_are_an_error_and_no_short_list(endpoint: str) -> None:
    """What is incomplete does not pass for all there is."""
    pages = session(endpoint).pages(
        TOOL, "ListAnswers", "AnswerSummaries", pages_max=3, WorkloadId=SHOP, LensAlias=TOOL
    )
    with pytest.raises(NotAvailableError, match="more than 3 pages"):
        list(pages)


def test_throttling_is_waited_out(tool: WellArchitected, endpoint: str) -> None:
    """Two refusals, then the answer."""
    tool.troubles.append(Trouble("GetWorkload", "throttle", times=2))
    assert session(endpoint).call(TOOL, "GetWorkload", WorkloadId=SHOP)["Workload"]["WorkloadId"] == SHOP
    assert tool.count("GetWorkload") == 3


def test_throttling_without_end_is_said(tool: WellArchitected, endpoint: str) -> None:
    """After as many attempts as are allowed, and no more."""
    tool.troubles.append(Trouble("GetWorkload", "throttle", times=99))
    with pytest.raises(AwsError, match="ThrottlingException: throttled, after several attempts") as caught:
        session(endpoint).call(TOOL, "GetWorkload", WorkloadId=SHOP)
    assert (caught.value.code, caught.value.exit_code) == ("ThrottlingException", 69)
    assert tool.count("GetWorkload") == QUICK.attempts


def test_no_attempt_begins_past_the_deadline(tool: WellArchitected, endpoint: str) -> None:
    """All attempts of a call share one; the next call has its own."""
    tool.troubles.append(Trouble("GetWorkload", "slow", times=1))
    one = session(endpoint, Patience(connect_s=1, read_s=0.4, attempts=5, deadline_s=0.3))
    began_s = time.monotonic()
    with pytest.raises(UnansweredError, match="GetWorkload: no answer that counts within"):
        one.call(TOOL, "GetWorkload", WorkloadId=SHOP)
    assert time.monotonic() - began_s < 5
    assert tool.count("GetWorkload") == 1
    time.sleep(1.5)  # the server's own answer, that nobody waits for
    assert one.call(TOOL, "GetWorkload", WorkloadId=SHOP)["Workload"]["WorkloadId"] == SHOP


def test_who_does_not_answer_is_not_available() -> None:
    """Nobody listens there; the way out is named."""
    with pytest.raises(UnansweredError, match="is the network there, the region right") as caught:
        session("http://127.0.0.1:1", Patience(1, 1, 1)).account()
    assert caught.value.exit_code == 69


def test_access_denied_is_refused_and_names_the_permission(tool: WellArchitected, endpoint: str) -> None:
    """Exit code 77, as for everything that is not allowed."""
    tool.troubles.append(Trouble("GetWorkload", "deny"))
    with pytest.raises(RefusedError, match="needs permission for GetWorkload"):
        session(endpoint).call(TOOL, "GetWorkload", WorkloadId=SHOP)
    assert tool.count("GetWorkload") == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None},
            "no login: .*log in again, such as: aws sso login",
        ),
        ({"AWS_PROFILE": "nobody"}, "no profile"),
        ({"AWS_REGION": None}, "no region; say --region"),
    ],
)
def test_a_missing_login_says_what_to_do(
    endpoint: str, monkeypatch: pytest.MonkeyPatch, change: dict[str, str | None], said: str
) -> None:
    """Never a traceback of boto3's."""
    for name, value in change.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises((NotAvailableError, UsageError), match=said):
        AwsSession(Login(endpoint=endpoint), QUICK).call(TOOL, "GetWorkload", WorkloadId=SHOP)


def test_an_endpoint_that_is_none_is_a_usage_error() -> None:
    """Not a mistake of ours."""
    with pytest.raises(UsageError, match="Invalid endpoint"):
        session("nowhere at all").account()
