"""Query and Scan: a page of rows, filtered after it was read.

A page ends at `Limit` rows or at 1 MB of them, whatever the filter then leaves, and costs only the
rows it read. Rows that need no filter or projection are spliced into the answer as they are stored.

Source: DynamoDB API reference; order and words of faults as dynalite recorded on AWS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from harness.dynamodb.capacity import Bill
from harness.dynamodb.item_keys import check_scalars
from harness.dynamodb.item_requests import QUERY, SCAN
from harness.dynamodb.ranges import EVERYTHING, Stretch, segment, stretch_of
from harness.dynamodb.request_expressions import Reading, query_of, scan_of
from harness.dynamodb.selection import Selection, select
from harness.dynamodb.shapes import validation_error
from harness.dynamodb.start_keys import check_form, check_query_start, position_after

if TYPE_CHECKING:
    from harness.dynamodb.engine import Engine
    from harness.dynamodb.keys import KeySchema
    from harness.dynamodb.store import Index, OrderedRows
    from harness.dynamodb.tables import Table

Json = dict[str, Any]

READ_UNIT_BYTES = 4096


ON_DEMAND_PARTITIONS = 4
LEGACY_KEYS_MAX = 2


@dataclass(slots=True)
class Source:
    """What is read: the table itself or one of its indexes."""

    table: Table
    index: Index | None
    rows: OrderedRows
    schema: KeySchema
    key_names: tuple[str, ...]


@dataclass(slots=True)
class Page:
    """Rows read, before filter and projection.

    Attributes:
        rows: their JSON, in order.
        size: sum of their sizes.
        more: the page ended at a limit, so there may be more.
    """

    rows: list[bytes]
    size: int
    more: bool


def scan(engine: Engine, payload: Json) -> bytes:
    """Scan: the encoded answer."""
    request = SCAN.parse(payload)
    reading, start = scan_of(request)
    source = source_of(engine, request)
    check_form(source, start, scan=True)
    selection = select(source.table, source.index, request, reading)
    after = position_after(source, start)
    check_scalars(source.table, reading.projection, reading.filter)
    stretch = EVERYTHING
    if "TotalSegments" in request:
        stretch = segment(request["Segment"], request["TotalSegments"])
        if after is not None and not stretch.low <= after < stretch.high:
            raise validation_error(
                "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use "
                "ExclusiveStartKey with correct Segment. "
                f"TotalSegments: {request['TotalSegments']} Segment: {request['Segment']}"
            )
    page = read_page(engine, request, source, stretch, after=after, backward=False)
    return answer_page(request, source, page, reading, selection)


def query(engine: Engine, payload: Json) -> bytes:
    """Query: the encoded answer."""
    request = QUERY.parse(payload)
    reading, conditions, start = query_of(request)
    source = source_of(engine, request)
    if len(request.get("KeyConditions", ())) > max(LEGACY_KEYS_MAX, len(source.schema.names)):
        raise validation_error("Conditions can be of length 1 or 2 only")
    check_form(source, start, scan=False)
    key_range = conditions.resolve(source.schema.hash_keys, source.schema.range_keys)
    stretch = stretch_of(source.schema, key_range)
    after = check_query_start(source, start, stretch, key_range)
    check_scalars(source.table, reading.projection)
    reading.check_no_keys(source.schema.names)
    selection = select(source.table, source.index, request, reading)
    check_scalars(source.table, reading.filter)
    backward = request.get("ScanIndexForward") is False
    page = read_page(engine, request, source, stretch, after=after, backward=backward)
    return answer_page(request, source, page, reading, selection)


def source_of(engine: Engine, request: Json) -> Source:
    """The table or index that a request reads."""
    table = engine.tables.for_items(request["TableName"])
    name = request.get("IndexName")
    if name is None:
        return Source(table, None, table.items.ordered, table.schema, table.schema.names)
    index = table.items.indexes.get(name)
    if index is None:
        raise validation_error(f"The table does not have the specified index: {name}")
    if index.is_global and request.get("ConsistentRead"):
        raise validation_error("Consistent reads are not supported on global secondary indexes")
    return Source(table, index, index.ordered, index.schema, index.key_names)


def read_page(
    engine: Engine,
    request: Json,
    source: Source,
    stretch: Stretch,
    *,
    after: bytes | None,
    backward: bool,
) -> Page:
    """Rows of `stretch` past `after`, up to the limits of a page."""
    limit = request.get("Limit", -1)
    bytes_max = engine.settings.page_bytes
    rows = source.rows.rows
    found: list[bytes] = []
    size = 0
    for position in stretch.positions(source.rows, backward=backward, after=after):
        json, row_size = rows[position]
        found.append(json)
        size += row_size
        if size >= bytes_max or len(found) == limit:
            return Page(found, size, more=True)
    return Page(found, size, more=False)


def answer_page(
    request: Json, source: Source, page: Page, reading: Reading, selection: Selection
) -> bytes:
    """The encoded answer of Query and Scan."""
    found = page.rows
    fetched = 0
    if selection.fetches:
        found, fetched = _whole_items(source, found)
    if reading.filter is not None or (selection.projection is not None and selection.items):
        found = _filtered(found, reading, selection)
    parts = []
    if selection.items:
        parts.append(b'"Items":[' + b",".join(found) + b"]")
    parts.append(b'"Count":%d,"ScannedCount":%d' % (len(found), len(page.rows)))
    if page.more and page.rows:
        last = orjson.loads(page.rows[-1])
        key = {name: last[name] for name in source.key_names}
        parts.append(b'"LastEvaluatedKey":' + orjson.dumps(key))
    bill = Bill(request.get("ReturnConsumedCapacity"))
    if bill.wanted:
        _charge(bill, request, source, page, fetched)
        parts.append(b'"ConsumedCapacity":' + orjson.dumps(bill.one()))
    return b"{" + b",".join(parts) + b"}"


def _least_units(request: Json, source: Source, page: Page) -> int:
    """A scan of a whole on-demand table reads each of the four partitions that it begins with.

    Source: ScyllaDB's test_returnconsumedcapacity.py, `test_scan_consumed_capacity`.
    """
    whole = not page.more and "ExclusiveStartKey" not in request and "Segment" not in request
    is_scan = "KeyConditions" not in request and "KeyConditionExpression" not in request
    is_on_demand = source.index is None and source.table.billing_mode == "PAY_PER_REQUEST"
    return ON_DEMAND_PARTITIONS if whole and is_scan and is_on_demand else 1


def _filtered(rows: list[bytes], reading: Reading, selection: Selection) -> list[bytes]:
    loads, dumps = orjson.loads, orjson.dumps
    holds = None if reading.filter is None else reading.filter.holds
    apply = None if selection.projection is None else selection.projection.of
    found = []
    for json in rows:
        item = loads(json)
        if holds is not None and not holds(item):
            continue
        found.append(json if apply is None else dumps(apply(item)))
    return found


def _whole_items(source: Source, rows: list[bytes]) -> tuple[list[bytes], int]:
    """The table's rows for rows of a local index, and what they weigh in read units."""
    found, units = [], 0
    for json in rows:
        whole = source.table.items.ordered.rows[source.table.schema.position(orjson.loads(json))]
        found.append(whole[0])
        units += -(-whole[1] // READ_UNIT_BYTES)
    return found, units


def _charge(bill: Bill, request: Json, source: Source, page: Page, fetched: int) -> None:
    factor = 1.0 if request.get("ConsistentRead") else 0.5
    named = request["TableName"]
    units = max(_least_units(request, source, page), -(-page.size // READ_UNIT_BYTES)) * factor
    if source.index is None:
        bill.add_read(source.table, units, named=named)
        return
    bill.add_read(source.table, fetched * factor, named=named)
    bill.add_read(source.table, units, source.index.name, named=named)
