"""What an operator does to an example: reshards the stream, exports again, loses checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from harness.awsjson import AwsError

if TYPE_CHECKING:
    from harness.run.step_example import Example

OUTAGE_SECONDS = 25 * 3600
"""An hour longer than both kinds of streams keep their records."""

OPERATIONS = {"split": "SplitShard", "merge": "MergeShards", "reshard": "UpdateShardCount"}


class Operator:
    """Acts on one example.

    Args:
        example: on which.
    """

    def __init__(self, example: Example) -> None:
        self._example = example
        self._world = example.world
        self._open: list[dict[str, Any]] | None = None

    def lose_checkpoints(self) -> str:
        """Empty the state folder and the tables that hold checkpoints by their name."""
        self._example.empty_state_dir()
        found = self._example.bench.sql(
            "SELECT database, name FROM system.tables WHERE name LIKE '%checkpoint%' "
            "AND database NOT IN ('system') ORDER BY 1, 2 FORMAT JSONCompactEachRow"
        )
        for line in found.splitlines():
            database, name = orjson.loads(line)
            self._example.bench.sql(f"TRUNCATE TABLE `{database}`.`{name}` SYNC")
        self._example.counts.lost_checkpoints += 1
        self._example.note("operator", act="lose-checkpoints")
        return ""

    def second_export(self) -> str:
        """Export the table as it is now; the next incarnation is given this export."""
        self._example.export = self._world.request_export()
        self._example.counts.exports += 1
        self._example.note("operator", act="export")
        return self._example.export.arn.rpartition("/")[2]

    def outage(self) -> str:
        """While the pipeline is down the stream's retention passes; then the table is exported.

        What was on the stream and not read has gone: only the export can tell it. No record is late
        by so much, so all that was written is on the stream before.
        """
        self._example.deliver_all()
        self._world.clock.advance(OUTAGE_SECONDS)
        self._example.counts.outages += 1
        self._example.note("operator", act="outage", hours=OUTAGE_SECONDS // 3600)
        return self.second_export()

    def open_shards(self) -> list[dict[str, Any]]:
        """The stream's open shards, by hash range; asked for anew when somebody has resharded."""
        if self._open is not None:
            return self._open
        found = self._world.kinesis("ListShards", StreamName=self._world.stream_name)["Shards"]
        is_open = [s for s in found if "EndingSequenceNumber" not in s["SequenceNumberRange"]]
        self._open = sorted(is_open, key=lambda s: int(s["HashKeyRange"]["StartingHashKey"]))
        return self._open

    def split(self, shard: dict[str, Any]) -> str:
        """Split a shard in the middle."""
        low, high = (int(shard["HashKeyRange"][f"{end}HashKey"]) for end in ("Starting", "Ending"))
        return self._reshard(
            "split",
            [shard["ShardId"]],
            ShardToSplit=shard["ShardId"],
            NewStartingHashKey=str((low + high) // 2 + 1),
        )

    def merge(self, first: dict[str, Any], second: dict[str, Any]) -> str:
        """Merge two neighbours."""
        return self._reshard(
            "merge",
            [first["ShardId"], second["ShardId"]],
            ShardToMerge=first["ShardId"],
            AdjacentShardToMerge=second["ShardId"],
        )

    def update_shard_count(self, count: int) -> str:
        """Scale the stream to so many shards of equal ranges."""
        return self._reshard(
            "reshard",
            [shard["ShardId"] for shard in self.open_shards()],
            TargetShardCount=count,
            ScalingType="UNIFORM_SCALING",
        )

    def roll(self, children: int) -> str:
        """The first open shard of the table's own stream closes, as AWS does it every few hours."""
        arn = self._world.table_stream_arn
        made = self._world.aws.roll_stream(arn, children=children)
        asked = "DynamoDBStreams_20120810", "DescribeStream", {"StreamArn": arn}
        shards = self._world.call(*asked)["StreamDescription"]["Shards"]
        parents = sorted({s["ParentShardId"] for s in shards if s["ShardId"] in made})
        self._example.counts.reshards += 1
        self._example.note("operator", act="reshard", parents=parents, children=made)
        return " ".join(made)

    def _reshard(self, act: str, parents: list[str], **members: Any) -> str:
        before = {s["ShardId"] for s in self.open_shards()}
        self._example.counts.reshards += 1
        try:
            self._world.kinesis(OPERATIONS[act], StreamName=self._world.stream_name, **members)
        except AwsError as error:
            return f"refused: {error.code}"
        self._open = None
        children = [s["ShardId"] for s in self.open_shards() if s["ShardId"] not in before]
        self._example.note("operator", act=act, parents=parents, children=children)
        return " ".join(children)
