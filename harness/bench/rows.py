"""Every row of `harness bench aws`: what is measured, in which unit, and the ratio it must reach.

Bars: with boto3 at least as fast as the best peer, where the client is often the limit; the three
reads that a change data capture lives on twice as fast without it. A cold start may take a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.bench import dynamodb_cases, kinesis_cases, object_cases, raw_cases

if TYPE_CHECKING:
    from harness.bench.load import Case

Client = Literal["boto3", "raw", "process"]
RAW_READ_BAR = 2.0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        name: stable; what `--row` takes.
        unit: of the figures.
        client: what drives it; `process` rows look at the process itself.
        case: prepares the work; None for `process` rows.
        bar: the ratio to reach; None where a figure is shown for information.
        lower_is_better: for seconds and memory; the ratio is then turned round.
        budget: the ratio is against this figure, and not against a peer's.
    """

    name: str
    unit: str
    client: Client
    case: Case | None = None
    bar: float | None = 1.0
    lower_is_better: bool = False
    budget: float | None = None


COLD_START = Row("cold_start", "s", "process", lower_is_better=True, budget=1.0)
IDLE_MEMORY = Row("idle_memory", "MB", "process", lower_is_better=True)
ITEM_MEMORY = Row("memory_per_100k_items", "MB", "process", lower_is_better=True)

_ITEMS = "items/s"
_RECORDS = "records/s"

ROWS: tuple[Row, ...] = (
    Row("put_item", _ITEMS, "boto3", dynamodb_cases.put_item),
    Row("update_item", _ITEMS, "boto3", dynamodb_cases.update_item),
    Row("delete_item", _ITEMS, "boto3", dynamodb_cases.delete_item),
    Row("batch_write_item", _ITEMS, "boto3", dynamodb_cases.batch_write_item),
    Row("transact_write", _ITEMS, "boto3", dynamodb_cases.transact_write),
    Row("get_item", _ITEMS, "boto3", dynamodb_cases.get_item),
    Row("query", _ITEMS, "boto3", dynamodb_cases.query),
    Row("scan", _ITEMS, "boto3", dynamodb_cases.scan),
    Row("streams_get_records", _RECORDS, "boto3", dynamodb_cases.streams_get_records),
    Row("kinesis_put_records", _RECORDS, "boto3", kinesis_cases.kinesis_put_records),
    Row("kinesis_get_records", _RECORDS, "boto3", kinesis_cases.kinesis_get_records),
    Row("kinesis_list_and_get_64_shards", "shards/s", "boto3", kinesis_cases.kinesis_list_and_get),
    Row("subscribe_to_shard", _RECORDS, "boto3", kinesis_cases.subscribe_to_shard),
    Row("s3_put_8mb", "MB/s", "boto3", object_cases.s3_put),
    Row("s3_get_8mb", "MB/s", "boto3", object_cases.s3_get),
    Row("export_100k_items", _ITEMS, "boto3", object_cases.export_table),
    Row("put_item_raw", _ITEMS, "raw", raw_cases.put_item),
    Row("get_item_raw", _ITEMS, "raw", raw_cases.get_item),
    Row("scan_raw", _ITEMS, "raw", raw_cases.scan, RAW_READ_BAR),
    Row("streams_get_records_raw", _RECORDS, "raw", raw_cases.streams_get_records, RAW_READ_BAR),
    Row("kinesis_put_records_raw", _RECORDS, "raw", raw_cases.kinesis_put_records),
    Row("kinesis_get_records_raw", _RECORDS, "raw", raw_cases.kinesis_get_records, RAW_READ_BAR),
    COLD_START,
    IDLE_MEMORY,
    ITEM_MEMORY,
)
