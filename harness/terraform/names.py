"""What the resources of one scenario are called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.scenario.model import Scenario

ROLE_PREFIX = "ClickHouseAccessRole-"
"""ClickHouse Cloud assumes only roles whose name begins so."""

ROLE_NAME_MAX = 64


@dataclass(frozen=True, slots=True)
class Names:
    """Names of one scenario.

    Attributes:
        label: of Terraform's resources.
        records: table that the Kinesis pipe fills.
        items: table that the S3 pipe fills.
        refused: table of what could not be stored.
        snapshot_version: table with the version of snapshot rows.
    """

    label: str
    table: str
    stream: str
    role: str
    records: str
    items: str
    refused: str
    snapshot_version: str


def names_of(scenario: Scenario) -> Names:
    """The names that a scenario leads to."""
    table, target = scenario.table.table_name, scenario.target.table
    label = re.sub(r"[^A-Za-z0-9_-]", "_", table)
    return Names(
        label=label if re.match(r"[A-Za-z_]", label) else f"_{label}",
        table=table,
        stream=scenario.stream.stream_name or f"{table}-cdc",
        role=f"{ROLE_PREFIX}{table}"[:ROLE_NAME_MAX],
        records=f"{target}_records",
        items=f"{target}_items",
        refused=f"{target}_refused",
        snapshot_version=f"{target}_snapshot_version",
    )
