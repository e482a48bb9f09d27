"""Any item that DynamoDB takes comes back from ClickHouse as it is, by export and by stream."""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness.values.cells import cell_matches, expected_cell, found_cell
from harness.values.paths import look_up, parse_path
from harness.values.types import parse_type
from tests.pipelines.conftest import Table
from tests.pipelines.test_snapshot_equals_stream import values

if TYPE_CHECKING:
    from tests.pipelines.conftest import Servers

COLUMNS = {"id": "String", "v": "String", "inner": "Nullable(String)", "whole": "String"}
PATHS = {"inner": "v.a", "whole": "*"}


def as_client(value: Any) -> Any:
    """boto3 takes and gives binary as bytes."""
    return converted(value, base64.b64decode)


def as_wire(value: Any) -> Any:
    return converted(value, lambda raw: base64.b64encode(raw).decode())


def converted(value: Any, binary: Any) -> Any:
    ((tag, held),) = value.items()
    match tag:
        case "B":
            return {tag: binary(held)}
        case "BS":
            return {tag: [binary(member) for member in held]}
        case "M":
            return {tag: {name: converted(member, binary) for name, member in held.items()}}
        case "L":
            return {tag: [converted(member, binary) for member in held]}
        case _:
            return value


def test_what_dynamodb_holds_is_what_clickhouse_shows(servers: Servers) -> None:
    @settings(
        max_examples=2, deadline=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(drawn=st.lists(values, min_size=30, max_size=80))
    def check(drawn: list[Any]) -> None:
        for way in ("export", "stream"):
            table = Table(servers, COLUMNS, {"id": "S"}, paths=PATHS)
            table.enable_stream()
            written = write(table, drawn)
            assert written > len(drawn) // 2
            changes: dict[str, Any] = {"export": table.export(), "source": "none"}
            with table.running(**(changes if way == "export" else {})):
                servers.clock.wait_until(
                    partial(has_rows, table, written), timeout_seconds=30, what=f"rows by {way}"
                )
            assert table.errors() == []
            hold_against_source(servers, table)

    check()


def has_rows(table: Table, count: int) -> bool:
    return len(table.rows("id")) == count


def write(table: Table, drawn: list[Any]) -> int:
    """Put every value that DynamoDB takes."""
    written = 0
    for number, value in enumerate(drawn):
        try:
            table.put({"id": {"S": str(number)}, "v": as_client(value)})
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ValidationException", error  # noqa: PT017
            continue
        written += 1
    return written


def hold_against_source(servers: Servers, table: Table) -> None:
    kinds = [
        (parse_type(kind), parse_path(PATHS.get(name, name))) for name, kind in COLUMNS.items()
    ]
    stored = servers.sql.query(
        f"SELECT {', '.join(COLUMNS)} FROM {table.name} FINAL", query_formats={"String": "bytes"}
    ).result_rows
    rows = {row[0].decode(): row for row in stored}
    items = servers.dynamodb.get_paginator("scan").paginate(TableName=table.name)
    for item in (item for page in items for item in page["Items"]):
        wire = as_wire({"M": item})["M"]
        row = rows.pop(item["id"]["S"])
        for (kind, path), cell in zip(kinds, row, strict=True):
            wanted = expected_cell(kind, look_up(wire, path))
            assert cell_matches(kind, wanted, found_cell(kind, cell)), (wire, cell, wanted)
    assert rows == {}
