"""The Kinesis streaming destination of a table: its four operations and its life cycle.

    DISABLED ──enable──▶ ENABLING ──▶ ACTIVE ──disable──▶ DISABLING ──▶ DISABLED
    (none)                   └──▶ ENABLE_FAILED   ACTIVE ──update──▶ UPDATING ──▶ ACTIVE

A destination carries only the changes made after it became ACTIVE. A table has at most one that is
not DISABLED or ENABLE_FAILED; any number of those stay listed. The stream's deletion leaves the
destination ACTIVE and its records are lost.

Source: DynamoDB API reference, Enable/Disable/Update/DescribeKinesisStreamingDestination; errors,
their words and the durations as probed on AWS in October 2026 (docs/fidelity.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from harness.dynamodb.change_record import ChangeRecords, Precision, PrecisionMember
from harness.dynamodb.relay import CALM, Behaviour, Delivery, RecordSink, Relay
from harness.dynamodb.shapes import Shape, String, Structure, TableName, validation_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.awsjson import Json
    from harness.clock import Clock
    from harness.dynamodb.change_log import ChangeLog

OVER = ("DISABLED", "ENABLE_FAILED")
NO_SUCH_STREAM = "User does not have a permission to use kinesis stream"
INVALID_STATE = "Table is not in a valid state to enable Kinesis Streaming Destination: "

_PRECISION = Structure(
    "KinesisStreamingConfiguration",
    {"ApproximateCreationDateTimePrecision": String(enum=("MILLISECOND", "MICROSECOND"))},
)
_NAMES: dict[str, Shape] = {"TableName": TableName(), "StreamArn": String(length=(37, 1024))}
_REQUIRED = ("TableName", "StreamArn")
_ENABLE = Structure(
    "KinesisStreamingDestinationInput",
    {**_NAMES, "EnableKinesisStreamingConfiguration": _PRECISION},
    required=_REQUIRED,
)
_UPDATE = Structure(
    "UpdateKinesisStreamingDestinationInput",
    {**_NAMES, "UpdateKinesisStreamingConfiguration": _PRECISION},
    required=_REQUIRED,
)
_DESCRIBE = Structure(
    "DescribeKinesisStreamingDestinationInput", {"TableName": TableName()}, required=("TableName",)
)


class SourceTable(Protocol):
    """What a destination must know of a table."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def table_id(self) -> str:
        """Its UUID: another one after the table was deleted and made again."""
        ...

    @property
    def log(self) -> ChangeLog:
        """Its changes."""
        ...


@dataclass(frozen=True, slots=True)
class Timings:
    """Durations of the life cycle, in seconds.

    Attributes:
        enabling: ENABLING until ACTIVE.
        failing: ENABLING until ENABLE_FAILED.
        disabling: DISABLING until DISABLED.
        updating: UPDATING until ACTIVE.
        gap: after ACTIVE, until the first change that reaches the stream.
    """

    enabling: float = 0.05
    failing: float = 0.05
    disabling: float = 0.05
    updating: float = 0.05
    gap: float = 0.0


SHORT = Timings()
AWS = Timings(enabling=4.0, failing=2.0, disabling=2.0, updating=138.0, gap=1.0)


@dataclass(slots=True)
class Destination:
    """One entry of a table's list of destinations.

    Attributes:
        stream_arn: where to.
        status: as DescribeKinesisStreamingDestination names it.
        precision: None until a request has set it; milliseconds then.
        description: why it failed; empty otherwise.
        relay: exists once records may flow.
    """

    stream_arn: str
    status: str
    precision: Precision | None = None
    description: str = ""
    relay: Relay | None = None
    unsubscribe: Callable[[], None] | None = None

    def describe(self) -> Json:
        """The entry as the API shows it."""
        shown: Json = {"StreamArn": self.stream_arn, "DestinationStatus": self.status}
        if self.description:
            shown["DestinationStatusDescription"] = self.description
        if self.precision is not None:
            shown["ApproximateCreationDateTimePrecision"] = self.precision
        return shown


class Destinations:
    """All streaming destinations of one account and Region.

    Args:
        clock: for the life cycle and the relays.
        region: `awsRegion` of the records.
        table: finds a table by name or ARN, or raises ResourceNotFoundException.
        stream: finds the sink of a stream by ARN; None when there is no such stream.
        timings: how long each status lasts.
        behaviour: of relays made from now on; see `relay` for one that runs.
        listener: hears every delivery of every relay.
        precision_member: see `ChangeRecords`.
        stepped: relays deliver only when told.
    """

    def __init__(
        self,
        clock: Clock,
        region: str,
        table: Callable[[str], SourceTable],
        stream: Callable[[str], RecordSink | None],
        *,
        timings: Timings = SHORT,
        behaviour: Behaviour = CALM,
        listener: Callable[[Delivery], None] | None = None,
        precision_member: PrecisionMember = "microsecond",
        stepped: bool = False,
    ) -> None:
        self.timings = timings
        self.behaviour = behaviour
        self.listener = listener
        self.precision_member: PrecisionMember = precision_member
        self.stepped = stepped
        self._clock = clock
        self._region = region
        self._table = table
        self._stream = stream
        self._entries: dict[str, dict[str, Destination]] = {}
        self._relays: list[Relay] = []

    def enable(self, payload: Json) -> Json:
        """EnableKinesisStreamingDestination."""
        request = _ENABLE.parse(payload)
        stream_arn: str = request["StreamArn"]
        configuration = request.get("EnableKinesisStreamingConfiguration", {})
        precision: Precision | None = configuration.get("ApproximateCreationDateTimePrecision")
        table = self._table(request["TableName"])
        entries = self._entries.setdefault(table.table_id, {})
        if any(entry.status not in OVER for entry in entries.values()):
            raise validation_error(
                INVALID_STATE + "EnableKinesisStreamingDestination must be DISABLED or "
                "ENABLE_FAILED to perform ENABLE operation."
            )
        entries.pop(stream_arn, None)
        entry = Destination(stream_arn, "ENABLING", precision)
        entries[stream_arn] = entry
        if self._stream(stream_arn) is None:
            self._clock.call_later(self.timings.failing, lambda: _fail(entry))
        else:
            self._clock.call_later(self.timings.enabling, lambda: self._activate(table, entry))
        echo: Json = {}
        if precision is not None:
            echo["ApproximateCreationDateTimePrecision"] = precision
        return {
            "TableName": table.name,
            "StreamArn": stream_arn,
            "DestinationStatus": "ENABLING",
            "EnableKinesisStreamingConfiguration": echo,
        }

    def disable(self, payload: Json) -> Json:
        """DisableKinesisStreamingDestination."""
        request = _ENABLE.parse(payload)
        stream_arn: str = request["StreamArn"]
        table = self._table(request["TableName"])
        entry = self._entries.get(table.table_id, {}).get(stream_arn)
        if entry is None or entry.status not in ("ACTIVE", "DISABLING"):
            raise validation_error(
                INVALID_STATE
                + "KinesisStreamingDestination must be ACTIVE to perform DISABLE operation."
            )
        if entry.status == "ACTIVE":
            entry.status = "DISABLING"
            _stop(entry)
            self._clock.call_later(self.timings.disabling, lambda: _disabled(entry))
        return {
            "TableName": table.name,
            "StreamArn": stream_arn,
            "DestinationStatus": "DISABLING",
        }

    def update(self, payload: Json) -> Json:
        """UpdateKinesisStreamingDestination: another precision for later records."""
        request = _UPDATE.parse(payload)
        stream_arn: str = request["StreamArn"]
        configuration = request.get("UpdateKinesisStreamingConfiguration", {})
        precision: Precision | None = configuration.get("ApproximateCreationDateTimePrecision")
        table = self._table(request["TableName"])
        if precision is None:
            raise validation_error(
                "Streaming destination cannot be updated with given parameters: "
                "UpdateKinesisStreamingConfiguration cannot be null or contain only null values"
            )
        entry = self._entries.get(table.table_id, {}).get(stream_arn)
        if entry is None:
            raise validation_error(
                f"{INVALID_STATE}No streaming destination with streamArn: {stream_arn} "
                f"found for table with tableName: {table.name}"
            )
        if entry.status != "ACTIVE":
            raise validation_error(
                f"{INVALID_STATE}Kinesis streaming is not in ACTIVE state. Updates are only "
                f"allowed in ACTIVE state. TableName: {table.name}, kdsArn: {stream_arn}"
            )
        if precision == (entry.precision or "MILLISECOND"):
            raise validation_error(
                f"Invalid Request: Precision is already set to the desired value of {precision} "
                f"for tableId: {table.table_id}, kdsArn: {stream_arn}"
            )
        entry.precision = precision
        entry.status = "UPDATING"
        self._clock.call_later(self.timings.updating, lambda: _updated(entry, precision))
        return {
            "TableName": table.name,
            "StreamArn": stream_arn,
            "DestinationStatus": "UPDATING",
            "UpdateKinesisStreamingConfiguration": {
                "ApproximateCreationDateTimePrecision": precision
            },
        }

    def describe(self, payload: Json) -> Json:
        """DescribeKinesisStreamingDestination."""
        request = _DESCRIBE.parse(payload)
        table = self._table(request["TableName"])
        entries = self._entries.get(table.table_id, {})
        # The newest comes first, as it did when AWS was probed.
        listed = [entry.describe() for entry in reversed(list(entries.values()))]
        return {"TableName": table.name, "KinesisDataStreamDestinations": listed}

    def relay(self, table_name: str) -> Relay | None:
        """The relay that carries a table's changes now, or None."""
        for entry in self._entries.get(self._table(table_name).table_id, {}).values():
            if entry.relay is not None and entry.status not in OVER:
                return entry.relay
        return None

    def relays(self) -> list[Relay]:
        """Every relay that still has something to deliver or may get it.

        Also those of destinations that were disabled, replaced or whose table was deleted.
        """
        self._relays = [relay for relay in self._relays if relay.is_fed or relay.pending()]
        return list(self._relays)

    def forget(self, table_id: str) -> None:
        """The table was deleted: what was accepted is still delivered, nothing more."""
        for entry in self._entries.pop(table_id, {}).values():
            entry.status = "DISABLED"
            _stop(entry)

    def _activate(self, table: SourceTable, entry: Destination) -> None:
        if entry.status != "ENABLING":  # the table was deleted meanwhile
            return
        sink = self._stream(entry.stream_arn)
        if sink is None:
            _fail(entry)
            return
        entry.status = "ACTIVE"
        records = ChangeRecords(
            self._region, table.name, table.table_id, precision_member=self.precision_member
        )
        relay = Relay(
            self._clock, records, sink,
            table=table.name,
            stream=entry.stream_arn.rpartition("/")[2],
            precision=entry.precision or "MILLISECOND",
            behaviour=self.behaviour,
            listener=self.listener,
            stepped=self.stepped,
        )  # fmt: skip
        entry.relay = relay
        relay.is_fed = True
        self._relays.append(relay)

        def start() -> None:
            if entry.status in ("ACTIVE", "UPDATING") and entry.unsubscribe is None:
                entry.unsubscribe = table.log.subscribe(relay.accept)

        if self.timings.gap > 0:
            self._clock.call_later(self.timings.gap, start)
        else:
            start()


def _stop(entry: Destination) -> None:
    if entry.unsubscribe is not None:
        entry.unsubscribe()
        entry.unsubscribe = None
    if entry.relay is not None:
        entry.relay.is_fed = False


def _fail(entry: Destination) -> None:
    if entry.status == "ENABLING":
        entry.status = "ENABLE_FAILED"
        entry.description = NO_SUCH_STREAM


def _disabled(entry: Destination) -> None:
    entry.status = "DISABLED"


def _updated(entry: Destination, precision: Precision) -> None:
    if entry.status == "UPDATING":
        entry.status = "ACTIVE"
        if entry.relay is not None:
            entry.relay.precision = precision
