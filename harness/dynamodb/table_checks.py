"""What CreateTable and UpdateTable check beyond single members, in AWS's order.

Source: words and order as dynalite and dynamodb-conformance recorded on AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.dynamodb.shapes import validation_error

if TYPE_CHECKING:
    from harness.awsjson import AwsError

Json = dict[str, Any]

CAPACITY_MAX = 1_000_000_000_000
LOCAL_INDEXES_MAX = 5
GLOBAL_INDEXES_MAX = 20
KEY_PARTS_MAX = 4
INVALID = "One or more parameter values were invalid: "


def check_create(request: Json) -> None:
    """What CreateTable checks beyond single members, in AWS's order.

    Raises:
        AwsError: ValidationException.
    """
    _check_capacity(request)
    types = {d["AttributeName"]: d["AttributeType"] for d in request["AttributeDefinitions"]}
    _check_distinct(request["AttributeDefinitions"])
    keys = request["KeySchema"]
    if len(keys) > len(types):
        raise validation_error("Invalid KeySchema: Some index key attribute have no definition")
    _check_key_schema(keys, types)
    used = {key["AttributeName"] for key in keys}
    seen: set[str] = set()
    for index in _local_indexes(request, keys):
        _check_key_schema(index["KeySchema"], types)
        _check_local_index(index, keys)
        _check_projection(index, seen)
        used |= {key["AttributeName"] for key in index["KeySchema"]}
    if len(seen) > LOCAL_INDEXES_MAX:
        raise _invalid("Number of LocalSecondaryIndexes exceeds per-table limit of 5")
    local_count = len(seen)
    for index in _global_indexes(request):
        _check_index(index, types, seen)
        _check_index_capacity(request, index)
        used |= {key["AttributeName"] for key in index["KeySchema"]}
    if len(seen) - local_count > GLOBAL_INDEXES_MAX:
        raise _invalid("GlobalSecondaryIndex count exceeds the per-table limit of 20")
    if used != set(types):
        _refuse_unused(request, used, types)
    check_stream(request.get("StreamSpecification"))


def _check_distinct(definitions: list[Json]) -> None:
    """Deviation: AWS's sentence is known to name the attribute and to say duplicate, no more."""
    seen: set[str] = set()
    for definition in definitions:
        name = definition["AttributeName"]
        if name in seen:
            raise _invalid(f"Duplicate attribute definition: {name}")
        seen.add(name)


def check_stream(stream: Json | None) -> None:
    """A stream that is enabled needs a view type, one that is not must have none."""
    if stream is None:
        return
    if stream["StreamEnabled"] and "StreamViewType" not in stream:
        raise _invalid("StreamViewType must be specified when StreamEnabled is true")
    if not stream["StreamEnabled"] and "StreamViewType" in stream:
        raise _invalid("StreamViewType cannot be specified when StreamEnabled is false")


def check_index_update(index: Json, types: dict[str, str], billing_mode: str) -> None:
    """What UpdateTable checks of a global index to create."""
    _check_index(index, types, set())
    _check_index_capacity({"BillingMode": billing_mode}, index)


def check_bounds(throughput: Json, suffix: str = "") -> None:
    """Capacity units must stay below AWS's bound."""
    for name in ("ReadCapacityUnits", "WriteCapacityUnits"):
        if throughput[name] > CAPACITY_MAX:
            raise validation_error(
                f"Given value {throughput[name]} for {name} is out of bounds{suffix}"
            )


def _invalid(message: str) -> AwsError:
    return validation_error(INVALID + message)


def _check_capacity(request: Json) -> None:
    throughput = request.get("ProvisionedThroughput")
    if request.get("BillingMode") == "PAY_PER_REQUEST":
        if throughput is not None:
            raise _invalid(
                "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when "
                "BillingMode is PAY_PER_REQUEST"
            )
        return
    if throughput is None:
        raise _invalid(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is "
            "PROVISIONED"
        )
    check_bounds(throughput)


def _check_many_keys(keys: list[Json]) -> None:
    """A global index: up to four partition key attributes, then up to four of the sort key."""
    kinds = [key["KeyType"] for key in keys]
    hashes = kinds.count("HASH")
    if not hashes:
        raise validation_error(
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"
        )
    if kinds != sorted(kinds):
        raise validation_error(
            "Invalid KeySchema: All HASH KeySchemaElements must precede all RANGE ones"
        )
    if max(hashes, len(kinds) - hashes) > KEY_PARTS_MAX:
        raise validation_error("Invalid KeySchema: at most four HASH and four RANGE elements")
    names = {key["AttributeName"] for key in keys}
    if len(names) < len(keys):
        raise validation_error("Invalid KeySchema: KeySchemaElements have the same name")


def _check_key_schema(keys: list[Json], types: dict[str, str], *, several: bool = False) -> None:
    names = [key["AttributeName"] for key in keys]
    if any(name not in types for name in names):
        raise _invalid(
            "Some index key attributes are not defined in AttributeDefinitions. "
            f"Keys: [{', '.join(names)}], AttributeDefinitions: [{', '.join(types)}]"
        )
    if len(keys) > 2:
        _check_many_keys(keys)
        return
    if len(names) == 2 and names[0] == names[1]:
        raise validation_error(
            "Both the Hash Key and the Range Key element in the KeySchema have the same name"
        )
    if keys[0]["KeyType"] != "HASH":
        raise validation_error(
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"
        )
    if len(keys) == 2 and keys[1]["KeyType"] != "RANGE" and not several:
        raise validation_error(
            "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type"
        )


def _local_indexes(request: Json, keys: list[Json]) -> list[Json]:
    indexes: list[Json] | None = request.get("LocalSecondaryIndexes")
    if indexes is None:
        return []
    if not indexes:
        raise _invalid("List of LocalSecondaryIndexes is empty")
    if len(keys) != 2:
        raise _invalid(
            "Table KeySchema does not have a range key, which is required when specifying a "
            "LocalSecondaryIndex"
        )
    return indexes


def _global_indexes(request: Json) -> list[Json]:
    indexes: list[Json] | None = request.get("GlobalSecondaryIndexes")
    if indexes is None:
        return []
    if not indexes:
        raise _invalid("List of GlobalSecondaryIndexes is empty")
    return indexes


def _check_index(index: Json, types: dict[str, str], seen: set[str]) -> None:
    _check_key_schema(index["KeySchema"], types, several=True)
    _check_projection(index, seen)


def _check_projection(index: Json, seen: set[str]) -> None:
    projection = index["Projection"]
    kind = projection.get("ProjectionType")
    if kind is None:
        raise _invalid("Unknown ProjectionType: null")
    if "NonKeyAttributes" in projection and kind != "INCLUDE":
        raise _invalid(f"ProjectionType is {kind}, but NonKeyAttributes is specified")
    if kind == "INCLUDE" and "NonKeyAttributes" not in projection:
        raise _invalid(f"ProjectionType is {kind}, but NonKeyAttributes is not specified")
    named: list[str] = projection.get("NonKeyAttributes", [])
    for name in named:
        if named.count(name) > 1:
            raise _invalid(f"Duplicate attribute in NonKeyAttributes: {name}")
    if index["IndexName"] in seen:
        raise _invalid(f"Duplicate index name: {index['IndexName']}")
    seen.add(index["IndexName"])


def _check_local_index(index: Json, keys: list[Json]) -> None:
    name, own = index["IndexName"], index["KeySchema"]
    if len(own) != 2:
        raise _invalid(f"Index KeySchema does not have a range key for index: {name}")
    if own[0]["AttributeName"] != keys[0]["AttributeName"]:
        raise _invalid(
            "Index KeySchema does not have the same leading hash key as table KeySchema for "
            f"index: {name}. index hash key: {own[0]['AttributeName']}, "
            f"table hash key: {keys[0]['AttributeName']}"
        )


def _check_index_capacity(request: Json, index: Json) -> None:
    throughput, name = index.get("ProvisionedThroughput"), index["IndexName"]
    if request.get("BillingMode") == "PAY_PER_REQUEST":
        if throughput is not None:
            raise _invalid(
                f"ProvisionedThroughput should not be specified for index: {name} when "
                "BillingMode is PAY_PER_REQUEST"
            )
        return
    if throughput is None:
        raise _invalid(f"ProvisionedThroughput must be specified for index: {name}")
    check_bounds(throughput, f" for index {name}")


def _refuse_unused(request: Json, used: set[str], types: dict[str, str]) -> None:
    if "LocalSecondaryIndexes" not in request and "GlobalSecondaryIndexes" not in request:
        raise _invalid(
            "Number of attributes in KeySchema does not exactly match number of attributes "
            "defined in AttributeDefinitions"
        )
    raise _invalid(
        "Some AttributeDefinitions are not used. AttributeDefinitions: "
        f"[{', '.join(types)}], keys used: [{', '.join(sorted(used))}]"
    )
