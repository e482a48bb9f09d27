"""What requests on tables look like, and what of CreateTable AWS checks beyond single members.

Source: botocore's DynamoDB model; words and order as dynalite and dynamodb-conformance recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.dynamodb.shapes import (
    NAME_PATTERN,
    Boolean,
    ListOf,
    Number,
    Shape,
    String,
    Structure,
    TableName,
    validation_error,
)

if TYPE_CHECKING:
    from harness.awsjson import AwsError

Json = dict[str, Any]

CAPACITY_MAX = 1_000_000_000_000
LOCAL_INDEXES_MAX = 5
GLOBAL_INDEXES_MAX = 20
INVALID = "One or more parameter values were invalid: "

_NAME = String(length=(1, 255))
_INDEX_NAME = String(pattern=NAME_PATTERN, length=(3, 255))
_UNITS = Number("Long", low=1)
_DEFINITIONS = ListOf(
    Structure(
        "AttributeDefinition",
        {"AttributeName": _NAME, "AttributeType": String(enum=("B", "N", "S"))},
        required=("AttributeName", "AttributeType"),
        in_list=True,
    )
)
_KEY_SCHEMA = ListOf(
    Structure(
        "KeySchemaElement",
        {"AttributeName": _NAME, "KeyType": String(enum=("HASH", "RANGE"))},
        required=("AttributeName", "KeyType"),
        in_list=True,
    ),
    length=(1, 2),
)
_THROUGHPUT = Structure(
    "ProvisionedThroughput",
    {"WriteCapacityUnits": _UNITS, "ReadCapacityUnits": _UNITS},
    required=("WriteCapacityUnits", "ReadCapacityUnits"),
)
_PROJECTION = Structure(
    "Projection",
    {
        "ProjectionType": String(enum=("ALL", "INCLUDE", "KEYS_ONLY")),
        "NonKeyAttributes": ListOf(_NAME, length=(1, 20)),
    },
)
_ON_DEMAND = Structure(
    "OnDemandThroughput",
    {"MaxReadRequestUnits": Number("Long"), "MaxWriteRequestUnits": Number("Long")},
)
_WARM = Structure(
    "WarmThroughput",
    {"ReadUnitsPerSecond": Number("Long"), "WriteUnitsPerSecond": Number("Long")},
)
_STREAM = Structure(
    "StreamSpecification",
    {
        "StreamEnabled": Boolean(),
        "StreamViewType": String(
            enum=("KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES")
        ),
    },
    required=("StreamEnabled",),
)
_ENCRYPTION = Structure(
    "SSESpecification",
    {
        "Enabled": Boolean(),
        "SSEType": String(enum=("AES256", "KMS")),
        "KMSMasterKeyId": String(),
    },
)
_TAGS = ListOf(
    Structure(
        "Tag",
        {"Key": String(length=(1, 128)), "Value": String(length=(0, 256))},
        required=("Key", "Value"),
        in_list=True,
    )
)
_BILLING = String(enum=("PROVISIONED", "PAY_PER_REQUEST"))
_TABLE_CLASS = String(enum=("STANDARD", "STANDARD_INFREQUENT_ACCESS"))
_GLOBAL_INDEX: dict[str, Shape] = {
    "IndexName": _INDEX_NAME,
    "KeySchema": _KEY_SCHEMA,
    "Projection": _PROJECTION,
    "ProvisionedThroughput": _THROUGHPUT,
    "OnDemandThroughput": _ON_DEMAND,
    "WarmThroughput": _WARM,
}
_INDEX_PARTS = ("IndexName", "KeySchema", "Projection")
_SETTINGS: dict[str, Shape] = {
    "BillingMode": _BILLING,
    "ProvisionedThroughput": _THROUGHPUT,
    "StreamSpecification": _STREAM,
    "SSESpecification": _ENCRYPTION,
    "TableClass": _TABLE_CLASS,
    "DeletionProtectionEnabled": Boolean(),
    "WarmThroughput": _WARM,
    "OnDemandThroughput": _ON_DEMAND,
}

CREATE_TABLE = Structure(
    "CreateTableInput",
    {
        "AttributeDefinitions": _DEFINITIONS,
        "TableName": TableName(low=3, arn=False),
        "KeySchema": _KEY_SCHEMA,
        "GlobalSecondaryIndexes": ListOf(
            Structure("GlobalSecondaryIndex", _GLOBAL_INDEX, required=_INDEX_PARTS, in_list=True)
        ),
        "LocalSecondaryIndexes": ListOf(
            Structure(
                "LocalSecondaryIndex",
                {"IndexName": _INDEX_NAME, "KeySchema": _KEY_SCHEMA, "Projection": _PROJECTION},
                required=_INDEX_PARTS,
                in_list=True,
            )
        ),
        "Tags": _TAGS,
        "ResourcePolicy": String(),
        **_SETTINGS,
    },
    required=("AttributeDefinitions", "KeySchema"),
    demanded=("TableName",),
)
UPDATE_TABLE = Structure(
    "UpdateTableInput",
    {
        "TableName": TableName(),
        "AttributeDefinitions": _DEFINITIONS,
        "GlobalSecondaryIndexUpdates": ListOf(
            Structure(
                "GlobalSecondaryIndexUpdate",
                {
                    "Update": Structure(
                        "UpdateGlobalSecondaryIndexAction",
                        {
                            "IndexName": _INDEX_NAME,
                            "ProvisionedThroughput": _THROUGHPUT,
                            "OnDemandThroughput": _ON_DEMAND,
                            "WarmThroughput": _WARM,
                        },
                        required=("IndexName",),
                    ),
                    "Create": Structure(
                        "CreateGlobalSecondaryIndexAction", _GLOBAL_INDEX, required=_INDEX_PARTS
                    ),
                    "Delete": Structure(
                        "DeleteGlobalSecondaryIndexAction",
                        {"IndexName": _INDEX_NAME},
                        required=("IndexName",),
                    ),
                },
                in_list=True,
            )
        ),
        "ReplicaUpdates": ListOf(Structure("ReplicationGroupUpdate", {}, in_list=True)),
        **_SETTINGS,
    },
    demanded=("TableName",),
)
ONE_TABLE = Structure("TableInput", {"TableName": TableName()}, demanded=("TableName",))
LIST_TABLES = Structure(
    "ListTablesInput",
    {
        "ExclusiveStartTableName": TableName(low=3, arn=False),
        "Limit": Number(low=1, high=100),
    },
)
UPDATE_TIME_TO_LIVE = Structure(
    "UpdateTimeToLiveInput",
    {
        "TableName": TableName(),
        "TimeToLiveSpecification": Structure(
            "TimeToLiveSpecification",
            {"Enabled": Boolean(), "AttributeName": _NAME},
            required=("Enabled", "AttributeName"),
        ),
    },
    required=("TimeToLiveSpecification",),
    demanded=("TableName",),
)
_ARN = String(length=(1, 1283))
TAG_RESOURCE = Structure(
    "TagResourceInput", {"ResourceArn": _ARN, "Tags": _TAGS}, required=("ResourceArn", "Tags")
)
UNTAG_RESOURCE = Structure(
    "UntagResourceInput",
    {"ResourceArn": _ARN, "TagKeys": ListOf(String(length=(1, 128)))},
    required=("ResourceArn", "TagKeys"),
)
LIST_TAGS = Structure(
    "ListTagsOfResourceInput",
    {"ResourceArn": _ARN, "NextToken": String()},
    required=("ResourceArn",),
)


def check_create(request: Json) -> None:
    """What CreateTable checks beyond single members, in AWS's order.

    Raises:
        AwsError: ValidationException.
    """
    _check_capacity(request)
    types = {d["AttributeName"]: d["AttributeType"] for d in request["AttributeDefinitions"]}
    if len(types) < len(request["AttributeDefinitions"]):
        raise _invalid("Cannot create duplicate attribute definitions")
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


def _check_key_schema(keys: list[Json], types: dict[str, str]) -> None:
    names = [key["AttributeName"] for key in keys]
    if any(name not in types for name in names):
        raise _invalid(
            "Some index key attributes are not defined in AttributeDefinitions. "
            f"Keys: [{', '.join(names)}], AttributeDefinitions: [{', '.join(types)}]"
        )
    if len(names) == 2 and names[0] == names[1]:
        raise validation_error(
            "Both the Hash Key and the Range Key element in the KeySchema have the same name"
        )
    if keys[0]["KeyType"] != "HASH":
        raise validation_error(
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"
        )
    if len(keys) == 2 and keys[1]["KeyType"] != "RANGE":
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
    _check_key_schema(index["KeySchema"], types)
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
