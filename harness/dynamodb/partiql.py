"""ExecuteStatement, BatchExecuteStatement and ExecuteTransaction.

Source: API reference and the developer guide's PartiQL pages; errors as dynamodb-conformance
recorded on AWS.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import md5
from typing import TYPE_CHECKING, Any

import orjson

from harness.awsjson import AwsError
from harness.dynamodb.attributes import check_item_size, check_updated_item_size, normalise_value
from harness.dynamodb.capacity import Bill, read_units
from harness.dynamodb.engine import put_row, remove_row
from harness.dynamodb.expressions import bind, compile_condition, compile_update, updated_view
from harness.dynamodb.item_keys import check_index_keys, item_position, key_position
from harness.dynamodb.item_requests import (
    BATCH_EXECUTE_STATEMENT,
    EXECUTE_STATEMENT,
    EXECUTE_TRANSACTION,
)
from harness.dynamodb.partiql_statements import Conjunct, parse
from harness.dynamodb.queries import Page, Source, read_page
from harness.dynamodb.ranges import EVERYTHING, narrowed, partition
from harness.dynamodb.request_expressions import Guard
from harness.dynamodb.shapes import encode, validation_error
from harness.dynamodb.tables import NAMESPACE
from harness.dynamodb.transactions import Action, check_all, commit

if TYPE_CHECKING:
    from harness.dynamodb.change_log import Attribute, Item
    from harness.dynamodb.engine import Engine, Written
    from harness.dynamodb.expressions import Condition
    from harness.dynamodb.partiql_statements import Path, Statement
    from harness.dynamodb.ranges import Stretch
    from harness.dynamodb.tables import Table
    from harness.dynamodb.transactions import Transactions

Json = dict[str, Any]

DUPLICATE = "Duplicate primary key exists in table"
NO_KEY = "Where clause does not contain a mandatory equality on all key attributes"
FAILED = "The conditional request failed"
_CODES = {"ValidationException": "ValidationError"}


class PartiQl:
    """The three operations.

    Args:
        engine: tables, clock and settings.
        transactions: for the tokens of ExecuteTransaction.
    """

    def __init__(self, engine: Engine, transactions: Transactions) -> None:
        self._engine = engine
        self._transactions = transactions

    def execute(self, payload: Json) -> bytes:
        """ExecuteStatement: the encoded answer."""
        request = EXECUTE_STATEMENT.parse(payload)
        statement = _parsed(request)
        bill = Bill(request.get("ReturnConsumedCapacity"))
        if statement.kind == "SELECT":
            answer = self._select(statement, request, bill)
        else:
            table = self._engine.tables.for_items(statement.table)
            items = self._write(table, statement, request, bill)
            answer = {"Items": items or []}
        if bill.wanted:
            answer["ConsumedCapacity"] = bill.one()
        return encode(answer)

    def batch(self, payload: Json) -> bytes:
        """BatchExecuteStatement: the encoded answer, an error or an item for each statement."""
        request = BATCH_EXECUTE_STATEMENT.parse(payload)
        bill = Bill(request.get("ReturnConsumedCapacity"))
        responses: list[Json] = []
        for one in request["Statements"]:
            table_name = ""
            try:
                statement = _parsed(one)
                table_name = statement.table
                item = self._single(statement, one, bill)
            except AwsError as error:
                code = _CODES.get(error.code, error.code.removesuffix("Exception"))
                response: Json = {"Error": {"Code": code, "Message": error.message}}
                if "Item" in error.fields:
                    response["Error"]["Item"] = error.fields["Item"]
                if table_name:
                    response["TableName"] = table_name
                responses.append(response)
                continue
            response = {"TableName": table_name}
            if item is not None:
                response["Item"] = item
            responses.append(response)
        answer: Json = {"Responses": responses}
        if bill.wanted:
            answer["ConsumedCapacity"] = bill.all()
        return encode(answer)

    def transact(self, payload: Json) -> bytes:
        """ExecuteTransaction: the encoded answer; reads alone, or writes alone."""
        request = EXECUTE_TRANSACTION.parse(payload)
        statements = [_parsed(one) for one in request["TransactStatements"]]
        for number, statement in enumerate(statements):
            where = f"Validation failed in TransactStatements[{number}]: "
            if statement.returning:
                raise validation_error(
                    f"{where}RETURNING clause is not supported in ExecuteTransaction."
                )
            if statement.index is not None:
                raise validation_error(
                    f"{where}Reads on indices are not supported within transactions."
                )
        reads = [statement.kind == "SELECT" for statement in statements]
        if any(reads) and not all(reads):
            raise validation_error(
                "The entire transaction must consist of either read statements or write "
                "statements, you cannot mix both in one transaction."
            )
        return self._transactions.once(
            request.get("ClientRequestToken"),
            request,
            lambda: self._transact(request, statements, reads=all(reads)),
        )

    def _transact(self, request: Json, statements: list[Statement], *, reads: bool) -> bytes:
        bill = Bill(request.get("ReturnConsumedCapacity"), factor=2, sides=True)
        responses: list[Json] = []
        if reads:
            for statement in statements:
                item = self._single(statement, {"ConsistentRead": True}, bill)
                responses.append({} if item is None else {"Item": item})
        else:
            actions = [
                self._action(statement, one)
                for statement, one in zip(statements, request["TransactStatements"], strict=True)
            ]
            check_all(actions)
            for action in actions:
                bill.add_write(action.table, commit(self._engine, action))
        answer: Json = {"Responses": responses}
        if bill.wanted:
            answer["ConsumedCapacity"] = bill.all()
        return encode(answer)

    def _single(self, statement: Statement, request: Json, bill: Bill) -> Item | None:
        """A statement on one item, as batches and transactions have them."""
        table = self._engine.tables.for_items(statement.table)
        if statement.kind != "SELECT":
            items = self._write(table, statement, request, bill)
            return items[0] if items else None
        if statement.index is None:
            _key(table, statement)
        items = self._select(statement, request, bill)["Items"]
        return items[0] if items else None

    def _select(self, statement: Statement, request: Json, bill: Bill) -> Json:
        source = _source(self._engine, statement, request)
        stretch = _stretch(source, statement.where)
        condition = _condition(statement, statement.where)
        mark = md5(request.get("Statement", "").encode(), usedforsecurity=False).hexdigest()
        after = _position(request.get("NextToken"), mark)
        page = read_page(
            self._engine, request, source, stretch, after=after, backward=statement.backward
        )
        if bill.wanted:
            units = read_units(page.size, consistent=request.get("ConsistentRead", False))
            name = None if source.index is None else source.index.name
            bill.add_read(source.table, units, name)
        items = [orjson.loads(json) for json in page.rows]
        kept = [item for item in items if condition is None or condition.holds(item)]
        answer: Json = {"Items": [_selected(statement, item) for item in kept]}
        if page.more:
            answer["NextToken"] = _token(source, page, mark)
            last = items[-1]
            answer["LastEvaluatedKey"] = {name: last[name] for name in source.key_names}
        return answer

    def _write(
        self, table: Table, statement: Statement, request: Json, bill: Bill
    ) -> list[Item] | None:
        """INSERT, UPDATE or DELETE; the items that RETURNING asks for."""
        if statement.kind == "INSERT":
            size = check_item_size(statement.item)
            position = item_position(table, statement.item)
            if table.items.row(position) is not None:
                raise AwsError("DuplicateItemException", DUPLICATE, namespace=NAMESPACE)
            written = put_row(self._engine, table, position, statement.item, size)
            bill.add_write(table, written)
            return None
        key = _key(table, statement)
        position = key_position(table.schema, key)
        row = table.items.row(position)
        old: Item | None = None if row is None else orjson.loads(row[0])
        if old is None and statement.kind == "DELETE":
            return None
        self._check(table, statement, request, old)
        if statement.kind == "DELETE":
            bill.add_write(table, remove_row(self._engine, table, position))
            return [old] if statement.returning and old is not None else None
        return self._update(table, statement, position, old or key, bill)

    def _check(self, table: Table, statement: Statement, request: Json, old: Item | None) -> None:
        condition = _condition(statement, _beside_key(table, statement))
        if old is None or (condition is not None and not condition.holds(old)):
            wanted = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
            fields = {"Item": old} if wanted and old is not None else None
            raise AwsError(
                "ConditionalCheckFailedException", FAILED, namespace=NAMESPACE, fields=fields
            )

    def _update(
        self, table: Table, statement: Statement, position: bytes, old: Item, bill: Bill
    ) -> list[Item] | None:
        update = compile_update(statement.update, bind(statement.names, statement.values or None))
        update.check_without(table.schema.names)
        new, paths = update.apply(old)
        check_index_keys(table, new, {str(path[0]) for path in paths})
        size = check_updated_item_size(new)
        written: Written = put_row(self._engine, table, position, new, size, old=old)
        bill.add_write(table, written)
        if not statement.returning:
            return None
        which, when = statement.returning.split()
        shown = old if when == "OLD" else new
        return [shown if which == "ALL" else updated_view(paths, shown) or {}]

    def _action(self, statement: Statement, request: Json) -> Action:
        """A write as an action of a transaction."""
        table = self._engine.tables.for_items(statement.table)
        returns_item = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        if statement.kind == "INSERT":
            return Action("Insert", table.name, statement.item, None, None, table)
        key = _key(table, statement)
        parts = _beside_key(table, statement)
        update = None
        if statement.kind == "UPDATE":
            binding = bind(statement.names, statement.values or None)
            update = compile_update(statement.update, binding)
            name = next(k for k, v in statement.names.items() if v == table.schema.hash_name)
            parts = [Conjunct(f"attribute_exists({name})"), *parts]
        condition = _condition(statement, parts)
        guard = None if condition is None else Guard(condition, returns_item)
        kind = "Update" if statement.kind == "UPDATE" else "Delete"
        return Action(kind, table.name, key, guard, update, table)


def _parsed(request: Json) -> Statement:
    parameters = [normalise_value(value) for value in request.get("Parameters", [])]
    return parse(request["Statement"], parameters)


def _source(engine: Engine, statement: Statement, request: Json) -> Source:
    table = engine.tables.for_items(statement.table)
    if statement.index is None:
        return Source(table, None, table.items.ordered, table.schema, table.schema.names)
    index = table.items.indexes.get(statement.index)
    if index is None:
        raise validation_error("The table does not have the specified index")
    if index.is_global and request.get("ConsistentRead"):
        raise validation_error(
            "Strongly consistent read is not supported on Global Secondary Indexes"
        )
    if index.projection != "ALL":
        _check_projected(index.key_names + index.include, statement, index.name, index.is_global)
    return Source(table, index, index.ordered, index.schema, index.key_names)


def _check_projected(
    held: tuple[str, ...],
    statement: Statement,
    index: str,
    is_global: bool,  # noqa: FBT001
) -> None:
    invalid = "One or more parameter values were invalid: "
    filtered = [name for name in statement.names.values() if name not in held]
    if filtered:
        raise validation_error(
            f"{invalid}Secondary index {index} does not project one or more filter attributes: "
            f"[{', '.join(filtered)}]"
        )
    missing = sorted(statement.heads() - set(held))
    if missing and is_global:
        raise validation_error(
            f"{invalid}Global secondary index {index} does not project [{', '.join(missing)}]"
        )


def _stretch(source: Source, where: list[Conjunct]) -> Stretch:
    """The partition that the WHERE clause fixes, narrowed by its range; else everything."""
    schema = source.schema
    for part in where:
        if part.name == schema.hash_name and part.operator == "=":
            if schema.hash_type not in part.values[0]:
                raise validation_error(
                    "One or more parameter values were invalid: Condition parameter type does "
                    "not match schema type"
                )
            whole = partition(schema, part.values[0])
            break
    else:
        return EVERYTHING
    for part in where:
        fits = all(schema.range_type in value for value in part.values)
        if part.name == schema.range_name and part.operator and fits:
            return narrowed(schema, whole, part.operator, part.values)
    return whole


def _condition(statement: Statement, parts: list[Conjunct]) -> Condition | None:
    if not parts:
        return None
    binding = bind(statement.names or None, statement.values or None)
    return compile_condition(" AND ".join(part.text for part in parts), binding)


def _key(table: Table, statement: Statement) -> Item:
    key: Item = {}
    for name in table.schema.names:
        for part in statement.where:
            if part.name == name and part.operator == "=":
                key[name] = part.values[0]
                break
        else:
            raise validation_error(NO_KEY)
    key_position(table.schema, key)
    return key


def _beside_key(table: Table, statement: Statement) -> list[Conjunct]:
    """The parts of the WHERE clause that are not the key's own equalities."""
    seen: set[str] = set()
    others = []
    for part in statement.where:
        if part.operator == "=" and part.name in table.schema.names and part.name not in seen:
            seen.add(part.name)
        else:
            others.append(part)
    return others


def _selected(statement: Statement, item: Item) -> Item:
    if statement.paths is None:
        return item
    found = {}
    for name, path in statement.paths:
        value = _at(item, path)
        if value is not None:
            found[name] = value
    return found


def _at(item: Item, path: Path) -> Attribute | None:
    value: Any = {"M": item}
    for step in path:
        if isinstance(step, int):
            members = value.get("L", ())
            value = members[step] if step < len(members) else None
        else:
            value = value.get("M", {}).get(step)
        if value is None:
            return None
    return dict(value)


def _token(source: Source, page: Page, mark: str) -> str:
    last = orjson.loads(page.rows[-1])
    if source.index is None:
        position = source.schema.position(last)
    else:
        position = source.schema.position(last) + source.table.schema.tie(last)
    return b64encode(orjson.dumps([mark, position.hex()])).decode()


def _position(token: str | None, mark: str) -> bytes | None:
    if token is None:
        return None
    try:
        known, position = orjson.loads(b64decode(token, validate=True))
        if known == mark:
            return bytes.fromhex(position)
    except (ValueError, TypeError):
        pass
    raise validation_error("NextToken does not match request")
