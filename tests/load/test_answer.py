"""The lean engine's reading of answers, byte by byte."""

import pytest

from harness.load.wire import Answer, BrokenAnswerError


def feed(raw: bytes, *, is_head: bool = False, step: int = 0, end: bool = False) -> Answer:
    answer = Answer(b"x-zone")
    answer.begin(is_head=is_head)
    for start in range(0, len(raw), step or len(raw)):
        answer.feed(memoryview(raw[start : start + (step or len(raw))]))
    if end:
        answer.end()
    return answer


@pytest.mark.parametrize("step", [0, 1, 7])
@pytest.mark.parametrize(
    ("raw", "status", "is_reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Zone: a\r\n\r\nhi", 200, True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Zone: a\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 200, True),
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\nX-Zone: a\r\n\r\n", 503, False),
        (b"HTTP/1.1 204 No Content\r\nX-Zone: a\r\n\r\n", 204, True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nX-Zone: a\r\n\r\n", 304, True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nX-Zone: a\r\nContent-Length: 0\r\n\r\n", 201, True),
        (b"HTTP/1.0 200 OK\r\nX-Zone: a\r\nContent-Length: 2\r\n\r\nhi", 200, False),
    ],
)
def test_a_whole_answer_is_known_wherever_the_bytes_are_cut(raw, status, is_reusable, step):
    """Length, chunks, no body, interim answers, old versions: status, zone and whether the connection may stay."""
    answer = feed(raw, step=step)
    assert (answer.is_complete, answer.status, answer.zone, answer.is_reusable) == (True, status, b"a", is_reusable)


def test_the_answer_to_head_has_no_body_whatever_its_headers_say():
    """Content-Length in it is that of the GET."""
    answer = feed(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", is_head=True)
    assert (answer.is_complete, answer.status) == (True, 200)


def test_a_body_without_length_ends_with_the_connection():
    """Such an answer is whole when the server closes."""
    answer = feed(b"HTTP/1.1 200 OK\r\n\r\nsome", end=True)
    assert (answer.is_complete, answer.is_reusable) == (True, False)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
        b"HTTP/1.1 200 OK\r\nConte",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
def test_a_connection_that_ends_too_early_is_a_broken_answer(raw):
    """Half an answer is never taken for a whole one."""
    with pytest.raises(BrokenAnswerError):
        feed(raw, end=True)


@pytest.mark.parametrize(
    "raw", [b"SSH-2.0-x\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"]
)
def test_what_is_no_http_is_a_broken_answer(raw):
    """Bad bytes are told, not skipped."""
    with pytest.raises(BrokenAnswerError):
        feed(raw)


@pytest.mark.parametrize("junk", [b"junk", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])
def test_bytes_after_a_whole_answer_spoil_the_connection_not_the_answer(junk):
    """Else the next request would be given an answer that is not its own."""
    answer = feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi" + junk)
    assert (answer.is_complete, answer.status, answer.is_reusable) == (True, 200, False)
