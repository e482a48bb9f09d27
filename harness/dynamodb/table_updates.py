"""UpdateTable: billing, throughput, streams, indexes, protection, class and encryption.

Source: API reference, UpdateTable; sentences as recorded on AWS by dynalite and ScyllaDB's tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.awsjson import AwsError
from harness.dynamodb.shapes import encode, validation_error
from harness.dynamodb.table_checks import INVALID, check_bounds, check_index_update
from harness.dynamodb.table_description import describe
from harness.dynamodb.table_operations import add_global_index, encryption_of, throughput_of
from harness.dynamodb.table_requests import UPDATE_TABLE
from harness.dynamodb.tables import NAMESPACE, Throughput, in_use, not_found

if TYPE_CHECKING:
    from harness.dynamodb.engine import Engine
    from harness.dynamodb.tables import Table

Json = dict[str, Any]

INDEX_UPDATES_MAX = 5
NOTHING_ASKED = (
    "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
    "GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required"
)
BOTH_CAPACITIES = (
    f"{INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when "
    "BillingMode is PAY_PER_REQUEST"
)


def update_table(engine: Engine, payload: Json) -> bytes:
    """UpdateTable: the encoded answer, in which the table is UPDATING."""
    request = UPDATE_TABLE.parse(payload)
    _check(request)
    table = engine.tables.get(request["TableName"])
    now_us = engine.clock.now_us()
    status = table.status(now_us)
    if status != "ACTIVE":
        word = {"CREATING": "created", "DELETING": "deleted"}.get(status, "updated")
        raise in_use(
            "Attempt to change a resource which is still in use: "
            f"Table is being {word}: {table.name}"
        )
    _refuse_other_types(table, request.get("AttributeDefinitions", []))
    former_mode = table.billing_mode
    before = describe(table, now_us)["ProvisionedThroughput"]
    _change_throughput(table, request, now_us)
    _change_indexes(engine, table, request, now_us)
    _change_stream(engine, table, request.get("StreamSpecification"), now_us)
    _change_settings(engine, table, request)
    table.update_pending_us = now_us + engine.tables.delay_us
    description = describe(table, now_us)
    description["TableStatus"] = "UPDATING"
    if "ProvisionedThroughput" in request and table.billing_mode == former_mode:
        # The answer still tells the old capacity; DescribeTable tells the new one.
        description["ProvisionedThroughput"] |= {
            name: before[name] for name in ("ReadCapacityUnits", "WriteCapacityUnits")
        }
    return encode({"TableDescription": description})


def _check(request: Json) -> None:
    if not any(
        request.get(name) not in (None, [])
        for name in request
        if name not in {"TableName", "AttributeDefinitions"}
    ):
        raise validation_error(NOTHING_ASKED)
    if request.get("ReplicaUpdates"):
        raise validation_error("not emulated: ReplicaUpdates (global tables)")
    throughput = request.get("ProvisionedThroughput")
    if request.get("BillingMode") == "PROVISIONED" and throughput is None:
        raise validation_error(
            f"{INVALID}ProvisionedThroughput must be specified when BillingMode is PROVISIONED"
        )
    if throughput is not None:
        check_bounds(throughput)
    names: set[str] = set()
    for update in request.get("GlobalSecondaryIndexUpdates", []):
        if not update:
            raise validation_error(
                f"{INVALID}One of GlobalSecondaryIndexUpdate.Update, "
                "GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete must not be "
                "null"
            )
        for action in update.values():
            if action["IndexName"] in names:
                raise validation_error(
                    f"{INVALID}Only one global secondary index update per index is allowed "
                    f"simultaneously. Index: {action['IndexName']}"
                )
            names.add(action["IndexName"])
        if len(update) > 1:
            raise validation_error(
                f"{INVALID}Only one of GlobalSecondaryIndexUpdate.Update, "
                "GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete may be given"
            )


def _change_throughput(table: Table, request: Json, now_us: int) -> None:
    mode = request.get("BillingMode", table.billing_mode)
    throughput = request.get("ProvisionedThroughput")
    if throughput is not None and mode == "PAY_PER_REQUEST":
        raise validation_error(BOTH_CAPACITIES)
    updates = request.get("GlobalSecondaryIndexUpdates", [])
    online = sum("Update" not in update for update in updates)
    if len(updates) > INDEX_UPDATES_MAX or online > 1:
        raise AwsError(
            "LimitExceededException",
            "Subscriber limit exceeded: Only 1 online index can be created or deleted "
            "simultaneously per table",
            namespace=NAMESPACE,
        )
    if mode == "PROVISIONED" != table.billing_mode:
        given = {u["Update"]["IndexName"] for u in updates if "Update" in u}
        missing = [index.name for index in table.global_indexes if index.name not in given]
        if missing:
            raise validation_error(
                f"{INVALID}ProvisionedThroughput must be specified for index: {','.join(missing)}"
            )
    if throughput is not None:
        new = throughput_of(throughput)
        if mode == table.billing_mode:
            _refuse_same(table.throughput, new)
        _note_change(table, new, now_us)
        table.throughput = new
    if mode == "PAY_PER_REQUEST" != table.billing_mode:
        table.throughput = Throughput()
        table.on_demand_since_us = now_us
        for state in table.index_states.values():
            state.throughput = Throughput()
    if "BillingMode" in request and mode != table.billing_mode:
        table.billing_mode_given = True
    table.billing_mode = mode


def _refuse_same(current: Throughput, new: Throughput) -> None:
    if current == new:
        raise validation_error(
            "The provisioned throughput for the table will not change. The requested value equals "
            "the current value. Current ReadCapacityUnits provisioned for the table: "
            f"{current.read}. Requested ReadCapacityUnits: {new.read}. Current WriteCapacityUnits "
            f"provisioned for the table: {current.write}. Requested WriteCapacityUnits: "
            f"{new.write}. Refer to the Amazon DynamoDB Developer Guide for current limits and how "
            "to request higher limits."
        )


def _note_change(table: Table, new: Throughput, now_us: int) -> None:
    if new.read > table.throughput.read or new.write > table.throughput.write:
        table.throughput_increased_us = now_us
    if new.read < table.throughput.read or new.write < table.throughput.write:
        table.throughput_decreased_us = now_us


def _change_indexes(engine: Engine, table: Table, request: Json, now_us: int) -> None:
    for update in request.get("GlobalSecondaryIndexUpdates", []):
        if "Create" in update:
            _create_index(table, request, update["Create"], now_us + engine.tables.delay_us)
        elif "Delete" in update:
            _global_index(table, update["Delete"]["IndexName"])
            table.items.drop_index(update["Delete"]["IndexName"])
            del table.index_states[update["Delete"]["IndexName"]]
        else:
            _update_index(table, update["Update"])


def _create_index(table: Table, request: Json, create: Json, ready_us: int) -> None:
    types = {
        d["AttributeName"]: d["AttributeType"] for d in request.get("AttributeDefinitions", [])
    }
    check_index_update(create, types, table.billing_mode)
    if create["IndexName"] in table.items.indexes:
        raise validation_error("Attempting to create an index which already exists")
    used = {element["AttributeName"] for element in create["KeySchema"]}
    table.attribute_types |= {name: kind for name, kind in types.items() if name in used}
    add_global_index(table, create, ready_us=ready_us)


def _refuse_other_types(table: Table, definitions: list[Json]) -> None:
    """A key attribute keeps its type, whichever key it is of."""
    for definition in definitions:
        name, kind = definition["AttributeName"], definition["AttributeType"]
        known = table.attribute_types.get(name)
        if known is not None and known != kind:
            part = "HASH"
            for schema in (table.schema, *(i.schema for i in table.items.indexes.values())):
                if name in schema.names:
                    part = "HASH" if (name, known) in schema.hash_keys else "RANGE"
                    break
            raise validation_error(
                f"{INVALID}Attributes cannot be redefined. Please check that your attribute has "
                "the same type as previously defined. Existing schema: Schema:[SchemaElement: "
                f"key{{{name}:{known}:{part}}}] New schema: Schema:[SchemaElement: "
                f"key{{{name}:{kind}:{part}}}]"
            )


def _update_index(table: Table, update: Json) -> None:
    _global_index(table, update["IndexName"])
    state = table.index_states[update["IndexName"]]
    if "ProvisionedThroughput" in update:
        new = throughput_of(update["ProvisionedThroughput"])
        _refuse_same(state.throughput, new)
        state.throughput = new
    state.on_demand = update.get("OnDemandThroughput", state.on_demand)
    state.warm = update.get("WarmThroughput", state.warm)


def _global_index(table: Table, name: str) -> None:
    if name not in table.index_states:
        raise not_found(f"Requested resource not found: Index: {name} for table: {table.name}")


def _change_stream(engine: Engine, table: Table, request: Json | None, now_us: int) -> None:
    if request is None:
        return
    former = table.stream
    if request["StreamEnabled"]:
        if "StreamViewType" not in request:
            raise validation_error(
                f"{INVALID}StreamViewType must be specified when StreamEnabled is true"
            )
        if former is not None:
            raise validation_error(f"Table already has an enabled stream: TableName: {table.name}")
        table.enable_stream(request["StreamViewType"], now_us)
    else:
        if former is None:
            raise validation_error(f"Table has no stream to disable: TableName: {table.name}")
        table.disable_stream()
    engine.tables.stream_changed(table, former)


def _change_settings(engine: Engine, table: Table, request: Json) -> None:
    table.table_class = request.get("TableClass", table.table_class)
    table.deletion_protection = request.get("DeletionProtectionEnabled", table.deletion_protection)
    table.on_demand = request.get("OnDemandThroughput", table.on_demand)
    table.warm = request.get("WarmThroughput", table.warm)
    if "SSESpecification" in request:
        table.sse = encryption_of(engine.tables, request["SSESpecification"])
