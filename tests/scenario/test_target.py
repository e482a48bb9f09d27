from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from chdb.session import Session

from harness.scenario.catalog import catalog, names, readme
from harness.scenario.ddl import TargetColumn, columns, create_table, key_columns, quote, quote_path
from harness.scenario.holds import why_not
from harness.scenario.load import load_scenario
from harness.scenario.schema import json_schema
from harness.scenario.types import TypeNameError, TypeTree, parse_type
from harness.values.paths import parse_path

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"


@pytest.fixture(scope="module")
def clickhouse() -> Iterator[Session]:
    session = Session()
    yield session
    session.close()


OWN = [name for name in names() if not name.startswith("guide-")]
"""The guide makes its target itself, and marks no row as deleted."""


@pytest.mark.parametrize("name", OWN)
def test_the_target_of_every_scenario_is_a_table_that_clickhouse_makes(
    clickhouse: Session, name: str
) -> None:
    scenario = load_scenario(name)
    clickhouse.query(f"DROP TABLE IF EXISTS default.{quote(scenario.target.table)}")
    for statement in create_table(scenario):
        clickhouse.query(statement)
    table = scenario.target.table.replace("'", "\\'")
    rows = str(
        clickhouse.query(
            f"SELECT name, is_in_sorting_key FROM system.columns "
            f"WHERE database = 'default' AND table = '{table}' "
            "ORDER BY position",
            "JSONEachRow",
        )
    )
    made = [json.loads(row) for row in rows.splitlines()]
    wanted = [column.name for column in columns(scenario)] + ["version", "is_deleted"]
    assert [row["name"] for row in made] == wanted
    assert [row["name"] for row in made if row["is_in_sorting_key"]] == key_columns(scenario)


def test_names_with_every_odd_character_survive_as_identifiers(clickhouse: Session) -> None:
    for name in ("plain", "with space", "`tick`", "back\\slash", "quote'\"", "日本", "a.b"):
        row = str(clickhouse.query(f"SELECT 1 AS {quote(name)}", "JSONEachRow"))
        assert list(json.loads(row)) == [name]


def test_columns_resolve_short_forms_and_markers() -> None:
    resolved = columns(load_scenario("quickstart"))
    assert resolved[0] == TargetColumn("customer_id", "String", "customer_id")
    assert resolved[7] == TargetColumn("city", "String", "address.city")
    assert resolved[-2:] == [
        TargetColumn("_w", "String", "_w"),
        TargetColumn("_n", "UInt64", "_n"),
    ]


def test_the_quickstart_target_is_this_statement() -> None:
    assert create_table(
        load_scenario("quickstart", overrides=['target.partition_by="status"'])
    ) == [
        "CREATE DATABASE IF NOT EXISTS `default`",
        "CREATE TABLE `default`.`orders` (\n"
        "    `customer_id` String,\n"
        "    `order_id` UInt64,\n"
        "    `status` LowCardinality(String),\n"
        "    `total` Decimal(18, 2),\n"
        "    `payment_ref` UInt64,\n"
        "    `email` Nullable(String),\n"
        "    `gift` Nullable(Bool),\n"
        "    `city` String,\n"
        "    `zip` String,\n"
        "    `tags` Array(String),\n"
        "    `_w` String,\n"
        "    `_n` UInt64,\n"
        "    `version` UInt64,\n"
        "    `is_deleted` UInt8 DEFAULT 0\n"
        ") ENGINE = ReplacingMergeTree(`version`, `is_deleted`)\n"
        "PARTITION BY status\n"
        "ORDER BY (`customer_id`, `order_id`)",
    ]


def test_no_statement_when_the_pipeline_makes_the_table() -> None:
    assert create_table(load_scenario("guide-recipe")) == []


@pytest.mark.parametrize("name", ["a", "a.b", 'say "x"', "[0]", "back\\slash", "*", "with space"])
def test_a_quoted_path_is_one_name_again(name: str) -> None:
    assert parse_path(quote_path(name)) == (name,)


TYPES = [
    ("Int8", TypeTree("Int8", text="Int8")),
    ("Decimal64(2)", TypeTree("Decimal", numbers=(18, 2), text="Decimal64(2)")),
    ("Decimal(38)", TypeTree("Decimal", numbers=(38, 0), text="Decimal(38)")),
    (
        "Nullable(FixedString(3))",
        TypeTree(
            "Nullable",
            (TypeTree("FixedString", numbers=(3,), text="FixedString(3)"),),
            text="Nullable(FixedString(3))",
        ),
    ),
    (
        "Enum8('a' = -1, 'it\\'s')",
        TypeTree("Enum8", labels=("a", "it's"), numbers=(-1, 0), text="Enum8('a'=-1,'it\\'s')"),
    ),
    (
        "Tuple(x Int8, `odd name` String)",
        TypeTree(
            "Tuple",
            (TypeTree("Int8", text="Int8"), TypeTree("String", text="String")),
            ("x", "odd name"),
            text="Tuple(xInt8,`odd name`String)",
        ),
    ),
]


@pytest.mark.parametrize(("text", "tree"), TYPES)
def test_a_type_is_read_as_a_tree(text: str, tree: TypeTree) -> None:
    assert parse_type(text) == tree


BAD_TYPES = [
    ("Int9", "'Int9' is no ClickHouse type"),
    ("Array(String", "'Array(String' lacks ',' before 'its end'"),
    ("String)", "'String)' goes on after its end with ')'"),
    ("Decimal(77, 0)", "Decimal takes precision 1 to 76"),
    ("Decimal(10, 11)", "Decimal takes precision 1 to 76"),
    ("DateTime64(10)", "DateTime64 takes the digits of a second, 0 to 9"),
    ("FixedString", "FixedString takes its length in bytes"),
    ("LowCardinality(Decimal(9, 2))", "Decimal cannot be inside LowCardinality"),
    ("Nullable(Map(String, String))", "Map cannot be inside Nullable"),
    ("Map(Nullable(String), Int8)", "the key of a Map cannot be Nullable"),
    ("Map(String)", "Map takes 2 types"),
    ("Enum8('a' = 200)", "its values go from -128 to 127"),
    ("Enum8('a' = 1, 'a' = 2)", "a label or value stands there twice"),
    ("UUID(3)", "UUID takes no number"),
    ("Int8 &", "cannot be read from '&' on"),
]


@pytest.mark.parametrize(("text", "message"), BAD_TYPES)
def test_what_is_no_type_is_refused(text: str, message: str) -> None:
    with pytest.raises(TypeNameError) as caught:
        parse_type(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(("text", "message"), BAD_TYPES)
def test_clickhouse_refuses_it_too(clickhouse: Session, text: str, message: str) -> None:
    with pytest.raises(RuntimeError):
        clickhouse.query(f"CREATE TABLE default.refused (c {text}) ENGINE = Memory")


HELD = [
    ("Int8", {"N": "127"}),
    ("Nullable(Int8)", {"NULL": True}),
    ("Decimal(38, 2)", {"N": "123456789012345678901234567890123456.78"}),
    ("Float64", {"N": "0.1"}),
    ("String", {"L": []}),
    ("Bool", {"N": "1"}),
    ("FixedString(4)", {"S": "日"}),
    ("DateTime64(3)", {"S": "2024-02-29T12:00:00.123Z"}),
    ("Array(UInt8)", {"NS": ["1", "255"]}),
    ("Tuple(Int8, String)", {"L": [{"N": "1"}, {"S": "x"}]}),
    ("Tuple(a Int8, b String)", {"M": {"a": {"N": "1"}}}),
    ("Map(String, Int8)", {"M": {"x": {"N": "1"}}}),
    ("JSON", {"M": {"x": {"L": []}}}),
]


@pytest.mark.parametrize(("column", "value"), HELD)
def test_a_column_that_holds_the_value_gives_no_reason(
    column: str, value: dict[str, object]
) -> None:
    assert why_not(parse_type(column), value) == ""


NOT_HELD = [
    ("Int8", {"N": "128"}, "128 is out of Int8's range"),
    ("Int8", {"N": "26.5"}, "26.5 is not whole"),
    ("UInt8", {"N": "-1"}, "-1 is out of UInt8's range"),
    ("Int64", {"S": "5"}, "Int64 does not take S"),
    ("Decimal(5, 2)", {"N": "1234.5"}, "1234.5 does not fit into Decimal(5, 2)"),
    ("Decimal(5, 2)", {"N": "1.234"}, "1.234 does not fit into Decimal(5, 2)"),
    ("Bool", {"N": "2"}, "2 is neither 0 nor 1"),
    ("FixedString(2)", {"S": "日"}, "3 bytes do not fit into FixedString(2)"),
    ("Enum8('a' = 1)", {"S": "b"}, "'b' is not among its labels"),
    ("UUID", {"S": "x"}, "'x' is no UUID"),
    (
        "DateTime64(3)",
        {"S": "2024-02-29T12:00:00.1234"},
        "'2024-02-29T12:00:00.1234' has 4 digits of a second, DateTime64(3) keeps 3",
    ),
    ("Array(UInt8)", {"NS": ["1", "256"]}, "256 is out of UInt8's range"),
    ("Tuple(Int8)", {"L": []}, "a list of 0 is no Tuple(Int8)"),
    ("Map(String, Int8)", {"M": {"x": {"S": "1"}}}, "Int8 does not take S"),
    ("JSON", {"S": "{}"}, "JSON does not take S"),
    ("String", {"S": "x"}, ""),
]


@pytest.mark.parametrize(("column", "value", "reason"), NOT_HELD)
def test_a_column_that_cannot_hold_the_value_says_why(
    column: str, value: dict[str, object], reason: str
) -> None:
    assert why_not(parse_type(column), value) == reason


def test_the_list_of_scenarios_is_current() -> None:
    assert (SCENARIOS / "README.md").read_text(encoding="utf-8") == readme(SCENARIOS)


def test_each_file_starts_with_the_bug_it_guards() -> None:
    for path in sorted(SCENARIOS.glob("*.toml")):
        assert path.read_text(encoding="utf-8").startswith("# Guards: "), path.name


def test_the_catalogue_finds_the_current_folder_before_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scenarios").mkdir()
    mine = (SCENARIOS / "quickstart.toml").read_text(encoding="utf-8")
    mine = mine.replace('description = "1,000', 'description = "my 1,000')
    (tmp_path / "scenarios" / "quickstart.toml").write_text(mine, encoding="utf-8")
    (tmp_path / "scenarios" / "broken.toml").write_text("name = ", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = {entry.name: entry.description for entry in catalog()}
    assert found["quickstart"].startswith("my 1,000 orders")
    assert found["broken"].startswith("cannot be read: Invalid value")
    assert "hot-key" in found


def test_the_schema_completes_keys_and_providers() -> None:
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["required"] == ["name", "description", "table", "item", "target"]
    assert schema["additionalProperties"] is False
    assert "first_name" in schema["$defs"]["Provider"]["properties"]["faker"]["examples"]
    assert schema["$defs"]["Mix"]["properties"]["replace"]["description"] == (
        "PutItem over a live item"
    )
