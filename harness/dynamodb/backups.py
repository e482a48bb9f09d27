"""Continuous backups: Describe/UpdateContinuousBackups, and the window one may go back to.

While point-in-time recovery is on, the table's change log holds every change of the period, so any
moment of it can be rebuilt.

Source: DynamoDB API reference; DescribeContinuousBackups as recorded on AWS in 2025-10.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.awsjson import AwsError, Json
from harness.clock import SECOND_US
from harness.dynamodb.shapes import Boolean, Number, Structure, TableName

if TYPE_CHECKING:
    from harness.clock import Clock
    from harness.dynamodb.tables import Table, Tables

NAMESPACE = "com.amazonaws.dynamodb.v20120810"
DAY_SECONDS = 86_400
PERIOD_DAYS_MAX = 35
BEHIND_SECONDS = 300
"""AWS's LatestRestorableDateTime is typically five minutes ago."""
KEEPER = "point-in-time recovery"

_DESCRIBE = Structure(
    "DescribeContinuousBackupsInput", {"TableName": TableName()}, required=("TableName",)
)
_UPDATE = Structure(
    "UpdateContinuousBackupsInput",
    {
        "TableName": TableName(),
        "PointInTimeRecoverySpecification": Structure(
            "PointInTimeRecoverySpecification",
            {
                "PointInTimeRecoveryEnabled": Boolean(),
                "RecoveryPeriodInDays": Number(low=1, high=PERIOD_DAYS_MAX),
            },
            required=("PointInTimeRecoveryEnabled",),
        ),
    },
    required=("TableName", "PointInTimeRecoverySpecification"),
)


@dataclass(frozen=True, slots=True)
class Recovery:
    """Point-in-time recovery of one table while it is on."""

    enabled_us: int
    period_days: int

    def earliest_us(self, now_us: int) -> int:
        """The first moment that can be restored."""
        return max(self.enabled_us, now_us - self.period_days * DAY_SECONDS * SECOND_US)


class Backups:
    """Point-in-time recovery of all tables.

    Args:
        clock: the time.
        tables: whose logs must hold what the period needs.
    """

    def __init__(self, clock: Clock, tables: Tables) -> None:
        self._clock = clock
        self._tables = tables
        self._recoveries: dict[str, Recovery] = {}
        tables.on_deleted.append(self._forget)

    def describe(self, payload: Json) -> Json:
        """DescribeContinuousBackups."""
        request = _DESCRIBE.parse(payload)
        return self._described(self._table(request["TableName"]))

    def update(self, payload: Json) -> Json:
        """UpdateContinuousBackups: point-in-time recovery on, off, or with another period."""
        request = _UPDATE.parse(payload)
        table = self._table(request["TableName"])
        specification = request["PointInTimeRecoverySpecification"]
        if specification["PointInTimeRecoveryEnabled"]:
            days = specification.get("RecoveryPeriodInDays", PERIOD_DAYS_MAX)
            known = self._recoveries.get(table.table_id)
            since_us = known.enabled_us if known else self._clock.now_us()
            self._recoveries[table.table_id] = Recovery(since_us, days)
            table.log.keep(KEEPER, days * DAY_SECONDS)
        else:
            self._forget(table)
        return self._described(table)

    def recovery(self, table: Table) -> Recovery | None:
        """How far one may go back; None while point-in-time recovery is off."""
        return self._recoveries.get(table.table_id)

    def _described(self, table: Table) -> Json:
        recovery = self._recoveries.get(table.table_id)
        shown: Json = {"PointInTimeRecoveryStatus": "DISABLED"}
        if recovery is not None:
            now_us = self._clock.now_us()
            earliest_us = recovery.earliest_us(now_us)
            latest_us = max(earliest_us, now_us - BEHIND_SECONDS * SECOND_US)
            shown = {
                "PointInTimeRecoveryStatus": "ENABLED",
                "RecoveryPeriodInDays": recovery.period_days,
                "EarliestRestorableDateTime": earliest_us // SECOND_US,
                "LatestRestorableDateTime": latest_us // SECOND_US,
            }
        return {
            "ContinuousBackupsDescription": {
                "ContinuousBackupsStatus": "ENABLED",
                "PointInTimeRecoveryDescription": shown,
            }
        }

    def _table(self, name_or_arn: str) -> Table:
        table = self._tables.find(name_or_arn)
        if table is None:
            raise AwsError(
                "TableNotFoundException", f"Table not found: {name_or_arn}", namespace=NAMESPACE
            )
        return table

    def _forget(self, table: Table) -> None:
        if self._recoveries.pop(table.table_id, None) is not None:
            table.log.release(KEEPER)
