"""An item makes the same row whether the export or the stream brought it, for every type."""

from __future__ import annotations

import base64
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from harness.pipelines.reference.batches import INSERT_SETTINGS, Batch, Flusher
from harness.pipelines.reference.bookkeeping import Bookkeeping
from harness.pipelines.reference.bulk import Bulk
from harness.pipelines.reference.cells import Cells
from harness.pipelines.reference.clickhouse import ClickHouse, literal
from harness.pipelines.reference.config import parse_config, pipe_config
from harness.pipelines.reference.records import Decoder, Poison
from harness.pipelines.reference.retry import Retry
from harness.pipelines.reference.snapshot import LOAD_SETTINGS
from harness.pipelines.reference.snapshot_sql import LINES, LINES_FORMAT, SnapshotSql
from harness.pipelines.reference.target import target_statement
from harness.pipelines.reference.versions import VersionLayout
from harness.pipelines.reference.wire_types import WireTypes
from harness.values.cells import Unstorable as NotStorable
from harness.values.cells import cell_matches, expected_cell, found_cell
from harness.values.paths import look_up
from harness.values.types import parse_type as canonical_type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pipelines.conftest import Servers

TYPES = [
    "String", "Nullable(String)", "LowCardinality(String)", "FixedString(8)", "Bool",
    "Nullable(Bool)", "Int8", "UInt8", "Int16", "Nullable(Int64)", "UInt64", "Int128", "UInt128",
    "Int256", "UInt256", "Decimal(10, 2)", "Decimal(38, 10)", "Nullable(Decimal(76, 20))",
    "Float32", "Float64", "Date", "Date32", "DateTime", "DateTime64(3)", "DateTime64(6)",
    "Nullable(DateTime64(9))", "UUID", "IPv4", "IPv6", "Enum8('b' = 1, 'a' = 2)", "JSON",
    "Array(String)", "Array(Nullable(Int64))", "Array(Decimal(20, 5))", "Array(Array(String))",
    "Map(String, String)", "Map(String, Array(UInt8))", "Tuple(a Int8, `b c` Nullable(String))",
    "Tuple(Int8, String)", "Map(String, Map(String, Int64))",
]  # fmt: skip

_ESCAPE = re.compile(rb"u00[0-9A-Fa-f]{2}")

texts = st.text(max_size=6) | st.sampled_from(
    [
        "", "a", '"', "\\", "{", "}", '{"S":"x"}', "NULL", "é\n\t\0", "2020-02-29", "2021-02-29",
        "1969-12-31", "2149-06-07", "2020-01-01T10:00:00Z", "2020-01-01T10:00:00.123456+02:00",
        "1950-06-01 23:59:59.5", "2020-01-01T24:00:00Z", "0a556908-f72b-4be6-9048-9e60715358d4",
        "0A556908-F72B-4BE6-9048-9E60715358D4", "1.2.3.4", "1.2.3.256", "::1", "2001:db8::ff00:42",
        "b", "true", "12",
    ]
)  # fmt: skip
edges = st.sampled_from(
    [
        "0", "1", "-1", "127", "128", "255", "256", "-128", "-129", "9223372036854775807",
        "9223372036854775808", "18446744073709551615", "18446744073709551616", "0.1", "-0.5",
        "12345678.12", "12345678.123", "123456789.12", "1577872800", "1577872800.123", "-1.5",
        "4294967296", "0.00000000000000000000000000000000000001", "1" + "0" * 40, "1" + "0" * 125,
        "170141183460469231731687303715884105727", "170141183460469231731687303715884105728",
        "99999999999999999999999999999999999999", "123456789012345678.5", "26.5", "16777217",
    ]
)  # fmt: skip


@st.composite
def digits(draw: st.DrawFn) -> str:
    whole = draw(st.integers(-(10**38) + 1, 10**38 - 1))
    scale = draw(st.integers(0, 40))
    text = format(Decimal(whole).scaleb(-scale), "f") if scale else str(whole)
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


numbers = edges | digits() | st.integers(-300, 300).map(str)
binaries = st.binary(max_size=10).map(lambda raw: base64.b64encode(raw).decode())
scalars = st.one_of(
    st.builds(lambda v: {"S": v}, texts),
    st.builds(lambda v: {"N": v}, numbers),
    st.builds(lambda v: {"BOOL": v}, st.booleans()),
    st.builds(lambda v: {"B": v}, binaries),
    st.just({"NULL": True}),
)
sets = st.one_of(
    st.lists(texts, min_size=1, max_size=3, unique=True).map(lambda v: {"SS": v}),
    st.lists(numbers, min_size=1, max_size=3, unique=True).map(lambda v: {"NS": v}),
    st.lists(binaries, min_size=1, max_size=3, unique=True).map(lambda v: {"BS": v}),
)
names = st.sampled_from(["a", "b c", "S", "M", "L", "N", "NS", "x.y", "é"]) | st.text(
    min_size=1, max_size=3
)
_WIDE = "9223372036854775807"
NESTED: list[dict[str, Any]] = [
    {"M": {name: {"NS": digits} for name, digits in [("whole", [_WIDE, "1"]), ("S", [_WIDE, "1.5"])]}},
    {"M": {"L": {"L": [{"N": _WIDE}, {"N": "-12345678.123"}, {"N": "-9223372036854775808"}]}}},
    {"M": {"L": {"L": [{"L": [{"N": "9007199254740993"}]}, {"NS": ["0.5"]}]}}},
    {"M": {"L": {"L": [{"M": {"N": {"N": _WIDE}}}, {"M": {"N": {"N": "1.5"}}}, {"N": "1.5"}]}}},
    {"M": {"a": {"N": _WIDE}, "b": {"L": [{"N": "9007199254740992"}, {"N": "0.25"}]}}},
    {"M": {"L": {"L": [{"BOOL": True}, {"N": "1"}, {"BOOL": False}, {"N": "0.5"}]}}},
    {"M": {"L": {"L": [{"BOOL": True}, {"S": "true"}, {"NULL": True}, {"S": "1"}]}}},
    {"M": {"L": {"L": [{"L": [{"BOOL": True}]}, {"NS": ["1"]}, {"SS": ["true"]}]}}},
    {"M": {"L": {"L": [{"L": [{"S": "a"}]}, {"NULL": True}]}}},
    {"M": {"L": {"L": [{"L": [{"L": []}]}, {"L": [{"NULL": True}]}]}}},
    {"M": {"L": {"L": [{"NULL": True}, {"L": [{"N": "1"}]}, {"S": "a"}]}}},
    {"M": {"L": {"L": [{"L": [{"L": [{"N": "1"}]}, {"NULL": True}]}, {"L": [{"SS": ["a"]}]}]}}},
    {"M": {"L": {"L": [{"L": [{"M": {"a": {"M": {}}, "b": {"NULL": True}}}]}, {"NULL": True}]}}},
    {"M": {"x.y": {"M": {}}, "b c": {"NULL": True}, "L": {"L": []}}},
]  # fmt: skip
"""What ClickHouse's JSON type would bring to one type: big numbers beside fractions, and the like."""

values: st.SearchStrategy[dict[str, Any]] = st.recursive(
    scalars | sets,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda v: {"L": v}),
        st.dictionaries(names, inner, max_size=3).map(lambda v: {"M": v}),
    ),
    max_leaves=8,
)


def _config(table: str, kind: str) -> Any:
    return parse_config(
        pipe_config(
            table=table,
            columns=[
                {"name": "k", "type": "String"},
                {"name": "c", "type": kind, "attribute": "value"},
                {"name": "inner", "type": "String", "attribute": "value.a"},
                {"name": "first", "type": "Nullable(String)", "attribute": "value[0]"},
                {"name": "whole", "type": "String", "attribute": "*"},
            ],
            key_schema=[{"attribute_name": "k", "key_type": "HASH"}],
            source="none",
            managed_table=True,
        )
    )


def _twice(value: Any) -> Any:
    """The item as a Kinesis record carries it: binary encoded once more."""
    ((tag, held),) = value.items()
    if tag == "B":
        return {"B": base64.b64encode(held.encode()).decode()}
    if tag == "BS":
        return {"BS": [base64.b64encode(member.encode()).decode() for member in held]}
    if tag == "M":
        return {"M": {name: _twice(member) for name, member in held.items()}}
    if tag == "L":
        return {"L": [_twice(element) for element in held]}
    return value


def _record(number: int, value: Any) -> dict[str, Any]:
    key = {"k": {"S": str(number)}}
    return {
        "eventName": "INSERT",
        "dynamodb": {
            "ApproximateCreationDateTime": 1700000000000000,
            "Keys": key,
            "NewImage": {**key, "value": _twice(value)},
        },
    }


def _insert_bulk(servers: Servers, config: Any, drawn: list[Any]) -> None:
    """As the pipe does with a large page: what ClickHouse cannot flatten, the decoder reads."""
    bulk, decoder = Bulk(config), Decoder(config, Cells(binary_layers=2))
    batch = Batch(0)
    for number, value in enumerate(drawn):
        data = orjson.dumps(_record(number, value))
        if bulk.look(data) == (str(number), 1700000000000000, 1):
            batch.bulk.append((1, "shard", (str(number), 0, data)))
            continue
        try:
            batch.rows.append(decoder.row(decoder.read(data), 1))
            batch.origins.append(("shard", (str(number), 0, data)))
        except Poison:
            continue
    clickhouse = ClickHouse(servers.clickhouse.url, Retry(servers.environment(), seconds_max=1))
    books = Bookkeeping(clickhouse, config, servers.clock)
    books.create()
    flusher = Flusher(clickhouse, config, decoder.column_names, books)
    flusher.short_way = (bulk, lambda data, ticks: decoder.row(decoder.read(data), ticks))
    flusher.flush(batch)
    clickhouse.close()


def _insert_in_two_steps(servers: Servers, config: Any, drawn: list[Any], lines: str) -> None:
    """As the loader does: for the types of a sample first, then for those that it did not show."""
    sample, every = WireTypes(config), WireTypes(config)
    for number, value in enumerate(drawn):
        item = {"k": {"S": str(number)}, "value": value}
        every.learn(item)
        if number % 4 == 0:
            sample.learn(item)
    whole = SnapshotSql(config, VersionLayout("UInt64"), version_us=1, is_incremental=False)
    table = f"format(JSONEachRow, {literal(whole.structure)}, {literal(lines)})"
    narrow, wide = whole.made_for(sample.tags, sample.always), whole.made_for(every.tags)
    first = narrow.insert_rows(table)
    if narrow.reads_lines:
        texts = f"format({LINES_FORMAT}, {literal(LINES)}, {literal(lines)})"
        first = narrow.insert_rows(texts, as_text=True)
    servers.sql.command(first, settings=LOAD_SETTINGS)
    servers.sql.command(wide.insert_rows(table, unless=narrow.known), settings=LOAD_SETTINGS)
    repeated = servers.sql.query(f"SELECT count() - uniqExact(k) FROM {config.table}")
    assert repeated.result_rows[0][0] == 0, "both steps stored the same item"


def _stream_rows(config: Any, drawn: list[Any]) -> list[bytes]:
    decoder = Decoder(config, Cells(binary_layers=2))
    rows = []
    for number, value in enumerate(drawn):
        try:
            rows.append(decoder.row(decoder.change(_record(number, value)), 1))
        except Poison:
            continue
    return rows


def _spelled_alike(rows: Any) -> list[list[Any]]:
    """JSON text may escape a control character or a slash in two ways: take one of them."""
    return [
        [
            _ESCAPE.sub(lambda m: m.group().lower(), bytes.fromhex(cell)).replace(b"\\/", b"/")
            if isinstance(cell, str)
            else cell
            for cell in row
        ]
        for row in rows
    ]


@pytest.fixture
def _same_draws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hypothesis mixes in constants of whatever modules are loaded: here they would move the draws."""
    monkeypatch.setattr(providers, "_get_local_constants", Constants)
    providers.CONSTANTS_CACHE.cache.clear()
    yield
    providers.CONSTANTS_CACHE.cache.clear()


@pytest.mark.usefixtures("_same_draws")
@pytest.mark.parametrize("kind", TYPES)
def test_both_ways_store_the_same_rows_and_refuse_the_same_items(
    servers: Servers, kind: str
) -> None:
    number = TYPES.index(kind)
    ways = [f"way_{number}_{way}" for way in ("stream", "export", "bulk", "sampled")]
    configs = [_config(way, kind) for way in ways]
    for config in configs:
        servers.sql.command(target_statement(config))

    @settings(
        max_examples=5, deadline=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(drawn=st.lists(values, min_size=20, max_size=60))
    def every_draw(drawn: list[Any]) -> None:
        check(drawn)

    def check(drawn: list[Any]) -> None:
        for way in ways:
            servers.sql.command(f"TRUNCATE TABLE {way}")
        rows = _stream_rows(configs[0], drawn)
        if rows:
            names = "k, c, inner, first, whole, version, is_deleted"
            servers.sql.raw_insert(
                ways[0], names.split(", "), b"\n".join(rows), fmt="JSONCompactEachRow",
                settings=INSERT_SETTINGS,
            )  # fmt: skip
        lines = "\n".join(
            orjson.dumps({"Item": {"k": {"S": str(n)}, "value": value}}).decode()
            for n, value in enumerate(drawn)
        )
        layout = VersionLayout("UInt64")
        sql = SnapshotSql(configs[1], layout, version_us=1, is_incremental=False)
        table = f"format(JSONEachRow, {literal(sql.structure)}, {literal(lines)})"
        servers.sql.command(sql.insert_rows(table), settings=LOAD_SETTINGS)
        _insert_bulk(servers, configs[2], drawn)
        _insert_in_two_steps(servers, configs[3], drawn, lines)
        found = [
            _spelled_alike(
                servers.sql.query(
                    f"SELECT toUInt32(k), hex(toString(c)), hex(inner), hex(first), hex(whole) "
                    f"FROM {way} FINAL ORDER BY 1",
                    settings={"json_type_escape_dots_in_keys": 1},
                ).result_rows
            )
            for way in ways
        ]
        for other in found[1:]:
            differing = [(a, b) for a, b in zip(found[0], other, strict=False) if a != b]
            assert not differing, f"{drawn[differing[0][0][0]]}: {differing[0]}"
            assert len(found[0]) == len(other)
        _hold_against_source(servers, ways[0], configs[0], drawn)

    check(NESTED)
    every_draw()


def _hold_against_source(servers: Servers, table: str, config: Any, drawn: list[Any]) -> None:
    """The rows are what the checks' own reading of docs/mapping.md makes of the items."""
    columns = [(c.name, canonical_type(c.type.text), c.path) for c in config.columns]
    shown = [
        f"toJSONString({name}) AS {name}" if kind.name == "JSON" else name
        for name, kind, _ in columns
    ]
    stored = servers.sql.query(
        f"SELECT {', '.join(shown)} FROM {table} FINAL",
        query_formats={"String": "bytes", "FixedString": "bytes", "JSON": "string"},
        settings={"json_type_escape_dots_in_keys": 1},
    ).result_rows
    rows = {int(row[0]): row for row in stored}
    for number, value in enumerate(drawn):
        item = {"k": {"S": str(number)}, "value": value}
        try:
            expected = [expected_cell(kind, look_up(item, path)) for _, kind, path in columns]
        except NotStorable:
            assert number not in rows, f"{value}: stored as {rows[number][1]!r}, with loss"
            continue
        assert number in rows, f"{value}: refused, though {expected[1]!r} holds it"
        for (name, kind, _), cell, wanted in zip(columns, rows[number], expected, strict=True):
            found = found_cell(kind, cell)
            assert cell_matches(kind, wanted, found), (
                f"{value}: {name} is {found!r}, not {wanted!r}"
            )
