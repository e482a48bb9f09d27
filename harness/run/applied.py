"""The apply log of a run's target: begun before the pipeline starts, read when it has come to rest.

Only an embedded ClickHouse keeps one: on a foreign server a view on the target would show in what
the server answers to the pipeline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

import orjson

from harness.clickhouse.apply_log import PATH, Watched
from harness.scenario.ddl import key_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.checks.evidence import RawRow
    from harness.scenario.model import Scenario

ASK_SECONDS = 30.0


def watched_by(scenario: Scenario, live_condition: str) -> Watched | None:
    """What of the target's rows is kept; None where rows do not tell of which write they are."""
    target, markers = scenario.target, scenario.workload.markers
    keys = tuple(key_columns(scenario))
    if not markers.id or not markers.counter or len(keys) != len(scenario.table.key_schema):
        return None
    deleted = f"NOT ({live_condition})"
    return Watched(
        target.database, target.table, keys, target.version, deleted, markers.id, markers.counter
    )


def begin_log(url: str, watched: Watched | None) -> bool:
    """Ask a server to keep the log from now on; False where it keeps none.

    Args:
        url: `http://user:password@host:port/database`, of the administrator.
        watched: the target; None asks nothing.
    """
    if watched is None:
        return False
    parts = urlsplit(url)
    address = f"{parts.scheme}://{parts.hostname}:{parts.port}{PATH}"
    headers = {
        "X-ClickHouse-User": unquote(parts.username or ""),
        "X-ClickHouse-Key": unquote(parts.password or ""),
    }
    try:
        with urlopen(
            Request(address, orjson.dumps(watched.as_json()), headers), timeout=ASK_SECONDS
        ):
            return True
    except (HTTPError, URLError):
        return False


def is_whole(applied: Sequence[RawRow], stored: Sequence[RawRow] | None) -> bool:
    """Whether every row that is stored has come through the log."""
    if stored is None:
        return True
    # By hash alone: a million rows twice over must fit into memory.
    entered = {hash(row) for row in applied}
    return all(hash(row) in entered for row in stored)
