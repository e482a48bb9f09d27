"""Reading S3 by all nodes of a cluster, where the server belongs to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.pipelines.reference.clickhouse import ClickHouseError, literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.pipelines.reference.clickhouse import ClickHouse

LARGEST = (
    "SELECT cluster FROM system.clusters GROUP BY cluster HAVING count() > 1 "
    "ORDER BY cluster = 'default' DESC, count() DESC, cluster LIMIT 1"
)


def cluster_of(clickhouse: ClickHouse) -> str:
    """The cluster that shares the load: `default` before others; empty where there is none.

    A user who may not see clusters loads by the node alone.
    """
    try:
        found = clickhouse.rows(LARGEST)
    except ClickHouseError as error:
        if error.passes:
            raise
        return ""
    return str(found[0][0]) if found else ""


def s3_function(cluster: str, arguments: Sequence[str]) -> str:
    """`s3(…)`, or `s3Cluster(…)` where there is a cluster."""
    shown = [literal(argument) for argument in arguments]
    if cluster:
        return f"s3Cluster({', '.join([literal(cluster), *shown])})"
    return f"s3({', '.join(shown)})"
