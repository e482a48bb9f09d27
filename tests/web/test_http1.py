from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.web.echo import connect, read_all, read_until

if TYPE_CHECKING:
    from tests.web.echo import Echo

CLOSE = b"Connection: close\r\n"


def bodies(raw: bytes) -> list[bytes]:
    """The bodies of replies that state their lengths."""
    found = []
    while raw:
        head, _, raw = raw.partition(b"\r\n\r\n")
        lengths = [x for x in head.split(b"\r\n") if x.lower().startswith(b"content-length:")]
        size = int(lengths[0].partition(b":")[2])
        found.append(raw[:size])
        raw = raw[size:]
    return found


def test_pipelined_requests_are_answered_in_order(url: str, echo: Echo) -> None:
    with connect(url) as s:
        s.sendall(b"GET /slow HTTP/1.1\r\n\r\nGET /echo?b HTTP/1.1\r\n\r\n")
        s.sendall(b"POST /echo HTTP/1.1\r\nContent-Length: 2\r\n" + CLOSE + b"\r\nhi")
        echo.go.set()
        assert bodies(read_all(s)) == [b"GET /slow? ", b"GET /echo?b ", b"POST /echo? hi"]


def test_a_thousand_pipelined_requests_are_all_answered(url: str) -> None:
    with connect(url) as s:
        s.sendall(b"GET /slow HTTP/1.1\r\n\r\n"[:0] + b"GET /echo HTTP/1.1\r\n\r\n" * 999)
        s.sendall(b"GET /echo HTTP/1.1\r\n" + CLOSE + b"\r\n")
        assert len(bodies(read_all(s))) == 1000


def test_requests_queued_beyond_the_limit_are_answered_too(url: str, echo: Echo) -> None:
    with connect(url) as s:
        s.sendall(b"GET /slow HTTP/1.1\r\n\r\n" + b"GET /echo HTTP/1.1\r\n\r\n" * 300)
        s.sendall(b"GET /echo HTTP/1.1\r\n" + CLOSE + b"\r\n")
        echo.go.set()
        assert len(bodies(read_all(s))) == 302


def test_a_chunked_body_arrives_whole(url: str) -> None:
    with connect(url) as s:
        s.sendall(b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + CLOSE + b"\r\n")
        s.sendall(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert bodies(read_all(s)) == [b"POST /echo? abcde"]


def test_a_client_that_expects_100_continue_gets_it_before_its_body(url: str) -> None:
    with connect(url) as s:
        s.sendall(b"PUT /echo HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n")
        s.sendall(CLOSE + b"\r\n")
        assert read_until(s, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        s.sendall(b"hi")
        assert bodies(read_all(s)) == [b"PUT /echo? hi"]


def test_a_request_split_into_single_bytes_is_one_request(url: str) -> None:
    with connect(url) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"POST /echo?q HTTP/1.1\r\nContent-Length: 2\r\n" + CLOSE + b"\r\nhi":
            s.sendall(bytes([byte]))
        assert bodies(read_all(s)) == [b"POST /echo?q hi"]


def test_a_head_reply_has_the_length_but_no_body(url: str) -> None:
    with connect(url) as s:
        s.sendall(b"HEAD /echo HTTP/1.1\r\n\r\nHEAD /length HTTP/1.1\r\n" + CLOSE + b"\r\n")
        first, second, rest = read_all(s).split(b"\r\n\r\n")
        assert b"content-length: 12" in first
        assert b"content-length: 77" in second
        assert rest == b""


def test_a_half_closed_client_still_gets_its_reply(url: str, echo: Echo) -> None:
    with connect(url) as s:
        s.sendall(b"GET /slow HTTP/1.1\r\n\r\n")
        s.shutdown(socket.SHUT_WR)
        echo.go.set()
        assert bodies(read_all(s)) == [b"GET /slow? "]


def test_a_client_that_leaves_in_the_middle_of_a_body_reaches_nobody(url: str, echo: Echo) -> None:
    with connect(url) as s:
        s.sendall(b"POST /lost HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
    with connect(url) as s:
        s.sendall(b"GET /echo HTTP/1.1\r\n" + CLOSE + b"\r\n")
        read_all(s)
    assert [r.path for r in echo.seen] == ["/echo"]


@pytest.mark.parametrize(
    "raw",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\0b\r\n\r\n",
    ],
)
def test_a_malformed_request_is_answered_400_and_closed(raw: bytes, url: str, echo: Echo) -> None:
    with connect(url) as s:
        s.sendall(raw)
        assert read_all(s).startswith(b"HTTP/1.1 400 ")
    assert echo.seen == []


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", b"431"),
        (b"PUT / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
    ],
)
def test_what_is_too_large_is_refused_by_its_own_status(
    raw: bytes, status: bytes, url: str
) -> None:
    with connect(url) as s:
        s.sendall(raw)
        assert read_all(s).split()[1] == status


def test_a_reply_under_way_is_not_mixed_with_a_refusal(url: str, echo: Echo) -> None:
    with connect(url) as s:
        s.sendall(b"GET /slow HTTP/1.1\r\n\r\nGARBAGE\r\n\r\n")
        echo.go.set()
        assert bodies(read_all(s)) == [b"GET /slow? "]


def test_a_stream_is_sent_in_chunks_as_it_comes(url: str, echo: Echo) -> None:
    with connect(url) as s:
        s.sendall(b"GET /feed HTTP/1.1\r\n" + CLOSE + b"\r\n")
        head = read_until(s, b"\r\n\r\n")
        assert b"transfer-encoding: chunked" in head
        echo.feed.pieces.append(b"one")
        echo.feed.wake()
        assert read_until(s, b"one\r\n") == b"3\r\none\r\n"
        echo.feed.pieces.append(b"second")
        echo.feed.ended = True
        echo.feed.wake()
        assert read_all(s) == b"6\r\nsecond\r\n0\r\n\r\n"


def test_a_stream_is_closed_when_its_reader_leaves(url: str, echo: Echo) -> None:
    with connect(url) as s:
        s.sendall(b"GET /feed HTTP/1.1\r\n\r\n")
        read_until(s, b"\r\n\r\n")
    assert echo.feed.closed.wait(10)


@pytest.mark.parametrize(("count", "received"), [(0, b""), (4, b"0123")])
def test_a_cut_reply_promises_more_than_it_sends(count: int, received: bytes, url: str) -> None:
    with connect(url) as s:
        s.sendall(b"GET /cut/%d HTTP/1.1\r\n\r\n" % count)
        head, _, body = read_all(s).partition(b"\r\n\r\n")
        assert b"content-length: 10" in head
        assert body == received


def test_a_reply_cut_before_its_status_line_is_no_reply(url: str) -> None:
    with connect(url) as s:
        s.sendall(b"GET /cut/-1 HTTP/1.1\r\n\r\n")
        assert read_all(s) == b""


def test_large_bodies_pass_both_ways(url: str) -> None:
    size = 8 * 1024 * 1024
    with connect(url) as s:
        s.sendall(b"PUT /echo HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        s.sendall(b"GET /big/%d HTTP/1.1\r\n" % size + CLOSE + b"\r\n")
        first, second = bodies(read_all(s))
    assert len(first) == size + len(b"PUT /echo? ")
    assert second == bytes(size)


def test_a_failing_app_answers_500_and_the_connection_lives_on(url: str) -> None:
    with connect(url) as s:
        s.sendall(b"GET /fail HTTP/1.1\r\n\r\n")
        assert read_until(s, b"}").startswith(b"HTTP/1.1 500 ")
        s.sendall(b"GET /echo HTTP/1.1\r\n" + CLOSE + b"\r\n")
        assert bodies(read_all(s)) == [b"GET /echo? "]


def test_http_1_0_is_answered_and_closed(url: str) -> None:
    with connect(url) as s:
        s.sendall(b"GET /echo HTTP/1.0\r\n\r\n")
        assert bodies(read_all(s)) == [b"GET /echo? "]


def test_repeated_headers_are_joined_and_names_lowered(url: str, echo: Echo) -> None:
    with connect(url) as s:
        s.sendall(b"GET /echo HTTP/1.1\r\nX-A: 1\r\nx-a: 2\r\nHost: here\r\n" + CLOSE + b"\r\n")
        read_all(s)
    assert echo.seen[0].headers == {"x-a": "1,2", "host": "here", "connection": "close"}


def test_an_unknown_upgrade_is_ignored(url: str) -> None:
    with connect(url) as s:
        s.sendall(b"GET /echo HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        read_until(s, b"GET /echo? ")
        s.sendall(b"GET /echo HTTP/1.1\r\n" + CLOSE + b"\r\n")
        assert bodies(read_all(s)) == [b"GET /echo? "]
