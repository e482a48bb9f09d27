"""Retries, splitting, partial responses and discarded batches, as AWS documents them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.event_source.conftest import NOW, SHARD, STREAM, Shard, record

Make = Callable[..., Shard]


def failing_on(*bad: str) -> Callable[[list[str]], Any]:
    def handle(numbers: list[str]) -> None:
        if set(bad) & set(numbers):
            raise ValueError("bad record")

    return handle


def test_a_handled_batch_is_done_at_once(shard: Make) -> None:
    ours = shard(failing_on())
    ours.deliver(1, 2, 3)
    assert (ours.calls, ours.done) == ([["1", "2", "3"]], ["1", "2", "3"])


def test_the_whole_batch_is_tried_again_until_retries_are_used_up(shard: Make) -> None:
    ours = shard(failing_on("2"), maximum_retry_attempts=2)
    ours.deliver(1, 2, 3)
    assert ours.calls == [["1", "2", "3"]] * 3
    assert ours.done == ["1", "2", "3"]


def test_a_failure_that_passes_loses_nothing(shard: Make) -> None:
    left = [2]

    def handle(_numbers: list[str]) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise ValueError("not yet")

    ours = shard(handle)
    ours.deliver(1, 2)
    assert (len(ours.calls), ours.done) == (3, ["1", "2"])


def test_splitting_finds_the_bad_record_without_using_up_retries(shard: Make) -> None:
    ours = shard(failing_on("3"), bisect_batch_on_function_error=True, maximum_retry_attempts=1)
    ours.deliver(1, 2, 3, 4)
    assert ours.calls == [["1", "2", "3", "4"], ["1", "2"], ["3", "4"], ["3"], ["3"], ["4"]]
    assert ours.done == ["1", "2", "3", "4"]


def test_a_partial_response_gives_back_the_rest_in_order(shard: Make) -> None:
    answers: list[Any] = [
        {"batchItemFailures": [{"itemIdentifier": "4"}, {"itemIdentifier": "2"}]},
        {"batchItemFailures": []},
    ]
    ours = shard(lambda _numbers: answers.pop(0), reports_batch_item_failures=True)
    ours.deliver(1, 2, 3, 4)
    assert ours.calls == [["1", "2", "3", "4"], ["2", "3", "4"]]
    assert ours.done == ["1", "2", "3", "4"]


def test_a_partial_response_counts_for_nothing_unless_asked_for(shard: Make) -> None:
    ours = shard(lambda _numbers: {"batchItemFailures": [{"itemIdentifier": "1"}]})
    ours.deliver(1, 2)
    assert (ours.calls, ours.done) == ([["1", "2"]], ["1", "2"])


@pytest.mark.parametrize(
    "answer", [None, "", {}, [], {"batchItemFailures": []}, {"batchItemFailures": None}]
)
def test_these_responses_are_a_complete_success(shard: Make, answer: Any) -> None:
    ours = shard(lambda _numbers: answer, reports_batch_item_failures=True)
    ours.deliver(1, 2)
    assert ours.calls == [["1", "2"]]


@pytest.mark.parametrize(
    "failure",
    [{"itemIdentifier": ""}, {"itemIdentifier": None}, {"foo": "2"}, {"itemIdentifier": "99"}],
)
def test_these_responses_are_a_complete_failure(shard: Make, failure: Any) -> None:
    answers = [{"batchItemFailures": [{"itemIdentifier": "2"}, failure]}, None]
    ours = shard(lambda _numbers: answers.pop(0), reports_batch_item_failures=True)
    ours.deliver(1, 2)
    assert ours.calls == [["1", "2"], ["1", "2"]]


def test_partial_responses_and_splitting_isolate_each_bad_record(shard: Make) -> None:
    def handle(numbers: list[str]) -> Any:
        bad = [n for n in numbers if n in ("2", "4")]
        return {"batchItemFailures": [{"itemIdentifier": n} for n in bad[:1]]}

    ours = shard(
        handle,
        reports_batch_item_failures=True,
        bisect_batch_on_function_error=True,
        maximum_retry_attempts=0,
    )
    ours.deliver(1, 2, 3)
    assert ours.calls == [["1", "2", "3"], ["2", "3"]]
    assert ours.done == ["1", "2", "3"]


def test_old_records_are_dropped_before_the_function_sees_them(
    shard: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    ours = shard(failing_on(), maximum_record_age_in_seconds=60)
    ours.delivery.deliver([record(1, arrival=NOW - 61), record(2, arrival=NOW - 59)])
    assert (ours.calls, ours.done) == ([["2"]], ["1", "2"])
    assert (
        "discarded 1 records of shardId-000000000003, 1 to 1: RecordAge" in capfd.readouterr().err
    )


def test_a_queue_gets_the_invocation_record(shard: Make, tmp_path: Path) -> None:
    ours = shard(
        failing_on("2"), maximum_retry_attempts=1, on_failure="arn:aws:sqs:eu-west-1:0:dead"
    )
    ours.deliver(1, 2)
    lines = (tmp_path / "dead.jsonl").read_text().splitlines()
    body = json.loads(json.loads(lines[0])["Body"])
    assert len(lines) == 1
    assert body["requestContext"].pop("requestId")
    assert body.pop("timestamp").startswith("2023-11-14T22:13:2")
    assert body == {
        "requestContext": {
            "functionArn": "arn:aws:lambda:eu-west-1:000000000000:function:pipeline",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 2,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "KinesisBatchInfo": {
            "shardId": SHARD,
            "startSequenceNumber": "1",
            "endSequenceNumber": "2",
            "approximateArrivalOfFirstRecord": "2023-11-14T22:13:20.000Z",
            "approximateArrivalOfLastRecord": "2023-11-14T22:13:20.000Z",
            "batchSize": 2,
            "streamArn": STREAM,
        },
    }


def test_a_bucket_gets_the_event_as_well(shard: Make, tmp_path: Path) -> None:
    ours = shard(failing_on("1"), maximum_retry_attempts=0, on_failure="arn:aws:s3:::dead")
    ours.deliver(1)
    found = [p for p in (tmp_path / "dead").rglob("*") if p.is_file()]
    assert len(found) == 1
    place = found[0].relative_to(tmp_path / "dead").as_posix()
    assert place.startswith(f"aws/lambda/pipeline/{SHARD}/2023/11/14/2023-11-14T22.13.20-")
    document = json.loads(found[0].read_text())
    assert json.loads(document["payload"]) == ours.events[0]


def test_a_response_that_is_no_json_is_a_failure(shard: Make) -> None:
    ours = shard(lambda _numbers: object(), maximum_retry_attempts=1)
    ours.deliver(1)
    assert len(ours.calls) == 2
