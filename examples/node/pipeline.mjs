// Carries a DynamoDB table into ClickHouse: the S3 export first, then the Kinesis stream.
//
//     npm install && node pipeline.mjs
//
// Everything it needs stands in its environment (docs/pipeline-contract.md). It may be killed at
// any moment: rows are versioned, so doing the same work twice changes nothing.
//
// BUG=1 turns numbers into JavaScript's, to show what a failing run looks like.

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  ExpiredIteratorException,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
} from "@aws-sdk/client-kinesis";
import { createClient } from "@clickhouse/client";

const env = process.env;
const bug = env.BUG === "1";
const stateFile = join(env.HARNESS_STATE_DIR, "checkpoints.json");
const ended = "ended";
const columns = ["id", "status", "total", "note", "_w", "_n", "version", "is_deleted"];

const kinesis = new KinesisClient({ region: env.AWS_REGION });
const clickhouse = createClient({ url: env.CLICKHOUSE_URL });
const state = existsSync(stateFile)
  ? JSON.parse(readFileSync(stateFile, "utf8"))
  : { snapshot: false, shards: {} };

let stopping = false;
process.on("SIGTERM", () => {
  stopping = true;
});

if (!state.snapshot && env.HARNESS_EXPORT) {
  await loadSnapshot(new URL(env.HARNESS_EXPORT));
  state.snapshot = true;
  save();
}
await follow();
await clickhouse.close();

/** ClickHouse reads the export by itself. What it may lack is newer than five minutes before it. */
async function loadSnapshot(place) {
  await clickhouse.command({
    query: `
      INSERT INTO ${env.HARNESS_TARGET} (${columns.join(", ")})
      SELECT
        JSONExtractString(json, 'Item', 'id', 'S'),
        JSONExtractString(json, 'Item', 'status', 'S'),
        toDecimal64(JSONExtractString(json, 'Item', 'total', 'N'), 2),
        JSONExtract(json, 'Item', 'note', 'S', 'Nullable(String)'),
        JSONExtractString(json, 'Item', '_w', 'S'),
        toUInt64(JSONExtractString(json, 'Item', '_n', 'N')),
        toUnixTimestamp64Micro(parseDateTime64BestEffort({time:String}, 6)) - 300000000,
        0
      FROM s3({url:String}, {key:String}, {secret:String}, 'JSONAsString')`,
    query_params: {
      url: `${env.AWS_ENDPOINT_URL}/${place.host}${place.pathname}/data/*.json.gz`,
      time: env.HARNESS_EXPORT_TIME,
      key: env.AWS_ACCESS_KEY_ID,
      secret: env.AWS_SECRET_ACCESS_KEY,
    },
  });
}

/** Reads every shard forward; a child only after its parents, so that a key stays in order. */
async function follow() {
  const iterators = new Map();
  while (!stopping) {
    const rows = [];
    const reached = {};
    for (const shard of await readable()) {
      if (!iterators.has(shard)) iterators.set(shard, await open(shard));
      let answer;
      try {
        const ask = { ShardIterator: iterators.get(shard), Limit: 1000 };
        answer = await kinesis.send(new GetRecordsCommand(ask));
      } catch (error) {
        if (!(error instanceof ExpiredIteratorException)) throw error;
        iterators.delete(shard);
        continue;
      }
      for (const record of answer.Records) {
        rows.push(toRow(JSON.parse(Buffer.from(record.Data).toString("utf8"))));
        reached[shard] = record.SequenceNumber;
      }
      iterators.set(shard, answer.NextShardIterator);
      if (!answer.NextShardIterator) reached[shard] = ended;
    }
    if (rows.length) {
      await clickhouse.insert({ table: env.HARNESS_TARGET, values: rows, format: "JSONEachRow" });
    }
    if (Object.keys(reached).length) {
      // Only after the insert: what was not stored must be read again.
      Object.assign(state.shards, reached);
      save();
    }
    if (!rows.length) await sleep(100);
  }
}

/** Shards that have not ended and whose parents have (or have expired). */
async function readable() {
  const shards = new Map();
  let ask = { StreamARN: env.HARNESS_STREAM_ARN };
  while (ask) {
    const page = await kinesis.send(new ListShardsCommand(ask));
    for (const shard of page.Shards) shards.set(shard.ShardId, shard);
    ask = page.NextToken ? { NextToken: page.NextToken } : null;
  }
  return [...shards.values()]
    .filter(({ ShardId, ParentShardId, AdjacentParentShardId }) => {
      const waits = [ParentShardId, AdjacentParentShardId].some(
        (parent) => shards.has(parent) && state.shards[parent] !== ended,
      );
      return state.shards[ShardId] !== ended && !waits;
    })
    .map(({ ShardId }) => ShardId);
}

async function open(shard) {
  const position = state.shards[shard];
  const start = position
    ? { ShardIteratorType: "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber: position }
    : { ShardIteratorType: "TRIM_HORIZON" };
  const ask = { StreamARN: env.HARNESS_STREAM_ARN, ShardId: shard, ...start };
  return (await kinesis.send(new GetShardIteratorCommand(ask))).ShardIterator;
}

/** A change record as a row. The newest version of a key wins, a delete is a row too. */
function toRow({ dynamodb: { NewImage: image, Keys: keys, ApproximateCreationDateTime: version } }) {
  if (!image) return { id: keys.id.S, version, is_deleted: 1 };
  // The number stays text: JavaScript's own numbers end at 2^53.
  const total = bug ? Number(image.total?.N ?? 0) : (image.total?.N ?? "0");
  return {
    id: image.id.S,
    status: image.status?.S ?? "",
    total,
    note: image.note?.S ?? null,
    _w: image._w?.S ?? "",
    _n: image._n?.N ?? "0",
    version,
    is_deleted: 0,
  };
}

/** Replaces the file at once: a kill leaves the old or the new one, never half of it. */
function save() {
  writeFileSync(`${stateFile}.new`, JSON.stringify(state));
  renameSync(`${stateFile}.new`, stateFile);
}
