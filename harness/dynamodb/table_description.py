"""TableDescription: what CreateTable, DescribeTable, UpdateTable and DeleteTable tell of a table.

Which members are there when is from recordings of AWS: no WarmThroughput while CREATING, a short
description from DeleteTable, BillingModeSummary only for tables that are or were on demand.

Source: API reference, TableDescription; LocalStack's snapshots of AWS (tests/aws/services/dynamodb).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.dynamodb.keys import KeySchema
    from harness.dynamodb.store import Index
    from harness.dynamodb.tables import Table

Json = dict[str, Any]

SECOND_US = 1_000_000
ON_DEMAND_WARM = {"ReadUnitsPerSecond": 12000, "WriteUnitsPerSecond": 4000}


def describe(table: Table, now_us: int) -> Json:
    """DescribeTable's `Table`; CreateTable's and UpdateTable's `TableDescription`."""
    status = table.status(now_us)
    answer: Json = {
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind}
            for name, kind in table.attribute_types.items()
        ],
        "TableName": table.name,
        "KeySchema": key_schema(table.schema),
        "TableStatus": status,
        "CreationDateTime": seconds(table.created_us),
        "ProvisionedThroughput": _throughput(table),
        "TableSizeBytes": table.items.size_bytes,
        "ItemCount": len(table.items),
        "TableArn": table.arn,
        "TableId": table.table_id,
        "DeletionProtectionEnabled": table.deletion_protection,
    }
    if table.local_indexes:
        answer["LocalSecondaryIndexes"] = [_index(table, i, now_us) for i in table.local_indexes]
    if table.global_indexes:
        answer["GlobalSecondaryIndexes"] = [_index(table, i, now_us) for i in table.global_indexes]
    answer |= _billing(table, status)
    answer |= _stream(table)
    if table.sse is not None:
        answer["SSEDescription"] = table.sse
    if table.table_class is not None:
        answer["TableClassSummary"] = {"TableClass": table.table_class}
    if table.on_demand is not None:
        answer["OnDemandThroughput"] = table.on_demand
    if table.restore_summary is not None:
        answer["RestoreSummary"] = table.restore_summary
    if status == "ACTIVE":
        answer["WarmThroughput"] = _warm(
            table, table.warm, table.throughput.read, table.throughput.write
        )
    return answer


def describe_deleted(table: Table) -> Json:
    """DeleteTable's `TableDescription`, which is short."""
    answer: Json = {
        "TableName": table.name,
        "TableStatus": "DELETING",
        "ProvisionedThroughput": _throughput(table),
        "TableSizeBytes": table.items.size_bytes,
        "ItemCount": len(table.items),
        "TableArn": table.arn,
        "TableId": table.table_id,
        "DeletionProtectionEnabled": table.deletion_protection,
    }
    answer |= _billing(table, "DELETING")
    answer |= _stream(table)
    return answer


def key_schema(schema: KeySchema) -> list[Json]:
    """A KeySchema in wire form."""
    hashes = [{"AttributeName": name, "KeyType": "HASH"} for name, _ in schema.hash_keys]
    return hashes + [{"AttributeName": name, "KeyType": "RANGE"} for name, _ in schema.range_keys]


def seconds(moment_us: int) -> float:
    """A moment as AWS writes it in JSON: epoch seconds with milliseconds."""
    return moment_us // 1000 / 1000


def _throughput(table: Table) -> Json:
    answer: Json = {
        "NumberOfDecreasesToday": 0,
        "ReadCapacityUnits": table.throughput.read,
        "WriteCapacityUnits": table.throughput.write,
    }
    if table.throughput_increased_us is not None:
        answer["LastIncreaseDateTime"] = seconds(table.throughput_increased_us)
    if table.throughput_decreased_us is not None:
        answer["LastDecreaseDateTime"] = seconds(table.throughput_decreased_us)
    return answer


def _billing(table: Table, status: str) -> Json:
    if table.billing_mode == "PROVISIONED" and not table.billing_mode_given:
        return {}
    summary: Json = {"BillingMode": table.billing_mode}
    if table.on_demand_since_us is not None and status != "CREATING":
        summary["LastUpdateToPayPerRequestDateTime"] = seconds(table.on_demand_since_us)
    answer: Json = {"BillingModeSummary": summary}
    if table.billing_mode == "PAY_PER_REQUEST":
        mode = {("TableThroughputMode" if k == "BillingMode" else k): v for k, v in summary.items()}
        answer["TableThroughputModeSummary"] = mode
    return answer


def _stream(table: Table) -> Json:
    answer: Json = {}
    if table.stream is not None:
        answer["StreamSpecification"] = {
            "StreamEnabled": True,
            "StreamViewType": table.stream.view_type,
        }
    if table.last_stream is not None:
        answer["LatestStreamLabel"] = table.last_stream.label
        answer["LatestStreamArn"] = table.last_stream.arn
    return answer


def _index(table: Table, index: Index, now_us: int) -> Json:
    projection: Json = {"ProjectionType": index.projection}
    if index.include:
        projection["NonKeyAttributes"] = list(index.include)
    answer: Json = {
        "IndexName": index.name,
        "KeySchema": key_schema(index.schema),
        "Projection": projection,
        "IndexSizeBytes": index.ordered.size_bytes,
        "ItemCount": len(index.ordered),
        "IndexArn": f"{table.arn}/index/{index.name}",
    }
    if not index.is_global:
        return answer
    state = table.index_states[index.name]
    ready = now_us >= state.ready_us and now_us >= table.ready_us
    answer["IndexStatus"] = "ACTIVE" if ready else "CREATING"
    if not ready and state.ready_us > table.ready_us:
        answer["Backfilling"] = True
    answer["ProvisionedThroughput"] = {
        "NumberOfDecreasesToday": 0,
        "ReadCapacityUnits": state.throughput.read,
        "WriteCapacityUnits": state.throughput.write,
    }
    if state.on_demand is not None:
        answer["OnDemandThroughput"] = state.on_demand
    if ready:
        answer["WarmThroughput"] = _warm(
            table, state.warm, state.throughput.read, state.throughput.write
        )
    return answer


def _warm(table: Table, given: dict[str, int] | None, read: int, write: int) -> Json:
    if table.billing_mode == "PAY_PER_REQUEST":
        units = dict(ON_DEMAND_WARM)
    else:
        units = {"ReadUnitsPerSecond": read, "WriteUnitsPerSecond": write}
    for name, value in (given or {}).items():
        units[name] = max(units[name], value)
    return {**units, "Status": "ACTIVE"}
