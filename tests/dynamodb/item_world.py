"""A DynamoDB under a virtual clock, asked through boto3 without a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.clock import VirtualClock
from harness.gateway.aws import Aws
from harness.web.inprocess import attach

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb.client import DynamoDBClient

    from harness.dynamodb.change_log import Change
    from harness.dynamodb.tables import Table

Json = dict[str, Any]
REGION = "eu-west-1"
START_US = 1_731_400_000_000_000
_SESSION = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
_CLIENTS: list[Any] = []


def _client() -> Any:
    """One client for all tests: making one costs more than a test."""
    if not _CLIENTS:
        config = Config(retries={"max_attempts": 0, "mode": "standard"}, parameter_validation=False)
        _CLIENTS.append(_SESSION.client("dynamodb", endpoint_url="http://localhost", config=config))
    return _CLIENTS[0]


class ItemWorld:
    """Tables `flat` (key `id`) and `deep` (keys `pk`, `sk` (N), GSI `by-city`, LSI `by-age`)."""

    def __init__(self) -> None:
        self.clock = VirtualClock(seed=1, start_us=START_US)
        self.aws = Aws(self.clock)
        self.client: DynamoDBClient = _client()
        self.detach: Callable[[], None] = attach(_client(), self.aws.app)
        self.engine = self.aws.region(REGION).dynamodb.engine
        self.client.create_table(
            TableName="flat",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.client.create_table(
            TableName="deep",
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "N"},
                {"AttributeName": "city", "AttributeType": "S"},
                {"AttributeName": "age", "AttributeType": "N"},
            ],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by-city",
                    "KeySchema": [{"AttributeName": "city", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
            LocalSecondaryIndexes=[
                {
                    "IndexName": "by-age",
                    "KeySchema": [
                        {"AttributeName": "pk", "KeyType": "HASH"},
                        {"AttributeName": "age", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
            BillingMode="PAY_PER_REQUEST",
        )

    def table(self, name: str = "flat") -> Table:
        """The engine's own table."""
        return self.engine.tables.get(name)

    def put(self, table: str = "flat", /, **attributes: Json) -> Json:
        """PutItem."""
        return dict(self.client.put_item(TableName=table, Item=attributes))

    def changes(self, name: str = "flat") -> list[Change]:
        """Every change in the log since `watch`."""
        log = self.table(name).log
        return log.read(log.first, 1_000_000)

    def watch(self, name: str = "flat") -> None:
        """Let the table keep its changes, as a stream would."""
        self.table(name).log.keep("test", 86_400)


def refused(call: Any, **arguments: Any) -> tuple[str, str]:
    """Code and message of the error that `call` must raise."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture
def world() -> Iterator[ItemWorld]:
    """A fresh world."""
    world = ItemWorld()
    yield world
    world.detach()
