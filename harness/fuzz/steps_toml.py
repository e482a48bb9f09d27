"""A step as one line of TOML that a person can read and edit, and back.

    { do = "write", what = "w000001", put = { id = "k0", value = 7, tags = { SS = ["a"] } } }
    { do = "write", what = "w000002", update = { id = "k0" }, set = { value = 8 } }
    { do = "write", what = "w000003", delete = { id = "k0" } }
    { do = "deliver", what = "w000001", how = "copy" }

Text, numbers and truth values stand as they are; every other value in DynamoDB's own JSON.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args

from harness.errors import ScenarioError, nearest
from harness.fuzz.written import Written, clauses
from harness.run.step_actions import Action
from harness.workload.operations import Kind, Update, marker_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.workload.values import Attribute, Item

_WRITE = re.compile(r"w0*(\d+)")
_INTEGER = re.compile(r"0|-?[1-9]\d{0,17}")
_DECIMAL = re.compile(r"-?(0|[1-9]\d*)\.\d+")
_PAIR = re.compile(r"(#\w+) (?:= )?(:\w+)")
_TYPES = frozenset({"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"})
_VERBS = {"SET": "set", "ADD": "add", "DELETE": "take"}
_MEMBERS = frozenset({"do", "what", "how", "expression", "names", "values", "remove"})
_ALL = _MEMBERS | set(_VERBS.values()) | set(get_args(Kind))


def step_as_toml(step: Action, writes: Mapping[str, Written]) -> dict[str, Any]:
    """The members of a step's line."""
    members: dict[str, Any] = step.as_json()
    if step.do == "write":
        members |= write_as_toml(writes[step.what])
    return members


def write_as_toml(write: Written) -> dict[str, Any]:
    """What a write does, beside its name."""
    if write.kind == "put":
        return {"put": plain_item(write.image or {})}
    if write.kind == "delete":
        return {"delete": plain_item(write.key)}
    assert write.update is not None
    return {"update": plain_item(write.key), **_update_as_toml(write.update)}


def _update_as_toml(update: Update) -> dict[str, Any]:
    parts = clauses(update)
    members: dict[str, Any] = {}
    for word, verb in _VERBS.items():
        pairs = [_PAIR.fullmatch(part) for part in parts.get(word, [])]
        if not all(pairs):
            return {
                "expression": update.expression,
                "names": update.names,
                "values": dict(update.values),
            }
        if pairs:
            members[verb] = {
                update.names[p[1]]: plain(update.values[p[2]]) for p in pairs if p is not None
            }
    removed = parts.get("REMOVE", [])
    if not all(part in update.names for part in removed):
        return {"expression": update.expression, "names": update.names, "values": update.values}
    if removed:
        members["remove"] = [update.names[part] for part in removed]
    return members


def read_step(members: Mapping[str, Any]) -> Action:
    """The action of a line.

    Raises:
        ScenarioError: the line says something that no step does.
    """
    for name in members:
        if name not in _ALL:
            raise ScenarioError(f"expected a member of a step, found {name!r}", hint=_near(name))
    if not isinstance(members.get("do"), str):
        raise ScenarioError("expected a step to say what it does, found no `do`")
    for name in ("what", "how"):
        if not isinstance(members.get(name, ""), str):
            raise ScenarioError(f"expected text as {name}, found {members[name]!r}")
    action = Action.from_json(members)
    if action.do == "write" and not _WRITE.fullmatch(action.what):
        raise ScenarioError(f"expected what = 'w000001' or the like, found {action.what!r}")
    return Action(action.do, write_name(action.what), action.how)


def write_name(text: str) -> str:
    """`w000003` for `w3`; other text as it is."""
    found = _WRITE.fullmatch(text)
    return marker_id(int(found[1])) if found else text


def read_write(members: Mapping[str, Any], keys: Sequence[str], *, exported: bool) -> Written:
    """The write of a line.

    Args:
        members: of the line.
        keys: names of the table's key attributes.
        exported: it happens before the export.

    Raises:
        ScenarioError: it does not say what is written, or not to which key.
    """
    found = _WRITE.fullmatch(str(members.get("what", "")))
    kinds = [kind for kind in get_args(Kind) if kind in members]
    if found is None or len(kinds) != 1:
        raise ScenarioError(
            "expected a write with a name and one of put, update or delete",
            hint='for example { do = "write", what = "w000001", delete = { id = "k0" } }',
        )
    kind: Kind = kinds[0]
    item = wire_item(members[kind])
    missing = [name for name in keys if name not in item]
    if missing:
        raise ScenarioError(f"expected the key attribute {missing[0]!r} in {kind}, found none")
    key = {name: item[name] for name in keys}
    number = int(found[1])
    if kind == "put":
        return Written(number, kind, key, image=item, exported=exported)
    if set(item) != set(keys):
        extra = sorted(set(item) - set(keys))
        raise ScenarioError(
            f"expected the key alone in {kind}, found {', '.join(extra)} too",
            hint="an update says `set = { … }`, `add`, `take` or `remove = [ … ]` beside it",
        )
    update = _read_update(members) if kind == "update" else None
    return Written(number, kind, key, update=update, exported=exported)


def _read_update(members: Mapping[str, Any]) -> Update:
    if "expression" in members:
        return Update(
            str(members["expression"]),
            dict(members.get("names", {})),
            dict(members.get("values", {})),
        )
    names: dict[str, str] = {}
    values: dict[str, Attribute] = {}
    pieces = []
    for word, verb in _VERBS.items():
        parts = []
        for name, value in members.get(verb, {}).items():
            names[f"#a{len(names)}"] = name
            values[f":v{len(values)}"] = wire(value)
            sign = " = " if word == "SET" else " "
            parts.append(f"#a{len(names) - 1}{sign}:v{len(values) - 1}")
        if parts:
            pieces.append(f"{word} {', '.join(parts)}")
    removed = []
    for name in members.get("remove", []):
        names[f"#a{len(names)}"] = name
        removed.append(f"#a{len(names) - 1}")
    if removed:
        pieces.append(f"REMOVE {', '.join(removed)}")
    return Update(" ".join(pieces), names, values)


def plain_item(item: Item) -> dict[str, Any]:
    """An item's attributes, as plain as they can be said."""
    return {name: plain(value) for name, value in item.items()}


def plain(value: Attribute) -> Any:
    """Text, numbers and truth values as TOML has them, anything else in wire form."""
    kind, inside = next(iter(value.items()))
    if kind in ("S", "BOOL"):
        return inside
    if kind == "N" and _INTEGER.fullmatch(inside):
        return int(inside)
    if kind == "N" and _DECIMAL.fullmatch(inside):
        return Decimal(inside)
    return value


def wire_item(item: Any) -> Item:
    """The wire form of a table of attributes.

    Raises:
        ScenarioError: it is none.
    """
    if not isinstance(item, dict):
        raise ScenarioError(f"expected a table of attributes, found {item!r}")
    return {name: wire(value) for name, value in item.items()}


def wire(value: Any) -> Attribute:
    """The wire form of a value.

    Raises:
        ScenarioError: DynamoDB has no such value.
    """
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | Decimal):
        return {"N": str(value)}
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in _TYPES:
        return dict(value)
    raise ScenarioError(
        f"expected text, a number, true, false or a value like {{ SS = ['a'] }}, found {value!r}"
    )


def _near(name: str) -> str:
    return nearest(name, _ALL)
