"""A run among servers that are not the harness's own: what they lack, and what must not stay in them.

The embedded servers and containers are new with each run. A URL outlives it, so there the run gets a
ClickHouse database of its own, takes no AWS table, stream or bucket that is there already, and
removes what it made.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

from harness.backends.clickhouse_url import query, with_database
from harness.backends.lacks import find_lacks
from harness.errors import BackendError
from harness.run.target import quote

if TYPE_CHECKING:
    from harness.backends.lacks import Feature
    from harness.backends.world import World
    from harness.clock import Clock
    from harness.run.result import Result
    from harness.scenario.model import Scenario

DEFAULT_DATABASE = "default"

_HOW: dict[Feature, str] = {
    "export": "a scan between two phases, written to S3 with AWS's manifests",
    "streaming destination": "DynamoDB Streams, put on Kinesis as AWS's change records",
    "number form": "writing each number in DynamoDB's one form wherever it is read",
    "point-in-time recovery": "nothing: only the export needs it",
}


def find_lacking(scenario: Scenario, world: World, clock: Clock, result: Result) -> list[Feature]:
    """Try an AWS that is not embedded; what it lacks is told in the verdict.

    Raises:
        BackendError: it cannot stand for AWS at all.
    """
    if world.aws_is_embedded:
        return []
    found = find_lacks(
        world.aws,
        clock,
        precision=scenario.stream.approximate_creation_date_time_precision,
        export=scenario.snapshot.export,
    )
    result.supplied = [
        {"feature": lack.feature, "how": _HOW[lack.feature], "reason": lack.reason}
        for lack in found
    ]
    return [lack.feature for lack in found]


def own_database(scenario: Scenario, world: World) -> Scenario:
    """The scenario, in a fresh database where ClickHouse outlives the run.

    A scenario that names another database than `default` keeps it: its name was chosen.

    Raises:
        BackendError: the user may not create databases.
    """
    if not world.clickhouse_is_lasting or scenario.target.database != DEFAULT_DATABASE:
        return scenario
    name = f"harness_{scenario.name.replace('-', '_')}_{secrets.token_hex(4)}"
    query(world.clickhouse_url, f"CREATE DATABASE {quote(name)}")
    world.clickhouse_database = name
    target = scenario.target.model_copy(update={"database": name})
    moved = scenario.model_copy(update={"target": target})
    moved.keep_folder(scenario.folder)
    return moved


def leave_database(scenario: Scenario, world: World, result: Result) -> None:
    """Remove the database that `own_database` made; after a failure it stays, to be looked at."""
    name = world.clickhouse_database
    if not name or name != scenario.target.database:
        return
    if result.outcome == "passed":
        # A server that has gone by now is told by whoever needed it.
        with suppress(BackendError, OSError):
            url = with_database(world.clickhouse_url, DEFAULT_DATABASE)
            query(url, f"DROP DATABASE {quote(name)}")
    else:
        result.notes.append(f"its tables are kept in ClickHouse's database {name}")
