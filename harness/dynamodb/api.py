"""DynamoDB's API: which function answers which operation.

Other modules add their operations by `register`; nothing here knows of streams or exports.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from harness.awsjson import AwsError
from harness.dynamodb.account import describe_endpoints, describe_limits
from harness.dynamodb.batches import batch_get_item, batch_write_item
from harness.dynamodb.engine import Engine, Settings
from harness.dynamodb.items import delete_item, get_item, put_item, update_item
from harness.dynamodb.numbers import InvalidValueError
from harness.dynamodb.partiql import PartiQl
from harness.dynamodb.queries import query, scan
from harness.dynamodb.resource_policies import (
    delete_resource_policy,
    get_resource_policy,
    put_resource_policy,
)
from harness.dynamodb.shapes import encode
from harness.dynamodb.table_operations import (
    create_table,
    delete_table,
    describe_table,
    list_tables,
)
from harness.dynamodb.table_updates import update_table
from harness.dynamodb.tables import Tables
from harness.dynamodb.tags import list_tags, tag_resource, untag_resource
from harness.dynamodb.time_to_live import TimeToLive
from harness.dynamodb.transactions import Transactions

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.clock import Clock

    Operation = Callable[[dict[str, Any], Any], "bytes | dict[str, Any]"]
    """Takes the payload and the request's context; answers JSON bytes, or members to encode."""

_ON_ENGINE: dict[str, Callable[[Engine, dict[str, Any]], bytes]] = {
    "BatchGetItem": batch_get_item,
    "BatchWriteItem": batch_write_item,
    "CreateTable": create_table,
    "DeleteItem": delete_item,
    "DeleteResourcePolicy": delete_resource_policy,
    "DeleteTable": delete_table,
    "DescribeEndpoints": describe_endpoints,
    "DescribeLimits": describe_limits,
    "DescribeTable": describe_table,
    "GetItem": get_item,
    "GetResourcePolicy": get_resource_policy,
    "ListTables": list_tables,
    "ListTagsOfResource": list_tags,
    "PutItem": put_item,
    "PutResourcePolicy": put_resource_policy,
    "Query": query,
    "Scan": scan,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "UpdateItem": update_item,
    "UpdateTable": update_table,
}

_OLDER_WORDS = frozenset({"BatchWriteItem", "Scan"})


class DynamoDb:
    """One account's DynamoDB in one region.

    Args:
        clock: all time and chance.
        region: for ARNs.
        account: for ARNs.
        settings: of the item engine.
        table_delay_seconds: how long tables are CREATING, UPDATING and DELETING; 0 shows these
            states in the answers of the three operations alone.

    Attributes:
        tables: for other modules: lookup and hooks.
        engine: for other modules: writes through the engine.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        region: str = "us-east-1",
        account: str = "000000000000",
        settings: Settings | None = None,
        table_delay_seconds: float = 0.0,
    ) -> None:
        self.clock = clock
        self.tables = Tables(
            clock, region=region, account=account, delay_seconds=table_delay_seconds
        )
        self.engine = Engine(clock, self.tables, settings or Settings())
        self._operations: dict[str, Operation] = {}
        for name, function in _ON_ENGINE.items():
            if name in _OLDER_WORDS:
                self.register(name, self._in_older_words(partial(function, self.engine)))
            else:
                self.register(name, self._bound(function))
        transactions = Transactions(self.engine)
        partiql = PartiQl(self.engine, transactions)
        time_to_live = TimeToLive(self.engine)
        self.register("ExecuteStatement", lambda payload, _: partiql.execute(payload))
        self.register("BatchExecuteStatement", lambda payload, _: partiql.batch(payload))
        self.register("ExecuteTransaction", lambda payload, _: partiql.transact(payload))
        self.register("TransactWriteItems", self._in_older_words(transactions.write))
        self.register("TransactGetItems", self._in_older_words(transactions.get))
        self.register("UpdateTimeToLive", lambda payload, _: time_to_live.update(payload))
        self.register("DescribeTimeToLive", lambda payload, _: time_to_live.describe(payload))

    def _bound(self, function: Callable[[Engine, dict[str, Any]], bytes]) -> Operation:
        engine = self.engine
        return lambda payload, _context: function(engine, payload)

    def _in_older_words(self, function: Callable[[dict[str, Any]], bytes]) -> Operation:
        """`function`, whose refusals of values are in the older of DynamoDB's two wordings."""

        def operation(payload: dict[str, Any], _context: object) -> bytes:
            try:
                return function(payload)
            except InvalidValueError as error:
                raise error.in_older_words() from None

        return operation

    def register(self, name: str, operation: Operation) -> None:
        """Answer `name` by `operation`; a name can be taken once."""
        if name in self._operations:
            raise ValueError(f"operation {name} is registered twice")
        self._operations[name] = operation

    def knows(self, name: str) -> bool:
        """Whether an operation of this name is answered here."""
        return name in self._operations

    def operations(self) -> list[str]:
        """All operations answered here, sorted."""
        return sorted(self._operations)

    def handle(self, operation: str, payload: dict[str, Any], context: object = None) -> bytes:
        """Answer one request.

        Args:
            operation: e.g. `PutItem`.
            payload: the decoded JSON body; it may be taken over, so do not use it afterwards.
            context: what the operation's module wants of the request (headers and the like).

        Returns:
            The JSON body of the answer.

        Raises:
            AwsError: as AWS answers.
        """
        function = self._operations.get(operation)
        if function is None:
            raise AwsError(
                "UnknownOperationException",
                f"not emulated: {operation}",
                namespace="com.amazon.coral.service",
            )
        answer = function(payload, context)
        return answer if isinstance(answer, bytes) else encode(answer)
