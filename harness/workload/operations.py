"""One write of the workload: what is sent, and the image of the item that it should leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import orjson

from harness.workload.values import Attribute, Item

Phase = Literal["before", "during", "after"]
"""Before the export, while the snapshot loads, after it."""

Kind = Literal["put", "update", "delete"]

Change = Literal["insert", "replace", "update", "delete", "reinsert"]
"""Why it was written; the words of `[workload.mix]`."""

MARKER_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Update:
    """The parts of an UpdateItem.

    Attributes:
        expression: `SET #a = :a REMOVE #b ADD #n :n DELETE #s :s`.
        names: placeholder to attribute name.
        values: placeholder to value.
    """

    expression: str
    names: dict[str, str]
    values: dict[str, Attribute]


@dataclass(frozen=True, slots=True)
class Operation:
    """One write of one item, in wire form.

    Attributes:
        number: position in the workload, from 0.
        phase: when it is sent.
        kind: PutItem, UpdateItem or DeleteItem.
        change: why, in the words of the mix.
        key: the primary key, in the order of the key schema.
        marker: unique id of this write, stored in the item: `w000123`.
        counter: writes that this key has seen with this one, deletes included.
        image: the item afterwards, markers included; None after a delete. A put sends it as it is.
        update: what an update sends.
        burst: number of the burst that it belongs to; operations of one burst are consecutive.
    """

    number: int
    phase: Phase
    kind: Kind
    change: Change
    key: Item
    marker: str
    counter: int
    image: Item | None
    update: Update | None = None
    burst: int | None = None

    def serialise(self) -> bytes:
        """One line of JSON without its newline; equal operations give equal bytes."""
        line: dict[str, Any] = {
            "number": self.number,
            "phase": self.phase,
            "kind": self.kind,
            "change": self.change,
            "key": self.key,
            "marker": self.marker,
            "counter": self.counter,
        }
        if self.burst is not None:
            line["burst"] = self.burst
        if self.update is not None:
            line["update"] = {
                "expression": self.update.expression,
                "names": self.update.names,
                "values": self.update.values,
            }
        if self.image is not None:
            line["image"] = self.image
        return orjson.dumps(line, option=orjson.OPT_SORT_KEYS)

    def request(self, table_name: str) -> tuple[str, dict[str, Any]]:
        """The DynamoDB operation and its body in wire form (binary as base64 text)."""
        if self.kind == "put":
            return "PutItem", {"TableName": table_name, "Item": self.image}
        if self.kind == "delete":
            return "DeleteItem", {"TableName": table_name, "Key": self.key}
        return "UpdateItem", self.update_body(table_name)

    def update_body(self, table_name: str) -> dict[str, Any]:
        """Body of an UpdateItem, or of an Update within TransactWriteItems.

        Raises:
            ValueError: this is no update.
        """
        if self.update is None:
            raise ValueError(f"operation {self.number} is a {self.kind}, not an update")
        return {
            "TableName": table_name,
            "Key": self.key,
            "UpdateExpression": self.update.expression,
            "ExpressionAttributeNames": self.update.names,
            "ExpressionAttributeValues": self.update.values,
        }


def key_bytes(key: Item) -> bytes:
    """A key as bytes that are equal for equal keys; keys list their parts in schema order."""
    return orjson.dumps(key)


def marker_id(number: int) -> str:
    """The id that write number `number` leaves in its item."""
    return f"w{number:0{MARKER_DIGITS}d}"
