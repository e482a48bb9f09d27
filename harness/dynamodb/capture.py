"""Everything by which changes and items leave or enter a table in bulk, wired to one DynamoDB.

Streams, the Kinesis streaming destination, continuous backups, exports and imports are modules of
their own; here they get their tables, streams and buckets, and their operations their names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.awsjson import AwsError
from harness.dynamodb.backups import Backups
from harness.dynamodb.destination import SHORT, Destinations, Timings
from harness.dynamodb.export import Exports, ExportSettings
from harness.dynamodb.import_table import Imports
from harness.dynamodb.relay import CALM, Behaviour, Delivery
from harness.dynamodb.streams import Streams
from harness.dynamodb.streams_shards import StreamSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.dynamodb.api import DynamoDb
    from harness.dynamodb.change_record import PrecisionMember
    from harness.dynamodb.relay import RecordSink
    from harness.objects.store import ObjectStore

    Json = dict[str, Any]

STREAMS_TARGET = "DynamoDBStreams_20120810"


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """How faithful to AWS's timing, and how orderly, capture is.

    Attributes:
        streams: of DynamoDB Streams.
        destination: life cycle of the Kinesis destination.
        exports: of exports.
        behaviour: of relays to Kinesis.
        precision_member: when Kinesis records name their precision.
        stepped: relays deliver only when told.
    """

    streams: StreamSettings = field(default_factory=StreamSettings)
    destination: Timings = SHORT
    exports: ExportSettings = field(default_factory=ExportSettings)
    behaviour: Behaviour = CALM
    precision_member: PrecisionMember = "microsecond"
    stepped: bool = False


class Capture:
    """Change capture, exports and imports of one DynamoDB.

    Args:
        database: whose tables; gets the operations registered.
        sink: finds a Kinesis stream by ARN; None when there is none.
        store: S3.
        settings: for all of it.
        on_delivery: hears each delivery of each relay.

    Attributes:
        streams: DynamoDB Streams.
        streams_api: its door for the gateway, under the target `DynamoDBStreams_20120810`.
        destinations: Kinesis streaming destinations and their relays.
        backups: point-in-time recovery.
        exports: exports to S3.
        imports: imports from S3.
    """

    def __init__(
        self,
        database: DynamoDb,
        sink: Callable[[str], RecordSink | None],
        store: ObjectStore,
        *,
        settings: CaptureSettings | None = None,
        on_delivery: Callable[[Delivery], None] | None = None,
    ) -> None:
        settings = settings or CaptureSettings()
        clock, tables = database.clock, database.tables
        self.streams = Streams(clock, tables.region, tables, settings=settings.streams)
        self.streams_api = StreamsApi(self.streams)
        self.destinations = Destinations(
            clock,
            tables.region,
            tables.get,
            sink,
            timings=settings.destination,
            behaviour=settings.behaviour,
            listener=on_delivery,
            precision_member=settings.precision_member,
            stepped=settings.stepped,
        )
        tables.on_deleted.append(lambda table: self.destinations.forget(table.table_id))
        self.backups = Backups(clock, tables)
        self.exports = Exports(
            clock, tables.account, tables, self.backups, store, settings=settings.exports
        )
        self.imports = Imports(clock, tables, store)
        for name, operation in self._operations().items():
            database.register(name, _without_context(operation))

    def _operations(self) -> dict[str, Callable[[Json], Json]]:
        return {
            "EnableKinesisStreamingDestination": self.destinations.enable,
            "DisableKinesisStreamingDestination": self.destinations.disable,
            "UpdateKinesisStreamingDestination": self.destinations.update,
            "DescribeKinesisStreamingDestination": self.destinations.describe,
            "DescribeContinuousBackups": self.backups.describe,
            "UpdateContinuousBackups": self.backups.update,
            "ExportTableToPointInTime": self.exports.export,
            "DescribeExport": self.exports.describe,
            "ListExports": self.exports.list,
            "ImportTable": self.imports.import_table,
            "DescribeImport": self.imports.describe,
            "ListImports": self.imports.list,
        }


class StreamsApi:
    """DynamoDB Streams as the gateway asks it.

    Args:
        streams: who answers.
    """

    operations = frozenset({"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"})

    def __init__(self, streams: Streams) -> None:
        self._operations: dict[str, Callable[[Json], Json | bytes]] = {
            "DescribeStream": streams.describe_stream,
            "GetRecords": streams.get_records,
            "GetShardIterator": streams.get_shard_iterator,
            "ListStreams": streams.list_streams,
        }

    def handle(self, operation: str, payload: Json, caller: object = None) -> Json | bytes:
        """Answer one operation.

        Raises:
            AwsError: as AWS answers.
        """
        del caller
        if operation not in self._operations:
            raise AwsError(
                "UnknownOperationException",
                f"not emulated: {operation}",
                namespace="com.amazon.coral.service",
            )
        return self._operations[operation](payload)


def _without_context(
    operation: Callable[[Json], Json],
) -> Callable[[Json, object], Json]:
    return lambda payload, _context: operation(payload)
