"""A statement made for the types of a sample stores the same rows as one that is made for all."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from harness.errors import PipelineError
from harness.pipelines.reference import manifest
from harness.pipelines.reference.bulk import Bulk
from harness.pipelines.reference.clickhouse import literal
from harness.pipelines.reference.config import parse_config, pipe_config
from harness.pipelines.reference.snapshot import LOAD_SETTINGS
from harness.pipelines.reference.snapshot_sql import LINES, LINES_FORMAT, SnapshotSql
from harness.pipelines.reference.target import target_statement
from harness.pipelines.reference.versions import VersionLayout
from harness.pipelines.reference.wire_types import WireTypes
from tests.pipelines.conftest import BUCKET, Table

if TYPE_CHECKING:
    from tests.pipelines.conftest import Servers

COLUMNS = {
    "k": "String", "s": "Nullable(String)", "low": "LowCardinality(String)", "n": "Int64",
    "wide": "Nullable(UInt256)", "price": "Decimal(10, 2)", "ratio": "Float64", "yes": "Bool",
    "bits": "UInt8", "raw": "String", "at": "DateTime64(3)", "epoch": "DateTime", "day": "Date",
    "kind": "Enum8('b' = 1, 'a' = 2)", "id": "UUID", "tags": "Array(String)",
    "sizes": "Array(Decimal(10, 2))", "city": "String", "zip": "Nullable(Int32)",
    "list": "Array(Nullable(String))", "inner": "Map(String, Int8)", "digits": "String",
}  # fmt: skip
PATHS = {"city": "address.city", "zip": "address.zip"}
WHOLE: dict[str, Any] = {
    "s": {"S": "text"}, "low": {"S": "x"}, "n": {"N": "-5"}, "wide": {"N": "1" + "0" * 60},
    "price": {"N": "123.45"}, "ratio": {"N": "0.1"}, "yes": {"BOOL": True}, "bits": {"N": "7"},
    "raw": {"B": "AP8="}, "at": {"S": "2020-01-01T10:00:00.123Z"}, "epoch": {"N": "1577872800"},
    "day": {"S": "2020-02-29"}, "kind": {"S": "a"},
    "id": {"S": "0a556908-f72b-4be6-9048-9e60715358d4"}, "tags": {"SS": ["a", "\"b\\"]},
    "sizes": {"NS": ["1.5", "-2"]}, "address": {"M": {"city": {"S": "é"}, "zip": {"N": "1"}}},
    "list": {"L": [{"S": "a"}, {"NULL": True}]}, "inner": {"M": {"a": {"N": "1"}}},
    "digits": {"N": "1.10"},
}  # fmt: skip
OTHERS: list[dict[str, Any]] = [
    *({name: None} for name in WHOLE),
    *({name: {"NULL": True}} for name in WHOLE),
    {"s": {"N": "1.5"}}, {"s": {"M": {"a": {"N": "1"}}}}, {"low": {"BOOL": False}},
    {"n": {"N": "9223372036854775808"}}, {"n": {"S": "1"}}, {"wide": {"N": "-1"}},
    {"price": {"N": "123456789.12"}}, {"price": {"N": "0.001"}}, {"yes": {"N": "1"}},
    {"yes": {"N": "2"}}, {"bits": {"BOOL": True}}, {"bits": {"N": "256"}}, {"raw": {"S": "AP8="}},
    {"at": {"N": "1577872800.5"}}, {"at": {"S": "yesterday"}}, {"epoch": {"N": "-1"}},
    {"day": {"S": "2021-02-29"}}, {"kind": {"S": "c"}}, {"id": {"S": ""}},
    {"tags": {"L": [{"S": "a"}]}}, {"tags": {"NS": ["1"]}}, {"tags": {"S": "a"}},
    {"sizes": {"NS": ["1.555"]}}, {"address": {"M": {"city": {"S": "only"}}}},
    {"address": {"M": {}}}, {"address": {"S": "none"}}, {"list": {"SS": ["x"]}},
    {"inner": {"M": {"a": {"S": "1"}}}},
]  # fmt: skip
SAMPLED = 10


def _items() -> list[dict[str, Any]]:
    changed = [{**WHOLE, **other} for other in OTHERS]
    full = [dict(WHOLE) for _ in range(SAMPLED)] + changed
    return [
        {"k": {"S": f"{number:03d}"}, **{n: v for n, v in item.items() if v is not None}}
        for number, item in enumerate(full)
    ]


def _loaded(servers: Servers, name: str, sample: int | None) -> list[tuple[Any, ...]]:
    columns = [
        {"name": n, "type": t, **({"attribute": PATHS[n]} if n in PATHS else {})}
        for n, t in COLUMNS.items()
    ]
    key_schema = [{"attribute_name": "k", "key_type": "HASH"}]
    config = parse_config(
        pipe_config(table=name, columns=columns, key_schema=key_schema, source="none")
    )
    servers.sql.command(target_statement(config))
    items = _items()
    lines = "\n".join(orjson.dumps({"Item": item}).decode() for item in items)
    every = SnapshotSql(config, VersionLayout("UInt64"), version_us=1, is_incremental=False)
    table = f"format(JSONEachRow, {literal(every.structure)}, {literal(lines)})"
    if sample is None:
        servers.sql.command(every.insert_rows(table), settings=LOAD_SETTINGS)
    else:
        types = WireTypes(config)
        for item in items[:sample]:
            types.learn(item)
        narrow = every.made_for(types.tags, types.always)
        assert narrow.is_typed
        assert narrow.reads_lines
        texts = f"format({LINES_FORMAT}, {literal(LINES)}, {literal(lines)})"
        servers.sql.command(narrow.insert_rows(texts, as_text=True), settings=LOAD_SETTINGS)
        first = servers.sql.query(f"SELECT count() FROM {name}").result_rows[0][0]
        assert SAMPLED <= first < len(items)
        found = servers.sql.query(every.made_for(types.tags).tags_of(table)).result_rows[0][0]
        wide = every.made_for([frozenset(tags) - {"", "NULL"} for tags in found])
        servers.sql.command(wide.insert_rows(table, unless=narrow.known), settings=LOAD_SETTINGS)
    shown = ", ".join(f"toString({n})" for n in COLUMNS)
    return list(servers.sql.query(f"SELECT {shown} FROM {name} ORDER BY k").result_rows)


def test_what_the_sample_always_had_is_taken_as_that_and_nothing_else_is(servers: Servers) -> None:
    wide = _loaded(servers, "sampled_none", None)
    sampled = _loaded(servers, "sampled_first", SAMPLED)
    assert sampled == wide
    assert len(wide) == len({row[0] for row in wide})
    # Ten as sampled, all that lack one attribute or have it NULL, and what fits in another way.
    assert len(wide) > SAMPLED + 2 * len(WHOLE)


def test_a_line_that_is_no_json_ends_the_load_although_lines_are_read_as_texts(
    servers: Servers,
) -> None:
    table = Table(servers, {"id": "String", "v": "String"}, {"id": "S"})
    for number in range(20):
        table.put({"id": {"S": f"{number:02d}"}, "v": {"S": "text"}})
    export = table.export()
    keys = [
        found["Key"]
        for found in servers.s3.list_objects_v2(Bucket=BUCKET, Prefix=table.name)["Contents"]
        if found["Key"].endswith(".json.gz")
    ]
    for key in keys:
        body = servers.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        *whole, last = gzip.decompress(body).splitlines(keepends=True)
        spoiled = b"".join([*whole, last[:-6], b"\n"])
        servers.s3.put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(spoiled, mtime=0))
    pipe = table.running(
        source="none", export=export, settings={"object_storage_verify_checksums": False}
    )

    def ended() -> bool:
        return pipe.failure is not None

    with pytest.raises(PipelineError, match="Code: "), pipe:
        servers.clock.wait_until(ended, timeout_seconds=60, what="the pipe's end")


def test_the_bulk_statement_is_made_again_for_types_that_come_later(servers: Servers) -> None:
    table = Table(servers, {"id": "String", "v": "String"}, {"id": "S"})
    table.enable_stream()
    for number in range(40):
        table.put({"id": {"S": f"{number:03d}"}, "v": {"S": "text"}})
    expected = [(f"{number:03d}", "text") for number in range(40)]
    with table.running(settings={"bulk_page_records": 1}):
        table.wait_for_rows(expected)
        table.put({"id": {"S": "040"}, "v": {"N": "1.5"}})
        table.put({"id": {"S": "041"}, "v": {"M": {"a": {"NULL": True}}}})
        table.wait_for_rows([*expected, ("040", "1.5"), ("041", '{"a":null}')])
    assert table.errors() == []


def test_a_record_is_known_as_unknown_until_it_was_learnt() -> None:
    config = parse_config(
        pipe_config(
            table="t",
            columns=[{"name": "k", "type": "String"}, {"name": "v", "type": "String"}],
            key_schema=[{"attribute_name": "k", "key_type": "HASH"}],
        )
    )
    bulk = Bulk(config)

    def row(value: dict[str, Any]) -> Any:
        image = {"k": {"S": "a"}, "v": value}
        data = orjson.dumps({"eventName": "INSERT", "dynamodb": {"NewImage": image}})
        return 1, "shard", ("1", 0, data)

    first = bulk.statement([row({"S": "x"})])
    assert bulk.unknown([row({"S": "y"}), row({"N": "1"}), row({"N": "2"})]) == [False, True, True]
    assert bulk.unknown([row({"N": "3"})]) == [False]
    assert bulk.statement([]) != first


def _of_two() -> Any:
    return parse_config(
        pipe_config(
            table="t",
            columns=[{"name": "k", "type": "String"}, {"name": "v", "type": "String"}],
            key_schema=[{"attribute_name": "k", "key_type": "HASH"}],
        )
    )


def _row(image: dict[str, Any] | None) -> Any:
    change: dict[str, Any] = {"Keys": {"k": {"S": "a"}}}
    if image is not None:
        change["NewImage"] = {"k": {"S": "a"}, **image}
    event = "INSERT" if image is not None else "REMOVE"
    return 1, "shard", ("1", 0, orjson.dumps({"eventName": event, "dynamodb": change}))


GRANTED, ASKED_FOR = "`v` Tuple(S Nullable(String))", "`v` Map(String, String)"


def test_what_every_sampled_record_had_is_granted_until_one_lacks_it() -> None:
    bulk = Bulk(_of_two())
    first = bulk.statement([_row({"v": {"S": "x"}}), _row(None)])
    assert GRANTED in first
    assert bulk.unknown([_row({"v": {"S": "y"}}), _row(None)]) == [False, False]
    assert bulk.statement([]) == first
    lacking = [_row({}), _row({"v": {"NULL": True}}), _row(None)]
    assert bulk.unknown(lacking) == [True, True, False]
    assert bulk.unknown(lacking) == [False, False, False]
    assert ASKED_FOR in bulk.statement([])


def test_a_record_with_two_tags_is_looked_at_and_does_not_slow_down_the_others() -> None:
    bulk = Bulk(_of_two())
    plain = [_row({"v": {"S": f'"{number}"'}}) for number in range(99)]
    bulk.statement(plain)
    spoilt = _row({"v": {"S": "x", "N": "1"}})
    assert bulk.unknown([*plain, spoilt]) == [False] * 99 + [True]
    assert GRANTED in bulk.statement([])


def test_nothing_is_granted_where_attributes_are_called_as_tags_are() -> None:
    named = {"v": {"S": "x"}, "N": {"N": "1"}}
    at_once = Bulk(_of_two())
    assert ASKED_FOR in at_once.statement([_row(named)])
    assert at_once.unknown([_row(named)]) == [False]
    later = Bulk(_of_two())
    assert GRANTED in later.statement([_row({"v": {"S": "x"}})])
    assert later.unknown([_row(named)]) == [True]
    assert ASKED_FOR in later.statement([])


def test_a_sample_shows_what_every_tenth_record_has() -> None:
    bulk = Bulk(_of_two())
    tags = ("N", *["S"] * 9)
    statement = bulk.statement([_row({"v": {tags[n % 10]: "1"}}) for n in range(4_000)])
    assert "'N'" in statement
    assert "'S'" in statement


def test_records_of_many_kinds_are_stored_alike_whether_the_sample_knew_them_or_not(
    servers: Servers,
) -> None:
    columns = {"id": "String", "v": "Nullable(String)", "n": "Int64", "tags": "Array(String)",
               "city": "String"}  # fmt: skip
    table = Table(servers, columns, {"id": "S"}, paths={"city": "address.city"})
    table.enable_stream()
    whole: dict[str, Any] = {
        "v": {"S": "text"}, "n": {"N": "5"}, "tags": {"SS": ["a", "b"]},
        "address": {"M": {"city": {"S": "Bonn"}}},
    }  # fmt: skip
    others: list[tuple[dict[str, Any], tuple[Any, ...]]] = [
        ({**whole, "v": {"NULL": True}}, (None, 5, ["a", "b"], "Bonn")),
        ({"n": {"N": "-6"}}, (None, -6, [], "")),
        ({**whole, "address": {"S": "none"}}, ("text", 5, ["a", "b"], "")),
        ({**whole, "tags": {"L": [{"S": "c"}]}}, ("text", 5, ["c"], "Bonn")),
        ({**whole, "v": {"N": "1.5"}}, ("1.5", 5, ["a", "b"], "Bonn")),
        ({**whole, "S": {"S": "a tag's name"}}, ("text", 5, ["a", "b"], "Bonn")),
    ]
    expected: list[tuple[Any, ...]] = []
    for number in range(30):
        table.put({"id": {"S": f"{number:03d}"}, **whole})
        if number % 3:
            expected.append((f"{number:03d}", "text", 5, ["a", "b"], "Bonn"))
        else:
            table.delete({"id": {"S": f"{number:03d}"}})
    with table.running(settings={"bulk_page_records": 1}):
        table.wait_for_rows(expected)
        for number, (item, cells) in enumerate(others, start=100):
            table.put({"id": {"S": f"{number}"}, **item})
            expected.append((f"{number}", *cells))
        table.wait_for_rows(expected)
    assert table.errors() == []


def test_an_export_is_loaded_whole_although_its_first_items_mislead(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "SAMPLE_LINES", 1)
    columns = {"id": "String", "v": "String", "n": "Nullable(Int8)"}
    table = Table(servers, columns, {"id": "S"})
    expected: list[tuple[str, str, int | None]] = []
    for number in range(300):
        table.put({"id": {"S": f"{number:03d}"}, "v": {"S": "text"}, "n": {"N": "1"}})
        expected.append((f"{number:03d}", "text", 1))
    lacking: list[dict[str, Any]] = [
        {},
        {"v": {"NULL": True}},
        {"v": {"N": "1.5"}},
        {"v": {"L": []}, "n": {"N": "2"}},
    ]
    for number in range(300, 340):
        table.put({"id": {"S": f"{number:03d}"}, **lacking[number % 4]})
        expected.append(
            (f"{number:03d}", ("", "", "1.5", "[]")[number % 4], 2 if number % 4 == 3 else None)
        )
    table.put({"id": {"S": "too much"}, "v": {"S": "text"}, "n": {"N": "200"}})
    export = table.export()
    with table.running(source="none", export=export):
        table.wait_for_rows(expected)
    assert [reason for reason, _ in table.errors()] == [
        'column n: does not fit Nullable(Int8): {"N":"200"}'
    ]
    stored = servers.sql.query(f"SELECT count() FROM {table.name}").result_rows[0][0]
    assert stored == len(expected)
