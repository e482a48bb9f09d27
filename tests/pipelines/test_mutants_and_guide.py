"""What the guide's recipe gets wrong, and that each mutant has its defect and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.errors import UsageError
from harness.pipelines.guide.guide import Guide
from harness.pipelines.mutants.records import (
    CoercesNumbersToFloat,
    DropsEvery50thRecord,
    SwapsTwoVersions,
)
from harness.pipelines.mutants.zoo import zoo
from harness.pipelines.pipeline import Environment, from_environ, pipelines
from tests.pipelines.conftest import Table

if TYPE_CHECKING:
    from tests.pipelines.conftest import Servers

GUIDE_COLUMNS = {"id": "String", "first_name": "String", "age": "Int8"}


def wait(servers: Servers, table: Table, count: int) -> None:
    """Until the stream's records were all stored or passed over."""

    def done() -> bool:
        found = servers.sql.query(
            f"SELECT sum(records) FROM {table.name}_clickpipes_checkpoint FINAL"
        )
        return bool(found.result_rows[0][0] == count)

    servers.clock.wait_until(
        lambda: (
            bool(servers.sql.query(f"EXISTS {table.name}_clickpipes_checkpoint").result_rows[0][0])
            and done()
        ),
        timeout_seconds=20,
        what=f"{count} records",
    )


def test_dropping_every_50th_record_loses_two_of_a_hundred(servers: Servers) -> None:
    table = Table(servers, {"id": "String"}, {"id": "S"})
    table.enable_stream()
    for number in range(100):
        table.put({"id": {"S": f"u{number:02d}"}})
    with table.running(DropsEvery50thRecord):
        wait(servers, table, 100)
    missing = {f"u{n:02d}" for n in range(100)} - {row[0] for row in table.rows()}
    assert missing == {"u49", "u99"}


def test_swapping_two_versions_shows_the_older_image(servers: Servers) -> None:
    table = Table(servers, {"id": "String", "x": "Int8"}, {"id": "S"})
    table.enable_stream()
    for value in ("1", "2", "3"):
        table.put({"id": {"S": "k"}, "x": {"N": value}})
    with table.running(SwapsTwoVersions):
        wait(servers, table, 3)
    assert table.rows() == [("k", 2)]


def test_coercing_to_float_loses_the_last_digits(servers: Servers) -> None:
    table = Table(servers, {"id": "String", "x": "Int64", "y": "Int64"}, {"id": "S"})
    table.enable_stream()
    table.put({"id": {"S": "k"}, "x": {"N": "9007199254740993"}, "y": {"N": "5"}})
    with table.running(CoercesNumbersToFloat):
        wait(servers, table, 1)
    assert table.rows() == [("k", 9007199254740992, 5)]


def test_the_guide_keeps_deleted_items_wraps_numbers_and_adds_an_empty_key(
    servers: Servers,
) -> None:
    for name in ("snapshot", "snapshot_mv"):
        servers.sql.command(f"DROP TABLE IF EXISTS {name}")
    table = Table(servers, GUIDE_COLUMNS, {"id": "S"})
    table.enable_stream()
    table.put({"id": {"S": "a"}, "first_name": {"S": "sally"}, "age": {"N": "26"}})
    table.put({"id": {"S": "b"}, "first_name": {"S": "ben"}, "age": {"N": "200"}})
    export = table.export()
    table.put({"id": {"S": "c"}, "first_name": {"S": "cleo"}, "age": {"N": "3"}})
    table.delete({"id": {"S": "a"}})
    with table.running(Guide, export=export):
        table.wait_for_rows([("", "", 0), ("a", "sally", 26), ("b", "ben", -56), ("c", "cleo", 3)])


def test_the_guide_with_the_key_from_keys_blanks_the_deleted_item(servers: Servers) -> None:
    for name in ("snapshot", "snapshot_mv"):
        servers.sql.command(f"DROP TABLE IF EXISTS {name}")
    table = Table(servers, GUIDE_COLUMNS, {"id": "S"})
    table.enable_stream()
    table.put({"id": {"S": "a"}, "first_name": {"S": "sally"}, "age": {"N": "26"}})
    table.delete({"id": {"S": "a"}})
    with table.running(Guide, settings={"key_from": "Keys"}):
        table.wait_for_rows([("a", "", 0)])


def test_pipelines_are_found_by_name() -> None:
    known = pipelines()
    correct = ["clickpipes", "clickpipes-efo", "clickpipes-streams", "guide", "no-op"]
    assert known.names() == [*correct, *zoo()]
    with pytest.raises(UsageError, match="unknown pipeline 'clickpipe'"):
        known.get("clickpipe")


def test_the_environment_comes_from_the_documented_variables() -> None:
    env = from_environ(
        {
            "AWS_ENDPOINT_URL": "http://a",
            "CLICKHOUSE_URL": "http://c",
            "HARNESS_TARGET": "t",
            "HARNESS_TABLE_STREAM_ARN": "arn",
        }
    )
    assert isinstance(env, Environment)
    assert (env.aws_endpoint_url, env.target, env.table_stream_arn) == ("http://a", "t", "arn")
