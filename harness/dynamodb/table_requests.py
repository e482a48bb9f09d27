"""What requests on tables look like: members, types and constraints of each operation.

Source: botocore's DynamoDB model; words and order as dynalite and dynamodb-conformance recorded.
"""

from __future__ import annotations

from harness.dynamodb.shapes import (
    NAME_PATTERN,
    Boolean,
    ListOf,
    Number,
    Shape,
    String,
    Structure,
    TableName,
)
from harness.dynamodb.table_checks import KEY_PARTS_MAX
from harness.dynamodb.table_checks import check_create as check_create

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
_KEY_ELEMENT = Structure(
    "KeySchemaElement",
    {"AttributeName": _NAME, "KeyType": String(enum=("HASH", "RANGE"))},
    required=("AttributeName", "KeyType"),
    in_list=True,
)
_KEY_SCHEMA = ListOf(_KEY_ELEMENT, length=(1, 2))
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
    "KeySchema": ListOf(_KEY_ELEMENT, length=(1, 2 * KEY_PARTS_MAX)),
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
