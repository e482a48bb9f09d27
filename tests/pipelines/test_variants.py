"""A value goes to the first member of a Variant that takes it, by stream and by export alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.pipelines.reference.batches import Batch, Flusher
from harness.pipelines.reference.bookkeeping import Bookkeeping
from harness.pipelines.reference.cells import Cells
from harness.pipelines.reference.clickhouse import ClickHouse, literal
from harness.pipelines.reference.column_types import parse_type
from harness.pipelines.reference.config import parse_config, pipe_config
from harness.pipelines.reference.records import Decoder, Poison
from harness.pipelines.reference.retry import Retry
from harness.pipelines.reference.snapshot import LOAD_SETTINGS
from harness.pipelines.reference.snapshot_sql import SnapshotSql
from harness.pipelines.reference.target import target_statement
from harness.pipelines.reference.variants import VARIANT_SETTINGS
from harness.pipelines.reference.versions import VersionLayout
from harness.values.cells import Unstorable, expected_cell
from harness.values.types import parse_type as canonical_type
from tests.pipelines.conftest import Table
from tests.pipelines.test_snapshot_equals_stream import _spelled_alike, _twice, values

if TYPE_CHECKING:
    from tests.pipelines.conftest import Servers

TYPES = [
    "Variant(UInt64, String)", "Variant(String, UInt64)", "Variant(Bool, Decimal(20, 5))",
    "Variant(Int8, DateTime64(3, 'UTC'), UUID)", "Variant(Float64, FixedString(4))",
]  # fmt: skip


@pytest.mark.parametrize("kind", TYPES)
def test_both_ways_choose_the_member_that_the_checks_expect(servers: Servers, kind: str) -> None:
    ways = [f"variant_{TYPES.index(kind)}_{way}" for way in ("stream", "export")]
    configs = [config(way, kind) for way in ways]
    for made in configs:
        servers.sql.command(target_statement(made))

    @settings(
        max_examples=5, deadline=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(drawn=st.lists(values, min_size=20, max_size=60))
    def check(drawn: list[Any]) -> None:
        for way in ways:
            servers.sql.command(f"TRUNCATE TABLE {way}")
        stream(servers, configs[0], drawn)
        export(servers, configs[1], drawn)
        found = [
            _spelled_alike(
                servers.sql.query(
                    "SELECT toUInt32(k), hex(toString(variantType(c))), hex(toString(c)) "
                    f"FROM {way} FINAL ORDER BY 1"
                ).result_rows
            )
            for way in ways
        ]
        assert found[0] == found[1]
        members = {number: member.decode() for number, member, _ in found[0]}
        for number, value in enumerate(drawn):
            assert members.get(number) == expected(kind, value), value

    check()


def expected(kind: str, value: Any) -> str | None:
    """The member that must hold it; None when the row cannot be stored."""
    if value == {"NULL": True}:
        return "None"
    names = [member.text for member in parse_type(kind).inner]
    for name, member in zip(names, canonical_type(kind).arguments, strict=True):
        try:
            expected_cell(member, value)
        except Unstorable:
            continue
        return name
    return None


def config(table: str, kind: str) -> Any:
    return parse_config(
        pipe_config(
            table=table,
            columns=[
                {"name": "k", "type": "String"},
                {"name": "c", "type": kind, "attribute": "value"},
            ],
            key_schema=[{"attribute_name": "k", "key_type": "HASH"}],
            source="none",
            managed_table=True,
        )
    )


def stream(servers: Servers, made: Any, drawn: list[Any]) -> None:
    decoder, batch = Decoder(made, Cells(binary_layers=2)), Batch(0)
    for number, value in enumerate(drawn):
        key = {"k": {"S": str(number)}}
        body = {
            "ApproximateCreationDateTime": 1700000000000000,
            "Keys": key,
            "NewImage": {**key, "value": _twice(value)},
        }
        data = orjson.dumps({"eventName": "INSERT", "dynamodb": body})
        try:
            batch.rows.append(decoder.row(decoder.read(data), 1))
        except Poison:
            continue
        batch.origins.append(("shard", (str(number), 0, data)))
    clickhouse = ClickHouse(servers.clickhouse.url, Retry(servers.environment(), seconds_max=1))
    books = Bookkeeping(clickhouse, made, servers.clock)
    books.create()
    Flusher(clickhouse, made, decoder.column_names, books).flush(batch)
    clickhouse.close()
    assert batch.errors == []


def export(servers: Servers, made: Any, drawn: list[Any]) -> None:
    lines = "\n".join(
        orjson.dumps({"Item": {"k": {"S": str(n)}, "value": value}}).decode()
        for n, value in enumerate(drawn)
    )
    sql = SnapshotSql(made, VersionLayout("UInt64"), version_us=1, is_incremental=False)
    table = f"format(JSONEachRow, {literal(sql.structure)}, {literal(lines)})"
    servers.sql.command(sql.insert_rows(table), settings={**LOAD_SETTINGS, **VARIANT_SETTINGS})


def test_a_pipe_with_a_variant_keeps_digits_text_and_numbers_apart(servers: Servers) -> None:
    table = Table(servers, {"id": "String", "v": "Variant(UInt64, String)"}, {"id": "S"})
    table.enable_stream()
    table.put({"id": {"S": "a"}, "v": {"S": "5"}})
    export = table.export()
    table.put({"id": {"S": "b"}, "v": {"N": "5"}})
    table.put({"id": {"S": "c"}, "v": {"N": "5.5"}})
    table.put({"id": {"S": "d"}})
    with table.running(export=export):
        table.wait_for_rows(
            [
                ("a", "String", "5"),
                ("b", "UInt64", "5"),
                ("c", "String", "5.5"),
                ("d", "None", ""),
            ],
            "id, toString(variantType(v)), toString(v)",
        )


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("Variant(Int64, UInt8)", "one integer and one date or time type at most"),
        ("Variant(Array(String), UInt8)", r"Array\(String\) cannot be a member"),
        ("Variant(DateTime, UInt8)", "DateTime needs its zone, 'UTC'"),
        ("Variant(Nullable(String), UInt8)", r"Nullable\(String\) cannot be a member"),
    ],
)
def test_members_that_no_pipe_takes_are_refused(kind: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_type(kind)
