"""DateTime and DateTime64 as SQL: from ISO 8601 text, and from epoch seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.pipelines.reference.clickhouse import literal
from harness.pipelines.reference.moments import (
    NANOSECOND_SECONDS,
    NANOSECONDS,
    SECONDS_END,
    WIDE_SECONDS,
)

if TYPE_CHECKING:
    from harness.pipelines.reference.column_types import ColumnType
    from harness.pipelines.reference.sql_cells import Parts

MOMENT_PATTERN = (
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?"
    "([.][0-9]+)?([Zz]|[+-][0-9]{2}:?[0-9]{2})?)?$"
)


def moment(kind: ColumnType, parts: Parts) -> str:
    """The moment that an S or an N tells as Nullable, NULL where it does not fit."""
    precision = kind.precision if kind.family == "DateTime64" else 0
    words, digits = parts.text, parts.number
    fraction = f"replaceRegexpOne(extract({words}, '[.]([0-9]+)'), '0+$', '')"
    whole = f"replaceRegexpOne({words}, '[.][0-9]+', '')"
    second = f"toUnixTimestamp64Second(parseDateTime64BestEffortOrNull({whole}, 0, 'UTC'))"
    day = f"substring({words}, 1, 10)"
    is_moment = (
        f"match({words}, {literal(MOMENT_PATTERN)}) "
        f"AND toString(toDate32OrNull({day})) = {day} AND length({fraction}) <= {precision}"
    )
    from_text = (
        f"toDecimal128OrNull(toString({second}), {precision}) "
        f"+ toDecimal128OrNull(concat('0.', {fraction}, '0'), {precision})"
    )
    exact = f"toDecimal128OrNull({digits}, {precision})"
    branches = []
    if "S" in parts.tags:
        branches.append(f"{is_moment}, {from_text}")
    if "N" in parts.tags:
        branches.append(f"toString({exact}) = {digits}, {exact}")
    seconds = f"multiIf({', '.join(branches)}, NULL)"
    least, end = (0, SECONDS_END)
    if kind.family == "DateTime64":
        least, end = NANOSECOND_SECONDS if precision == NANOSECONDS else WIDE_SECONDS
    fits = f"{seconds} >= {least} AND {seconds} < {end}"
    ticks = f"toInt64OrNull(toString(toInt256({seconds} * toInt64({10**precision}))))"
    target = f"DateTime64({precision}, 'UTC')"
    moment = f"reinterpret(ifNull({ticks}, toInt64(0)), {literal(target)})"
    return f"if({fits}, {moment}, NULL)"
