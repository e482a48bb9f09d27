"""ImportTable, DescribeImport and ListImports: a new table filled from objects in S3.

No change records come of it, as on AWS, and no capacity is consumed, so it is also the fast way to
fill a big table. The work is done in slices by timers of the clock.

Deviation: AWS writes the reasons of rejected items to CloudWatch; here they go to the log of this
module. An import of which any part was rejected ends as FAILED, with the rest in the table.

Source: DynamoDB API reference; developer guide, "DynamoDB data import from Amazon S3"; moto's
test_dynamodb_import_table.py, which its authors verify against AWS.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from harness.awsjson import AwsError, Json
from harness.dynamodb.attributes import normalise_item
from harness.dynamodb.import_files import (
    BadItem,
    read_csv,
    read_ion_items,
    read_json,
    unpack,
    unreadable,
)
from harness.dynamodb.import_requests import DESCRIBE, LIST, parse_import
from harness.dynamodb.item_keys import item_position
from harness.dynamodb.jobs import Jobs
from harness.dynamodb.sizes import check_item_size
from harness.dynamodb.table_operations import new_table
from harness.dynamodb.tables import in_use
from harness.objects.errors import S3Error

if TYPE_CHECKING:
    import io
    from collections.abc import Generator, Iterator

    from harness.clock import Clock
    from harness.dynamodb.change_log import Item
    from harness.dynamodb.tables import Table, Tables
    from harness.objects.store import ObjectStore

SLICE_ITEMS = 1000
START_SECONDS = 0.05
NEVER_US = 1 << 62
ERRORS_LOGGED_MAX = 20

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Import:
    """One import: what was asked, and how far it is."""

    arn: str
    table: Table
    request: Json
    client_token: str
    log_group_arn: str
    start_us: int
    status: str = "IN_PROGRESS"
    end_us: int | None = None
    size_bytes: int = 0
    processed: int = 0
    imported: int = 0
    errors: int = 0
    failure: tuple[str, str] | None = None

    def summarise(self) -> Json:
        """ImportSummary."""
        summary: Json = {
            "ImportArn": self.arn,
            "ImportStatus": self.status,
            "TableArn": self.table.arn,
            "S3BucketSource": self.request["S3BucketSource"],
            "CloudWatchLogGroupArn": self.log_group_arn,
            "InputFormat": self.request["InputFormat"],
            "StartTime": self.start_us // 1000 / 1000,
        }
        if self.end_us is not None:
            summary["EndTime"] = self.end_us // 1000 / 1000
        return summary

    def describe(self) -> Json:
        """ImportTableDescription."""
        shown = self.summarise() | {
            "TableId": self.table.table_id,
            "ClientToken": self.client_token,
            "InputCompressionType": self.request.get("InputCompressionType", "NONE"),
            "TableCreationParameters": self.request["TableCreationParameters"],
            "ErrorCount": self.errors,
            "ProcessedSizeBytes": self.size_bytes,
            "ProcessedItemCount": self.processed,
            "ImportedItemCount": self.imported,
        }
        if "InputFormatOptions" in self.request:
            shown["InputFormatOptions"] = self.request["InputFormatOptions"]
        if self.failure is not None:
            shown["FailureCode"], shown["FailureMessage"] = self.failure
        return {"ImportTableDescription": shown}


class Imports:
    """All imports of one account and Region.

    Args:
        clock: times, and chance from its substream `import`.
        tables: where new tables go.
        store: S3.
    """

    def __init__(self, clock: Clock, tables: Tables, store: ObjectStore) -> None:
        self._clock = clock
        self._tables = tables
        self._store = store
        self._jobs: Jobs[Import] = Jobs("Import", clock)

    def import_table(self, payload: Json) -> Json:
        """ImportTable."""
        request = parse_import(payload)
        now_us = self._clock.now_us()
        token = request.pop("ClientToken", None)
        known = self._jobs.asked_before(request, token)
        if known is not None:
            return known.describe()
        name = request["TableCreationParameters"]["TableName"]
        if self._tables.find(name) is not None:
            raise in_use(f"Table already exists: {name}")
        table = new_table(self._tables, request["TableCreationParameters"])
        self._tables.add(table)
        table.ready_us = NEVER_US  # CREATING until the import has ended
        region, account = self._tables.region, self._tables.account
        started = Import(
            f"{table.arn}/import/{self._jobs.new_id()}",
            table,
            request,
            token or self._clock.uuid(),
            f"arn:aws:logs:{region}:{account}:log-group:/aws-dynamodb/imports:*",
            now_us,
        )
        self._jobs.add(started, request)
        work = self._run(started)

        def ended(refused: S3Error | None) -> None:
            self._end(started, refused)

        self._clock.call_later(START_SECONDS, lambda: self._jobs.work(work, ended))
        return started.describe()

    def describe(self, payload: Json) -> Json:
        """DescribeImport."""
        return self._jobs.get(DESCRIBE.parse(payload)["ImportArn"]).describe()

    def list(self, payload: Json) -> Json:
        """ListImports: the newest first."""
        request = LIST.parse(payload)
        listed, more = self._jobs.page(
            lambda entry: request.get("TableArn") in (None, entry.table.arn),
            before=request.get("NextToken"),
            limit=request.get("PageSize"),
        )
        answer: Json = {"ImportSummaryList": [entry.summarise() for entry in listed]}
        if more:
            answer["NextToken"] = more
        return answer

    def _end(self, entry: Import, refused: S3Error | None) -> None:
        entry.status = "FAILED" if refused or entry.errors else "COMPLETED"
        if refused:
            entry.failure = (f"S3{refused.code}", refused.message)
            self._tables.remove(entry.table)
        elif entry.errors:
            entry.failure = (
                "ItemValidationError",
                "Some of the items failed validation checks. Please check CloudWatch error "
                "logs for more details.",
            )
        entry.end_us = entry.table.ready_us = self._clock.now_us()

    def _run(self, entry: Import) -> Generator[None, None, None]:
        """The whole import, slice by slice."""
        source = entry.request["S3BucketSource"]
        if source.get("S3BucketOwner", self._tables.account) != self._tables.account:
            raise S3Error(403, "AccessDenied", "Access Denied")
        compression = entry.request.get("InputCompressionType", "NONE")
        for key in self._store.list(source["S3Bucket"], source.get("S3KeyPrefix", "")):
            body = self._store.get_object(source["S3Bucket"], key)
            entry.size_bytes += len(body)
            try:
                yield from self._load(entry, self._read(entry, unpack(body, compression)))
            except unreadable() as error:
                _reject(entry, f"{key} cannot be read: {error}")

    def _read(self, entry: Import, source: io.BufferedReader) -> Iterator[Item | BadItem]:
        match entry.request["InputFormat"]:
            case "CSV":
                options = entry.request.get("InputFormatOptions", {}).get("Csv", {})
                return read_csv(
                    source,
                    types=entry.table.attribute_types,
                    delimiter=options.get("Delimiter", ","),
                    header=options.get("HeaderList"),
                )
            case "ION":
                return read_ion_items(source)
            case _:
                return read_json(source)

    def _load(self, entry: Import, items: Iterator[Item | BadItem]) -> Generator[None, None, None]:
        """Check and store items, yielding between slices."""
        for count, item in enumerate(items, 1):
            entry.processed += 1
            if isinstance(item, BadItem):
                _reject(entry, item.reason)
            else:
                try:
                    _store(entry.table, item)
                    entry.imported += 1
                except AwsError as error:
                    _reject(entry, error.message)
            if count % SLICE_ITEMS == 0:
                yield


def _store(table: Table, item: Item) -> None:
    """Put one item without a change record; a later item of the same key replaces it.

    Raises:
        AwsError: the item is not one that the table can hold.
    """
    normal = normalise_item(item)
    position = item_position(table, normal)
    size = check_item_size(normal)
    # orjson's bytes keep the 4 KB buffer that they were written to; a copy holds their length only.
    row = (bytes(memoryview(orjson.dumps(normal))), size)
    old = table.items.row(position)
    table.items.put(position, normal, row, None if old is None else orjson.loads(old[0]))


def _reject(entry: Import, reason: str) -> None:
    entry.errors += 1
    if entry.errors <= ERRORS_LOGGED_MAX:
        log.warning("import %s rejects an item: %s", entry.arn, reason)
