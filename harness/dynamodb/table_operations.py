"""CreateTable, DescribeTable, DeleteTable, ListTables and the making of a table from a request.

UpdateTable has a module of its own, `table_updates`.

Source: DynamoDB API reference; sentences as recorded on AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.dynamodb.keys import KeySchema
from harness.dynamodb.shapes import encode, validation_error
from harness.dynamodb.store import Index
from harness.dynamodb.table_checks import check_create
from harness.dynamodb.table_description import describe, describe_deleted
from harness.dynamodb.table_requests import CREATE_TABLE, LIST_TABLES, ONE_TABLE
from harness.dynamodb.tables import IndexState, Table, Throughput, in_use
from harness.dynamodb.tags import check_tags

if TYPE_CHECKING:
    from harness.dynamodb.engine import Engine
    from harness.dynamodb.tables import Tables

Json = dict[str, Any]

NAMES_MAX = 100


def create_table(engine: Engine, payload: Json) -> bytes:
    """CreateTable: the encoded answer, in which the table is CREATING."""
    request = CREATE_TABLE.parse(payload)
    check_create(request)
    table = new_table(engine.tables, request)
    engine.tables.add(table)
    description = describe(table, engine.clock.now_us())
    description.pop("WarmThroughput", None)
    if table.warm is not None:
        description["WarmThroughput"] = {**table.warm, "Status": "UPDATING"}
    description["TableStatus"] = "CREATING"
    for index in description.get("GlobalSecondaryIndexes", ()):
        index.pop("WarmThroughput", None)
        index["IndexStatus"] = "CREATING"
    if "BillingModeSummary" in description:
        description["BillingModeSummary"].pop("LastUpdateToPayPerRequestDateTime", None)
        mode = description.get("TableThroughputModeSummary", {})
        mode.pop("LastUpdateToPayPerRequestDateTime", None)
    return encode({"TableDescription": description})


def new_table(tables: Tables, request: Json) -> Table:
    """The table that a checked CreateTable request describes, not yet among `tables`.

    Args:
        tables: for its ARN, time and id.
        request: members as in CreateTable (imports and restores pass theirs).
    """
    clock = tables.clock
    types = {d["AttributeName"]: d["AttributeType"] for d in request["AttributeDefinitions"]}
    table = Table(
        request["TableName"],
        arn=tables.arn(request["TableName"]),
        table_id=clock.uuid(),
        schema=schema_of(request["KeySchema"], types),
        attribute_types=types,
        created_us=clock.now_us(),
    )
    table.billing_mode = request.get("BillingMode", "PROVISIONED")
    if table.billing_mode == "PAY_PER_REQUEST":
        table.billing_mode_given = True
        table.on_demand_since_us = table.created_us
    table.throughput = throughput_of(request.get("ProvisionedThroughput"))
    table.table_class = request.get("TableClass")
    table.deletion_protection = request.get("DeletionProtectionEnabled", False)
    table.sse = encryption_of(tables, request.get("SSESpecification"))
    table.on_demand = request.get("OnDemandThroughput")
    table.warm = request.get("WarmThroughput")
    if "ResourcePolicy" in request:
        table.resource_policy = (request["ResourcePolicy"], str(tables.clock.now_us()))
    check_tags(request.get("Tags", []))
    table.tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
    for index in request.get("LocalSecondaryIndexes", []):
        table.items.add_index(index_of(table, index, is_global=False))
    for index in request.get("GlobalSecondaryIndexes", []):
        add_global_index(table, index, ready_us=0)
    stream = request.get("StreamSpecification")
    if stream is not None and stream["StreamEnabled"]:
        table.enable_stream(stream["StreamViewType"], table.created_us)
    return table


def schema_of(elements: list[Json], types: dict[str, str]) -> KeySchema:
    """A KeySchema of a request with the types of its attributes."""
    keys: dict[str, list[tuple[str, str]]] = {"HASH": [], "RANGE": []}
    for element in elements:
        name = element["AttributeName"]
        keys[element["KeyType"]].append((name, types[name]))
    (hash_name, hash_type), *more_hash = keys["HASH"]
    if not keys["RANGE"]:
        return KeySchema(hash_name, hash_type, more_hash=tuple(more_hash))
    (range_name, range_type), *more_range = keys["RANGE"]
    return KeySchema(
        hash_name, hash_type, range_name, range_type, tuple(more_hash), tuple(more_range)
    )


def index_of(table: Table, request: Json, *, is_global: bool) -> Index:
    """The index that a request describes, empty."""
    projection = request["Projection"]
    return Index(
        request["IndexName"],
        schema_of(request["KeySchema"], table.attribute_types),
        table.schema,
        is_global=is_global,
        projection=projection["ProjectionType"],
        include=tuple(projection.get("NonKeyAttributes", ())),
    )


def add_global_index(table: Table, request: Json, *, ready_us: int) -> None:
    """Add the global index that a request describes, filled from the items there are."""
    table.index_states[request["IndexName"]] = IndexState(
        throughput_of(request.get("ProvisionedThroughput")),
        ready_us,
        request.get("OnDemandThroughput"),
        request.get("WarmThroughput"),
    )
    table.items.add_index(index_of(table, request, is_global=True))


def throughput_of(request: Json | None) -> Throughput:
    """Capacity units of a request; zero without one."""
    if request is None:
        return Throughput()
    return Throughput(request["ReadCapacityUnits"], request["WriteCapacityUnits"])


def encryption_of(tables: Tables, request: Json | None) -> dict[str, object] | None:
    """SSEDescription for an SSESpecification; None for the key that AWS owns."""
    if request is None or not request.get("Enabled", False):
        return None
    key = request.get("KMSMasterKeyId", "alias/aws/dynamodb")
    if not key.startswith("arn:"):
        key = f"arn:aws:kms:{tables.region}:{tables.account}:key/{key.removeprefix('alias/')}"
    return {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key}


def describe_table(engine: Engine, payload: Json) -> bytes:
    """DescribeTable: the encoded answer."""
    request = ONE_TABLE.parse(payload)
    table = engine.tables.get(request["TableName"])
    return encode({"Table": describe(table, engine.clock.now_us())})


def delete_table(engine: Engine, payload: Json) -> bytes:
    """DeleteTable: the encoded answer, in which the table is DELETING."""
    request = ONE_TABLE.parse(payload)
    table = engine.tables.get(request["TableName"])
    status = table.status(engine.clock.now_us())
    if table.deletion_protection:
        raise validation_error(
            "Resource cannot be deleted as it is currently protected against deletion. "
            "Disable deletion protection first."
        )
    if status == "CREATING":
        raise in_use(
            "Attempt to change a resource which is still in use: "
            f"Table is being created: {table.name}"
        )
    if status != "ACTIVE":
        word = "deleted" if status == "DELETING" else "updated"
        raise in_use(
            "Attempt to change a resource which is still in use: "
            f"Table is being {word}: {table.name}"
        )
    answer = encode({"TableDescription": describe_deleted(table)})
    engine.tables.remove(table)
    return answer


def list_tables(engine: Engine, payload: Json) -> bytes:
    """ListTables: the encoded answer."""
    request = LIST_TABLES.parse(payload)
    limit = request.get("Limit", NAMES_MAX)
    after = request.get("ExclusiveStartTableName", "")
    names = [name for name in engine.tables.names() if name > after]
    answer: Json = {"TableNames": names[:limit]}
    if len(names) > limit:
        answer["LastEvaluatedTableName"] = names[limit - 1]
    return encode(answer)
