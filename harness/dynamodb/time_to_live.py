"""UpdateTimeToLive, DescribeTimeToLive, and the reaper that deletes expired items by the clock.

An item expires when its attribute is a number of seconds in the past, at most five years. Items are
readable until they are deleted; the deletion is a change by the service.

Source: developer guide, "Using time to live"; ScyllaDB's test_ttl.py, validated on AWS.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sortedcontainers import SortedSet

from harness.dynamodb.engine import remove_row
from harness.dynamodb.shapes import encode, validation_error
from harness.dynamodb.table_requests import ONE_TABLE, UPDATE_TIME_TO_LIVE

if TYPE_CHECKING:
    from harness.clock import Timer
    from harness.dynamodb.change_log import Item
    from harness.dynamodb.engine import Engine
    from harness.dynamodb.tables import Table

Json = dict[str, Any]

SECOND_US = 1_000_000
AGE_SECONDS_MAX = 5 * 365 * 24 * 3600
INTERVAL_SECONDS = 3600
FAR_SECONDS = 1 << 40
"""Further ahead than any clock goes; such items are not watched."""


class Reaper:
    """Watches one table's items and deletes them once they have expired.

    Args:
        engine: clock and settings.
        table: whose items.
        attribute: name of the attribute with the expiry.
    """

    def __init__(self, engine: Engine, table: Table, attribute: str) -> None:
        self._engine = engine
        self._table = table
        self._attribute = attribute
        self._due: SortedSet = SortedSet()
        self._timer: Timer | None = None
        self._delay_us = round(engine.settings.ttl_delay_seconds * SECOND_US)
        items = table.items
        for position, item in zip(items.ordered.between(b""), items.scan_all(), strict=True):
            self._add(position, item)
        items.watchers.append(self._follow)
        self._plan()

    def stop(self) -> None:
        """Delete nothing any more."""
        self._table.items.watchers.remove(self._follow)
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _expiry_us(self, item: Item | None) -> int | None:
        number = None if item is None else item.get(self._attribute, {}).get("N")
        if number is None:
            return None
        seconds = Decimal(number)
        if not 0 < seconds < FAR_SECONDS:
            return None
        return int(seconds * SECOND_US)

    def _follow(self, position: bytes, old: Item | None, new: Item | None) -> None:
        before = self._expiry_us(old)
        if before is not None:
            self._due.discard((before, position))
        self._add(position, new)
        self._plan()

    def _add(self, position: bytes, item: Item | None) -> None:
        expiry_us = self._expiry_us(item)
        if expiry_us is None:
            return
        oldest_us = self._engine.clock.now_us() - AGE_SECONDS_MAX * SECOND_US
        if expiry_us >= oldest_us:
            self._due.add((expiry_us, position))

    def _plan(self) -> None:
        if not self._due:
            return
        due_us = self._due[0][0] + self._delay_us + 1
        if self._timer is not None:
            if not self._timer.cancelled and self._timer.due_us <= due_us:
                return
            self._timer.cancel()
        self._timer = self._engine.clock.call_at(due_us, self._reap)

    def _reap(self) -> None:
        self._timer = None
        now_us = self._engine.clock.now_us()
        oldest_us = now_us - AGE_SECONDS_MAX * SECOND_US
        while self._due and self._due[0][0] + self._delay_us < now_us:
            expiry_us, position = self._due.pop(0)
            if expiry_us >= oldest_us and self._table.gone_us is None:
                remove_row(self._engine, self._table, position, by_service=True)
        self._plan()


class TimeToLive:
    """The two operations, and the reapers of all tables.

    Args:
        engine: tables, clock and settings.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reapers: dict[str, Reaper] = {}
        self._changed_us: dict[str, int] = {}
        engine.tables.on_deleted.append(self._forget)

    def update(self, payload: Json) -> bytes:
        """UpdateTimeToLive: the encoded answer, which echoes the specification."""
        request = UPDATE_TIME_TO_LIVE.parse(payload)
        table = self._engine.tables.get(request["TableName"])
        wanted = request["TimeToLiveSpecification"]
        enabled, attribute = wanted["Enabled"], wanted["AttributeName"]
        if enabled and table.time_to_live is not None:
            if attribute == table.time_to_live:
                raise validation_error("TimeToLive is already enabled")
            raise validation_error(
                f"TimeToLive is active on a different AttributeName: current AttributeName is "
                f"{table.time_to_live}"
            )
        if not enabled and table.time_to_live is None:
            raise validation_error("TimeToLive is already disabled")
        if not enabled and attribute != table.time_to_live:
            raise validation_error(
                "TimeToLive is active on a different AttributeName: current AttributeName is "
                f"{table.time_to_live}"
            )
        self._check_interval(table)
        if enabled:
            table.time_to_live = attribute
            self._reapers[table.table_id] = Reaper(self._engine, table, attribute)
        else:
            table.time_to_live = None
            self._reapers.pop(table.table_id).stop()
        self._changed_us[table.table_id] = self._engine.clock.now_us()
        return encode({"TimeToLiveSpecification": wanted})

    def describe(self, payload: Json) -> bytes:
        """DescribeTimeToLive: the encoded answer."""
        request = ONE_TABLE.parse(payload)
        table = self._engine.tables.get(request["TableName"])
        if table.time_to_live is None:
            return encode({"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}})
        return encode(
            {
                "TimeToLiveDescription": {
                    "TimeToLiveStatus": "ENABLED",
                    "AttributeName": table.time_to_live,
                }
            }
        )

    def _check_interval(self, table: Table) -> None:
        changed_us = self._changed_us.get(table.table_id)
        if changed_us is None:
            return
        if self._engine.clock.now_us() - changed_us < INTERVAL_SECONDS * SECOND_US:
            raise validation_error(
                "Time to live has been modified multiple times within a fixed interval"
            )

    def _forget(self, table: Table) -> None:
        reaper = self._reapers.pop(table.table_id, None)
        if reaper is not None:
            reaper.stop()
        self._changed_us.pop(table.table_id, None)
