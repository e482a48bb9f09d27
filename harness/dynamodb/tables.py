"""Tables: what one is, and the set of those that exist in one account and region.

`Tables` keeps names, ARNs and life cycles. What a request must look like is checked in
`table_requests`, what DescribeTable answers is composed in `table_description`.

A table's states follow the clock alone: it is CREATING until `ready_us`, gone at `gone_us`. With
the default delay of 0 only the answers of CreateTable and DeleteTable show the passing state.

Source: DynamoDB API reference, CreateTable, UpdateTable, DeleteTable, TableDescription.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.awsjson import AwsError
from harness.dynamodb.change_log import ChangeLog
from harness.dynamodb.store import Index, ItemStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.clock import Clock
    from harness.dynamodb.keys import KeySchema

NAMESPACE = "com.amazonaws.dynamodb.v20120810"
SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class StreamSpecification:
    """A table's DynamoDB stream while it is enabled.

    Attributes:
        view_type: `KEYS_ONLY`, `NEW_IMAGE`, `OLD_IMAGE` or `NEW_AND_OLD_IMAGES`.
        label: ISO time with milliseconds and no zone.
        arn: the table's ARN, `/stream/` and the label.
        enabled_us: when it was enabled.
        first_change: number of the first change in the table's log that belongs to it.
    """

    view_type: str
    label: str
    arn: str
    enabled_us: int
    first_change: int


@dataclass(slots=True)
class Throughput:
    """Provisioned capacity units; both 0 on demand."""

    read: int = 0
    write: int = 0


@dataclass(slots=True)
class IndexState:
    """What DescribeTable tells of an index beyond its projection.

    Attributes:
        throughput: of a global index of a provisioned table.
        ready_us: it is CREATING before.
        on_demand: MaxReadRequestUnits and MaxWriteRequestUnits as given, or None.
        warm: WarmThroughput as given, or None.
    """

    throughput: Throughput = field(default_factory=Throughput)
    ready_us: int = 0
    on_demand: dict[str, int] | None = None
    warm: dict[str, int] | None = None


class Table:
    """One table, its items and its change log.

    Args:
        name: 3 to 255 of a-z, A-Z, 0-9, `_`, `-` and `.`.
        arn: unique in the account.
        table_id: a UUID; a table of the same name created later has another.
        schema: the primary key.
        attribute_types: the defined attributes, name to `S`, `N` or `B`, in the order given.
        created_us: when CreateTable was called.

    Attributes:
        items: the rows.
        log: the effective writes; see `ChangeLog.keep`.
        stream: the enabled DynamoDB stream, or None.
        last_stream: the most recent stream, enabled or not; DescribeTable names it.
    """

    def __init__(
        self,
        name: str,
        *,
        arn: str,
        table_id: str,
        schema: KeySchema,
        attribute_types: dict[str, str],
        created_us: int,
    ) -> None:
        self.name = name
        self.arn = arn
        self.table_id = table_id
        self.schema = schema
        self.attribute_types = attribute_types
        self.created_us = created_us
        self.ready_us = created_us
        self.gone_us: int | None = None
        self.billing_mode = "PROVISIONED"
        self.billing_mode_given = False
        self.on_demand_since_us: int | None = None
        self.throughput = Throughput()
        self.throughput_increased_us: int | None = None
        self.throughput_decreased_us: int | None = None
        self.on_demand: dict[str, int] | None = None
        self.warm: dict[str, int] | None = None
        self.table_class: str | None = None
        self.deletion_protection = False
        self.sse: dict[str, object] | None = None
        self.tags: dict[str, str] = {}
        self.resource_policy: tuple[str, str] | None = None
        """The policy and its revision."""
        self.stream: StreamSpecification | None = None
        self.last_stream: StreamSpecification | None = None
        self.time_to_live: str | None = None
        self.restore_summary: dict[str, object] | None = None
        self.index_states: dict[str, IndexState] = {}
        self.items = ItemStore(schema)
        self.log = ChangeLog(keep_all=False)
        self.update_pending_us = created_us

    def status(self, now_us: int) -> str:
        """CREATING, ACTIVE, UPDATING or DELETING at that moment."""
        if self.gone_us is not None:
            return "DELETING"
        if now_us < self.ready_us:
            return "CREATING"
        return "UPDATING" if now_us < self.update_pending_us else "ACTIVE"

    @property
    def global_indexes(self) -> list[Index]:
        """The GSIs, in the order of their creation."""
        return [index for index in self.items.indexes.values() if index.is_global]

    @property
    def local_indexes(self) -> list[Index]:
        """The LSIs, in the order given."""
        return [index for index in self.items.indexes.values() if not index.is_global]

    def enable_stream(self, view_type: str, now_us: int) -> StreamSpecification:
        """Start a new stream; the caller has checked that none is enabled."""
        moment = datetime.fromtimestamp(now_us / SECOND_US, UTC)
        label = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now_us // 1000 % 1000:03d}"
        arn = f"{self.arn}/stream/{label}"
        self.stream = StreamSpecification(view_type, label, arn, now_us, self.log.end)
        self.last_stream = self.stream
        return self.stream

    def disable_stream(self) -> None:
        """End the stream."""
        self.stream = None


class Tables:
    """The tables of one account and region.

    Args:
        clock: time and ids.
        region: for ARNs.
        account: for ARNs.
        delay_seconds: how long CREATING, UPDATING and DELETING last.

    Attributes:
        on_created: called with each new table, once it can be described.
        on_deleted: called with a table when DeleteTable was accepted; its log is still there.
        on_stream_changed: called with a table and its former stream (or None), after `stream`
            was set or cleared.
    """

    def __init__(
        self, clock: Clock, *, region: str, account: str, delay_seconds: float = 0.0
    ) -> None:
        self.clock = clock
        self.region = region
        self.account = account
        self.delay_us = round(delay_seconds * SECOND_US)
        self.on_created: list[Callable[[Table], None]] = []
        self.on_deleted: list[Callable[[Table], None]] = []
        self.on_stream_changed: list[Callable[[Table, StreamSpecification | None], None]] = []
        self._by_name: dict[str, Table] = {}
        self._by_id: dict[str, Table] = {}
        self._leaving = 0

    def arn(self, name: str) -> str:
        """The ARN that a table of this name has here."""
        return f"arn:aws:dynamodb:{self.region}:{self.account}:table/{name}"

    def find(self, name_or_arn: str) -> Table | None:
        """The table, also while it is CREATING or DELETING; None when there is none."""
        if self._leaving:
            self._sweep()
        table = self._by_name.get(name_or_arn)
        if table is None and name_or_arn.startswith("arn:"):
            table = self._by_name.get(name_or_arn.rpartition("/")[2])
            if table is not None and table.arn != name_or_arn:
                return None
        return table

    def get(self, name_or_arn: str) -> Table:
        """The table by name or ARN, for operations on tables.

        Raises:
            AwsError: ResourceNotFoundException naming the table.
        """
        table = self.find(name_or_arn)
        if table is None:
            name = name_or_arn.rpartition("/")[2] if name_or_arn.startswith("arn:") else name_or_arn
            raise not_found(f"Requested resource not found: Table: {name} not found")
        return table

    def for_items(self, name_or_arn: str) -> Table:
        """The table by name or ARN, for operations on items.

        Raises:
            AwsError: ResourceNotFoundException; also while the table is CREATING or DELETING.
        """
        table = self._by_name.get(name_or_arn) or self.find(name_or_arn)
        if table is None or table.gone_us is not None or self._creating(table):
            raise not_found("Requested resource not found")
        return table

    def _creating(self, table: Table) -> bool:
        return self.delay_us > 0 and self.clock.now_us() < table.ready_us

    def by_id(self, table_id: str) -> Table | None:
        """The table with this UUID, or None."""
        return self._by_id.get(table_id)

    def names(self) -> list[str]:
        """All names, sorted."""
        if self._leaving:
            self._sweep()
        return sorted(self._by_name)

    def __iter__(self) -> Iterator[Table]:
        if self._leaving:
            self._sweep()
        return iter(list(self._by_name.values()))

    def __len__(self) -> int:
        return len(self._by_name)

    def add(self, table: Table) -> None:
        """Take in a new table (from CreateTable, an import or a restore) and tell who listens.

        Raises:
            AwsError: ResourceInUseException, the name is taken.
        """
        if self.find(table.name) is not None:
            raise in_use(f"Table already exists: {table.name}")
        table.ready_us = self.clock.now_us() + self.delay_us
        self._by_name[table.name] = table
        self._by_id[table.table_id] = table
        for notify in self.on_created:
            notify(table)
        if table.stream is not None:
            self.stream_changed(table, None)

    def stream_changed(self, table: Table, former: StreamSpecification | None) -> None:
        """Tell who listens that `table.stream` is another than `former`."""
        for notify in self.on_stream_changed:
            notify(table, former)

    def remove(self, table: Table) -> None:
        """Begin the deletion of a table, whatever its state; with no delay it is gone at once."""
        former = table.stream
        table.disable_stream()
        if former is not None:
            self.stream_changed(table, former)
        for notify in self.on_deleted:
            notify(table)
        table.gone_us = self.clock.now_us() + self.delay_us
        self._leaving += 1
        self._sweep()

    def _sweep(self) -> None:
        now_us = self.clock.now_us()
        for table in list(self._by_name.values()):
            if table.gone_us is not None and now_us >= table.gone_us:
                del self._by_name[table.name]
                del self._by_id[table.table_id]
                self._leaving -= 1


def not_found(message: str) -> AwsError:
    """AWS's ResourceNotFoundException."""
    return AwsError("ResourceNotFoundException", message, namespace=NAMESPACE)


def in_use(message: str) -> AwsError:
    """AWS's ResourceInUseException."""
    return AwsError("ResourceInUseException", message, namespace=NAMESPACE)
