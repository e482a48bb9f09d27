"""The operations of enhanced fan-out.

Source: API reference; sentences as AWS's users quote them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from harness.awsjson import AwsError
from harness.kinesis.consumers import STEAL_AFTER_US, Consumer, Subscription
from harness.kinesis.iterators import shard_to_read, starting_position
from harness.kinesis.paging import page_of
from harness.kinesis.validation import dry_run

if TYPE_CHECKING:
    from harness.kinesis.account import Account
    from harness.kinesis.streams import Stream

Json = dict[str, Any]

CONSUMERS_MAX = 20
CREATING_MAX = 5
_CONSUMER = re.compile(r".*/consumer/([^:]+):(\d+)")


def register_stream_consumer(account: Account, payload: Json) -> Json:
    """RegisterStreamConsumer."""
    stream = account.find(payload)
    name: str = payload["ConsumerName"]
    if stream.status not in ("ACTIVE", "UPDATING"):
        raise AwsError(
            "ResourceInUseException",
            f"Stream {stream.name} under account {account.account_id} not ACTIVE,"
            f" instead in state {stream.status}",
        )
    if name in stream.consumers:
        raise AwsError(
            "ResourceInUseException",
            f"Consumer {name} under stream {stream.name} already exists for account"
            f" {account.account_id}.",
        )
    creating = sum(consumer.status == "CREATING" for consumer in stream.consumers.values())
    if len(stream.consumers) >= CONSUMERS_MAX or creating >= CREATING_MAX:
        raise AwsError(
            "LimitExceededException",
            f"Stream {stream.name} under account {account.account_id} has {len(stream.consumers)}"
            f" registered consumers, {creating} of them in CREATING: no more than {CONSUMERS_MAX}"
            f" and {CREATING_MAX} are allowed.",
        )
    created_s = account.clock.now_us() // 1_000_000
    while (arn := f"{stream.arn}/consumer/{name}:{created_s}") in account.consumer_arns:
        created_s += 1
    account.consumer_arns.add(arn)
    consumer = Consumer(name, arn, created_s, tags=dict(payload.get("Tags", {})))
    stream.consumers[name] = consumer
    answer = {"Consumer": consumer.describe()}

    def activate() -> None:
        if consumer.status == "CREATING":
            consumer.status = "ACTIVE"

    account.after(account.settings.consumer_seconds, activate)
    return answer


def deregister_stream_consumer(account: Account, payload: Json) -> None:
    """DeregisterStreamConsumer."""
    stream, consumer = find_consumer(account, payload)
    consumer.status = "DELETING"
    end_subscriptions(consumer, _no_consumer(account, stream, consumer.name))

    def remove() -> None:
        if stream.consumers.get(consumer.name) is consumer:
            del stream.consumers[consumer.name]

    account.after(account.settings.consumer_seconds, remove)


def describe_stream_consumer(account: Account, payload: Json) -> Json:
    """DescribeStreamConsumer."""
    stream, consumer = find_consumer(account, payload)
    return {"ConsumerDescription": {**consumer.describe(), "StreamARN": stream.arn}}


def list_stream_consumers(account: Account, payload: Json) -> Json:
    """ListStreamConsumers; its entries have no StreamARN."""
    stream = account.find(payload)
    check_creation(account, stream, payload)
    names = sorted(stream.consumers)
    chosen, token = page_of(
        account, "list consumers", names, payload, payload.get("MaxResults", 100)
    )
    answer: Json = {"Consumers": [stream.consumers[name].describe() for name in chosen]}
    if token:
        answer["NextToken"] = token
    return answer


def subscribe_to_shard(account: Account, payload: Json) -> Subscription:
    """SubscribeToShard: within five seconds of a running one refused, later it takes over."""
    stream, consumer = find_consumer(account, payload)
    if consumer.status != "ACTIVE":
        raise AwsError(
            "ResourceInUseException",
            f"Consumer {consumer.name} with creation timestamp {consumer.created_s} under stream:"
            f" {stream.name} , account {account.account_id} is not in ACTIVE status.",
        )
    named = {"StreamName": stream.name, "ShardId": payload["ShardId"]}
    stream, shard = shard_to_read(account, named)
    position = starting_position(
        account, stream, shard, payload["StartingPosition"], "SubscribeToShard"
    )
    running = consumer.subscriptions.get(shard.index)
    if running is not None and running.running:
        taken = AwsError(
            "ResourceInUseException",
            f"Another active subscription exists for this consumer: {account.account_id}:"
            f"{stream.name}:{shard.shard_id}:{consumer.name}",
        )
        if account.clock.now_us() - running.started_us < STEAL_AFTER_US:
            raise taken
        dry_run(payload)
        running.stop(taken)
    dry_run(payload)
    subscription = Subscription(account, stream, shard, position)
    consumer.subscriptions[shard.index] = subscription
    return subscription


def find_consumer(account: Account, payload: Json) -> tuple[Stream, Consumer]:
    """The consumer that a request means, by ConsumerARN or by StreamARN and ConsumerName.

    Raises:
        AwsError: ResourceNotFoundException, InvalidArgumentException.
    """
    arn: str | None = payload.get("ConsumerARN")
    if arn is None and not (
        "ConsumerName" in payload and ("StreamARN" in payload or "StreamId" in payload)
    ):
        raise AwsError(
            "InvalidArgumentException",
            "Either ConsumerARN or both StreamARN and ConsumerName must be provided.",
        )
    stream = account.find(payload)
    if arn is None:
        name = payload["ConsumerName"]
    else:
        match = _CONSUMER.fullmatch(arn)
        name = match[1] if match else arn
    consumer = stream.consumers.get(name)
    if consumer is None or (arn is not None and consumer.arn != arn):
        raise _no_consumer(account, stream, name)
    return stream, consumer


def end_subscriptions(consumer: Consumer, error: AwsError) -> None:
    """End what a consumer is reading, because it or its stream goes."""
    for subscription in consumer.subscriptions.values():
        subscription.stop(error)


def check_creation(account: Account, stream: Stream, payload: Json) -> None:
    """StreamCreationTimestamp tells a stream from its forerunner of the same name.

    Raises:
        AwsError: ResourceNotFoundException when it is another's.
    """
    wanted = payload.get("StreamCreationTimestamp")
    if wanted is not None and int(wanted) != stream.created_s:
        raise account.not_found(stream.name)


def _no_consumer(account: Account, stream: Stream, name: str) -> AwsError:
    return AwsError(
        "ResourceNotFoundException",
        f"Consumer {name}, account {account.account_id} not found under stream {stream.name}.",
    )
