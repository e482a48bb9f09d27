"""DynamoDB, its Streams, Kinesis, and what joins them, in one region of the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.awsjson import AwsError
from harness.dynamodb.api import DynamoDb
from harness.dynamodb.backups import Backups
from harness.dynamodb.destination import Destinations
from harness.dynamodb.export import Exports
from harness.dynamodb.import_table import Imports
from harness.dynamodb.streams import Streams
from harness.kinesis.api import Kinesis

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.awsjson import Json
    from harness.clock import Clock
    from harness.dynamodb.relay import Delivery
    from harness.gateway.app import Emulator
    from harness.gateway.caller import Caller
    from harness.gateway.settings import AwsSettings
    from harness.objects.store import ObjectStore
    from harness.web.message import Stream

    Answer = Json | bytes | Stream | None

_RECORD_MARK = b'"SequenceNumber":'
"""Once in each record of a GetRecords answer; in text it could only stand with escaped quotes."""


class Region:
    """The emulators of one region, wired together.

    Args:
        clock: all time and chance.
        name: e.g. `us-east-1`.
        account: twelve digits.
        store: S3, which all regions share.
        settings: in force until `apply`.
        stepped: relays deliver only when told.

    Attributes:
        dynamodb: tables, items, and the operations of the parts below.
        streams: DynamoDB Streams.
        kinesis: Kinesis Data Streams.
        destinations: the relays from tables to Kinesis streams.
        exports: point-in-time exports.
        imports: tables made from files in S3.
        deliveries: called with each delivery of each relay.
    """

    def __init__(
        self,
        clock: Clock,
        name: str,
        account: str,
        store: ObjectStore,
        settings: AwsSettings,
        *,
        stepped: bool = False,
    ) -> None:
        self.name = name
        self.deliveries: list[Callable[[Delivery], None]] = []
        self.records_delivered = 0
        self.kinesis = Kinesis(clock, region=name, account=account, settings=settings.kinesis)
        self.dynamodb = DynamoDb(clock, region=name, account=account, settings=settings.dynamodb)
        tables = self.dynamodb.tables
        self.streams = Streams(clock, name, tables, settings=settings.streams)
        self.destinations = Destinations(
            clock,
            name,
            tables.get,
            self.kinesis.sink,
            timings=settings.destination,
            behaviour=settings.relay,
            listener=self._delivered,
            stepped=stepped,
        )
        tables.on_deleted.append(lambda table: self.destinations.forget(table.table_id))
        self.backups = Backups(clock, tables)
        self.exports = Exports(
            clock, account, tables, self.backups, store, settings=settings.export
        )
        self.imports = Imports(clock, tables, store)
        for operation, function in self._joined().items():
            self.dynamodb.register(operation, _without_context(function))
        self._kinesis_door = CountingDoor(self.kinesis)
        self.emulators: Mapping[str, Emulator] = {
            "DynamoDB_20120810": self.dynamodb,
            "DynamoDBStreams_20120810": Operations(
                {
                    "DescribeStream": self.streams.describe_stream,
                    "GetRecords": self.streams.get_records,
                    "GetShardIterator": self.streams.get_shard_iterator,
                    "ListStreams": self.streams.list_streams,
                }
            ),
            "Kinesis_20131202": self._kinesis_door,
        }

    def apply(self, settings: AwsSettings) -> None:
        """Put other settings in force, for running relays too."""
        self.dynamodb.engine.settings = settings.dynamodb
        self.streams.settings = settings.streams
        self.kinesis.settings = settings.kinesis
        self.destinations.timings = settings.destination
        self.exports.settings = settings.export
        if settings.relay != self.destinations.behaviour:
            self.destinations.behaviour = settings.relay
            for relay in self.destinations.relays():
                relay.behaviour = settings.relay

    def stats(self) -> dict[str, int]:
        """How much there is and how much has passed.

        `kinesis_records_put` counts what relays delivered, `kinesis_records_read` what GetRecords
        handed out; fan-out is not in it.
        """
        tables = list(self.dynamodb.tables)
        return {
            "tables": len(tables),
            "items": sum(len(table.items) for table in tables),
            "changes": sum(table.log.end for table in tables),
            "kinesis_records_put": self.records_delivered,
            "kinesis_records_read": self._kinesis_door.records_read,
            "relay_records_pending": sum(
                len(relay.pending()) for relay in self.destinations.relays()
            ),
        }

    def _delivered(self, delivery: Delivery) -> None:
        if delivery.outcome == "delivered":
            self.records_delivered += 1
        for hear in self.deliveries:
            hear(delivery)

    def _joined(self) -> dict[str, Callable[[Json], Json]]:
        """DynamoDB's operations that need more than the item engine."""
        destinations, backups, exports = self.destinations, self.backups, self.exports
        return {
            "EnableKinesisStreamingDestination": destinations.enable,
            "DisableKinesisStreamingDestination": destinations.disable,
            "UpdateKinesisStreamingDestination": destinations.update,
            "DescribeKinesisStreamingDestination": destinations.describe,
            "DescribeContinuousBackups": backups.describe,
            "UpdateContinuousBackups": backups.update,
            "ExportTableToPointInTime": exports.export,
            "DescribeExport": exports.describe,
            "ListExports": exports.list,
            "ImportTable": self.imports.import_table,
            "DescribeImport": self.imports.describe,
            "ListImports": self.imports.list,
        }


class Operations:
    """A service that is a table of functions.

    Args:
        functions: by operation.
    """

    def __init__(self, functions: Mapping[str, Callable[[Json], Json | bytes]]) -> None:
        self._functions = dict(functions)

    def knows(self, operation: str) -> bool:
        """True when it is answered here."""
        return operation in self._functions

    def handle(self, operation: str, payload: Json, caller: Caller) -> Json | bytes:
        """Answer one operation.

        Raises:
            AwsError: as AWS would.
        """
        function = self._functions.get(operation)
        if function is None:
            raise AwsError("UnknownOperationException")
        return function(payload)


class CountingDoor:
    """Kinesis, with a count of the records that its readers got.

    Args:
        kinesis: who answers.
    """

    def __init__(self, kinesis: Kinesis) -> None:
        self._kinesis = kinesis
        self.records_read = 0

    def knows(self, operation: str) -> bool:
        """True for an operation of the service model."""
        return operation in self._kinesis.operations

    def handle(self, operation: str, payload: Json, caller: Caller) -> Answer:
        """Answer one operation.

        Raises:
            AwsError: as AWS would.
        """
        answer = self._kinesis.handle(operation, payload, caller)
        if operation == "GetRecords" and isinstance(answer, bytes):
            self.records_read += answer.count(_RECORD_MARK)
        return answer


def _without_context(function: Callable[[Json], Json]) -> Callable[[Json, object], Json]:
    return lambda payload, _: function(payload)
