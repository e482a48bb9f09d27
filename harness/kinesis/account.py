"""The streams of one account in one region, found by name, ARN or id; and changes that take time.

A change of status is due at a moment of the clock. It happens by a timer where somebody runs the
clock's timers, and in any case before the next operation looks.
"""

from __future__ import annotations

import heapq
import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from harness.awsjson import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.clock import Clock
    from harness.kinesis.settings import Settings
    from harness.kinesis.shards import Shard
    from harness.kinesis.streams import Stream

_ARN = re.compile(r"arn:(aws[^:]*):kinesis:([^:]*):(\d{12}):stream/([^/]+)(?:/.*)?")
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


class Account:
    """State that all operations share.

    Args:
        clock: the one source of time.
        region: as in ARNs.
        account_id: twelve digits.
        settings: may be replaced while running.
    """

    def __init__(self, clock: Clock, region: str, account_id: str, settings: Settings) -> None:
        self.clock = clock
        self.region = region
        self.account_id = account_id
        self.settings = settings
        self.streams: dict[str, Stream] = {}
        self.billing_commitment: dict[str, Any] = {"Status": "DISABLED"}
        self.consumer_arns: set[str] = set()  # ever given: a re-created consumer gets another
        self._pending: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do `action` once `seconds` of the clock have passed; at once when that is 0."""
        if seconds <= 0:
            action()
            return
        due_us = self.clock.now_us() + round(seconds * 1_000_000)
        self._count += 1
        heapq.heappush(self._pending, (due_us, self._count, action))
        self.clock.call_at(due_us, self.settle)

    def settle(self) -> None:
        """Do what is due."""
        while self._pending and self._pending[0][0] <= self.clock.now_us():
            heapq.heappop(self._pending)[2]()

    def arn_of(self, name: str) -> str:
        """The ARN of a stream of that name."""
        return f"arn:aws:kinesis:{self.region}:{self.account_id}:stream/{name}"

    def new_stream_id(self, name: str) -> str:
        """A stream id that was never given before in this account."""
        self._count += 1
        digest = blake2b(f"{self.arn_of(name)} {self._count}".encode()).digest()
        letters = "".join(_BASE36[byte % 36] for byte in digest[:23])
        return f"{letters[:20]}-{letters[20:]}"

    def name_in(self, payload: dict[str, Any]) -> str:
        """The name of the stream that a request means by StreamARN, StreamId or StreamName."""
        arn = payload.get("StreamARN") or payload.get("ResourceARN") or payload.get("ConsumerARN")
        name: str | None = payload.get("StreamName")
        if arn is not None:
            by_arn = self.name_of_arn(arn)
            if name is not None and name != by_arn:
                raise AwsError(
                    "InvalidArgumentException",
                    f"StreamName {name} and StreamARN {arn} do not name the same stream.",
                )
            return by_arn
        if name is not None:
            return name
        stream_id = payload.get("StreamId")
        for stream in self.streams.values():
            if stream.stream_id == stream_id:
                return stream.name
        raise self.not_found(str(stream_id))

    def name_of_arn(self, arn: str) -> str:
        """The stream name in the ARN of a stream or of one of its consumers."""
        match = _ARN.fullmatch(arn)
        if match is None:
            raise AwsError("InvalidArgumentException", f"{arn} is not the ARN of a stream.")
        if match[2] != self.region or match[3] != self.account_id:
            raise self.not_found(match[4], match[3])
        return match[4]

    def find(self, payload: dict[str, Any]) -> Stream:
        """The stream that a request means.

        Raises:
            AwsError: ResourceNotFoundException.
        """
        return self.stream(self.name_in(payload))

    def stream(self, name: str) -> Stream:
        """The stream of that name.

        Raises:
            AwsError: ResourceNotFoundException.
        """
        stream = self.streams.get(name)
        if stream is None:
            raise self.not_found(name)
        return stream

    def find_active(self, payload: dict[str, Any]) -> Stream:
        """The stream that a request means, ready to be changed.

        Raises:
            AwsError: ResourceNotFoundException, or ResourceInUseException while it is changing.
        """
        stream = self.find(payload)
        if stream.status != "ACTIVE":
            raise AwsError(
                "ResourceInUseException",
                f"Stream {stream.name} under account {self.account_id} not ACTIVE,"
                f" instead in state {stream.status}",
            )
        return stream

    def update(self, stream: Stream, change: Callable[[], None]) -> None:
        """UPDATING now; `change` and ACTIVE when the time has come, unless it is deleted before."""
        stream.status = "UPDATING"

        def finish() -> None:
            if stream.status == "UPDATING":
                change()
                stream.status = "ACTIVE"

        self.after(self.settings.update_seconds, finish)

    def check_shard_limit(self, additional: int) -> None:
        """Raises AwsError LimitExceededException when the account would hold too many shards."""
        current = sum(stream.open_shard_count for stream in self.streams.values())
        if current + additional > self.settings.shard_limit:
            raise AwsError(
                "LimitExceededException",
                f"This request would exceed the shard limit for the account {self.account_id} in"
                f" {self.region}. Current shard count for the account: {current}. Limit:"
                f" {self.settings.shard_limit}. Number of additional shards that would have resulted"
                f" from this request: {additional}. Refer to the AWS Service Limits page"
                " (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current"
                " limits and how to request higher limits.",
            )

    def not_found(self, name: str, account_id: str = "") -> AwsError:
        """AWS's sentence for a stream that is not there."""
        return AwsError(
            "ResourceNotFoundException",
            f"Stream {name} under account {account_id or self.account_id} not found.",
        )

    def no_such_shard(self, shard_id: str, name: str) -> AwsError:
        """What writers of the topology are told of a shard that is not there."""
        return AwsError(
            "ResourceNotFoundException",
            f"Could not find shard {shard_id} in stream {name} under account {self.account_id}.",
        )

    def no_shard_to_read(self, shard_id: str, name: str) -> AwsError:
        """What readers are told of a shard that is not there."""
        return AwsError(
            "ResourceNotFoundException",
            f"Shard {shard_id} in stream {name} under account {self.account_id} does not exist",
        )

    def rate_exceeded(self, shard: Shard, stream: Stream) -> AwsError:
        """What AWS says when a shard is throttled."""
        return AwsError(
            "ProvisionedThroughputExceededException",
            f"Rate exceeded for shard {shard.shard_id} in stream {stream.name}"
            f" under account {self.account_id}.",
        )
