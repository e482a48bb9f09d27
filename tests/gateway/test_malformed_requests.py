"""10,000 spoiled requests: no 500, no hang, and what is refused has changed nothing."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from harness.clock import VirtualClock
from harness.gateway.aws import Aws
from harness.kinesis.settings import Settings as KinesisSettings
from harness.web.server import ServerThread
from tests.gateway.malformed import SPOILERS, call, spoil_http
from tests.web.echo import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.gateway.malformed import Sent

SEED = 20250101


class World:
    """The emulators behind a real socket, and everything that a request could have changed."""

    def __init__(self, aws: Aws, server: ServerThread) -> None:
        self.aws = aws
        self.server = server
        self.socket = connect(server.url)

    def ask(self, sent: Sent) -> tuple[int, bytes]:
        """Status and body of one request; a new connection when the server closed the old one."""
        self.socket.sendall(sent.raw())
        head, body = self._head()
        status = int(head.split(b" ", 2)[1])
        lowered = head.lower()
        if b"transfer-encoding: chunked" in lowered:
            self.renew()
            return status, body
        size = 0
        if b"content-length: " in lowered and sent.method != "HEAD":
            size = int(lowered.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(body) < size:
            piece = self.socket.recv(65536)
            assert piece
            body += piece
        if b"connection: close" in lowered:
            self.renew()
        return status, body

    def _head(self) -> tuple[bytes, bytes]:
        got = b""
        while b"\r\n\r\n" not in got:
            piece = self.socket.recv(65536)
            assert piece, f"closed without an answer: {got!r}"
            got += piece
            if got.startswith(b"HTTP/1.1 100 "):
                got = got.partition(b"\r\n\r\n")[2]
        head, _, body = got.partition(b"\r\n\r\n")
        return head, body

    def renew(self) -> None:
        self.socket.close()
        self.socket = connect(self.server.url)

    def state(self) -> Any:
        """Everything that is kept, in a form to compare."""
        return self.server.call(self._state)

    def _state(self) -> Any:
        region = self.aws.region()
        tables = [
            (t.name, t.log.end, len(t.items), t.stream, t.gone_us) for t in region.dynamodb.tables
        ]
        streams = [
            (name, stream.counter, [(s.shard_id, len(s.log)) for s in stream.shards or ()])
            for name in ("events", "more")
            if (stream := region.kinesis._account.streams.get(name)) is not None
        ]
        objects = [(b.name, list(b.objects.items())) for b in self.aws.store.buckets()]
        return tables, streams, objects, self.aws.settings, self.aws.clock.now_us()


@pytest.fixture
def world() -> Iterator[World]:
    clock = VirtualClock()
    aws = Aws(clock)
    with ServerThread(aws.app, clock=clock) as server:
        world = World(aws, server)
        aws.region().kinesis.settings = KinesisSettings.instant()
        for service, operation, payload in (
            (
                "DynamoDB_20120810",
                "CreateTable",
                {
                    "TableName": "orders",
                    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                    "BillingMode": "PAY_PER_REQUEST",
                    "StreamSpecification": {
                        "StreamEnabled": True,
                        "StreamViewType": "NEW_AND_OLD_IMAGES",
                    },
                },
            ),
            (
                "DynamoDB_20120810",
                "PutItem",
                {"TableName": "orders", "Item": {"id": {"S": "known"}, "n": {"N": "1"}}},
            ),
            ("Kinesis_20131202", "CreateStream", {"StreamName": "events", "ShardCount": 1}),
        ):
            status, body = world.ask(call(service, operation, payload))
            assert status == 200, body
        aws.store.create_bucket("bucket")
        aws.store.put_object("bucket", "key", b"content")
        yield world
        world.socket.close()


@pytest.mark.slow
def test_ten_thousand_malformed_requests_give_no_500_no_hang_and_no_change(world: World) -> None:
    draw = VirtualClock(seed=SEED).substream("malformed")
    statuses: dict[int, int] = {}
    before = world.state()
    for number in range(10_000):
        spoil = draw.choice(SPOILERS)
        sent = spoil(draw)
        status, body = world.ask(sent)
        story = f"request {number} ({spoil.__name__}): {sent!r}"[:3000] + f" -> {status} {body!r}"
        # 501 is S3's own answer to what is not emulated.
        assert status < 500 or status == 501, story
        statuses[status] = statuses.get(status, 0) + 1
        after = world.state()
        if status >= 400:
            assert after == before, story
        before = after
    # The requests must have been spoiled indeed, and not all by the same gate.
    assert statuses[400] > 5000
    assert {403, 404, 405} <= set(statuses)


def test_broken_http_is_refused_or_dropped_and_changes_nothing(world: World) -> None:
    draw = VirtualClock(seed=SEED).substream("broken http")
    before = world.state()
    for _ in range(400):
        raw = spoil_http(draw)
        with connect(world.server.url) as s:
            s.sendall(raw)
            s.shutdown(socket.SHUT_WR)
            reply = b""
            while piece := s.recv(65536):
                reply += piece
        if reply.startswith(b"HTTP/1.1 2"):
            before = world.state()
        else:
            assert not reply or reply.startswith((b"HTTP/1.1 4", b"\0")), (raw, reply)
            assert world.state() == before, (raw, reply)
    status, _ = world.ask(call("DynamoDB_20120810", "ListTables", {}))
    assert status == 200
