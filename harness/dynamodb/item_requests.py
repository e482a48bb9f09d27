"""What requests on items look like: members, types and constraints of each operation.

Source: botocore's DynamoDB model; the order and words of faults as dynalite recorded them on AWS.
"""

from __future__ import annotations

from harness.dynamodb.shapes import (
    NAME_PATTERN,
    AttributeMap,
    AttributeValue,
    Boolean,
    ListOf,
    MapOf,
    Number,
    Shape,
    String,
    Structure,
    TableName,
)

COMPARISONS = (
    "IN", "NULL", "BETWEEN", "LT", "NOT_CONTAINS", "EQ", "GT", "NOT_NULL", "NE", "LE",
    "BEGINS_WITH", "GE", "CONTAINS",
)  # fmt: skip

_TEXT = String()
_TABLE = TableName()
_ITEM = AttributeMap()
_VALUE = AttributeValue()
_INDEX = String(pattern=NAME_PATTERN, length=(3, 255))
_CAPACITY = String(enum=("INDEXES", "TOTAL", "NONE"))
_METRICS = String(enum=("SIZE", "NONE"))
_OPERATOR = String(enum=("OR", "AND"))
_RETURN_VALUES = String(enum=("ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"))
_ON_FAILURE = String(enum=("ALL_OLD", "NONE"))
_SELECT = String(
    enum=("SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES")
)
_NAMES = MapOf(_TEXT, "java.lang.String")
_VALUES = AttributeMap()
_ATTRIBUTES = ListOf(_TEXT, length=(1, 255))
_LIMIT = Number(low=1)
_VALUE_CLASS = "com.amazonaws.dynamodb.v20120810"

_EXPECTED = MapOf(
    Structure(
        "ExpectedAttributeValue",
        {
            "AttributeValueList": ListOf(_VALUE),
            "ComparisonOperator": String(enum=COMPARISONS),
            "Exists": Boolean(),
            "Value": AttributeValue(in_list=False),
        },
        in_list=True,
    ),
    f"{_VALUE_CLASS}.ExpectedAttributeValue",
)
_CONDITIONS = MapOf(
    Structure(
        "Condition",
        {
            "AttributeValueList": ListOf(_VALUE),
            "ComparisonOperator": String(enum=COMPARISONS),
        },
        required=("ComparisonOperator",),
        in_list=True,
    ),
    f"{_VALUE_CLASS}.Condition",
)
_UPDATES = MapOf(
    Structure(
        "AttributeValueUpdate",
        {"Action": String(enum=("DELETE", "PUT", "ADD")), "Value": AttributeValue(in_list=False)},
        in_list=True,
    ),
    f"{_VALUE_CLASS}.AttributeValueUpdate",
)

_EXPRESSIONS: dict[str, Shape] = {
    "ExpressionAttributeNames": _NAMES,
    "ExpressionAttributeValues": _VALUES,
}
_CONDITIONAL: dict[str, Shape] = {
    "ConditionExpression": _TEXT,
    "Expected": _EXPECTED,
    "ConditionalOperator": _OPERATOR,
    "ReturnValuesOnConditionCheckFailure": _ON_FAILURE,
    **_EXPRESSIONS,
}
_WRITE: dict[str, Shape] = {
    "ReturnConsumedCapacity": _CAPACITY,
    "TableName": _TABLE,
    "ReturnValues": _RETURN_VALUES,
    "ReturnItemCollectionMetrics": _METRICS,
    **_CONDITIONAL,
}
_READ: dict[str, Shape] = {
    "ReturnConsumedCapacity": _CAPACITY,
    "TableName": _TABLE,
    "ConsistentRead": Boolean(),
    "AttributesToGet": _ATTRIBUTES,
    "ProjectionExpression": _TEXT,
    "ExpressionAttributeNames": _NAMES,
}
_PAGE: dict[str, Shape] = {
    "Select": _SELECT,
    "IndexName": _INDEX,
    "Limit": _LIMIT,
    "ExclusiveStartKey": _ITEM,
    "FilterExpression": _TEXT,
    "ConditionalOperator": _OPERATOR,
    "ExpressionAttributeValues": _VALUES,
    **_READ,
}

PUT_ITEM = Structure("PutItemInput", {**_WRITE, "Item": _ITEM}, required=("TableName", "Item"))
UPDATE_ITEM = Structure(
    "UpdateItemInput",
    {**_WRITE, "Key": _ITEM, "AttributeUpdates": _UPDATES, "UpdateExpression": _TEXT},
    required=("TableName", "Key"),
)
DELETE_ITEM = Structure("DeleteItemInput", {**_WRITE, "Key": _ITEM}, required=("TableName", "Key"))
GET_ITEM = Structure("GetItemInput", {**_READ, "Key": _ITEM}, required=("TableName", "Key"))
SCAN = Structure(
    "ScanInput",
    {
        **_PAGE,
        "TotalSegments": Number(low=1, high=1_000_000),
        "Segment": Number(low=0, high=999_999),
        "ScanFilter": _CONDITIONS,
    },
    required=("TableName",),
)
QUERY = Structure(
    "QueryInput",
    {
        **_PAGE,
        "Limit": Number(low=1, bare="Limit"),
        "KeyConditionExpression": _TEXT,
        "KeyConditions": _CONDITIONS,
        "QueryFilter": _CONDITIONS,
        "ScanIndexForward": Boolean(),
    },
    required=("TableName",),
)

_TABLE_KEY = (
    "Member must have length less than or equal to 255, "
    "Member must have length greater than or equal to 3, "
    f"Member must satisfy regular expression pattern: {NAME_PATTERN}",
    r"(arn:.*|[a-zA-Z0-9_.-]{3,255})",
    3,
    1024,
)
BATCH_GET_ITEM = Structure(
    "BatchGetItemInput",
    {
        "ReturnConsumedCapacity": _CAPACITY,
        "RequestItems": MapOf(
            Structure(
                "KeysAndAttributes",
                {
                    "Keys": ListOf(AttributeMap(nested=True), length=(1, 100), bare=True),
                    "AttributesToGet": _ATTRIBUTES,
                    "ConsistentRead": Boolean(),
                    "ProjectionExpression": _TEXT,
                    "ExpressionAttributeNames": _NAMES,
                },
                required=("Keys",),
                in_list=True,
            ),
            f"{_VALUE_CLASS}.KeysAndAttributes",
            key=_TABLE_KEY,
            as_json=True,
        ),
    },
    required=("RequestItems",),
)
BATCH_WRITE_ITEM = Structure(
    "BatchWriteItemInput",
    {
        "ReturnConsumedCapacity": _CAPACITY,
        "ReturnItemCollectionMetrics": _METRICS,
        "RequestItems": MapOf(
            ListOf(
                Structure(
                    "WriteRequest",
                    {
                        "DeleteRequest": Structure(
                            "DeleteRequest", {"Key": _ITEM}, required=("Key",)
                        ),
                        "PutRequest": Structure("PutRequest", {"Item": _ITEM}, required=("Item",)),
                    },
                    in_list=True,
                ),
                nested=True,
            ),
            f"java.util.List<{_VALUE_CLASS}.WriteRequest>",
            key=_TABLE_KEY,
            values=(1, 25),
        ),
    },
    required=("RequestItems",),
)

_TRANSACT: dict[str, Shape] = {
    "TableName": _TABLE,
    "ConditionExpression": _TEXT,
    "ReturnValuesOnConditionCheckFailure": _ON_FAILURE,
    **_EXPRESSIONS,
}
TRANSACT_WRITE_ITEMS = Structure(
    "TransactWriteItemsInput",
    {
        "ClientRequestToken": String(length=(1, 36)),
        "ReturnConsumedCapacity": _CAPACITY,
        "ReturnItemCollectionMetrics": _METRICS,
        "TransactItems": ListOf(
            Structure(
                "TransactWriteItem",
                {
                    "ConditionCheck": Structure(
                        "ConditionCheck",
                        {**_TRANSACT, "Key": _ITEM},
                        required=("TableName", "Key", "ConditionExpression"),
                    ),
                    "Put": Structure(
                        "Put", {**_TRANSACT, "Item": _ITEM}, required=("TableName", "Item")
                    ),
                    "Delete": Structure(
                        "Delete", {**_TRANSACT, "Key": _ITEM}, required=("TableName", "Key")
                    ),
                    "Update": Structure(
                        "Update",
                        {**_TRANSACT, "Key": _ITEM, "UpdateExpression": _TEXT},
                        required=("TableName", "Key", "UpdateExpression"),
                    ),
                },
                in_list=True,
            ),
            length=(1, 100),
        ),
    },
    required=("TransactItems",),
)
TRANSACT_GET_ITEMS = Structure(
    "TransactGetItemsInput",
    {
        "ReturnConsumedCapacity": _CAPACITY,
        "TransactItems": ListOf(
            Structure(
                "TransactGetItem",
                {
                    "Get": Structure(
                        "Get",
                        {
                            "TableName": _TABLE,
                            "Key": _ITEM,
                            "ProjectionExpression": _TEXT,
                            "ExpressionAttributeNames": _NAMES,
                        },
                        required=("TableName", "Key"),
                    )
                },
                required=("Get",),
                in_list=True,
            ),
            length=(1, 100),
        ),
    },
    required=("TransactItems",),
)

_STATEMENT = String(length=(1, 8192))
_PARAMETERS = ListOf(_VALUE, length=(1, None))
_PARTIQL: dict[str, Shape] = {
    "Statement": _STATEMENT,
    "Parameters": _PARAMETERS,
    "ReturnValuesOnConditionCheckFailure": _ON_FAILURE,
}
EXECUTE_STATEMENT = Structure(
    "ExecuteStatementInput",
    {
        **_PARTIQL,
        "ConsistentRead": Boolean(),
        "NextToken": String(length=(1, 32768)),
        "ReturnConsumedCapacity": _CAPACITY,
        "Limit": _LIMIT,
    },
    required=("Statement",),
)
BATCH_EXECUTE_STATEMENT = Structure(
    "BatchExecuteStatementInput",
    {
        "Statements": ListOf(
            Structure(
                "BatchStatementRequest",
                {**_PARTIQL, "ConsistentRead": Boolean()},
                required=("Statement",),
                in_list=True,
            ),
            length=(1, 25),
        ),
        "ReturnConsumedCapacity": _CAPACITY,
    },
    required=("Statements",),
)
EXECUTE_TRANSACTION = Structure(
    "ExecuteTransactionInput",
    {
        "TransactStatements": ListOf(
            Structure("ParameterizedStatement", _PARTIQL, required=("Statement",), in_list=True),
            length=(1, 100),
        ),
        "ClientRequestToken": String(length=(1, 36)),
        "ReturnConsumedCapacity": _CAPACITY,
    },
    required=("TransactStatements",),
)
