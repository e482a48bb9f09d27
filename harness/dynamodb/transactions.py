"""TransactWriteItems and TransactGetItems: all or nothing, with a reason for each action.

All actions are checked before any is applied. A condition that fails cancels the transaction with
one reason per action in the order of the request; an action that fits no key of its table stops the
evaluation of conditions.

Source: API reference, TransactWriteItems; ScyllaDB's test_transact.py, validated on AWS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from harness.awsjson import AwsError
from harness.dynamodb.attributes import check_item_size, check_updated_item_size, normalise_item
from harness.dynamodb.capacity import Bill, collection_metrics, read_units
from harness.dynamodb.engine import Written, put_row, remove_row
from harness.dynamodb.item_keys import check_update as check_update_keys
from harness.dynamodb.item_keys import item_position, key_position
from harness.dynamodb.item_requests import TRANSACT_GET_ITEMS, TRANSACT_WRITE_ITEMS
from harness.dynamodb.items import updated
from harness.dynamodb.request_expressions import (
    Guard,
    check_condition,
    check_projection,
    check_update,
    guard_of,
    projection_of,
    update_of,
)
from harness.dynamodb.shapes import validation_error
from harness.dynamodb.tables import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.dynamodb.change_log import Item
    from harness.dynamodb.engine import Engine
    from harness.dynamodb.expressions import Update
    from harness.dynamodb.tables import Table

Json = dict[str, Any]

BYTES_MAX = 4 * 1024 * 1024
TOKEN_SECONDS = 600
SECOND_US = 1_000_000
EMPTY_KEY = "One or more parameter values are not valid. The AttributeValue for a key attribute"
ONE_ITEM_TWICE = "Transaction request cannot include multiple operations on one item"
ONE_ACTION = "TransactItems can only contain one of Check, Put, Update or Delete"


TOO_LARGE = f"Aggregated item size cannot exceed {BYTES_MAX} bytes"
"""Deviation: of AWS's sentence no more is established than `size cannot exceed`."""


@dataclass(slots=True)
class Action:
    """One action of a transaction, ready to be checked and applied.

    Attributes:
        kind: `ConditionCheck`, `Put`, `Delete` or `Update`; `Insert` is a Put of a new item.
        named: the table as the request named it.
        key: the key; the whole item of a Put.
        guard: its condition.
        update: what an Update does.
        new: the item that it leaves; filled in when it is checked.
    """

    kind: str
    named: str
    key: Item
    guard: Guard | None
    update: Update | None
    table: Table
    position: bytes = b""
    new: Item | None = None
    new_size: int = 0


class Transactions:
    """The two operations and the tokens of those that were done.

    Args:
        engine: tables, clock and settings.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._done: dict[str, tuple[int, bytes, bytes]] = {}

    def write(self, payload: Json) -> bytes:
        """TransactWriteItems: the encoded answer."""
        sent = orjson.dumps(payload)
        request = TRANSACT_WRITE_ITEMS.parse(payload)
        if len(sent) > BYTES_MAX:
            raise validation_error(TOO_LARGE)
        return self.once(request.get("ClientRequestToken"), request, lambda: self._write(request))

    def once(self, token: str | None, request: Json, act: Callable[[], bytes]) -> bytes:
        """The answer of `act`, or of the same request with this token in the last ten minutes.

        Raises:
            AwsError: IdempotentParameterMismatchException; the token belongs to another request.
        """
        if token is None:
            return act()
        now_us = self._engine.clock.now_us()
        self._forget_old(now_us)
        print_ = orjson.dumps(request, option=orjson.OPT_SORT_KEYS)
        known = self._done.get(token)
        if known is not None:
            if known[1] != print_:
                raise AwsError("IdempotentParameterMismatchException", namespace=NAMESPACE)
            return known[2]
        answer = act()
        self._done[token] = (now_us, print_, answer)
        return answer

    def _forget_old(self, now_us: int) -> None:
        # Tokens are in the order of their time, so the old ones come first.
        for token, (done_us, _, _) in list(self._done.items()):
            if now_us - done_us <= TOKEN_SECONDS * SECOND_US:
                break
            del self._done[token]

    def _write(self, request: Json) -> bytes:
        prepared = [_prepared(one) for one in request["TransactItems"]]
        tables = [self._engine.tables.for_items(one["TableName"]) for _, one, _, _, _ in prepared]
        actions = [
            Action(kind, body["TableName"], key, guard, update, table)
            for (kind, body, key, guard, update), table in zip(prepared, tables, strict=True)
        ]
        check_all(actions)
        bill = Bill(request.get("ReturnConsumedCapacity"), factor=2, sides=True)
        metrics: dict[str, list[Json]] = {}
        for action in actions:
            written = commit(self._engine, action)
            if bill.wanted:
                bill.add_write(action.table, written, named=action.named)
            if request.get("ReturnItemCollectionMetrics") == "SIZE":
                one = collection_metrics(action.table, action.key)
                if one is not None and one not in metrics.setdefault(action.named, []):
                    metrics[action.named].append(one)
        answer: Json = {}
        if bill.wanted:
            answer["ConsumedCapacity"] = bill.all()
        if metrics:
            answer["ItemCollectionMetrics"] = metrics
        return orjson.dumps(answer)

    def get(self, payload: Json) -> bytes:
        """TransactGetItems: the encoded answer."""
        request = TRANSACT_GET_ITEMS.parse(payload)
        prepared = []
        for one in request["TransactItems"]:
            get = one["Get"]
            check_projection(get)
            prepared.append((get, projection_of(get), normalise_item(get["Key"])))
        tables = [self._engine.tables.for_items(get["TableName"]) for get, _, _ in prepared]
        reasons: list[Json] = []
        positions: list[bytes] = []
        for (_, _, key), table in zip(prepared, tables, strict=True):
            reasons.append(_position_or_reason(table, key, positions))
        _cancel_if_any(reasons)
        targets = {(table.name, at) for table, at in zip(tables, positions, strict=True)}
        if len(targets) < len(positions):
            raise validation_error(ONE_ITEM_TWICE)
        bill = Bill(request.get("ReturnConsumedCapacity"), factor=2, sides=True)
        responses = []
        total = 0
        for (get, projection, _), table, position in zip(prepared, tables, positions, strict=True):
            row = table.items.row(position)
            size = 0 if row is None else row[1]
            total += size
            bill.add_read(table, read_units(size, consistent=True), named=get["TableName"])
            if row is None:
                responses.append(b"{}")
                continue
            json = row[0]
            if projection is not None:
                json = orjson.dumps(projection.of(orjson.loads(json)))
            responses.append(b'{"Item":' + json + b"}")
        if total > BYTES_MAX:
            raise validation_error("Collections of items exceeds maximum allowed size: 4194304")
        tail = b""
        if bill.wanted:
            tail = b',"ConsumedCapacity":' + orjson.dumps(bill.all())
        return b'{"Responses":[' + b",".join(responses) + b"]" + tail + b"}"


def check_all(actions: list[Action]) -> None:
    """Check all actions; afterwards each can be committed.

    Raises:
        AwsError: TransactionCanceledException with a reason per action, or ValidationException
            when two actions are on one item.
    """
    for number, action in enumerate(actions):
        reason = _place(action)
        if reason is not None:
            reasons = [{"Code": "None"} for _ in actions]
            reasons[number] = reason
            _cancel_if_any(reasons)
    targets = {(action.table.name, action.position) for action in actions}
    if len(targets) < len(actions):
        raise validation_error(ONE_ITEM_TWICE)
    _cancel_if_any([_check(action) for action in actions])


def commit(engine: Engine, action: Action) -> Written:
    """Do what a checked action does."""
    if action.new is not None:
        return put_row(engine, action.table, action.position, action.new, action.new_size)
    if action.kind == "Delete":
        return remove_row(engine, action.table, action.position)
    row = action.table.items.row(action.position)
    size = 0 if row is None else row[1]
    return Written(size, size, {})


def _prepared(request: Json) -> tuple[str, Json, Item, Guard | None, Update | None]:
    """What of an action is checked before any table is looked at."""
    if len(request) != 1:
        raise validation_error(ONE_ACTION)
    kind, body = next(iter(request.items()))
    key = normalise_item(body["Item"] if kind == "Put" else body["Key"])
    if kind == "Update":
        check_update(body)
        update, guard = update_of(body)
        return kind, body, key, guard, update
    check_condition(body)
    return kind, body, key, guard_of(body), None


def _place(action: Action) -> Json | None:
    """Find the item's position; the reason why there is none."""
    try:
        if action.kind in {"Put", "Insert"}:
            action.new_size = check_item_size(action.key)
            action.position = item_position(action.table, action.key)
        else:
            action.position = key_position(action.table.schema, action.key)
        if action.update is not None:
            check_update_keys(action.table, action.update)
    except AwsError as error:
        return _reason(error)
    return None


def _check(action: Action) -> Json:
    """Evaluate the condition and the update; the action's reason, `None` when it is good."""
    row = action.table.items.row(action.position)
    old: Item | None = None
    if row is not None and (action.guard is not None or action.kind == "Update"):
        old = orjson.loads(row[0])
    if action.guard is not None and not action.guard.holds(old):
        reason: Json = {
            "Code": "ConditionalCheckFailed",
            "Message": "The conditional request failed",
        }
        if action.guard.returns_item and old is not None:
            reason["Item"] = old
        return reason
    if action.kind == "Insert" and row is not None:
        return {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"}
    if action.kind in {"Put", "Insert"}:
        action.new = action.key
    if action.kind == "Update":
        try:
            changed = updated(action.table, action.key, old, action.update)
            if changed is not None:
                action.new = changed[0]
                action.new_size = check_updated_item_size(action.new)
        except AwsError as error:
            return {"Code": "ValidationError", "Message": error.message}
    return {"Code": "None"}


def _position_or_reason(table: Table, key: Item, positions: list[bytes]) -> Json:
    try:
        positions.append(key_position(table.schema, key))
    except AwsError as error:
        return _reason(error)
    return {"Code": "None"}


def _reason(error: AwsError) -> Json:
    """The reason that an action's error becomes; an empty key refuses the whole request."""
    if error.message.startswith(EMPTY_KEY):
        raise error
    return {"Code": "ValidationError", "Message": error.message}


def _cancel_if_any(reasons: list[Json]) -> None:
    if all(reason["Code"] == "None" for reason in reasons):
        return
    codes = ", ".join(reason["Code"] for reason in reasons)
    raise AwsError(
        "TransactionCanceledException",
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        namespace=NAMESPACE,
        fields={"CancellationReasons": reasons},
    )
