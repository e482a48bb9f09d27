"""A pipeline on asyncio: boto3 through threads, several shards at once, queues, timeouts, clocks."""

import asyncio
import functools
import json
import random
import secrets
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import boto3
import clickhouse_connect

COLUMNS = ["id", "status", "total", "note", "_w", "_n", "version", "is_deleted"]


def run(env):
    asyncio.run(Pipeline(env).main())


class Pipeline:
    def __init__(self, env):
        self.env = env
        self.kinesis = boto3.client(
            "kinesis", endpoint_url=env.aws_endpoint_url, region_name=env.aws_region
        )
        self.clickhouse = clickhouse_connect.get_client(dsn=env.clickhouse_url)
        self.path = Path(env.state_dir) / "positions.json"
        self.positions = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.rows = asyncio.Queue(100)
        self.lock = asyncio.Lock()
        self.clickhouse_pool = ThreadPoolExecutor(1)

    async def main(self):
        began, ticked = datetime.now(UTC), time.monotonic()
        print(uuid.uuid4(), secrets.token_hex(4), random.random(), random.Random().random())
        if self.env.export and "export" not in self.positions:
            await asyncio.get_running_loop().run_in_executor(self.clickhouse_pool, self.load)
            self.save("export", True)
        readers = {}
        writer = asyncio.create_task(self.write())
        while not self.env.stopping():
            listed = await asyncio.to_thread(
                self.kinesis.list_shards, StreamARN=self.env.stream_arn
            )
            shards = {s["ShardId"]: s for s in listed["Shards"]}
            for shard_id, shard in shards.items():
                parents = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
                if shard_id in readers or any(
                    p in shards and self.positions.get(p) != "ended" for p in parents
                ):
                    continue
                readers[shard_id] = asyncio.create_task(self.read(shard_id))
            done = [t for t in (*readers.values(), writer) if t.done()]
            for task in done:
                task.result()
            await asyncio.sleep(1.0)
        passed = (datetime.now(UTC) - began).total_seconds()
        assert abs(passed - (time.monotonic() - ticked)) < 0.001
        for task in (*readers.values(), writer):
            task.cancel()
        await asyncio.gather(*readers.values(), writer, return_exceptions=True)

    def load(self):
        place = self.env.export.removeprefix("s3://")
        self.clickhouse.command(f"""
            INSERT INTO {self.env.target} ({", ".join(COLUMNS)})
            SELECT JSONExtractString(json, 'Item', 'id', 'S'),
                   JSONExtractString(json, 'Item', 'status', 'S'),
                   toDecimal64(JSONExtractString(json, 'Item', 'total', 'N'), 2),
                   JSONExtract(json, 'Item', 'note', 'S', 'Nullable(String)'),
                   JSONExtractString(json, 'Item', '_w', 'S'),
                   toUInt64(JSONExtractString(json, 'Item', '_n', 'N')), 0, 0
            FROM s3('{self.env.aws_endpoint_url}/{place}/data/*.json.gz',
                    'pipeline', 'pipeline', 'JSONAsString')""")

    async def read(self, shard_id):
        position = self.positions.get(shard_id)
        while position != "ended":
            try:
                position = await self.follow(shard_id, position)
            except Exception as error:  # noqa: BLE001 - as it is written
                print("read", type(error).__name__)
                await asyncio.sleep(0.3)
        await self.rows.join()
        async with self.lock:
            self.save(shard_id, "ended")

    async def follow(self, shard_id, position):
        call = functools.partial(
            self.kinesis.get_shard_iterator, StreamARN=self.env.stream_arn, ShardId=shard_id
        )
        if position:
            call = functools.partial(
                call,
                ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                StartingSequenceNumber=position,
            )
        else:
            call = functools.partial(call, ShardIteratorType="TRIM_HORIZON")
        iterator = (await asyncio.to_thread(call))["ShardIterator"]
        while iterator:
            async with asyncio.timeout(60):
                page = await asyncio.to_thread(self.kinesis.get_records, ShardIterator=iterator)
            iterator = page.get("NextShardIterator")
            if page["Records"]:
                position = page["Records"][-1]["SequenceNumber"]
                rows = [row_of(json.loads(r["Data"])["dynamodb"]) for r in page["Records"]]
                await self.rows.put((shard_id, rows, position))
            else:
                await asyncio.sleep(0.2)
        return "ended"

    async def write(self):
        loop = asyncio.get_running_loop()
        while True:
            taken = [await self.rows.get()]
            while True:
                try:
                    taken.append(await asyncio.wait_for(self.rows.get(), 0.1))
                except TimeoutError:
                    break
            rows = [row for _, some, _ in taken for row in some]
            while True:
                try:
                    insert = functools.partial(
                        self.clickhouse.insert, self.env.target, rows, column_names=COLUMNS
                    )
                    await loop.run_in_executor(self.clickhouse_pool, insert)
                    break
                except Exception as error:  # noqa: BLE001 - as it is written
                    print("insert", type(error).__name__)
                    await asyncio.sleep(0.5)
            async with self.lock:
                for shard_id, _, position in taken:
                    self.save(shard_id, position)
            for _ in taken:
                self.rows.task_done()

    def save(self, name, value):
        self.positions[name] = value
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(self.positions))
        fresh.replace(self.path)


def row_of(change):
    version, image = change["ApproximateCreationDateTime"], change.get("NewImage")
    if image is None:
        return [change["Keys"]["id"]["S"], "", 0, None, "", 0, version, 1]
    return [
        image["id"]["S"],
        image.get("status", {}).get("S", ""),
        image.get("total", {}).get("N", "0"),
        image.get("note", {}).get("S"),
        image.get("_w", {}).get("S", ""),
        int(image.get("_n", {}).get("N", "0")),
        version,
        0,
    ]
