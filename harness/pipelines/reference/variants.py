"""Rows with Variant columns: which member a value goes to is decided here, not by how it looks.

ClickHouse reads the text "5" of a Variant(UInt64, String) as a number. So a row carries the number
of the member and a place for each member, and the statement builds the Variant from them. That
takes `input()`, for which the pipe's user needs CREATE TEMPORARY TABLE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.pipelines.reference.clickhouse import literal, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.pipelines.reference.column_types import ColumnType
    from harness.pipelines.reference.config import PipeConfig

VARIANT_SETTINGS: dict[str, Any] = {"cast_string_to_variant_use_inference": 0}


def has_variants(config: PipeConfig) -> bool:
    """True when a column is a Variant."""
    return any(column.type.family == "Variant" for column in config.columns)


def insert_variants(config: PipeConfig, head: str) -> str:
    """`INSERT INTO … SELECT … FROM input(…) FORMAT JSONCompactEachRow`, to be followed by rows."""
    names = [*(c.name for c in config.columns), config.version_column, config.deleted_column]
    types = [
        *(_carried(c.type) for c in config.columns), config.version_type, "UInt8",
    ]  # fmt: skip
    structure = ", ".join(f"{quote(name)} {kind}" for name, kind in zip(names, types, strict=True))
    values = [
        _built(quote(c.name), c.type) if c.type.family == "Variant" else quote(c.name)
        for c in config.columns
    ]
    values += [quote(config.version_column), quote(config.deleted_column)]
    return (
        f"{head} SELECT {', '.join(values)} FROM input({literal(structure)}) "
        "FORMAT JSONCompactEachRow"
    )


def _carried(kind: ColumnType) -> str:
    if kind.family != "Variant":
        return kind.text
    return f"Tuple(UInt8, {', '.join(member.text for member in kind.inner)})"


def _built(name: str, kind: ColumnType) -> str:
    branches = []
    for place in range(1, len(kind.inner) + 1):
        held = f"tupleElement({name}, {place + 1})"
        branches += [f"tupleElement({name}, 1) = {place}", f"CAST({held}, {literal(kind.text)})"]
    return f"multiIf({', '.join(branches)}, CAST(NULL, {literal(kind.text)}))"


def first_member(kind: ColumnType, parsed: Sequence[str]) -> str:
    """The Variant of the first expression that is not NULL, one for each member; NULL for none."""
    branches = []
    for member, expression in zip(kind.inner, parsed, strict=True):
        held = f"CAST({expression}, {literal(f'Nullable({member.text})')})"
        branches += [f"isNotNull({held})", f"CAST({held}, {literal(kind.text)})"]
    return f"multiIf({', '.join(branches)}, CAST(NULL, {literal(kind.text)}))"
