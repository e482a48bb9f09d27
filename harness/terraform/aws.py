"""AWS's side: table, stream, streaming destination, export, and the role that ClickPipes assumes.

Sources: the AWS provider's aws_dynamodb_table, aws_dynamodb_kinesis_streaming_destination,
aws_dynamodb_table_export, aws_kinesis_stream; ClickHouse docs, "AWS IAM role authentication for
ClickPipes", "Kinesis" and "Amazon S3" (which actions a pipe needs).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.terraform.hcl import Block, Raw, template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.scenario.model import Scenario
    from harness.terraform.names import Names

POLLING = ["DescribeStream", "GetRecords", "GetShardIterator", "ListShards"]
FAN_OUT = ["DeregisterStreamConsumer", "ListStreamConsumers", "RegisterStreamConsumer"]
CONSUMER = ["DescribeStreamConsumer", "SubscribeToShard"]
RETENTION_HOURS = 168


def aws_blocks(scenario: Scenario, names: Names, *, fan_out: bool) -> Iterator[Block]:
    """The resources, in the order in which they depend on each other."""
    yield _table(scenario, names)
    yield _stream(scenario, names)
    yield _destination(scenario, names)
    if scenario.snapshot.export:
        yield from _export(scenario, names)
    yield from _role(scenario, names, fan_out=fan_out)


def _table(scenario: Scenario, names: Names) -> Block:
    table = scenario.table
    keys = {part.key_type: part.attribute_name for part in table.key_schema}
    body: dict[str, Any] = {
        "name": names.table,
        "billing_mode": "PAY_PER_REQUEST",
        "hash_key": keys["HASH"],
    }
    if "RANGE" in keys:
        body["range_key"] = keys["RANGE"]
    if table.stream_view_type:
        body |= {"stream_enabled": True, "stream_view_type": table.stream_view_type}
    used = set(keys.values())
    body["attribute"] = [
        Block("attribute", (), {"name": a.attribute_name, "type": a.attribute_type})
        for a in table.attribute_definitions
        if a.attribute_name in used
    ]
    body["point_in_time_recovery"] = Block("point_in_time_recovery", (), {"enabled": True})
    if table.time_to_live:
        given = table.time_to_live
        ttl = {"attribute_name": given.attribute_name, "enabled": given.enabled}
        body["ttl"] = Block("ttl", (), ttl)
    return Block("resource", ("aws_dynamodb_table", names.label), body)


def _stream(scenario: Scenario, names: Names) -> Block:
    body = {
        "name": names.stream,
        "shard_count": scenario.stream.shard_count,
        "retention_period": RETENTION_HOURS,
        "stream_mode_details": Block("stream_mode_details", (), {"stream_mode": "PROVISIONED"}),
    }
    comment = "Long enough to load the snapshot and to repair a pipe: what is trimmed is lost."
    return Block("resource", ("aws_kinesis_stream", names.label), body, comment)


def _destination(scenario: Scenario, names: Names) -> Block:
    precision = scenario.stream.approximate_creation_date_time_precision
    body = {
        "table_name": Raw(f"aws_dynamodb_table.{names.label}.name"),
        "stream_arn": Raw(f"aws_kinesis_stream.{names.label}.arn"),
        "approximate_creation_date_time_precision": precision,
    }
    return Block("resource", ("aws_dynamodb_kinesis_streaming_destination", names.label), body)


def _export(scenario: Scenario, names: Names) -> Iterator[Block]:
    label, prefix = names.label, scenario.snapshot.s3_prefix.strip("/")
    bucket = Raw(f"aws_s3_bucket.{label}.id")
    yield Block("resource", ("aws_s3_bucket", label), {"bucket_prefix": "dynamodb-export-"})
    private = ("block_public_acls", "block_public_policy", "ignore_public_acls")
    yield Block(
        "resource",
        ("aws_s3_bucket_public_access_block", label),
        {"bucket": bucket, **dict.fromkeys((*private, "restrict_public_buckets"), True)},
    )
    body: dict[str, Any] = {
        "table_arn": Raw(f"aws_dynamodb_table.{label}.arn"),
        "s3_bucket": bucket,
    }
    if prefix:
        body["s3_prefix"] = prefix
    body["export_format"] = scenario.snapshot.export_format
    destination = f"aws_dynamodb_kinesis_streaming_destination.{label}"
    body["depends_on"] = [Raw(destination)]
    comment = "After the stream: a change between the two would be in neither."
    yield Block("resource", ("aws_dynamodb_table_export", label), body, comment)
    folder = f"{prefix}/AWSDynamoDB" if prefix else "AWSDynamoDB"
    export_id = f'reverse(split("/", aws_dynamodb_table_export.{label}.arn))[0]'
    yield Block(
        "locals",
        (),
        {
            "export_id": Raw(export_id),
            "export_url": template(
                f"https://${{aws_s3_bucket.{label}.bucket_regional_domain_name}}/{folder}/"
                "${local.export_id}/data/*"
            ),
        },
    )


def _role(scenario: Scenario, names: Names, *, fan_out: bool) -> Iterator[Block]:
    label = names.label
    trust = _statement(
        ["sts:AssumeRole"],
        principals=Block(
            "principals",
            (),
            {"type": "AWS", "identifiers": [Raw("var.clickhouse_service_role_arn")]},
        ),
    )
    yield Block(
        "data", ("aws_iam_policy_document", "clickhouse_trust"), {"statement": Block(*trust)}
    )
    role = {
        "name": names.role,
        "assume_role_policy": Raw("data.aws_iam_policy_document.clickhouse_trust.json"),
    }
    yield Block("resource", ("aws_iam_role", "clickhouse"), role)
    stream_arn = f"aws_kinesis_stream.{label}.arn"
    actions = sorted([*POLLING, *(FAN_OUT if fan_out else [])])
    statements = [_statement(_kinesis(actions), resources=[Raw(stream_arn)])]
    if fan_out:
        consumers = template(f"${{{stream_arn}}}/*")
        statements.append(_statement(_kinesis(CONSUMER), resources=[consumers]))
    statements.append(_statement(["kinesis:ListStreams"], resources=["*"]))
    if scenario.snapshot.export:
        prefix = scenario.snapshot.s3_prefix.strip("/")
        folder = f"{prefix}/AWSDynamoDB" if prefix else "AWSDynamoDB"
        bucket_arn = f"aws_s3_bucket.{label}.arn"
        objects = template(f"${{{bucket_arn}}}/{folder}/*")
        statements.append(_statement(["s3:ListBucket"], resources=[Raw(bucket_arn)]))
        statements.append(_statement(["s3:GetObject"], resources=[objects]))
    body = {"statement": [Block(*statement) for statement in statements]}
    yield Block("data", ("aws_iam_policy_document", "clickhouse"), body)
    yield Block(
        "resource",
        ("aws_iam_role_policy", "clickhouse"),
        {
            "name": "clickpipes",
            "role": Raw("aws_iam_role.clickhouse.id"),
            "policy": Raw("data.aws_iam_policy_document.clickhouse.json"),
        },
    )


def _kinesis(actions: list[str]) -> list[str]:
    return [f"kinesis:{action}" for action in actions]


def _statement(
    actions: list[str], *, resources: list[Any] | None = None, principals: Block | None = None
) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    body: dict[str, Any] = {"effect": "Allow", "actions": actions}
    if resources is not None:
        body["resources"] = resources
    if principals is not None:
        body["principals"] = principals
    return "statement", (), body
