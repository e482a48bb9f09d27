// clickhouse-go over HTTP, unmodified: `clickhouse URL` makes a table, fills it, reads it and is refused once.
// Prints one JSON object of what it saw.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

func check(err error) {
	if err != nil {
		log.Panic(err)
	}
}

func main() {
	ctx := context.Background()
	options, err := clickhouse.ParseDSN(os.Args[1])
	check(err)
	options.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	connection, err := clickhouse.Open(options)
	check(err)
	check(connection.Ping(ctx))

	check(connection.Exec(ctx, `CREATE TABLE orders (
		id UInt64, name String, price Decimal(18, 2), tags Array(String), at DateTime64(3, 'UTC'),
		note Nullable(String), version UInt64, is_deleted UInt8
	) ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY id`))
	for version := range uint64(2) {
		batch, err := connection.PrepareBatch(ctx, "INSERT INTO orders")
		check(err)
		for id := range uint64(1000) {
			isDeleted := uint8(0)
			if version == 1 && id%10 == 0 {
				isDeleted = 1
			}
			at := time.UnixMilli(1735689600123).UTC()
			var note *string
			check(batch.Append(id, fmt.Sprintf("näme %d", id), "12.50", []string{"a", "b"}, at, note, version, isDeleted))
		}
		check(batch.Send())
	}

	var count, sum uint64
	var price string
	row := connection.QueryRow(ctx, `SELECT count(), sum(id), toString(sum(price)) FROM orders FINAL WHERE id < {below:UInt64}`,
		clickhouse.Named("below", "500"))
	check(row.Scan(&count, &sum, &price))
	rows, err := connection.Query(ctx, "SELECT name, tags, at, note FROM orders FINAL WHERE id IN (7, 11) ORDER BY id")
	check(err)
	var found []any
	for rows.Next() {
		var name string
		var tags []string
		var at time.Time
		var note *string
		check(rows.Scan(&name, &tags, &at, &note))
		found = append(found, []any{name, tags, at.UnixMilli(), note})
	}
	check(rows.Err())

	var refused *clickhouse.Exception
	err = connection.Exec(ctx, "SELECT * FROM nowhere")
	code := "none"
	if errors.As(err, &refused) {
		code = fmt.Sprint(refused.Code)
	} else if err != nil {
		code = err.Error()
	}
	told := map[string]any{"count": count, "sum": sum, "price": price, "rows": found, "refused": code}
	text, err := json.Marshal(told)
	check(err)
	fmt.Println(string(text))
}
