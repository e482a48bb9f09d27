from __future__ import annotations

from typing import Any

import orjson
import pytest

from harness.clock import VirtualClock
from harness.gateway.aws import Aws
from harness.gateway.caller import Caller
from harness.web.message import Request


@pytest.fixture
def aws() -> Aws:
    return Aws(VirtualClock(start_us=1_000_000))


def ask(aws: Aws, method: str, name: str, body: Any = None, key: str = "") -> tuple[int, Any]:
    raw = b"" if body is None else orjson.dumps(body)
    response = aws.app(Request(method, f"/_harness/{name}", "", {"x-harness-key": key}, raw))
    assert isinstance(response.body, bytes)
    return response.status, orjson.loads(response.body)


def test_the_clock_moves_when_told(aws: Aws) -> None:
    assert ask(aws, "GET", "clock") == (200, {"now_us": 1_000_000})
    ran: list[int] = []
    aws.clock.call_later(3, lambda: ran.append(aws.clock.now_us()))
    moved = ask(aws, "POST", "clock", {"advance_seconds": 5.5})
    assert moved == (200, {"now_us": 6_500_000})
    assert ran == [4_000_000]


@pytest.mark.parametrize("wish", [{"advance_seconds": -1}, {"advance_seconds": True}, {}, []])
def test_the_clock_takes_nothing_but_seconds_ahead(aws: Aws, wish: Any) -> None:
    status, _ = ask(aws, "POST", "clock", wish)
    assert status == 400
    assert aws.clock.now_us() == 1_000_000


def test_settings_reach_regions_that_exist_and_those_to_come(aws: Aws) -> None:
    before = aws.region("eu-west-1")
    wish = {"kinesis": {"throttled": True}, "relay": {"reorder_window": 5}}
    status, shown = ask(aws, "PUT", "settings", wish)
    assert status == 200
    assert shown["kinesis"]["throttled"] is True
    for region in (before, aws.region("eu-west-2")):
        assert region.kinesis.settings.throttled
        assert region.destinations.behaviour.reorder_window == 5


def test_an_invalid_setting_leaves_all_as_they_were(aws: Aws) -> None:
    wish = {"kinesis": {"throttled": True}, "relay": {"burst": 0}}
    status, refusal = ask(aws, "PUT", "settings", wish)
    assert status == 400
    assert "burst is below 1" in refusal["error"]
    assert not aws.region().kinesis.settings.throttled


def test_an_unknown_setting_names_the_nearest(aws: Aws) -> None:
    wish = {"kinesis": {"throtled": True}}
    assert ask(aws, "PUT", "settings", wish) == (
        400,
        {"error": "unknown setting kinesis.throtled", "hint": "did you mean 'throttled'?"},
    )


def test_an_unknown_path_and_a_wrong_method_are_told_apart(aws: Aws) -> None:
    assert ask(aws, "GET", "clok") == (
        404,
        {"error": "no /_harness/clok", "hint": "did you mean 'clock'?"},
    )
    assert ask(aws, "DELETE", "clock")[0] == 405


def table_with_stream(aws: Aws, region: str) -> str:
    created = aws.region(region).dynamodb.handle(
        "CreateTable",
        {
            "TableName": "orders",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
            "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        },
        Caller(),
    )
    assert isinstance(created, bytes)
    return str(orjson.loads(created)["TableDescription"]["LatestStreamArn"])


def shards(aws: Aws, region: str, arn: str) -> list[tuple[str, str | None, bool]]:
    described = aws.region(region).streams.describe_stream({"StreamArn": arn})
    return [
        (s["ShardId"], s.get("ParentShardId"), "EndingSequenceNumber" in s["SequenceNumberRange"])
        for s in described["StreamDescription"]["Shards"]
    ]


def test_a_shard_of_a_dynamodb_stream_rolls_over_when_told(aws: Aws) -> None:
    arn = table_with_stream(aws, "eu-west-1")
    ((first, _, _),) = shards(aws, "eu-west-1", arn)
    status, rolled = ask(aws, "POST", "streams/roll", {"stream_arn": arn})
    assert status == 200
    (second,) = rolled["children"]
    status, rolled = ask(
        aws, "POST", "streams/roll", {"stream_arn": arn, "shard_id": second, "children": 2}
    )
    third, fourth = rolled["children"]
    assert shards(aws, "eu-west-1", arn) == [
        (first, None, True),
        (second, first, True),
        (third, second, False),
        (fourth, second, False),
    ]


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        ({}, "expected"),
        ({"stream_arn": "x", "children": 3}, "expected"),
        ({"stream_arn": "x", "shards": 1}, "expected"),
        ({"stream_arn": "x"}, "Invalid StreamArn: x"),
        (
            {"stream_arn": "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/2025"},
            "Requested resource not found: Stream",
        ),
    ],
)
def test_a_roll_that_cannot_be_is_told(aws: Aws, wish: Any, error: str) -> None:
    status, told = ask(aws, "POST", "streams/roll", wish)
    assert status == 400
    assert error in told["error"]


def test_with_a_secret_the_controls_ask_for_it() -> None:
    aws = Aws(VirtualClock(), control_secret="open sesame")
    assert ask(aws, "GET", "health")[0] == 403
    assert ask(aws, "GET", "health", key="open sesame") == (200, {"status": "ok"})
