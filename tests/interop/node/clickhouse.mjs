// @clickhouse/client, unmodified: `node clickhouse.mjs URL` makes a table, fills it, reads it and is refused once.
// Prints one JSON object of what it saw.

import { createClient } from "@clickhouse/client";

const client = createClient({ url: process.argv[2], compression: { request: true, response: true } });

await client.command({
  query: `CREATE TABLE orders (
    id UInt64, name String, price Decimal(18, 2), tags Array(String), at DateTime64(3, 'UTC'),
    note Nullable(String), version UInt64, is_deleted UInt8
  ) ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY id`,
});
for (const version of [0, 1]) {
  const values = Array.from({ length: 1000 }, (_, id) => ({
    id,
    name: `näme ${id}`,
    price: "12.50",
    tags: ["a", "b"],
    at: "2025-01-01 00:00:00.123",
    note: null,
    version,
    is_deleted: version === 1 && id % 10 === 0 ? 1 : 0,
  }));
  await client.insert({ table: "orders", values, format: "JSONEachRow" });
}

const counted = await client.query({
  query: `SELECT count() AS count, sum(id) AS sum, toString(sum(price)) AS price
    FROM orders FINAL WHERE id < {below: UInt64}`,
  query_params: { below: 500 },
  format: "JSONEachRow",
});
const [{ count, sum, price }] = await counted.json();

const selected = await client.query({
  query: `SELECT name, tags, toUnixTimestamp64Milli(at), note FROM orders FINAL WHERE id IN (7, 11) ORDER BY id`,
  format: "JSONCompactEachRow",
});
const rows = [];
for await (const batch of selected.stream()) {
  for (const row of batch) {
    const [name, tags, at, note] = row.json();
    rows.push([name, tags, Number(at), note]);
  }
}

const refused = await client.query({ query: "SELECT * FROM nowhere" }).catch((error) => error);
await client.close();
console.log(JSON.stringify({ count: Number(count), sum: Number(sum), price, rows, refused: refused.code }));
