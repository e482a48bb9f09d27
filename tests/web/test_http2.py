from __future__ import annotations

from typing import TYPE_CHECKING

from tests.web.echo import connect, read_until
from tests.web.http2_client import Client

if TYPE_CHECKING:
    from tests.web.echo import Echo


def test_prior_knowledge_is_recognised_on_the_same_port(url: str) -> None:
    with connect(url) as s:
        client = Client(s).start()
        stream = client.ask("/echo?q", "POST", b"hi")
        client.wait([stream])
    assert client.status[stream] == "200"
    assert client.bodies[stream] == b"POST /echo?q hi"


def test_a_preface_in_two_pieces_is_recognised(url: str) -> None:
    with connect(url) as s:
        client = Client(s)
        client.h2.initiate_connection()
        data = client.h2.data_to_send()
        s.sendall(data[:2])
        s.sendall(data[2:20])
        s.sendall(data[20:])
        stream = client.ask("/echo")
        client.wait([stream])
    assert client.bodies[stream] == b"GET /echo? "


def test_an_h2c_upgrade_answers_its_request_on_stream_one(url: str) -> None:
    with connect(url) as s:
        client = Client(s)
        settings = client.h2.initiate_upgrade_connection()
        assert settings is not None
        s.sendall(
            b"GET /echo?up HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            b"HTTP2-Settings: " + settings + b"\r\n\r\n"
        )
        switched = read_until(s, b"\r\n\r\n")
        assert switched.startswith(b"HTTP/1.1 101 ")
        client.take(switched.partition(b"\r\n\r\n")[2])
        client.flush()
        client.wait([1])
        second = client.ask("/echo?more")
        client.wait([second])
    assert client.bodies == {1: b"GET /echo?up ", second: b"GET /echo?more "}


def test_many_streams_are_answered_each_by_its_own_reply(url: str) -> None:
    with connect(url) as s:
        client = Client(s).start()
        client.pump()
        streams = {client.ask(f"/echo?{n}"): n for n in range(500)}
        client.wait(streams)
    assert all(client.bodies[i] == b"GET /echo?%d " % n for i, n in streams.items())


def test_a_slow_request_does_not_hold_up_the_others(url: str, echo: Echo) -> None:
    with connect(url) as s:
        client = Client(s).start()
        slow = client.ask("/slow")
        quick = client.ask("/echo")
        client.wait([quick])
        assert slow not in client.ended
        echo.go.set()
        client.wait([slow])


def test_large_bodies_pass_both_ways_within_the_windows(url: str) -> None:
    size = 4 * 1024 * 1024
    with connect(url) as s:
        client = Client(s).start()
        client.pump()
        up = client.ask("/echo", "PUT", bytes(size))
        down = client.ask(f"/big/{size}")
        client.wait([up, down])
    assert len(client.bodies[up]) == size + len(b"PUT /echo? ")
    assert client.bodies[down] == bytes(size)


def test_a_reader_without_credit_holds_back_its_own_stream_only(url: str) -> None:
    with connect(url) as s:
        client = Client(s).start()
        client.credits = False
        big = client.ask("/big/1000000")
        client.until(lambda: len(client.bodies.get(big, b"")) == 65535)
        client.h2.increment_flow_control_window(1_000_000)
        client.flush()
        small = client.ask("/echo")
        client.wait([small])
        assert len(client.bodies[big]) == 65535
        client.h2.increment_flow_control_window(1_000_000, big)
        client.flush()
        client.wait([big])
    assert client.bodies[big] == bytes(1_000_000)


def test_a_stream_comes_as_data_frames_until_it_ends(url: str, echo: Echo) -> None:
    with connect(url) as s:
        client = Client(s).start()
        stream = client.ask("/feed")
        client.until(lambda: stream in client.status)
        echo.feed.pieces.append(b"one")
        echo.feed.wake()
        client.until(lambda: client.bodies.get(stream) == b"one")
        echo.feed.pieces.append(b"two")
        echo.feed.ended = True
        echo.feed.wake()
        client.wait([stream])
    assert client.bodies[stream] == b"onetwo"


def test_a_reset_stream_is_closed_for_its_source(url: str, echo: Echo) -> None:
    with connect(url) as s:
        client = Client(s).start()
        stream = client.ask("/feed")
        client.until(lambda: stream in client.status)
        client.h2.reset_stream(stream)
        client.flush()
        assert echo.feed.closed.wait(10)


def test_a_client_that_resets_before_its_body_ends_reaches_nobody(url: str, echo: Echo) -> None:
    with connect(url) as s:
        client = Client(s).start()
        stream = client.h2.get_next_available_stream_id()
        headers = [(":method", "PUT"), (":path", "/lost"), (":scheme", "http"), (":authority", "x")]
        client.h2.send_headers(stream, headers)
        client.h2.send_data(stream, b"half")
        client.h2.reset_stream(stream)
        client.flush()
        after = client.ask("/echo")
        client.wait([after])
    assert [r.path for r in echo.seen] == ["/echo"]


def test_a_cut_reply_ends_the_connection(url: str) -> None:
    with connect(url) as s:
        client = Client(s).start()
        stream = client.ask("/cut/4")
        while not client.gone:
            client.pump()
    assert client.bodies[stream] == b"0123"
    assert stream not in client.ended


def test_frames_that_break_the_protocol_end_the_connection(url: str) -> None:
    with connect(url) as s:
        client = Client(s).start()
        client.pump()
        s.sendall(b"\x00\x00\x05\x00\x00\x00\x00\x00\x63hello")
        while not client.gone:
            client.pump()


def test_a_head_reply_has_no_data(url: str) -> None:
    with connect(url) as s:
        client = Client(s).start()
        stream = client.ask("/length", "HEAD")
        client.wait([stream])
    assert client.bodies == {}


def test_streams_go_on_after_the_clients_goaway_and_then_the_connection_ends(
    url: str, echo: Echo
) -> None:
    with connect(url) as s:
        client = Client(s).start()
        client.pump()
        stream = client.ask("/feed")
        client.until(lambda: stream in client.status)
        # By hand: the library, having said GOAWAY, would not take what still comes.
        s.sendall(bytes.fromhex("000008070000000000" + "00000000" + "00000000"))
        second = client.ask("/echo")
        client.wait([second])
        echo.feed.pieces.append(b"after")
        echo.feed.ended = True
        echo.feed.wake()
        client.wait([stream])
        assert client.bodies[stream] == b"after"
        while not client.gone:
            client.pump()
