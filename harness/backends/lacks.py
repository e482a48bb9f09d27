"""What an endpoint that is not ours lacks of DynamoDB's change capture: it is tried, not believed.

An endpoint may refuse an operation, or answer it and do something else: call an export COMPLETED that
wrote nothing, stamp changes in seconds, scatter one item's changes over shards. So a small table is
written, exported and streamed, and what comes out is compared with what AWS would give.
"""

from __future__ import annotations

import secrets
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson

from harness.backends.aws_clients import AwsClients, made_in
from harness.dynamodb.numbers import normalise
from harness.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.backends.world import AwsAccess
    from harness.clock import Clock

Feature = Literal["export", "streaming destination", "point-in-time recovery", "number form"]

_CARRIERS: tuple[Feature, ...] = ("number form", "export", "streaming destination")

STATE_SECONDS_MAX = 60.0
EXPORT_SECONDS_MAX = 60.0
DELIVERY_SECONDS_MAX = 8.0
KEYS = ("a", "b", "c")
SHARDS = 2
BYTES = b"\x00\xff"
ENCODED_TWICE = "QVA4PQ=="
NUMBERS = ("1.50", "1e3", "-0", "0E-130", "-1E-130", "12E35", f"607353{'0' * 32}")
"""Numbers that are not in DynamoDB's form, or whose form a decimal library would change."""

LEAST = {"MICROSECOND": 10**15, "MILLISECOND": 10**12}


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that the endpoint does not do as AWS does, and how that showed."""

    feature: Feature
    reason: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """One record of the probe's stream."""

    partition_key: str
    data: bytes


def find_lacks(access: AwsAccess, clock: Clock, *, precision: str, export: bool) -> list[Lack]:
    """Try the endpoint.

    Args:
        access: where it is.
        clock: bounds the waits.
        precision: `MICROSECOND` or `MILLISECOND`, as the destination is asked for.
        export: whether a snapshot is wanted.

    Raises:
        BackendError: not even a table, a stream or a bucket can be made.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    with ExitStack() as stack:
        probe = _Probe(AwsClients(access), clock, stack, (ClientError, BotoCoreError))
        try:
            probe.create()
        except (ClientError, BotoCoreError) as error:
            raise BackendError(
                f"{access.endpoint_url} cannot stand for AWS: {error}",
                hint="it must have DynamoDB with Streams, Kinesis and S3",
            ) from error
        numbers = probe.numbers()
        found = [*(probe.export() if export else []), *probe.destination(precision)]
    if numbers:
        # What carries them must be supplied too, whatever it can do.
        known = {lack.feature for lack in found}
        wanted = [f for f in _CARRIERS if f not in known and (export or f != "export")]
        found = [*(Lack(feature, numbers) for feature in wanted), *found]
    return found


class _Probe:
    def __init__(
        self, clients: AwsClients, clock: Clock, stack: ExitStack, errors: tuple[Any, ...]
    ) -> None:
        self._clients = clients
        self._clock = clock
        self._stack = stack
        self._errors = errors
        # Not from the seed: a lasting endpoint may still have an earlier run's.
        self.name = f"harness-probe-{secrets.token_hex(4)}"
        self._stream_arn = ""
        self._table_arn = ""

    def _later(self, undo: Callable[[], Any]) -> None:
        def harmless() -> None:
            # What cannot be removed is named after the probe and empty.
            with suppress(*self._errors):
                undo()

        self._stack.callback(harmless)

    def create(self) -> None:
        dynamodb, kinesis, s3 = (self._clients[n] for n in ("dynamodb", "kinesis", "s3"))
        kinesis.create_stream(StreamName=self.name, ShardCount=SHARDS)
        self._later(lambda: kinesis.delete_stream(StreamName=self.name))
        dynamodb.create_table(
            TableName=self.name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        self._later(lambda: dynamodb.delete_table(TableName=self.name))
        s3.create_bucket(Bucket=self.name, **made_in(s3.meta.region_name))
        self._later(lambda: s3.delete_bucket(Bucket=self.name))

        def active() -> bool:
            summary = kinesis.describe_stream_summary(StreamName=self.name)
            stream = summary["StreamDescriptionSummary"]
            table = dynamodb.describe_table(TableName=self.name)["Table"]
            self._stream_arn, self._table_arn = stream["StreamARN"], table["TableArn"]
            return bool(stream["StreamStatus"] == "ACTIVE" and table["TableStatus"] == "ACTIVE")

        self._wait(active, "the probe's table and stream to be ACTIVE", STATE_SECONDS_MAX)

    def _wait(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        self._clock.wait_until(condition, timeout_seconds=seconds, what=what)

    def numbers(self) -> str:
        """Why its numbers are not in DynamoDB's form; empty when they are, however written."""
        dynamodb = self._clients["dynamodb"]
        key = {"id": {"S": "numbers"}}
        names = {f"n{place}": {"N": text} for place, text in enumerate(NUMBERS)}
        item = {**key, **names}
        update = {
            "TableName": self.name,
            "Key": key,
            "UpdateExpression": "SET " + ", ".join(f"{name} = :{name}" for name in names),
            "ExpressionAttributeValues": {f":{name}": value for name, value in names.items()},
        }
        ways: dict[str, Callable[[], Any]] = {
            "PutItem": lambda: dynamodb.put_item(TableName=self.name, Item=item),
            "BatchWriteItem": lambda: dynamodb.batch_write_item(
                RequestItems={self.name: [{"PutRequest": {"Item": item}}]}
            ),
            "UpdateItem": lambda: dynamodb.update_item(**update),
            "TransactWriteItems": lambda: dynamodb.transact_write_items(
                TransactItems=[{"Update": update}]
            ),
        }
        for way, write in ways.items():
            write()
            told = dynamodb.get_item(TableName=self.name, Key=key, ConsistentRead=True)["Item"]
            dynamodb.delete_item(TableName=self.name, Key=key)
            for name, given in zip(names, NUMBERS, strict=True):
                found, wanted = told[name].get("N", ""), normalise(given)
                if found != wanted:
                    return f"after {way} it gives {given} back as {found}, AWS as {wanted}"[:200]
        return ""

    def export(self) -> list[Lack]:
        dynamodb = self._clients["dynamodb"]
        try:
            dynamodb.update_continuous_backups(
                TableName=self.name,
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
            )
        except self._errors as error:
            refused = f"UpdateContinuousBackups is refused: {_code(error)}"
            return [Lack("point-in-time recovery", refused), Lack("export", refused)]
        dynamodb.put_item(TableName=self.name, Item={"id": {"S": "exported"}})
        try:
            reason = self._export_complaint()
        except self._errors as error:
            reason = f"ExportTableToPointInTime is refused: {_code(error)}"
        except TimeoutError:
            reason = f"its export was not COMPLETED after {EXPORT_SECONDS_MAX:g} s"
        return [Lack("export", reason)] if reason else []

    def _export_complaint(self) -> str:
        """Why what the export wrote is none; empty when it is one."""
        dynamodb, s3 = self._clients["dynamodb"], self._clients["s3"]
        arn = dynamodb.export_table_to_point_in_time(
            TableArn=self._table_arn, S3Bucket=self.name, ExportFormat="DYNAMODB_JSON"
        )["ExportDescription"]["ExportArn"]
        status = ""

        def ended() -> bool:
            nonlocal status
            told = dynamodb.describe_export(ExportArn=arn)["ExportDescription"]
            status = told["ExportStatus"]
            return bool(status != "IN_PROGRESS")

        self._wait(ended, "the probe's export to end", EXPORT_SECONDS_MAX)
        listed = s3.list_objects_v2(Bucket=self.name).get("Contents", [])
        keys = [str(found["Key"]) for found in listed]

        def remove() -> None:
            for key in keys:
                s3.delete_object(Bucket=self.name, Key=key)

        self._later(remove)
        if status != "COMPLETED":
            return f"its export ends {status}"
        for needed in ("manifest-summary.json", "manifest-files.json"):
            if not any(key.endswith(needed) for key in keys):
                return f"its export is COMPLETED, but it wrote no {needed}"
        summary = next(key for key in keys if key.endswith("manifest-summary.json"))
        count = orjson.loads(s3.get_object(Bucket=self.name, Key=summary)["Body"].read())
        if count.get("itemCount") != 1:
            return f"its export of 1 item says that it holds {count.get('itemCount')}"
        return ""

    def destination(self, precision: str) -> list[Lack]:
        dynamodb = self._clients["dynamodb"]
        try:
            dynamodb.enable_kinesis_streaming_destination(
                TableName=self.name,
                StreamArn=self._stream_arn,
                EnableKinesisStreamingConfiguration={
                    "ApproximateCreationDateTimePrecision": precision
                },
            )
            self._wait(self._is_streaming, "the destination to be ACTIVE", STATE_SECONDS_MAX)
            expected = self._write()
            reason = complaint(self._records(expected), expected, precision)
        except self._errors as error:
            reason = f"EnableKinesisStreamingDestination is refused: {_code(error)}"
        except TimeoutError:
            reason = f"its destination was not ACTIVE after {STATE_SECONDS_MAX:g} s"
        return [Lack("streaming destination", reason)] if reason else []

    def _is_streaming(self) -> bool:
        told = self._clients["dynamodb"].describe_kinesis_streaming_destination(TableName=self.name)
        found = told["KinesisDataStreamDestinations"]
        return [d["DestinationStatus"] for d in found] == ["ACTIVE"]

    def _write(self) -> int:
        """Four changes of each key; returns how many there are."""
        dynamodb = self._clients["dynamodb"]
        for name in KEYS:
            key = {"id": {"S": name}}
            for number in ("1", "2", "3"):
                item = {**key, "n": {"N": number}, "b": {"B": BYTES}}
                dynamodb.put_item(TableName=self.name, Item=item)
            dynamodb.delete_item(TableName=self.name, Key=key)
        return 4 * len(KEYS)

    def _records(self, expected: int) -> list[Delivered]:
        """What arrives, shard by shard, until there is enough or nothing more comes."""
        kinesis = self._clients["kinesis"]
        shards = kinesis.list_shards(StreamName=self.name)["Shards"]
        iterators = [
            kinesis.get_shard_iterator(
                StreamName=self.name, ShardId=s["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            for s in shards
        ]
        found: list[Delivered] = []

        def enough() -> bool:
            for place, iterator in enumerate(iterators):
                answer = kinesis.get_records(ShardIterator=iterator)
                iterators[place] = answer["NextShardIterator"]
                found.extend(Delivered(r["PartitionKey"], r["Data"]) for r in answer["Records"])
            return len(found) >= expected

        with suppress(TimeoutError):
            self._wait(enough, "the probe's records", DELIVERY_SECONDS_MAX)
        return found


def complaint(records: Sequence[Delivered], expected: int, precision: str) -> str:
    """Why these records are not what AWS's streaming destination writes; empty when they are.

    Args:
        records: of the changes that a probe makes: each key is put three times, then deleted.
        expected: how many changes there were.
        precision: unit of the stamps that was asked for.
    """
    changes = []
    for record in records:
        try:
            changes.append(orjson.loads(record.data))
        except ValueError:
            return "its destination writes records that are no JSON"
    distinct = {change.get("eventID") for change in changes}
    if len(distinct) < expected:
        return f"its destination delivered {len(distinct)} of {expected} changes"
    partition_keys: dict[bytes, set[str]] = {}
    for record, change in zip(records, changes, strict=True):
        key = orjson.dumps(change["dynamodb"]["Keys"])
        partition_keys.setdefault(key, set()).add(record.partition_key)
    if any(len(found) > 1 for found in partition_keys.values()):
        return (
            "its destination gives the changes of one item different partition keys, which "
            "scatters them over the shards"
        )
    for change in changes:
        reason = _record_complaint(change, precision)
        if reason:
            return f"its destination {reason}"
    return ""


def _record_complaint(change: dict[str, Any], precision: str) -> str:
    told = change["dynamodb"]
    stamp = told.get("ApproximateCreationDateTime", 0)
    if stamp < LEAST[precision]:
        unit = "seconds" if stamp < LEAST["MILLISECOND"] else "milliseconds"
        return f"stamps changes in {unit}, though {precision} was asked for"
    image = told.get("OldImage" if change["eventName"] == "REMOVE" else "NewImage")
    if not image:
        return f"leaves out the image of {change['eventName']}"
    if image.get("b") != {"B": ENCODED_TWICE}:
        return "encodes binary values in base64 once, AWS does so twice"
    return ""


def _code(error: Any) -> str:
    """A refusal's code and sentence."""
    told = getattr(error, "response", {}).get("Error", {})
    text = f"{told.get('Code', '')}: {told.get('Message', '')}".strip(": ")
    return (text or str(error))[:200]
