"""What a cell must hold for an attribute, written out for each pair of docs/mapping.md."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from harness.values.cells import Unstorable, cell_matches, expected_cell, found_cell
from harness.values.types import parse_type

N38 = "12345678901234567890123456789012345678"

STORED: list[tuple[str, dict[str, Any] | None, Any]] = [
    ("String", {"S": "päron"}, "päron"),
    ("String", {"N": "1.5"}, "1.5"),
    ("String", {"B": "/wA="}, b"\xff\x00"),
    ("String", {"BOOL": False}, "false"),
    ("String", None, ""),
    ("Nullable(String)", None, None),
    ("Nullable(String)", {"NULL": True}, None),
    ("String", {"M": {"a": {"N": "1"}, "b": {"L": []}}}, '{ "b": [], "a": 1 }'),
    ("String", {"SS": ["x", "y"]}, '["y","x"]'),
    ("String", {"N": N38}, N38),
    ("FixedString(4)", {"S": "ab"}, b"ab\0\0"),
    ("LowCardinality(Nullable(String))", {"S": "ab"}, "ab"),
    ("Int8", {"N": "-128"}, -128),
    ("UInt256", {"N": "9" * 38}, int("9" * 38)),
    ("Decimal(38, 10)", {"N": "0.0000000001"}, Decimal("1E-10")),
    ("Decimal64(2)", {"N": "1.1"}, Decimal("1.10")),
    ("Float64", {"N": "0.1"}, 0.1),
    ("Float32", {"N": "0.1"}, 0.10000000149011612),
    ("Bool", {"BOOL": True}, True),
    ("UInt8", {"BOOL": True}, 1),
    ("Bool", {"N": "0"}, False),
    (
        "UUID",
        {"S": "0A556908-F72B-4BE6-9048-9E60715358D4"},
        uuid.UUID(int=0x0A556908F72B4BE690489E60715358D4),
    ),
    ("IPv4", {"S": "10.0.0.1"}, "10.0.0.1"),
    ("IPv6", {"S": "::1"}, "::1"),
    ("Enum8('new' = 1, 'paid' = 2)", {"S": "paid"}, "paid"),
    ("Date", {"S": "2025-03-01"}, date(2025, 3, 1)),
    ("DateTime", {"N": "1700000000"}, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
    ("DateTime64(3)", {"N": "1700000000.123"}, datetime(2023, 11, 14, 22, 13, 20, 123000)),
    ("DateTime64(6)", {"S": "2025-03-01T00:00:00.000001Z"}, datetime(2025, 3, 1, 0, 0, 0, 1)),
    ("Array(String)", {"SS": ["b", "a"]}, ["a", "b"]),
    ("Array(Int64)", {"L": [{"N": "2"}, {"N": "1"}]}, [2, 1]),
    ("Array(Nullable(Int64))", {"L": [{"NULL": True}, {"N": "1"}]}, [None, 1]),
    ("Array(String)", None, []),
    ("Map(String, Int64)", {"M": {"a": {"N": "1"}}}, {"a": 1}),
    ("Map(String, Int64)", None, {}),
    ("Tuple(a Int64, b Nullable(String))", {"M": {"a": {"N": "1"}}}, {"a": 1, "b": None}),
    ("Tuple(Int64, String)", {"L": [{"N": "1"}, {"S": "x"}]}, (1, "x")),
    ("JSON", {"M": {"a": {"M": {"b": {"N": "1"}}}, "n": {"NULL": True}}}, '{"a":{"b":1}}'),
    ("JSON", {"M": {"a.b": {"N": N38}}}, '{"a":{"b":"' + N38 + '"}}'),
    ("Variant(Int64, String)", {"S": "x"}, "x"),
]


@pytest.mark.parametrize(("column_type", "attribute", "found"), STORED)
def test_the_right_cell_matches(
    column_type: str, attribute: dict[str, Any] | None, found: Any
) -> None:
    kind = parse_type(column_type)
    assert cell_matches(kind, expected_cell(kind, attribute), found_cell(kind, found))


ALTERED: list[tuple[str, dict[str, Any] | None, Any]] = [
    ("String", {"S": "a"}, "a "),
    ("String", None, None),
    ("Nullable(String)", None, ""),
    ("Nullable(String)", {"S": ""}, None),
    ("String", {"B": "/wA="}, "/wA="),
    ("String", {"M": {"a": {"N": "9007199254740993"}}}, '{"a":9007199254740992}'),
    ("String", {"M": {"a": {"N": "1"}}}, '{"a":"1"}'),
    ("String", {"SS": ["x", "y"]}, '["x"]'),
    ("String", {"SS": ["x"]}, "not json"),
    ("String", {"L": [{"N": "1"}, {"N": "2"}]}, "[2,1]"),
    ("Int64", {"N": "9007199254740993"}, 9007199254740992),
    ("Decimal(38, 10)", {"N": "0.1"}, Decimal("0.1000000001")),
    ("Bool", {"BOOL": True}, False),
    ("Array(String)", {"SS": ["a", "b"]}, ["a", "a", "b"]),
    ("Array(Int64)", {"L": [{"N": "2"}, {"N": "1"}]}, [1, 2]),
    ("Map(String, Int64)", {"M": {"a": {"N": "1"}}}, {}),
    ("JSON", {"M": {"a": {"N": "1"}}}, '{"a":2}'),
    ("JSON", {"M": {"a": {"S": "1"}}}, '{"a":1}'),
    ("Tuple(Int64, String)", {"L": [{"N": "1"}, {"S": "x"}]}, (1, "y")),
]


@pytest.mark.parametrize(("column_type", "attribute", "found"), ALTERED)
def test_an_altered_cell_does_not_match(
    column_type: str, attribute: dict[str, Any] | None, found: Any
) -> None:
    kind = parse_type(column_type)
    assert not cell_matches(kind, expected_cell(kind, attribute), found_cell(kind, found))


UNSTORABLE: list[tuple[str, dict[str, Any]]] = [
    ("Int8", {"N": "200"}),
    ("UInt8", {"N": "-1"}),
    ("Int64", {"N": "26.5"}),
    ("Int64", {"S": "26"}),
    ("Decimal(10, 2)", {"N": "0.001"}),
    ("Decimal(4, 2)", {"N": "100"}),
    ("FixedString(2)", {"S": "abc"}),
    ("UUID", {"S": "no uuid"}),
    ("Enum8('a' = 1)", {"S": "b"}),
    ("Date", {"S": "yesterday"}),
    ("DateTime", {"N": "1.5"}),
    ("Array(Int64)", {"S": "x"}),
    ("Array(Int64)", {"L": [{"S": "x"}]}),
    ("Map(String, Int64)", {"L": []}),
    ("Tuple(Int64)", {"L": []}),
    ("JSON", {"S": "x"}),
    ("Bool", {"N": "2"}),
]


@pytest.mark.parametrize(("column_type", "attribute"), UNSTORABLE)
def test_a_value_that_does_not_fit_is_unstorable(
    column_type: str, attribute: dict[str, Any]
) -> None:
    with pytest.raises(Unstorable):
        expected_cell(parse_type(column_type), attribute)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("Date", "1969-12-31"), ("Date", "2149-06-07"), ("Date32", "1899-12-31"),
        ("Date32", "2300-01-01"), ("DateTime64(6)", "1899-12-31T23:59:59Z"),
        ("DateTime64(9)", "2262-04-12T00:00:00Z"),
    ],
)  # fmt: skip
def test_a_day_beyond_what_the_type_counts_cannot_be_stored(kind: str, text: str) -> None:
    with pytest.raises(Unstorable):
        expected_cell(parse_type(kind), {"S": text})


@pytest.mark.parametrize(
    ("found", "matches"),
    [
        ('{"lists":[["a"],[]],"deep":[[[]],[[]]],"mixed":["a",null]}', True),
        ('{"lists":[["a"],null],"deep":[[[]],[null]],"mixed":["a",null]}', True),
        ('{"lists":[["a"]],"deep":[[[]],[[]]],"mixed":["a",null]}', False),
        ('{"lists":[["a"],[null]],"deep":[[[]],[[]]],"mixed":["a",null]}', False),
        ('{"lists":[["a"],[]],"deep":[[[]],[[]]],"mixed":["a",[]]}', False),
        ('{"lists":[["a"],[]],"deep":[[[]],[]],"mixed":["a",null]}', False),
    ],
)
def test_null_at_the_depth_of_lists_may_be_an_empty_list_in_a_json_column(
    found: str, *, matches: bool
) -> None:
    lists = {"L": [{"L": [{"S": "a"}]}, {"NULL": True}]}
    deep = {"L": [{"L": [{"L": []}]}, {"L": [{"NULL": True}]}]}
    mixed = {"L": [{"S": "a"}, {"NULL": True}]}
    kind = parse_type("JSON")
    expected = expected_cell(kind, {"M": {"lists": lists, "deep": deep, "mixed": mixed}})
    assert cell_matches(kind, expected, found_cell(kind, found)) == matches
