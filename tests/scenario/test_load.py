from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.errors import ScenarioError
from harness.scenario.catalog import names
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from pathlib import Path

SMALL = """
name = "small"
description = "a small one"

[table]
table_name = "things"
key_schema = [{ attribute_name = "id", key_type = "HASH" }]
attribute_definitions = [{ attribute_name = "id", attribute_type = "S" }]

[item]
id = { sequence = "t-{n}" }
name = "first_name"
age = { faker = "random_int", args = { min = 18, max = 90 } }
address = { fields = { city = "city", zip = "postcode" } }

[workload]
items = 10
changes = 20

[target]
table = "things"

[target.columns]
id = "String"
name = "String"
age = "UInt8"
city = { type = "String", attribute = "address.city" }
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def complaint(folder: Path, old: str, new: str) -> str:
    assert old in SMALL
    (folder / "x.toml").write_text(SMALL.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario("x.toml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_small_scenario_itself_is_right(folder: Path) -> None:
    (folder / "x.toml").write_text(SMALL, encoding="utf-8")
    assert load_scenario("x.toml").workload.items == 10


@pytest.mark.parametrize("name", names())
def test_every_scenario_that_ships_loads_and_is_called_like_its_file(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    assert scenario.guards


TOML_AND_SHAPE = [
    (
        'name = "small"',
        "name = small",
        "x.toml: line 2, column 8: expected TOML, found: invalid value "
        "(texts stand in quotes, tables in [brackets])",
    ),
    (
        'city = { type = "String", attribute = "address.city" }',
        'city = { type = "String',
        "x.toml: line 27, column 24: expected TOML, found: illegal character '\\n' "
        "(texts stand in quotes, tables in [brackets])",
    ),
    (
        "items = 10",
        "itmes = 10",
        "x.toml: workload.itmes: expected a key that exists, found 'itmes' "
        "(did you mean 'items' or 'markers'?)",
    ),
    (
        "items = 10",
        'items = "10"',
        "x.toml: workload.items: expected a whole number, found '10' (leave out the quotes)",
    ),
    (
        "items = 10",
        "items = 1.5",
        "x.toml: workload.items: expected a whole number, found 1.5",
    ),
    (
        "items = 10",
        "items = -1",
        "x.toml: workload.items: expected 0 or more, found -1",
    ),
    (
        'description = "a small one"',
        "description = 5",
        "x.toml: description: expected a text, found 5 (put it into quotes)",
    ),
    (
        'description = "a small one"',
        "",
        "x.toml: description: expected this key, found none",
    ),
    (
        'key_type = "HASH"',
        'key_type = "hash"',
        "x.toml: table.key_schema[0].key_type: expected 'HASH' or 'RANGE', found 'hash'",
    ),
    (
        'name = "first_name"',
        "name = 5",
        "x.toml: item.name: expected the name of a faker provider or a table, found 5 "
        '(write "first_name" or { value = … })',
    ),
    (
        'age = "UInt8"',
        "age = 8",
        "x.toml: target.columns.age: expected a ClickHouse type or a table, found 8 "
        '(write "String" or { type = "String", attribute = "a.b" })',
    ),
]

PROVIDERS = [
    (
        '"random_int"',
        '"randm_int"',
        "x.toml: item.age.faker: expected a faker provider, found 'randm_int' "
        "(did you mean 'random_int' or 'random_digit' or 'random_element'?)",
    ),
    (
        "max = 90",
        "most = 90",
        "x.toml: item.age.args: expected arguments of 'random_int', found 'most' "
        "(it takes: min, max, step)",
    ),
    (
        "max = 90",
        "max = 3",
        "x.toml: item.age.args: expected arguments that 'random_int' can draw with, "
        "found {'min': 18, 'max': 3}: empty range for randrange() (18, 4, -14) "
        "(see the provider's page in Faker's documentation)",
    ),
    (
        'name = "first_name"',
        'name = { faker = "past_date" }',
        "x.toml: item.name.faker: expected a provider that gives the same values next year, found "
        "'past_date', which reads the date (use date_time_between with start_date and end_date)",
    ),
    (
        'name = "first_name"',
        'name = { faker = "first_name", value = "Ann" }',
        "x.toml: item.name: expected one of faker, value, choice, sequence, fields, items, "
        "found faker and value (a bare text names a faker provider)",
    ),
    (
        'name = "first_name"',
        'name = { type = "N", value = "12x" }',
        "x.toml: item.name.value: expected N, found '12x': '12x' is no number",
    ),
    (
        'name = "first_name"',
        'name = { type = "B", value = "%%" }',
        "x.toml: item.name.value: expected B, found '%%': "
        "'%%' is not base64, as a binary value is written",
    ),
    (
        'name = "first_name"',
        'name = { type = "SS", items = "word", length = [0, 2] }',
        "x.toml: item.name.length: expected the least and the most members of 'SS', found [0, 2] "
        "(a set has one member at least)",
    ),
    (
        'sequence = "t-{n}"',
        'sequence = "t"',
        "x.toml: item.id.sequence: expected a text with {n} in it, found 't' "
        "(write sequence = 'u-{n}')",
    ),
]

KEYS = [
    (
        'id = { sequence = "t-{n}" }',
        "",
        "x.toml: item.id: expected the key attribute 'id' in the item template, "
        "found name, age, address (add id = { sequence = 'k-{n}' })",
    ),
    (
        'attribute_type = "S"',
        'attribute_type = "N"',
        "x.toml: item.id: expected N, as table.attribute_definitions says, found S: 't-0' "
        '(write type = "N", or change attribute_type)',
    ),
    (
        'id = { sequence = "t-{n}" }',
        "id = { value = true }",
        "x.toml: item.id: expected S, N or B, as a key has, found BOOL: True",
    ),
    (
        'id = { sequence = "t-{n}" }',
        'id = { sequence = "t-{n}", optional = 0.5 }',
        "x.toml: item.id.optional: expected a key attribute in every item, found a share without",
    ),
    (
        'id = { sequence = "t-{n}" }',
        'id = { choice = ["a", "b"] }',
        "x.toml: item.id: expected providers that can draw 14 different keys, found that id can "
        "draw 2 at most (widen them (sequence = 'u-{n}' never runs out) or lower workload.items)",
    ),
    (
        '[{ attribute_name = "id", attribute_type = "S" }]',
        '[{ attribute_name = "ID", attribute_type = "S" }]',
        "x.toml: table.attribute_definitions: expected the type of the key attribute 'id', found ID "
        '(add { attribute_name = "id", attribute_type = "S" }; '
        "also wrong: table.attribute_definitions)",
    ),
    (
        "changes = 20",
        'changes = 20\nmarkers = { id = "age" }',
        "x.toml: workload.markers.id: expected an attribute that the item template does not have, "
        "found 'age' (choose another name, or \"\" to write no marker)",
    ),
    (
        "changes = 20",
        "changes = 20\nmix = { insert = 0, replace = 0, update = 0, delete = 0, reinsert = 1 }",
        "x.toml: workload.mix: expected a change that is possible, found no weight for a live item "
        "(give insert a weight)",
    ),
]

TARGET = [
    (
        'name = "String"',
        'name = "Int8"',
        "x.toml: target.columns.name: expected a type that holds the attribute name (S), "
        "found Int8: Int8 does not take S (S goes into String, FixedString(n), Enum8(…), UUID, "
        "IPv4, IPv6, Date, DateTime64(3))",
    ),
    (
        'name = "String"',
        'name = "Strng"',
        "x.toml: target.columns.name: expected a ClickHouse type, found Strng: "
        "'Strng' is no ClickHouse type (did you mean 'String' or 'FixedString' or 'Nothing'?)",
    ),
    (
        'name = "String"',
        'name = "TEXT"',
        "x.toml: target.columns.name: expected a ClickHouse type, found TEXT: "
        "'TEXT' is no ClickHouse type (write ClickHouse's own name: String)",
    ),
    (
        'name = "String"',
        'name = "Nullable(Array(String))"',
        "x.toml: target.columns.name: expected a ClickHouse type, found Nullable(Array(String)): "
        "'Nullable(Array(String))': Array cannot be inside Nullable",
    ),
    (
        'name = "String"',
        'nme = "String"',
        "x.toml: target.columns.nme: expected an attribute of the item template, found 'nme' "
        "(did you mean 'name'?)",
    ),
    (
        'attribute = "address.city"',
        'attribute = "address.town"',
        "x.toml: target.columns.city.attribute: expected an attribute of item.address.fields, "
        "found 'town' (known: city, zip)",
    ),
    (
        'attribute = "address.city"',
        'attribute = "address["',
        "x.toml: target.columns.city.attribute: expected an attribute path, found: "
        "cannot read attribute path 'address[' at '[' (such as address.zip)",
    ),
    (
        'table = "things"\n\n',
        'table = "things"\norder_by = ["idd"]\n\n',
        "x.toml: target.order_by[0]: expected a column of the target, found 'idd' "
        "(did you mean 'id'?)",
    ),
    (
        'id = "String"',
        'id = "Nullable(String)"',
        "x.toml: target.columns.id: expected a sorting column that is not Nullable, found "
        "Nullable(String) (write the type without Nullable, or set settings.allow_nullable_key = 1)",
    ),
    (
        'id = "String"\n',
        "",
        "x.toml: target.columns: expected a column that shows the key attribute 'id', found none "
        "(rows are matched with items by the whole primary key)",
    ),
    (
        'table = "things"\n\n',
        'table = "things"\ndeleted = { column = "gone", absent = true }\n\n',
        "x.toml: target.deleted: expected one of column, predicate, absent, found column and absent "
        '(write deleted = { column = "is_deleted" })',
    ),
    (
        'table = "things"\n\n',
        'table = "things"\nversion = "age"\n\n',
        "x.toml: target.version: expected a column of its own, found 'age', which shows an attribute "
        "(rename one of the two)",
    ),
    (
        'table = "things"\n\n',
        'table = "things"\nversion_type = "String"\n\n',
        "x.toml: target.version_type: expected an integer or a date, as ReplacingMergeTree asks, "
        "found String (UInt64 holds microseconds of ApproximateCreationDateTime)",
    ),
    (
        "[target]",
        '[[expect]]\npipeline = "guide"\nfails = ["no_resurection"]\n\n[target]',
        "x.toml: expect[0].fails[0]: expected the name of a check, found 'no_resurection' "
        "(did you mean 'no_resurrection'?)",
    ),
]

IMPORTS = [
    (
        "changes = 20",
        'changes = 20\nfrom_export = "../elsewhere"',
        "x.toml: workload.from_export: expected a folder below the scenario's own, found "
        "'../elsewhere', which leads out of it (copy the data beside the scenario file)",
    ),
    (
        "changes = 20",
        'changes = 20\nfrom_records = "/etc/hostname"',
        "x.toml: workload.from_records: expected a file below the scenario's own, found "
        "'/etc/hostname', which leads out of it (copy the data beside the scenario file)",
    ),
    (
        "changes = 20",
        'changes = 20\nfrom_export = "data"',
        "x.toml: workload.from_export: expected a folder at 'data', found nothing there "
        "(paths start at the scenario's folder)",
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "message"), [*TOML_AND_SHAPE, *PROVIDERS, *KEYS, *TARGET, *IMPORTS]
)
def test_a_mistake_is_one_line_with_file_key_and_what_to_do(
    folder: Path, old: str, new: str, message: str
) -> None:
    assert complaint(folder, old, new) == message


def test_a_link_that_leads_out_of_the_folder_is_refused(folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "secret").write_text("{}", encoding="utf-8")
    (folder / "inner" / "link").symlink_to(folder / "secret")
    text = SMALL.replace("changes = 20", 'changes = 20\nfrom_records = "link"')
    (folder / "inner" / "x.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError, match="'link', which leads out of it"):
        load_scenario("inner/x.toml")


def test_a_file_that_is_not_text_is_refused(folder: Path) -> None:
    (folder / "x.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(ScenarioError) as caught:
        load_scenario("x.toml")
    assert str(caught.value) == "x.toml: expected UTF-8 text, found other bytes at byte 8"


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario("quikstart")
    assert str(caught.value) == (
        "expected the name of a scenario, found 'quikstart' (did you mean 'quickstart'?)"
    )


def test_a_missing_file_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario("nowhere/hot-kye.toml")
    assert str(caught.value) == (
        "nowhere/hot-kye.toml: expected a scenario file, found no such file "
        "(did you mean 'hot-key'?)"
    )


OVERRIDES = [
    ("workload.items=5", lambda s: s.workload.items == 5),
    ("workload.mix.insert=0.5", lambda s: s.workload.mix.insert == 0.5),
    ("pipeline.name=guide", lambda s: s.pipeline.name == "guide"),
    ('description="two words"', lambda s: s.description == "two words"),
    ("expect=[]", lambda s: s.expect == []),
    ("item.name.optional=0.5", lambda s: s.item["name"].optional == 0.5),
    ("item.name.optional=0.5", lambda s: s.item["name"].faker == "first_name"),
    ("target.columns.age.type=Int64", lambda s: s.target.columns["age"].type == "Int64"),
    ("pipeline.settings.batch=7", lambda s: s.pipeline.settings == {"batch": 7}),
    ('table.key_schema.0.key_type="HASH"', lambda s: s.table.key_schema[0].key_type == "HASH"),
]


@pytest.mark.parametrize(("override", "holds"), OVERRIDES)
def test_an_override_changes_one_key(folder: Path, override: str, holds: object) -> None:
    (folder / "x.toml").write_text(SMALL, encoding="utf-8")
    assert callable(holds)
    assert holds(load_scenario("x.toml", overrides=[override]))


BAD_OVERRIDES = [
    (
        "workload.itmes=5",
        "--set workload.itmes=5: expected a key of workload, found 'itmes' "
        "(did you mean 'items' or 'markers'?)",
    ),
    (
        "wrkload.items=5",
        "--set wrkload.items=5: expected a key of a scenario, found 'wrkload' "
        "(did you mean 'workload' or 'relay'?)",
    ),
    (
        "workload.items",
        "--set workload.items: expected key=value, found 'workload.items' "
        "(for example --set workload.items=100)",
    ),
    (
        "workload.items=[1",
        "--set workload.items=[1: expected a TOML value, found '[1' "
        """(quote text for the shell and for TOML: --set 'description="two words"')""",
    ),
    (
        "workload.items.x=1",
        "--set workload.items.x=1: expected workload.items alone, found 'x' below it",
    ),
    (
        "table.key_schema.3.key_type=HASH",
        "--set table.key_schema.3.key_type=HASH: expected a position from 0 to 0, found '3'",
    ),
    (
        "workload.items=many",
        "x.toml: workload.items: expected a whole number, found 'many' (leave out the quotes)",
    ),
]


@pytest.mark.parametrize(("override", "message"), BAD_OVERRIDES)
def test_a_bad_override_is_one_line(folder: Path, override: str, message: str) -> None:
    (folder / "x.toml").write_text(SMALL, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario("x.toml", overrides=[override])
    assert str(caught.value) == message
