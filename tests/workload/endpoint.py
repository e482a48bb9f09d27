"""A DynamoDB over HTTP for these tests: the item engine behind the real server."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from harness.awsjson import AwsError, decode, encode, encode_error
from harness.clock import WallClock
from harness.dynamodb.api import DynamoDb
from harness.web.server import serve

if TYPE_CHECKING:
    from harness.scenario.model import Scenario
    from harness.web.message import Request, Response


class DynamoDbApp:
    """Answers DynamoDB requests, and remembers the names of their operations."""

    def __init__(self, dynamodb: DynamoDb) -> None:
        self.dynamodb = dynamodb
        self.asked: list[str] = []

    def __call__(self, request: Request) -> Response:
        call = decode(request)
        self.asked.append(call.operation)
        try:
            return encode(call, self.dynamodb.handle(call.operation, call.payload, call))
        except AwsError as error:
            return encode_error(call, error)

    def runs_in_thread(self, request: Request) -> bool:
        return False


def create_table(dynamodb: DynamoDb, scenario: Scenario) -> None:
    table = scenario.table
    dynamodb.handle(
        "CreateTable",
        {
            "TableName": table.table_name,
            "KeySchema": [
                {"AttributeName": part.attribute_name, "KeyType": part.key_type}
                for part in table.key_schema
            ],
            "AttributeDefinitions": [
                {"AttributeName": part.attribute_name, "AttributeType": part.attribute_type}
                for part in table.attribute_definitions
            ],
            "BillingMode": "PAY_PER_REQUEST",
        },
    )


if __name__ == "__main__":
    from harness.scenario.load import load_scenario

    served = DynamoDb(WallClock())
    create_table(served, load_scenario(sys.argv[1]))
    serve(DynamoDbApp(served), ready=lambda url: print(url, flush=True))
