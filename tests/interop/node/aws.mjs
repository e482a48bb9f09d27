// The AWS SDK for JavaScript, unmodified: `node aws.mjs ENDPOINT` writes a table, exports it, and reads all its
// changes back in three ways, through a split. Prints one JSON object of what it saw.

import { gunzipSync } from "node:zlib";
import assert from "node:assert/strict";
import {
  CreateTableCommand,
  DescribeExportCommand,
  DescribeKinesisStreamingDestinationCommand,
  DynamoDBClient,
  EnableKinesisStreamingDestinationCommand,
  ExportTableToPointInTimeCommand,
  UpdateContinuousBackupsCommand,
  waitUntilTableExists,
} from "@aws-sdk/client-dynamodb";
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand as GetStreamRecordsCommand,
  GetShardIteratorCommand as GetStreamShardIteratorCommand,
} from "@aws-sdk/client-dynamodb-streams";
import {
  CreateStreamCommand,
  DescribeStreamConsumerCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  RegisterStreamConsumerCommand,
  SplitShardCommand,
  SubscribeToShardCommand,
  waitUntilStreamExists,
} from "@aws-sdk/client-kinesis";
import {
  CreateBucketCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
  paginateListObjectsV2,
} from "@aws-sdk/client-s3";
import {
  BatchWriteCommand,
  DeleteCommand,
  DynamoDBDocumentClient,
  PutCommand,
  TransactWriteCommand,
  UpdateCommand,
  paginateQuery,
  paginateScan,
} from "@aws-sdk/lib-dynamodb";
import { unmarshall } from "@aws-sdk/util-dynamodb";

const WAIT_MS_MAX = 60_000;
const TABLE = "orders";
const STREAM = "changes";
const BUCKET = "exports";
const WRITES = 102;

const endpoint = process.argv[2];
const settings = {
  endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
};
const dynamodb = new DynamoDBClient(settings);
const documents = DynamoDBDocumentClient.from(dynamodb);
const streams = new DynamoDBStreamsClient(settings);
const kinesis = new KinesisClient(settings);
const s3 = new S3Client({ ...settings, forcePathStyle: true });

const id = (number) => `item-${String(number).padStart(3, "0")}`;
const range = (from, to) => Array.from({ length: to - from }, (_, index) => from + index);

function item(number) {
  return {
    pk: "all",
    sk: id(number),
    n: number,
    price: number + 0.25,
    blob: new Uint8Array([number, 255]),
    tags: new Set(["a", `t${number}`]),
    nested: { list: [1, "x", null, true], empty: {} },
  };
}

async function until(what, look) {
  for (const deadline = Date.now() + WAIT_MS_MAX; Date.now() < deadline; ) {
    const found = await look();
    if (found) return found;
    await new Promise((resume) => setTimeout(resume, 50));
  }
  throw new Error(`waited in vain for ${what}`);
}

/** Applies changes in order, as a sink would. */
class Sink {
  items = new Map();
  events = { INSERT: 0, MODIFY: 0, REMOVE: 0 };
  records = 0;

  apply(event, newImage) {
    this.records += 1;
    this.events[event.eventName] += 1;
    const keys = unmarshall(event.dynamodb.Keys);
    if (newImage) this.items.set(keys.sk, newImage);
    else this.items.delete(keys.sk);
  }

  async compare() {
    const scanned = new Map();
    for await (const page of paginateScan({ client: documents, pageSize: 20 }, { TableName: TABLE })) {
      for (const one of page.Items) scanned.set(one.sk, one);
    }
    assert.deepEqual(new Map([...this.items].sort()), new Map([...scanned].sort()));
    return { records: this.records, ...this.events, ...totals(this.items.values()) };
  }
}

function totals(items) {
  const all = [...items];
  return { items: all.length, sum: all.reduce((sum, one) => sum + one.n, 0) };
}

/** An item from JSON text; a binary value is base64 in an export, and base64 twice over on Kinesis. */
function image(attributes, encodings) {
  const bytes = (text) => (encodings === 2 ? Buffer.from(text, "base64").toString() : text);
  const revive = (name, value) => (name === "B" ? new Uint8Array(Buffer.from(bytes(value), "base64")) : value);
  return attributes && unmarshall(JSON.parse(JSON.stringify(attributes), revive));
}

async function shards() {
  const found = [];
  for (let wish = { StreamName: STREAM, MaxResults: 2 }; wish; ) {
    const page = await kinesis.send(new ListShardsCommand(wish));
    found.push(...page.Shards);
    wish = page.NextToken && { NextToken: page.NextToken, MaxResults: 2 };
  }
  return parentsFirst(found, (shard) => [shard.ParentShardId, shard.AdjacentParentShardId]);
}

function parentsFirst(all, parents) {
  const known = new Set(all.map((shard) => shard.ShardId));
  const ordered = [];
  const done = new Set();
  while (ordered.length < all.length) {
    const next = all.find(
      (shard) => !done.has(shard.ShardId) && parents(shard).every((one) => !known.has(one) || done.has(one)),
    );
    done.add(next.ShardId);
    ordered.push(next);
  }
  return ordered;
}

/** Reads until the relay has delivered everything that was written. */
async function readByGetRecords() {
  const [sink, closed] = await until(`${WRITES} records`, async () => {
    const read = await readOnceByGetRecords();
    return read[0].records >= WRITES && read;
  });
  return { ...(await sink.compare()), closed };
}

async function readOnceByGetRecords() {
  const sink = new Sink();
  let closed = 0;
  for (const shard of await shards()) {
    const start = { StreamName: STREAM, ShardId: shard.ShardId, ShardIteratorType: "TRIM_HORIZON" };
    let iterator = (await kinesis.send(new GetShardIteratorCommand(start))).ShardIterator;
    const isOpen = !shard.SequenceNumberRange.EndingSequenceNumber;
    while (iterator) {
      const page = await kinesis.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: 7 }));
      for (const record of page.Records) {
        const event = JSON.parse(Buffer.from(record.Data).toString());
        sink.apply(event, image(event.dynamodb.NewImage, 2));
      }
      if (isOpen && page.Records.length === 0 && page.MillisBehindLatest === 0) break;
      iterator = page.NextShardIterator;
      if (!iterator) {
        closed += 1;
        assert.equal(page.ChildShards.length, 2);
      }
    }
  }
  return [sink, closed];
}

async function readByFanOut(streamArn) {
  const registered = await kinesis.send(
    new RegisterStreamConsumerCommand({ StreamARN: streamArn, ConsumerName: "javascript" }),
  );
  const consumer = { ConsumerARN: registered.Consumer.ConsumerARN };
  await until("the consumer", async () => {
    const { ConsumerDescription } = await kinesis.send(new DescribeStreamConsumerCommand(consumer));
    return ConsumerDescription.ConsumerStatus === "ACTIVE";
  });
  const sink = new Sink();
  let closed = 0;
  for (const shard of await shards()) {
    const subscription = await kinesis.send(
      new SubscribeToShardCommand({
        ...consumer,
        ShardId: shard.ShardId,
        StartingPosition: { Type: "TRIM_HORIZON" },
      }),
    );
    for await (const { SubscribeToShardEvent: happened } of subscription.EventStream) {
      for (const record of happened.Records) {
        const event = JSON.parse(Buffer.from(record.Data).toString());
        sink.apply(event, image(event.dynamodb.NewImage, 2));
      }
      if (happened.ChildShards?.length) closed += 1;
      else if (!shard.SequenceNumberRange.EndingSequenceNumber && happened.MillisBehindLatest === 0) break;
    }
  }
  return { ...(await sink.compare()), closed };
}

async function readTableStream(streamArn) {
  const sink = new Sink();
  let closed = 0;
  const { StreamDescription } = await streams.send(new DescribeStreamCommand({ StreamArn: streamArn }));
  for (const shard of parentsFirst(StreamDescription.Shards, (one) => [one.ParentShardId])) {
    const start = { StreamArn: streamArn, ShardId: shard.ShardId, ShardIteratorType: "TRIM_HORIZON" };
    let iterator = (await streams.send(new GetStreamShardIteratorCommand(start))).ShardIterator;
    const isOpen = !shard.SequenceNumberRange.EndingSequenceNumber;
    while (iterator) {
      const page = await streams.send(new GetStreamRecordsCommand({ ShardIterator: iterator, Limit: 7 }));
      for (const event of page.Records) {
        sink.apply(event, event.dynamodb.NewImage && unmarshall(event.dynamodb.NewImage));
      }
      if (isOpen && page.Records.length === 0) break;
      iterator = page.NextShardIterator;
      if (!iterator) closed += 1;
    }
  }
  return { ...(await sink.compare()), closed };
}

async function exportTable(tableArn) {
  const { ExportDescription: begun } = await dynamodb.send(
    new ExportTableToPointInTimeCommand({ TableArn: tableArn, S3Bucket: BUCKET, S3Prefix: "all" }),
  );
  const done = await until("the export", async () => {
    const wish = new DescribeExportCommand({ ExportArn: begun.ExportArn });
    const { ExportDescription: now } = await dynamodb.send(wish);
    assert.notEqual(now.ExportStatus, "FAILED");
    return now.ExportStatus === "COMPLETED" && now;
  });
  const items = [];
  for await (const page of paginateListObjectsV2({ client: s3, pageSize: 2 }, { Bucket: BUCKET, Prefix: "all/" })) {
    for (const { Key } of page.Contents ?? []) {
      if (!Key.endsWith(".json.gz")) continue;
      const file = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key }));
      const text = gunzipSync(await file.Body.transformToByteArray()).toString();
      for (const line of text.split("\n").filter(Boolean)) items.push(image(JSON.parse(line).Item, 1));
    }
  }
  assert.equal(done.ItemCount, items.length);
  items.sort((one, other) => one.n - other.n);
  assert.deepEqual(items, range(0, items.length).map(item));
  return totals(items);
}

async function main() {
  const table = await dynamodb.send(
    new CreateTableCommand({
      TableName: TABLE,
      KeySchema: [
        { AttributeName: "pk", KeyType: "HASH" },
        { AttributeName: "sk", KeyType: "RANGE" },
      ],
      AttributeDefinitions: [
        { AttributeName: "pk", AttributeType: "S" },
        { AttributeName: "sk", AttributeType: "S" },
      ],
      BillingMode: "PAY_PER_REQUEST",
      StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" },
    }),
  );
  await waitUntilTableExists({ client: dynamodb, minDelay: 1, maxWaitTime: 30 }, { TableName: TABLE });
  const { TableArn, LatestStreamArn } = table.TableDescription;
  await kinesis.send(new CreateStreamCommand({ StreamName: STREAM, ShardCount: 1 }));
  await waitUntilStreamExists({ client: kinesis, minDelay: 1, maxWaitTime: 30 }, { StreamName: STREAM });
  const streamArn = TableArn.replace(":dynamodb:", ":kinesis:").replace(`table/${TABLE}`, `stream/${STREAM}`);
  const destination = { TableName: TABLE, StreamArn: streamArn };
  await dynamodb.send(new EnableKinesisStreamingDestinationCommand(destination));
  await until("the destination", async () => {
    const wish = new DescribeKinesisStreamingDestinationCommand({ TableName: TABLE });
    const told = await dynamodb.send(wish);
    return told.KinesisDataStreamDestinations[0].DestinationStatus === "ACTIVE";
  });
  const recovery = { PointInTimeRecoveryEnabled: true };
  await dynamodb.send(
    new UpdateContinuousBackupsCommand({ TableName: TABLE, PointInTimeRecoverySpecification: recovery }),
  );
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));

  for (const number of range(0, 30)) {
    await documents.send(new PutCommand({ TableName: TABLE, Item: item(number) }));
  }
  for (const [from, to] of [[30, 55], [55, 60]]) {
    const requests = range(from, to).map((number) => ({ PutRequest: { Item: item(number) } }));
    await documents.send(new BatchWriteCommand({ RequestItems: { [TABLE]: requests } }));
  }
  const exported = await exportTable(TableArn);

  await kinesis.send(
    new SplitShardCommand({
      StreamName: STREAM,
      ShardToSplit: "shardId-000000000000",
      NewStartingHashKey: String(2n ** 127n),
    }),
  );
  await waitUntilStreamExists({ client: kinesis, minDelay: 1, maxWaitTime: 30 }, { StreamName: STREAM });
  const roll = await fetch(`${endpoint}/_harness/streams/roll`, {
    method: "POST",
    body: JSON.stringify({ stream_arn: LatestStreamArn, children: 2 }),
  });
  assert.equal(roll.status, 200);

  for (const number of range(0, 60).filter((one) => one % 2 === 0)) {
    await documents.send(
      new UpdateCommand({
        TableName: TABLE,
        Key: { pk: "all", sk: id(number) },
        UpdateExpression: "SET n = n + :more ADD tags :tags",
        ExpressionAttributeValues: { ":more": 1000, ":tags": new Set(["z"]) },
      }),
    );
  }
  for (const number of range(50, 60)) {
    await documents.send(new DeleteCommand({ TableName: TABLE, Key: { pk: "all", sk: id(number) } }));
  }
  const puts = [60, 61].map((number) => ({ Put: { TableName: TABLE, Item: item(number) } }));
  await documents.send(new TransactWriteCommand({ TransactItems: puts }));
  const refused = await documents
    .send(
      new PutCommand({
        TableName: TABLE,
        Item: item(1),
        ConditionExpression: "attribute_not_exists(pk)",
        ReturnValuesOnConditionCheckFailure: "ALL_OLD",
      }),
    )
    .catch((error) => error);
  assert.deepEqual(unmarshall(refused.Item), item(1));

  const queried = [];
  const question = {
    TableName: TABLE,
    KeyConditionExpression: "pk = :pk AND sk BETWEEN :from AND :to",
    ExpressionAttributeValues: { ":pk": "all", ":from": id(10), ":to": id(19) },
  };
  for await (const page of paginateQuery({ client: documents, pageSize: 3 }, question)) {
    queried.push(...page.Items);
  }

  const large = Buffer.alloc(3_000_000, "0123456789");
  await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: "large", Body: large }));
  const back = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: "large" }));
  assert.ok(large.equals(await back.Body.transformToByteArray()));

  const told = {
    exported,
    refused: refused.name,
    queried: totals(queried),
    object: large.length,
    records: await readByGetRecords(),
    fanOut: await readByFanOut(streamArn),
    stream: await readTableStream(LatestStreamArn),
  };
  console.log(JSON.stringify(told));
}

await main();
process.exit(0);
