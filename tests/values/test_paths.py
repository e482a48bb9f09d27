"""Attribute paths and ClickHouse type names are read as written."""

from __future__ import annotations

import pytest

from harness.errors import HarnessError
from harness.values.paths import look_up, parse_path
from harness.values.types import ColumnType, parse_type


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("id", ("id",)),
        ("address.zip", ("address", "zip")),
        ("tags[0]", ("tags", 0)),
        ("a[1].b", ("a", 1, "b")),
        ('"a.b".c', ("a.b", "c")),
        ('"say \\"hi\\""', ('say "hi"',)),
        ("*", ()),
    ],
)
def test_paths(text: str, steps: tuple[str | int, ...]) -> None:
    assert parse_path(text) == steps


@pytest.mark.parametrize("text", ["", "a[", "a[x]", "."])
def test_a_broken_path_is_named(text: str) -> None:
    with pytest.raises(HarnessError, match="path"):
        parse_path(text)


def test_look_up_walks_maps_and_lists() -> None:
    item = {"a": {"L": [{"M": {"b": {"S": "x"}}}]}}
    assert look_up(item, ("a", 0, "b")) == {"S": "x"}
    assert look_up(item, ("a", 1, "b")) is None
    assert look_up(item, ("a", "b")) is None
    assert look_up(item, ()) == {"M": item}


def test_types_are_trees() -> None:
    assert parse_type("Decimal64(3)") == ColumnType("Decimal", numbers=(18, 3))
    assert parse_type("LowCardinality(Nullable(String))") == ColumnType("String", nullable=True)
    assert parse_type("Map(String, Array(Nullable(Int8)))") == ColumnType(
        "Map",
        arguments=(
            ColumnType("String"),
            ColumnType("Array", arguments=(ColumnType("Int8", nullable=True),)),
        ),
    )
    assert parse_type("Tuple(a Int8, `b c` String)").names == ("a", "b c")
    assert parse_type("DateTime64(6, 'Europe/Berlin')") == ColumnType(
        "DateTime64", numbers=(6,), timezone="Europe/Berlin"
    )
    assert parse_type("Enum8('it\\'s' = -1, 'b' = 2)").names == ("it's", "b")
    assert parse_type("JSON(max_dynamic_paths = 8, a.b UInt32)").name == "JSON"


@pytest.mark.parametrize("text", ["Array(", "Array(Int8))", "Int8 Int8", ""])
def test_a_broken_type_is_named(text: str) -> None:
    with pytest.raises(HarnessError, match="ClickHouse type"):
        parse_type(text)
