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
from harness.clock import SECOND_US
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

NAMESPACE = "com.amazonaws.dynamodb.v20120810"
TOKEN_LIFE_US = 8 * 3600 * SECOND_US
PAGE_OF_IMPORTS = 25
SLICE_ITEMS = 1000
# A timer due at once would run in the same turn of the event loop and let nobody else in.
PAUSE_SECONDS = 0.001
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
        self._random = clock.substream("import")
        self._imports: dict[str, Import] = {}
        self._tokens: dict[str, tuple[Json, Import]] = {}

    def import_table(self, payload: Json) -> Json:
        """ImportTable."""
        request = parse_import(payload)
        now_us = self._clock.now_us()
        token = request.pop("ClientToken", None)
        if token in self._tokens:
            known_request, known = self._tokens[token]
            if now_us - known.start_us < TOKEN_LIFE_US:
                if known_request == request:
                    return known.describe()
                raise _error(
                    "ImportConflictException",
                    "Import conflict: Duplicate request detected with conflicting parameters",
                )
        name = request["TableCreationParameters"]["TableName"]
        if self._tables.find(name) is not None:
            raise in_use(f"Table already exists: {name}")
        table = new_table(self._tables, request["TableCreationParameters"])
        self._tables.add(table)
        table.ready_us = NEVER_US  # CREATING until the import has ended
        region, account = self._tables.region, self._tables.account
        started = Import(
            f"{table.arn}/import/0{now_us // 1000}-{self._random.getrandbits(32):08x}",
            table,
            request,
            token or self._clock.uuid(),
            f"arn:aws:logs:{region}:{account}:log-group:/aws-dynamodb/imports:*",
            now_us,
        )
        self._imports[started.arn] = started
        self._tokens[started.client_token] = (request, started)
        work = self._run(started)
        self._clock.call_later(START_SECONDS, lambda: self._step(started, work))
        return started.describe()

    def describe(self, payload: Json) -> Json:
        """DescribeImport."""
        arn = DESCRIBE.parse(payload)["ImportArn"]
        if arn not in self._imports:
            raise _error("ImportNotFoundException", f"Import not found: {arn}")
        return self._imports[arn].describe()

    def list(self, payload: Json) -> Json:
        """ListImports: the newest first."""
        request = LIST.parse(payload)
        before = request.get("NextToken")
        listed = [
            entry
            for arn, entry in sorted(self._imports.items(), reverse=True)
            if (before is None or arn < before)
            and request.get("TableArn") in (None, entry.table.arn)
        ]
        limit = request.get("PageSize", PAGE_OF_IMPORTS)
        answer: Json = {"ImportSummaryList": [entry.summarise() for entry in listed[:limit]]}
        if len(listed) > limit:
            answer["NextToken"] = listed[limit - 1].arn
        return answer

    def _step(self, entry: Import, work: Generator[None, None, None]) -> None:
        """Do one slice of the work and plan the next."""
        try:
            next(work)
        except StopIteration:
            entry.status = "COMPLETED"
            if entry.errors:
                entry.status = "FAILED"
                entry.failure = (
                    "ItemValidationError",
                    "Some of the items failed validation checks. Please check CloudWatch error "
                    "logs for more details.",
                )
        except S3Error as error:
            entry.status = "FAILED"
            entry.failure = (f"S3{error.code}", error.message)
            self._tables.remove(entry.table)
        else:
            self._clock.call_later(PAUSE_SECONDS, lambda: self._step(entry, work))
            return
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


def _error(code: str, message: str) -> AwsError:
    return AwsError(code, message, namespace=NAMESPACE)
