"""A proven scenario as Terraform: it parses, its names are the providers', its views make the rows."""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING, Any

import hcl2
import orjson
import pytest

from harness.cli.terraform import terraform
from harness.errors import UsageError
from harness.scenario.load import load_scenario
from harness.terraform.files import files_of, write_files
from harness.terraform.hcl import Block, Raw, aligned, block_lines, document, quoted
from tests.pipelines.conftest import Table, servers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pipelines.conftest import Servers

__all__ = ["servers"]

CLICKPIPE: dict[str, Any] = {
    "name": str, "service_id": str, "settings": dict, "depends_on": list,
    "scaling": {"replicas": int, "replica_cpu_millicores": int, "replica_memory_gb": float},
    "source": {
        "kinesis": {
            "format": str, "stream_name": str, "region": str, "iterator_type": str,
            "timestamp": str, "use_enhanced_fan_out": bool, "authentication": str, "iam_role": str,
        },
        "object_storage": {
            "type": str, "format": str, "url": str, "compression": str, "is_continuous": bool,
            "authentication": str, "iam_role": str,
        },
    },
    "destination": {
        "database": str, "table": str, "managed_table": bool,
        "columns": [{"name": str, "type": str}],
    },
    "field_mappings": [{"source_field": str, "destination_field": str}],
}  # fmt: skip
"""The provider's documented schema, as far as it concerns these two sources."""

AWS = {
    "aws_dynamodb_table": {
        "name", "billing_mode", "hash_key", "range_key", "attribute", "point_in_time_recovery",
        "stream_enabled", "stream_view_type", "ttl",
    },
    "aws_kinesis_stream": {"name", "shard_count", "retention_period", "stream_mode_details"},
    "aws_dynamodb_kinesis_streaming_destination": {
        "table_name", "stream_arn", "approximate_creation_date_time_precision",
    },
    "aws_s3_bucket": {"bucket_prefix"},
    "aws_s3_bucket_public_access_block": {
        "bucket", "block_public_acls", "block_public_policy", "ignore_public_acls",
        "restrict_public_buckets",
    },
    "aws_dynamodb_table_export": {
        "table_arn", "s3_bucket", "s3_prefix", "export_format", "depends_on",
    },
    "aws_iam_role": {"name", "assume_role_policy"},
    "aws_iam_role_policy": {"name", "role", "policy"},
}  # fmt: skip


def loaded(scenario: str = "quickstart", *overrides: str) -> Any:
    return load_scenario(scenario, overrides=list(overrides))


def parsed(text: str) -> dict[str, Any]:
    return plain(hcl2.load(io.StringIO(text)))  # type: ignore[no-any-return] # any HCL


def plain(value: Any) -> Any:
    """Without the quotes and marks that the parser keeps."""
    if isinstance(value, dict):
        return {plain(k): plain(v) for k, v in value.items() if k not in ("__is_block__",)}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value.strip('"') if isinstance(value, str) else value


def resources(files: dict[str, str], kind: str) -> list[dict[str, Any]]:
    found = []
    for name, text in files.items():
        if name.endswith(".tf"):
            for resource in parsed(text).get("resource", []):
                found += [
                    body for of, named in resource.items() if of == kind for body in named.values()
                ]
    return found


def fits(value: Any, schema: Any, where: str) -> None:
    if isinstance(schema, dict):
        assert set(value) - {"__comments__"} <= set(schema), f"{where}: {set(value) - set(schema)}"
        for name, held in value.items():
            fits(held, schema[name], f"{where}.{name}")
    elif isinstance(schema, list):
        for held in value:
            fits(held, schema[0], where)
    else:
        assert isinstance(value, schema), f"{where}: {value!r}"


@pytest.mark.parametrize("pipeline", ["clickpipes", "clickpipes-efo"])
@pytest.mark.parametrize("scenario", ["quickstart", "delete-reinsert", "hot-key", "large"])
def test_every_file_parses_and_uses_the_providers_names_alone(scenario: str, pipeline: str) -> None:
    files = files_of(loaded(scenario, f"pipeline.name={pipeline}"))
    pipes = resources(files, "clickhouse_clickpipe")
    assert len(pipes) == 2
    for pipe in pipes:
        fits(pipe, CLICKPIPE, "clickhouse_clickpipe")
    for kind, names in AWS.items():
        (body,) = resources(files, kind)
        assert set(body) <= names, f"{kind}: {set(body) - names}"


def test_the_pipes_say_what_the_scenario_says() -> None:
    files = files_of(
        loaded(
            "quickstart", "pipeline.name=clickpipes-efo", "snapshot.s3_prefix=a/b",
            "stream.approximate_creation_date_time_precision=MILLISECOND", "stream.shard_count=3",
            "pipeline.settings.streaming_max_insert_wait_ms=700", "pipeline.settings.workers=2",
        )
    )  # fmt: skip
    stream, snapshot = resources(files, "clickhouse_clickpipe")
    assert stream["source"]["kinesis"]["use_enhanced_fan_out"] is True
    assert stream["settings"] == {"streaming_max_insert_wait_ms": 700}
    assert "settings" not in snapshot
    assert "a/b/AWSDynamoDB/${local.export_id}/data/*" in files["aws.tf"]
    (destination,) = resources(files, "aws_dynamodb_kinesis_streaming_destination")
    assert destination["approximate_creation_date_time_precision"] == "MILLISECOND"
    assert resources(files, "aws_kinesis_stream")[0]["shard_count"] == 3


def test_the_size_of_the_pipe_is_the_scenarios() -> None:
    files = files_of(loaded("quickstart", "pipeline.scaling={replica_memory_gb=2.0, replicas=2}"))
    stream, snapshot = resources(files, "clickhouse_clickpipe")
    fits(stream, CLICKPIPE, "clickhouse_clickpipe")
    assert stream["scaling"] == {
        "replicas": 2, "replica_cpu_millicores": 125, "replica_memory_gb": 2.0,
    }  # fmt: skip
    assert "scaling" not in snapshot


def test_the_role_may_do_what_its_pipes_need_and_no_more() -> None:
    def actions(pipeline: str) -> list[str]:
        text = files_of(loaded("quickstart", f"pipeline.name={pipeline}"))["aws.tf"]
        documents = parsed(text)["data"]
        policy = next(
            body["clickhouse"]
            for document in documents
            for body in document.values()
            if "clickhouse" in body
        )
        return [action for statement in policy["statement"] for action in statement["actions"]]

    polling = [
        "kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator",
        "kinesis:ListShards", "kinesis:ListStreams", "s3:ListBucket", "s3:GetObject",
    ]  # fmt: skip
    assert actions("clickpipes") == polling
    assert set(actions("clickpipes-efo")) - set(polling) == {
        "kinesis:DeregisterStreamConsumer", "kinesis:DescribeStreamConsumer",
        "kinesis:ListStreamConsumers", "kinesis:RegisterStreamConsumer",
        "kinesis:SubscribeToShard",
    }  # fmt: skip
    files = files_of(loaded())
    (role,) = resources(files, "aws_iam_role")
    assert role["name"] == "ClickHouseAccessRole-orders"
    assert '"*"' not in files["aws.tf"].replace(
        '["kinesis:ListStreams"]\n    resources = ["*"]', ""
    ), "only ListStreams is for all"


def test_the_stream_is_enabled_before_the_export() -> None:
    (export,) = resources(files_of(loaded()), "aws_dynamodb_table_export")
    assert "aws_dynamodb_kinesis_streaming_destination.orders" in str(export["depends_on"])


def test_equal_signs_stand_below_each_other_as_terraform_fmt_leaves_them() -> None:
    block = Block(
        "resource",
        ("a", "b"),
        {
            "x": 1,
            "longer": True,
            "list": [{"name": "n", "ty": Raw("var.t")}],
            "last": "${not} a \"template\"",
            "inner": Block("inner", (), {"q": ["a", "b"]}),
        },
        "Why.",
    )  # fmt: skip
    assert document([block]) == (
        "# Why.\n"
        'resource "a" "b" {\n'
        "  x      = 1\n"
        "  longer = true\n"
        "\n"
        "  list = [\n"
        "    {\n"
        '      name = "n"\n'
        "      ty   = var.t\n"
        "    },\n"
        "  ]\n"
        "\n"
        '  last = "$${not} a \\"template\\""\n'
        "\n"
        "  inner {\n"
        '    q = ["a", "b"]\n'
        "  }\n"
        "}\n"
    )
    assert aligned(block_lines(Block("empty"))) == ["empty {}"]
    assert quoted("a\nb%{c") == '"a\\nb%%{c"'


def test_files_are_stable_under_alignment() -> None:
    for name, text in files_of(loaded("hot-key")).items():
        if name.endswith(".tf"):
            assert "\n".join(aligned(text.split("\n"))) == text
            assert "\t" not in text
            assert not any(line.endswith(" ") for line in text.split("\n"))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["pipeline.name=clickpipes-streams"], "ClickPipes has no DynamoDB Streams source"),
        (["pipeline.name=guide"], "pipeline guide is not what ClickPipes does"),
        (['pipeline.command=["true"]'], "proves a pipeline of its own"),
        (["snapshot.export_format=ION"], "snapshot.export_format ION"),
        (
            ["pipeline.settings.streaming_max_insert_wait_ms=100"],
            "streaming_max_insert_wait_ms = 100: ClickPipes takes 500 to 60000",
        ),
        (["pipeline.settings.no_such=1"], "no_such: ClickPipes knows no such setting"),
        (["target.deleted={absent=true}"], "target.deleted without a column"),
        (["target.created_by=pipeline"], "a managed table has no slot for a deleted column"),
    ],
)
def test_what_the_provider_cannot_express_is_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        files_of(loaded("quickstart", *overrides))


def test_binary_inside_a_map_or_set_is_refused() -> None:
    with pytest.raises(UsageError, match=r"target\.columns\.blobs shows binary inside"):
        files_of(loaded("all-types"))


def test_files_that_were_changed_by_hand_are_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    terraform("quickstart", output=tmp_path / "new")
    assert capsys.readouterr().out.splitlines() == [
        str(tmp_path / "new" / name)
        for name in (
            "versions.tf", "variables.tf", "aws.tf", "clickpipes.tf", "outputs.tf",
            "clickhouse.sql",
        )
    ]  # fmt: skip
    write_files(loaded(), tmp_path / "new")
    (tmp_path / "new" / "aws.tf").write_text("# mine\n")
    with pytest.raises(UsageError, match=r"aws\.tf exists and is another one"):
        write_files(loaded(), tmp_path / "new")
    assert (tmp_path / "new" / "aws.tf").read_text() == "# mine\n"


SCENARIO = """
name = "proven"
description = "a table with most kinds of columns"
[table]
table_name = "proven"
key_schema = [{ attribute_name = "id", key_type = "HASH" }]
attribute_definitions = [{ attribute_name = "id", attribute_type = "S" }]
[item]
id = "uuid4"
x = { faker = "random_int" }
raw = { faker = "binary", args = { length = 3 } }
tags = { type = "SS", items = "word" }
born = { choice = ["2020-01-01"] }
address = { fields = { city = "city" } }
[stream]
approximate_creation_date_time_precision = "MILLISECOND"
[target]
table = "proven"
columns = { id = "String", x = "Int32", raw = "String", tags = "Array(String)", born = "Nullable(Date)", city = { type = "String", attribute = "address.city" }, address = "String" }
"""


def test_the_views_make_the_rows_and_lose_nothing(servers: Servers, tmp_path: Path) -> None:
    file = tmp_path / "proven.toml"
    file.write_text(SCENARIO)
    for statement in files_of(load_scenario(file))["clickhouse.sql"].split(";\n"):
        code = "\n".join(line for line in statement.split("\n") if not line.startswith("--"))
        if code.strip():
            servers.sql.command(code)
    table = Table(servers, {"id": "String"}, {"id": "S"}, precision="MILLISECOND")
    table.enable_stream()
    table.put(item("kept", 1, "2020-02-29"))
    table.put(item("changed", 2, "1999-01-01"))
    table.put(item("deleted", 3, "1999-01-01"))
    lines = exported(servers, table.export())
    table.put(item("changed", 4, None))
    table.delete({"id": {"S": "deleted"}})
    table.put(item("bad", 5, "no date"))
    records = streamed(servers, f"{table.name}-cdc")
    insert(servers, "proven_records", "raw_message", [*records, b"no JSON"])
    insert(servers, "proven_items", "Item", lines)
    shown = "SELECT id, x, hex(raw), tags, toString(born), city, JSONExtractString(address, 'city')"
    assert servers.sql.query(f"{shown} FROM proven FINAL ORDER BY id").result_rows == [
        ("changed", 4, "00FF", ["a", "b"], None, "Ulm", "Ulm"),
        ("kept", 1, "00FF", ["a", "b"], "2020-02-29", "Ulm", "Ulm"),
    ]
    refused = servers.sql.query("SELECT origin, raw FROM proven_refused ORDER BY raw").result_rows
    assert [origin for origin, _ in refused] == ["stream", "stream"]
    assert refused[0][1] == "no JSON"
    assert orjson.loads(refused[1][1])["dynamodb"]["Keys"] == {"id": {"S": "bad"}}
    versions = servers.sql.query("SELECT min(version) = 0, max(version) FROM proven").result_rows
    assert versions[0][0] == 1
    assert versions[0][1] % (1024 * 1000) == 0, "milliseconds, scaled"
    assert 1.6e18 < versions[0][1] < 9e18


def item(name: str, number: int, born: str | None) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": {"S": name},
        "x": {"N": str(number)},
        "raw": {"B": b"\x00\xff"},
        "tags": {"SS": ["a", "b"]},
        "address": {"M": {"city": {"S": "Ulm"}}},
    }
    return made if born is None else {**made, "born": {"S": born}}


def streamed(servers: Servers, stream: str) -> list[bytes]:
    (shard,) = servers.kinesis.list_shards(StreamName=stream)["Shards"]
    iterator = servers.kinesis.get_shard_iterator(
        StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    found: list[bytes] = []

    def all_there() -> bool:
        nonlocal iterator
        answer = servers.kinesis.get_records(ShardIterator=iterator)
        iterator = answer["NextShardIterator"]
        found.extend(record["Data"] for record in answer["Records"])
        return len(found) == 6

    servers.clock.wait_until(all_there, timeout_seconds=10, what="six records")
    return found


def exported(servers: Servers, export: str) -> list[bytes]:
    bucket, _, prefix = export.removeprefix("s3://").partition("/")
    found = servers.s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/data/")["Contents"]
    lines: list[bytes] = []
    for entry in found:
        body = servers.s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
        lines += gzip.decompress(body).splitlines()
    return [orjson.dumps(orjson.loads(line)["Item"]) for line in lines]


def insert(servers: Servers, table: str, column: str, texts: list[bytes]) -> None:
    body = b"\n".join(orjson.dumps({column: text.decode()}) for text in texts)
    servers.sql.raw_insert(table, [column], body, fmt="JSONEachRow")
